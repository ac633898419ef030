//! What an administrator makes of a refused change: let it stand after all, or leave it refused for good. Either is a
//! command with a reason, and is history itself.

use std::sync::Arc;

use renolog_protocol::change::Change;
use renolog_protocol::record::NotUnderstood;
use renolog_protocol::rules::Allowed;
use renolog_protocol::schema::Schema;
use renolog_protocol::time::UnixMs;

use super::hot::Hot;
use super::judging::Judging;
use super::{Grown, IngestError, Outcome, Rejection};
use crate::command::Settle;
use crate::store::{ChangeRow, Column, Fate, Read, SettledRow, Store, StoreError, Write};

pub(super) fn settle<S: Store>(
    store: &mut S,
    hot: &mut Hot,
    schema: &Arc<Schema>,
    id: u64,
    received: UnixMs,
    settle: &Settle,
) -> Result<Outcome, IngestError> {
    let row: Option<ChangeRow> = store.get(&[settle.change.to_cell()])?;
    let row = row.filter(|row| row.fate == Fate::Refused).ok_or(Rejection::NotInQuarantine(settle.change))?;
    let feed = row.feed;
    let grown = if settle.release { release(store, hot, schema, row, settle)? } else { dismiss(store, row)? };
    store.put(&SettledRow {
        hash: settle.change,
        command: id,
        released: settle.release.into(),
        person: settle.person,
        role: settle.role.clone(),
        reason: settle.reason.clone(),
        received,
    })?;
    Ok(Outcome::Settled(Grown { feed, ..grown }))
}

fn dismiss<S: Store>(store: &mut S, row: ChangeRow) -> Result<Grown, IngestError> {
    let feed = row.feed;
    store.put(&ChangeRow { fate: Fate::Dismissed, ..row })?;
    Ok(Grown { feed, late: Vec::new(), entries: Vec::new() })
}

/// An administrator's word stands for the rule that refused it, but not for what a record can bear: the change must say
/// something, and what it was written on top of must stand.
fn release<S: Store>(
    store: &mut S,
    hot: &mut Hot,
    schema: &Arc<Schema>,
    row: ChangeRow,
    settle: &Settle,
) -> Result<Grown, IngestError> {
    let change = Change::parse(&row.bytes).map_err(|_| StoreError::Damaged("changes"))?;
    let record = hot.load(&*store, row.record)?;
    if record.feed.is_some_and(|feed| feed != row.feed) {
        return Err(Rejection::Unreleasable("its record belongs into another feed".into()).into());
    }
    let unreleasable = |why: NotUnderstood| match why {
        NotUnderstood::Missing(_) => {
            Rejection::Unreleasable("it was written on top of a change that does not stand; release that first".into())
        }
        other => Rejection::Unreleasable(other.to_string()),
    };
    let acts = record.record.understand(&change).map_err(unreleasable)?;
    if let Err(why) = record.record.apply(&change) {
        hot.forget(row.record);
        return Err(unreleasable(why).into());
    }
    let mut judging = Judging::begin(store, hot, schema, row.feed, None)?;
    let origin = judging.origin_of(&row)?.ok_or(StoreError::Damaged("batches"))?;
    let allowed = Allowed { acts, role: settle.role.clone() };
    let seq = judging.accept(row.record, &change, origin, &allowed)?;
    let (feed, hash) = (row.feed, row.hash);
    judging.store().put(&ChangeRow { fate: Fate::Accepted, seq: Some(seq), role: Some(allowed.role), ..row })?;
    judging.release(hash)?;
    let judged = judging.finish()?;
    Ok(Grown { feed, late: judged.late, entries: judged.grown })
}
