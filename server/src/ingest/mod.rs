//! The only write path: commands in, verdicts out.
//!
//! [`Ingest::apply`] looks at no clock and draws no number. What a command does — log entry, verdicts, feed entries, ledger,
//! projections, roster — becomes durable together with [`Ingest::commit`], and nothing may be told to anyone before that.

mod hot;
mod judging;
mod project;
mod push;
mod quarantine;
mod roster;
mod rules;

use std::sync::Arc;

use renolog_protocol::change::Change;
use renolog_protocol::id::{ChangeHash, CommunityId, DeviceId, FeedId, PersonId, Seq};
use renolog_protocol::record::Act;
use renolog_protocol::schema::Schema;
use renolog_protocol::session::server::FeedEntry;
use renolog_protocol::wire::Receipt;

use crate::command::{Command, Stamped};
use crate::store::{Column, CommandRow, EpochRow, Read, SeenRow, Store, StoreError, TokenRow, Write};
use hot::Hot;
pub use rules::{SchemaRefused, fits, schema_in_use};

/// How many records are kept ready to be judged. About 40 kB each at ten changes, so some 80 MB at most.
const HOT_RECORDS: usize = 2_000;

/// See the module.
#[derive(Debug)]
pub struct Ingest<S> {
    store: S,
    /// What it judges by at this point of the log.
    schema: Arc<Schema>,
    /// What it judges by before the log names a schema.
    at_first: Arc<Schema>,
    hot: Hot,
    last: u64,
}

/// What a command did.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Nothing that needs an answer.
    Done,
    /// The community is there.
    CommunityAdded,
    /// The device is enrolled.
    Enrolled(Enrolled),
    /// A push was judged.
    Pushed(Pushed),
    /// A refused change was settled.
    Settled(Grown),
}

/// See [`Outcome::Settled`].
#[derive(Debug, Clone, PartialEq)]
pub struct Grown {
    /// Which feed.
    pub feed: FeedId,
    /// Rulings on changes that had waited.
    pub late: Vec<Receipt>,
    /// What the feed grew by.
    pub entries: Vec<FeedEntry>,
}

/// See [`Outcome::Enrolled`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// Whose device it is.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// Where they have a role now.
    pub communities: Vec<(CommunityId, String)>,
}

/// See [`Outcome::Pushed`].
#[derive(Debug, Clone, PartialEq)]
pub struct Pushed {
    /// One ruling a change.
    pub receipt: Receipt,
    /// Rulings on changes that had been held, each for the device that wrote it.
    pub late: Vec<Receipt>,
    /// What its feed grew by.
    pub grown: Vec<FeedEntry>,
    /// Which feed.
    pub feed: FeedId,
}

/// A command that cannot be applied at all. It leaves no trace, not even in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A batch for a community that is not there.
    #[error("there is no community {0}")]
    UnknownCommunity(CommunityId),
    /// A batch of a device that was never enrolled.
    #[error("device {0} is not enrolled")]
    UnknownDevice(DeviceId),
    /// A short name that is taken.
    #[error("there is a community called {0} already")]
    SlugTaken(String),
    /// No such one-time code.
    #[error("this code is not one of ours")]
    UnknownCode,
    /// A one-time code past its time.
    #[error("this code has expired")]
    ExpiredCode,
    /// A one-time code that was used.
    #[error("this code has been used")]
    UsedCode,
    /// The device is enrolled already, with another key or for another person.
    #[error("this device is enrolled already")]
    DeviceTaken,
    /// A role or party that the schema does not have.
    #[error("the schema has no {0}")]
    UnknownTerm(String),
    /// The data directory was founded before.
    #[error("the data directory has been founded already")]
    FoundedAlready,
    /// A change that is not in quarantine.
    #[error("change {0} is not in quarantine")]
    NotInQuarantine(ChangeHash),
    /// A change that cannot stand even with an administrator's word: it would damage the record.
    #[error("this change cannot be released: {0}")]
    Unreleasable(String),
    /// A schema that cannot follow the one in use.
    #[error(transparent)]
    Schema(#[from] SchemaRefused),
}

