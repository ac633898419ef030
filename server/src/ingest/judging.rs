//! Verdicts: whether a change may stand, what follows for those that wait for it, and what is written down of it all.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use renolog_protocol::chain::{Brought, Mark};
use renolog_protocol::change::Change;
use renolog_protocol::id::{ChangeHash, DeviceId, FeedId, Link, PersonId, RecordId, Seq};
use renolog_protocol::limits;
use renolog_protocol::record::Act;
use renolog_protocol::refusal::{Code, Refusal};
use renolog_protocol::roster::Roster;
use renolog_protocol::rules::{Allowed, Author, Objection, judge};
use renolog_protocol::schema::Schema;
use renolog_protocol::session::server::{Body, FeedEntry};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::{Receipt, Ruled, Ruling, Visit};

use super::erase;
use super::hot::Hot;
use super::past::Past;
use super::project::project;
use super::{IngestError, Rejection};
use crate::store::{
    ALL, ActorRow, BatchRow, ChangeRow, Column, CommunityRow, DeviceRow, ErasureRow, Fate, FeedRow, Read, Store, StoreError,
    TimelineRow, WaitRow, Write,
};

/// The visit a change came with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) batch: u64,
    pub(super) position: u64,
    pub(super) number: u64,
    pub(super) device: DeviceId,
    pub(super) person: PersonId,
    pub(super) received: UnixMs,
    pub(super) skew: SpanMs,
    /// Whether the device was revoked by then.
    pub(super) revoked: bool,
}

/// Changes of one feed under judgement in one command.
pub(super) struct Judging<'a, S> {
    store: &'a mut S,
    hot: &'a mut Hot,
    schema: &'a Schema,
    past: Past<'a>,
    roster: Arc<Roster>,
    feed: FeedId,
    /// The visit that this command records, if it brings one.
    visit: Option<Origin>,
    head: Seq,
    link: Link,
    /// What became of changes that had waited, by the batch they came with.
    late: BTreeMap<u64, (Origin, Vec<Ruled>)>,
    grown: Vec<FeedEntry>,
    /// Records that changed, and the position of the latest change of each.
    touched: BTreeMap<RecordId, Seq>,
}

/// What a command's verdicts led to.
pub(super) struct Judged {
    pub(super) late: Vec<Receipt>,
    pub(super) grown: Vec<FeedEntry>,
    /// How the feed stands now.
    pub(super) mark: Mark,
}

impl<'a, S: Store> Judging<'a, S> {
    pub(super) fn begin(
        store: &'a mut S,
        hot: &'a mut Hot,
        schema: &'a Schema,
        past: Past<'a>,
        feed: FeedId,
        visit: Option<Origin>,
    ) -> Result<Self, IngestError> {
        let community: Option<CommunityRow> = store.get(&[feed.community.to_cell()])?;
        let roster = hot.roster(store, &community.ok_or(Rejection::UnknownCommunity(feed.community))?)?;
        let Mark { seq: head, link } = super::mark(store, feed)?;
        let (late, grown, touched) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        Ok(Self { store, hot, schema, past, roster, feed, visit, head, link, late, grown, touched })
    }

    pub(super) fn store(&mut self) -> &mut S {
        self.store
    }

    /// Writes what follows from the verdicts: the feed's end, the records as people see them.
    pub(super) fn finish(self) -> Result<Judged, StoreError> {
        if !self.grown.is_empty() {
            self.store.put(&FeedRow { feed: self.feed, head: self.head, link: self.link })?;
        }
        for (record, updated) in &self.touched {
            project(self.store, self.hot, self.schema, self.feed, *updated, *record)?;
        }
        let receipt = |origin: Origin, rulings: &[Ruled]| Receipt {
            device: origin.device,
            number: origin.number,
            rulings: rulings.to_vec().try_into().expect("cut to the bound of a batch"),
            received: origin.received,
            skew: origin.skew,
            mark: None,
        };
        let late = self.late.into_values().flat_map(|(origin, rulings)| {
            rulings.chunks(limits::BATCH_CHANGES).map(|part| receipt(origin, part)).collect::<Vec<_>>()
        });
        let mark = Mark { seq: self.head, link: self.link };
        Ok(Judged { late: late.collect(), grown: self.grown, mark })
    }

