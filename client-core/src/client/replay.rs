//! Taking work back and saying it again.
//!
//! A change that was refused, or whose actor and number another copy of this store had used, cannot stay in its record,
//! and nothing written on top of it can. So everything from there on is taken out; what was refused becomes a draft, and
//! the rest is said again as new changes of a new actor. Each is written on top of what its writer saw, not of what has
//! come since: a value that someone else wrote meanwhile stays a conflict to be settled and is not silently overwritten.

use std::collections::{BTreeMap, BTreeSet};

use renolog_protocol::change::Change;
use renolog_protocol::id::{ChangeHash, EntryId, FeedId, RecordId};
use renolog_protocol::record::{Act, Created, Record, VoidTarget};
use renolog_protocol::refusal::{Code, Refusal};
use renolog_protocol::schema::{FieldName, Value, built_in};
use renolog_protocol::sorted::{SortedMap, SortedSet};
use renolog_protocol::time::UnixMs;

use super::record::{begins, fits, parse};
use super::{Client, ClientError};
use crate::store::{Kept, Status};

/// Names that were drawn anew: `(field, old key)` to the new key.
pub(super) type Renamed = SortedMap<(FieldName, String), String>;

/// What must be taken back in one record.
#[derive(Debug, Default)]
pub(super) struct TakeBack {
    /// From which position on.
    pub(super) from: Option<i64>,
    /// What the server said of some of it.
    pub(super) refusals: SortedMap<ChangeHash, Refusal>,
}

impl TakeBack {
    pub(super) fn from(&mut self, position: i64) {
        self.from = Some(self.from.map_or(position, |from| from.min(position)));
    }
}

/// The record twice: as the writer saw it, and the same without what is taken back, with what is said instead.
struct Replay {
    context: Record,
    seen: Record,
    renamed: Renamed,
    /// Whether something has been taken back already.
    begun: bool,
}

impl Client {
    /// Takes work of one record back and says what it can again; the caller holds the transaction.
    pub(super) fn replay(&mut self, now: UnixMs, record: RecordId, back: &TakeBack) -> Result<(), ClientError> {
        let Some(from) = back.from else { return Ok(()) };
        self.draw_actor();
        let all = self.store.changes_of(record)?;
        let taken: SortedSet<ChangeHash> =
            all.iter().filter(|kept| kept.position >= from && kept.status.is_pending()).map(|kept| kept.hash).collect();
        match self.say_all_again(now, record, all, &taken, back) {
            // One record that makes no sense must not keep the others from being sent: its work is set aside whole.
            Err(ClientError::Broken(words)) => {
                tracing::error!(%record, %words, "work could not be said again");
                self.set_aside(now, &taken, back)?;
            }
            done => done?,
        }
        self.hot.pop(&record);
        Ok(())
    }

    fn set_aside(&mut self, now: UnixMs, taken: &SortedSet<ChangeHash>, back: &TakeBack) -> Result<(), ClientError> {
        for hash in taken {
            let kept = self.store.change(*hash)?.filter(|kept| kept.status.is_pending());
            if let Some(kept) = kept {
                let refusal = back.refusals.get(hash).cloned().unwrap_or_else(nothing_to_build_on);
                self.draft(now, &kept, None, Vec::new(), refusal)?;
            }
        }
        Ok(())
    }

    fn say_all_again(
        &mut self,
        now: UnixMs,
        record: RecordId,
        all: Vec<Kept>,
        taken: &SortedSet<ChangeHash>,
        back: &TakeBack,
    ) -> Result<(), ClientError> {
        let empty = Record::empty(record);
        let beginning = other_beginning(&all, taken)?;
        let mut replay = Replay { context: empty.clone(), seen: empty, renamed: Renamed::new(), begun: false };
        for (kept, change) in ancestry(all, taken)? {
            if !taken.contains(&kept.hash) {
                replay.context.apply(&change)?;
                replay.seen.apply(&change)?;
                continue;
            }
            let understood = replay.context.understand(&change)?;
            replay.context.take(&change, &understood)?;
            let acts = understood.acts;
            match beginning.as_ref().filter(|_| begins(&change)) {
                Some(beginning) => self.begun_twice(now, &mut replay, &kept, beginning, acts)?,
                None => self.say_again(now, &mut replay, &kept, &change, acts, back.refusals.get(&kept.hash))?,
            }
            replay.begun = true;
        }
        Ok(())
    }

