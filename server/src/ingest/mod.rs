//! The only write path: commands in, verdicts out.
//!
//! [`Ingest::apply`] looks at no clock and draws no number. What a command does — log entry, verdicts, feed entries, ledger,
//! projections, roster — becomes durable together with [`Ingest::commit`], and nothing may be told to anyone before that.

mod audit;
mod erase;
mod hot;
mod judging;
mod past;
mod project;
mod push;
mod quarantine;
mod replay;
mod roster;
mod rules;

use std::sync::Arc;

use renolog_protocol::chain::Mark;
use renolog_protocol::change::Change;
use renolog_protocol::id::{ChangeHash, CommunityId, DeviceId, FeedId, Link, OrganisationId, PersonId, RecordId, Seq};
use renolog_protocol::record::Act;
use renolog_protocol::schema::Schema;
use renolog_protocol::session::server::FeedEntry;
use renolog_protocol::wire::Receipt;

use crate::command::{Command, Erase, Found, Restored, Saw, Stamped};
use crate::store::{Column, CommandRow, EpochRow, FeedRow, Read, Row, SeenRow, Store, StoreError, TokenRow, Write};
use erase::Order;
pub(crate) use erase::{entry as erasure_entry, erasures_after};
use hot::Hot;
use past::{Original, Past};
pub(crate) use project::row as record_row;
pub use replay::{ReplayError, replay};
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
    /// What the last command of the log is chained by; nothing before the first.
    link: Vec<u8>,
    /// The store whose log is applied again, if that is what this is for.
    original: Option<Original>,
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
    /// A record was erased.
    Erased(Grown),
    /// Who may read or write what has changed.
    StandingChanged,
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
    /// Whether any of it was new.
    pub fresh: bool,
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
    /// A person who is not known.
    #[error("there is no person {0}")]
    UnknownPerson(PersonId),
    /// An organisation that is not known.
    #[error("there is no organisation {0}")]
    UnknownOrganisation(OrganisationId),
    /// A role that was never given.
    #[error("there is no role {1} in community {0}")]
    UnknownRole(CommunityId, u64),
    /// A roster with as many roles as one may have.
    #[error("the roster of community {0} is full")]
    RosterFull(CommunityId),
    /// A device that was revoked takes part no more; a new one may.
    #[error("device {0} was revoked")]
    RevokedDevice(DeviceId),
    /// A token that is not there.
    #[error("there is no such token")]
    UnknownToken,
    /// A record that is not there.
    #[error("there is no record {0}")]
    UnknownRecord(RecordId),
    /// A record that was erased before.
    #[error("record {0} was erased already")]
    ErasedAlready(RecordId),
    /// What is left of an erased record is not what was left when it was erased.
    #[error("what is left of record {0}, which was erased, was altered")]
    RemainsAltered(RecordId),
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
        let (last, link) = end_of_log(&store)?;
        let schema = rules::in_use(&store, &at_first)?;
        Ok(Self { store, schema, at_first, hot: Hot::new(HOT_RECORDS), last, link, original: None })
    }

    /// Gives the store back.
    pub fn into_store(self) -> S {
        self.store
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
        let Command::Erase(asked) = &stamped.command else {
            return self.apply_logged(stamped, stamped.command.to_log());
        };
        let remains = Some(erase::remains(&self.store, asked.record)?);
        let command = Command::Erase(Erase { remains, ..asked.clone() });
        let body = command.to_log();
        self.apply_logged(&Stamped { command, ..*stamped }, body)
    }

    /// The same with what the log shall say of it.
    fn apply_logged(&mut self, stamped: &Stamped, body: Vec<u8>) -> Result<Outcome, IngestError> {
        self.store.begin()?;
        let id = self.last + 1;
        let Some(outcome) = self.carry_out(id, stamped)? else { return Ok(Outcome::Done) };
        if let Outcome::Pushed(Pushed { fresh: false, .. }) = outcome {
            // A batch sent again after a lost receipt: the same answer, and nothing new to remember.
            return Ok(outcome);
        }
        if let Some(line) = audit::line(id, stamped) {
            self.store.put(&line)?;
        }
        let mut row = CommandRow { id, received: stamped.received, by: stamped.by, body, link: Vec::new() };
        row.link = replay::link(&self.link, &row);
        self.store.put(&row)?;
        (self.last, self.link) = (id, row.link);
        Ok(outcome)
    }

    /// Does what a command says; nothing if it says nothing new.
    fn carry_out(&mut self, id: u64, stamped: &Stamped) -> Result<Option<Outcome>, IngestError> {
        let Self { store, hot, schema, .. } = self;
        let (received, by) = (stamped.received, stamped.by);
        if !matches!(stamped.command, Command::Push(_) | Command::Saw(_)) {
            hot.forget_devices();
        }
        let past = Past(self.original.as_ref().map(|original| &*original.0));
        Ok(Some(match &stamped.command {
            Command::Found(found) => found_store(store, found)?,
            Command::Restored(restored) => begin_anew(store, restored)?,
            Command::AddCommunity(add) => roster::add_community(store, add, received)?,
            Command::SetOrganisation(set) => roster::set_organisation(store, set)?,
            Command::SetPerson(set) => roster::set_person(store, set)?,
            Command::SetAdministrator(set) => roster::set_administrator(store, set)?,
            Command::GiveRole(give) => roster::give_role(store, schema, give, received)?,
            Command::EndRole(end) => roster::end_role(store, end, received)?,
            Command::SuspendPerson(asked) => roster::suspend(store, asked, received)?,
            Command::RevokeDevice(asked) => roster::revoke_device(store, asked, received)?,
            Command::Invite(invite) => roster::invite(store, schema, invite, received)?,
            Command::WithdrawInvite(withdraw) => roster::withdraw(store, &withdraw.code_hash)?,
            Command::Enrol(enrol) => roster::enrol(store, enrol, received)?,
            Command::IssueToken(issue) => {
                let (token_hash, label) = (issue.token_hash.clone(), issue.label.clone());
                store.put(&TokenRow { token_hash, label, expires: issue.expires })?;
                Outcome::Done
            }
            Command::RevokeToken(revoke) => {
                let key = [revoke.token_hash.to_cell()];
                store.get::<TokenRow>(&key)?.ok_or(Rejection::UnknownToken)?;
                store.remove::<TokenRow>(&key)?;
                Outcome::Done
            }
            Command::Push(push) => Outcome::Pushed(push::push(store, hot, schema, past, (id, received), push)?),
            Command::Saw(saw) => return note_seen(store, saw, stamped),
            Command::Runs(runs) => return roster::note_version(store, runs),
            Command::Left(left) => return roster::note_unsent(store, left),
            Command::Settle(settle) => quarantine::settle(store, hot, schema, past, Order { id, received, by }, settle)?,
            Command::Erase(asked) => erase::erase(store, hot, schema, past, Order { id, received, by }, asked)?,
            Command::UseSchema(asked) => {
                self.schema = rules::use_schema(store, hot, schema, id, asked)?;
                Outcome::Done
            }
        }))
    }

    /// Makes everything applied since the last commit durable, all or nothing.
    ///
    /// # Errors
    /// [`StoreError`]; then [roll back](Self::rollback).
    pub fn commit(&mut self) -> Result<(), StoreError> {
        self.store.commit()
    }

    /// Does what the store had better do now that a commit has been answered.
    ///
    /// # Errors
    /// [`StoreError`]; what was committed stays so.
    pub fn tidy(&mut self) -> Result<(), StoreError> {
        self.store.tidy()
    }

    /// Sees to it that what was erased is not left in the store's files; whether that is done.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn scrub(&mut self) -> Result<bool, StoreError> {
        self.store.scrub()
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
        (self.last, self.link) = end_of_log(&self.store)?;
        Ok(())
    }
}