    fn erasure_of(&self, record: RecordId) -> Result<Option<ErasureRow>, StoreError> {
        self.store.get(&[record.to_cell()])
    }

    /// Writes down that a change came to a record which had been erased.
    pub(super) fn nothing_of(&mut self, record: RecordId, hash: ChangeHash, place: (u64, u64)) -> Result<(), StoreError> {
        let Some(erasure) = self.erasure_of(record)? else { return Ok(()) };
        self.store.put(&erase::come_to_nothing(self.schema, &erasure, hash, self.feed, place))
    }

    /// The ruling a change had before, if it had one.
    pub(super) fn known(&self, hash: ChangeHash) -> Result<Option<Ruling>, StoreError> {
        let Some(row) = self.store.get::<ChangeRow>(&[hash.to_cell()])? else { return Ok(None) };
        Ok(Some(match (row.fate, row.seq.zip(row.role.clone()), row.refusal()) {
            (Fate::Accepted, Some((seq, role)), _) => Ruling::Accepted(seq, role),
            (Fate::Refused | Fate::Dismissed, _, Some(refusal)) => Ruling::Refused(refusal),
            (Fate::Forked, ..) => Ruling::Forked,
            (Fate::Held, ..) => Ruling::Held(self.still_missing(&row)?.try_into().unwrap_or_default()),
            _ => return Err(StoreError::Damaged("changes")),
        }))
    }

    fn still_missing(&self, row: &ChangeRow) -> Result<Vec<ChangeHash>, StoreError> {
        let change = Change::parse(&row.bytes).map_err(|_| StoreError::Damaged("changes"))?;
        let mut missing = Vec::new();
        for dep in change.deps() {
            if !matches!(self.store.get::<ChangeRow>(&[dep.to_cell()])?, Some(row) if row.fate == Fate::Accepted) {
                missing.push(dep);
            }
        }
        Ok(missing)
    }

    /// Rules on a change that has no ruling yet, and writes the ruling.
    pub(super) fn rule(&mut self, record: RecordId, change: &Change, origin: Origin) -> Result<Ruling, StoreError> {
        let verdict = self.verdict(record, change, origin)?;
        let mut row = ChangeRow {
            hash: change.hash(),
            feed: self.feed,
            seq: None,
            link: None,
            record,
            batch: origin.batch,
            position: origin.position,
            fate: Fate::Forked,
            role: None,
            party: change.party().clone(),
            code: None,
            zh: None,
            en: None,
            actor: change.actor(),
            erased: None,
            bytes: change.bytes().to_vec(),
        };
        let ruling = match verdict {
            Ok(allowed) => {
                let seq = self.accept(record, change, origin, &allowed)?;
                (row.fate, row.seq, row.link) = (Fate::Accepted, Some(seq), Some(self.link));
                row.role = Some(allowed.role.clone());
                Ruling::Accepted(seq, allowed.role)
            }
            Err(Objection::Refused(refusal)) => {
                (row.fate, row.code) = (Fate::Refused, Some(refusal.code));
                (row.zh, row.en) = (Some(refusal.zh.clone()), Some(refusal.en.clone()));
                if let Some(erasure) = self.erasure_of(record)? {
                    // What was erased does not come back by another way.
                    row = erase::come_to_nothing(self.schema, &erasure, row.hash, row.feed, (row.batch, row.position));
                }
                Ruling::Refused(refusal)
            }
            Err(Objection::Missing(missing)) => {
                row.fate = Fate::Held;
                self.hot.waits_changed();
                for dep in &missing {
                    self.store.put(&WaitRow { missing: *dep, waiting: change.hash(), device: origin.device })?;
                }
                Ruling::Held(missing.try_into().expect("a change's dependencies are bounded"))
            }
            Err(Objection::Forked) => Ruling::Forked,
        };
        self.store.put(&row)?;
        if matches!(ruling, Ruling::Refused(_) | Ruling::Forked) {
            self.refuse_waiting(change.hash())?;
        }
        Ok(ruling)
    }

