//! A feed that comes as whole records first: each part in one transaction, with how far it came.
//!
//! The cursor stays at the beginning until every entry up to the snapshot's position is here; only then is it true. The
//! links over all of them are computed then, in the order of the feed, so that a snapshot proves as much as pages do.

use renolog_protocol::change::Change;
use renolog_protocol::id::{FeedId, RecordId, Seq};
use renolog_protocol::record::Record;
use renolog_protocol::session::device::{Arrived, Entry};
use renolog_protocol::sorted::SortedMap;
use renolog_protocol::time::UnixMs;
use renolog_protocol::wire::{Begun, Cursor, Place};

use super::arrive::Aftermath;
use super::{Client, ClientError, Input};
use crate::store::FeedState;

impl Client {
    /// Stores a part of a snapshot; the caller holds the transaction.
    pub(super) fn chunk(
        &mut self,
        now: UnixMs,
        begun: Begun,
        from: Place,
        items: Vec<Arrived>,
        after: &mut Aftermath,
    ) -> Result<(), ClientError> {
        let feed = begun.feed;
        if !self.feeds.contains_key(&feed) {
            return Ok(());
        }
        if from == Place::START {
            self.drop_begun(feed)?;
        }
        let mut records: SortedMap<RecordId, Vec<Arrived>> = SortedMap::new();
        for item in items {
            records.or_default(item.record).push(item);
        }
        for (record, items) in records {
            self.whole(now, feed, record, items, after)?;
        }
        self.store.settle_ruled_batches()?;
        self.store.set_begun(&begun)?;
        self.begun.insert(feed, begun);
        Ok(())
    }

    /// What came of one record.
    fn whole(
        &mut self,
        now: UnixMs,
        feed: FeedId,
        record: RecordId,
        items: Vec<Arrived>,
        after: &mut Aftermath,
    ) -> Result<(), ClientError> {
        let is_new = self.store.changes_of(record)?.is_empty();
        let mine = |made: &(Made<'_>, UnixMs)| made.0.changes.iter().any(|(_, change)| change.actor() == self.me.actor);
        if let Some((made, received)) = is_new.then(|| made_of(record, &items)).flatten().filter(|made| !mine(made)) {
            for (item, change) in &made.changes {
                let visit = self.visit(item.visit.clone(), after)?;
                self.store.add_arrived(item.hash, record, feed, change.bytes(), item.seq, visit)?;
            }
            return self.project_anew(&made.record, feed, received);
        }
        for item in items {
            if !matches!(item.entry, Entry::Change(_)) {
                let visit = self.visit(item.visit.clone(), after)?;
                self.store.add_place(feed, item.seq, item.hash, visit)?;
            }
            self.item(now, feed, item, after)?;
        }
        Ok(())
    }

    /// Everything up to the snapshot's position should be here now.
    pub(super) fn complete(&mut self, now: UnixMs, begun: Begun, after: &mut Aftermath) -> Result<(), ClientError> {
        let Begun { feed, epoch, mark, .. } = begun;
        let Some(state) = self.feeds.get(&feed).copied() else { return Ok(()) };
        let link = self.store.link_of(feed, mark.seq)?;
        self.drop_begun(feed)?;
        let Some(link) = link else {
            tracing::warn!(%feed, upto = %mark.seq, "a snapshot lacks something; the feed is read by pages");
            after.begin_anew = true;
            return Ok(());
        };
        if link != mark.link {
            self.doubt(now, Some(feed))?;
        }
        let cursor = Cursor { feed, epoch, seq: mark.seq };
        self.set_feed(FeedState { cursor, link: Some(mark.link), ..state })
    }

    /// The device saves data: the feed goes on from the snapshot's position, and how far the snapshot came is kept for when the
    /// rest is wanted. Only then are the links over all of it compared.
    pub(super) fn go_on_without_the_rest(&mut self, begun: Begun) -> Result<(), ClientError> {
        let Begun { feed, epoch, mark, .. } = begun;
        let Some(state) = self.feeds.get(&feed).copied() else { return Ok(()) };
        let cursor = Cursor { feed, epoch, seq: mark.seq };
        self.set_feed(FeedState { cursor, link: Some(mark.link), ..state })
    }

    /// Whether records of the feed that were done were left on the server, to save data.
    pub(super) fn lacks_the_rest(&self, feed: FeedId) -> bool {
        let goes_on = |state: &FeedState| state.cursor.seq > Seq(0);
        self.begun.contains_key(&feed) && self.feeds.get(&feed).is_some_and(goes_on)
    }

    /// Whether the device saves data: of a feed that it has nothing of, it fetches the records that are still open, and then
    /// what is new. Whoever turns it off gets the rest with the next connection, which begins at once.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn save_data(&mut self, now: UnixMs, saves: bool) -> Result<(), ClientError> {
        if self.me.saves_data == saves {
            return Ok(());
        }
        self.atomically(|me| {
            me.me.saves_data = saves;
            let lacking: Vec<FeedId> = me.begun.keys().filter(|feed| !saves && me.lacks_the_rest(**feed)).copied().collect();
            for feed in lacking {
                let state = me.feeds[&feed];
                // The server goes on with the snapshot of a feed that is asked for from its beginning.
                me.set_feed(FeedState { cursor: Cursor { seq: Seq(0), ..state.cursor }, link: None, ..state })?;
            }
            Ok(())
        })?;
        // It is said in the greeting.
        if self.engine.is_on() {
            self.handle(now, Input::Stop)?;
            self.handle(now, Input::Start)?;
        }
        Ok(())
    }

    /// A snapshot counts no more, because it is complete or because it is of no use.
    pub(super) fn drop_begun(&mut self, feed: FeedId) -> Result<(), ClientError> {
        if self.begun.remove(&feed).is_some() {
            self.store.drop_begun(feed)?;
        }
        Ok(())
    }
}

/// A record that is new here, made of its changes alone.
struct Made<'a> {
    record: Record,
    changes: Vec<(&'a Arrived, &'a Change)>,
}

/// The record, and when it was last touched; `None` if something of it cannot simply be taken in.
fn made_of(id: RecordId, items: &[Arrived]) -> Option<(Made<'_>, UnixMs)> {
    let mut changes: Vec<(&Arrived, &Change)> = Vec::with_capacity(items.len());
    for item in items {
        let Entry::Change(change) = &item.entry else { return None };
        changes.push((item, change));
    }
    let record = Record::rebuild(id, changes.iter().map(|(_, change)| *change)).ok()?;
    let received = items.iter().map(|item| item.visit.received).max()?;
    Some((Made { record, changes }, received))
}
