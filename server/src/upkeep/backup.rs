//! A backup: the database as it stood at one moment, in one file that shows when a byte of it was altered.
//!
//! ```text
//!   renolog backup 1\n
//!   {"taken": …, "epoch": …, "commands": …, "database_bytes": …, "made_by": "renolog 0.1.0"}\n
//!   the database, an SQLite file
//!   SHA-256 over everything before, 32 bytes
//! ```
//! The key under which devices' tokens are made is not in it: a copy that gets about opens no door.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use renolog_protocol::id::Epoch;
use renolog_protocol::time::UnixMs;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Progress;
use crate::data_dir::{self, DataDirError};
use crate::reception;
use crate::store::{CommandRow, OpenError, Reader, Row, Scan, StoreError};

const MAGIC: &[u8] = b"renolog backup 1\n";
/// Longest header that is read.
const HEADER_BYTES: u64 = 4_096;
const HASH_BYTES: u64 = 32;
/// Bytes moved at once.
const PIECE: usize = 1 << 20;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// When it was taken.
    pub taken: UnixMs,
    /// Which life of the store.
    pub epoch: Epoch,
    /// How many commands its log has.
    pub commands: u64,
    /// Length of the database, in bytes.
    pub database_bytes: u64,
    /// By which build.
    pub made_by: String,
}

/// Why there is no backup, or why one is of no use. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is something at that place already.
    #[error("{0} is there already; a backup is never written over anything")]
    Taken(PathBuf),
    /// Not a backup at all.
    #[error("{0} is not a backup that `renolog backup` made")]
    NotOne(PathBuf),
    /// Some of it is missing, or was altered.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// What was copied is not a store.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be read or written.
    #[error("{path}: {why}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: io::Error,
    },
}

impl BackupError {
    fn io(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        move |why| Self::Io { path: path.into(), why }
    }

    fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), what: what.into() }
    }
}

/// Backs a data directory up while a server may run on it, and reads the backup again before it says that it is one.
///
/// # Errors
/// [`BackupError`].
pub fn back_up(data: &Path, to: &Path, now: UnixMs, progress: &mut Progress<'_>) -> Result<Header, BackupError> {
    if to.exists() {
        return Err(BackupError::Taken(to.into()));
    }
    let reader = data_dir::reader(data)?;
    reader.hold_still()?;
    // Beside the backup, so that there is room for both or the attempt fails early; gone when this function is done.
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let room = tempfile::Builder::new().prefix(".renolog-backup-").tempdir_in(folder).map_err(BackupError::io(folder))?;
    let copy = room.path().join("copy.sqlite3");
    reader.copy_to(&copy, &mut |done, all| progress(done, all * 3))?;
    let header = Header {
        taken: now,
        epoch: reception::epoch(&reader)?,
        commands: reader.count_cells(CommandRow::TABLE, None, &[])?,
        database_bytes: copy.metadata().map_err(BackupError::io(&copy))?.len(),
        made_by: concat!("renolog ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let part = room.path().join("backup");
    let bytes = header.database_bytes;
    wrap(&header, &copy, &part, &mut |done| progress(bytes + done, bytes * 3))?;
    unwrap(&part, &room.path().join("again.sqlite3"), &mut |done, _| progress(bytes * 2 + done, bytes * 3))?;
    std::fs::rename(&part, to).map_err(BackupError::io(to))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(BackupError::io(folder))?;
    Ok(header)
}

/// Header, database and hash into one file.
fn wrap(header: &Header, database: &Path, into: &Path, progress: &mut dyn FnMut(u64)) -> Result<(), BackupError> {
    let mut from = File::open(database).map_err(BackupError::io(database))?;
    let mut file = new_file(into)?;
    let mut hash = Sha256::new();
    let mut put = |bytes: &[u8]| {
        hash.update(bytes);
        file.write_all(bytes).map_err(BackupError::io(into))
    };
    put(MAGIC)?;
    put(&serde_json::to_vec(header).expect("plain data"))?;
    put(b"\n")?;
    let (mut piece, mut done) = (vec![0; PIECE], 0);
    loop {
        let read = from.read(&mut piece).map_err(BackupError::io(database))?;
        if read == 0 {
            break;
        }
        put(&piece[..read])?;
        done += read as u64;
        progress(done);
    }
    file.write_all(&hash.finalize()).and_then(|()| file.sync_all()).map_err(BackupError::io(into))
}

/// Takes the database out of a backup, into a new file, and looks it over.
///
/// # Errors
/// [`BackupError`]: if a byte of the backup is not what was written; the new file is gone then.
pub fn unwrap(backup: &Path, into: &Path, progress: &mut Progress<'_>) -> Result<Header, BackupError> {
    let done = unwrap_unchecked(backup, into, progress).and_then(|header| {
        let reader = Reader::open(into)?;
        let flaws = reader.flaws()?;
        if let Some(flaw) = flaws.first() {
            return Err(BackupError::damaged(backup, flaw));
        }
        Ok(header)
    });
    if done.is_err() && !matches!(&done, Err(BackupError::Taken(_))) {
        drop(std::fs::remove_file(into));
    }
    done
}

fn unwrap_unchecked(backup: &Path, into: &Path, progress: &mut Progress<'_>) -> Result<Header, BackupError> {
    let io = BackupError::io(backup);
    let file = File::open(backup).map_err(&io)?;
    let length = file.metadata().map_err(&io)?.len();
    let mut from = BufReader::with_capacity(PIECE, file);
    let mut magic = vec![0; MAGIC.len()];
    if from.read_exact(&mut magic).is_err() || magic != MAGIC {
        return Err(BackupError::NotOne(backup.into()));
    }
    let mut line = Vec::new();
    (&mut from).take(HEADER_BYTES).read_until(b'\n', &mut line).map_err(&io)?;
    let header: Header = serde_json::from_slice(&line).map_err(|_| BackupError::damaged(backup, "its header cannot be read"))?;
    let expected = [MAGIC.len() as u64, line.len() as u64, HASH_BYTES]
        .iter()
        .try_fold(header.database_bytes, |sum, part| sum.checked_add(*part));
    if expected != Some(length) {
        let what = format!("it is {length} bytes long, and its header speaks of a database of {}", header.database_bytes);
        return Err(BackupError::damaged(backup, what));
    }
    let mut hash = Sha256::new();
    hash.update(&magic);
    hash.update(&line);
    let mut to = new_file(into)?;
    let (mut piece, mut left) = (vec![0; PIECE], header.database_bytes);
    while left > 0 {
        let part = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        from.read_exact(&mut piece[..part]).map_err(&io)?;
        hash.update(&piece[..part]);
        to.write_all(&piece[..part]).map_err(BackupError::io(into))?;
        left -= part as u64;
        progress(header.database_bytes - left, header.database_bytes);
    }
    let mut signed = Vec::new();
    from.read_to_end(&mut signed).map_err(&io)?;
    if signed != hash.finalize()[..] {
        return Err(BackupError::damaged(backup, "its bytes are not those that were written"));
    }
    to.sync_all().map_err(BackupError::io(into))?;
    Ok(header)
}

fn new_file(path: &Path) -> Result<File, BackupError> {
    OpenOptions::new().write(true).create_new(true).open(path).map_err(|why| match why.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Taken(path.into()),
        _ => BackupError::Io { path: path.into(), why },
    })
}
