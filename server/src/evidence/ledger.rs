//! From facts to what people read: the same rows that a server keeps, in memory, and the same functions asked over them.

use renolog_protocol::change::Change;
use renolog_protocol::id::{ActorId, Audience, ChangeHash, RecordId, Seq};
use renolog_protocol::key::{PublicKey, Signature};
use renolog_protocol::record::{Record, RecordView};
use renolog_protocol::schema::Schema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Day;
use super::facts::{Facts, Place, Placed, Refused};
use crate::history::{self, Entry, Position, Question};
use crate::ingest;
use crate::store::{
    ALL, BatchRow, ChangeRow, DeviceRow, ErasureRow, Fate, Memory, PersonRow, SettledRow, StoreError, TimelineRow, Write,
};

/// Facts that no store could have held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Broken {
    /// The change at which it shows, if it is one.
    pub change: Option<ChangeHash>,
    /// What is wrong.
    pub why: String,
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self { change: None, why: error.to_string() }
    }
}

/// A record as it stood at the end of the period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Stood {
    pub(super) audience: Audience,
    /// The position of its latest change.
    pub(super) updated: Seq,
    pub(super) record: RecordView,
}

/// What people read.
pub(super) struct Ledger {
    pub(super) schema: Schema,
    /// By feed and id.
    pub(super) records: Vec<Stood>,
    /// What was said in the period and what was refused of it, in the order of receipt.
    pub(super) entries: Vec<Entry>,
}

/// Opens the ledger that some facts come to.
///
/// # Errors
/// [`Broken`].
pub(super) fn open(facts: &Facts) -> Result<Ledger, Broken> {
    let schema = Schema::parse(&facts.schema).map_err(|why| Broken { change: None, why: why.to_string() })?;
    let mut store = Memory::new();
    write_people(&mut store, facts)?;
    let mut records = Vec::new();
    for stretch in &facts.stretches {
        let mut placed: BTreeMap<RecordId, Vec<(&Place, &Placed)>> = BTreeMap::new();
        for place in &stretch.places {
            match (&place.change, &place.erasure) {
                (Some(change), _) => placed.entry(change.record).or_default().push((place, change)),
                (None, Some(_)) => write_erasure(&mut store, facts, stretch.audience, place)?,
                (None, None) => {}
            }
        }
        for (record, changes) in placed {
            records.extend(write_record(&mut store, facts, &schema, stretch.audience, record, &changes)?);
        }
    }
    let stands: BTreeSet<ChangeHash> =
        facts.stretches.iter().flat_map(|stretch| &stretch.places).map(|place| place.hash).collect();
    for refused in &facts.refused {
        write_refused(&mut store, facts, refused, stands.contains(&refused.hash))?;
    }
    let entries = told(&store, &schema, facts)?;
    Ok(Ledger { schema, records, entries })
}

fn write_people(store: &mut Memory, facts: &Facts) -> Result<(), StoreError> {
    for person in &facts.people {
        let name = person.name.clone();
        store.put(&PersonRow { id: person.person, name, organisation: None, suspended: None, administrator: 0 })?;
    }
    for key in &facts.keys {
        store.put(&DeviceRow {
            id: key.device,
            person: key.person,
            public_key: PublicKey::from_bytes(&key.public_key).map_err(|_| StoreError::Damaged("devices"))?,
            name: key.name.clone(),
            enrolled: key.enrolled,
            revoked: key.revoked,
            revoked_why: None,
            runs: None,
            unsent: 0,
        })?;
    }
    for batch in &facts.batches {
        store.put(&BatchRow {
            id: batch.id,
            device: batch.device,
            person: batch.person,
            carrier: batch.carrier,
            number: batch.number,
            feed: batch.feed,
            device_time: batch.device_time,
            received: batch.received,
            skew: batch.skew,
            signature: Signature(batch.signature),
        })?;
    }
    Ok(())
}

fn write_erasure(store: &mut Memory, facts: &Facts, audience: Audience, place: &Place) -> Result<(), StoreError> {
    let Some(erasure) = &place.erasure else { return Ok(()) };
    store.put(&ErasureRow {
        record: erasure.record,
        feed: facts.feed(audience),
        seq: place.seq,
        link: place.link,
        command: erasure.command,
        person: erasure.person,
        role: place.role.clone(),
        reason: erasure.reason.clone(),
        received: place.received,
    })
}

