//! Whom a device believes to be its server: certificates that lead to a public root, or to one that it was given.

use std::sync::Arc;

use tokio_rustls::rustls::client::ClientConfig;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::{self, RootCertStore};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

/// Why roots that a device was given cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum BadRoots {
    /// The text is no PEM, or is cut short.
    #[error("根证书无法读取 the root certificates are no whole PEM text: {0}")]
    Pem(pem::Error),
    /// There is no certificate in it.
    #[error("没有根证书 there is no certificate in the text, that is, no part that begins with -----BEGIN CERTIFICATE-----")]
    None,
    /// One of them is no certificate, or of a kind that cannot be used.
    #[error("根证书不可用 a root certificate cannot be used: {0}")]
    Unusable(rustls::Error),
}

/// See the module. Kept as long as the device, so that a server it has met knows it again: a connection that is resumed
/// takes no certificates over a bad link.
#[derive(Debug, Clone)]
pub(crate) struct Trust {
    live: Arc<ClientConfig>,
    roots: Arc<Vec<CertificateDer<'static>>>,
}

impl Trust {
    /// The public roots, and those in `more`, certificates as PEM.
    pub(crate) fn new(more: Option<&str>) -> Result<Self, BadRoots> {
        let mut roots = TLS_SERVER_ROOT_CERTS.to_vec();
        let mut store = RootCertStore::empty();
        // A public root of a kind that this build cannot read is one it can do without.
        store.add_parsable_certificates(roots.iter().cloned());
        for root in more.map(given).transpose()?.unwrap_or_default() {
            store.add(root.clone()).map_err(BadRoots::Unusable)?;
            roots.push(root);
        }
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().map_err(BadRoots::Unusable)?;
        let mut live = builder.with_root_certificates(store).with_no_client_auth();
        live.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { live: Arc::new(live), roots: Arc::new(roots) })
    }

    /// For connections that stay.
    pub(crate) fn live(&self) -> Arc<ClientConfig> {
        self.live.clone()
    }

    /// For single questions.
    pub(crate) fn asking(&self) -> TlsConfig {
        let roots: RootCerts = self.roots.iter().map(|root| Certificate::from_der(root).to_owned()).into();
        let builder = TlsConfig::builder().provider(TlsProvider::Rustls).root_certs(roots);
        builder.unversioned_rustls_crypto_provider(provider()).build()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn given(text: &str) -> Result<Vec<CertificateDer<'static>>, BadRoots> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>().map_err(BadRoots::Pem)?;
    if found.is_empty() { Err(BadRoots::None) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_root_is_said_at_once() {
        Trust::new(None).expect("the public ones");
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (text, words) in [("", "no certificate"), ("words", "no certificate"), (cut, "PEM"), (damaged, "cannot be used")] {
            let told = Trust::new(Some(text)).expect_err("it is no root").to_string();
            assert!(told.contains(words), "{text:?}: {told}");
        }
    }
}
