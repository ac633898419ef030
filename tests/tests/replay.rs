//! One log of commands gives one state: on any store, however its commits are cut, and from what the store itself keeps.

use std::path::Path;

use renolog_protocol::id::PersonId;
use renolog_protocol::schema::{Role, Schema};
use renolog_protocol::time::SpanMs;
use renolog_server::command::{BadLog, Command, Erase, Stamped};
use renolog_server::ingest::{Ingest, IngestError, Outcome, Rejection, ReplayError, replay};
use renolog_server::store::{ALL, ChangeRow, Column, CommandRow, Dumped, Fate, Memory, Read, Scan, Sqlite, Store, Write, dump};
use renolog_tests::rich::a_rich_log;
use renolog_tests::world::World;

fn ingest<S: Store>(store: S) -> Ingest<S> {
    Ingest::new(store, Schema::built_in()).unwrap()
}

/// What applying a command came to, and why not where it did not.
fn apply<S: Store>(ingest: &mut Ingest<S>, stamped: &Stamped) -> Result<Outcome, Rejection> {
    match ingest.apply(stamped) {
        Ok(outcome) => Ok(outcome),
        Err(IngestError::Rejected(rejection)) => Err(rejection),
        Err(IngestError::Store(error)) => panic!("the store failed: {error}"),
    }
}

/// Applies a log, committing after every so many commands.
fn play<S: Store>(mut ingest: Ingest<S>, log: &[Stamped], together: usize) -> Ingest<S> {
    for group in log.chunks(together) {
        for stamped in group {
            drop(apply(&mut ingest, stamped));
        }
        ingest.commit().unwrap();
    }
    ingest
}

/// Table by table, so that a difference names its table and row.
fn assert_same(found: &[Dumped], expected: &[Dumped]) {
    for ((name, found), (_, expected)) in found.iter().zip(expected) {
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found, expected, "a row of {name}");
        }
        assert_eq!(found.len(), expected.len(), "rows of {name}");
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn every_store_comes_to_the_same_tables() {
    let (log, expected) = a_rich_log();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| Sqlite::open(&directory.path().join(name), None).unwrap();
    assert_same(&dump(play(ingest(Memory::new()), &log, 1).store()).unwrap(), &expected);
    assert_same(&dump(play(ingest(file("first")), &log, 64).store()).unwrap(), &expected);
    assert_same(&dump(play(ingest(file("second")), &log, 7).store()).unwrap(), &expected);
    assert_same(&dump(play(ingest(Memory::new()), &log, log.len()).store()).unwrap(), &expected);
}

#[test]
fn every_store_gives_the_same_answers() {
    let (log, _) = a_rich_log();
    let (mut memory, mut sqlite) = (ingest(Memory::new()), ingest(Sqlite::in_memory()));
    let mut rejected = 0;
    for stamped in &log {
        let (first, second) = (apply(&mut memory, stamped), apply(&mut sqlite, stamped));
        assert_eq!(first, second);
        rejected += usize::from(first.is_err());
    }
    assert!(rejected >= 3, "the mistakes");
}

#[test]
fn what_was_rolled_back_and_came_again_changes_nothing() {
    let (log, expected) = a_rich_log();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let mut memory = ingest(Memory::new());
    for (turn, group) in log.chunks(11).enumerate() {
        // Every third group is lost on its first try, some of it applied.
        if turn % 3 == 0 {
            group.iter().take(turn % 11).for_each(|stamped| drop(apply(&mut memory, stamped)));
            memory.rollback().unwrap();
        }
        group.iter().for_each(|stamped| drop(apply(&mut memory, stamped)));
        memory.commit().unwrap();
    }
    assert_same(&dump(memory.store()).unwrap(), &expected);

    // A file that is closed in the middle of a group, as a killed server leaves it.
    for (turn, group) in log.chunks(97).enumerate() {
        let mut killed = reopened(&path);
        group.iter().take(turn * 13 % 97).for_each(|stamped| drop(apply(&mut killed, stamped)));
        drop(killed);
        drop(play(reopened(&path), group, group.len()));
    }
    assert_same(&dump(reopened(&path).store()).unwrap(), &expected);
}

