//! Rosters kept ready, as of their versions.
//!
//! Every push is judged by one, and every hello is answered with one: a thousand phones that come back at the same moment must
//! not each have a thousand members read for them.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use renolog_protocol::id::CommunityId;
use renolog_protocol::roster::Roster;

use crate::reception;
use crate::store::{CommunityRow, Read, StoreError};

/// Rosters kept. Most have some fifty members; a district has some two hundred communities.
const KEPT: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");

/// See the module. Least recently used ones go first.
#[derive(Debug)]
pub struct Rosters(Mutex<LruCache<CommunityId, Arc<Roster>>>);

impl Default for Rosters {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(KEPT)))
    }
}

impl Rosters {
    /// The members of a community, from memory or from the store: whatever is said of them comes with another version. What is
    /// read of uncommitted rows must be [forgotten](Self::clear) if they are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn of<S: Read + ?Sized>(&self, store: &S, community: &CommunityRow) -> Result<Arc<Roster>, StoreError> {
        if let Some(known) = self.lock().get(&community.id).filter(|known| known.version == community.roster_version) {
            return Ok(known.clone());
        }
        // Read unlocked: others need theirs meanwhile.
        let roster = Arc::new(reception::roster(store, community.id)?);
        self.lock().put(community.id, roster.clone());
        Ok(roster)
    }

    /// Forgets them all.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<CommunityId, Arc<Roster>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