    fn verdict(&mut self, record: RecordId, change: &Change, origin: Origin) -> Result<Result<Allowed, Objection>, StoreError> {
        let refused = |code, zh: &str, en: &str| Ok(Err(Objection::Refused(Refusal::new(code, zh, en))));
        // Before every other objection: of those, the change itself would be kept.
        if self.hot.load(&*self.store, record)?.erased {
            return Ok(Err(Objection::Refused(erase::refusal())));
        }
        if origin.revoked {
            return refused(Code::DeviceRevoked, "这台设备已停用", "this device was revoked");
        }
        let bound = self.hot.device_of(&*self.store, change.actor())?;
        if bound.is_some_and(|device| device != origin.device) {
            return refused(Code::ForeignActor, "这个书写者属于另一台设备", "its actor belongs to another device");
        }
        for dep in change.deps() {
            // What the record holds was accepted.
            if self.hot.load(&*self.store, record)?.record.holds(dep) {
                continue;
            }
            if matches!(self.store.get::<ChangeRow>(&[dep.to_cell()])?, Some(row) if matches!(row.fate, Fate::Refused | Fate::Dismissed | Fate::Forked))
            {
                return refused(
                    Code::DependsOnRefused,
                    "它所依据的修改未被接受",
                    "it was written on top of a change that was refused",
                );
            }
        }
        let hot = self.hot.load(&*self.store, record)?;
        if hot.feed.is_some_and(|feed| feed != self.feed) {
            return refused(Code::WrongAudience, "这条记录不在这里", "the record belongs into another feed");
        }
        let author = Author { person: origin.person, device: origin.device, at: origin.received };
        let verdict = judge(self.schema, &self.roster, &hot.record, self.feed.audience, author, change);
        if matches!(verdict, Err(Objection::Missing(_))) {
            let held = self.store.count_cells(
                <WaitRow as crate::store::Row>::TABLE,
                Some(WaitRow::BY_DEVICE),
                &[origin.device.to_cell()],
            )?;
            if held >= limits::HELD_PER_DEVICE as u64 {
                return refused(Code::TooManyHeld, "等待前序内容的修改过多", "too many changes of this device wait for others");
            }
        }
        if let Ok(allowed) = &verdict
            && let Err(why) = hot.record.take(change, &allowed.understood)
        {
            self.hot.forget(record);
            let words = format!("no device of ours writes this: {why}");
            return refused(Code::NotAnAct, "这不是本系统能写出的修改", &words);
        }
        Ok(verdict)
    }

    /// Gives an allowed change its place.
    pub(super) fn accept(
        &mut self,
        record: RecordId,
        change: &Change,
        origin: Origin,
        allowed: &Allowed,
    ) -> Result<Seq, StoreError> {
        let visit = Visit {
            device: origin.device,
            person: origin.person,
            role: allowed.role.clone(),
            party: change.party().clone(),
            received: origin.received,
            skew: origin.skew,
        };
        let filled = self.past.fill(self.store, Mark { seq: self.head, link: self.link }, self.feed)?;
        self.head = filled.seq.next();
        self.link = filled.link;
        self.link = self.link.then(self.head, change.hash(), &Brought::from(&visit));
        self.hot.load(&*self.store, record)?.feed = Some(self.feed);
        if self.hot.device_of(&*self.store, change.actor())?.is_none() {
            self.store.put(&ActorRow { actor: change.actor(), device: origin.device, person: origin.person })?;
        }
        self.store.put(&TimelineRow {
            feed: self.feed,
            seq: self.head,
            record,
            hash: change.hash(),
            batch: origin.batch,
            device_time: change.device_time(),
            acts: acts_json(&allowed.understood.acts),
        })?;
        self.touched.insert(record, self.head);
        self.grown.push(FeedEntry {
            seq: self.head,
            record,
            hash: change.hash(),
            body: Body::Change(Arc::from(change.bytes())),
            visit,
            link: self.link,
        });
        Ok(self.head)
    }

