//! The merged history: what every change of a community or record said, by whom, for which party, in which role then, when
//! by their clock and when it came, and whether it still counts.

mod difference;
mod knowledge;
mod moments;
mod outline;
mod pages;
mod text;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use renolog_protocol::change::Change;
use renolog_protocol::id::{Audience, ChangeHash, CommunityId, DeviceId, FeedId, PersonId, RecordId, Seq};
use renolog_protocol::record::{Act, Standing};
use renolog_protocol::refusal::Refusal;
use renolog_protocol::schema::{KindName, Label, Party, Role, Schema};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::words;
use serde::{Deserialize, Serialize};

use crate::ingest;
use crate::store::{
    BatchRow, ChangeRow, Column, DeviceRow, ErasureRow, Fate, PersonRow, Read, RecordRow, SettledRow, StoreError, TimelineRow,
};

pub use difference::{Altered, Difference, difference};
pub use knowledge::{Knower, Knowledge, knowledge};
pub use moments::{Moment, Stood, stood};
pub use outline::{Lane, Outline, outline};
pub use pages::{Filter, Pages, page, position_at};
pub use text::render;
pub(crate) use text::{how_it_came, marks};

/// One change in the merged history.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Entry {
    /// The change.
    pub change: ChangeHash,
    /// Its feed.
    pub feed: FeedId,
    /// Its place there; none if it was refused.
    pub seq: Option<Seq>,
    /// The order of receipt across feeds.
    pub batch: u64,
    /// Its record.
    pub record: RecordId,
    /// What kind of record, once that is known.
    pub kind: Option<KindName>,
    /// What stands for the record in a list.
    pub title: String,
    /// Who wrote it.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// The party spoken for.
    pub party: Party,
    /// The role that allowed it, then; none if it was refused.
    pub role: Option<Role>,
    /// On which device.
    pub device: DeviceId,
    /// What its person calls that device.
    pub device_name: String,
    /// Another device that carried it, if one did.
    pub carrier: Option<DeviceId>,
    /// When it was written, by the device's clock.
    pub device_time: UnixMs,
    /// The same by the server's clock: corrected by the skew that the connection showed.
    pub corrected: UnixMs,
    /// When it came.
    pub received: UnixMs,
    /// How long it was on the device only.
    pub offline: SpanMs,
    /// The server's clock minus the device's.
    pub skew: SpanMs,
    /// What it said.
    pub acts: Vec<Act>,
    /// The same in words.
    pub words: Vec<Label>,
    /// Marks.
    pub marks: Marks,
}

/// What is to be known of an entry besides what it says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, utoipa::ToSchema)]
pub struct Marks {
    /// Its move was overtaken by a parallel one.
    pub superseded: bool,
    /// What it wrote stands against what someone else wrote apart.
    pub conflicting: bool,
    /// Why it does not stand at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
    /// It was refused, and an administrator let it stand after all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released: Option<Released>,
    /// Its record was erased, and its words with it; or it is the erasure itself.
    pub erased: bool,
}

/// Who let a refused change stand, and why.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Released {
    /// Why it had been refused.
    pub refused: Refusal,
    /// In which role.
    pub role: Role,
    /// Their name; empty for an operator's token.
    pub name: String,
    /// Why it stands.
    pub reason: String,
    /// When.
    pub received: UnixMs,
}

/// Where reading a community's history goes on: a position in each of its feeds, `12.3.0` as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position([u64; 3]);

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0[0], self.0[1], self.0[2])
    }
}

impl std::str::FromStr for Position {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers: Vec<u64> = text.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| "not a position")?;
        numbers.try_into().map(Self).map_err(|_| "not a position")
    }
}

/// What a community's history is asked for.
#[derive(Debug, Clone)]
pub struct Question {
    /// Whose.
    pub community: CommunityId,
    /// The audiences the asker may read.
    pub audiences: BTreeSet<Audience>,
    /// From where.
    pub after: Position,
    /// At most so many entries.
    pub limit: usize,
}

