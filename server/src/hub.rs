//! Who is listening to what.
//!
//! There is no queue per connection. A connection is a position in each feed it follows; the hub only wakes it
//! ([`Wake`]) and lends it the latest entries of a feed (the tail), so that a thousand phones in one community do not each
//! ask the store for the change that one of them just made. A slow phone misses nothing: it reads on from its position,
//! from the tail or from the store.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use renolog_protocol::id::{DeviceId, FeedId, Seq};
use renolog_protocol::limits;
use renolog_protocol::session::server::FeedEntry;
use renolog_protocol::session::stretch::Stretch;
use renolog_protocol::wire::Receipt;
use tokio::sync::Notify;

/// Entries kept in the tail of each feed that someone listens to.
const TAIL_ENTRIES: usize = 256;
/// Late receipts kept for one connection; what does not fit is asked for again when the device next says hello.
const LATE_RECEIPTS: usize = 16;

/// See the module.
#[derive(Debug, Default)]
pub struct Hub(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    feeds: HashMap<FeedId, Feed>,
    devices: HashMap<DeviceId, Vec<Weak<Wake>>>,
    /// Those who listen to everything.
    attending: Vec<Weak<Wake>>,
}

#[derive(Debug, Default)]
struct Feed {
    /// Its last position, once it has grown since the start.
    head: Option<Seq>,
    tail: VecDeque<FeedEntry>,
    /// The end of the tail that was asked for last; most who are woken ask for the same.
    stretch: Option<Arc<Stretch>>,
    listeners: Vec<Weak<Wake>>,
}

/// One connection's bell: rung when something it listens to has happened. What happened is kept as the least that says it
/// all, so it cannot grow.
#[derive(Debug, Default)]
pub struct Wake {
    bell: Notify,
    news: Mutex<News>,
    overtaken: AtomicBool,
}

/// What happened since a connection last looked.
#[derive(Debug, Default)]
pub struct News {
    /// Feeds that grew, and up to where.
    pub grown: BTreeMap<FeedId, Seq>,
    /// Receipts for changes that had been held.
    pub late: Vec<Receipt>,
    /// Whether a roster changed.
    pub roster: bool,
}

impl Wake {
    /// Whether its device has connected again since: what this connection knows of it is not the latest.
    pub fn is_overtaken(&self) -> bool {
        self.overtaken.load(Ordering::Relaxed)
    }

    /// Waits until there is news, and takes it.
    pub async fn news(&self) -> News {
        self.bell.notified().await;
        std::mem::take(&mut *self.lock())
    }

