//! A feed that comes as whole records first: each part in one transaction, with how far it came.
//!
//! The cursor stays at the beginning until every entry up to the snapshot's position is here; only then is it true. The
//! links over all of them are computed then, in the order of the feed, so that a snapshot proves as much as pages do.

use std::collections::BTreeMap;

use renolog_protocol::change::Change;
use renolog_protocol::id::{FeedId, RecordId};
use renolog_protocol::record::Record;
use renolog_protocol::session::device::{Arrived, Entry};
use renolog_protocol::time::UnixMs;
use renolog_protocol::wire::{Begun, Cursor, Place};

use super::arrive::Aftermath;
use super::{Client, ClientError};
use crate::store::FeedState;

impl Client {
    /// Stores a part of a snapshot; the caller holds the transaction.
    pub(super) fn chunk(
        &mut self,
        now: UnixMs,
        begun: Begun,
        from: Place,
        last: bool,
        items: Vec<Arrived>,
        after: &mut Aftermath,
    ) -> Result<(), ClientError> {
        let feed = begun.feed;
        let Some(state) = self.feeds.get(&feed).copied() else { return Ok(()) };
        if from == Place::START {
            self.drop_begun(feed)?;
        }
        let mut records: BTreeMap<RecordId, Vec<Arrived>> = BTreeMap::new();
        for item in items {
            records.entry(item.record).or_default().push(item);
        }
        for (record, items) in records {
            self.whole(now, feed, record, items, after)?;
        }
        self.store.settle_ruled_batches()?;
        self.store.set_begun(&begun)?;
        self.begun.insert(feed, begun);
        if last { self.complete(now, state, begun, after) } else { Ok(()) }
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
    fn complete(&mut self, now: UnixMs, state: FeedState, begun: Begun, after: &mut Aftermath) -> Result<(), ClientError> {
        let Begun { feed, epoch, mark, .. } = begun;
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
