//! What the server says of its past, and whether it is what it said before: see [`renolog_protocol::chain`].

use renolog_protocol::id::FeedId;
use renolog_protocol::time::UnixMs;

use super::{Client, ClientError};

/// A moment at which what the server said of its past did not follow from what it had said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Doubt {
    /// In which feed, if that was known.
    pub feed: Option<FeedId>,
    /// When it was found, by the device's clock.
    pub found: UnixMs,
}

impl Client {
    /// Every moment at which the server's past was not what it had been, oldest first. There should be none.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn doubts(&self) -> Result<Vec<Doubt>, ClientError> {
        Ok(self.store.doubts()?)
    }

    pub(super) fn doubt(&mut self, now: UnixMs, feed: Option<FeedId>) -> Result<(), ClientError> {
        tracing::error!(?feed, "the server's past is not what it was");
        Ok(self.store.add_doubt(Doubt { feed, found: now })?)
    }
}
