//! What can be read: records, lists, the fate of what was written here, and how the device is doing.

use std::collections::BTreeMap;

use renolog_protocol::id::{ChangeHash, CommunityId, FeedId, PersonId, RecordId, Seq};
use renolog_protocol::record::{FieldConflict, RecordView};
use renolog_protocol::refusal::Refusal;
use renolog_protocol::schema::Role;
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::Bye;

use super::record::parse;
use super::{Client, ClientError, Usage};
use crate::store::{Filter, Kept, ListedRecord};

/// How far a record's changes from this device have come.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "sync", rename_all = "snake_case")]
pub enum SyncState {
    /// On this device only.
    Local,
    /// On its way; the server has not answered yet.
    Sent,
    /// Everything is on the server's disk.
    Durable,
    /// Something was refused and is kept as a draft.
    Refused(Refusal),
    /// The server keeps something until these have come.
    Held {
        /// What it waits for.
        missing: Vec<ChangeHash>,
    },
}

/// What became of a change that was made on this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// To be sent, or on its way.
    Pending,
    /// The server keeps it until others have come.
    Held,
    /// It stands, at this place of its feed; no place while the server, restored from a backup, is asked again.
    Accepted(Option<Seq>),
    /// It was refused, and its words are, or were, a draft.
    Refused,
    /// Another change says the same instead; none where the record said so already.
    Replaced(Option<ChangeHash>),
    /// It stood, and may not be read here any more.
    Withdrawn,
}

/// A change that was made on this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its name.
    pub hash: ChangeHash,
    /// Its record.
    pub record: RecordId,
    /// Its feed.
    pub feed: FeedId,
    /// What became of it.
    pub fate: Fate,
}

/// Whose words a change holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Writer {
    /// Who.
    pub person: PersonId,
    /// Their name, if the roster has it.
    pub name: Option<String>,
    /// The role that allowed it; unknown for what has not been accepted.
    pub role: Option<Role>,
}

/// Fields of a record in which people disagree.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Conflict {
    /// The record.
    pub record: ListedRecord,
    /// Its fields, with every value that stands.
    pub fields: Vec<FieldConflict>,
}

/// How the device is doing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    /// Whether it wants to be connected.
    pub on: bool,
    /// Whether there is a connection.
    pub connected: bool,
    /// Whether everything that was there when the server answered has come.
    pub caught_up: bool,
    /// Changes that the server has not answered.
    pub unsent: u64,
    /// Changes that the server keeps until others have come.
    pub held: u64,
    /// When the oldest of the unsent was written, by the device's clock.
    pub unsent_since: Option<UnixMs>,
    /// Refused work.
    pub drafts: u64,
    /// When the server was last heard, by the device's clock.
    pub last_contact: Option<UnixMs>,
    /// The server's clock minus the device's, as last learnt.
    pub clock_offset: SpanMs,
    /// Bytes of frames sent since the store was opened.
    pub bytes_up: u64,
    /// Bytes of frames received since the store was opened.
    pub bytes_down: u64,
    /// What the bytes were for.
    pub usage: Usage,
    /// Whether the device saves data.
    pub saves_data: bool,
    /// Feeds of which records that are done were left on the server, to save data.
    pub left_out: u64,
    /// Why the server last hung up, until it answers again.
    pub last_bye: Option<Goodbye>,
    /// When it connects or asks next.
    pub next_attempt: Option<UnixMs>,
}

/// Why the server hung up.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Goodbye {
    /// For programs.
    pub code: String,
    /// For people, in Chinese.
    pub zh: String,
    /// For people, in English.
    pub en: String,
}

impl From<&Bye> for Goodbye {
    fn from(bye: &Bye) -> Self {
        Self { code: bye.code.clone(), zh: bye.zh.clone(), en: bye.en.clone() }
    }
}

