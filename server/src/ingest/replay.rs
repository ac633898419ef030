//! The log of a store applied again, from its first command to its last: what proves that the store says what happened.

use std::sync::Arc;

use renolog_protocol::id::{ChangeHash, DeviceId};
use renolog_protocol::schema::Schema;
use sha2::{Digest, Sha256};

use super::past::Original;
use super::{Ingest, IngestError, Rejection};
use crate::command::{BadLog, Command, Kept, Stamped};
use crate::store::{ChangeRow, Column, CommandRow, DeviceRow, Read, Scan, Store, StoreError};

/// Commands read at once.
const PAGE: usize = 256;

/// Commands under one commit of the copy: nobody waits for any of them.
const TOGETHER: u64 = 4_096;

/// Why a log cannot be applied again: it, or what it refers to, is not what was written.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A command cannot be brought back.
    #[error("command {command} of the log: {why}")]
    Bad {
        /// Its place in the log.
        command: u64,
        /// Why not.
        why: BadLog,
    },
    /// A command does not follow from the ones before it.
    #[error("command {command} of the log cannot follow those before it: {why}")]
    Rejected {
        /// Its place in the log.
        command: u64,
        /// Why not.
        why: Rejection,
    },
    /// A command, or one before it, was altered, added or taken away.
    #[error("command {0} of the log does not continue the chain")]
    Chain(u64),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a command of the log is chained to the ones before it by: SHA-256 over the link before, and all of the row.
pub(super) fn link(before: &[u8], row: &CommandRow) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(b"renolog command 1");
    hash.update(before);
    hash.update(row.id.to_be_bytes());
    hash.update(row.received.0.to_be_bytes());
    let by = row.by.as_ref().map_or(&[][..], |person| person.as_bytes());
    hash.update([by.len() as u8]);
    hash.update(by);
    hash.update(&row.body);
    hash.finalize().to_vec()
}

/// Applies the log of `original` again, to an empty store. What was erased there is not known from its log any more, and is
/// taken from there. `progress` is told how many commands are done.
///
/// # Errors
/// [`ReplayError`] at the first command that does not hold.
pub fn replay<S: Store>(
    into: S,
    original: Box<dyn Scan + Send>,
    at_first: Arc<Schema>,
    progress: &mut dyn FnMut(u64),
) -> Result<Ingest<S>, ReplayError> {
    let mut ingest = Ingest::new(into, at_first)?;
    ingest.original = Some(Original(original));
    loop {
        let rows: Vec<CommandRow> = ingest.of_original().list(&[], Some(&ingest.last.to_cell()), PAGE)?;
        if rows.is_empty() {
            ingest.commit()?;
            return Ok(ingest);
        }
        for row in rows {
            ingest.apply_again(row)?;
            if ingest.last.is_multiple_of(TOGETHER) {
                ingest.commit()?;
            }
        }
        progress(ingest.last);
    }
}

impl<S: Store> Ingest<S> {
    /// The store whose log is applied again.
    pub fn of_original(&self) -> &(dyn Scan + Send) {
        let Original(original) = self.original.as_ref().expect("only a replay asks");
        &**original
    }

    fn apply_again(&mut self, row: CommandRow) -> Result<(), ReplayError> {
        let command = row.id;
        if command != self.last + 1 || link(&self.link, &row) != row.link {
            return Err(ReplayError::Chain(command));
        }
        let original = self.of_original();
        let bytes_of = |hash| kept(original, hash);
        let key_of = |device: DeviceId| -> Result<_, StoreError> {
            Ok(self.store.get::<DeviceRow>(&[device.to_cell()])?.map(|row| row.public_key))
        };
        let revived = Command::from_log(&row.body, bytes_of, key_of).map_err(|why| ReplayError::Bad { command, why })?;
        let stamped = Stamped { received: row.received, by: row.by, command: revived };
        match self.apply_logged(&stamped, row.body) {
            Ok(_) if self.last == command => Ok(()),
            Ok(_) => Err(ReplayError::Chain(command)),
            Err(IngestError::Rejected(why)) => Err(ReplayError::Rejected { command, why }),
            Err(IngestError::Store(error)) => Err(error.into()),
        }
    }
}

fn kept(original: &(dyn Scan + Send), hash: ChangeHash) -> Result<Option<Kept>, StoreError> {
    let row: Option<ChangeRow> = original.get(&[hash.to_cell()])?;
    Ok(row.map(|row| if row.erased.is_some() { Kept::Erased } else { Kept::Bytes(row.bytes) }))
}
