//! Snapshots: a feed as whole records, for a device that has nothing of it.
//!
//! A snapshot is of a position: it holds every entry up to there, but in another order. Records whose matter is still open come first, those
//! last written in before others, then those that are done, then what was erased. It comes in chunks, each of use as soon as it is
//! stored; a device keeps how far it came ([`Begun`]) and goes on there, on whatever connection. Only when it has
//! everything has it stored the feed up to that position.
//!
//! A device that saves data is sent the open records alone. Then the rest is left out, and the feed goes on from the
//! snapshot's position all the same; the device keeps how far it came, and fetches the rest from there when it may.

use minicbor::{Decode, Encode};

use crate::chain::Mark;
use crate::id::{Epoch, FeedId, Seq};

/// How far into a snapshot: everything before this was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct Place {
    /// Open records are 0, those that are done 1, those that were erased 2.
    #[n(0)]
    pub pass: u8,
    /// Which record of that pass, by the position of its last entry; they come by descending positions.
    #[n(1)]
    pub last: Seq,
    /// Up to which position that record was sent: all of it, but for one that is larger than a chunk.
    #[n(2)]
    pub upto: Seq,
}

impl Place {
    /// Before everything.
    pub const START: Self = Self { pass: 0, last: Seq(u64::MAX), upto: Seq(u64::MAX) };
}

/// A snapshot of which a device has a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Begun {
    /// Of which feed.
    #[n(0)]
    pub feed: FeedId,
    /// In which life of the server's store.
    #[n(1)]
    pub epoch: Epoch,
    /// Of which position, and the link there.
    #[n(2)]
    pub mark: Mark,
    /// How far.
    #[n(3)]
    pub through: Place,
}

/// A part of a snapshot.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct ChunkFrame {
    /// Which feed.
    #[n(0)]
    pub feed: FeedId,
    /// Of which position the snapshot is, and the link there.
    #[n(1)]
    pub mark: Mark,
    /// It goes on from this place …
    #[n(2)]
    pub after: Place,
    /// … to this one.
    #[n(3)]
    pub through: Place,
    /// Whether that was all.
    #[n(4)]
    pub last: bool,
    /// How it is [packed](crate::codec::pack_chunk).
    #[n(5)]
    pub coding: u32,
    /// Whole records.
    #[cbor(n(6), with = "minicbor::bytes")]
    pub pack: Vec<u8>,
    /// Whether the rest is left out, because the device saves data; the feed goes on from the snapshot's position. Not said
    /// where it is not.
    #[n(7)]
    pub left_out: Option<bool>,
}
