//! What an administrator makes of a refused change: let it stand after all, or leave it refused for good. Either is a
//! command with a reason, and is history itself.

use std::sync::Arc;

use renolog_protocol::change::Change;
use renolog_protocol::record::NotUnderstood;
use renolog_protocol::rules::Allowed;
use renolog_protocol::schema::Schema;

use super::erase::Order;
use super::hot::Hot;
use super::judging::Judging;
use super::past::Past;
use super::{Grown, IngestError, Outcome, Rejection};
use crate::command::Settle;
use crate::store::{ChangeRow, Column, Fate, Read, SettledRow, Store, StoreError, Write};

pub(super) fn settle<S: Store>(
    store: &mut S,
    hot: &mut Hot,
    schema: &Arc<Schema>,
    past: Past<'_>,
    order: Order,
    settle: &Settle,
) -> Result<Outcome, IngestError> {
    let gone = past.erased(settle.change)?.filter(|row| row.erased.is_some_and(|erased| order.id < erased));
    let feed = gone.as_ref().map(|row| row.feed);
    let grown = match feed {
        Some(feed) => Grown { feed, late: Vec::new(), entries: Vec::new() },
        None => rule(store, hot, schema, past, settle)?,
    };
    store.put(&SettledRow {
        hash: settle.change,
        command: order.id,
        released: settle.release.into(),
        person: order.by,
        role: settle.role.clone(),
        reason: settle.reason.clone(),
        received: order.received,
    })?;
    Ok(Outcome::Settled(grown))
}

fn rule<S: Store>(
    store: &mut S,
    hot: &mut Hot,
    schema: &Arc<Schema>,
    past: Past<'_>,
    settle: &Settle,
) -> Result<Grown, IngestError> {
    let row: Option<ChangeRow> = store.get(&[settle.change.to_cell()])?;
    let quarantined = |row: &ChangeRow| row.fate == Fate::Refused && row.erased.is_none();
    let row = row.filter(quarantined).ok_or(Rejection::NotInQuarantine(settle.change))?;
    if settle.release { release(store, hot, schema, past, row, settle) } else { dismiss(store, row) }
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
    past: Past<'_>,
    row: ChangeRow,
    settle: &Settle,
) -> Result<Grown, IngestError> {
    let change = Change::parse(&row.bytes).map_err(|_| StoreError::Damaged("changes"))?;
    let record = hot.load(&*store, row.record)?;
    if record.erased {
        return Err(Rejection::Unreleasable("its record was erased".into()).into());
    }
    if record.feed.is_some_and(|feed| feed != row.feed) {
        return Err(Rejection::Unreleasable("its record belongs into another feed".into()).into());
    }
    let unreleasable = |why: NotUnderstood| match why {
        NotUnderstood::Missing(_) => {
            Rejection::Unreleasable("it was written on top of a change that does not stand; release that first".into())
        }
        other => Rejection::Unreleasable(other.to_string()),
    };
    let understood = record.record.understand(&change).map_err(unreleasable)?;
    if let Err(why) = record.record.take(&change, &understood) {
        hot.forget(row.record);
        return Err(unreleasable(why).into());
    }
    let mut judging = Judging::begin(store, hot, schema, past, row.feed, None)?;
    let origin = judging.origin_of(&row)?.ok_or(StoreError::Damaged("batches"))?;
    let allowed = Allowed { understood, role: settle.role.clone() };
    let seq = judging.accept(row.record, &change, origin, &allowed)?;
    let (feed, hash) = (row.feed, row.hash);
    let link = Some(judging.link());
    judging.store().put(&ChangeRow { fate: Fate::Accepted, seq: Some(seq), link, role: Some(allowed.role), ..row })?;
    judging.release(hash)?;
    let judged = judging.finish()?;
    Ok(Grown { feed, late: judged.late, entries: judged.grown })
}
