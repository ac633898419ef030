//! Giving back the room that nothing in the database takes any more.

use std::path::Path;

use crate::data_dir::{self, DataDir, DataDirError};
use crate::store::StoreError;

/// Why it was not done. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The store fails, or has no room to work in.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Packs the database; answers its length before and after, in bytes. No server may run on it meanwhile.
///
/// # Errors
/// [`CompactError`].
pub fn compact(data: &Path) -> Result<(u64, u64), CompactError> {
    // Not made by the attempt, if it is not there.
    drop(data_dir::reader(data)?);
    let held = DataDir::hold(data)?;
    let database = data_dir::database(held.path());
    let length = || database.metadata().map(|it| it.len()).map_err(|why| DataDirError::Io { path: database.clone(), why });
    let before = length()?;
    let mut store = held.store(None)?;
    store.pack()?;
    drop(store);
    Ok((before, length()?))
}