    /// The record stands by another beginning; what was written on this one is said again on that one.
    fn begun_twice(
        &mut self,
        now: UnixMs,
        replay: &mut Replay,
        kept: &Kept,
        beginning: &Change,
        acts: Vec<Act>,
    ) -> Result<(), ClientError> {
        let alike = replay.seen.understand(beginning).is_ok_and(|begun| begun.acts[1..] == acts[1..]);
        replay.seen.apply(beginning)?;
        if alike {
            return Ok(self.store.set_replaced(kept.hash, Some(beginning.hash()))?);
        }
        let kind = replay.context.created().map(|created| created.kind);
        let refusal = Refusal::new(Code::RewritesHistory, "这条记录已经建立", "this record was made already");
        self.draft(now, kept, kind, acts, refusal)
    }

    /// Makes drafts of everything in a feed that the server has not ruled on; the caller holds the transaction.
    pub(super) fn draft_pending(&mut self, now: UnixMs, feed: FeedId, refusal: &Refusal) -> Result<(), ClientError> {
        for record in self.store.pending_records(feed)? {
            let mut back = TakeBack::default();
            for kept in self.store.pending_of(record)? {
                back.from(kept.position);
                back.refusals.insert(kept.hash, refusal.clone());
            }
            self.replay(now, record, &back)?;
        }
        Ok(())
    }

    fn say_again(
        &mut self,
        now: UnixMs,
        replay: &mut Replay,
        kept: &Kept,
        change: &Change,
        acts: Vec<Act>,
        refusal: Option<&Refusal>,
    ) -> Result<(), ClientError> {
        let kind = replay.context.created().map(|created| created.kind);
        let code = refusal.map(|refusal| refusal.code);
        let again = match code {
            None | Some(Code::TakenName) => true,
            // Another copy of this phone has said it; once more would be twice.
            Some(Code::AlreadySaid) => return Ok(self.store.set_replaced(kept.hash, None)?),
            // Only where what it depended on is taken back too, or was released meanwhile; otherwise it would be refused the
            // same way for ever.
            Some(Code::DependsOnRefused) => replay.begun || self.was_released(kept, change)?,
            Some(_) => false,
        };
        if let Some(refusal) = refusal.filter(|_| !again) {
            return self.draft(now, kept, kind, acts, refusal.clone());
        }
        let renewed = self.renew(&acts, &replay.seen, code == Some(Code::TakenName), &mut replay.renamed);
        match self.rewrite(now, replay, kept, change, &renewed) {
            Err(ClientError::Refused(refusal)) => self.draft(now, kept, kind, acts, refusal),
            done => done,
        }
    }

    /// Whether everything a change depends on is in the feed by now. Believed once: what says it again is not said a third
    /// time for this reason.
    fn was_released(&self, kept: &Kept, change: &Change) -> Result<bool, ClientError> {
        for dep in change.deps() {
            let stands = |kept: &Kept| kept.status == Status::Accepted && kept.seq.is_some();
            if !self.store.change(dep)?.as_ref().is_some_and(stands) {
                return Ok(false);
            }
        }
        Ok(!self.store.says_again(kept.record, kept.hash)?)
    }

    fn rewrite(
        &mut self,
        now: UnixMs,
        replay: &mut Replay,
        kept: &Kept,
        change: &Change,
        acts: &[Act],
    ) -> Result<(), ClientError> {
        let creates = matches!(acts.first(), Some(Act::Create(_)));
        if creates != replay.seen.is_empty() {
            return Err(nothing_to_build_on().into());
        }
        match self.compose(now, &replay.seen, kept.feed, acts, change.party().clone(), change.device_time()) {
            Ok(written) => {
                let hash = written.change.hash();
                self.store.add_own(hash, kept.record, kept.feed, written.change.bytes(), &written.role)?;
                replay.seen = written.record;
                Ok(self.store.set_replaced(kept.hash, Some(hash))?)
            }
            Err(ClientError::Nothing) => Ok(self.store.set_replaced(kept.hash, None)?),
            Err(error) => Err(error),
        }
    }

