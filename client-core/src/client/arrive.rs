//! What the server says is stored: each frame's events in one transaction, so that a cursor never runs ahead of its data.

use renolog_protocol::calendar::Calendar;
use renolog_protocol::change::Change;
use renolog_protocol::id::{Audience, CommunityId, Epoch, FeedId, Link, RecordId, Seq};
use renolog_protocol::refusal::{Code, Refusal};
use renolog_protocol::roster::{Member, Roster};
use renolog_protocol::schema::Schema;
use renolog_protocol::session::device::{Arrived, Entry, Event};
use renolog_protocol::sorted::{SortedMap, SortedSet};
use renolog_protocol::time::UnixMs;
use renolog_protocol::wire::{Cursor, Visit};

use super::record::{begins, fits};
use super::replay::TakeBack;
use super::{Client, ClientError};
use crate::engine;
use crate::store::{Community, FeedState, Status};

/// What a frame leaves to be done once all of it is stored.
#[derive(Debug, Default)]
pub(super) struct Aftermath {
    /// Records to be shown anew, and when they were last touched by the server's clock.
    pub(super) touched: SortedMap<RecordId, (FeedId, UnixMs)>,
    /// Records to be made anew from the store.
    pub(super) stale: SortedSet<RecordId>,
    /// Work to be taken back.
    pub(super) back: SortedMap<RecordId, TakeBack>,
    /// Records in which something stands again that had been taken out.
    returned: SortedSet<RecordId>,
    /// Feeds to be asked for again.
    follow: Vec<(Cursor, Option<Link>)>,
    /// Whether something was erased: then it must leave the file, too.
    erased: bool,
    /// The life of the server's store, in what was said with its welcome.
    epoch: Option<Epoch>,
    /// Whether a snapshot came to nothing: then the feed is asked for by pages.
    pub(super) begin_anew: bool,
    visits: SortedMap<Visit, i64>,
}

impl Aftermath {
    pub(super) fn touch(&mut self, record: RecordId, feed: FeedId, at: UnixMs) {
        let touched = self.touched.or_insert_with(record, || (feed, at));
        touched.1 = touched.1.max(at);
    }

    /// The record was erased.
    pub(super) fn forget(&mut self, record: RecordId) {
        self.touched.remove(&record);
        self.stale.remove(&record);
        self.back.remove(&record);
        self.returned.remove(&record);
        self.erased = true;
    }
}

impl Client {
    /// Stores what came in one frame.
    pub(super) fn settle(&mut self, now: UnixMs, events: Vec<Event>) -> Result<(), ClientError> {
        if events.is_empty() {
            return Ok(());
        }
        let (follow, erased, begin_anew) = self.atomically(|me| {
            let mut after = Aftermath::default();
            me.me.last_contact = me.me.last_contact.max(Some(now));
            for event in events {
                me.deliver(now, event, &mut after)?;
            }
            me.clear_up(now, &mut after)?;
            me.by_pages |= after.begin_anew;
            Ok((after.follow, after.erased, after.begin_anew))
        })?;
        if erased {
            self.store.scrub()?;
        }
        if begin_anew {
            self.engine.handle(now, engine::Input::NotStored);
        }
        self.renew_quietly(now);
        for (cursor, link) in follow {
            self.engine.handle(now, engine::Input::Follow(cursor, link));
        }
        self.engine.handle(now, engine::Input::OutboxGrew);
        Ok(())
    }

    fn deliver(&mut self, now: UnixMs, event: Event, after: &mut Aftermath) -> Result<(), ClientError> {
        match event {
            Event::Welcomed { server_time, epoch } => {
                after.epoch = Some(epoch);
                (self.me.clock_offset, self.me.last_contact) = (server_time - now, Some(now));
                Ok(())
            }
            Event::Granted { feed, from } => self.granted(now, feed, from, after),
            Event::Receipt { device, number, rulings, received, skew } => {
                self.receipt(device, number, rulings, (received, skew), after)
            }
            Event::Items { upto, link, items } => self.items(now, upto, link, items, after),
            Event::Chunk { begun, after: from, last, left_out, items } => {
                self.chunk(now, begun, from, items, after)?;
                match (last, left_out) {
                    (true, _) => self.complete(now, begun, after),
                    (_, true) => self.go_on_without_the_rest(begun),
                    _ => Ok(()),
                }
            }
            Event::Unpackable(bad) => {
                self.speak_plainly(&bad);
                Ok(())
            }
            Event::Roster { community, name, roster } => self.roster(now, community, name, roster, after),
            Event::Schema(rules) => self.new_schema(now, &rules),
            Event::Calendar(days) => self.new_calendar(now, &days),
            Event::Token(token) => {
                if let Some(enrolled) = &mut self.me.enrolled {
                    enrolled.token = token.token;
                }
                Ok(())
            }
            Event::Rewritten(feed) => self.doubt(now, feed),
            Event::NotUnderstood(kind) => {
                self.speak_plainly(&format!("the server does not know frames of kind {kind}"));
                Ok(())
            }
            Event::Bye(bye) => self.farewell(now, &bye, after),
        }
    }