/// Writes what was accepted of a record, and says how the record stood; nothing if it was erased.
fn write_record(
    store: &mut Memory,
    facts: &Facts,
    schema: &Schema,
    audience: Audience,
    id: RecordId,
    changes: &[(&Place, &Placed)],
) -> Result<Option<Stood>, Broken> {
    let feed = facts.feed(audience);
    let mut record = Record::empty(id);
    let (mut erased, mut updated) = (false, Seq(0));
    for (place, placed) in changes {
        let broken = |why: String| Broken { change: Some(place.hash), why };
        let (mut acts, mut actor, mut bytes) = ("[]".to_owned(), ActorId([0; 16]), Vec::new());
        if placed.erased {
            erased = true;
        } else {
            let change = parse(facts, place.hash)?;
            let said = record.understand(&change).map_err(|why| broken(why.to_string()))?;
            record.take(&change, &said).map_err(|why| broken(why.to_string()))?;
            acts = serde_json::to_string(&said.acts).map_err(|why| broken(why.to_string()))?;
            (actor, bytes) = (change.actor(), change.bytes().to_vec());
        }
        let (record, batch) = (placed.record, placed.batch);
        store.put(&TimelineRow {
            feed,
            seq: place.seq,
            record,
            hash: place.hash,
            batch,
            device_time: placed.device_time,
            acts,
        })?;
        store.put(&ChangeRow {
            hash: place.hash,
            feed,
            seq: Some(place.seq),
            link: Some(place.link),
            record,
            batch,
            position: placed.position as u64,
            fate: Fate::Accepted,
            role: Some(place.role.clone()),
            party: placed.party.clone(),
            code: None,
            zh: None,
            en: None,
            actor,
            erased: placed.erased.then_some(0),
            bytes,
        })?;
        updated = place.seq;
    }
    let view = if erased { None } else { record.view(schema) };
    let Some(view) = view else { return Ok(None) };
    store.put(&ingest::record_row(feed, updated, &view))?;
    Ok(Some(Stood { audience, updated, record: view }))
}

fn parse(facts: &Facts, hash: ChangeHash) -> Result<Change, Broken> {
    let bytes = facts.changes.get(&hash).ok_or(Broken { change: Some(hash), why: "it is missing".into() })?;
    Change::parse(bytes).map_err(|why| Broken { change: Some(hash), why: why.to_string() })
}

/// Writes why a change was refused; over the row of one that stands after all, if it does.
fn write_refused(store: &mut Memory, facts: &Facts, refused: &Refused, stands: bool) -> Result<(), Broken> {
    use crate::store::{Column, Read};
    let known: Option<ChangeRow> = store.get(&[refused.hash.to_cell()])?;
    let row = match known.filter(|_| stands) {
        Some(row) => row,
        None => ChangeRow {
            hash: refused.hash,
            feed: facts.feed(refused.audience),
            seq: None,
            link: None,
            record: refused.record,
            batch: refused.batch,
            position: refused.position as u64,
            fate: Fate::Refused,
            role: None,
            party: refused.party.clone(),
            code: None,
            zh: None,
            en: None,
            actor: ActorId([0; 16]),
            erased: refused.erased.then_some(0),
            bytes: if refused.erased { Vec::new() } else { parse(facts, refused.hash)?.bytes().to_vec() },
        },
    };
    let (code, zh, en) = (Some(refused.why.code), Some(refused.why.zh.clone()), Some(refused.why.en.clone()));
    store.put(&ChangeRow { code, zh, en, ..row })?;
    if let Some(settled) = &refused.settled {
        store.put(&SettledRow {
            hash: refused.hash,
            command: 0,
            released: settled.released.into(),
            person: settled.person,
            role: settled.role.clone(),
            reason: settled.reason.clone(),
            received: settled.received,
        })?;
    }
    Ok(())
}

/// What was said in the period, with what was refused among it.
fn told(store: &Memory, schema: &Schema, facts: &Facts) -> Result<Vec<Entry>, Broken> {
    let from = facts.about.from.map(Day::begins);
    let audiences = facts.stretches.iter().map(|stretch| stretch.audience).collect();
    let begins: BTreeMap<Audience, Seq> =
        facts.stretches.iter().filter_map(|stretch| Some((stretch.audience, stretch.first_since(from)?))).collect();
    let question = Question { community: facts.about.community.id, audiences, after: Position::default(), limit: ALL };
    let (entries, _) = history::of_community(store, schema, &question)?;
    let in_period = |entry: &Entry| begins.get(&entry.feed.audience).is_some_and(|first| entry.seq >= Some(*first));
    let mut refused = VecDeque::new();
    for one in &facts.refused {
        refused.extend(history::in_quarantine(store, schema, one.hash)?);
    }
    let mut told = Vec::new();
    for entry in entries.into_iter().filter(in_period) {
        while refused.front().is_some_and(|first| first.batch < entry.batch) {
            told.extend(refused.pop_front());
        }
        told.push(entry);
    }
    told.extend(refused);
    Ok(told)
}
