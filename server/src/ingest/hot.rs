//! Records and rosters kept ready to judge by: bounded caches over the store.

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use renolog_protocol::change::Change;
use renolog_protocol::id::{ActorId, DeviceId, FeedId, RecordId, Seq};
use renolog_protocol::record::Record;
use renolog_protocol::roster::Roster;

use crate::rosters::Rosters;
use crate::store::{ActorRow, ChangeRow, Column, CommunityRow, DeviceRow, ErasureRow, Read, Row, StoreError, WaitRow};

/// A record and the feed it belongs to, once it has a change.
#[derive(Debug)]
pub(super) struct HotRecord {
    pub(super) record: Record,
    pub(super) feed: Option<FeedId>,
    /// Whether it was erased: nothing stands in it, and nothing ever will.
    pub(super) erased: bool,
}

/// Actors whose device is remembered. A device has one in all its records, and writes in turns with the others.
const ACTORS: NonZeroUsize = NonZeroUsize::new(4_096).expect("not zero");
/// Devices that are remembered: reading one back checks that its key is a point of the curve.
const DEVICES: NonZeroUsize = NonZeroUsize::new(1_024).expect("not zero");

/// Least recently used ones go first.
#[derive(Debug)]
pub(super) struct Hot {
    records: LruCache<RecordId, HotRecord>,
    rosters: Rosters,
    actors: LruCache<ActorId, DeviceId>,
    devices: LruCache<DeviceId, DeviceRow>,
    /// How many changes wait for others, as far as that is known.
    waits: Option<u64>,
}

impl Hot {
    pub(super) fn new(records: usize) -> Self {
        let records = LruCache::new(NonZeroUsize::new(records).unwrap_or(NonZeroUsize::MIN));
        Self { records, rosters: Rosters::default(), actors: LruCache::new(ACTORS), devices: LruCache::new(DEVICES), waits: None }
    }

    /// The record with all its accepted changes, from memory or from the store.
    pub(super) fn load<S: Read + ?Sized>(&mut self, store: &S, id: RecordId) -> Result<&mut HotRecord, StoreError> {
        if !self.records.contains(&id) {
            let loaded = load(store, id)?;
            self.records.put(id, loaded);
        }
        Ok(self.records.get_mut(&id).expect("it was just put there"))
    }

    /// The members of a community.
    pub(super) fn roster<S: Read + ?Sized>(&self, store: &S, of: &CommunityRow) -> Result<Arc<Roster>, StoreError> {
        self.rosters.of(store, of)
    }

    /// The device that an actor belongs to, if it belongs to one. That never changes.
    pub(super) fn device_of<S: Read + ?Sized>(&mut self, store: &S, actor: ActorId) -> Result<Option<DeviceId>, StoreError> {
        if let Some(known) = self.actors.get(&actor) {
            return Ok(Some(*known));
        }
        let row: Option<ActorRow> = store.get(&[actor.to_cell()])?;
        Ok(row.map(|row| {
            self.actors.put(actor, row.device);
            row.device
        }))
    }

    /// A device, if it is enrolled.
    pub(super) fn device<S: Read + ?Sized>(&mut self, store: &S, id: DeviceId) -> Result<Option<&DeviceRow>, StoreError> {
        if !self.devices.contains(&id) {
            let Some(row) = store.get::<DeviceRow>(&[id.to_cell()])? else { return Ok(None) };
            self.devices.put(id, row);
        }
        Ok(self.devices.get(&id))
    }

    /// To be said before anything that may enrol or revoke one.
    pub(super) fn forget_devices(&mut self) {
        self.devices.clear();
    }

    /// Whether any change at all waits for another. Seldom one does, and every accepted change asks.
    pub(super) fn anything_waits<S: Read + ?Sized>(&mut self, store: &S) -> Result<bool, StoreError> {
        let count = match self.waits {
            Some(count) => count,
            None => store.count_cells(WaitRow::TABLE, None, &[])?,
        };
        self.waits = Some(count);
        Ok(count > 0)
    }

    /// To be said when a change begins to wait, or waits no more.
    pub(super) fn waits_changed(&mut self) {
        self.waits = None;
    }

    /// Forgets a record in no known state; it is rebuilt from the store when next needed.
    pub(super) fn forget(&mut self, id: RecordId) {
        self.records.pop(&id);
    }

    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.rosters.clear();
        self.actors.clear();
        self.devices.clear();
        self.waits = None;
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
