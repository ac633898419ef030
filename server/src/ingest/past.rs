//! The store whose log is applied again, where the log alone does not know any more: what was erased.
//!
//! A push whose record was erased since comes back from the log without its words, and cannot be judged again. What became
//! of it then is taken from the store under examination; its place and its link are computed anew all the same, so that
//! nothing can be slipped in there.

use std::fmt;

use renolog_protocol::chain::{Brought, Mark};
use renolog_protocol::id::{ChangeHash, FeedId, RecordId};
use renolog_protocol::wire::Visit;

use crate::store::{ALL, ActorRow, BatchRow, ChangeRow, Column, Fate, Read, Scan, Store, StoreError, TimelineRow, Write};

/// The store whose log is applied again.
pub(super) struct Original(pub(super) Box<dyn Scan + Send>);

impl fmt::Debug for Original {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Original")
    }
}

/// See the module; nothing in ordinary life.
#[derive(Clone, Copy)]
pub(super) struct Past<'a>(pub(super) Option<&'a (dyn Scan + Send)>);

impl Past<'_> {
    /// Whether a log is applied again.
    pub(super) fn is_known(self) -> bool {
        self.0.is_some()
    }

    /// What became of a change that was erased, if it was.
    pub(super) fn erased(self, hash: ChangeHash) -> Result<Option<ChangeRow>, StoreError> {
        let Some(original) = self.0 else { return Ok(None) };
        let row: Option<ChangeRow> = original.get(&[hash.to_cell()])?;
        Ok(row.filter(|row| row.erased.is_some()))
    }

    /// The changes that this command erased; `None` in ordinary life.
    pub(super) fn erased_by(self, command: u64, record: RecordId) -> Result<Option<Vec<ChangeRow>>, StoreError> {
        let Some(original) = self.0 else { return Ok(None) };
        let rows: Vec<ChangeRow> = original.list_by(ChangeRow::BY_RECORD, &[record.to_cell()], None, ALL)?;
        Ok(Some(rows.into_iter().filter(|row| row.batch < command).collect()))
    }

    /// Fills the places of erased changes that follow `mark`, and answers how the feed stands then.
    pub(super) fn fill<S: Store>(self, store: &mut S, mark: Mark, feed: FeedId) -> Result<Mark, StoreError> {
        let mut mark = mark;
        while let Some(row) = self.at(feed, mark)? {
            let batch: BatchRow = store.get(&[row.batch.to_cell()])?.ok_or(StoreError::Damaged("batches"))?;
            let visit = Visit {
                device: batch.device,
                person: batch.person,
                role: row.role.clone().ok_or(StoreError::Damaged("changes"))?,
                party: row.party.clone(),
                received: batch.received,
                skew: batch.skew,
            };
            let seq = mark.seq.next();
            mark = Mark { seq, link: mark.link.then(seq, row.hash, &Brought::from(&visit)) };
            store.put(&ActorRow { actor: row.actor, device: batch.device, person: batch.person })?;
            if let Some(said) = self.said(feed, mark)? {
                let (record, hash, batch) = (row.record, row.hash, row.batch);
                store.put(&TimelineRow { record, hash, batch, acts: "[]".into(), ..said })?;
            }
            store.put(&ChangeRow { link: Some(mark.link), ..row })?;
        }
        Ok(mark)
    }

    /// The erased change that stands right after `mark`, if one does.
    fn at(self, feed: FeedId, mark: Mark) -> Result<Option<ChangeRow>, StoreError> {
        let Some(original) = self.0 else { return Ok(None) };
        let rows: Vec<ChangeRow> = original.list_by(ChangeRow::BY_FEED, &[feed.to_cell()], Some(&mark.seq.to_cell()), 1)?;
        let next = rows.into_iter().next();
        Ok(next.filter(|row| row.erased.is_some() && row.fate == Fate::Accepted && row.seq == Some(mark.seq.next())))
    }

    fn said(self, feed: FeedId, mark: Mark) -> Result<Option<TimelineRow>, StoreError> {
        self.0.map_or(Ok(None), |original| original.get(&[feed.to_cell(), mark.seq.to_cell()]))
    }
}
