//! What a feed has just grown by, put into frames once for all who are sent it.
//!
//! A thousand phones that follow one feed stand at the same position when it grows. Copying the entries and packing them for
//! each of them was most of what telling them cost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::server::{FeedEntry, to_items};
use crate::codec::pack_items;
use crate::id::{FeedId, Seq};
use crate::wire::{Common, Frame, Items, PackedItems};

/// See the module. Entries that follow each other in a feed without gaps; at least one.
#[derive(Debug)]
pub struct Stretch {
    feed: FeedId,
    after: Seq,
    entries: Vec<FeedEntry>,
    /// As it was sent, by the dictionary of those who read packs.
    made: Mutex<BTreeMap<Option<u32>, Made>>,
}

#[derive(Debug)]
struct Made {
    travelling: Travelling,
    in_full: Arc<[u8]>,
}

impl Stretch {
    /// These entries, which follow `after`; `None` of no entries.
    pub fn new(feed: FeedId, after: Seq, entries: Vec<FeedEntry>) -> Option<Self> {
        (!entries.is_empty()).then(|| Self { feed, after, entries, made: Mutex::default() })
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

    /// The frame in which all of it travels to whoever reads packs by this dictionary, if they do, and speaks this language,
    /// if any.
    pub(super) fn frame(&self, dictionary: Option<u32>, common: Option<&Common>) -> Arc<[u8]> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let made = made.entry(dictionary).or_insert_with(|| self.make(dictionary));
        match (&made.travelling, common) {
            // What is packed stays so; only what stands around it is each connection's own.
            (Travelling::Packed(_), Some(_)) => Arc::from(made.travelling.clone().frame(common).encode()),
            _ => made.in_full.clone(),
        }
    }

    fn make(&self, dictionary: Option<u32>) -> Made {
        let end = self.entries.last().expect("there is at least one");
        let travelling = Travelling::new(to_items(self.feed, self.after, end, self.entries.iter().cloned()), dictionary);
        let in_full = Arc::from(travelling.clone().frame(None).encode());
        Made { travelling, in_full }
    }
}

/// A stretch as it travels: packed for whoever reads packs, as it is for others and where it does not fit into one.
#[derive(Debug, Clone)]
pub(super) enum Travelling {
    Packed(PackedItems),
    Plain(Items),
}

impl Travelling {
    pub(super) fn new(items: Items, dictionary: Option<u32>) -> Self {
        match dictionary.map(|dictionary| pack_items(&items, dictionary)) {
            Some(Ok(packed)) => Self::Packed(packed),
            _ => Self::Plain(items),
        }
    }

    /// Its frame, in the short language of a connection that has one.
    pub(super) fn frame(self, common: Option<&Common>) -> Frame {
        match (self, common) {
            (Self::Packed(packed), Some(common)) => common.items(packed),
            (Self::Packed(packed), None) => packed.into(),
            (Self::Plain(items), _) => items.into(),
        }
    }
}
