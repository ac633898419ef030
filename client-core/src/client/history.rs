//! The history of a record: who said what, for which party, when by their own clock, when it arrived, and what it came to.

use renolog_protocol::change::Change;
use renolog_protocol::id::{ChangeHash, DeviceId, RecordId, Seq};
use renolog_protocol::record::{Act, FieldView, Record, RecordView, Standing};
use renolog_protocol::refusal::Refusal;
use renolog_protocol::schema::{FieldName, Kind, Label, Party};
use renolog_protocol::sorted::SortedMap;
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::words;

use super::read::Writer;
use super::record::{fits, parse};
use super::{Client, ClientError, SyncState};
use crate::store::{Draft, Kept, Status};

/// One change of a record, for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct HistoryEntry {
    /// Its name.
    pub change: ChangeHash,
    /// Its place in the feed, once accepted.
    pub seq: Option<Seq>,
    /// What was said.
    pub acts: Vec<Act>,
    /// The same in words.
    pub words: Vec<Label>,
    /// By whom.
    pub writer: Option<Writer>,
    /// For which party.
    pub party: Party,
    /// On which device.
    pub device: Option<DeviceId>,
    /// When, by the writer's own clock.
    pub device_time: UnixMs,
    /// When by the server's clock, as far as the writer's clock can be corrected.
    pub corrected: Option<UnixMs>,
    /// When the server received it, by the server's clock.
    pub received: Option<UnixMs>,
    /// How long it was on its way: the time the writer was offline.
    pub offline: Option<SpanMs>,
    /// What it came to.
    pub marks: Vec<Mark>,
    /// How far it has come.
    pub sync: SyncState,
}

/// What something said came to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "mark", rename_all = "snake_case")]
pub enum Mark {
    /// A move that a parallel one overtook.
    Superseded,
    /// A move that this schema does not have.
    UnknownMove,
    /// A value that others contradict.
    Conflict {
        /// The field.
        field: FieldName,
    },
    /// Something that was struck out later.
    Voided,
}

impl Client {
    /// Everything known here that was said in a record: what the server has, in its order, then what it has not, then what
    /// it refused.
    ///
    /// # Errors
    /// [`ClientError::NoSuchRecord`], [`ClientError::Store`].
    pub fn history(&mut self, record: RecordId) -> Result<Vec<HistoryEntry>, ClientError> {
        let drafts = self.store.drafts_of(record)?;
        let view = match self.read(record) {
            Ok(view) => Some(view),
            Err(ClientError::NoSuchRecord(_)) if !drafts.is_empty() => None,
            Err(error) => return Err(error),
        };
        let marks = view.as_ref().map(marks).unwrap_or_default();
        let schema = self.schema.clone();
        let kind = view.as_ref().and_then(|view| schema.kinds.get(&view.created.kind));
        let mut entries = Vec::new();
        for (kept, change, acts) in told(record, self.store.changes_of(record)?)? {
            let marks = marks.get(&kept.hash).cloned().unwrap_or_default();
            entries.push(self.entry(kind, &kept, &change, acts, marks));
        }
        entries.sort_by_key(|entry| (entry.seq.is_none(), entry.seq));
        for draft in drafts {
            entries.push(self.refused_entry(draft)?);
        }
        Ok(entries)
    }

    fn words(&self, kind: Option<&Kind>, acts: &[Act]) -> Vec<Label> {
        acts.iter().map(|act| words::act(&self.schema, kind, act)).collect()
    }

    fn entry(&self, kind: Option<&Kind>, kept: &Kept, change: &Change, acts: Vec<Act>, marks: Vec<Mark>) -> HistoryEntry {
        let visit = kept.visit.as_ref();
        let device_time = change.device_time();
        let corrected = visit.map(|visit| device_time + visit.skew);
        let received = visit.map(|visit| visit.received);
        HistoryEntry {
            change: kept.hash,
            seq: kept.seq,
            words: self.words(kind, &acts),
            acts,
            writer: self.writer(kept),
            party: change.party().clone(),
            device: visit.map(|visit| visit.device).or(kept.made_here.then_some(self.me.device)),
            device_time,
            corrected,
            received,
            offline: received.zip(corrected).map(|(received, written)| received - written),
            marks,
            sync: self.sync_of(kept),
        }
    }

    fn sync_of(&self, kept: &Kept) -> SyncState {
        let on_its_way = kept.batch.is_some_and(|number| self.engine.awaits(self.me.device, number));
        match kept.status {
            Status::Held => SyncState::Held { missing: kept.held_for.clone() },
            Status::Local if on_its_way => SyncState::Sent,
            Status::Local => SyncState::Local,
            _ => SyncState::Durable,
        }
    }

    fn refused_entry(&self, draft: Draft) -> Result<HistoryEntry, ClientError> {
        let refusal: Refusal = draft.refusal;
        Ok(HistoryEntry {
            change: draft.change,
            seq: None,
            words: self.words(self.schema.kinds.get(&draft.kind), &draft.acts),
            acts: draft.acts,
            writer: self.writer_of(draft.change)?,
            party: draft.party,
            device: Some(self.me.device),
            device_time: draft.written,
            corrected: None,
            received: None,
            offline: None,
            marks: Vec::new(),
            sync: SyncState::Refused(refusal),
        })
    }
}

/// Every change that stands, with what it says. A change is read before it is applied: afterwards the record would take
/// it for a second one by the same number.
fn told(id: RecordId, kept: Vec<Kept>) -> Result<Vec<(Kept, Change, Vec<Act>)>, ClientError> {
    let mut record = Record::empty(id);
    let mut told = Vec::new();
    let standing = kept.into_iter().filter(|kept| kept.status.stands());
    let mut left = standing.map(|kept| parse(&kept).map(|change| (kept, change))).collect::<Result<Vec<_>, _>>()?;
    loop {
        let before = left.len();
        let mut later = Vec::new();
        for (kept, change) in left {
            if fits(&record, &change) {
                let acts = record.understand(&change).map(|understood| understood.acts).unwrap_or_default();
                record.apply(&change)?;
                told.push((kept, change, acts));
            } else {
                later.push((kept, change));
            }
        }
        if later.is_empty() || later.len() == before {
            return Ok(told);
        }
        left = later;
    }
}

fn marks(view: &RecordView) -> SortedMap<ChangeHash, Vec<Mark>> {
    let mut marks: SortedMap<ChangeHash, Vec<Mark>> = SortedMap::new();
    let mut mark = |change: ChangeHash, mark: Mark| {
        let marks = marks.or_default(change);
        if !marks.contains(&mark) {
            marks.push(mark);
        }
    };
    for made in &view.moves {
        match made.standing {
            Standing::Stands => {}
            Standing::Superseded => mark(made.source.change, Mark::Superseded),
            Standing::Unknown => mark(made.source.change, Mark::UnknownMove),
        }
    }
    for conflict in &view.conflicts {
        for said in &conflict.values {
            mark(said.source.change, Mark::Conflict { field: conflict.field.clone() });
        }
    }
    for field in view.fields.values() {
        let FieldView::Entries(entries) = field else { continue };
        for entry in entries.iter().filter(|entry| entry.voided.is_some()) {
            entry.values.iter().for_each(|said| mark(said.source.change, Mark::Voided));
        }
    }
    marks
}
