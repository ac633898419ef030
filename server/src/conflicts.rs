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
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Stands {
    /// In words.
    pub value: String,
    /// From whom.
    #[serde(flatten)]
    pub author: Author,
}

/// A move that does not count.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Overtaken {
    /// Which move. Not its `name`: that is its author's.
    pub step: MoveName,
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
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
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
            step: step.name.clone(),
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

#[cfg(test)]
mod tests {
    use renolog_protocol::id::Audience;
    use renolog_protocol::record::Act;
    use renolog_protocol::schema::Value;

    use super::*;
    use crate::testing::{District, field};

    #[test]
    fn what_was_written_apart_names_its_authors_until_it_is_settled() {
        let mut desk = District::new();
        let community = desk.community("qinfeng");
        let street = desk.member(&[community], "street");
        let committee = desk.member(&[community], "residents_committee");
        let record = desk.make(&street, community, "community", &[("name", "勤丰".into())], Vec::new());
        let households = |number: i64| Act::Set { field: field("households"), value: Value::from(number) };
        let (mut one, mut other) = (desk.copy(record), desk.copy(record));
        let first = desk.write(&street, &mut one, &[households(474)]);
        let second = desk.write(&committee, &mut other, &[households(471)]);
        desk.accepted(&street, record, &first);
        desk.accepted(&committee, record, &second);

        let feeds = || Audience::ALL.map(|audience| FeedId { community, audience });
        let found = |desk: &District| list(desk.ingest.store(), &Schema::built_in(), feeds(), None, 9).expect("memory");
        let disagreements = found(&desk);
        assert_eq!(disagreements.len(), 1);
        let conflict = &disagreements[0].conflicts[0];
        assert_eq!(conflict.label.en, "households");
        let mut said: Vec<(&str, &str)> =
            conflict.values.iter().map(|stands| (stands.value.as_str(), stands.author.name.as_str())).collect();
        said.sort_unstable();
        assert_eq!(said, [("471", "residents_committee"), ("474", "street")]);
        assert!(conflict.settled_by.en.contains("street office"), "{}", conflict.settled_by);
        assert!(list(desk.ingest.store(), &Schema::built_in(), feeds(), Some(record), 9).expect("memory").is_empty());

        desk.act(&street, record, &[households(474)]);
        assert!(found(&desk).is_empty(), "settled by writing it again");
    }

    #[test]
    fn a_move_that_was_overtaken_is_listed() {
        let mut desk = District::new();
        let community = desk.community("qinfeng");
        let supervisor = desk.member(&[community], "supervisor");
        let contractor = desk.member(&[community], "contractor");
        let values = [("item", "safety".into()), ("location", "3幢".into())];
        let record = desk.make(&supervisor, community, "rectification", &values, Vec::new());
        desk.go(&supervisor, record, "issue");
        let (mut one, mut other) = (desk.copy(record), desk.copy(record));
        let (fix, stop) = (desk.a_move(record, "fix"), desk.a_move(record, "stop_work"));
        let fixes = desk.write(&contractor, &mut one, &[fix]);
        let stops = desk.write(&supervisor, &mut other, &[stop]);
        desk.accepted(&contractor, record, &fixes);
        desk.accepted(&supervisor, record, &stops);

        let feed = FeedId { community, audience: Audience::Open };
        let found = list(desk.ingest.store(), &Schema::built_in(), [feed], None, 9).expect("memory");
        assert_eq!(found[0].state.as_str(), "stopped");
        let overtaken = &found[0].superseded[0];
        assert_eq!((overtaken.label.en.as_str(), overtaken.author.name.as_str()), ("start fixing", "contractor"));
    }
}