    /// The same acts under names that fit `seen`: moves follow what they saw, under a new name; entries are named anew
    /// where `redraw` says that names were taken.
    pub(super) fn renew(&mut self, acts: &[Act], seen: &Record, redraw: bool, renamed: &mut Renamed) -> Vec<Act> {
        let latest = seen.latest_moves();
        let schema = self.schema.clone();
        let view = seen.view(&schema);
        let device = self.me.device;
        let is_there = |field: &FieldName, key: &str| {
            view.as_ref().is_some_and(|view| view.entries(field.as_str()).iter().any(|entry| entry.key == key))
        };
        let mut renew = |act: &Act| match act.clone() {
            Act::Move { name, reason, .. } => Act::Move { id: self.draw_entry(), name, follows: latest.clone(), reason },
            Act::Put { field, key, mut entry } => {
                let old = (field.clone(), key.clone());
                let drawn = key.parse::<EntryId>().is_ok();
                if redraw && drawn && !renamed.contains_key(&old) && !is_there(&field, &key) {
                    renamed.insert(old.clone(), self.draw_entry().to_string());
                }
                let key = renamed.get(&old).cloned().unwrap_or(key);
                if field == *built_in::VOIDS {
                    retarget(&mut entry, renamed);
                }
                Act::Put { field, key, entry }
            }
            // It may have been another device then, with a key that is lost.
            Act::Create(created) => Act::Create(Created { device, ..created }),
            act => act,
        };
        acts.iter().map(&mut renew).collect()
    }
}

/// What was struck out may have a new name.
fn retarget(entry: &mut BTreeMap<FieldName, Value>, renamed: &Renamed) {
    let Some(Value::Text(target)) = entry.get_mut("target") else { return };
    if let Some(VoidTarget::Entry { field, key }) = VoidTarget::parse(target)
        && let Some(key) = renamed.get(&(field.clone(), key))
    {
        *target = VoidTarget::Entry { field, key: key.clone() }.to_string();
    }
}

/// What a record stands by, where that is none of the changes that are `taken`.
fn other_beginning(all: &[Kept], taken: &SortedSet<ChangeHash>) -> Result<Option<Change>, ClientError> {
    for kept in all.iter().filter(|kept| kept.status.stands() && !taken.contains(&kept.hash)) {
        let change = parse(kept)?;
        if begins(&change) {
            return Ok(Some(change));
        }
    }
    Ok(None)
}

/// The changes that are `taken`, and those they were written on top of, each after what it depends on.
fn ancestry(all: Vec<Kept>, taken: &SortedSet<ChangeHash>) -> Result<Vec<(Kept, Change)>, ClientError> {
    let usable = all.into_iter().filter(|kept| kept.status.stands() || kept.status == Status::Waiting);
    let mut changes: BTreeMap<ChangeHash, (Kept, Change)> = BTreeMap::new();
    for kept in usable {
        let change = parse(&kept)?;
        changes.insert(kept.hash, (kept, change));
    }
    let mut queue: Vec<ChangeHash> = taken.iter().copied().collect();
    let mut wanted: BTreeSet<ChangeHash> = queue.iter().copied().collect();
    while let Some((_, change)) = queue.pop().and_then(|hash| changes.get(&hash)) {
        queue.extend(change.deps().filter(|dep| wanted.insert(*dep)));
    }
    let mut left: Vec<(Kept, Change)> = changes.into_values().filter(|(kept, _)| wanted.contains(&kept.hash)).collect();
    left.sort_by_key(|(kept, _)| kept.position);
    in_order(left)
}

fn in_order(mut left: Vec<(Kept, Change)>) -> Result<Vec<(Kept, Change)>, ClientError> {
    let Some((first, _)) = left.first() else { return Ok(Vec::new()) };
    let mut record = Record::empty(first.record);
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let before = left.len();
        let mut later = Vec::new();
        for (kept, change) in left {
            if fits(&record, &change) {
                record.apply(&change)?;
                ordered.push((kept, change));
            } else {
                later.push((kept, change));
            }
        }
        if later.len() == before {
            return Err(ClientError::Broken(format!("{before} changes depend on what is not here")));
        }
        left = later;
    }
    Ok(ordered)
}

fn nothing_to_build_on() -> Refusal {
    Refusal::new(Code::DependsOnRefused, "它所依据的内容未被接受", "what it builds on was refused")
}
