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
        "version {given} of the schema does not fit the records written under version {in_use}:\n  {why}\nPut that \
         back; labels, deadlines, bounds and who may do what are free to change, and anything may be added", why = why.join("\n  ")
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

#[cfg(test)]
mod tests {
    use renolog_protocol::schema::Role;
    use renolog_protocol::wire::Ruling;

    use super::*;
    use crate::app::{StartError, found, found_as_it_was};
    use crate::clock::SystemClock;
    use crate::command::{Command, Stamped};
    use crate::ingest::Ingest;
    use crate::store::{Memory, dump};
    use crate::testing::District;

    fn built_in_with(version: u32, was: &str, is: &str) -> Schema {
        let text = Schema::built_in().text().replacen("version = 1", &format!("version = {version}"), 1);
        assert!(text.contains(was), "{was}");
        Schema::parse(&text.replacen(was, is, 1)).unwrap_or_else(|bad| panic!("{bad}"))
    }

    fn named(schema: &Schema) -> Command {
        Command::UseSchema(UseSchema { version: schema.version, text: schema.text().to_owned() })
    }

    fn restarted(store: Memory, schema: Schema) -> Result<Ingest<Memory>, StartError> {
        found(store, Arc::new(schema), &SystemClock)
    }

    /// The store of a server that has been stopped.
    fn stopped(ingest: Ingest<Memory>) -> Memory {
        ingest.store
    }

    /// Applies the log of one ingest to an empty store.
    fn replayed(from: &Ingest<Memory>) -> Ingest<Memory> {
        let original = Box::new(from.store().clone());
        crate::ingest::replay(Memory::new(), original, Schema::built_in(), &mut |_| {}).expect("it was applied before")
    }

    #[test]
    fn a_schema_follows_only_what_it_fits() {
        let fresh = || restarted(Memory::new(), built_in_with(1, "version = 1", "version = 1")).expect("new");
        let again = |schema| restarted(stopped(fresh()), schema);
        let last = fresh().last;
        assert_eq!(again(built_in_with(1, "整改单", "整改单")).expect("nothing changed").last, last, "and nothing is written");

        let altered = again(built_in_with(1, "整改单", "整改通知单")).expect_err("the same version");
        assert!(matches!(altered, StartError::Schema(SchemaRefused::Altered(1))), "{altered}");
        assert!(altered.to_string().contains("version 2"), "it says what to do: {altered}");

        let newer = again(built_in_with(2, "整改单", "整改通知单")).expect("a new version");
        assert_eq!((newer.schema().version, newer.last), (2, last + 1));
        let older = restarted(stopped(newer), built_in_with(1, "整改单", "整改单")).expect_err("older");
        assert!(matches!(older, StartError::Schema(SchemaRefused::Older { in_use: 2, given: 1 })), "{older}");

        let broken =
            again(built_in_with(2, "due = { zh = \"整改期限\"", "until = { zh = \"整改期限\"")).expect_err("a field is gone");
        assert!(broken.to_string().contains("kind `rectification`: field `due` was removed"), "{broken}");
    }

    #[test]
    fn a_directory_goes_on_with_the_schema_it_was_used_with() {
        let own = restarted(Memory::new(), built_in_with(7, "整改单", "整改通知单")).expect("new");
        let again = found_as_it_was(stopped(own), &SystemClock).expect("as it was");
        assert_eq!(again.schema().version, 7);
        let fresh = found_as_it_was(Memory::new(), &SystemClock).expect("new");
        assert_eq!(fresh.schema().text(), Schema::built_in().text());
    }

    #[test]
    fn every_change_is_judged_by_the_schema_of_its_time_and_so_again_in_a_replay() {
        let mut desk = District::new();
        let community = desk.community("desheng");
        let captain = desk.member(&[community], "captain");
        let values = [("item", "quality".into()), ("location", "3幢".into())];
        let record = desk.make(&captain, community, "rectification", &values, Vec::new());
        let issue = desk.a_move(record, "issue");
        let try_issue = |desk: &mut District, act| {
            let mut copy = desk.copy(record);
            let change = desk.write(&captain, &mut copy, &[act]);
            desk.push(&captain, record, &change)
        };
        assert!(matches!(try_issue(&mut desk, issue), Ruling::Refused(_)), "not for captains");

        let wider =
            built_in_with(2, "by = [\"supervisor\", \"specialist\"] }", "by = [\"supervisor\", \"specialist\", \"captain\"] }");
        assert!(wider.kinds["rectification"].moves["issue"].by.contains(&Role::parse("captain").expect("a role")));
        desk.command(named(&wider)).expect("it fits");
        desk.now = desk.now + crate::testing::HOUR;
        let issue = desk.a_move(record, "issue");
        assert!(matches!(try_issue(&mut desk, issue), Ruling::Accepted(..)), "now it is");

        let again = replayed(&desk.ingest);
        assert_eq!(dump(again.store()).expect("memory"), dump(desk.ingest.store()).expect("memory"), "cell by cell");
        assert_eq!(again.schema().version, 2);
    }

    #[test]
    fn a_schema_that_was_not_committed_never_ruled() {
        let mut ingest = restarted(Memory::new(), built_in_with(1, "整改单", "整改单")).expect("new");
        let newer = built_in_with(2, "整改单", "整改通知单");
        let received = renolog_protocol::time::UnixMs(1);
        ingest.apply(&Stamped::new(received, named(&newer))).expect("it fits");
        ingest.rollback().expect("memory");
        assert_eq!(ingest.schema().version, 1);
    }

    #[test]
    fn what_a_new_schema_calls_done_is_counted_as_done() {
        let mut desk = District::new();
        let community = desk.community("desheng");
        let committee = desk.member(&[community], "residents_committee");
        let values = [("name", "养老点".into()), ("kind", "elderly".into())];
        let service = desk.make(&committee, community, "service", &values, Vec::new());
        desk.go(&committee, service, "open");
        desk.go(&committee, service, "pause");
        let closed = |desk: &District| {
            desk.ingest.store().get::<FactRow>(&[service.to_cell()]).expect("memory").and_then(|fact| fact.closed)
        };
        assert_eq!(closed(&desk), None);
        let paused = "paused = { zh = \"暂停\", en = \"paused\"";
        desk.command(named(&built_in_with(2, paused, &format!("{paused}, done = true")))).expect("it fits");
        assert_eq!(closed(&desk), Some(desk.now), "projected again");
    }
}
