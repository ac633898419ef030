//! Which records a snapshot holds, in which order.

use std::collections::BTreeMap;

use renolog_protocol::chain::Mark;
use renolog_protocol::change::Change;
use renolog_protocol::id::{FeedId, RecordId, Seq};
use renolog_protocol::record::Record;
use renolog_protocol::schema::{KindName, Schema, StateName};
use renolog_protocol::wire::Place;

use crate::reception;
use crate::store::{ALL, ChangeRow, Column, ErasureRow, Read, RecordRow, StoreError};

/// Records read at once: their views come with them.
const ROWS: usize = 256;

pub(super) const OPEN: u8 = 0;
const DONE: u8 = 1;
const ERASED: u8 = 2;

/// What a snapshot is made of: some 40 bytes a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Of which feed.
    pub feed: FeedId,
    /// Of which position, and the link there.
    pub mark: Mark,
    /// Every record of it, in the order they are sent, and the place at which it is complete.
    pub records: Vec<(Place, RecordId)>,
}

/// Plans a snapshot of a feed; `None` if it has no such position.
///
/// # Errors
/// [`StoreError`].
pub fn plan<S: Read + ?Sized>(store: &S, schema: &Schema, feed: FeedId, of: Seq) -> Result<Option<Plan>, StoreError> {
    let Some(link) = reception::link_at(store, feed, of)? else { return Ok(None) };
    let mut places = BTreeMap::new();
    let mut after = Seq(0);
    loop {
        let rows: Vec<RecordRow> = store.list_by(RecordRow::BY_FEED, &[feed.to_cell()], Some(&after.to_cell()), ROWS)?;
        for row in &rows {
            let place = if row.updated <= of {
                Some((row.updated, is_done(schema, &row.kind, &row.state)))
            } else {
                as_it_stood(store, schema, row.id, of)?
            };
            if let Some((last, done)) = place {
                places.insert(row.id, Place { pass: if done { DONE } else { OPEN }, last, upto: last });
            }
        }
        match rows.last() {
            Some(last) if rows.len() == ROWS => after = last.updated,
            _ => break,
        }
    }
    // Read last: what was erased meanwhile is named here, and nowhere else.
    for erasure in store.list_by::<ErasureRow>(ErasureRow::BY_FEED, &[feed.to_cell()], None, ALL)? {
        let last = if erasure.seq <= of {
            Some(erasure.seq)
        } else {
            rows_of(store, erasure.record, of)?.last().and_then(|row| row.seq)
        };
        places.remove(&erasure.record);
        places.extend(last.map(|last| (erasure.record, Place { pass: ERASED, last, upto: last })));
    }
    let mut records: Vec<(Place, RecordId)> = places.into_iter().map(|(record, place)| (place, record)).collect();
    records.sort_by_key(|(place, _)| order(*place));
    Ok(Some(Plan { feed, mark: Mark { seq: of, link }, records }))
}

/// By which places follow each other.
pub(super) fn order(place: Place) -> (u8, std::cmp::Reverse<Seq>) {
    (place.pass, std::cmp::Reverse(place.last))
}

fn is_done(schema: &Schema, kind: &KindName, state: &StateName) -> bool {
    schema.kinds.get(kind).and_then(|kind| kind.states.get(state)).is_some_and(|state| state.done)
}

/// The accepted changes of a record up to a position, in their order.
pub(super) fn rows_of<S: Read + ?Sized>(store: &S, record: RecordId, of: Seq) -> Result<Vec<ChangeRow>, StoreError> {
    let rows: Vec<ChangeRow> = store.list_by(ChangeRow::BY_RECORD, &[record.to_cell()], Some(&Seq(0).to_cell()), ALL)?;
    Ok(rows.into_iter().filter(|row| row.seq.is_some_and(|seq| seq <= of)).collect())
}

/// The last position of a record that was written in since, and whether it was done then.
fn as_it_stood<S: Read + ?Sized>(
    store: &S,
    schema: &Schema,
    record: RecordId,
    of: Seq,
) -> Result<Option<(Seq, bool)>, StoreError> {
    let rows = rows_of(store, record, of)?;
    let Some(last) = rows.last().and_then(|row| row.seq) else { return Ok(None) };
    let changes: Result<Vec<Change>, _> = rows.iter().map(|row| Change::parse(&row.bytes)).collect();
    let view = changes.ok().and_then(|changes| Record::rebuild(record, &changes).ok()).and_then(|record| record.view(schema));
    Ok(Some((last, view.is_some_and(|view| is_done(schema, &view.created.kind, &view.state)))))
}
