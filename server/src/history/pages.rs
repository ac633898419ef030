//! A community's history a page at a time, from any place in it, onward or back, and only what is asked for.

use std::collections::VecDeque;

use renolog_protocol::id::{FeedId, PersonId, RecordId, Seq};
use renolog_protocol::schema::{KindName, Party, Schema};
use renolog_protocol::time::UnixMs;

use super::{Entry, Position, Question, Row, Teller, next_received, rows_of};
use crate::ingest;
use crate::store::{BatchRow, Column, ErasureRow, Read, StoreError, TimelineRow};

/// Most rows looked at for one page. What does not fit a filter costs as much to look at as what does; a page that ends
/// early says where it goes on.
const LOOKED_AT: usize = 2_000;

/// Which entries are asked for; all of them where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those that speak for this party.
    pub party: Option<Party>,
    /// Those of this person.
    pub person: Option<PersonId>,
    /// Those of records of this kind.
    pub kind: Option<KindName>,
    /// Those of this record.
    pub record: Option<RecordId>,
    /// Those with something to be known besides what they say: overtaken, in conflict, released, erased.
    pub marked: bool,
    /// Those received at this moment or later.
    pub from: Option<UnixMs>,
    /// Those received before this moment.
    pub until: Option<UnixMs>,
}

/// A page, and where it goes on.
#[derive(Debug)]
pub struct Pages {
    /// What is on it, in the direction of reading.
    pub entries: Vec<Entry>,
    /// Where reading goes on in the same direction; nothing at the end.
    pub next: Option<Position>,
}

impl Filter {
    fn admits(&self, entry: &Entry) -> bool {
        let marks = &entry.marks;
        let marked = marks.superseded || marks.conflicting || marks.erased || marks.released.is_some();
        self.party.as_ref().is_none_or(|party| *party == entry.party)
            && self.person.is_none_or(|person| person == entry.person)
            && self.kind.as_ref().is_none_or(|kind| entry.kind.as_ref() == Some(kind))
            && self.record.is_none_or(|record| record == entry.record)
            && (!self.marked || marked)
            && self.from.is_none_or(|from| entry.received >= from)
            && self.until.is_none_or(|until| entry.received < until)
    }
}

/// A page of a community's history: onward from a position in the order of receipt, or back from it.
///
/// # Errors
/// [`StoreError`].
pub fn page<S: Read + ?Sized>(
    store: &S,
    schema: &Schema,
    question: &Question,
    filter: &Filter,
    back: bool,
) -> Result<Pages, StoreError> {
    let mut feeds: Vec<VecDeque<Row>> = Vec::new();
    // One more than is looked at, so that the end is known when it is reached.
    let stretch = if *filter == Filter::default() { question.limit + 1 } else { LOOKED_AT + 1 };
    for audience in &question.audiences {
        let feed = FeedId { community: question.community, audience: *audience };
        let place = Seq(question.after.0[usize::from(audience.code())]);
        feeds.push(if back { rows_before(store, feed, place, stretch)? } else { rows_of(store, feed, place, stretch)? });
    }
    let mut teller = Teller::new(store, schema);
    let (mut entries, mut position, mut looked_at) = (Vec::new(), question.after, 0);
    while entries.len() < question.limit && looked_at < LOOKED_AT {
        let Some(row) = (if back { last_received(&mut feeds) } else { next_received(&mut feeds) }) else {
            return Ok(Pages { entries, next: None });
        };
        let place = if back { row.seq().0 - 1 } else { row.seq().0 };
        position.0[usize::from(row.feed().audience.code())] = place;
        looked_at += 1;
        let entry = teller.tell(row)?;
        if filter.from.is_some_and(|from| back && entry.received < from) {
            return Ok(Pages { entries, next: None });
        }
        if filter.admits(&entry) {
            entries.push(entry);
        }
    }
    let more = feeds.iter().any(|feed| !feed.is_empty());
    Ok(Pages { entries, next: more.then_some(position) })
}

/// Takes what was received last of what stands next, going back, in each feed.
fn last_received(feeds: &mut [VecDeque<Row>]) -> Option<Row> {
    let last = feeds.iter_mut().filter(|feed| !feed.is_empty()).max_by_key(|feed| feed[0].command())?;
    last.pop_front()
}

/// The rows of a feed up to a place and including it, the last first. Every place of a feed holds a row.
fn rows_before<S: Read + ?Sized>(store: &S, feed: FeedId, upto: Seq, limit: usize) -> Result<VecDeque<Row>, StoreError> {
    let after = Seq(upto.0.saturating_sub(u64::try_from(limit).unwrap_or(u64::MAX)));
    let wanted = usize::try_from(upto.0 - after.0).unwrap_or(usize::MAX);
    let mut rows = rows_of(store, feed, after, wanted)?;
    rows.make_contiguous().reverse();
    Ok(rows)
}

/// Where a community's history stood at a moment, by the server's clock; its end, where none is named.
///
/// # Errors
/// [`StoreError`].
pub fn position_at<S: Read + ?Sized>(store: &S, question: &Question, at: Option<UnixMs>) -> Result<Position, StoreError> {
    let mut position = Position::default();
    for audience in &question.audiences {
        let feed = FeedId { community: question.community, audience: *audience };
        let head = ingest::head(store, feed)?;
        let place = match at {
            Some(at) => place_at(store, feed, head, at)?,
            None => head,
        };
        position.0[usize::from(audience.code())] = place.0;
    }
    Ok(position)
}

/// The last place of a feed that was taken by a moment. Places are taken in the order of receipt but for the few changes
/// that were held, which come a little later than they were received.
fn place_at<S: Read + ?Sized>(store: &S, feed: FeedId, head: Seq, at: UnixMs) -> Result<Seq, StoreError> {
    let (mut known, mut beyond) = (0, head.0 + 1);
    while known + 1 < beyond {
        let middle = known + (beyond - known) / 2;
        match received(store, feed, Seq(middle))? {
            Some(received) if received > at => beyond = middle,
            _ => known = middle,
        }
    }
    Ok(Seq(known))
}

/// When what stands at a place of a feed was received.
fn received<S: Read + ?Sized>(store: &S, feed: FeedId, place: Seq) -> Result<Option<UnixMs>, StoreError> {
    if let Some(row) = store.get::<TimelineRow>(&[feed.to_cell(), place.to_cell()])? {
        return Ok(store.get::<BatchRow>(&[row.batch.to_cell()])?.map(|batch| batch.received));
    }
    let before = Seq(place.0.saturating_sub(1));
    let erasures: Vec<ErasureRow> = ingest::erasures_after(store, feed, before, 1)?;
    Ok(erasures.into_iter().find(|row| row.seq == place).map(|row| row.received))
}
