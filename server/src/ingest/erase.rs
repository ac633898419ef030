//! Erasing a record for good: its words go, and its places in the feed and the ledger stay.
//!
//! What stays of a change is its name, its batch with the signature, its place and its link; so the chain holds, and what a
//! device shows later can still be compared with what was signed. What a change said is gone from every table, and
//! [`crate::store::Store::scrub`] sees to the file.

use renolog_protocol::chain::{Brought, Mark, erasure};
use renolog_protocol::change::Change;
use renolog_protocol::id::{ActorId, ChangeHash, DeviceId, FeedId, PersonId, RecordId, Seq};
use renolog_protocol::refusal::{Code, Refusal};
use renolog_protocol::schema::{Party, Role, Schema};
use renolog_protocol::session::server::{Body, FeedEntry};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::Visit;
use sha2::{Digest, Sha256};

use super::hot::Hot;
use super::past::Past;
use super::{Grown, IngestError, Outcome, Rejection};
use crate::command::Erase;
use crate::store::{
    ALL, Cell, ChangeRow, Column, ErasureRow, FactRow, Fate, FeedRow, Read, RecordRow, Row, Store, StoreError, TimelineRow,
    WaitRow, Write,
};

/// When and by whom, and as which command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) received: UnixMs,
    pub(super) by: Option<PersonId>,
}

pub(super) fn erase<S: Store>(
    store: &mut S,
    hot: &mut Hot,
    schema: &Schema,
    past: Past<'_>,
    order: Order,
    asked: &Erase,
) -> Result<Outcome, IngestError> {
    if store.get::<ErasureRow>(&[asked.record.to_cell()])?.is_some() {
        return Err(Rejection::ErasedAlready(asked.record).into());
    }
    let changes = match past.erased_by(order.id, asked.record)? {
        Some(rows) => rows,
        None => store.list_by::<ChangeRow>(ChangeRow::BY_RECORD, &[asked.record.to_cell()], None, ALL)?,
    };
    let feed = changes.first().map(|row| row.feed).ok_or(Rejection::UnknownRecord(asked.record))?;
    let found = match past.0 {
        Some(original) => digest(original, &changes)?,
        None => digest(store, &changes)?,
    };
    if asked.remains.as_ref().is_some_and(|remains| *remains != found) {
        return Err(Rejection::RemainsAltered(asked.record).into());
    }
    let before = past.fill(store, super::mark(store, feed)?, feed)?;
    hot.waits_changed();
    for row in changes {
        let filled: Option<ChangeRow> = store.get(&[row.hash.to_cell()])?;
        silence(store, filled.unwrap_or(row), order.id)?;
    }
    store.remove::<RecordRow>(&[asked.record.to_cell()])?;
    store.remove::<FactRow>(&[asked.record.to_cell()])?;
    hot.forget(asked.record);
    let row = ErasureRow {
        record: asked.record,
        feed,
        seq: before.seq.next(),
        link: before.link,
        command: order.id,
        person: order.by,
        role: asked.role.clone(),
        reason: asked.reason.clone(),
        received: order.received,
    };
    let entry = entry(schema, &row);
    store.put(&ErasureRow { link: link(before, &entry), ..row })?;
    let entry = FeedEntry { link: link(before, &entry), ..entry };
    store.put(&FeedRow { feed, head: entry.seq, link: entry.link })?;
    Ok(Outcome::Erased(Grown { feed, late: Vec::new(), entries: vec![entry] }))
}

/// See [`Erase::remains`].
pub(super) fn remains<S: Read + ?Sized>(store: &S, record: RecordId) -> Result<Vec<u8>, StoreError> {
    let changes: Vec<ChangeRow> = store.list_by(ChangeRow::BY_RECORD, &[record.to_cell()], None, ALL)?;
    digest(store, &changes)
}