    fn granted(&mut self, now: UnixMs, feed: FeedId, from: Option<Cursor>, after: &mut Aftermath) -> Result<(), ClientError> {
        let Some(state) = self.feeds.get(&feed).copied() else { return Ok(()) };
        let stored = state.cursor;
        let Some(cursor) = from else {
            // A server that came back from a backup may not know of a role that was given after it.
            let for_now = after.epoch.is_some_and(|epoch| epoch != stored.epoch);
            return if state.granted { self.lose(now, feed, for_now) } else { Ok(()) };
        };
        let fresh = stored.epoch == Epoch(0) && stored.seq == Seq(0);
        let withheld = if state.granted { Vec::new() } else { self.store.take_back_withheld(feed)? };
        for record in &withheld {
            after.touch(*record, feed, UnixMs(0));
            after.stale.insert(*record);
        }
        let another_life = !fresh && (stored.epoch != cursor.epoch || cursor.seq < stored.seq);
        if another_life {
            for record in self.store.forget_positions(feed)? {
                after.touch(record, feed, UnixMs(0));
            }
        }
        if self.begun.get(&feed).is_some_and(|begun| begun.epoch != cursor.epoch) {
            self.drop_begun(feed)?;
        }
        let link = state.link.filter(|_| cursor == stored);
        let recovering = state.recovering || another_life || !withheld.is_empty();
        self.set_feed(FeedState { cursor, granted: true, recovering, link })
    }

    /// The feed may not be read any more: what came in it goes, what was not sent stays as drafts. Where that may be for now
    /// only, what was accepted from here is kept: perhaps no server has it.
    fn lose(&mut self, now: UnixMs, feed: FeedId, for_now: bool) -> Result<(), ClientError> {
        let refusal = Refusal::new(Code::NotAMember, "您已不能查看这类记录", "you may not read records of this kind any more");
        self.draft_pending(now, feed, &refusal)?;
        for record in self.store.records_of_feed(feed)? {
            let revision = self.bump();
            self.store.set_gone(record, revision)?;
            self.hot.pop(&record);
            self.incomplete.remove(&record);
        }
        self.store.drop_feed(feed, for_now)?;
        self.drop_begun(feed)?;
        self.store.settle_ruled_batches()?;
        self.set_feed(FeedState::new(feed))?;
        self.leave(feed.community)
    }

    /// Who is who in a community is for its members.
    fn leave(&mut self, community: CommunityId) -> Result<(), ClientError> {
        if self.feeds.values().any(|state| state.cursor.feed.community == community && state.granted) {
            return Ok(());
        }
        let Some(known) = self.communities.get_mut(&community) else { return Ok(()) };
        known.roster = Roster::default();
        Ok(self.store.set_community(community, known)?)
    }

    fn items(
        &mut self,
        now: UnixMs,
        upto: Cursor,
        link: Option<Link>,
        items: Vec<Arrived>,
        after: &mut Aftermath,
    ) -> Result<(), ClientError> {
        let Some(state) = self.feeds.get(&upto.feed).copied() else { return Ok(()) };
        for item in items {
            self.item(now, upto.feed, item, after)?;
        }
        if !self.lacks_the_rest(upto.feed) {
            self.drop_begun(upto.feed)?;
        }
        self.store.settle_ruled_batches()?;
        self.set_feed(FeedState { cursor: upto, link, ..state })
    }

    pub(super) fn item(&mut self, now: UnixMs, feed: FeedId, item: Arrived, after: &mut Aftermath) -> Result<(), ClientError> {
        let (record, hash) = (item.record, item.hash);
        let change = match item.entry {
            Entry::Change(change) => change,
            Entry::Gone => return Ok(()),
            Entry::Erasure(_) => return self.erase(now, record, feed, after),
            Entry::Unreadable(error) => {
                tracing::error!(%feed, seq = %item.seq, %error, "the feed holds something that is no change");
                return Ok(());
            }
        };
        let known = self.store.status_of(hash)?;
        let received = item.visit.received;
        let visit = self.visit(item.visit, after)?;
        self.store.add_arrived(hash, record, feed, change.bytes(), item.seq, visit)?;
        after.touch(record, feed, received);
        match known {
            Some(status) if status.stands() => Ok(()),
            None => self.take_in(record, &change, after),
            // It was taken out here, and stands after all: an administrator released it, or the feed is readable again.
            Some(_) => self.stands_after_all(record, &change, after),
        }
    }

