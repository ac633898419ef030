//! The store's file as a whole: copied while it is in use, looked over, and packed.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::sqlite::{Reader, Sqlite, store_error};
use super::{Scan as _, StoreError};

/// Pages copied at once: 4 MB.
const PAGES: i32 = 1_024;

/// How much of a copy is done, and how much there is, in pages.
pub type Copied<'a> = dyn FnMut(u64, u64) + 'a;

impl Reader {
    /// From here on it sees the store as it is now, whatever is written meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn hold_still(&self) -> Result<(), StoreError> {
        self.connection.execute_batch("BEGIN").map_err(store_error)?;
        // SQLite takes the view with the first question, not before.
        self.count_cells(<super::EpochRow as super::Row>::TABLE, None, &[]).map(drop)
    }

    /// Copies the whole store, as this reader sees it, into a new file: one file, without a log beside it.
    ///
    /// # Errors
    /// [`StoreError`]; what was written of the file is of no use.
    pub fn copy_to(&self, path: &Path, progress: &mut Copied<'_>) -> Result<(), StoreError> {
        let mut copy = Connection::open(path).map_err(store_error)?;
        {
            let backup = Backup::new(&self.connection, &mut copy).map_err(store_error)?;
            loop {
                let step = backup.step(PAGES).map_err(store_error)?;
                let at = backup.progress();
                let (all, left) = (at.pagecount.unsigned_abs().into(), at.remaining.unsigned_abs().into());
                progress(u64::saturating_sub(all, left), all);
                match step {
                    StepResult::Done => break,
                    StepResult::More => {}
                    other => return Err(StoreError::Failing(format!("the copy stops: {other:?}"))),
                }
            }
        }
        copy.pragma_update(None, "journal_mode", "DELETE").map_err(store_error)?;
        copy.close().map_err(|(_, why)| store_error(why))
    }

    /// What is wrong with the file itself, whatever it says; nothing if it is sound. At most twenty findings.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn flaws(&self) -> Result<Vec<String>, StoreError> {
        let mut check = self.connection.prepare("PRAGMA integrity_check(20)").map_err(store_error)?;
        let found = check.query_map([], |row| row.get::<_, String>(0)).map_err(store_error)?;
        let found: Vec<String> = found.collect::<rusqlite::Result<_>>().map_err(store_error)?;
        Ok(if found == ["ok"] { Vec::new() } else { found })
    }
}

impl Sqlite {
    /// Gives the room back that nothing takes any more. Takes about as much again while it works.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was changed.
    pub fn pack(&mut self) -> Result<(), StoreError> {
        self.connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)").map_err(store_error)
    }

    /// Puts everything into the one file, which no log stands beside, and lets it go.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn close(self) -> Result<(), StoreError> {
        self.connection.pragma_update(None, "journal_mode", "DELETE").map_err(store_error)?;
        self.connection.close().map_err(|(_, why)| store_error(why))
    }
}
