//! The data directory: one server at a time, one database file, and how to reach the server that runs on it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::link::PublicUrl;
use crate::secret;
use crate::store::{OpenError, Reader, Sqlite};

/// Why a data directory cannot be used. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another server runs on it.
    #[error("another renolog server is using {0}; stop it first, or choose another --data directory")]
    InUse(PathBuf),
    /// There is no data directory.
    #[error("{0} is not a renolog data directory; `renolog serve --data {0}` makes one")]
    Missing(PathBuf),
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The directory or a file in it cannot be used.
    #[error("{path}: {why}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why not.
        why: std::io::Error,
    },
}

/// A data directory held by this process, until it is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// How the commands of this program reach a running server. Readable by its owner only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// A bearer token for its API.
    pub token: String,
    /// Where others reach it, if that is known.
    #[serde(default)]
    pub public_url: Option<PublicUrl>,
}

impl DataDir {
    /// Takes hold of a data directory, making it if it is not there.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn hold(path: &Path) -> Result<Self, DataDirError> {
        std::fs::create_dir_all(path).map_err(|why| DataDirError::Io { path: path.into(), why })?;
        let lock_path = path.join("lock");
        let io = |why| DataDirError::Io { path: lock_path.clone(), why };
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.into(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse(path.into())),
            Err(TryLockError::Error(why)) => Err(io(why)),
        }
    }

    /// Opens its database for writing.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn store(&self, max_bytes: Option<u64>) -> Result<Sqlite, DataDirError> {
        Ok(Sqlite::open(&database(&self.path), max_bytes)?)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key under which devices' tokens are made, drawn with the first call. Apart from the database, so that no copy of
    /// that opens a door.
    ///
    /// # Errors
    /// [`DataDirError::Io`].
    pub fn ticket_key(&self) -> Result<[u8; 32], DataDirError> {
        let path = self.path.join("ticket.key");
        let io = |why| DataDirError::Io { path: path.clone(), why };
        match std::fs::read(&path).map(<[u8; 32]>::try_from) {
            Ok(Ok(key)) => return Ok(key),
            // Cut short as it was first written: nobody holds a token made under it.
            Ok(Err(_)) => {}
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {}
            Err(why) => return Err(io(why)),
        }
        let key: [u8; 32] = secret::random();
        private_file(&path).and_then(|mut file| file.write_all(&key).and_then(|()| file.sync_all())).map_err(io)?;
        Ok(key)
    }

    /// Tells this machine's user how to reach the server that runs on it.
    ///
    /// # Errors
    /// [`DataDirError::Io`].
    pub fn announce(&self, running: &Running) -> Result<(), DataDirError> {
        let path = running_file(&self.path);
        let io = |why| DataDirError::Io { path: path.clone(), why };
        let mut file = private_file(&path).map_err(io)?;
        let json = serde_json::to_vec(running).expect("plain data");
        file.write_all(&json).map_err(io)
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        // The announcement is of no use without the server; if it stays, the lock still tells the truth.
        drop(std::fs::remove_file(running_file(&self.path)));
    }
}

/// A file that only its owner reads.
pub(crate) fn private_file(path: &Path) -> std::io::Result<File> {
    private().create(true).truncate(true).open(path)
}

/// The same, where there was none before.
pub(crate) fn new_private_file(path: &Path) -> std::io::Result<File> {
    private().create_new(true).open(path)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn running_file(path: &Path) -> PathBuf {
    path.join("running.json")
}

/// The database file of a data directory.
pub fn database(path: &Path) -> PathBuf {
    path.join("renolog.sqlite3")
}

/// Opens a data directory's database for reading, beside a server that may run on it.
///
/// # Errors
/// [`DataDirError`].
pub fn reader(path: &Path) -> Result<Reader, DataDirError> {
    if !database(path).exists() {
        return Err(DataDirError::Missing(path.into()));
    }
    Ok(Reader::open(&database(path))?)
}

/// How to reach the server that runs on a data directory, if one does.
pub fn running(path: &Path) -> Option<Running> {
    serde_json::from_slice(&std::fs::read(running_file(path)).ok()?).ok()
}