    /// A change that was taken out stands in its record again.
    pub(super) fn stands_after_all(
        &mut self,
        record: RecordId,
        change: &Change,
        after: &mut Aftermath,
    ) -> Result<(), ClientError> {
        self.store.drop_drafts_of_change(change.hash())?;
        if begins(change) {
            // Its writer may have begun the record again meanwhile: a record begins once.
            for kept in self.store.pending_of(record)? {
                if begins(&super::record::parse(&kept)?) {
                    after.back.or_default(record).from(kept.position);
                    break;
                }
            }
        }
        after.stale.insert(record);
        after.returned.insert(record);
        Ok(())
    }

    /// Someone else's change; or our own, written by another copy of this store.
    fn take_in(&mut self, record: RecordId, change: &Change, after: &mut Aftermath) -> Result<(), ClientError> {
        if change.actor() == self.me.actor {
            tracing::warn!(%record, "another copy of this store writes as the same actor; taking a new one");
            self.draw_actor();
        }
        for kept in self.store.pending_of(record)? {
            let own = super::record::parse(&kept)?;
            if own.actor() == change.actor() && own.actor_seq() >= change.actor_seq() {
                after.back.or_default(record).from(kept.position);
                break;
            }
        }
        if after.stale.contains(&record) || after.back.contains_key(&record) || self.incomplete.contains(&record) {
            after.stale.insert(record);
            return Ok(());
        }
        let hash = change.hash();
        let hot = self.hot(record)?;
        if !hot.holds(hash) && (!fits(hot, change) || hot.apply(change).is_err()) {
            after.stale.insert(record);
        }
        Ok(())
    }

    /// A row for the visit, shared by everything in the frame that came with it.
    pub(super) fn visit(&mut self, visit: Visit, after: &mut Aftermath) -> Result<i64, ClientError> {
        if let Some(known) = after.visits.get(&visit) {
            return Ok(*known);
        }
        let row = self.store.add_visit(&visit)?;
        after.visits.insert(visit, row);
        Ok(row)
    }

    fn roster(
        &mut self,
        now: UnixMs,
        community: CommunityId,
        name: String,
        roster: Roster,
        after: &mut Aftermath,
    ) -> Result<(), ClientError> {
        let person = self.person()?;
        let at = self.server_time(now);
        // A role that began just now may begin a moment later by this device's guess of the server's clock.
        let begun = |member: &&Member| member.person == person && member.until.is_none_or(|until| at < until);
        let roles: Vec<_> = roster.members.iter().filter(begun).map(|member| member.role.clone()).collect();
        for audience in Audience::ALL {
            let state = self.feeds.get(&FeedId { community, audience });
            if let Some(state) = state.filter(|state| !state.granted && self.schema.may_read(audience, &roles)) {
                after.follow.push((state.cursor, state.link));
            }
        }
        let known = Community { name, roster };
        self.store.set_community(community, &known)?;
        self.communities.insert(community, known);
        Ok(())
    }

    fn new_schema(&mut self, now: UnixMs, packed: &[u8]) -> Result<(), ClientError> {
        match Schema::unpack(packed) {
            Ok(schema) if schema.version > self.schema.version => {
                self.store.set_given_schema(packed)?;
                self.schema = schema.into();
                // States and titles may read differently by the new rules.
                self.renew_at = Some(now);
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the server's schema cannot be read; keeping the old one"),
        }
        Ok(())
    }

    fn new_calendar(&mut self, now: UnixMs, packed: &[u8]) -> Result<(), ClientError> {
        match Calendar::unpack(packed) {
            Ok(calendar) => {
                self.store.set_given_calendar(packed)?;
                self.calendar = calendar.into();
                // What is due moves, and with it the way to what is overdue.
                self.renew_at = Some(now);
            }
            Err(error) => tracing::warn!(%error, "the server's calendar cannot be read; keeping the old one"),
        }
        Ok(())
    }

    /// What is left to be done once a frame is stored.
    fn clear_up(&mut self, now: UnixMs, after: &mut Aftermath) -> Result<(), ClientError> {
        for (record, back) in std::mem::take(&mut after.back) {
            self.replay(now, record, &back)?;
            after.stale.insert(record);
        }
        for record in &after.stale {
            self.hot.pop(record);
        }
        for record in std::mem::take(&mut after.returned) {
            self.take_up(now, record)?;
        }
        for (record, (feed, at)) in std::mem::take(&mut after.touched) {
            self.project(record, feed, at)?;
        }
        self.store.settle_ruled_batches()?;
        let recovered: Vec<FeedState> = self.feeds.values().filter(|state| state.recovering).copied().collect();
        for state in recovered {
            if self.engine.is_welcomed() && !self.engine.is_behind(state.cursor.feed) {
                self.set_feed(FeedState { recovering: false, ..state })?;
            }
        }
        Ok(())
    }
}

/// Whether a change made here is out of its record for now.
pub(super) fn is_out(status: Status) -> bool {
    !status.stands()
}
