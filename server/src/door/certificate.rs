//! The server's certificate: read from two PEM files, and read again while the server runs.
//!
//! New connections get the newest certificate that is whole; connections that stand keep theirs. Files that are not whole,
//! as they may be for a moment while something renews them, change nothing and are looked at again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, InconsistentKeys, ServerConfig};

use super::stopped;

/// Where a certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM: the server's certificate first, then those that lead to a root.
    pub certificate: PathBuf,
    /// PEM: the private key, without a passphrase.
    pub key: PathBuf,
}

/// Why a certificate cannot be used. The one that was used before, if any, still is.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {path}: {why}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: std::io::Error,
    },
    /// A file is no PEM, or is cut short.
    #[error("{path} is no whole PEM file: {why}")]
    Pem {
        /// Which.
        path: PathBuf,
        /// Where it breaks.
        why: pem::Error,
    },
    /// There is no certificate.
    #[error("{0} holds no certificate, that is, no part that begins with -----BEGIN CERTIFICATE-----")]
    NoCertificate(PathBuf),
    /// There is no key.
    #[error("{path} holds no private key{hint}")]
    NoKey {
        /// Which file.
        path: PathBuf,
        /// What it seems to hold instead.
        hint: &'static str,
    },
    /// The two do not belong together.
    #[error("the key in {key} does not belong to the certificate in {certificate}", certificate = .0.certificate.display(), key = .0.key.display())]
    Mismatch(CertificateFiles),
    /// The certificate or the key is of a kind that cannot be used, or damaged.
    #[error("the certificate in {certificate} cannot be used: {why}", certificate = .files.certificate.display())]
    Unusable {
        /// Where it is.
        files: CertificateFiles,
        /// Why not.
        why: rustls::Error,
    },
}

/// See the module.
#[derive(Debug)]
pub struct Certificate {
    files: CertificateFiles,
    current: RwLock<Arc<ServerConfig>>,
    /// What the files held when they were last tried; nothing if they could not be read.
    tried: Mutex<Option<[u8; 32]>>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn load(files: CertificateFiles) -> Result<Self, CertificateError> {
        let contents = Contents::read(&files)?;
        let current = RwLock::new(contents.config(&files)?);
        Ok(Self { files, current, tried: Mutex::new(Some(contents.fingerprint())) })
    }

    /// What new connections are served with.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files again, whether they changed or not.
    ///
    /// # Errors
    /// [`CertificateError`]; the certificate stays what it was.
    pub fn reload(&self) -> Result<(), CertificateError> {
        let read = Contents::read(&self.files);
        self.remember(&read);
        self.take(&read?)
    }

    /// Reads the files again if they hold something else than when they were last tried, and answers whether they did.
    ///
    /// # Errors
    /// [`CertificateError`], once for each state of the files; the certificate stays what it was.
    pub fn reload_if_changed(&self) -> Result<bool, CertificateError> {
        let read = Contents::read(&self.files);
        if !self.remember(&read) {
            return Ok(false);
        }
        self.take(&read?).map(|()| true)
    }

    fn take(&self, contents: &Contents) -> Result<(), CertificateError> {
        let config = contents.config(&self.files)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Notes what was tried; whether it is new.
    fn remember(&self, read: &Result<Contents, CertificateError>) -> bool {
        let found = read.as_ref().ok().map(Contents::fingerprint);
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *tried, found) != found
    }

    /// Looks at the files ever so often, and at once when the process is told to (SIGHUP), until the server stops.
    pub(crate) async fn look_after(self: Arc<Self>, every: Duration, mut stopping: watch::Receiver<bool>) {
        let mut hangup = Hangup::new();
        loop {
            let asked = tokio::select! {
                () = tokio::time::sleep(every) => false,
                () = hangup.told() => true,
                () = stopped(&mut stopping) => return,
            };
            let this = self.clone();
            // Files may be on a network; nothing waits for them here.
            let looked = tokio::task::spawn_blocking(move || this.look(asked));
            drop(looked.await);
        }
    }

    fn look(&self, asked: bool) {
        let looked = if asked { self.reload().map(|()| true) } else { self.reload_if_changed() };
        match looked {
            Ok(true) => {
                tracing::info!(certificate = %self.files.certificate.display(), "new connections get the certificate as it is now")
            }
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the certificate stays what it was"),
        }
    }
}