/// Over everything that is left of these changes, whether or not they were erased yet, but for their links, which follow.
fn digest<S: Read + ?Sized>(store: &S, changes: &[ChangeRow]) -> Result<Vec<u8>, StoreError> {
    let mut hash = Sha256::new();
    for row in changes {
        let written = said(store, row)?.map(|said| said.device_time);
        let left = ChangeRow { erased: None, link: None, ..left_of(row.clone(), 0) };
        let mut cells = left.to_cells();
        cells.push(written.to_cell());
        for cell in cells {
            match cell {
                Cell::Null => hash.update([0]),
                Cell::Int(number) => hash.update([&[1][..], &number.to_be_bytes()].concat()),
                Cell::Text(text) => hash_sized(&mut hash, 2, text.as_bytes()),
                Cell::Blob(bytes) => hash_sized(&mut hash, 3, &bytes),
            }
        }
    }
    Ok(hash.finalize().to_vec())
}

fn hash_sized(hash: &mut Sha256, what: u8, bytes: &[u8]) {
    hash.update([what]);
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

fn said<S: Read + ?Sized>(store: &S, row: &ChangeRow) -> Result<Option<TimelineRow>, StoreError> {
    Ok(row.seq.map(|seq| store.get(&[row.feed.to_cell(), seq.to_cell()])).transpose()?.flatten())
}

/// What is left of a change that this command erases.
fn left_of(row: ChangeRow, command: u64) -> ChangeRow {
    let row = ChangeRow { erased: Some(command), bytes: Vec::new(), ..row };
    if row.fate != Fate::Held {
        return row;
    }
    let why = refusal();
    ChangeRow { fate: Fate::Refused, code: Some(why.code), zh: Some(why.zh), en: Some(why.en), ..row }
}

/// What a change is told that comes to a record which was erased.
pub(super) fn refusal() -> Refusal {
    Refusal::new(Code::Erased, "这条记录已依法删除", "this record was erased for good")
}

/// All that is kept of a change that came to a record when that had been erased: that it came.
pub(super) fn come_to_nothing(
    schema: &Schema,
    erasure: &ErasureRow,
    hash: ChangeHash,
    feed: FeedId,
    (batch, position): (u64, u64),
) -> ChangeRow {
    let why = refusal();
    ChangeRow {
        hash,
        feed,
        seq: None,
        link: None,
        record: erasure.record,
        batch,
        position,
        fate: Fate::Refused,
        role: None,
        party: party_of(schema, &erasure.role),
        code: Some(why.code),
        zh: Some(why.zh),
        en: Some(why.en),
        actor: ActorId([0; 16]),
        erased: Some(erasure.command),
        bytes: Vec::new(),
    }
}

fn silence<S: Store>(store: &mut S, row: ChangeRow, command: u64) -> Result<(), StoreError> {
    if row.fate == Fate::Held && !row.bytes.is_empty() {
        let change = Change::parse(&row.bytes).map_err(|_| StoreError::Damaged("changes"))?;
        for missing in change.deps() {
            store.remove::<WaitRow>(&[missing.to_cell(), row.hash.to_cell()])?;
        }
    }
    if let Some(said) = said(store, &row)? {
        store.put(&TimelineRow { acts: "[]".into(), ..said })?;
    }
    store.put(&left_of(row, command))
}

fn party_of(schema: &Schema, role: &Role) -> Party {
    schema.roles.get(role).map_or_else(|| Party::parse("district").expect("a name"), |role| role.party.clone())
}

/// An erasure as it is sent.
pub(crate) fn entry(schema: &Schema, row: &ErasureRow) -> FeedEntry {
    FeedEntry {
        seq: row.seq,
        record: row.record,
        hash: erasure(row.record, &row.reason),
        body: Body::Erasure(row.reason.as_str().into()),
        visit: Visit {
            // No device brought it: it was decided at a console.
            device: DeviceId([0; 16]),
            person: row.person.unwrap_or(PersonId([0; 16])),
            role: row.role.clone(),
            party: party_of(schema, &row.role),
            received: row.received,
            skew: SpanMs(0),
        },
        link: row.link,
    }
}

fn link(before: Mark, entry: &FeedEntry) -> renolog_protocol::id::Link {
    before.link.then(entry.seq, entry.hash, &Brought::from(&entry.visit))
}

/// The erasures of a feed after a position.
pub(crate) fn erasures_after<S: Read + ?Sized>(
    store: &S,
    feed: FeedId,
    after: Seq,
    limit: usize,
) -> Result<Vec<ErasureRow>, StoreError> {
    store.list_by(ErasureRow::BY_FEED, &[feed.to_cell()], Some(&after.to_cell()), limit)
}
