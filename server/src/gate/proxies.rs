//! Proxies in front of the server: which are ours, and what they say of whom they speak for.
//!
//! `X-Forwarded-For` and `Forwarded` are lists that every hop appends to; anyone can send one with anything in it. Only what
//! our own proxies wrote is believed: reading from the right, as far as the hops that wrote it are ours. The first that is
//! not is the client, whatever it says itself. A proxy that writes one of the two may pass the other on as the client sent
//! it; so where both are there and differ, neither is believed.

use std::net::IpAddr;

use super::Network;

/// The proxies that are ours; none unless the operator says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<Network>);

/// What our proxies say of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forwarded {
    /// The hop next to ours: the client, as far as anyone honest can tell.
    pub address: IpAddr,
    /// Whether that hop came to our proxies over an encrypted connection.
    pub encrypted: bool,
}

impl Proxies {
    /// Believes these.
    pub fn new(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    /// Whether `address` is one of them.
    pub fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Reads what the headers of a request that came in from `peer` say. Nothing if `peer` is none of ours, or if they name
    /// nobody, or different clients.
    pub fn read(&self, peer: IpAddr, told: &Told<'_>) -> Option<Forwarded> {
        if !self.trust(peer) {
            return None;
        }
        match (self.by_custom(told), self.by_standard(told)) {
            (Some(one), Some(other)) if one.address != other.address => None,
            (Some(one), Some(other)) => Some(Forwarded { encrypted: one.encrypted && other.encrypted, ..one }),
            (one, other) => one.or(other),
        }
    }

    fn by_custom(&self, told: &Told<'_>) -> Option<Forwarded> {
        let (depth, address) = self.client(told.hops.iter().map(|hop| address_of(hop)))?;
        // Most proxies set one word for the whole way; where each appended its own, the client's is as deep as its address.
        let protocol = told.protocols.iter().rev().take(depth + 1).next_back();
        Some(Forwarded { address, encrypted: protocol.is_some_and(|protocol| is_encrypted(protocol)) })
    }

    fn by_standard(&self, told: &Told<'_>) -> Option<Forwarded> {
        let named = |element: &&'_ str| parameter(element, "for").and_then(address_of);
        let (depth, address) = self.client(told.forwarded.iter().map(named))?;
        let element = told.forwarded.iter().rev().nth(depth)?;
        Some(Forwarded { address, encrypted: parameter(element, "proto").is_some_and(is_encrypted) })
    }

    /// The first hop from the right that is not ours, and how many stand right of it; the last of ours, if all are.
    fn client(&self, hops: impl DoubleEndedIterator<Item = Option<IpAddr>>) -> Option<(usize, IpAddr)> {
        let mut found = None;
        for (depth, hop) in hops.rev().enumerate() {
            // What one of ours could not put in words ends the trail: whatever stands left of it proves nothing.
            let Some(address) = hop else { break };
            found = Some((depth, address));
            if !self.trust(address) {
                break;
            }
        }
        found
    }
}

/// What the headers of a request say about its way: entries in their order, those of several headers one after the other.
#[derive(Debug, Clone, Default)]
pub struct Told<'a> {
    /// Of `X-Forwarded-For`.
    pub hops: Vec<&'a str>,
    /// Of `X-Forwarded-Proto`.
    pub protocols: Vec<&'a str>,
    /// Of `Forwarded` (RFC 7239). Cut at commas without regard to quotes: what our proxy wrote has none in them, and what
    /// a client wrote must not be able to swallow it.
    pub forwarded: Vec<&'a str>,
}

fn is_encrypted(protocol: &str) -> bool {
    matches!(protocol.trim(), "https" | "wss")
}

/// A parameter of an element of `Forwarded`, without its quotes.
fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let mut parameters = element.split(';').filter_map(|parameter| parameter.split_once('='));
    let (_, value) = parameters.find(|(found, _)| found.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim().trim_matches('"'))
}

