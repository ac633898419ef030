//! Projections of a record: as people see it, and the little of it that is counted. Both follow from the log alone.

use renolog_protocol::id::{ChangeHash, FeedId, RecordId, Seq};
use renolog_protocol::record::{FieldView, RecordView, Standing};
use renolog_protocol::schema::{Kind, Party, Schema, Value};
use renolog_protocol::time::UnixMs;

use super::hot::Hot;
use crate::figures::NUMBERS;
use crate::store::{BatchRow, ChangeRow, Column, FactRow, Read, RecordRow, Store, StoreError, Write};

/// Writes a record as people see it, and what is counted of it.
pub(super) fn project<S: Store>(
    store: &mut S,
    hot: &mut Hot,
    schema: &Schema,
    feed: FeedId,
    updated: Seq,
    record: RecordId,
) -> Result<(), StoreError> {
    let known = &hot.load(&*store, record)?.record;
    let (Some(view), Some(first)) = (known.view(schema), known.first()) else { return Ok(()) };
    let before: Option<FactRow> = store.get(&[record.to_cell()])?;
    let fact = fact(store, schema, feed, &view, (first, before.as_ref()))?;
    // A remark counts for nothing: what is counted stays as it was.
    if before.as_ref() != Some(&fact) {
        store.put(&fact)?;
    }
    store.put(&row(feed, updated, &view))
}

/// The row of a record as people see it.
pub(crate) fn row(feed: FeedId, updated: Seq, view: &RecordView) -> RecordRow {
    RecordRow {
        id: view.id,
        feed,
        kind: view.created.kind.clone(),
        state: view.state.clone(),
        title: view.title.clone(),
        updated,
        conflicts: view.conflicts.len() as u64,
        superseded: view.superseded().count() as u64,
        view: json(view),
    }
}

/// Bytes that an entry takes as JSON, roughly; a view without entries takes three times as many.
const ENTRY_BYTES: usize = 384;

/// In room made beforehand: a text that grows is moved again and again.
fn json(view: &RecordView) -> String {
    let entries = view.fields.values().map(|field| match field {
        FieldView::Entries(entries) => entries.len(),
        FieldView::Values(_) | FieldView::Text(_) => 0,
    });
    let mut json = Vec::with_capacity((entries.sum::<usize>() + 3) * ENTRY_BYTES);
    serde_json::to_writer(&mut json, view).expect("a view is plain data");
    String::from_utf8(json).expect("JSON is text")
}

/// What is counted of a record, whose first change is `first`, and of which `before` was counted last.
fn fact<S: Store>(
    store: &S,
    schema: &Schema,
    feed: FeedId,
    view: &RecordView,
    (first, before): (ChangeHash, Option<&FactRow>),
) -> Result<FactRow, StoreError> {
    let kind = schema.kinds.get(&view.created.kind);
    // A record's beginning never changes.
    let (first, opened) = match before {
        Some(before) => (before.first, before.opened),
        None => beginning(store, first)?,
    };
    let standing = || view.moves.iter().filter(|step| step.standing == Standing::Stands);
    let answered = standing().next().map(|step| received(store, step.source.change)).transpose()?;
    let (answered, answered_by) = answered.unzip();
    let closed = match kind {
        Some(kind) if is_done(kind, view.state.as_str()) => Some(match closing(kind, view) {
            Some(change) => received(store, change)?,
            None => (opened, view.created.party.clone()),
        }),
        _ => None,
    };
    let (closed, closed_by) = closed.unzip();
    Ok(FactRow {
        id: view.id,
        feed,
        kind: view.created.kind.clone(),
        state: view.state.clone(),
        voided: view.voided.is_some().into(),
        party: view.created.party.clone(),
        subject: subject(kind, view),
        first,
        opened,
        answered,
        answered_by,
        closed,
        closed_by,
        number: number(view),
    })
}

fn is_done(kind: &Kind, state: &str) -> bool {
    kind.states.get(state).is_some_and(|state| state.done)
}

/// The place and the receipt of a record's first change.
fn beginning<S: Store>(store: &S, first: ChangeHash) -> Result<(Seq, UnixMs), StoreError> {
    let first: ChangeRow = store.get(&[first.to_cell()])?.ok_or(StoreError::Damaged("changes"))?;
    let batch: BatchRow = store.get(&[first.batch.to_cell()])?.ok_or(StoreError::Damaged("batches"))?;
    Ok((first.seq.unwrap_or_default(), batch.received))
}

/// The change with which the record came to be done, and has been since; nothing if it was made so.
fn closing(kind: &Kind, view: &RecordView) -> Option<ChangeHash> {
    let standing = view.moves.iter().rev().filter(|step| step.standing == Standing::Stands);
    let leads_to_done =
        |name: &renolog_protocol::schema::MoveName| kind.moves.get(name).is_some_and(|rule| is_done(kind, rule.to.as_str()));
    standing.take_while(|step| leads_to_done(&step.name)).last().map(|step| step.source.change)
}

/// When a change was received, and the party it speaks for.
fn received<S: Store>(store: &S, change: ChangeHash) -> Result<(UnixMs, Party), StoreError> {
    let row: ChangeRow = store.get(&[change.to_cell()])?.ok_or(StoreError::Damaged("changes"))?;
    let batch: BatchRow = store.get(&[row.batch.to_cell()])?.ok_or(StoreError::Damaged("batches"))?;
    Ok((batch.received, row.party))
}

/// The title field uncut: two places that differ in their last words are two places.
fn subject(kind: Option<&Kind>, view: &RecordView) -> String {
    match kind.and_then(|kind| view.value(kind.title.as_str())) {
        Some(value) => value.to_string(),
        None => view.title.clone(),
    }
}

fn number(view: &RecordView) -> Option<i64> {
    let (_, field) = NUMBERS.iter().find(|(kind, _)| view.created.kind == **kind)?;
    match view.value(field)? {
        Value::Whole(number) => Some(*number),
        _ => None,
    }
}
