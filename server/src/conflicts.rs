//! What people of one community wrote apart and has to be settled, and the moves that parallel ones overtook: every value,
//! who wrote it, for which party, and when.

use std::collections::BTreeMap;

use renolog_protocol::id::{ChangeHash, FeedId, PersonId, RecordId};
use renolog_protocol::record::Source;
use renolog_protocol::schema::{FieldName, KindName, Label, MoveName, Party, Role, Schema, StateName};
use renolog_protocol::time::UnixMs;
use renolog_protocol::words;
use serde::Serialize;

use crate::store::{BatchRow, ChangeRow, Column, PersonRow, Read, RecordRow, StoreError};

/// A record in which something stands against something.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Disagreement {
    /// Which record.
    pub record: RecordId,
    /// Its feed.
    pub feed: FeedId,
    /// What kind.
    pub kind: KindName,
    /// What stands for it in a list.
    pub title: String,
    /// Its state.
    pub state: StateName,
    /// Fields in which several values stand; settled by writing the field again.
    pub conflicts: Vec<Conflict>,
    /// Moves that another, parallel one overtook.
    pub superseded: Vec<Overtaken>,
}

/// One field, or one entry of it, in which several values stand.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conflict {
    /// The field.
    pub field: FieldName,
    /// Its name for people.
    pub label: Label,
    /// The entry, where the field has entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Every value.
    pub values: Vec<Stands>,
    /// Who may settle it.
    pub settled_by: Label,
}

/// One of several values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stands {
    /// In words.
    pub value: String,
    /// From whom.
    #[serde(flatten)]
    pub author: Author,
}

/// A move that does not count.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overtaken {
    /// Which move.
    pub name: MoveName,
    /// Its name for people.
    pub label: Label,
    /// The state its turn found.
    pub found: StateName,
    /// Why it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// By whom.
    #[serde(flatten)]
    pub author: Author,
}

/// Who wrote something, and when: from the ledger, not from the record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Author {
    /// The change.
    pub change: ChangeHash,
    /// Who.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// The role that allowed it, then.
    pub role: Option<Role>,
    /// The party spoken for.
    pub party: Party,
    /// When, by the device's clock.
    pub device_time: UnixMs,
    /// The same, corrected by the skew that the connection showed.
    pub corrected: UnixMs,
    /// When the server received it.
    pub received: UnixMs,
}

/// The records of some feeds in which something stands against something, in the order of their ids.
///
/// # Errors
/// [`StoreError`].
pub fn list<S: Read + ?Sized>(
    store: &S,
    schema: &Schema,
    feeds: impl IntoIterator<Item = FeedId>,
    after: Option<RecordId>,
    limit: usize,
) -> Result<Vec<Disagreement>, StoreError> {
    let mut rows: BTreeMap<RecordId, RecordRow> = BTreeMap::new();
    for feed in feeds {
        for order in [RecordRow::BY_CONFLICTS, RecordRow::BY_SUPERSEDED] {
            let above_none = 0u64.to_cell();
            let found: Vec<RecordRow> = store.list_by(order, &[feed.to_cell()], Some(&above_none), crate::store::ALL)?;
            rows.extend(found.into_iter().map(|row| (row.id, row)));
        }
    }
    let rest = rows.into_values().filter(|row| after.is_none_or(|after| row.id > after));
    rest.take(limit).map(|row| of_record(store, schema, row)).collect()
}

fn of_record<S: Read + ?Sized>(store: &S, schema: &Schema, row: RecordRow) -> Result<Disagreement, StoreError> {
    let view = row.read_view()?;
    let kind = schema.kinds.get(&row.kind);
    let mut conflicts = Vec::new();
    for conflict in &view.conflicts {
        let stands = |said: &renolog_protocol::record::Said<String>| {
            Ok(Stands { value: said.value.clone(), author: author(store, &said.source)? })
        };
        let settled_by = kind.and_then(|kind| kind.fields.get(&conflict.field)).map(|field| schema.who(&field.write));
        conflicts.push(Conflict {
            field: conflict.field.clone(),
            label: words::field_label(kind, &conflict.field),
            key: conflict.key.clone(),
            values: conflict.values.iter().map(stands).collect::<Result<_, StoreError>>()?,
            settled_by: settled_by.unwrap_or_else(|| Label { zh: String::new(), en: String::new() }),
        });
    }
    let mut superseded = Vec::new();
    for step in view.superseded() {
        let label = kind.and_then(|kind| kind.moves.get(&step.name)).map(|rule| rule.label.clone());
        superseded.push(Overtaken {
            label: label.unwrap_or_else(|| Label { zh: step.name.to_string(), en: step.name.to_string() }),
            name: step.name.clone(),
            found: step.found.clone(),
            reason: step.reason.clone(),
            author: author(store, &step.source)?,
        });
    }
    let RecordRow { id, feed, kind, title, state, .. } = row;
    Ok(Disagreement { record: id, feed, kind, title, state, conflicts, superseded })
}

fn author<S: Read + ?Sized>(store: &S, source: &Source) -> Result<Author, StoreError> {
    let change: ChangeRow = store.get(&[source.change.to_cell()])?.ok_or(StoreError::Damaged("changes"))?;
    let batch: BatchRow = store.get(&[change.batch.to_cell()])?.ok_or(StoreError::Damaged("batches"))?;
    let name = store.get::<PersonRow>(&[batch.person.to_cell()])?.map(|person| person.name).unwrap_or_default();
    Ok(Author {
        change: source.change,
        person: batch.person,
        name,
        role: change.role,
        party: change.party,
        device_time: source.device_time,
        corrected: source.device_time + batch.skew,
        received: batch.received,
    })
}
