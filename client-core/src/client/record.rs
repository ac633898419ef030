//! Records in memory: rebuilt from stored changes, kept while they are in use, and shown in lists.

use renolog_protocol::change::Change;
use renolog_protocol::id::{FeedId, RecordId};
use renolog_protocol::record::{FieldView, Record, RecordView};
use renolog_protocol::time::UnixMs;

use super::{Client, ClientError};
use crate::store::{Kept, Projection, Status, StoreError};

/// A change out of the store.
pub(super) fn parse(kept: &Kept) -> Result<Change, ClientError> {
    Change::parse(&kept.bytes).map_err(|e| StoreError::Damaged(format!("change {}: {e}", kept.hash)).into())
}

/// Whether everything a change was written on top of is in the record.
pub(super) fn fits(record: &Record, change: &Change) -> bool {
    change.deps().all(|dep| record.holds(dep))
}

/// Whether a change makes its record.
pub(super) fn begins(change: &Change) -> bool {
    change.deps().next().is_none()
}

/// Applies each change once what it was written on top of is there. What is left could not be applied.
///
/// Positions in the store are in such an order nearly always: a change is kept after what it depends on. Not so after
/// the server lost some and others brought them back; hence the rounds.
fn apply_in_order(id: RecordId, mut left: Vec<(Kept, Change)>) -> (Record, Vec<(Kept, Change)>, Vec<Kept>) {
    let mut record = Record::empty(id);
    let mut applied = Vec::new();
    loop {
        let before = left.len();
        let mut later = Vec::new();
        let mut round = left.into_iter();
        while let Some((kept, change)) = round.next() {
            if !fits(&record, &change) {
                later.push((kept, change));
            } else if record.apply(&change).is_ok() {
                applied.push(kept);
            } else {
                // The document is in no known state now. Once more, without the culprit.
                let rest: Vec<(Kept, Change)> = std::mem::take(&mut applied)
                    .into_iter()
                    .filter_map(|kept| parse(&kept).ok().map(|change| (kept, change)))
                    .chain(later)
                    .chain(round)
                    .collect();
                let (record, mut left, applied) = apply_in_order(id, rest);
                left.push((kept, change));
                return (record, left, applied);
            }
        }
        left = later;
        if left.is_empty() || left.len() == before {
            return (record, left, applied);
        }
    }
}

impl Client {
    /// The record, from memory or from its changes.
    pub(super) fn hot(&mut self, id: RecordId) -> Result<&mut Record, ClientError> {
        if !self.hot.contains(&id) {
            let record = self.rebuild(id)?;
            self.hot.put(id, record);
        }
        Ok(self.hot.get_mut(&id).expect("it was put there"))
    }

    /// The record made anew of every stored change that stands, and of those that waited and fit now.
    fn rebuild(&mut self, id: RecordId) -> Result<Record, ClientError> {
        let kept = self.store.changes_of(id)?.into_iter().filter(|kept| kept.status.stands() || kept.status == Status::Waiting);
        let mut changes = kept.map(|kept| parse(&kept).map(|change| (kept, change))).collect::<Result<Vec<_>, _>>()?;
        // What others wrote in an earlier life of the server, and it has not confirmed, gives way to what it has.
        changes.sort_by_key(|(kept, _)| kept.seq.is_none() && !kept.made_here);
        let (record, left, applied) = apply_in_order(id, changes);
        for kept in applied.iter().filter(|kept| kept.status == Status::Waiting) {
            self.store.set_status(kept.hash, Status::Accepted)?;
        }
        for (kept, _) in left.iter().filter(|(kept, _)| kept.status == Status::Accepted) {
            tracing::warn!(record = %id, change = %kept.hash, "a change waits for what it depends on");
            self.store.set_status(kept.hash, Status::Waiting)?;
        }
        if left.is_empty() {
            self.incomplete.remove(&id);
        } else {
            self.incomplete.insert(id);
        }
        Ok(record)
    }

    /// Writes what lists show of a record, and a new revision of it.
    pub(super) fn project(&mut self, id: RecordId, feed: FeedId, updated: UnixMs) -> Result<(), ClientError> {
        let revision = self.bump();
        let schema = self.schema.clone();
        match self.hot(id)?.view(&schema) {
            Some(view) => {
                let shown = self.shown(&view)?;
                self.store.project(id, feed, &shown, updated, revision)?;
            }
            None => self.store.set_gone(id, revision)?,
        }
        Ok(())
    }

    /// Writes what lists show of a record that is not in memory.
    pub(super) fn project_anew(&mut self, record: &Record, feed: FeedId, updated: UnixMs) -> Result<(), ClientError> {
        let revision = self.bump();
        match record.view(&self.schema.clone()) {
            Some(view) => {
                let shown = self.shown(&view)?;
                Ok(self.store.project(record.id(), feed, &shown, updated, revision)?)
            }
            None => Ok(self.store.set_gone(record.id(), revision)?),
        }
    }

    /// A record as people read it, without keeping it in memory: for going through many.
    pub(super) fn glance(&mut self, id: RecordId) -> Result<Option<RecordView>, ClientError> {
        let schema = self.schema.clone();
        if let Some(record) = self.hot.peek(&id) {
            return Ok(record.view(&schema));
        }
        Ok(self.rebuild(id)?.view(&schema))
    }

    pub(super) fn shown(&self, view: &RecordView) -> Result<Projection, ClientError> {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Projection {
            kind: view.created.kind.clone(),
            state: view.state.clone(),
            title: view.title.clone(),
            words: words(view),
            created: view.created.device_time,
            voided: view.voided.is_some(),
            conflicts: count(view.conflicts.len()),
            superseded: count(view.superseded().count()),
            due: self.first_end(view)?,
            schema: self.schema.version,
        })
    }
}

/// Everything written in a record, for search.
fn words(view: &RecordView) -> String {
    let mut words = String::new();
    let mut add = |text: &str| {
        words.push_str(text);
        words.push('\n');
    };
    for field in view.fields.values() {
        match field {
            FieldView::Values(values) => values.iter().for_each(|said| add(&said.value.to_string())),
            FieldView::Text(texts) => texts.iter().for_each(|said| add(&said.value)),
            FieldView::Entries(entries) => {
                for entry in entries {
                    add(&entry.key);
                    entry.values.iter().flat_map(|said| said.value.values()).for_each(|value| add(&value.to_string()));
                }
            }
        }
    }
    view.moves.iter().filter_map(|made| made.reason.as_deref()).for_each(add);
    words.to_lowercase()
}
