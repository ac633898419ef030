//! What both ends remember of a chunk so far, and what they expect by it.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::codec::parts::Parts;
use crate::id::{ChangeHash, DeviceId, RecordId};
use crate::sorted::SortedSet;
use crate::wire::Visit;

/// Bytes over which the names of all entries of a chunk are told.
const CHECK: usize = 8;

/// What was told of a record.
#[derive(Debug, Default)]
pub(super) struct Tale {
    heads: SortedSet<[u8; 32]>,
    maker: Option<[u8; 16]>,
    seqs: HashMap<[u8; 16], u64>,
    next_op: u64,
}

impl Tale {
    /// What the next change stands on, unless somebody wrote apart from the others.
    pub(super) fn heads(&self) -> Vec<[u8; 32]> {
        self.heads.iter().copied().collect()
    }

    /// The number of this actor's next change.
    pub(super) fn next_seq(&self, actor: [u8; 16]) -> u64 {
        self.seqs.get(&actor).copied().unwrap_or(0).wrapping_add(1)
    }

    /// Where the operations of the next change begin.
    pub(super) fn next_op(&self) -> u64 {
        self.next_op.max(1)
    }

    /// Whom a change of this actor refers to: whoever made the record made its containers.
    pub(super) fn others(&self, actor: [u8; 16]) -> Vec<[u8; 16]> {
        self.maker.into_iter().filter(|maker| *maker != actor).collect()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Memory {
    records: Vec<RecordId>,
    places: HashMap<RecordId, usize>,
    tales: Vec<Tale>,
    names: Vec<ChangeHash>,
    named: HashMap<ChangeHash, usize>,
    actors: HashMap<DeviceId, [u8; 16]>,
    /// The latest moment told by each visit.
    moments: HashMap<u32, i64>,
    digest: Sha256,
}

impl Memory {
    pub(super) fn records(&self) -> usize {
        self.records.len()
    }

    pub(super) fn place_of(&self, record: RecordId) -> Option<usize> {
        self.places.get(&record).copied()
    }

    pub(super) fn record_at(&self, place: usize) -> Option<RecordId> {
        self.records.get(place).copied()
    }

    pub(super) fn begin(&mut self, record: RecordId) -> usize {
        self.places.insert(record, self.records.len());
        self.records.push(record);
        self.tales.push(Tale::default());
        self.records.len() - 1
    }

    pub(super) fn tale(&self, place: usize) -> &Tale {
        &self.tales[place]
    }

    /// By which actor a device wrote last.
    pub(super) fn actor_of(&self, device: DeviceId) -> Option<[u8; 16]> {
        self.actors.get(&device).copied()
    }

    /// How many names ago this one stood.
    pub(super) fn ago(&self, hash: ChangeHash) -> Option<usize> {
        self.named.get(&hash).map(|place| self.names.len() - place)
    }

    /// The name that stood so many names ago.
    pub(super) fn name_ago(&self, ago: usize) -> Option<ChangeHash> {
        self.names.len().checked_sub(ago).and_then(|place| self.names.get(place)).copied()
    }

    /// When a change of this visit was written, about.
    pub(super) fn moment(&self, number: u32, visit: &Visit) -> i64 {
        self.moments.get(&number).copied().unwrap_or_else(|| visit.received.0.wrapping_sub(visit.skew.0))
    }

    /// A change was told.
    pub(super) fn changed(
        &mut self,
        place: usize,
        hash: ChangeHash,
        (number, visit): (u32, &Visit),
        parts: &Parts<'_>,
        ops: u64,
    ) {
        let tale = &mut self.tales[place];
        tale.heads.retain(|head| !parts.deps.contains(head));
        tale.maker.get_or_insert(parts.actor);
        tale.seqs.insert(parts.actor, parts.seq);
        tale.next_op = tale.next_op.max(parts.start_op.saturating_add(ops));
        self.actors.insert(visit.device, parts.actor);
        self.moments.insert(number, parts.time);
        self.name(place, hash);
    }

    /// A change was told of which nothing is known but its name.
    pub(super) fn name(&mut self, place: usize, hash: ChangeHash) {
        self.tales[place].heads.insert(hash.0);
        self.named.insert(hash, self.names.len());
        self.names.push(hash);
        self.told(place, hash.as_bytes());
    }

    /// Anything else was told of a record.
    pub(super) fn told(&mut self, place: usize, what: &[u8]) {
        self.digest.update(self.records[place].as_bytes());
        self.digest.update((what.len() as u64).to_be_bytes());
        self.digest.update(what);
    }

    /// What both ends must have come to.
    pub(super) fn check(&self) -> [u8; CHECK] {
        self.digest.clone().finalize()[..CHECK].try_into().expect("a digest is longer")
    }
}
