//! What leaves the device: its greeting, and its batches, signed once and sent until they are answered.

use renolog_protocol::batch::{Batch, Unsigned};
use renolog_protocol::change::Change;
use renolog_protocol::id::PersonId;
use renolog_protocol::key::Signature;
use renolog_protocol::session::device::Greeting;
use renolog_protocol::sorted::SortedSet;
use renolog_protocol::time::UnixMs;
use renolog_protocol::wire::RosterVersion;

use super::{Client, ClientError, Output};
use crate::engine;
use crate::store::{Outgoing, StoreError};

/// What the device remembers of batches that made the server hang up. One bad batch must not keep the others at home.
#[derive(Debug, Default)]
pub(super) struct Caution {
    /// One batch at a time, until it is known which one it was.
    pub(super) one_by_one: bool,
    /// Not sent again before someone looks at the screen.
    pub(super) shunned: SortedSet<u64>,
}

impl Client {
    pub(super) fn begin_connection(&mut self) {
        self.in_flight.clear();
        self.rested.clear();
        // Asked once more: whoever keeps the key may have been gone meanwhile.
        self.asked_to_sign.clear();
    }

    pub(super) fn greeting(&self, now: UnixMs) -> Result<Greeting, ClientError> {
        let roster = |(community, known): (&_, &crate::store::Community)| RosterVersion {
            community: *community,
            version: known.roster.version,
        };
        Ok(Greeting {
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
            // Of a feed that went on without its rest nothing is asked but to go on.
            begun: self.begun.values().filter(|begun| !self.lacks_the_rest(begun.feed)).copied().collect(),
            open_only: self.me.saves_data,
            unsent: self.store.unsent()?.0,
        })
    }

    /// Hands the engine as many batches as it has room for: stored ones first, in order, then new ones.
    pub(super) fn fill(&mut self, now: UnixMs) -> Result<(), ClientError> {
        let mut after = 0;
        while self.engine.room() > self.asked_to_sign.len() && (self.in_flight.is_empty() || !self.caution.one_by_one) {
            let batch = match self.store.batch_after(after)? {
                Some(stored) => stored,
                None => match self.form_batch(now)? {
                    Some(formed) => formed,
                    None => break,
                },
            };
            after = batch.number();
            match batch {
                Outgoing::Unsigned(batch) => self.ask_to_sign(&batch),
                Outgoing::Signed(batch) => {
                    let answered = self.rested.contains(&after) || self.caution.shunned.contains(&after);
                    if !answered && self.in_flight.insert(after) {
                        self.engine.handle(now, engine::Input::Push(batch));
                    }
                }
            }
        }
        Ok(())
    }

    /// Puts what waits longest under a signature, or keeps it until it has one. Stored before it is sent, so that it is sent
    /// again byte for byte.
    fn form_batch(&mut self, now: UnixMs) -> Result<Option<Outgoing>, ClientError> {
        let Some(feed) = self.store.next_feed_out()? else { return Ok(None) };
        let waiting = self.store.unbatched(feed)?;
        let hashes: Vec<_> = waiting.iter().map(|change| change.hash).collect();
        let parsed = waiting.iter().map(|waiting| Ok((waiting.record, Change::parse(&waiting.bytes)?)));
        let changes: Vec<_> = parsed.collect::<Result<_, _>>().map_err(|e: renolog_protocol::change::BadChange| damaged(&e))?;
        let batch = Unsigned::new(self.me.device, self.me.next_batch, feed, now, changes).map_err(|e| damaged(&e))?;
        let batch = match self.me.key.here() {
            Some(key) => {
                let signature = key.sign(&batch.text());
                Outgoing::Signed(batch.signed(signature))
            }
            None => Outgoing::Unsigned(batch),
        };
        self.atomically(|me| {
            me.me.next_batch += 1;
            Ok(me.store.add_batch(feed, &batch, &hashes)?)
        })?;
        Ok(Some(batch))
    }

    fn ask_to_sign(&mut self, batch: &Unsigned) {
        if self.asked_to_sign.insert(batch.number()) {
            self.out.push_back(Output::Sign { number: batch.number(), text: batch.text() });
        }
    }

    /// Takes in what the keeper of the key answered. A signature that does not fit is not sent: the server would refuse
    /// the batch, and with it work that nothing is wrong with.
    pub(super) fn signed(&mut self, number: u64, signature: Signature) -> Result<(), ClientError> {
        let asked = self.asked_to_sign.remove(&number);
        let Some(batch) = self.store.unsigned_batch(number)?.filter(|_| asked) else { return Ok(()) };
        let batch = batch.signed(signature);
        if let Err(why) = Batch::open(batch.clone(), &self.me.key.public()) {
            tracing::error!(number, %why, "what the keeper of the key answered is of no use");
            self.asked_to_sign.insert(number);
            return Ok(());
        }
        self.atomically(|me| Ok(me.store.set_signed(&batch)?))
    }
}

fn damaged(error: &dyn std::error::Error) -> ClientError {
    StoreError::Damaged(error.to_string()).into()
}