impl Client {
    /// Records in the order of their last change, latest first.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn list(&self, filter: &Filter) -> Result<Vec<ListedRecord>, ClientError> {
        Ok(self.store.list(filter)?)
    }

    /// What lists show of one record.
    ///
    /// # Errors
    /// [`ClientError::NoSuchRecord`], [`ClientError::Store`].
    pub fn listed(&self, record: RecordId) -> Result<ListedRecord, ClientError> {
        self.store.listed(record)?.ok_or(ClientError::NoSuchRecord(record))
    }

    /// A record as people read it. [`Client::writer_of`] tells whose words its changes hold.
    ///
    /// # Errors
    /// [`ClientError::NoSuchRecord`], [`ClientError::Store`].
    pub fn read(&mut self, record: RecordId) -> Result<RecordView, ClientError> {
        self.feed_of(record)?;
        let schema = self.schema.clone();
        self.hot(record)?.view(&schema).ok_or(ClientError::NoSuchRecord(record))
    }

    /// Whose words a change holds; `None` for a change that is not here.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn writer_of(&self, change: ChangeHash) -> Result<Option<Writer>, ClientError> {
        Ok(self.store.change(change)?.and_then(|kept| self.writer(&kept)))
    }

    pub(super) fn writer(&self, kept: &Kept) -> Option<Writer> {
        let (person, role) = match &kept.visit {
            Some(visit) => (visit.person, Some(visit.role.clone())),
            None if kept.made_here => (self.person().ok()?, kept.role.clone()),
            None => return None,
        };
        Some(Writer { person, name: self.name_of(kept.feed.community, person), role })
    }

    /// A person's name, as the community knows it.
    pub fn name_of(&self, community: CommunityId, person: PersonId) -> Option<String> {
        self.communities.get(&community)?.roster.name_of(person).map(str::to_owned)
    }

    /// How far a record's changes from this device have come.
    ///
    /// # Errors
    /// [`ClientError::NoSuchRecord`], [`ClientError::Store`].
    pub fn sync_state(&self, record: RecordId) -> Result<SyncState, ClientError> {
        if let Some(draft) = self.store.drafts_of(record)?.pop() {
            return Ok(SyncState::Refused(draft.refusal));
        }
        self.feed_of(record)?;
        let pending = self.store.pending_of(record)?;
        if let Some(held) = pending.iter().find(|kept| !kept.held_for.is_empty()) {
            return Ok(SyncState::Held { missing: held.held_for.clone() });
        }
        let on_its_way = |kept: &Kept| kept.batch.is_some_and(|number| self.engine.awaits(self.me.device, number));
        Ok(match (pending.is_empty(), pending.iter().all(on_its_way)) {
            (true, _) => SyncState::Durable,
            (false, true) => SyncState::Sent,
            (false, false) => SyncState::Local,
        })
    }

    /// Records in which people disagree, latest first.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn conflicts(&mut self) -> Result<Vec<Conflict>, ClientError> {
        let mut found = Vec::new();
        for id in self.store.in_conflict()? {
            let fields = self.read(id)?.conflicts;
            found.push(Conflict { record: self.listed(id)?, fields });
        }
        Ok(found)
    }

    /// How the device is doing.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn status(&self) -> Result<Status, ClientError> {
        let (unsent, held) = self.store.unsent()?;
        let first = self.store.first_unsent()?;
        let written =
            first.and_then(|bytes| renolog_protocol::change::Change::parse(&bytes).ok()).map(|first| first.device_time());
        Ok(Status {
            on: self.engine.is_on(),
            connected: self.engine.is_connected(),
            caught_up: self.engine.is_caught_up(),
            unsent,
            held,
            unsent_since: written,
            drafts: self.store.drafts()?.len() as u64,
            last_contact: self.me.last_contact,
            clock_offset: self.me.clock_offset,
            bytes_up: self.usage.in_frames().up,
            bytes_down: self.usage.in_frames().down,
            usage: self.usage,
            saves_data: self.me.saves_data,
            left_out: self.feeds.keys().filter(|feed| self.lacks_the_rest(**feed)).count() as u64,
            last_bye: self.engine.last_bye().map(Goodbye::from),
            next_attempt: self.engine.poll_timeout().filter(|_| !self.engine.is_connected()),
        })
    }

    /// Whether the server has everything that was written here and answered for it, and the device has everything that was
    /// there when the server answered. Work that the server holds until others have come does not count.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn is_settled(&self) -> Result<bool, ClientError> {
        let recovering = self.feeds.values().any(|state| state.recovering);
        Ok(self.engine.is_caught_up() && !recovering && self.store.unsent()?.0 == 0)
    }

    /// Grows whenever anything that people see changes.
    pub fn revision(&self) -> u64 {
        self.me.revision
    }

    /// At most `limit` records that changed after a revision, in order, each with its own; also those of which nothing
    /// stands any more. Ask again from the last one's revision.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn changed_since(&self, revision: u64, limit: u32) -> Result<Vec<(RecordId, u64)>, ClientError> {
        Ok(self.store.changed_since(revision, limit)?)
    }

    /// Every change that was ever made on this device, in order, and what became of it. Nothing leaves this list.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn made_here(&self) -> Result<Vec<Made>, ClientError> {
        use crate::store::Status;
        let fate = |kept: &Kept| match kept.status {
            Status::Local => Fate::Pending,
            Status::Held => Fate::Held,
            Status::Accepted | Status::Waiting => Fate::Accepted(kept.seq),
            Status::Refused => Fate::Refused,
            Status::Replaced => Fate::Replaced(kept.replaced_by),
            Status::Withdrawn => Fate::Withdrawn,
        };
        let made = |kept: Kept| Made { fate: fate(&kept), hash: kept.hash, record: kept.record, feed: kept.feed };
        Ok(self.store.made_here()?.into_iter().map(made).collect())
    }

    /// Every record as JSON, to be compared with what others hold, byte for byte.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn state_of_everything(&mut self) -> Result<BTreeMap<RecordId, String>, ClientError> {
        let mut states = BTreeMap::new();
        for id in self.store.all_records()? {
            let view = self.read(id)?;
            let json = serde_json::to_string(&view).map_err(|e| ClientError::Broken(e.to_string()))?;
            states.insert(id, json);
        }
        Ok(states)
    }

    /// The bytes of a change that is kept here.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn change_bytes(&self, change: ChangeHash) -> Result<Option<Vec<u8>>, ClientError> {
        let kept = self.store.change(change)?.filter(|kept| !kept.bytes.is_empty());
        kept.map(|kept| parse(&kept).map(|change| change.bytes().to_vec())).transpose()
    }
}
