//! Certificates for tests: an authority of our own, and connections that trust nobody else.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use renolog_server::door::CertificateFiles;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// See the module.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Default for Authority {
    fn default() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a root"))
    }
}

impl Authority {
    /// The root, as a device is given it.
    pub fn root(&self) -> String {
        self.0.pem()
    }

    /// A new certificate for this machine and its key, as PEM.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn issue(&self) -> (String, String) {
        let params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("names");
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.0).expect("a certificate").pem(), key.serialize_pem())
    }

    /// A new certificate and its key, in files.
    ///
    /// # Panics
    /// If they cannot be written.
    pub fn issue_to(&self, directory: &Path) -> CertificateFiles {
        let files = CertificateFiles { certificate: directory.join("cert.pem"), key: directory.join("key.pem") };
        let (certificate, key) = self.issue();
        std::fs::write(&files.certificate, certificate).expect("a file");
        std::fs::write(&files.key, key).expect("a file");
        files
    }

    /// An encrypted connection, to a server whose certificate is from here.
    ///
    /// # Panics
    /// If it is not.
    pub async fn connect(&self, address: SocketAddr) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().expect("versions").with_root_certificates(roots);
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = TcpStream::connect(address).await.expect("somebody listens");
        TlsConnector::from(Arc::new(config.with_no_client_auth())).connect(name, stream).await.expect("a handshake")
    }
}

/// The certificate that a connection was made by.
///
/// # Panics
/// If it has none.
pub fn shown(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().expect("a certificate")[0].to_vec()
}