    /// Rules on what waited for a change that was just accepted, and on what waited for those.
    pub(super) fn release(&mut self, accepted: ChangeHash) -> Result<(), StoreError> {
        let mut queue = VecDeque::from([accepted]);
        while let Some(hash) = queue.pop_front() {
            for row in self.take_waiting(hash)? {
                let change = Change::parse(&row.bytes).map_err(|_| StoreError::Damaged("changes"))?;
                let Some(origin) = self.origin_of(&row)? else { continue };
                if !self.still_missing(&row)?.is_empty() {
                    continue;
                }
                let ruling = self.rule(row.record, &change, origin)?;
                if matches!(ruling, Ruling::Accepted(..)) {
                    queue.push_back(row.hash);
                }
                self.ruled_late(origin, row.hash, ruling);
            }
        }
        Ok(())
    }

    /// What waited for a change that will never stand cannot stand either.
    fn refuse_waiting(&mut self, refused: ChangeHash) -> Result<(), StoreError> {
        for row in self.take_waiting(refused)? {
            let change = Change::parse(&row.bytes).map_err(|_| StoreError::Damaged("changes"))?;
            let Some(origin) = self.origin_of(&row)? else { continue };
            self.hot.waits_changed();
            for dep in change.deps() {
                self.store.remove::<WaitRow>(&[dep.to_cell(), row.hash.to_cell()])?;
            }
            let ruling = self.rule(row.record, &change, origin)?;
            self.ruled_late(origin, row.hash, ruling);
        }
        Ok(())
    }

    fn ruled_late(&mut self, origin: Origin, hash: ChangeHash, ruling: Ruling) {
        self.late.entry(origin.batch).or_insert_with(|| (origin, Vec::new())).1.push(Ruled { hash, ruling });
    }

    /// The link at the feed's end.
    pub(super) fn link(&self) -> Link {
        self.link
    }

    fn take_waiting(&mut self, missing: ChangeHash) -> Result<Vec<ChangeRow>, StoreError> {
        if !self.hot.anything_waits(&*self.store)? {
            return Ok(Vec::new());
        }
        self.hot.waits_changed();
        let waits: Vec<WaitRow> = self.store.list(&[missing.to_cell()], None, ALL)?;
        let mut rows = Vec::new();
        for wait in waits {
            self.store.remove::<WaitRow>(&[wait.missing.to_cell(), wait.waiting.to_cell()])?;
            let row: Option<ChangeRow> = self.store.get(&[wait.waiting.to_cell()])?;
            rows.extend(row.filter(|row| row.fate == Fate::Held && row.feed == self.feed));
        }
        Ok(rows)
    }

    pub(super) fn origin_of(&self, row: &ChangeRow) -> Result<Option<Origin>, StoreError> {
        if let Some(visit) = self.visit.filter(|visit| visit.batch == row.batch) {
            return Ok(Some(Origin { position: row.position, ..visit }));
        }
        let Some(batch) = self.store.get::<BatchRow>(&[row.batch.to_cell()])? else { return Ok(None) };
        let device: Option<DeviceRow> = self.store.get(&[batch.device.to_cell()])?;
        Ok(Some(Origin {
            batch: batch.id,
            position: row.position,
            number: batch.number,
            device: batch.device,
            person: batch.person,
            received: batch.received,
            skew: batch.skew,
            revoked: device.is_none_or(|device| device.is_revoked_at(batch.received)),
        }))
    }
}

fn acts_json(acts: &[Act]) -> String {
    serde_json::to_string(acts).expect("acts are plain data")
}
