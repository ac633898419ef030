//! The changes of a push.

use super::squeeze::{fold, unfold};
use super::streams::{In, Out};
use super::{BadPack, Known, NEWEST, OLDEST_WRITTEN, Unread, first, lanes};
use crate::batch::{RawBatch, RawChange};
use crate::id::ChangeHash;
use crate::limits;
use crate::wire::{List, PackedPush};

/// A push as it came.
#[derive(Debug, Clone, PartialEq)]
pub enum Parcel {
    /// With its changes as they are.
    Plain(RawBatch),
    /// Packed.
    Packed(PackedPush),
}

impl Parcel {
    /// What it says of itself: the batch, of which the changes may be missing.
    pub fn label(&self) -> &RawBatch {
        match self {
            Self::Plain(batch) => batch,
            Self::Packed(push) => &push.batch,
        }
    }

    /// About what its changes take on the wire, one by one.
    pub fn sizes(&self) -> impl Iterator<Item = usize> + '_ {
        let (plain, packed) = match self {
            Self::Plain(batch) => (Some(batch.changes.iter().map(|change| change.bytes.len())), None),
            Self::Packed(push) => (None, Some(push.pack.len())),
        };
        plain.into_iter().flatten().chain(packed)
    }

    /// The batch.
    ///
    /// # Errors
    /// [`Unread`].
    pub fn open<K: Known>(self, known: &K) -> Result<RawBatch, Unread<K::Error>> {
        match self {
            Self::Plain(batch) => Ok(batch),
            Self::Packed(push) => unpack_push(push, known),
        }
    }
}

/// Packs a batch for a reader that has what `is_known` says.
///
/// # Errors
/// [`BadPack::TooMuch`]: more than a frame holds. Then it travels as it is.
pub fn pack_push(batch: &RawBatch, is_known: &dyn Fn(&ChangeHash) -> bool) -> Result<PackedPush, BadPack> {
    let changes: Vec<_> = batch.changes.iter().map(|change| (change.record, change.bytes.as_slice())).collect();
    let mut out = Out::default();
    out.number(changes.len() as u64);
    let out = lanes::write(out, &changes, is_known);
    let batch_without = RawBatch { changes: List::default(), ..batch.clone() };
    Ok(PackedPush { batch: batch_without, dictionary: NEWEST, pack: fold(NEWEST, &out)? })
}

/// The batch again, byte for byte.
///
/// # Errors
/// [`Unread`].
pub fn unpack_push<K: Known>(push: PackedPush, known: &K) -> Result<RawBatch, Unread<K::Error>> {
    let (ids, together, numbers) = unfold(push.dictionary, &push.pack)?;
    let (numbers, columns) = together.split_at(numbers);
    let mut read = In::new(numbers, columns, ids);
    let changes: Vec<RawChange> = if push.dictionary < OLDEST_WRITTEN {
        first::push(read, known)?
    } else {
        let count = read.count(limits::BATCH_CHANGES)?;
        lanes::read(&mut read, count, known)?.into_iter().map(|(record, bytes)| RawChange { record, bytes }).collect()
    };
    if changes.iter().map(|change| change.bytes.len()).sum::<usize>() > limits::BATCH_BYTES {
        return Err(BadPack::TooMuch.into());
    }
    Ok(RawBatch { changes: changes.try_into().map_err(|_| BadPack::TooMuch)?, ..push.batch })
}