/// What the two files hold.
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Contents {
    fn read(files: &CertificateFiles) -> Result<Self, CertificateError> {
        let read = |path: &Path| std::fs::read(path).map_err(|why| CertificateError::Read { path: path.into(), why });
        Ok(Self { certificate: read(&files.certificate)?, key: read(&files.key)? })
    }

    fn fingerprint(&self) -> [u8; 32] {
        let length = self.certificate.len().to_le_bytes();
        Sha256::new().chain_update(length).chain_update(&self.certificate).chain_update(&self.key).finalize().into()
    }

    fn config(&self, files: &CertificateFiles) -> Result<Arc<ServerConfig>, CertificateError> {
        let (chain, key) = (self.chain(files)?, self.key(files)?);
        let unusable = |why| match why {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => CertificateError::Mismatch(files.clone()),
            why => CertificateError::Unusable { files: files.clone(), why },
        };
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(unusable)?.with_no_client_auth();
        let mut config = builder.with_single_cert(chain, key).map_err(unusable)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A phone that comes back is known again without certificates on the way: three kilobytes less on a bad link.
        config.ticketer = ring::Ticketer::new().map_err(unusable)?;
        config.send_tls13_tickets = 1;
        Ok(Arc::new(config))
    }

    fn chain(&self, files: &CertificateFiles) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
        let path = || files.certificate.clone();
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.map_err(|why| CertificateError::Pem { path: path(), why })?;
        if chain.is_empty() { Err(CertificateError::NoCertificate(path())) } else { Ok(chain) }
    }

    fn key(&self, files: &CertificateFiles) -> Result<PrivateKeyDer<'static>, CertificateError> {
        let path = files.key.clone();
        PrivateKeyDer::from_pem_slice(&self.key).map_err(|why| match why {
            pem::Error::NoItemsFound => CertificateError::NoKey { path, hint: self.instead_of_a_key() },
            why => CertificateError::Pem { path, why },
        })
    }

    fn instead_of_a_key(&self) -> &'static str {
        let holds = |words: &[u8]| self.key.windows(words.len()).any(|window| window == words);
        if holds(b"BEGIN ENCRYPTED PRIVATE KEY") {
            "; it has one under a passphrase, and the server has nobody to ask: take it off"
        } else if holds(b"BEGIN CERTIFICATE") {
            "; it holds a certificate: are the two files exchanged?"
        } else {
            ", that is, no part that begins with -----BEGIN PRIVATE KEY-----"
        }
    }
}

/// The signal by which operators ask a server to read its files again.
struct Hangup {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangup {
    #[cfg(unix)]
    fn new() -> Self {
        Self { signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok() }
    }

    #[cfg(unix)]
    async fn told(&mut self) {
        match &mut self.signal {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }

    #[cfg(not(unix))]
    fn new() -> Self {
        Self {}
    }

    #[cfg(not(unix))]
    async fn told(&mut self) {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Made {
        certificate: String,
        key: String,
    }

    fn made() -> Made {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        Made { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    fn files(directory: &Path) -> CertificateFiles {
        CertificateFiles { certificate: directory.join("cert.pem"), key: directory.join("key.pem") }
    }

    fn write(files: &CertificateFiles, certificate: &str, key: &str) {
        std::fs::write(&files.certificate, certificate).expect("a file");
        std::fs::write(&files.key, key).expect("a file");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = files(directory.path());
        let told = || Certificate::load(files.clone()).expect_err("it is broken").to_string();
        assert!(told().contains("cannot read") && told().contains("cert.pem"), "{}", told());

        let (one, other) = (made(), made());
        let cut = &one.certificate[..one.certificate.len() - 40];
        let locked = one.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (certificate, key, words) in [
            ("", one.key.as_str(), "holds no certificate"),
            ("not pem at all", &one.key, "holds no certificate"),
            (cut, &one.key, "no whole PEM file"),
            (damaged, &one.key, "cannot be used"),
            (&one.certificate, "", "holds no private key, that is"),
            (&one.certificate, &one.certificate, "exchanged"),
            (&one.certificate, &locked, "passphrase"),
            (&one.certificate, &other.key, "does not belong"),
        ] {
            write(&files, certificate, key);
            assert!(told().contains(words), "{words}: {}", told());
        }
        write(&files, &one.certificate, &one.key);
        Certificate::load(files.clone()).expect("it is whole");
    }

    #[test]
    fn files_are_tried_once_for_each_state() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = files(directory.path());
        let (one, other) = (made(), made());
        write(&files, &one.certificate, &one.key);
        let certificate = Certificate::load(files.clone()).expect("it is whole");
        let first = certificate.current();
        assert!(!certificate.reload_if_changed().expect("nothing happened"));

        // Half renewed: said once, and the old one stays.
        write(&files, &other.certificate, &one.key);
        assert!(matches!(certificate.reload_if_changed(), Err(CertificateError::Mismatch(_))));
        assert!(!certificate.reload_if_changed().expect("it has been said"));
        assert!(matches!(certificate.reload(), Err(CertificateError::Mismatch(_))), "whoever asks is told again");
        assert!(Arc::ptr_eq(&first, &certificate.current()));

        std::fs::remove_file(&files.key).expect("it is there");
        assert!(matches!(certificate.reload_if_changed(), Err(CertificateError::Read { .. })));
        assert!(!certificate.reload_if_changed().expect("it has been said"));

        write(&files, &other.certificate, &other.key);
        assert!(certificate.reload_if_changed().expect("it is whole"));
        assert!(!Arc::ptr_eq(&first, &certificate.current()));
    }
}