/// A stretch of a community's history in the order of receipt, and where it goes on.
///
/// # Errors
/// [`StoreError`].
pub fn of_community<S: Read + ?Sized>(
    store: &S,
    schema: &Schema,
    question: &Question,
) -> Result<(Vec<Entry>, Position), StoreError> {
    let mut feeds: Vec<VecDeque<Row>> = Vec::new();
    for audience in &question.audiences {
        let feed = FeedId { community: question.community, audience: *audience };
        let after = Seq(question.after.0[usize::from(audience.code())]);
        feeds.push(rows_of(store, feed, after, question.limit)?);
    }
    let (mut rows, mut position) = (Vec::new(), question.after);
    while rows.len() < question.limit
        && let Some(row) = next_received(&mut feeds)
    {
        position.0[usize::from(row.feed().audience.code())] = row.seq().0;
        rows.push(row);
    }
    let mut teller = Teller::new(store, schema);
    let entries = rows.into_iter().map(|row| teller.tell(row)).collect::<Result<_, _>>()?;
    Ok((entries, position))
}

/// Takes what was received first of what stands next in each feed. Within a feed its own order rules: a change that was
/// held came before the one that it waited for, and stands after it.
fn next_received(feeds: &mut [VecDeque<Row>]) -> Option<Row> {
    let first = feeds.iter_mut().filter(|feed| !feed.is_empty()).min_by_key(|feed| feed[0].command())?;
    first.pop_front()
}

/// What takes a place in a feed.
enum Row {
    Said(TimelineRow),
    Erased(ErasureRow),
}

impl Row {
    fn feed(&self) -> FeedId {
        match self {
            Self::Said(row) => row.feed,
            Self::Erased(row) => row.feed,
        }
    }

    fn seq(&self) -> Seq {
        match self {
            Self::Said(row) => row.seq,
            Self::Erased(row) => row.seq,
        }
    }

    fn command(&self) -> u64 {
        match self {
            Self::Said(row) => row.batch,
            Self::Erased(row) => row.command,
        }
    }
}

fn rows_of<S: Read + ?Sized>(store: &S, feed: FeedId, after: Seq, limit: usize) -> Result<VecDeque<Row>, StoreError> {
    let said: Vec<TimelineRow> = store.list(&[feed.to_cell()], Some(&after.to_cell()), limit)?;
    let erased = ingest::erasures_after(store, feed, after, limit)?;
    let mut rows: Vec<Row> = said.into_iter().map(Row::Said).chain(erased.into_iter().map(Row::Erased)).collect();
    rows.sort_by_key(Row::seq);
    rows.truncate(limit);
    Ok(rows.into())
}

/// The history of one record after a position of its feed.
///
/// # Errors
/// [`StoreError`].
pub fn of_record<S: Read + ?Sized>(
    store: &S,
    schema: &Schema,
    record: RecordId,
    after: Seq,
    limit: usize,
) -> Result<Vec<Entry>, StoreError> {
    let changes: Vec<ChangeRow> = store.list_by(ChangeRow::BY_RECORD, &[record.to_cell()], Some(&after.to_cell()), limit)?;
    let said = |change: ChangeRow| store.get(&[change.feed.to_cell(), change.seq?.to_cell()]).transpose();
    let rows: Vec<TimelineRow> = changes.into_iter().filter_map(said).collect::<Result<_, _>>()?;
    let erasure: Option<ErasureRow> = store.get(&[record.to_cell()])?;
    let erasure = erasure.filter(|erasure| rows.len() < limit && after < erasure.seq);
    let rows = rows.into_iter().map(Row::Said).chain(erasure.map(Row::Erased));
    let mut teller = Teller::new(store, schema);
    rows.map(|row| teller.tell(row)).collect()
}

/// What was refused in a feed and waits in quarantine.
///
/// # Errors
/// [`StoreError`].
pub fn refused<S: Read + ?Sized>(store: &S, schema: &Schema, feed: FeedId, limit: usize) -> Result<Vec<Entry>, StoreError> {
    let rows: Vec<ChangeRow> = store.list_by(ChangeRow::BY_FATE, &[feed.to_cell(), Fate::Refused.to_cell()], None, limit)?;
    let mut teller = Teller::new(store, schema);
    rows.into_iter().map(|row| teller.tell_refused(row)).collect()
}