/// Why a command was not applied.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// It cannot be; the sender is at fault.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The store failed. Everything since the last commit must be [rolled back](Ingest::rollback) and may be tried again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<S: Store> Ingest<S> {
    /// Goes on where the store's log ends. `at_first` rules until the log names a schema.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn new(store: S, at_first: Arc<Schema>) -> Result<Self, StoreError> {
        let last = store.count_cells(<CommandRow as crate::store::Row>::TABLE, None, &[])?;
        let schema = rules::in_use(&store, &at_first)?;
        Ok(Self { store, schema, at_first, hot: Hot::new(HOT_RECORDS), last })
    }

    /// What is stored, the uncommitted included.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The rules it judges by at this point of the log.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Applies one command.
    ///
    /// # Errors
    /// [`IngestError::Rejected`]: nothing was written. [`IngestError::Store`]: roll back.
    pub fn apply(&mut self, stamped: &Stamped) -> Result<Outcome, IngestError> {
        let id = self.last + 1;
        let outcome = match &stamped.command {
            Command::Found(found) => {
                if self.store.get::<EpochRow>(&[0u64.to_cell()])?.is_some() {
                    return Err(Rejection::FoundedAlready.into());
                }
                self.store.put(&EpochRow { id: 0, epoch: found.epoch })?;
                Outcome::Done
            }
            Command::AddCommunity(add) => roster::add_community(&mut self.store, add, stamped.received)?,
            Command::Invite(invite) => roster::invite(&mut self.store, &self.schema, invite)?,
            Command::Enrol(enrol) => roster::enrol(&mut self.store, enrol, stamped.received)?,
            Command::IssueToken(issue) => {
                let (token_hash, label) = (issue.token_hash.clone(), issue.label.clone());
                self.store.put(&TokenRow { token_hash, label, expires: issue.expires })?;
                Outcome::Done
            }
            Command::Push(push) => {
                let answer = push::push(&mut self.store, &mut self.hot, &self.schema, id, stamped.received, push)?;
                if !answer.fresh {
                    // A batch sent again after a lost receipt: the same answer, and nothing new to remember.
                    return Ok(Outcome::Pushed(answer.pushed));
                }
                Outcome::Pushed(answer.pushed)
            }
            Command::Saw(saw) => {
                let row = SeenRow { device: saw.device, feed: saw.feed, upto: saw.upto, received: stamped.received };
                let key = [row.device.to_cell(), row.feed.to_cell(), row.upto.to_cell()];
                if self.store.get::<SeenRow>(&key)?.is_some() {
                    return Ok(Outcome::Done);
                }
                self.store.put(&row)?;
                Outcome::Done
            }
            Command::Settle(settle) => {
                quarantine::settle(&mut self.store, &mut self.hot, &self.schema, id, stamped.received, settle)?
            }
            Command::UseSchema(asked) => {
                self.schema = rules::use_schema(&mut self.store, &mut self.hot, &self.schema, id, asked)?;
                Outcome::Done
            }
        };
        self.store.put(&CommandRow { id, received: stamped.received, body: stamped.command.to_log() })?;
        self.last = id;
        Ok(outcome)
    }

    /// Makes everything applied since the last commit durable, all or nothing.
    ///
    /// # Errors
    /// [`StoreError`]; then [roll back](Self::rollback).
    pub fn commit(&mut self) -> Result<(), StoreError> {
        self.store.commit()
    }

    /// Forgets everything applied since the last commit.
    ///
    /// # Errors
    /// [`StoreError`] if even reading where the log ends fails.
    pub fn rollback(&mut self) -> Result<(), StoreError> {
        self.store.rollback();
        // Records in memory may hold what was just forgotten.
        self.hot.clear();
        self.schema = rules::in_use(&self.store, &self.at_first)?;
        self.last = self.store.count_cells(<CommandRow as crate::store::Row>::TABLE, None, &[])?;
        Ok(())
    }
}

/// What a change says to the record as it stands; nothing if it says nothing that could be read.
pub(crate) fn would_say<S: Read + ?Sized>(store: &S, change: &crate::store::ChangeRow) -> Result<Vec<Act>, StoreError> {
    let record = hot::load(store, change.record)?.record;
    let parsed = Change::parse(&change.bytes).map_err(|_| StoreError::Damaged("changes"))?;
    Ok(record.understand(&parsed).unwrap_or_default())
}

/// The last position of a feed.
pub(crate) fn head<S: Read + ?Sized>(store: &S, feed: FeedId) -> Result<Seq, StoreError> {
    Ok(store.get::<crate::store::FeedRow>(&[feed.to_cell()])?.map_or(Seq(0), |row| row.head))
}
