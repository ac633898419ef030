//! A record as it stood: by receipt, by the clocks of those who wrote, or through the eyes of one writer.

use std::collections::{BTreeMap, BTreeSet};

use renolog_protocol::change::Change;
use renolog_protocol::id::{ChangeHash, RecordId};
use renolog_protocol::record::{Record, RecordView};
use renolog_protocol::schema::Schema;
use renolog_protocol::time::UnixMs;
use serde::Serialize;

use crate::store::{ALL, BatchRow, ChangeRow, Column, Fate, Read, SettledRow, StoreError};

/// A point in a record's past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// With what the server had received by then.
    Received(UnixMs),
    /// With what had been written by then, by the writers' clocks as corrected, wherever it was.
    Written(UnixMs),
    /// As whoever wrote this change saw it before they wrote.
    SeenBy(ChangeHash),
    /// As it is.
    Now,
}

/// A record at a point in its past.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Stood {
    /// The record; nothing before it was made.
    pub view: Option<RecordView>,
    /// How many of its changes had been made by then.
    pub changes: usize,
    /// How many there are by now.
    pub of: usize,
    /// Those that make up this state, in the order of the feed.
    pub made_of: Vec<ChangeHash>,
}

/// An accepted change of a record, and when it came to stand.
pub(super) struct Told {
    pub(super) change: Change,
    /// When it was in its feed. Not before what stands before it.
    pub(super) placed: UnixMs,
    /// When it was written, by the server's clock.
    pub(super) written: UnixMs,
}

/// The accepted changes of a record, in the order of its feed.
pub(super) fn told<S: Read + ?Sized>(store: &S, record: RecordId) -> Result<Vec<Told>, StoreError> {
    let rows: Vec<ChangeRow> = store.list_by(ChangeRow::BY_RECORD, &[record.to_cell()], None, ALL)?;
    let mut all = Vec::new();
    let mut latest = UnixMs(i64::MIN);
    for row in rows.into_iter().filter(|row| row.fate == Fate::Accepted && row.erased.is_none()) {
        let batch: BatchRow = store.get(&[row.batch.to_cell()])?.ok_or(StoreError::Damaged("batches"))?;
        let released = store.get::<SettledRow>(&[row.hash.to_cell()])?.map(|settled| settled.received);
        latest = latest.max(batch.received).max(released.unwrap_or(batch.received));
        let change = Change::parse(&row.bytes).map_err(|_| StoreError::Damaged("changes"))?;
        let written = change.device_time() + batch.skew;
        all.push(Told { change, placed: latest, written });
    }
    Ok(all)
}

/// A record as it stood at a moment; nothing if a change is named that it does not hold.
///
/// # Errors
/// [`StoreError`].
pub fn stood<S: Read + ?Sized>(
    store: &S,
    schema: &Schema,
    record: RecordId,
    moment: Moment,
) -> Result<Option<Stood>, StoreError> {
    let all = told(store, record)?;
    let Some(known) = known_at(&all, moment) else { return Ok(None) };
    let chosen: Vec<&Change> = all.iter().map(|told| &told.change).filter(|change| known.contains(&change.hash())).collect();
    let made_of = chosen.iter().map(|change| change.hash()).collect();
    let changes = chosen.len();
    let rebuilt = Record::rebuild(record, chosen).map_err(|_| StoreError::Damaged("changes"))?;
    Ok(Some(Stood { view: rebuilt.view(schema), changes, of: all.len(), made_of }))
}

/// Which changes had been made by a moment: each with all that it stands on.
pub(super) fn known_at(all: &[Told], moment: Moment) -> Option<BTreeSet<ChangeHash>> {
    let by = |made: &dyn Fn(&Told) -> bool| {
        let mut known = BTreeSet::new();
        for told in all.iter().filter(|told| made(told)) {
            // A clock that was set back may date a change before what it stands on.
            if told.change.deps().all(|dep| known.contains(&dep)) {
                known.insert(told.change.hash());
            }
        }
        known
    };
    match moment {
        Moment::Received(at) => Some(by(&|told| told.placed <= at)),
        Moment::Written(at) => Some(by(&|told| told.written <= at)),
        Moment::SeenBy(change) => seen_by(all, change),
        Moment::Now => Some(by(&|_| true)),
    }
}

/// All that a change stands on.
pub(super) fn seen_by(all: &[Told], change: ChangeHash) -> Option<BTreeSet<ChangeHash>> {
    let by_hash: BTreeMap<ChangeHash, &Change> = all.iter().map(|told| (told.change.hash(), &told.change)).collect();
    let mut waiting: Vec<ChangeHash> = by_hash.get(&change)?.deps().collect();
    let mut seen = BTreeSet::new();
    while let Some(next) = waiting.pop() {
        if seen.insert(next) {
            waiting.extend(by_hash.get(&next).into_iter().flat_map(|change| change.deps()));
        }
    }
    Some(seen)
}
