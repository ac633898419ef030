//! How `renolog serve` meets the world: certificate, proxies, and how many may come.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;

use crate::door::{CertificateFiles, Door, room_for_connections};
use crate::gate::{Gate, Network, Proxies};
use crate::limits::Limits;
use crate::serve;

#[derive(Debug, clap::Args)]
pub(super) struct DoorArgs {
    /// The server's certificate as a PEM file, with those that lead to a root. Read again when it changes, and on SIGHUP.
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "plain_text_to_the_network")]
    tls_cert: Option<PathBuf>,
    /// Its private key as a PEM file, without a passphrase.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The address of a proxy in front of the server, or a range of addresses. What such a one says of its clients, in
    /// X-Forwarded-For, X-Forwarded-Proto and Forwarded, is believed. May be repeated.
    #[arg(long, value_name = "CIDR")]
    trusted_proxy: Vec<Network>,
    /// Most connections at a time [default: 4096, or fewer if the system gives fewer file handles].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: Option<u32>,
    /// Most of them from one address [default: an eighth of all].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    max_connections_per_address: Option<u32>,
}

impl DoorArgs {
    /// The door at an address.
    pub(super) async fn open(&self, address: SocketAddr, plain_text_to_the_network: bool) -> Result<Door> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                let files = CertificateFiles { certificate: certificate.clone(), key: key.clone() };
                Ok(serve::listen_encrypted(address, files).await?)
            }
            _ => Ok(serve::listen(address, plain_text_to_the_network).await?.into()),
        }
    }

    /// Who may come through it.
    pub(super) fn gate(&self) -> Arc<Gate> {
        Arc::new(Gate::new(self.limits(room_for_connections()), Proxies::new(self.trusted_proxy.clone())))
    }

    fn limits(&self, room: Option<usize>) -> Limits {
        let given = |given: Option<u32>| given.and_then(|number| usize::try_from(number).ok());
        let usual = Limits::default();
        let wanted = given(self.max_connections).unwrap_or(usual.connections);
        let connections = wanted.min(room.unwrap_or(usize::MAX));
        if connections < wanted {
            tracing::warn!(connections, wanted, "the system gives fewer file handles (ulimit -n) than connections were to be");
        }
        let share = given(self.max_connections_per_address).unwrap_or(connections.div_ceil(8));
        Limits { connections, connections_per_address: share.min(connections), ..usual }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Asked {
        #[command(flatten)]
        door: DoorArgs,
        #[arg(long)]
        plain_text_to_the_network: bool,
    }

    fn asked(words: &str) -> Result<DoorArgs, clap::Error> {
        Asked::try_parse_from(["serve"].into_iter().chain(words.split_whitespace())).map(|asked| asked.door)
    }

    #[test]
    fn what_does_not_go_together_is_refused_with_words() {
        for (words, told) in [
            ("--tls-cert cert.pem", "--tls-key"),
            ("--tls-key key.pem", "--tls-cert"),
            ("--tls-cert c --tls-key k --plain-text-to-the-network", "cannot be used with"),
            ("--trusted-proxy proxy.local", "is no IP address"),
            ("--trusted-proxy 10.0.0.0/33", "from 0 to 32"),
            ("--max-connections 0", "0 is not in"),
        ] {
            let error = asked(words).expect_err("it makes no sense").to_string();
            assert!(error.contains(told), "{words}: {error}");
        }
    }

    #[test]
    fn connections_are_as_many_as_there_is_room_for() {
        for (words, room, expected) in [
            ("", None, (4096, 512)),
            ("", Some(896), (896, 112)),
            ("", Some(1_000_000), (4096, 512)),
            ("--max-connections 100", Some(896), (100, 13)),
            ("--max-connections 10000", Some(896), (896, 112)),
            ("--max-connections-per-address 2000", None, (4096, 2000)),
            ("--max-connections 100 --max-connections-per-address 2000", None, (100, 100)),
        ] {
            let limits = asked(words).expect("it makes sense").limits(room);
            assert_eq!((limits.connections, limits.connections_per_address), expected, "{words} {room:?}");
        }
        let gate = asked("--trusted-proxy 10.0.0.0/8 --trusted-proxy ::1").expect("it makes sense").gate();
        assert!(gate.proxies().trust("::1".parse().expect("an address")));
    }
}
