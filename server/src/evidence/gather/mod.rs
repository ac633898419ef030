//! Gathers the facts that answer a question from a store.

mod refused;
mod signers;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use data_encoding::HEXLOWER;
use renolog_protocol::chain::Mark;
use renolog_protocol::id::{ChangeHash, CommunityId, FeedId, Link, RecordId, Seq};
use renolog_protocol::schema::Schema;
use renolog_protocol::time::UnixMs;

use super::facts::{Erasure, Facts, Place, Placed, Stretch};
use super::ledger::Broken;
use super::manifest::{About, Community, FORMAT};
use super::{BYTES, CHANGES, ENTRIES, Question};
use crate::command::BadLog;
use crate::ingest;
use crate::reception;
use crate::store::{ALL, BatchRow, ChangeRow, Column, CommandRow, CommunityRow, ErasureRow, Read, Row, StoreError, TimelineRow};

/// What made the bundle.
const BUILD: &str = concat!("renolog ", env!("CARGO_PKG_VERSION"));
/// Rows read at once.
const PAGE: usize = 1_000;

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum NotGathered {
    /// No such community.
    #[error("没有这个小区 there is no community {0}")]
    NoCommunity(CommunityId),
    /// No such record in the feeds that were asked for.
    #[error("没有这条记录 there is no record {0} there")]
    NoRecord(RecordId),
    /// A period that ends before it begins.
    #[error("起始日晚于截止日 the period ends before it begins")]
    NoPeriod,
    /// More than one bundle may hold.
    #[error(
        "内容过多（{what} 超过 {most}），请缩短期间或只取一条记录 more {what} than a bundle may hold ({most}): narrow the period with \
         from and to, or ask for one record"
    )]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// The log does not hold what the store says.
    #[error("the store is damaged: {0}")]
    Damaged(#[from] BadLog),
    /// The changes do not make the records that they made once.
    #[error("the store is damaged: {0}")]
    Broken(#[from] Broken),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gathers. `progress` is told how many entries were read, and how many may have to be.
pub(super) fn gather<S: Read + ?Sized>(
    store: &S,
    schema: &Schema,
    question: &Question,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Facts, NotGathered> {
    let community: CommunityRow =
        store.get(&[question.community.to_cell()])?.ok_or(NotGathered::NoCommunity(question.community))?;
    if question.from.zip(question.to).is_some_and(|(from, to)| to < from) {
        return Err(NotGathered::NoPeriod);
    }
    let about = about(store, schema, question, community)?;
    let facts = Facts {
        about,
        schema: schema.text().to_owned(),
        keys: Vec::new(),
        people: Vec::new(),
        roles: Vec::new(),
        batches: Vec::new(),
        stretches: Vec::new(),
        refused: Vec::new(),
        changes: BTreeMap::new(),
    };
    let gathering = Gathering {
        store,
        schema,
        question,
        from: question.from.map(super::Day::begins),
        to: question.to.map(super::Day::ends),
        facts,
        rows: HashMap::new(),
        bytes: 0,
        read: 0,
        all: 0,
        progress,
    };
    gathering.run()
}

fn about<S: Read + ?Sized>(
    store: &S,
    schema: &Schema,
    question: &Question,
    community: CommunityRow,
) -> Result<About, StoreError> {
    let commands = store.count_cells(CommandRow::TABLE, None, &[])?;
    let last: Option<CommandRow> = store.get(&[commands.to_cell()])?;
    Ok(About {
        format: FORMAT,
        build: BUILD.to_owned(),
        community: Community { id: community.id, slug: community.slug, name: community.name },
        record: question.record,
        from: question.from,
        to: question.to,
        as_of: last.as_ref().map_or(UnixMs(0), |row| row.received),
        commands,
        commands_link: last.map(|row| HEXLOWER.encode(&row.link)).unwrap_or_default(),
        epoch: reception::epoch(store)?,
        schema_version: schema.version,
    })
}

struct Gathering<'a, S: ?Sized> {
    store: &'a S,
    schema: &'a Schema,
    question: &'a Question,
    from: Option<UnixMs>,
    to: Option<UnixMs>,
    facts: Facts,
    /// Batches met so far, as the ledger has them.
    rows: HashMap<u64, BatchRow>,
    /// Of changes, so far.
    bytes: usize,
    read: u64,
    /// Entries to be read at most: each to see what is in question, and again to take it.
    all: u64,
    progress: &'a mut dyn FnMut(u64, u64),
}

/// What takes a place in a feed.
enum Stood {
    Change(ChangeRow),
    Erasure(ErasureRow),
}

impl Stood {
    fn seq(&self) -> Seq {
        match self {
            Self::Change(row) => row.seq.unwrap_or_default(),
            Self::Erasure(row) => row.seq,
        }
    }

    fn record(&self) -> RecordId {
        match self {
            Self::Change(row) => row.record,
            Self::Erasure(row) => row.record,
        }
    }
}

/// Which part of a feed belongs to the answer.
struct Scope {
    records: BTreeSet<RecordId>,
    /// Nothing from here on.
    end: Seq,
}

impl<S: Read + ?Sized> Gathering<'_, S> {
    fn run(mut self) -> Result<Facts, NotGathered> {
        for audience in &self.question.audiences {
            self.all += 2 * ingest::head(self.store, self.facts.feed(*audience))?.0;
        }
        let mut found = false;
        for audience in self.question.audiences.clone() {
            let feed = self.facts.feed(audience);
            if let Some(record) = self.question.record
                && !self.stands_in(record, feed)?
            {
                continue;
            }
            found = true;
            let mut scope = self.scope(feed)?;
            let refused = self.refused(feed, &scope)?;
            scope.records.extend(refused.iter().map(|refused| refused.record));
            self.facts.refused.extend(refused);
            let stretch = self.stretch(feed, &scope)?;
            self.facts.stretches.push(stretch);
        }
        if let Some(record) = self.question.record.filter(|_| !found) {
            return Err(NotGathered::NoRecord(record));
        }
        self.facts.refused.sort_by_key(|refused| (refused.batch, refused.position));
        self.batches()?;
        self.people()?;
        Ok(self.facts)
    }

    fn stands_in(&self, record: RecordId, feed: FeedId) -> Result<bool, StoreError> {
        let erasure: Option<ErasureRow> = self.store.get(&[record.to_cell()])?;
        let changes: Vec<ChangeRow> = self.store.list_by(ChangeRow::BY_RECORD, &[record.to_cell()], None, ALL)?;
        Ok(erasure.is_some_and(|erasure| erasure.feed == feed) || changes.iter().any(|row| row.feed == feed))
    }

    /// What the period and the question reach of a feed. The period is one of positions: from the first entry that came in it
    /// up to the first that came after it.
    fn scope(&mut self, feed: FeedId) -> Result<Scope, NotGathered> {
        let head = ingest::head(self.store, feed)?;
        if let (Some(record), None) = (self.question.record, self.to) {
            return Ok(Scope { records: [record].into(), end: head.next() });
        }
        let (mut records, mut begun, mut end) = (BTreeSet::new(), self.from.is_none(), head.next());
        let mut after = Seq(0);
        'reading: loop {
            let page = self.page(feed, after)?;
            let Some(last) = page.last() else { break };
            after = last.seq();
            for stood in page {
                let received = self.received(&stood)?;
                if self.to.is_some_and(|to| received >= to) {
                    end = stood.seq();
                    break 'reading;
                }
                begun |= self.from.is_some_and(|from| received >= from);
                if begun {
                    records.insert(stood.record());
                }
            }
        }
        if let Some(record) = self.question.record {
            records = [record].into();
        }
        Ok(Scope { records, end })
    }

    fn received(&mut self, stood: &Stood) -> Result<UnixMs, StoreError> {
        match stood {
            Stood::Change(row) => Ok(self.batch_row(row.batch)?.received),
            Stood::Erasure(row) => Ok(row.received),
        }
    }

    /// What follows a position of a feed.
    fn page(&mut self, feed: FeedId, after: Seq) -> Result<Vec<Stood>, StoreError> {
        let changes: Vec<ChangeRow> = self.store.list_by(ChangeRow::BY_FEED, &[feed.to_cell()], Some(&after.to_cell()), PAGE)?;
        let erasures = ingest::erasures_after(self.store, feed, after, PAGE)?;
        let changes = changes.into_iter().filter(|row| row.seq.is_some()).map(Stood::Change);
        let mut page: Vec<Stood> = changes.chain(erasures.into_iter().map(Stood::Erasure)).collect();
        // Of two full readings each is known to its own end only; a feed has no gaps, so what follows on is known.
        page.sort_by_key(Stood::seq);
        let known = page.iter().zip(after.0 + 1..).take_while(|(stood, seq)| stood.seq().0 == *seq).count();
        page.truncate(known);
        self.read += known as u64;
        (self.progress)(self.read, self.all);
        Ok(page)
    }

    /// The places from the first entry of the records in question to the end.
    fn stretch(&mut self, feed: FeedId, scope: &Scope) -> Result<Stretch, NotGathered> {
        let mut after = self.before(feed, scope)?;
        let mut stretch = Stretch { audience: feed.audience, before: self.mark(feed, after)?, places: Vec::new() };
        'reading: loop {
            let page = self.page(feed, after)?;
            let Some(last) = page.last() else { break };
            after = last.seq();
            for stood in page {
                if stood.seq() >= scope.end {
                    break 'reading;
                }
                let asked = scope.records.contains(&stood.record());
                let place = match stood {
                    Stood::Change(row) => self.change(row, asked)?,
                    Stood::Erasure(row) => self.erasure(row, asked),
                };
                stretch.places.push(place);
            }
            let places = stretch.places.len() + self.facts.stretches.iter().map(|stretch| stretch.places.len()).sum::<usize>();
            within("entries", places, ENTRIES)?;
        }
        Ok(stretch)
    }

    /// The position before the first entry of the records in question; before the end if there is none.
    fn before(&self, feed: FeedId, scope: &Scope) -> Result<Seq, StoreError> {
        let mut first = scope.end;
        for record in &scope.records {
            let rows: Vec<ChangeRow> =
                self.store.list_by(ChangeRow::BY_RECORD, &[record.to_cell()], Some(&Seq(0).to_cell()), 1)?;
            let begun = rows.into_iter().filter(|row| row.feed == feed).filter_map(|row| row.seq);
            let erased = self.store.get::<ErasureRow>(&[record.to_cell()])?.map(|row| row.seq);
            first = begun.chain(erased).chain([first]).min().unwrap_or(first);
        }
        Ok(Seq(first.0.saturating_sub(1)))
    }

    fn mark(&mut self, feed: FeedId, seq: Seq) -> Result<Mark, StoreError> {
        if seq == Seq(0) {
            return Ok(Mark { seq, link: Link::start(feed) });
        }
        let first = self.page(feed, Seq(seq.0 - 1))?.into_iter().next().ok_or(StoreError::Damaged("changes"))?;
        let link = match first {
            Stood::Change(row) => row.link.ok_or(StoreError::Damaged("changes"))?,
            Stood::Erasure(row) => row.link,
        };
        Ok(Mark { seq, link })
    }

    fn change(&mut self, row: ChangeRow, asked: bool) -> Result<Place, NotGathered> {
        let batch = self.batch_row(row.batch)?;
        let place = Place {
            seq: row.seq.ok_or(StoreError::Damaged("changes"))?,
            hash: row.hash,
            device: batch.device,
            person: batch.person,
            role: row.role.clone().ok_or(StoreError::Damaged("changes"))?,
            received: batch.received,
            skew: batch.skew,
            link: row.link.ok_or(StoreError::Damaged("changes"))?,
            change: None,
            erasure: None,
        };
        if !asked {
            return Ok(place);
        }
        let said: Option<TimelineRow> = self.store.get(&[row.feed.to_cell(), place.seq.to_cell()])?;
        let change = Placed {
            record: row.record,
            batch: row.batch,
            position: row.position as usize,
            party: row.party.clone(),
            device_time: said.ok_or(StoreError::Damaged("timeline"))?.device_time,
            erased: row.erased.is_some(),
        };
        self.keep(row.hash, &row.bytes, change.erased)?;
        Ok(Place { change: Some(change), ..place })
    }

    fn erasure(&self, row: ErasureRow, asked: bool) -> Place {
        let visit = ingest::erasure_entry(self.schema, &row).visit;
        let erasure = Erasure { record: row.record, person: row.person, reason: row.reason.clone(), command: row.command };
        Place {
            seq: row.seq,
            hash: renolog_protocol::chain::erasure(row.record, &row.reason),
            device: visit.device,
            person: visit.person,
            role: visit.role,
            received: visit.received,
            skew: visit.skew,
            link: row.link,
            change: None,
            erasure: asked.then_some(erasure),
        }
    }

    fn keep(&mut self, hash: ChangeHash, bytes: &[u8], erased: bool) -> Result<(), NotGathered> {
        if !erased {
            self.bytes += bytes.len();
            within("bytes", self.bytes, BYTES)?;
            self.facts.changes.insert(hash, bytes.to_vec());
            within("changes", self.facts.changes.len(), CHANGES)?;
        }
        Ok(())
    }

    fn batch_row(&mut self, id: u64) -> Result<BatchRow, StoreError> {
        if let Some(row) = self.rows.get(&id) {
            return Ok(row.clone());
        }
        let row: BatchRow = self.store.get(&[id.to_cell()])?.ok_or(StoreError::Damaged("batches"))?;
        if self.rows.len() > ENTRIES {
            self.rows.clear();
        }
        self.rows.insert(id, row.clone());
        Ok(row)
    }
}

fn within(what: &'static str, found: usize, most: usize) -> Result<(), NotGathered> {
    if found > most { Err(NotGathered::TooMuch { what, most }) } else { Ok(()) }
}
