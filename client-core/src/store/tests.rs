use super::*;

fn version(store: &Store) -> i64 {
    store.pragma("user_version").expect("readable")
}

#[test]
fn a_new_file_is_brought_up_to_date_and_opened_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place::File(folder.path().join("store"));
    let store = Store::open(&place).expect("made");
    assert_eq!(version(&store), MIGRATIONS.len() as i64);
    assert_eq!(store.pragma("synchronous").expect("readable"), 2);
    drop(store);
    assert_eq!(version(&Store::open(&place).expect("opened")), MIGRATIONS.len() as i64);
}

#[test]
fn an_older_file_goes_through_the_migrations_it_lacks() {
    let mut store = Store::open(&Place::Memory).expect("made");
    let next = [MIGRATIONS, &["CREATE TABLE later (x INTEGER) STRICT"]].concat();
    store.migrate(&next).expect("migrated");
    assert_eq!(version(&store), next.len() as i64);
    store.migrate(&next).expect("nothing to do");
    store.db.execute("INSERT INTO later VALUES (1)", []).expect("the new table is there");
}

#[test]
fn what_the_first_version_wrote_is_there_in_the_second() {
    let mut store = Store { db: Connection::open_in_memory().expect("opened") };
    store.migrate(&MIGRATIONS[..1]).expect("the first version");
    let old = "INSERT INTO identity (one, device, key_seed, actor, schema_text)
                   VALUES (1, zeroblob(16), zeroblob(32), zeroblob(16), 'version = 7');
               INSERT INTO records VALUES (zeroblob(16), zeroblob(16), 0, 'claim', 'proposed', '3幢', '3幢', 1, 2, 0, 0, 0, 0, 0,
                   0, 0, 0, 5);";
    store.db.execute_batch(old).expect("written");
    store.migrate(MIGRATIONS).expect("migrated");
    assert!(store.identity().expect("readable").is_some());
    assert_eq!(store.given_schema().expect("readable"), None, "a file is given anew, packed");
    let waiting = store.shown_before(1, 10).expect("readable");
    assert_eq!(waiting.len(), 1, "to be shown anew, since no due moment is known");
    assert_eq!(store.listed(waiting[0]).expect("readable").expect("listed").title, "3幢");
}

#[test]
fn what_the_second_version_reckoned_is_reckoned_again_in_the_third() {
    let mut store = Store { db: Connection::open_in_memory().expect("opened") };
    store.migrate(&MIGRATIONS[..2]).expect("the second version");
    let old = "INSERT INTO records VALUES (zeroblob(16), zeroblob(16), 0, 'claim', 'proposed', '3幢', '3幢', 1, 2, 0, 0, 0, 0, 0,
                   0, 0, 0, 5, 7, 1000);";
    store.db.execute_batch(old).expect("written");
    store.migrate(MIGRATIONS).expect("migrated");
    assert_eq!(store.given_calendar().expect("readable"), None);
    assert!(store.shown_before(7, 10).expect("readable").is_empty());
    assert_eq!(store.reckoned_by().expect("readable"), None);
    store.reckon_by(u64::MAX).expect("writable");
    assert_eq!(store.reckoned_by().expect("readable"), Some(u64::MAX));
    assert_eq!(store.shown_before(7, 10).expect("readable").len(), 1);
}

#[test]
fn a_failed_migration_leaves_the_file_as_it_was() {
    let mut store = Store::open(&Place::Memory).expect("made");
    let next = [MIGRATIONS, &["CREATE TABLE later (x INTEGER) STRICT; nonsense"]].concat();
    store.migrate(&next).expect_err("nonsense");
    assert_eq!(version(&store), MIGRATIONS.len() as i64);
    store.db.execute("INSERT INTO later VALUES (1)", []).expect_err("no such table");
}

#[test]
fn a_newer_file_another_file_and_no_database_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let newer = Store::open(&Place::File(path("newer"))).expect("made");
    newer.db.execute_batch("PRAGMA user_version = 999").expect("set");
    drop(newer);
    let refused = Store::open(&Place::File(path("newer")));
    assert!(matches!(refused, Err(StoreError::Newer { found: 999, known: 10 })), "{refused:?}");

    let other = Connection::open(path("other")).expect("made");
    other.execute_batch("CREATE TABLE theirs (x)").expect("made");
    drop(other);
    assert!(matches!(Store::open(&Place::File(path("other"))), Err(StoreError::NotAStore)));

    std::fs::write(path("text"), "not a database, but long enough to be taken for one at first sight".repeat(40))
        .expect("written");
    assert!(matches!(Store::open(&Place::File(path("text"))), Err(StoreError::NotAStore)));
}

#[test]
fn one_program_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place::File(folder.path().join("store"));
    let first = Store::open(&place).expect("made");
    assert!(matches!(Store::open(&place), Err(StoreError::InUse)));
    drop(first);
    Store::open(&place).expect("free again");
}
