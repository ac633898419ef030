//! What was refused, and what an administrator made of it.

use renolog_protocol::id::FeedId;

use super::super::ENTRIES;
use super::super::facts::{Refused, Settled};
use super::{Gathering, NotGathered, Scope, within};
use crate::store::{ALL, ChangeRow, Column, Fate, Read, SettledRow, StoreError};

impl<S: Read + ?Sized> Gathering<'_, S> {
    /// What was refused in the period, and what became of it until its end.
    pub(super) fn refused(&mut self, feed: FeedId, scope: &Scope) -> Result<Vec<Refused>, NotGathered> {
        let mut rows: Vec<ChangeRow> = Vec::new();
        for fate in [Fate::Refused, Fate::Dismissed] {
            let found: Vec<ChangeRow> =
                self.store.list_by(ChangeRow::BY_FATE, &[feed.to_cell(), fate.to_cell()], None, ENTRIES + 1)?;
            rows.extend(found);
        }
        for settled in self.store.list::<SettledRow>(&[], None, ALL)?.into_iter().filter(|settled| settled.released == 1) {
            let row: Option<ChangeRow> = self.store.get(&[settled.hash.to_cell()])?;
            rows.extend(row.filter(|row| row.feed == feed && row.fate == Fate::Accepted));
        }
        let mut refused = Vec::new();
        for row in rows.into_iter().filter(|row| self.question.record.is_none_or(|record| record == row.record)) {
            let received = self.batch_row(row.batch)?.received;
            let stands = row.seq.is_some_and(|seq| seq < scope.end) && scope.records.contains(&row.record);
            let came = self.from.is_none_or(|from| received >= from) && self.to.is_none_or(|to| received < to);
            if let Some(why) = row.refusal().filter(|_| came || stands) {
                let settled = self.settled(&row, scope)?;
                self.keep(row.hash, &row.bytes, row.erased.is_some())?;
                refused.push(Refused {
                    hash: row.hash,
                    audience: feed.audience,
                    record: row.record,
                    batch: row.batch,
                    position: row.position as usize,
                    party: row.party,
                    why,
                    erased: row.erased.is_some(),
                    settled,
                });
            }
        }
        within("entries", refused.len(), ENTRIES)?;
        Ok(refused)
    }

    fn settled(&self, row: &ChangeRow, scope: &Scope) -> Result<Option<Settled>, StoreError> {
        let settled: Option<SettledRow> = self.store.get(&[row.hash.to_cell()])?;
        let by_then = |settled: &SettledRow| match row.seq {
            Some(seq) => seq < scope.end,
            None => self.to.is_none_or(|to| settled.received < to),
        };
        Ok(settled.filter(by_then).map(|settled| Settled {
            released: settled.released == 1,
            person: settled.person,
            role: settled.role,
            reason: settled.reason,
            received: settled.received,
        }))
    }
}