/// One change in quarantine, and what it would have said; nothing if it is not there.
///
/// # Errors
/// [`StoreError`].
pub fn in_quarantine<S: Read + ?Sized>(store: &S, schema: &Schema, change: ChangeHash) -> Result<Option<Entry>, StoreError> {
    let row: Option<ChangeRow> = store.get(&[change.to_cell()])?;
    row.filter(|row| row.fate == Fate::Refused).map(|row| Teller::new(store, schema).tell_refused(row)).transpose()
}

/// Puts entries together, asking the store once for each person, device, batch and record.
struct Teller<'a, S: ?Sized> {
    store: &'a S,
    schema: &'a Schema,
    batches: HashMap<u64, BatchRow>,
    people: HashMap<PersonId, String>,
    devices: HashMap<DeviceId, String>,
    records: HashMap<RecordId, Told>,
}

/// What a record's view says about its changes.
#[derive(Debug, Clone, Default)]
struct Told {
    kind: Option<KindName>,
    title: String,
    superseded: BTreeSet<ChangeHash>,
    conflicting: BTreeSet<ChangeHash>,
}

/// The parts of a stored view that marks are made of.
#[derive(Deserialize)]
struct ViewMarks {
    moves: Vec<MoveMark>,
    conflicts: Vec<ConflictMark>,
}

#[derive(Deserialize)]
struct MoveMark {
    standing: String,
    change: ChangeHash,
}

#[derive(Deserialize)]
struct ConflictMark {
    values: Vec<SaidMark>,
}

#[derive(Deserialize)]
struct SaidMark {
    change: ChangeHash,
}

impl<'a, S: Read + ?Sized> Teller<'a, S> {
    fn new(store: &'a S, schema: &'a Schema) -> Self {
        Self { store, schema, batches: HashMap::new(), people: HashMap::new(), devices: HashMap::new(), records: HashMap::new() }
    }

    fn tell(&mut self, row: Row) -> Result<Entry, StoreError> {
        match row {
            Row::Said(row) => self.tell_said(row),
            Row::Erased(row) => self.tell_erased(row),
        }
    }

    /// The erasure of a record: decided at a console, on no device.
    fn tell_erased(&mut self, row: ErasureRow) -> Result<Entry, StoreError> {
        let entry = ingest::erasure_entry(self.schema, &row);
        let name = row.person.map_or(Ok(String::new()), |person| self.person(person))?;
        let words =
            Label { zh: format!("依法删除整条记录：{}", row.reason), en: format!("erased the record: {}", row.reason) };
        Ok(Entry {
            change: entry.hash,
            feed: row.feed,
            seq: Some(row.seq),
            batch: row.command,
            record: row.record,
            kind: None,
            title: String::new(),
            person: entry.visit.person,
            name,
            party: entry.visit.party,
            role: Some(row.role),
            device: entry.visit.device,
            device_name: String::new(),
            carrier: None,
            device_time: row.received,
            corrected: row.received,
            received: row.received,
            offline: SpanMs(0),
            skew: SpanMs(0),
            acts: Vec::new(),
            words: vec![words],
            marks: Marks { erased: true, ..Marks::default() },
        })
    }

    fn tell_said(&mut self, row: TimelineRow) -> Result<Entry, StoreError> {
        let change: ChangeRow = self.store.get(&[row.hash.to_cell()])?.ok_or(StoreError::Damaged("changes"))?;
        let acts: Vec<Act> = serde_json::from_str(&row.acts).map_err(|_| StoreError::Damaged("timeline"))?;
        self.entry(change, row.device_time, acts)
    }

    /// A refused change, with what it would have said to the record as it stands.
    fn tell_refused(&mut self, row: ChangeRow) -> Result<Entry, StoreError> {
        let device_time = Change::parse(&row.bytes).map_or(UnixMs(0), |change| change.device_time());
        let acts = if row.erased.is_some() { Vec::new() } else { ingest::would_say(self.store, &row)? };
        self.entry(row, device_time, acts)
    }

