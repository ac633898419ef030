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
    /// The changes, each after what it depends on.
    #[n(4)]
    pub changes: List<RawChange, { limits::BATCH_CHANGES }>,
    /// Over everything above, each change by its hash.
    #[n(5)]
    pub signature: Signature,
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
    changes: Vec<(RecordId, Change)>,
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

impl Batch {
    /// Puts changes under the device's signature.
    ///
    /// # Errors
    /// [`BadBatch::Empty`]; and [`BadBatch::Twice`] for a change given twice.
    pub fn sign(
        key: &DeviceKey,
        device: DeviceId,
        number: u64,
        feed: FeedId,
        device_time: UnixMs,
        changes: Vec<(RecordId, Change)>,
    ) -> Result<Self, BadBatch> {
        let signature = key.sign(&signed_text(device, number, feed, device_time, &names(&changes)?));
        Ok(Self { device, number, feed, device_time, changes, signature })
    }

    /// Checks a batch that travelled against the key of the device it names.
    ///
    /// # Errors
    /// [`BadBatch`] says what is wrong; nothing of it may be used.
    pub fn open(raw: RawBatch, key: &PublicKey) -> Result<Self, BadBatch> {
        let mut changes = Vec::with_capacity(raw.changes.len());
        for (position, raw) in raw.changes.into_iter().enumerate() {
            let change = Change::parse(&raw.bytes).map_err(|why| BadBatch::Change { position, why })?;
            changes.push((raw.record, change));
        }
        let text = signed_text(raw.device, raw.number, raw.feed, raw.device_time, &names(&changes)?);
        if !key.verifies(&text, &raw.signature) {
            return Err(BadBatch::Signature);
        }
        let RawBatch { device, number, feed, device_time, signature, .. } = raw;
        Ok(Self { device, number, feed, device_time, changes, signature })
    }

    /// As it travels.
    pub fn to_raw(&self) -> RawBatch {
        let raw = |(record, change): &(RecordId, Change)| RawChange { record: *record, bytes: change.bytes().to_vec() };
        RawBatch {
            device: self.device,
            number: self.number,
            feed: self.feed,
            device_time: self.device_time,
            changes: self.changes.iter().map(raw).collect::<Vec<_>>().try_into().expect("checked when signed or opened"),
            signature: self.signature,
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

    /// Its changes with the records they belong to.
    pub fn changes(&self) -> &[(RecordId, Change)] {
        &self.changes
    }

    /// Over all of it.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }
}

/// What the signature covers of each change; also the check that there are changes, not too many, and none twice.
fn names(changes: &[(RecordId, Change)]) -> Result<Vec<(RecordId, ChangeHash)>, BadBatch> {
    if changes.is_empty() {
        return Err(BadBatch::Empty);
    }
    assert!(changes.len() <= limits::BATCH_CHANGES, "the outbox cuts batches to size");
    let names: Vec<(RecordId, ChangeHash)> = changes.iter().map(|(record, change)| (*record, change.hash())).collect();
    let mut seen = std::collections::HashSet::new();
    match names.iter().find(|(_, hash)| !seen.insert(*hash)) {
        Some((_, hash)) => Err(BadBatch::Twice(*hash)),
        None => Ok(names),
    }
}