/// An address as proxies write it: some add a port, some brackets.
fn address_of(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = match hop.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(address, _)| address)?,
        None if hop.matches(':').count() == 1 => hop.split_once(':').map(|(address, _)| address)?,
        None => hop,
    };
    bare.parse().ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(networks: &[&str]) -> Proxies {
        Proxies::new(networks.iter().map(|text| text.parse().expect("a network")).collect())
    }

    fn read(ours: &Proxies, peer: &str, hops: &str, protocols: &str, forwarded: &str) -> String {
        fn entries(header: &str) -> Vec<&str> {
            header.split(',').filter(|_| !header.is_empty()).collect()
        }
        let told = Told { hops: entries(hops), protocols: entries(protocols), forwarded: entries(forwarded) };
        let told = ours.read(peer.parse().expect("an address"), &told);
        told.map_or("-".to_owned(), |told| format!("{}{}", told.address, if told.encrypted { " encrypted" } else { "" }))
    }

    /// The peer, the two headers, and who it is taken for; `-` where the peer speaks for itself.
    #[test]
    fn only_our_own_proxies_are_believed() {
        let ours = proxies(&["10.0.0.0/24", "fd00::1"]);
        for (peer, hops, protocols, expected) in [
            // Not ours: whatever it says.
            ("203.0.113.9", "198.51.100.1", "https", "-"),
            ("10.0.1.1", "198.51.100.1", "https", "-"),
            // One of ours.
            ("10.0.0.2", "198.51.100.1", "https", "198.51.100.1 encrypted"),
            ("10.0.0.2", "198.51.100.1", "http", "198.51.100.1"),
            ("10.0.0.2", "198.51.100.1", "", "198.51.100.1"),
            ("fd00::1", "2001:db8::7", "https", "2001:db8::7 encrypted"),
            ("::ffff:10.0.0.2", "198.51.100.1", "wss", "198.51.100.1 encrypted"),
            // What the client wrote itself stands on the left.
            ("10.0.0.2", "1.1.1.1, 198.51.100.1", "https", "198.51.100.1 encrypted"),
            ("10.0.0.2", "10.0.0.7,198.51.100.1", "https", "198.51.100.1 encrypted"),
            // Two of ours in a row.
            ("10.0.0.2", "1.1.1.1, 198.51.100.1, 10.0.0.3", "https", "198.51.100.1 encrypted"),
            ("10.0.0.2", "198.51.100.1, 10.0.0.3", "https, http", "198.51.100.1 encrypted"),
            ("10.0.0.2", "198.51.100.1, 10.0.0.3", "https, http, https", "198.51.100.1"),
            ("10.0.0.2", "198.51.100.1", "https, http", "198.51.100.1"),
            // Ours all the way: a request of the proxy's own machines.
            ("10.0.0.2", "10.0.0.4, 10.0.0.3", "https", "10.0.0.4 encrypted"),
            // Ports, brackets, mapped addresses.
            ("10.0.0.2", "198.51.100.1:4711", "https", "198.51.100.1 encrypted"),
            ("10.0.0.2", "[2001:db8::7]:4711", "https", "2001:db8::7 encrypted"),
            ("10.0.0.2", "::ffff:198.51.100.1", "https", "198.51.100.1 encrypted"),
            // Nothing that names anybody.
            ("10.0.0.2", "", "https", "-"),
            ("10.0.0.2", "unknown", "https", "-"),
            ("10.0.0.2", "198.51.100.1, unknown", "https", "-"),
            ("10.0.0.2", "198.51.100.1, nonsense, 10.0.0.3", "https", "10.0.0.3 encrypted"),
            ("10.0.0.2", "198.51.100.1,", "https", "-"),
        ] {
            assert_eq!(read(&ours, peer, hops, protocols, ""), expected, "{peer} says {hops:?} {protocols:?}");
        }
        assert_eq!(read(&Proxies::default(), "127.0.0.1", "1.1.1.1", "https", ""), "-", "none are ours unless we are told");
    }

    /// The same with the header of the standard: the peer, `X-Forwarded-For`, `Forwarded`, and who it is taken for.
    #[test]
    fn two_headers_that_differ_are_not_believed() {
        let ours = proxies(&["10.0.0.0/24", "fd00::1"]);
        for (peer, hops, forwarded, expected) in [
            ("203.0.113.9", "", "for=198.51.100.1;proto=https", "-"),
            ("10.0.0.2", "", "for=198.51.100.1;proto=https", "198.51.100.1 encrypted"),
            ("10.0.0.2", "", "For=\"198.51.100.1:4711\"; Proto=http; by=10.0.0.2", "198.51.100.1"),
            ("10.0.0.2", "", "for=\"[2001:db8::7]:4711\";proto=https", "2001:db8::7 encrypted"),
            ("10.0.0.2", "", "for=1.1.1.1;proto=https, for=198.51.100.1", "198.51.100.1"),
            ("10.0.0.2", "", "for=198.51.100.1;proto=https, for=10.0.0.3;proto=http", "198.51.100.1 encrypted"),
            // What the client left open is closed by the comma of our proxy.
            ("10.0.0.2", "", "for=\"1.1.1.1, for=198.51.100.1;proto=https", "198.51.100.1 encrypted"),
            ("10.0.0.2", "", "for=_hidden;proto=https", "-"),
            ("10.0.0.2", "", "for=unknown, by=10.0.0.2", "-"),
            // One of the two is the client's own word, and nobody knows which.
            ("10.0.0.2", "198.51.100.1", "for=1.1.1.1;proto=https", "-"),
            ("10.0.0.2", "198.51.100.1", "for=198.51.100.1;proto=https", "198.51.100.1 encrypted"),
            ("10.0.0.2", "198.51.100.1", "for=unknown", "198.51.100.1 encrypted"),
        ] {
            assert_eq!(read(&ours, peer, hops, "https", forwarded), expected, "{peer} says {hops:?} {forwarded:?}");
        }
    }
}