    fn entry(&mut self, row: ChangeRow, device_time: UnixMs, acts: Vec<Act>) -> Result<Entry, StoreError> {
        let batch = self.batch(row.batch)?;
        let told = self.record(row.record)?;
        let kind = told.kind.as_ref().and_then(|kind| self.schema.kinds.get(kind));
        let words = acts.iter().map(|act| words::act(self.schema, kind, act)).collect();
        let corrected = device_time + batch.skew;
        Ok(Entry {
            marks: Marks {
                superseded: told.superseded.contains(&row.hash),
                conflicting: told.conflicting.contains(&row.hash),
                refused: row.refusal().filter(|_| row.fate != Fate::Accepted),
                released: self.released(&row)?,
                erased: row.erased.is_some(),
            },
            change: row.hash,
            feed: row.feed,
            seq: row.seq,
            batch: row.batch,
            record: row.record,
            kind: told.kind,
            title: told.title,
            person: batch.person,
            name: self.person(batch.person)?,
            party: row.party,
            role: row.role,
            device: batch.device,
            device_name: self.device(batch.device)?,
            carrier: batch.carrier,
            device_time,
            corrected,
            received: batch.received,
            // A clock that ran on after it was compared can put the writing after the receipt; nothing was offline then.
            offline: (batch.received - corrected).max(SpanMs(0)),
            skew: batch.skew,
            acts,
            words,
        })
    }

    fn released(&mut self, row: &ChangeRow) -> Result<Option<Released>, StoreError> {
        let Some(refused) = row.refusal().filter(|_| row.fate == Fate::Accepted) else { return Ok(None) };
        let Some(settled) = self.store.get::<SettledRow>(&[row.hash.to_cell()])? else { return Ok(None) };
        let name = settled.person.map_or(Ok(String::new()), |person| self.person(person))?;
        Ok(Some(Released { refused, role: settled.role, name, reason: settled.reason, received: settled.received }))
    }

    fn batch(&mut self, id: u64) -> Result<BatchRow, StoreError> {
        if let Some(batch) = self.batches.get(&id) {
            return Ok(batch.clone());
        }
        let batch: BatchRow = self.store.get(&[id.to_cell()])?.ok_or(StoreError::Damaged("batches"))?;
        Ok(self.batches.entry(id).or_insert(batch).clone())
    }

    fn person(&mut self, id: PersonId) -> Result<String, StoreError> {
        if let Some(name) = self.people.get(&id) {
            return Ok(name.clone());
        }
        let name = self.store.get::<PersonRow>(&[id.to_cell()])?.map(|row| row.name).unwrap_or_default();
        Ok(self.people.entry(id).or_insert(name).clone())
    }

    fn device(&mut self, id: DeviceId) -> Result<String, StoreError> {
        if let Some(name) = self.devices.get(&id) {
            return Ok(name.clone());
        }
        let name = self.store.get::<DeviceRow>(&[id.to_cell()])?.map(|row| row.name).unwrap_or_default();
        Ok(self.devices.entry(id).or_insert(name).clone())
    }

    fn record(&mut self, id: RecordId) -> Result<Told, StoreError> {
        if let Some(told) = self.records.get(&id) {
            return Ok(told.clone());
        }
        let told = match self.store.get::<RecordRow>(&[id.to_cell()])? {
            Some(row) => told(row)?,
            None => Told::default(),
        };
        Ok(self.records.entry(id).or_insert(told).clone())
    }
}

fn told(row: RecordRow) -> Result<Told, StoreError> {
    let marks: ViewMarks = serde_json::from_str(&row.view).map_err(|_| StoreError::Damaged("records"))?;
    let superseded = serde_json::to_value(Standing::Superseded).ok();
    let is_superseded = |mark: &&MoveMark| superseded.as_ref().and_then(|s| s.as_str()) == Some(mark.standing.as_str());
    Ok(Told {
        kind: Some(row.kind),
        title: row.title,
        superseded: marks.moves.iter().filter(is_superseded).map(|mark| mark.change).collect(),
        conflicting: marks.conflicts.iter().flat_map(|conflict| &conflict.values).map(|said| said.change).collect(),
    })
}

/// Entries by record, each in the order given: for a summary.
pub fn by_record(entries: &[Entry]) -> BTreeMap<RecordId, Vec<&Entry>> {
    let mut records: BTreeMap<RecordId, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        records.entry(entry.record).or_default().push(entry);
    }
    records
}