    fn ring(&self, note: impl FnOnce(&mut News)) {
        note(&mut self.lock());
        self.bell.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A bell for a new connection of `device`, which overtakes those that it has.
    pub fn connect(&self, device: DeviceId) -> Arc<Wake> {
        let wake = Arc::new(Wake::default());
        let mut state = self.lock();
        let wakes = state.devices.entry(device).or_default();
        wakes.retain(|wake| wake.upgrade().inspect(|wake| wake.overtaken.store(true, Ordering::Relaxed)).is_some());
        wakes.push(Arc::downgrade(&wake));
        wake
    }

    /// A bell for a console: rung whenever any feed grows and any standing changes. Who may hear of it is for its holder to ask.
    pub fn attend(&self) -> Arc<Wake> {
        let wake = Arc::new(Wake::default());
        let mut state = self.lock();
        state.attending.retain(|wake| wake.strong_count() > 0);
        state.attending.push(Arc::downgrade(&wake));
        wake
    }

    /// Rings `wake` whenever `feed` grows from now on. Answers how far it has grown since the start, if it has: what the
    /// listener read of the store before it listened may be older than that.
    pub fn listen(&self, wake: &Arc<Wake>, feed: FeedId) -> Option<Seq> {
        let mut state = self.lock();
        let known = state.feeds.entry(feed).or_default();
        known.listeners.retain(|listener| listener.strong_count() > 0);
        known.listeners.push(Arc::downgrade(wake));
        known.head
    }

    /// Entries of `feed` after `after`, if the tail reaches back that far; bounded like a page.
    pub fn tail(&self, feed: FeedId, after: Seq) -> Option<Arc<Stretch>> {
        let mut state = self.lock();
        let Feed { tail, stretch, .. } = state.feeds.get_mut(&feed)?;
        if let Some(known) = stretch.as_ref().filter(|known| known.after() == after) {
            return Some(known.clone());
        }
        let first = tail.front()?.seq;
        if after.next() < first {
            return None;
        }
        let mut bytes = 0;
        let fits = |entry: &&FeedEntry| {
            bytes += entry.size_bytes();
            bytes <= limits::PAGE_BYTES || entry.seq == after.next()
        };
        let entries = tail.iter().filter(|entry| entry.seq > after).take_while(fits).cloned().collect();
        *stretch = Stretch::new(feed, after, entries).map(Arc::new);
        stretch.clone()
    }

    /// Tells everyone concerned that a feed has grown. To be called after the commit, in the order of commits.
    pub fn grew(&self, feed: FeedId, entries: &[FeedEntry]) {
        let Some(last) = entries.last().map(|entry| entry.seq) else { return };
        let mut state = self.lock();
        for wake in state.attending.iter().filter_map(Weak::upgrade) {
            wake.ring(|news| {
                news.grown.insert(feed, last);
            });
        }
        let known = state.feeds.entry(feed).or_default();
        known.head = Some(last);
        known.stretch = None;
        known.listeners.retain(|listener| listener.strong_count() > 0);
        if known.listeners.is_empty() {
            known.tail = VecDeque::new();
            return;
        }
        known.tail.extend(entries.iter().cloned());
        let surplus = known.tail.len().saturating_sub(TAIL_ENTRIES);
        known.tail.drain(..surplus);
        let wakes: Vec<Arc<Wake>> = known.listeners.iter().filter_map(Weak::upgrade).collect();
        // Whoever is woken asks for the tail at once; ringing a thousand bells must not keep them waiting for it.
        drop(state);
        for wake in wakes {
            wake.ring(|news| {
                news.grown.insert(feed, last);
            });
        }
    }

    /// Hands a late receipt to the connections of the device it is for.
    pub fn late(&self, receipt: &Receipt) {
        let mut state = self.lock();
        let Some(wakes) = state.devices.get_mut(&receipt.device) else { return };
        wakes.retain(|wake| wake.strong_count() > 0);
        for wake in wakes.iter().filter_map(Weak::upgrade) {
            wake.ring(|news| {
                if news.late.len() < LATE_RECEIPTS {
                    news.late.push(receipt.clone());
                }
            });
        }
    }

    /// Tells every connection that a roster changed.
    pub fn roster_changed(&self) {
        let mut state = self.lock();
        state.devices.retain(|_, wakes| {
            wakes.retain(|wake| wake.strong_count() > 0);
            !wakes.is_empty()
        });
        for wake in state.devices.values().flatten().chain(&state.attending).filter_map(Weak::upgrade) {
            wake.ring(|news| news.roster = true);
        }
    }

    /// Whether a device is connected.
    pub fn is_connected(&self, device: DeviceId) -> bool {
        let state = self.lock();
        state.devices.get(&device).is_some_and(|wakes| wakes.iter().any(|wake| wake.strong_count() > 0))
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.lock().devices.values().flatten().filter(|wake| wake.strong_count() > 0).count()
    }
}

#[cfg(test)]
mod tests {
    use renolog_protocol::time::UnixMs;

    use super::*;

    #[test]
    fn who_comes_back_overtakes_what_is_left_of_its_last_connection() {
        let (hub, [chen, liu]) = (Hub::default(), [1, 2].map(|n| DeviceId::from_parts(UnixMs(0), [n; 10])));
        let (old, other) = (hub.connect(chen), hub.connect(liu));
        let new = hub.connect(chen);
        drop(new);
        // Gone again, and nobody's any more; still the old one is not the latest.
        hub.roster_changed();
        let newest = hub.connect(chen);
        assert_eq!([&old, &other, &newest].map(|wake| wake.is_overtaken()), [true, false, false]);
    }
}
