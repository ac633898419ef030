//! What the device keeps: one SQLite file, WAL, every commit on disk before a call returns.
//!
//! The only place where SQL is written. A store answers questions and takes rows; what they mean is decided in
//! [`crate::client`]. Several writes that belong together stand between [`Store::begin`] and [`Store::commit`]: the edit,
//! its place in the outbox and the row that lists show; or a stretch of a feed and its cursor.

mod calendar;
mod changes;
mod drafts;
mod feeds;
mod identity;
mod outbox;
mod records;
mod snapshots;
mod unfinished;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, Row};

pub use changes::{Kept, Status};
pub use drafts::{Draft, DraftId};
pub use feeds::{Community, FeedState};
pub use identity::{Before, Enrolled, Identity, Key};
pub(crate) use outbox::Outgoing;
pub use records::{Filter, ListedRecord, Projection};
pub use unfinished::Unfinished;

/// Where a store is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In this file, made if it is not there.
    File(PathBuf),
    /// In memory, for simulations and examples; gone when dropped.
    Memory,
}

/// Why the store could not do what it was asked. Whatever was committed before stands; nothing of the failed call does.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No room on the device. Trying again helps once there is.
    #[error("the device has no room left; nothing is lost, and nothing was changed")]
    Full,
    /// Another process has the file open. Trying again helps once it is closed.
    #[error("the store is in use by another program")]
    InUse,
    /// The file was written by a newer version of this program.
    #[error("the store has version {found}, this program knows up to {known}: please update")]
    Newer {
        /// The file's version.
        found: i64,
        /// The newest this build knows.
        known: i64,
    },
    /// The file is something else.
    #[error("the file is not a Renolog store")]
    NotAStore,
    /// The file holds what this program cannot have written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// SQLite could not do it for another reason.
    #[error("the store failed: {0}")]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse,
            Some(ErrorCode::NotADatabase) => Self::NotAStore,
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged(error.to_string()),
            _ => Self::Sqlite(error),
        }
    }
}

/// "RNLG": tells a store from any other SQLite file.
const APPLICATION_ID: i64 = 0x524e_4c47;
/// Forward only: a migration that has left the house is never edited.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/001.sql"),
    include_str!("../../migrations/002.sql"),
    include_str!("../../migrations/003.sql"),
    include_str!("../../migrations/004.sql"),
    include_str!("../../migrations/005.sql"),
    include_str!("../../migrations/006.sql"),
    include_str!("../../migrations/007.sql"),
    include_str!("../../migrations/008.sql"),
    include_str!("../../migrations/009.sql"),
    include_str!("../../migrations/010.sql"),
];

/// The device's own database.
#[derive(Debug)]
pub struct Store {
    db: Connection,
}

impl Store {
    /// Opens the store, makes it if it is not there, and brings an older one up to date.
    ///
    /// # Errors
    /// [`StoreError`]; the file is untouched then.
    pub fn open(place: &Place) -> Result<Self, StoreError> {
        let db = match place {
            Place::File(path) => Connection::open(path)?,
            Place::Memory => Connection::open_in_memory()?,
        };
        db.set_prepared_statement_cache_capacity(64);
        // Otherwise SQLite plans every question with a `LIMIT` anew, each time it is asked.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // Enough for a program that is just closing it.
        db.busy_timeout(Duration::from_secs(1))?;
        // One process at a time: what is in memory beside the file would otherwise grow stale.
        db.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA foreign_keys = ON;")?;
        let mut store = Self { db };
        store.check_kind()?;
        store.db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;")?;
        store.migrate(MIGRATIONS)?;
        Ok(store)
    }

    fn pragma(&self, name: &str) -> Result<i64, StoreError> {
        Ok(self.db.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?)
    }

    fn check_kind(&self) -> Result<(), StoreError> {
        let (id, version) = (self.pragma("application_id")?, self.pragma("user_version")?);
        let known = MIGRATIONS.len() as i64;
        let tables: i64 = self.db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        match (id, version) {
            (0, 0) if tables == 0 => Ok(()),
            (APPLICATION_ID, found) if found > known => Err(StoreError::Newer { found, known }),
            (APPLICATION_ID, _) => Ok(()),
            _ => Err(StoreError::NotAStore),
        }
    }

    fn migrate(&mut self, migrations: &[&str]) -> Result<(), StoreError> {
        let from = usize::try_from(self.pragma("user_version")?).unwrap_or(0);
        for (number, migration) in migrations.iter().enumerate().skip(from) {
            let tx = self.db.transaction()?;
            tx.execute_batch(migration)?;
            tx.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {};", number + 1))?;
            tx.commit()?;
        }
        Ok(())
    }

    /// Begins a group of writes that stand or fall together.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn begin(&self) -> Result<(), StoreError> {
        Ok(self.db.execute_batch("BEGIN IMMEDIATE")?)
    }

    /// Puts the group on disk. When this returns, it is there.
    ///
    /// # Errors
    /// [`StoreError`]; call [`Self::rollback`] then.
    pub fn commit(&self) -> Result<(), StoreError> {
        Ok(self.db.execute_batch("COMMIT")?)
    }

    /// Drops the group. SQLite may have done so already, on a full disk for one.
    pub fn rollback(&self) {
        if !self.db.is_autocommit()
            && let Err(error) = self.db.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "the store could not roll back");
        }
    }

    /// Sees to it that what was deleted is not left in the file or beside it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn scrub(&self) -> Result<(), StoreError> {
        // Deleted rows are overwritten (`secure_delete`); older pages of them stand in the log until it is cut.
        self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// Writes a consistent copy of the store to a new file, as a phone's backup would.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        self.db.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
        Ok(())
    }

    /// Lets the file grow to about this size and no further, as a full disk would. `None` lifts the bound.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn limit_bytes(&self, bytes: Option<u64>) -> Result<(), StoreError> {
        let pages = match bytes {
            Some(bytes) => (bytes / self.pragma("page_size")?.unsigned_abs().max(1)).max(1),
            None => u64::from(u32::MAX) - 1,
        };
        let set: i64 = self.db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get(0))?;
        tracing::debug!(pages = set, "the store's bound");
        Ok(())
    }
}

/// A fixed-size id from a column.
fn id<T>(row: &Row<'_>, column: &str, from: impl Fn(&[u8]) -> Option<T>) -> rusqlite::Result<T> {
    let bytes = row.get_ref(column)?.as_blob()?;
    from(bytes).ok_or_else(|| damaged(format!("{column} of {} bytes", bytes.len())))
}

/// The same for a column that may be empty.
fn maybe_id<T>(row: &Row<'_>, column: &str, from: impl Fn(&[u8]) -> Option<T>) -> rusqlite::Result<Option<T>> {
    Ok(row.get_ref(column)?.as_blob_or_null()?.and_then(from))
}

/// A name of the schema from a column.
fn term<T: std::str::FromStr>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|_| damaged(format!("{column} holds no name")))
}

fn feed(row: &Row<'_>) -> rusqlite::Result<renolog_protocol::id::FeedId> {
    use renolog_protocol::id::{Audience, CommunityId, FeedId};
    let code: u8 = row.get("audience")?;
    let audience = Audience::from_code(code).ok_or_else(|| damaged(format!("audience {code}")))?;
    Ok(FeedId { community: id(row, "community", CommunityId::from_slice)?, audience })
}

fn damaged(words: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, words.into())
}

/// Positions and counts are far below 2⁶³; a larger one from a peer is kept as the largest that fits.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The same for a number that names something, of which every bit counts.
fn bits(value: u64) -> i64 {
    value.cast_signed()
}

#[cfg(test)]
mod tests;
