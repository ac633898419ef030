//! What a feed has just grown by, put into frames once for all who are sent it.
//!
//! A thousand phones that follow one feed stand at the same position when it grows. Copying the entries and packing them for
//! each of them was most of what telling them cost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::server::{FeedEntry, to_items};
use crate::codec::pack_items;
use crate::id::{FeedId, Seq};
use crate::wire::{Frame, Items, ShortItems};

/// See the module. Entries that follow each other in a feed without gaps; at least one.
#[derive(Debug)]
pub struct Stretch {
    feed: FeedId,
    after: Seq,
    entries: Vec<FeedEntry>,
    /// As it was sent.
    frames: Mutex<BTreeMap<Telling, Arc<[u8]>>>,
}

/// How a device is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Telling {
    /// As it is.
    Plainly,
    /// Packed by this dictionary.
    Packed(u32),
    /// Packed and in short, where it greeted in short and named the feed at this place.
    InShort {
        /// By this dictionary.
        dictionary: u32,
        /// Mostly 0: most devices follow one community.
        place: u32,
    },
}

impl Stretch {
    /// These entries, which follow `after`; `None` of no entries.
    pub fn new(feed: FeedId, after: Seq, entries: Vec<FeedEntry>) -> Option<Self> {
        (!entries.is_empty()).then(|| Self { feed, after, entries, frames: Mutex::default() })
    }

    /// Which feed.
    pub fn feed(&self) -> FeedId {
        self.feed
    }

    /// What it follows.
    pub fn after(&self) -> Seq {
        self.after
    }

    /// What is in it.
    pub fn entries(&self) -> &[FeedEntry] {
        &self.entries
    }

    /// Its last position.
    pub fn upto(&self) -> Seq {
        self.entries.last().map_or(self.after, |entry| entry.seq)
    }

    /// The frame in which all of it travels.
    pub(super) fn frame(&self, telling: Telling) -> Arc<[u8]> {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        frames.entry(telling).or_insert_with(|| Arc::from(self.encoded(telling))).clone()
    }

    fn encoded(&self, telling: Telling) -> Vec<u8> {
        let end = self.entries.last().expect("there is at least one");
        framed(to_items(self.feed, self.after, end, self.entries.iter().cloned()), telling).encode()
    }
}

/// The frame of a stretch: packed for whoever reads packs, as it is for others and where it does not fit into one.
pub(super) fn framed(items: Items, telling: Telling) -> Frame {
    let (dictionary, place) = match telling {
        Telling::Plainly => return items.into(),
        Telling::Packed(dictionary) => (dictionary, None),
        Telling::InShort { dictionary, place } => (dictionary, Some(place)),
    };
    match (pack_items(&items, dictionary), place) {
        (Ok(packed), Some(place)) => ShortItems::of(place, packed).into(),
        (Ok(packed), None) => packed.into(),
        (Err(_), _) => items.into(),
    }
}
