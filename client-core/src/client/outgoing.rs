//! What leaves the device: its greeting, and its batches, signed once and sent until they are answered.

use std::collections::BTreeSet;

use renolog_protocol::batch::{Batch, RawBatch};
use renolog_protocol::change::Change;
use renolog_protocol::id::PersonId;
use renolog_protocol::session::device::Greeting;
use renolog_protocol::time::UnixMs;
use renolog_protocol::wire::RosterVersion;

use super::{Client, ClientError};
use crate::engine;
use crate::store::StoreError;

/// What the device remembers of batches that made the server hang up. One bad batch must not keep the others at home.
#[derive(Debug, Default)]
pub(super) struct Caution {
    /// One batch at a time, until it is known which one it was.
    pub(super) one_by_one: bool,
    /// Not sent again before someone looks at the screen.
    pub(super) shunned: BTreeSet<u64>,
}

impl Client {
    pub(super) fn begin_connection(&mut self) {
        self.in_flight.clear();
        self.rested.clear();
    }

    pub(super) fn greeting(&self, now: UnixMs) -> Greeting {
        let roster = |(community, known): (&_, &crate::store::Community)| RosterVersion {
            community: *community,
            version: known.roster.version,
        };
        Greeting {
            device: self.me.device,
            person: self.me.enrolled.as_ref().map_or(PersonId([0; 16]), |enrolled| enrolled.person),
            schema: self.schema.version,
            calendar: self.calendar.fingerprint(),
            device_time: now,
            feeds: self.feeds.values().map(|state| state.cursor).collect(),
            links: self.feeds.values().filter_map(|state| Some((state.cursor.feed, state.link?))).collect(),
            rosters: self.communities.iter().map(roster).collect(),
            dictionary: self.dictionary(),
            snapshots: !self.plainly && !self.by_pages,
            begun: self.begun.values().copied().collect(),
        }
    }

    /// Hands the engine as many batches as it has room for: stored ones first, in order, then new ones.
    pub(super) fn fill(&mut self, now: UnixMs) -> Result<(), ClientError> {
        let mut after = 0;
        while self.engine.room() > 0 && (self.in_flight.is_empty() || !self.caution.one_by_one) {
            let batch = match self.store.batch_after(after)? {
                Some(stored) => stored,
                None => match self.form_batch(now)? {
                    Some(formed) => formed,
                    None => break,
                },
            };
            after = batch.number;
            let answered = self.rested.contains(&after) || self.caution.shunned.contains(&after);
            if !answered && self.in_flight.insert(after) {
                self.engine.handle(now, engine::Input::Push(batch));
            }
        }
        Ok(())
    }

    /// Signs what waits longest. Stored before it is sent, so that it is sent again byte for byte.
    fn form_batch(&mut self, now: UnixMs) -> Result<Option<RawBatch>, ClientError> {
        let Some(feed) = self.store.next_feed_out()? else { return Ok(None) };
        let waiting = self.store.unbatched(feed)?;
        let hashes: Vec<_> = waiting.iter().map(|change| change.hash).collect();
        let parsed = waiting.iter().map(|waiting| Ok((waiting.record, Change::parse(&waiting.bytes)?)));
        let changes: Vec<_> = parsed.collect::<Result<_, _>>().map_err(|e: renolog_protocol::change::BadChange| damaged(&e))?;
        let number = self.me.next_batch;
        let batch = Batch::sign(&self.me.key, self.me.device, number, feed, now, changes).map_err(|e| damaged(&e))?.to_raw();
        self.atomically(|me| {
            me.me.next_batch += 1;
            Ok(me.store.add_batch(&batch, &hashes)?)
        })?;
        Ok(Some(batch))
    }
}

fn damaged(error: &dyn std::error::Error) -> ClientError {
    StoreError::Damaged(error.to_string()).into()
}
