//! A device's signed batch: judged change by change, in its order.

use std::sync::Arc;

use renolog_protocol::batch::Batch;
use renolog_protocol::schema::Schema;
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::{Receipt, Ruled, Ruling};

use super::hot::Hot;
use super::judging::{Judging, Origin};
use super::past::Past;
use super::{IngestError, Pushed, Rejection};
use crate::command::Push;
use crate::store::{BatchRow, Store, Write};

pub(super) fn push<S: Store>(
    store: &mut S,
    hot: &mut Hot,
    schema: &Arc<Schema>,
    past: Past<'_>,
    (id, received): (u64, UnixMs),
    push: &Push,
) -> Result<Pushed, IngestError> {
    let batch = &push.batch;
    let device = hot.device(store, batch.device())?.ok_or(Rejection::UnknownDevice(batch.device()))?;
    let (person, revoked) = (device.person, device.is_revoked_at(received));
    let device = device.id;
    // The skew of a connection is the carrier's; of a device whose batch another carries nothing is known.
    let skew = if push.carrier == device { push.skew } else { SpanMs(0) };
    let visit = Origin { batch: id, position: 0, number: batch.number(), device, person, received, skew, revoked };
    let row = BatchRow {
        id,
        device,
        person,
        carrier: (push.carrier != device).then_some(push.carrier),
        number: batch.number(),
        feed: batch.feed(),
        device_time: batch.device_time(),
        received,
        skew,
        signature: *batch.signature(),
    };
    if past.is_known() {
        // Something of this batch may have been erased since, and its place is filled while the rest is judged. What a
        // log holds was new when it came.
        store.put(&row)?;
    }
    let mut judging = Judging::begin(store, hot, schema, past, batch.feed(), Some(visit))?;
    let mut rulings = Vec::with_capacity(batch.changes().len());
    let mut fresh = false;
    for (position, record, change) in batch.changes() {
        let ruling = match judging.known(change.hash())? {
            Some(ruling) => ruling,
            None => {
                fresh = true;
                let ruling = judging.rule(record, change, Origin { position: position as u64, ..visit })?;
                if matches!(ruling, Ruling::Accepted(..)) {
                    judging.release(change.hash())?;
                }
                ruling
            }
        };
        rulings.push(Ruled { hash: change.hash(), ruling });
    }
    fresh |= came_to_nothing(&mut judging, past, id, batch)?;
    if fresh {
        judging.store().put(&row)?;
    }
    let judged = judging.finish()?;
    let rulings = rulings.try_into().expect("as many as the batch has changes");
    let mark = Some(judged.mark);
    let receipt = Receipt { device: batch.device(), number: batch.number(), rulings, received, skew, mark };
    Ok(Pushed { receipt, late: judged.late, grown: judged.grown, feed: batch.feed(), fresh })
}

/// What came with this batch and was erased since; whether there was any. Changes of a record that was erased before they
/// came are written down as they were then.
fn came_to_nothing<S: Store>(judging: &mut Judging<'_, S>, past: Past<'_>, id: u64, batch: &Batch) -> Result<bool, IngestError> {
    let mut any = false;
    for (position, (record, hash)) in batch.names().iter().enumerate() {
        if past.erased(*hash)?.is_none_or(|row| row.batch != id) {
            continue;
        }
        any = true;
        judging.nothing_of(*record, *hash, (id, position as u64))?;
    }
    Ok(any)
}