fn reopened(path: &Path) -> Ingest<Sqlite> {
    ingest(Sqlite::open(path, None).unwrap())
}

/// Applies the log of a store to a new one.
fn play_own_log(from: impl Scan + Send + 'static) -> Result<Ingest<Memory>, ReplayError> {
    replay(Memory::new(), Box::new(from), Schema::built_in(), &mut |_| {})
}

#[test]
fn the_log_that_a_store_keeps_makes_the_same_store() {
    let (log, expected) = a_rich_log();
    let first = play(ingest(Sqlite::in_memory()), &log, 16);
    let second = play_own_log(first.into_store()).unwrap();
    assert_same(&dump(second.store()).unwrap(), &expected);
    let third = play_own_log(second.into_store()).unwrap();
    assert_same(&dump(third.store()).unwrap(), &expected);
}

/// Two records were written in under one signature, and the first was erased since.
#[test]
fn a_batch_of_which_a_part_was_erased_is_applied_again() {
    let mut world = World::new(61);
    let community = world.community("desheng", "德胜新村");
    let chen = world.enrol(community, "captain", "陈阿姨");
    world.run_until_quiet();
    world.offline(chen);
    let record = world.raise(chen, community, "safety", "3幢 住户姓名");
    world.raise(chen, community, "safety", "5幢 楼道");
    world.online(chen);
    world.run_until_quiet();
    let (role, reason) = (Role::parse("district").unwrap(), "当事人依法要求删除".into());
    world.operate(Command::Erase(Erase { record, role, reason, remains: None })).unwrap();
    world.run_until_quiet();
    let expected = dump(world.store()).unwrap();
    let first = play(ingest(Memory::new()), world.log(), 16);
    let second = play_own_log(first.into_store()).unwrap();
    assert_same(&dump(second.store()).unwrap(), &expected);
}

#[test]
fn a_log_that_was_altered_is_found_out() {
    let (log, _) = a_rich_log();
    let intact = || play(ingest(Memory::new()), &log, 16);
    let accepted = changes(intact().store()).into_iter().find(|row| row.fate == Fate::Accepted).unwrap();
    let alter = |alter: &dyn Fn(&mut dyn Store)| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        drop(play(reopened(&path), &log, 64));
        let mut store = Sqlite::open(&path, None).unwrap();
        alter(&mut store);
        play_own_log(store).map(drop)
    };
    let mut bytes = accepted.bytes.clone();
    *bytes.last_mut().unwrap() ^= 1;
    let altered = ChangeRow { bytes, ..accepted.clone() };
    assert!(matches!(why(alter(&|store| store.put(&altered).unwrap())), BadLog::Altered(_)));
    let another = changes(intact().store()).into_iter().rfind(|row| row.hash != accepted.hash).unwrap();
    let swapped = ChangeRow { bytes: another.bytes, ..accepted.clone() };
    assert!(matches!(why(alter(&|store| store.put(&swapped).unwrap())), BadLog::Altered(_)));
    let key = [accepted.hash.to_cell()];
    assert!(matches!(why(alter(&|store| store.remove::<ChangeRow>(&key).unwrap())), BadLog::MissingChange(_)));

    let third = commands(intact().store()).remove(2);
    let put = |row: CommandRow| alter(&move |store: &mut dyn Store| store.put(&row).unwrap());
    let garbage = CommandRow { body: vec![0xff; 9], ..third.clone() };
    let later = CommandRow { received: third.received + SpanMs(1), ..third.clone() };
    let another_hand = CommandRow { by: Some(PersonId([9; 16])), ..third };
    for altered in [garbage, later, another_hand] {
        assert!(matches!(put(altered), Err(ReplayError::Chain(3))));
    }
    assert!(matches!(alter(&|store| store.remove::<CommandRow>(&[3u64.to_cell()]).unwrap()), Err(ReplayError::Chain(4))));
}

fn changes(store: &impl Scan) -> Vec<ChangeRow> {
    store.list(&[], None, ALL).unwrap()
}

fn commands(store: &impl Scan) -> Vec<CommandRow> {
    store.list(&[], None, ALL).unwrap()
}

fn why(found_out: Result<(), ReplayError>) -> BadLog {
    match found_out {
        Err(ReplayError::Bad { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}
