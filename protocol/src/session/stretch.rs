//! What a feed has just grown by, put into frames once for all who are sent it.
//!
//! A thousand phones that follow one feed stand at the same position when it grows. Copying the entries and packing them for
//! each of them was most of what telling them cost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::server::{FeedEntry, to_items};
use crate::codec::pack_items;
use crate::id::{FeedId, Seq};
use crate::wire::Frame;

/// See the module. Entries that follow each other in a feed without gaps; at least one.
#[derive(Debug)]
pub struct Stretch {
    feed: FeedId,
    after: Seq,
    entries: Vec<FeedEntry>,
    /// As it was sent, by the dictionary of those who read packs.
    frames: Mutex<BTreeMap<Option<u32>, Arc<[u8]>>>,
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

    /// The frame in which all of it travels to whoever reads packs by this dictionary, if they do.
    pub(super) fn frame(&self, dictionary: Option<u32>) -> Arc<[u8]> {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        frames.entry(dictionary).or_insert_with(|| Arc::from(self.encoded(dictionary))).clone()
    }

    fn encoded(&self, dictionary: Option<u32>) -> Vec<u8> {
        let end = self.entries.last().expect("there is at least one");
        framed(to_items(self.feed, self.after, end, self.entries.iter().cloned()), dictionary).encode()
    }
}

/// The frame of a stretch: packed for whoever reads packs, as it is for others and where it does not fit into one.
pub(super) fn framed(items: crate::wire::Items, dictionary: Option<u32>) -> Frame {
    match dictionary.map(|dictionary| pack_items(&items, dictionary)) {
        Some(Ok(packed)) => packed.into(),
        _ => items.into(),
    }
}
