//! A batch: the changes a device sends together, under one signature.
//!
//! Because the batch is signed by the device that wrote it, any phone may carry it, a server restored from an old backup
//! can be healed by the phones, and the history is evidence. [`RawBatch`] is what travels; [`Batch::open`] is the only way
//! to a [`Batch`], whose signature fits and whose changes are well-formed.

use minicbor::{Decode, Encode};

use crate::change::{BadChange, Change};
use crate::id::{ChangeHash, DeviceId, FeedId, RecordId};
use crate::key::{DeviceKey, PublicKey, Signature};
use crate::limits;
use crate::sorted::SortedMap;
use crate::time::UnixMs;
use crate::wire::List;

/// A batch as it travels. Nothing in it has been checked.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct RawBatch {
    /// Who wrote and signed it; another device may carry it.
    #[n(0)]
    pub device: DeviceId,
    /// The device's own count of its batches. Names the batch in a receipt, orders nothing.
    #[n(1)]
    pub number: u64,
    /// Where its changes belong.
    #[n(2)]
    pub feed: FeedId,
    /// The device's clock when it was signed.
    #[n(3)]
    pub device_time: UnixMs,
    /// The changes, each after what it depends on. All of them, but for those that are [absent](Self::absent).
    #[n(4)]
    pub changes: List<RawChange, { limits::BATCH_CHANGES }>,
    /// Over everything above, each change by its hash.
    #[n(5)]
    pub signature: Signature,
    /// Changes that were signed with the others and are not brought along: whoever carries the batch does not have them any
    /// more, or never had.
    #[n(6)]
    pub absent: Option<List<Absent, { limits::BATCH_CHANGES }>>,
}

/// A change of a batch that is known by its name only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Absent {
    /// Its place in the batch, from 0.
    #[n(0)]
    pub position: u16,
    /// Its record.
    #[n(1)]
    pub record: RecordId,
    /// Its name.
    #[n(2)]
    pub hash: ChangeHash,
}

/// One change as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RawChange {
    /// The record it belongs to.
    #[n(0)]
    pub record: RecordId,
    /// An Automerge change chunk.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

/// A batch whose signature fits its device's key and whose changes are well-formed.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    device: DeviceId,
    number: u64,
    feed: FeedId,
    device_time: UnixMs,
    /// Everything that was signed, in order.
    names: Vec<(RecordId, ChangeHash)>,
    /// What was brought along of it, by its place.
    changes: SortedMap<usize, Change>,
    signature: Signature,
}

/// A batch that cannot be taken at all. The device that signed it is at fault, or someone on the way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadBatch {
    /// The signature does not fit.
    #[error("the signature does not fit the batch and the device's key")]
    Signature,
    /// One of the changes is not one we take.
    #[error("change {position}: {why}")]
    Change {
        /// Which, from 0.
        position: usize,
        /// Why not.
        why: BadChange,
    },
    /// Nothing in it.
    #[error("the batch is empty")]
    Empty,
    /// More in it than was ever signed together.
    #[error("the batch names {0} changes, more than one may")]
    TooMany(usize),
    /// An absent change whose place is not in the batch, or is taken.
    #[error("the absent change at {0} has no place in the batch")]
    Misplaced(u16),
    /// The same change twice.
    #[error("change {0} stands twice in the batch")]
    Twice(ChangeHash),
}

/// What is signed. The leading text keeps a signature over a batch from being passed off as one over anything else.
fn signed_text(device: DeviceId, number: u64, feed: FeedId, device_time: UnixMs, names: &[(RecordId, ChangeHash)]) -> Vec<u8> {
    let body = (device, number, feed, device_time, names);
    let mut text = b"renolog batch 1\n".to_vec();
    minicbor::encode(body, &mut text).expect("writing to memory does not fail");
    text
}

