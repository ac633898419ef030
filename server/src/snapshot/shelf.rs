//! Snapshots that were made, for whoever comes next.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use renolog_protocol::id::{FeedId, RecordId, Seq};
use renolog_protocol::schema::Schema;
use renolog_protocol::session::server::Packed;
use renolog_protocol::wire::Place;
use tokio::sync::OnceCell;

use super::{Plan, chunk, plan};
use crate::ingest;
use crate::readers::Readers;
use crate::store::{Reader, StoreError};

/// Bytes kept of all snapshots together.
const BYTES: usize = 32 << 20;
/// Bytes kept of one snapshot. Parts that begin where none ends, as of a device that says so, would otherwise add up.
const BYTES_EACH: usize = 16 << 20;
/// Feeds of which something is kept.
const FEEDS: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");
/// Snapshots kept of one feed, of different positions: for those who begin, and for those who began before.
const EACH: usize = 3;
/// A snapshot that lacks this many entries of its feed, or an eighth of them, is given to nobody new …
const STALE: u64 = 512;
/// … and one that lacks this many, or a quarter, is not made again for a device that began with it.
const TOO_OLD: u64 = 4_096;

/// By which place a part follows.
type Key = (u8, Reverse<Seq>, Seq);
/// A part; whoever comes while it is made waits for it and does not make it again.
type Cell = Arc<OnceCell<Arc<Packed>>>;

/// A snapshot and what was made of it.
#[derive(Debug)]
struct Kept {
    plan: Plan,
    chunks: Mutex<BTreeMap<Key, Cell>>,
}

/// Of one feed, the latest last; locked while one is planned, so that everyone else waits for it.
type OfFeed = tokio::sync::Mutex<Vec<Arc<Kept>>>;

/// See the module.
#[derive(Debug)]
pub struct Shelf(Mutex<LruCache<FeedId, Arc<OfFeed>>>);

impl Default for Shelf {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(FEEDS)))
    }
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, LruCache<FeedId, Arc<OfFeed>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something in the feed was erased: no part that was made before is given to anyone.
    pub fn forget(&self, feed: FeedId) {
        self.lock().pop(&feed);
    }

    /// What follows a place in a snapshot of a feed, of this position if that is not too long ago; from the start of the
    /// latest otherwise. `None` if the feed is empty.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chunk(
        &self,
        readers: &Readers,
        schema: &Arc<Schema>,
        feed: FeedId,
        of: Option<Seq>,
        after: Place,
    ) -> Result<Option<Arc<Packed>>, StoreError> {
        let of_feed = self.lock().get_or_insert(feed, Arc::default).clone();
        let Some(kept) = kept(&of_feed, readers, schema, feed, of).await? else { return Ok(None) };
        let after = if of == Some(kept.plan.mark.seq) { after } else { Place::START };
        let (cell, plan) = (kept.cell(after), kept.clone());
        let schema = schema.clone();
        let make = || readers.ask(move |store| Ok(Arc::new(chunk(store, &schema, &plan.plan, after)?)));
        let made = cell.get_or_try_init(make).await?.clone();
        self.make_room();
        Ok(Some(made))
    }

    /// Lets go of feeds that nobody asked for lately.
    fn make_room(&self) {
        let mut feeds = self.lock();
        while feeds.len() > 1 && feeds.iter().map(|(_, of_feed)| size_of_feed(of_feed)).sum::<usize>() > BYTES {
            feeds.pop_lru();
        }
    }
}

/// One that is being planned right now counts the next time.
fn size_of_feed(of_feed: &OfFeed) -> usize {
    of_feed.try_lock().map_or(0, |all| all.iter().map(|kept| kept.size()).sum())
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Cell>> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The part that follows this place, made or not.
    fn cell(&self, after: Place) -> Cell {
        let key = (after.pass, Reverse(after.last), after.upto);
        let mut chunks = self.lock();
        if !chunks.contains_key(&key) && size_of_chunks(&chunks) > BYTES_EACH {
            chunks.clear();
        }
        chunks.entry(key).or_default().clone()
    }

    fn size(&self) -> usize {
        size_of_chunks(&self.lock()) + self.plan.records.len() * size_of::<(Place, RecordId)>()
    }
}

fn size_of_chunks(chunks: &BTreeMap<Key, Cell>) -> usize {
    // A part that holds next to nothing takes room all the same.
    const LEAST: usize = 256;
    chunks.values().map(|cell| LEAST + cell.get().map_or(0, |made| made.pack.len())).sum()
}

/// The snapshot of this position, or one that is new enough; made if there is none.
async fn kept(
    of_feed: &OfFeed,
    readers: &Readers,
    schema: &Arc<Schema>,
    feed: FeedId,
    of: Option<Seq>,
) -> Result<Option<Arc<Kept>>, StoreError> {
    let mut all = of_feed.lock().await;
    if let Some(kept) = all.iter().find(|kept| Some(kept.plan.mark.seq) == of) {
        return Ok(Some(kept.clone()));
    }
    let latest = all.last().map(|kept| kept.plan.mark.seq);
    let schema = schema.clone();
    let planned = readers.ask(move |store: &Reader| planned(store, &schema, feed, of, latest)).await?;
    let Some(planned) = planned else { return Ok(all.last().cloned()) };
    let kept = Arc::new(Kept { plan: planned, chunks: Mutex::default() });
    all.push(kept.clone());
    all.sort_by_key(|kept| kept.plan.mark.seq);
    if all.len() > EACH {
        all.remove(0);
    }
    Ok(Some(kept))
}

/// The plan that is lacking, if one is: of the position asked for, or of the last one.
fn planned(
    store: &Reader,
    schema: &Schema,
    feed: FeedId,
    of: Option<Seq>,
    latest: Option<Seq>,
) -> Result<Option<Plan>, StoreError> {
    let head = ingest::head(store, feed)?;
    let lacks = |of: Seq| head.0.saturating_sub(of.0);
    if let Some(of) = of.filter(|of| *of <= head && lacks(*of) <= TOO_OLD.max(head.0 / 4))
        && let Some(plan) = plan(store, schema, feed, of)?
    {
        return Ok(Some(plan));
    }
    if latest.is_some_and(|latest| lacks(latest) <= STALE.max(head.0 / 8)) {
        return Ok(None);
    }
    plan(store, schema, feed, head)
}
