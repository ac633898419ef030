//! Which schema rules at a point of the log, and which may follow it.
//!
//! A schema is a command like any other, so that whoever applies the log again judges every change by the rules it was
//! judged by then.

use std::sync::Arc;

use renolog_protocol::schema::{BadSchema, Kind, Schema, incompatibilities};

use super::hot::Hot;
use super::project::project;
use super::{IngestError, Rejection};
use crate::command::UseSchema;
use crate::store::{ALL, Column, FactRow, Read, RecordRow, SchemaRow, Store, StoreError, Write};

/// Why a schema may not follow the one in use. Whoever gave it can help it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaRefused {
    /// An older one.
    #[error(
        "this data directory has been used with version {in_use} of the schema; the one given is version {given}. Start with \
         the schema file that was used last, or give yours a version above {in_use}"
    )]
    Older {
        /// The version in use.
        in_use: u32,
        /// The version given.
        given: u32,
    },
    /// Another text under the same version.
    #[error(
        "version {0} of the schema is in use with another text, and devices keep what they have of a version. Give the changed \
         file version {next}", next = .0 + 1
    )]
    Altered(u32),
    /// It takes away what records were written by.
    #[error(
        "version {given} of the schema does not fit the records written under version {in_use}:\n  {why}\nPut back what was \
         taken away; what shall not be used any more can be kept with nobody who may write it", why = why.join("\n  ")
    )]
    Incompatible {
        /// The version in use.
        in_use: u32,
        /// The version given.
        given: u32,
        /// What does not fit, a sentence each.
        why: Vec<String>,
    },
    /// Not a schema, or its version is not the one that was named with it.
    #[error("not a schema this build can use: {0}")]
    Mistaken(String),
}

impl From<BadSchema> for SchemaRefused {
    fn from(bad: BadSchema) -> Self {
        Self::Mistaken(bad.to_string())
    }
}

/// Whether `given` may follow `in_use`. The same text is no change, and may.
///
/// # Errors
/// [`SchemaRefused`].
pub fn fits(in_use: &Schema, given: &Schema) -> Result<(), SchemaRefused> {
    let (old, new) = (in_use.version, given.version);
    if new < old {
        return Err(SchemaRefused::Older { in_use: old, given: new });
    }
    if new == old {
        return if in_use.text() == given.text() { Ok(()) } else { Err(SchemaRefused::Altered(old)) };
    }
    match incompatibilities(in_use, given) {
        why if why.is_empty() => Ok(()),
        why => Err(SchemaRefused::Incompatible { in_use: old, given: new, why }),
    }
}

/// The schema that the log named last, if it named any.
///
/// # Errors
/// [`StoreError`].
pub fn schema_in_use<S: Read + ?Sized>(store: &S) -> Result<Option<Arc<Schema>>, StoreError> {
    let Some(row) = store.list::<SchemaRow>(&[], None, ALL)?.pop() else { return Ok(None) };
    let built_in = Schema::built_in();
    if row.text == built_in.text() {
        return Ok(Some(built_in));
    }
    Ok(Some(Arc::new(Schema::parse(&row.text).map_err(|_| StoreError::Damaged("schemas"))?)))
}

/// The schema that rules now: the one named last, or `at_first`.
pub(super) fn in_use<S: Read + ?Sized>(store: &S, at_first: &Arc<Schema>) -> Result<Arc<Schema>, StoreError> {
    Ok(schema_in_use(store)?.unwrap_or_else(|| at_first.clone()))
}

pub(super) fn use_schema<S: Store>(
    store: &mut S,
    hot: &mut Hot,
    in_use: &Arc<Schema>,
    id: u64,
    asked: &UseSchema,
) -> Result<Arc<Schema>, IngestError> {
    let given = Schema::parse(&asked.text).map_err(|bad| Rejection::Schema(bad.into()))?;
    if given.version != asked.version {
        let words = format!("its text says version {}, not {}", given.version, asked.version);
        return Err(Rejection::Schema(SchemaRefused::Mistaken(words)).into());
    }
    if schema_in_use(store)?.is_some() {
        fits(in_use, &given).map_err(Rejection::Schema)?;
    }
    store.put(&SchemaRow { version: given.version.into(), text: asked.text.clone(), command: id })?;
    for kind in given.kinds.values() {
        if in_use.kinds.get(&kind.name).is_some_and(|before| reads_otherwise(before, kind)) {
            project_again(store, hot, &given, kind)?;
        }
    }
    Ok(Arc::new(given))
}

/// Whether records of a kind may look otherwise by its new rules.
fn reads_otherwise(before: &Kind, now: &Kind) -> bool {
    let shapes = |kind: &Kind| kind.fields.iter().map(|(name, field)| (name.clone(), field.conflict)).collect::<Vec<_>>();
    before.title != now.title || before.states != now.states || before.moves != now.moves || shapes(before) != shapes(now)
}

fn project_again<S: Store>(store: &mut S, hot: &mut Hot, schema: &Schema, kind: &Kind) -> Result<(), StoreError> {
    for fact in store.list_by::<FactRow>(FactRow::BY_KIND, &[kind.name.to_cell()], None, ALL)? {
        if let Some(row) = store.get::<RecordRow>(&[fact.id.to_cell()])? {
            project(store, hot, schema, row.feed, row.updated, row.id)?;
        }
    }
    Ok(())
}
