//! A data directory made from a backup: the store's next life.
//!
//! Positions in feeds of another life mean nothing in it. Devices see the new epoch, place their cursors anew and send again
//! whatever the backup lacks, under the signatures of then.

use std::fs::File;
use std::path::{Path, PathBuf};

use renolog_protocol::id::Epoch;
use renolog_protocol::schema::Schema;

use super::Progress;
use super::backup::{self, BackupError, Header};
use crate::clock::Clock;
use crate::command::{Command, Restored, Stamped};
use crate::data_dir::{self, DataDir, DataDirError};
use crate::ingest::{Ingest, IngestError};
use crate::secret;
use crate::store::{OpenError, Sqlite, StoreError};

/// Why a backup was not brought back. The data directory is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The data directory holds a database.
    #[error("{0} holds a database already; move it aside first, or give another --data directory")]
    Taken(PathBuf),
    /// The backup is of no use.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// What was in the backup cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its next life cannot begin.
    #[error("the store cannot go on from this backup: {0}")]
    Ingest(#[from] IngestError),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be put into its place.
    #[error("{path}: {why}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: std::io::Error,
    },
}

/// Makes a data directory from a backup. Until the last step nothing is at the database's place, so that a restore that was
/// cut off is done again from the beginning.
///
/// # Errors
/// [`RestoreError`].
pub fn restore(from: &Path, data: &Path, clock: &dyn Clock, progress: &mut Progress<'_>) -> Result<Header, RestoreError> {
    let held = DataDir::hold(data)?;
    let place = data_dir::database(held.path());
    if place.exists() {
        return Err(RestoreError::Taken(held.path().into()));
    }
    let part = place.with_extension("restoring");
    let io = |path: &Path, why| RestoreError::Io { path: path.into(), why };
    match std::fs::remove_file(&part) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(io(&part, why)),
        _ => {}
    }
    let header = backup::unwrap(from, &part, progress)?;
    begin_anew(&part, clock, &header).inspect_err(|_| drop(std::fs::remove_file(&part)))?;
    std::fs::rename(&part, &place).map_err(|why| io(&place, why))?;
    File::open(held.path()).and_then(|folder| folder.sync_all()).map_err(|why| io(held.path(), why))?;
    Ok(header)
}

fn begin_anew(database: &Path, clock: &dyn Clock, header: &Header) -> Result<(), RestoreError> {
    let mut ingest = Ingest::new(Sqlite::open(database, None)?, Schema::built_in())?;
    // Positive and never 0, as the first one.
    let epoch = Epoch((u64::from_le_bytes(secret::random()) >> 1) | 1);
    ingest.apply(&Stamped::new(clock.now(), Command::Restored(Restored { epoch, taken: header.taken })))?;
    ingest.commit()?;
    Ok(ingest.into_store().close()?)
}
