//! Records kept ready to be judged: a bounded cache over the store.

use std::num::NonZeroUsize;

use lru::LruCache;
use renolog_protocol::change::Change;
use renolog_protocol::id::{FeedId, RecordId, Seq};
use renolog_protocol::record::Record;

use crate::store::{ChangeRow, Column, ErasureRow, Read, StoreError};

/// A record and the feed it belongs to, once it has a change.
#[derive(Debug)]
pub(super) struct HotRecord {
    pub(super) record: Record,
    pub(super) feed: Option<FeedId>,
    /// Whether it was erased: nothing stands in it, and nothing ever will.
    pub(super) erased: bool,
}

/// Least recently used records go first.
#[derive(Debug)]
pub(super) struct Hot(LruCache<RecordId, HotRecord>);

impl Hot {
    pub(super) fn new(records: usize) -> Self {
        Self(LruCache::new(NonZeroUsize::new(records).unwrap_or(NonZeroUsize::MIN)))
    }

    /// The record with all its accepted changes, from memory or from the store.
    pub(super) fn load<S: Read + ?Sized>(&mut self, store: &S, id: RecordId) -> Result<&mut HotRecord, StoreError> {
        if !self.0.contains(&id) {
            let loaded = load(store, id)?;
            self.0.put(id, loaded);
        }
        Ok(self.0.get_mut(&id).expect("it was just put there"))
    }

    /// Forgets a record in no known state; it is rebuilt from the store when next needed.
    pub(super) fn forget(&mut self, id: RecordId) {
        self.0.pop(&id);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// A record with all its accepted changes, straight from the store.
pub(super) fn load<S: Read + ?Sized>(store: &S, id: RecordId) -> Result<HotRecord, StoreError> {
    if let Some(erasure) = store.get::<ErasureRow>(&[id.to_cell()])? {
        return Ok(HotRecord { record: Record::empty(id), feed: Some(erasure.feed), erased: true });
    }
    let rows: Vec<ChangeRow> = store.list_by(
        ChangeRow::BY_RECORD,
        &[id.to_cell()],
        Some(&Seq(0).to_cell()),
        renolog_protocol::limits::RECORD_CHANGES,
    )?;
    let changes = rows.iter().map(|row| Change::parse(&row.bytes)).collect::<Result<Vec<_>, _>>();
    let changes = changes.map_err(|_| StoreError::Damaged("changes"))?;
    let record = Record::rebuild(id, &changes).map_err(|_| StoreError::Damaged("changes"))?;
    Ok(HotRecord { record, feed: rows.first().map(|row| row.feed), erased: false })
}
