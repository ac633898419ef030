//! Verdicts: whether a change may stand, what follows for those that wait for it, and what is written down of it all.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use renolog_protocol::change::Change;
use renolog_protocol::id::{ChangeHash, DeviceId, FeedId, PersonId, RecordId, Seq};
use renolog_protocol::limits;
use renolog_protocol::record::Act;
use renolog_protocol::refusal::{Code, Refusal};
use renolog_protocol::roster::Roster;
use renolog_protocol::rules::{Allowed, Author, Objection, judge};
use renolog_protocol::schema::Schema;
use renolog_protocol::session::server::FeedEntry;
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::{Receipt, Ruled, Ruling, Visit};

use super::hot::Hot;
use super::project::project;
use super::{IngestError, Rejection};
use crate::reception;
use crate::store::{
    ALL, ActorRow, BatchRow, ChangeRow, Column, CommunityRow, Fate, FeedRow, Read, Store, StoreError, TimelineRow, WaitRow, Write,
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
}

/// Changes of one feed under judgement in one command.
pub(super) struct Judging<'a, S> {
    store: &'a mut S,
    hot: &'a mut Hot,
    schema: &'a Schema,
    roster: Roster,
    feed: FeedId,
    /// The visit that this command records, if it brings one.
    visit: Option<Origin>,
    head: Seq,
    late: BTreeMap<(DeviceId, u64), Vec<Ruled>>,
    grown: Vec<FeedEntry>,
    /// Records that changed, and the position of the latest change of each.
    touched: BTreeMap<RecordId, Seq>,
}

/// What a command's verdicts led to.
pub(super) struct Judged {
    pub(super) late: Vec<Receipt>,
    pub(super) grown: Vec<FeedEntry>,
}

impl<'a, S: Store> Judging<'a, S> {
    pub(super) fn begin(
        store: &'a mut S,
        hot: &'a mut Hot,
        schema: &'a Schema,
        feed: FeedId,
        visit: Option<Origin>,
    ) -> Result<Self, IngestError> {
        if store.get::<CommunityRow>(&[feed.community.to_cell()])?.is_none() {
            return Err(Rejection::UnknownCommunity(feed.community).into());
        }
        let roster = reception::roster(store, feed.community)?;
        let head = super::head(store, feed)?;
        let (late, grown, touched) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        Ok(Self { store, hot, schema, roster, feed, visit, head, late, grown, touched })
    }

    pub(super) fn store(&mut self) -> &mut S {
        self.store
    }

    /// Writes what follows from the verdicts: the feed's end, the records as people see them.
    pub(super) fn finish(self) -> Result<Judged, StoreError> {
        if !self.grown.is_empty() {
            self.store.put(&FeedRow { feed: self.feed, head: self.head })?;
        }
        for (record, updated) in &self.touched {
            project(self.store, self.hot, self.schema, self.feed, *updated, *record)?;
        }
        let receipt = |(device, number): (DeviceId, u64), rulings: &[Ruled]| Receipt {
            device,
            number,
            rulings: rulings.to_vec().try_into().expect("cut to the bound of a batch"),
        };
        let late = self.late.into_iter().flat_map(|(name, rulings)| {
            rulings.chunks(limits::BATCH_CHANGES).map(|part| receipt(name, part)).collect::<Vec<_>>()
        });
        Ok(Judged { late: late.collect(), grown: self.grown })
    }

    /// The ruling a change had before, if it had one.
    pub(super) fn known(&self, hash: ChangeHash) -> Result<Option<Ruling>, StoreError> {
        let Some(row) = self.store.get::<ChangeRow>(&[hash.to_cell()])? else { return Ok(None) };
        Ok(Some(match (row.fate, row.seq, row.refusal()) {
            (Fate::Accepted, Some(seq), _) => Ruling::Accepted(seq),
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
            record,
            batch: origin.batch,
            position: origin.position,
            fate: Fate::Forked,
            role: None,
            party: change.party().clone(),
            code: None,
            zh: None,
            en: None,
            bytes: change.bytes().to_vec(),
        };
        let ruling = match verdict {
            Ok(allowed) => {
                let seq = self.accept(record, change, origin, &allowed)?;
                (row.fate, row.seq, row.role) = (Fate::Accepted, Some(seq), Some(allowed.role));
                Ruling::Accepted(seq)
            }
            Err(Objection::Refused(refusal)) => {
                (row.fate, row.code) = (Fate::Refused, Some(refusal.code));
                (row.zh, row.en) = (Some(refusal.zh.clone()), Some(refusal.en.clone()));
                Ruling::Refused(refusal)
            }
            Err(Objection::Missing(missing)) => {
                row.fate = Fate::Held;
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
        let bound: Option<ActorRow> = self.store.get(&[change.actor().to_cell()])?;
        if bound.is_some_and(|bound| bound.device != origin.device) {
            return refused(Code::ForeignActor, "这个书写者属于另一台设备", "its actor belongs to another device");
        }
        for dep in change.deps() {
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
        if verdict.is_ok()
            && let Err(why) = hot.record.apply(change)
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
        self.head = self.head.next();
        self.hot.load(&*self.store, record)?.feed = Some(self.feed);
        self.store.put(&ActorRow { actor: change.actor(), device: origin.device, person: origin.person })?;
        self.store.put(&TimelineRow {
            feed: self.feed,
            seq: self.head,
            record,
            hash: change.hash(),
            batch: origin.batch,
            device_time: change.device_time(),
            acts: acts_json(&allowed.acts),
        })?;
        self.touched.insert(record, self.head);
        self.grown.push(FeedEntry {
            seq: self.head,
            record,
            hash: change.hash(),
            bytes: Arc::from(change.bytes()),
            visit: Visit {
                device: origin.device,
                person: origin.person,
                role: allowed.role.clone(),
                party: change.party().clone(),
                received: origin.received,
                skew: origin.skew,
            },
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
                if matches!(ruling, Ruling::Accepted(_)) {
                    queue.push_back(row.hash);
                }
                self.late.entry((origin.device, origin.number)).or_default().push(Ruled { hash: row.hash, ruling });
            }
        }
        Ok(())
    }

    /// What waited for a change that will never stand cannot stand either.
    fn refuse_waiting(&mut self, refused: ChangeHash) -> Result<(), StoreError> {
        for row in self.take_waiting(refused)? {
            let change = Change::parse(&row.bytes).map_err(|_| StoreError::Damaged("changes"))?;
            let Some(origin) = self.origin_of(&row)? else { continue };
            for dep in change.deps() {
                self.store.remove::<WaitRow>(&[dep.to_cell(), row.hash.to_cell()])?;
            }
            let ruling = self.rule(row.record, &change, origin)?;
            self.late.entry((origin.device, origin.number)).or_default().push(Ruled { hash: row.hash, ruling });
        }
        Ok(())
    }

    fn take_waiting(&mut self, missing: ChangeHash) -> Result<Vec<ChangeRow>, StoreError> {
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
        let batch: Option<BatchRow> = self.store.get(&[row.batch.to_cell()])?;
        Ok(batch.map(|batch| Origin {
            batch: batch.id,
            position: row.position,
            number: batch.number,
            device: batch.device,
            person: batch.person,
            received: batch.received,
            skew: batch.skew,
        }))
    }
}

fn acts_json(acts: &[Act]) -> String {
    serde_json::to_string(acts).expect("acts are plain data")
}
