//! A part of a snapshot.

use std::collections::{BTreeMap, HashMap};

use renolog_protocol::codec::{Chunk, pack_chunk};
use renolog_protocol::id::Seq;
use renolog_protocol::limits;
use renolog_protocol::schema::Schema;
use renolog_protocol::session::server::{FeedEntry, Packed, to_item};
use renolog_protocol::wire::{Place, Visit};

use super::plan::{OPEN, Plan, order, rows_of};
use crate::ingest;
use crate::reception;
use crate::store::{BatchRow, ChangeRow, Column, ErasureRow, Read, StoreError};

/// Records in the first part: a screenful, and little to wait for.
const FIRST_RECORDS: usize = 32;
/// How many times as many records as came before it a part may hold. What is said of everybody is said in each part again, so
/// few parts are small ones; a link that is cut loses at most the part that was under way.
const GROWTH: usize = 3;
/// Bytes of changes in a part, before they are packed. Words that cannot be squeezed at all still fit in a frame.
const RAW_BYTES: usize = 3 << 18;

/// What follows `after` in a snapshot. Parts grow; open records share none with others, so that a device that saves data can
/// be sent them alone.
///
/// # Errors
/// [`StoreError`].
pub fn chunk<S: Read + ?Sized>(store: &S, schema: &Schema, plan: &Plan, after: Place) -> Result<Packed, StoreError> {
    let first = sent(plan, after);
    let most = (GROWTH * first).max(FIRST_RECORDS);
    let mut part = Part { entries: BTreeMap::new(), batches: HashMap::new(), bytes: 0 };
    let mut through = after;
    for (number, (place, record)) in plan.records[first..].iter().enumerate() {
        if number >= most || (number > 0 && through.pass == OPEN && place.pass != OPEN) {
            break;
        }
        // The rest of a record that was too large for the part before.
        let from = if order(*place) == order(after) { after.upto } else { Seq(0) };
        let rows: Vec<ChangeRow> = rows_of(store, *record, plan.mark.seq)?;
        let size: usize = rows.iter().filter(|row| row.seq > Some(from)).map(|row| row.bytes.len()).sum();
        if number > 0 && !part.has_room(size, rows.len()) {
            break;
        }
        through = *place;
        for row in rows.into_iter().filter(|row| row.seq > Some(from)) {
            if !part.entries.is_empty() && !part.has_room(row.bytes.len(), 1) {
                return part.packed(plan, Place { upto: through.upto, ..*place });
            }
            through.upto = row.seq.unwrap_or_default();
            part.change(store, row)?;
        }
        through = *place;
        if let Some(erasure) = store.get::<ErasureRow>(&[record.to_cell()])?.filter(|row| row.seq <= plan.mark.seq) {
            part.entries.insert(erasure.seq, ingest::erasure_entry(schema, &erasure));
        }
    }
    part.packed(plan, through)
}

/// How many records are complete by this place.
fn sent(plan: &Plan, place: Place) -> usize {
    plan.records.partition_point(|(of, _)| order(*of) < order(place) || *of == place)
}

/// What was gathered.
struct Part {
    entries: BTreeMap<Seq, FeedEntry>,
    batches: HashMap<u64, BatchRow>,
    bytes: usize,
}

impl Part {
    fn has_room(&self, bytes: usize, entries: usize) -> bool {
        // One more may be an erasure.
        self.bytes + bytes <= RAW_BYTES && self.entries.len() + entries < limits::CHUNK_ITEMS
    }

    fn change<S: Read + ?Sized>(&mut self, store: &S, row: ChangeRow) -> Result<(), StoreError> {
        if let std::collections::hash_map::Entry::Vacant(place) = self.batches.entry(row.batch) {
            place.insert(store.get(&[row.batch.to_cell()])?.ok_or(StoreError::Damaged("batches"))?);
        }
        self.bytes += row.bytes.len();
        let entry = reception::entry(row, &self.batches)?;
        self.entries.insert(entry.seq, entry);
        Ok(())
    }

    fn packed(self, plan: &Plan, through: Place) -> Result<Packed, StoreError> {
        let mut visits: Vec<Visit> = Vec::new();
        let mut index: HashMap<Visit, u32> = HashMap::new();
        let items = self.entries.into_values().map(|entry| to_item(entry, &mut visits, &mut index)).collect();
        let pack = pack_chunk(&Chunk { visits, items }).map_err(|why| StoreError::Failing(why.to_string()))?;
        let rest = &plan.records[sent(plan, through)..];
        let (last, open_end) = (rest.is_empty(), rest.first().is_none_or(|(place, _)| place.pass != OPEN));
        Ok(Packed { mark: plan.mark, through, last, open_end, pack })
    }
}