/// A batch that its device has yet to sign: where the key cannot be asked at once, it is kept like this meanwhile.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(transparent)]
pub struct Unsigned(#[n(0)] RawBatch);

impl Unsigned {
    /// Puts changes together, each after what it depends on.
    ///
    /// # Errors
    /// [`BadBatch::Empty`], [`BadBatch::TooMany`]; and [`BadBatch::Twice`] for a change given twice.
    pub fn new(
        device: DeviceId,
        number: u64,
        feed: FeedId,
        device_time: UnixMs,
        changes: Vec<(RecordId, Change)>,
    ) -> Result<Self, BadBatch> {
        let names: Vec<(RecordId, ChangeHash)> = changes.iter().map(|(record, change)| (*record, change.hash())).collect();
        check(&names)?;
        let raw = |(record, change): (RecordId, Change)| RawChange { record, bytes: change.bytes().to_vec() };
        let changes: Vec<RawChange> = changes.into_iter().map(raw).collect();
        let changes = changes.try_into().expect("checked above");
        let signature = Signature([0; 64]);
        Ok(Self(RawBatch { device, number, feed, device_time, changes, signature, absent: None }))
    }

    /// What its device signs.
    pub fn text(&self) -> Vec<u8> {
        let Self(raw) = self;
        let names: Vec<_> = raw.changes.iter().map(|change| (change.record, Change::name_of(&change.bytes))).collect();
        signed_text(raw.device, raw.number, raw.feed, raw.device_time, &names)
    }

    /// The device's own count.
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// The batch under this signature, which is not looked at.
    pub fn signed(self, signature: Signature) -> RawBatch {
        RawBatch { signature, ..self.0 }
    }
}

impl Batch {
    /// Puts changes under the device's signature.
    ///
    /// # Errors
    /// [`BadBatch::Empty`], [`BadBatch::TooMany`]; and [`BadBatch::Twice`] for a change given twice.
    pub fn sign(
        key: &DeviceKey,
        device: DeviceId,
        number: u64,
        feed: FeedId,
        device_time: UnixMs,
        changes: Vec<(RecordId, Change)>,
    ) -> Result<Self, BadBatch> {
        let names: Vec<(RecordId, ChangeHash)> = changes.iter().map(|(record, change)| (*record, change.hash())).collect();
        check(&names)?;
        let signature = key.sign(&signed_text(device, number, feed, device_time, &names));
        let changes = changes.into_iter().map(|(_, change)| change).enumerate().collect();
        Ok(Self { device, number, feed, device_time, names, changes, signature })
    }

    /// Checks a batch that travelled against the key of the device it names.
    ///
    /// # Errors
    /// [`BadBatch`] says what is wrong; nothing of it may be used.
    pub fn open(raw: RawBatch, key: &PublicKey) -> Result<Self, BadBatch> {
        let absent = places(raw.absent.iter().flat_map(|list| list.iter()))?;
        let total = raw.changes.len() + absent.len();
        if let Some((position, _)) = absent.last_key_value().filter(|(position, _)| usize::from(**position) >= total) {
            return Err(BadBatch::Misplaced(*position));
        }
        let (mut names, mut changes) = (Vec::with_capacity(total), SortedMap::new());
        let mut brought = raw.changes.into_iter();
        for position in 0..total {
            if let Some(absent) = u16::try_from(position).ok().and_then(|position| absent.get(&position)) {
                names.push((absent.record, absent.hash));
            } else if let Some(raw) = brought.next() {
                let change = Change::parse(&raw.bytes).map_err(|why| BadBatch::Change { position, why })?;
                names.push((raw.record, change.hash()));
                changes.insert(position, change);
            }
        }
        check(&names)?;
        if !key.verifies(&signed_text(raw.device, raw.number, raw.feed, raw.device_time, &names), &raw.signature) {
            return Err(BadBatch::Signature);
        }
        let RawBatch { device, number, feed, device_time, signature, .. } = raw;
        Ok(Self { device, number, feed, device_time, names, changes, signature })
    }

    /// As it travels.
    pub fn to_raw(&self) -> RawBatch {
        let (mut changes, mut absent) = (Vec::new(), Vec::new());
        for (position, (record, hash)) in self.names.iter().enumerate() {
            match self.changes.get(&position) {
                Some(change) => changes.push(RawChange { record: *record, bytes: change.bytes().to_vec() }),
                None => absent.push(Absent { position: position as u16, record: *record, hash: *hash }),
            }
        }
        RawBatch {
            device: self.device,
            number: self.number,
            feed: self.feed,
            device_time: self.device_time,
            changes: changes.try_into().expect("checked when signed or opened"),
            signature: self.signature,
            absent: (!absent.is_empty()).then(|| absent.try_into().expect("checked when signed or opened")),
        }
    }

    /// Who wrote it.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// The device's own count.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Where its changes belong.
    pub fn feed(&self) -> FeedId {
        self.feed
    }

    /// The device's clock when it was signed.
    pub fn device_time(&self) -> UnixMs {
        self.device_time
    }

    /// The changes that were brought along, with their places in the batch and the records they belong to.
    pub fn changes(&self) -> impl ExactSizeIterator<Item = (usize, RecordId, &Change)> {
        self.changes.iter().map(|(position, change)| (*position, self.names[*position].0, change))
    }

    /// Everything that was signed, in order.
    pub fn names(&self) -> &[(RecordId, ChangeHash)] {
        &self.names
    }

    /// Over all of it.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }
}

/// That there are changes, not too many, and none twice.
fn check(names: &[(RecordId, ChangeHash)]) -> Result<(), BadBatch> {
    if names.is_empty() {
        return Err(BadBatch::Empty);
    }
    if names.len() > limits::BATCH_CHANGES {
        return Err(BadBatch::TooMany(names.len()));
    }
    let mut seen = std::collections::HashSet::new();
    match names.iter().find(|(_, hash)| !seen.insert(*hash)) {
        Some((_, hash)) => Err(BadBatch::Twice(*hash)),
        None => Ok(()),
    }
}

fn places<'a>(absent: impl Iterator<Item = &'a Absent>) -> Result<SortedMap<u16, Absent>, BadBatch> {
    let mut places = SortedMap::new();
    for one in absent {
        if places.insert(one.position, *one).is_some() {
            return Err(BadBatch::Misplaced(one.position));
        }
    }
    Ok(places)
}
