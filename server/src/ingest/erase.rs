//! Erasing a record for good: its words go, and its places in the feed and the ledger stay.
//!
//! What stays of a change is its name, its batch with the signature, its place and its link; so the chain holds, and what a
//! device shows later can still be compared with what was signed. What a change said is gone from every table, and
//! [`crate::store::Store::scrub`] sees to the file.

use renolog_protocol::chain::{Brought, Mark, erasure};
use renolog_protocol::change::Change;
use renolog_protocol::id::{DeviceId, FeedId, PersonId, Seq};
use renolog_protocol::refusal::{Code, Refusal};
use renolog_protocol::schema::{Party, Schema};
use renolog_protocol::session::server::{Body, FeedEntry};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::Visit;

use super::hot::Hot;
use super::past::Past;
use super::{Grown, IngestError, Outcome, Rejection};
use crate::command::Erase;
use crate::store::{
    ALL, ChangeRow, Column, ErasureRow, FactRow, Fate, FeedRow, Read, RecordRow, Store, StoreError, TimelineRow, WaitRow, Write,
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
    let before = past.fill(store, super::mark(store, feed)?, feed)?;
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

/// What is left of a change.
fn silence<S: Store>(store: &mut S, row: ChangeRow, command: u64) -> Result<(), StoreError> {
    if row.fate == Fate::Held {
        let change = Change::parse(&row.bytes).map_err(|_| StoreError::Damaged("changes"))?;
        for missing in change.deps() {
            store.remove::<WaitRow>(&[missing.to_cell(), row.hash.to_cell()])?;
        }
    }
    if let Some(said) = row.seq.map(|seq| store.get::<TimelineRow>(&[row.feed.to_cell(), seq.to_cell()])).transpose()?.flatten() {
        store.put(&TimelineRow { acts: "[]".into(), ..said })?;
    }
    let held = row.fate == Fate::Held;
    let why = Refusal::new(Code::Erased, "这条记录已依法删除", "this record was erased for good");
    let row = if held {
        ChangeRow { fate: Fate::Refused, code: Some(why.code), zh: Some(why.zh), en: Some(why.en), ..row }
    } else {
        row
    };
    store.put(&ChangeRow { erased: Some(command), bytes: Vec::new(), ..row })
}

/// An erasure as it is sent.
pub(crate) fn entry(schema: &Schema, row: &ErasureRow) -> FeedEntry {
    let party = schema.roles.get(&row.role).map_or_else(|| Party::parse("district").expect("a name"), |role| role.party.clone());
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
            party,
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
