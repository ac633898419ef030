//! How changes travel: without what the other end knows already, and compressed with a dictionary made of such changes.
//!
//! A change of some words is 250 bytes, of which most are names: of the changes it stands on (32 bytes each), its actor, its
//! record. The other end has the former, and with them the latter. So a dependency travels as its place in the same pack,
//! or as the first [`PREFIX`] bytes of its name, which its reader looks up; the record goes with it. Ids stand once in a
//! pack, times and counts as differences. The rest, mostly columns, is squeezed by zstd with a [dictionary](DICTIONARIES)
//! that both ends have.
//!
//! A reader puts the exact bytes together again and compares the names with what the writer had ([`BadPack::Mismatch`]), so
//! a fault here can refuse, never alter. Whoever could not read a pack asks without
//! [`Hello::dictionary`](crate::wire::Hello::dictionary) for everything as it is.
//!
//! ```text
//!   pack = lengths ∥ ids and hashes ∥ zstd(numbers and words ∥ columns)
//! ```

mod changes;
mod items;
mod parts;
mod push;
mod squeeze;
mod streams;
mod whole;

use crate::id::{ChangeHash, RecordId};

pub use items::{pack_items, sample, unpack_items};
pub use push::{Parcel, pack_push, unpack_push};
pub use squeeze::{DICTIONARIES, NEWEST, train};
pub use whole::{CHUNK_CODING, Chunk, pack_chunk, unpack_chunk};

/// Bytes of a change's name that stand for it. Two that share them in one feed are 2⁶⁴ to one, unless somebody makes them
/// so; then both are sent in full.
pub const PREFIX: usize = 8;

/// Bytes that are no pack, or one that means nothing to its reader. Nothing of it may be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPack {
    /// A dictionary that this build does not have.
    #[error("packed by dictionary {0}, which is not known here")]
    UnknownDictionary(u32),
    /// It ends before it is over.
    #[error("the pack is cut short")]
    CutShort,
    /// It says what cannot be.
    #[error("the pack makes no sense")]
    Senseless,
    /// Over a bound.
    #[error("the pack unfolds to more than it may")]
    TooMuch,
    /// It refers to a change that its reader does not have.
    #[error("the pack refers to a change that is not known here")]
    Unknown,
    /// What was put together is not what was packed.
    #[error("the pack does not unfold to what was packed")]
    Mismatch,
}

/// Why a pack was not read.
#[derive(Debug, thiserror::Error)]
pub enum Unread<E> {
    /// Its own fault.
    #[error(transparent)]
    Bad(#[from] BadPack),
    /// Changes could not be looked up.
    #[error("what a pack refers to could not be looked up")]
    Lookup(E),
}

/// What a reader of packs has.
pub trait Known {
    /// Why it cannot tell.
    type Error;

    /// The one change whose name begins so, and its record; nothing if there is none, or more than one.
    ///
    /// # Errors
    /// Its own.
    fn begins(&self, prefix: [u8; PREFIX]) -> Result<Option<(ChangeHash, RecordId)>, Self::Error>;
}

impl<E, F: Fn([u8; PREFIX]) -> Result<Option<(ChangeHash, RecordId)>, E>> Known for F {
    type Error = E;

    fn begins(&self, prefix: [u8; PREFIX]) -> Result<Option<(ChangeHash, RecordId)>, E> {
        self(prefix)
    }
}
