//! Whole records, packed together: what a device that has nothing is given first.
//!
//! In such a chunk every record begins, so nothing has to be looked up: what a change stands on, which number it has and where
//! its operations begin follow from the change before it in the same record. Everything else is written column by column
//! over all changes of the chunk — who, when, which cells, which words — since a column of likes squeezes to next to nothing. What is
//! left is what people said, when, and the ids that were drawn.
//!
//! ```text
//!   pack = length of the ids ∥ ids and drawn names ∥ zstd(lengths ∥ one stream after another)
//! ```

mod memory;
mod ops;
mod read;
mod streams;
mod tokens;
mod write;

use crate::wire::{Item, Visit};

/// The newest way of packing chunks that this build reads.
pub const CHUNK_CODING: u32 = 1;

/// Entries of whole records before they are packed, in the order of their feed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chunk {
    /// By whom, and when they came; items refer to these, and each is first referred to in this order.
    pub visits: Vec<Visit>,
    /// The entries, by ascending position.
    pub items: Vec<Item>,
}

pub use read::unpack_chunk;
pub use write::pack_chunk;