/// How many commands there are, and what the last one is chained by.
fn end_of_log<S: Read + ?Sized>(store: &S) -> Result<(u64, Vec<u8>), StoreError> {
    let last = store.count_cells(CommandRow::TABLE, None, &[])?;
    let row: Option<CommandRow> = store.get(&[last.to_cell()])?;
    Ok((last, row.map(|row| row.link).unwrap_or_default()))
}

/// What a change says to the record as it stands; nothing if it says nothing that could be read.
pub(crate) fn would_say<S: Read + ?Sized>(store: &S, change: &crate::store::ChangeRow) -> Result<Vec<Act>, StoreError> {
    let record = hot::load(store, change.record)?.record;
    let parsed = Change::parse(&change.bytes).map_err(|_| StoreError::Damaged("changes"))?;
    Ok(record.understand(&parsed).map(|understood| understood.acts).unwrap_or_default())
}

fn found_store<S: Store>(store: &mut S, found: &Found) -> Result<Outcome, IngestError> {
    if store.get::<EpochRow>(&[0u64.to_cell()])?.is_some() {
        return Err(Rejection::FoundedAlready.into());
    }
    store.put(&EpochRow { id: 0, epoch: found.epoch })?;
    Ok(Outcome::Done)
}

/// The next life of a store that was restored from a backup. No position of another life means anything in it.
fn begin_anew<S: Store>(store: &mut S, restored: &Restored) -> Result<Outcome, IngestError> {
    store.put(&EpochRow { id: 0, epoch: restored.epoch })?;
    Ok(Outcome::Done)
}

fn note_seen<S: Store>(store: &mut S, saw: &Saw, stamped: &Stamped) -> Result<Option<Outcome>, IngestError> {
    let row = SeenRow { device: saw.device, feed: saw.feed, upto: saw.upto, received: stamped.received };
    let key = [row.device.to_cell(), row.feed.to_cell(), row.upto.to_cell()];
    if store.get::<SeenRow>(&key)?.is_some() {
        return Ok(None);
    }
    store.put(&row)?;
    Ok(Some(Outcome::Done))
}

/// How a feed stands.
pub(crate) fn mark<S: Read + ?Sized>(store: &S, feed: FeedId) -> Result<Mark, StoreError> {
    let row: Option<FeedRow> = store.get(&[feed.to_cell()])?;
    Ok(row.map_or_else(|| Mark { seq: Seq(0), link: Link::start(feed) }, |row| Mark { seq: row.head, link: row.link }))
}

/// The last position of a feed.
pub(crate) fn head<S: Read + ?Sized>(store: &S, feed: FeedId) -> Result<Seq, StoreError> {
    Ok(store.get::<FeedRow>(&[feed.to_cell()])?.map_or(Seq(0), |row| row.head))
}
