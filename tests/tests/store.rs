//! One conformance suite for every store: whatever the server may rely on, in memory or in a file.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index as Pick;
use renolog_protocol::id::{ActorId, Audience, ChangeHash, CommunityId, FeedId, RecordId, Seq};
use renolog_protocol::schema::Party;
use renolog_protocol::time::UnixMs;
use renolog_server::store::{
    ALL, Cell, ChangeRow, Column, CommunityRow, Fate, Index, Memory, OpenError, Read, Reader, Row, Scan, Sqlite, Store, TABLES,
    Table, VERSION, Write, dump,
};
use rusqlite::Connection;
use tempfile::TempDir;

/// Runs a check on every kind of store.
fn on_every_store(check: impl Fn(&mut dyn Store)) {
    let directory = tempfile::tempdir().unwrap();
    let in_a_file = Sqlite::open(&directory.path().join("store"), None).unwrap();
    let stores: [(&str, Box<dyn Store>); 3] = [
        ("memory", Box::new(Memory::new())),
        ("SQLite in memory", Box::new(Sqlite::in_memory())),
        ("SQLite in a file", Box::new(in_a_file)),
    ];
    for (name, mut store) in stores {
        println!("on {name}");
        check(&mut *store);
    }
}

fn community(number: u8, slug: &str) -> CommunityRow {
    let id = CommunityId([number; 16]);
    CommunityRow { id, slug: slug.into(), name: format!("小区 {number}"), roster_version: 1, added: UnixMs(-5) }
}

fn change(number: u8, record: u8, seq: Option<u64>) -> ChangeRow {
    ChangeRow {
        hash: ChangeHash([number; 32]),
        feed: FeedId { community: CommunityId([1; 16]), audience: Audience::Open },
        seq: seq.map(Seq),
        record: RecordId([record; 16]),
        batch: 7,
        position: 0,
        fate: if seq.is_some() { Fate::Accepted } else { Fate::Held },
        role: None,
        party: Party::parse("street").unwrap(),
        code: None,
        zh: None,
        en: None,
        bytes: vec![number; 3],
        link: None,
        actor: ActorId([1; 16]),
        erased: None,
    }
}

fn hashes(rows: Vec<ChangeRow>) -> Vec<u8> {
    rows.iter().map(|row| row.hash.0[0]).collect()
}

#[test]
fn a_row_is_there_until_it_is_overwritten_or_removed() {
    on_every_store(|store| {
        let (first, second) = (community(1, "desheng"), community(2, "qinfeng"));
        assert_eq!(store.get::<CommunityRow>(&[first.id.to_cell()]).unwrap(), None);
        store.put(&first).unwrap();
        store.put(&second).unwrap();
        assert_eq!(store.get(&[first.id.to_cell()]).unwrap(), Some(first.clone()));

        let renamed = CommunityRow { slug: "desheng-xincun".into(), roster_version: 2, ..first.clone() };
        store.put(&renamed).unwrap();
        assert_eq!(store.get(&[first.id.to_cell()]).unwrap(), Some(renamed));
        let by_slug = |slug: &str| {
            store.list_by::<CommunityRow>(CommunityRow::BY_SLUG, &[slug.to_owned().to_cell()], None, ALL).unwrap().len()
        };
        assert_eq!((by_slug("desheng"), by_slug("desheng-xincun")), (0, 1), "an index follows its row");

        store.remove::<CommunityRow>(&[first.id.to_cell()]).unwrap();
        store.remove::<CommunityRow>(&[first.id.to_cell()]).unwrap();
        assert_eq!(store.list::<CommunityRow>(&[], None, ALL).unwrap(), vec![second]);
    });
}

#[test]
fn rows_are_read_in_declared_orders_from_anywhere_up_to_a_limit() {
    on_every_store(|store| {
        for row in [change(5, 1, Some(2)), change(4, 1, Some(11)), change(3, 2, Some(3)), change(2, 1, None), change(1, 1, None)]
        {
            store.put(&row).unwrap();
        }
        let feed = FeedId { community: CommunityId([1; 16]), audience: Audience::Open }.to_cell();
        let record = RecordId([1; 16]).to_cell();
        let seq = |seq: u64| Some(Seq(seq).to_cell());
        let key = |prefix: &[Cell], after: Option<Cell>, limit| hashes(store.list(prefix, after.as_ref(), limit).unwrap());
        let by = |order, prefix: &[Cell], after: Option<Cell>, limit| {
            hashes(store.list_by(order, prefix, after.as_ref(), limit).unwrap())
        };
        assert_eq!(key(&[], None, ALL), [1, 2, 3, 4, 5], "by key");
        assert_eq!(key(&[], Some(ChangeHash([2; 32]).to_cell()), 2), [3, 4], "from a key, two");
        assert_eq!(key(&[], None, 0), [0; 0], "none");
        assert_eq!(by(ChangeRow::BY_FEED, std::slice::from_ref(&feed), seq(0), ALL), [5, 3, 4], "numbers, not digits");
        assert_eq!(by(ChangeRow::BY_FEED, std::slice::from_ref(&feed), seq(2), 1), [3], "what follows a position");
        assert_eq!(by(ChangeRow::BY_FEED, std::slice::from_ref(&feed), None, ALL), [1, 2, 5, 3, 4], "nothing first, ties by key");
        assert_eq!(by(ChangeRow::BY_RECORD, std::slice::from_ref(&record), seq(0), ALL), [5, 4], "of one record");
        assert_eq!(by(ChangeRow::BY_FATE, &[feed.clone(), Fate::Held.to_cell()], None, ALL), [1, 2], "two cells in the prefix");
        assert_eq!(by(ChangeRow::BY_FATE, &[feed.clone(), Fate::Refused.to_cell()], None, ALL), [0; 0], "none such");
        assert_eq!(by(ChangeRow::BY_FATE, &[feed], None, ALL), [1, 2], "what was accepted does not stand in it");
    });
}

#[test]
fn counts_agree_with_what_is_read() {
    on_every_store(|store| {
        for number in 1..=9 {
            store.put(&change(number, number % 2, (number % 3 == 0).then_some(number.into()))).unwrap();
        }
        let count = |order, prefix: &[Cell]| store.count_cells(ChangeRow::TABLE, order, prefix).unwrap();
        assert_eq!(count(None, &[]), 9);
        assert_eq!(count(Some(ChangeRow::BY_RECORD), &[RecordId([1; 16]).to_cell()]), 5);
        assert_eq!(count(Some(ChangeRow::BY_FATE), &[change(1, 1, None).feed.to_cell(), Fate::Held.to_cell()]), 6);
        assert_eq!(count(Some(ChangeRow::BY_RECORD), &[RecordId([8; 16]).to_cell()]), 0);
    });
}

#[test]
fn what_was_rolled_back_never_was() {
    on_every_store(|store| {
        store.put(&community(1, "desheng")).unwrap();
        store.put(&change(1, 1, Some(1))).unwrap();
        store.commit().unwrap();
        let before = dump(&*store).unwrap();

        store.put(&community(1, "renamed")).unwrap();
        store.put(&community(1, "renamed-again")).unwrap();
        store.put(&community(2, "qinfeng")).unwrap();
        store.remove::<ChangeRow>(&[ChangeHash([1; 32]).to_cell()]).unwrap();
        assert_ne!(dump(&*store).unwrap(), before, "writes are seen before they are committed");
        store.rollback();
        assert_eq!(dump(&*store).unwrap(), before);
        let by_slug: Vec<CommunityRow> = store.list_by(CommunityRow::BY_SLUG, &[], None, ALL).unwrap();
        assert_eq!(by_slug, vec![community(1, "desheng")]);

        store.rollback();
        store.commit().unwrap();
        assert_eq!(dump(&*store).unwrap(), before, "nothing to roll back, nothing to commit");
    });
}

#[test]
fn what_was_committed_is_there_after_reopening_and_nothing_else() {
    let (_directory, path) = place();
    let mut store = Sqlite::open(&path, None).unwrap();
    store.put(&community(1, "desheng")).unwrap();
    store.commit().unwrap();
    let committed = dump(&store).unwrap();
    store.put(&community(2, "qinfeng")).unwrap();
    assert_eq!(dump(&Reader::open(&path).unwrap()).unwrap(), committed, "a reader beside the writer sees what was committed");
    drop(store);
    assert_eq!(dump(&Sqlite::open(&path, None).unwrap()).unwrap(), committed);
}

#[test]
fn a_store_without_room_says_so_and_keeps_what_it_has() {
    let (_directory, path) = place();
    let mut store = Sqlite::open(&path, Some(400_000)).unwrap();
    let large = |number: u8| ChangeRow { bytes: vec![number; 60_000], ..change(number, 1, Some(number.into())) };
    let mut kept = Vec::new();
    let refused = (1..=100).find_map(|number| {
        let written = store.put(&large(number)).and_then(|()| store.commit());
        match written {
            Ok(()) => kept.push(number),
            Err(why) => return Some(why),
        }
        None
    });
    assert!(matches!(refused, Some(renolog_server::store::StoreError::Full)), "{refused:?}");
    store.rollback();
    assert!(!kept.is_empty());
    assert_eq!(hashes(store.list(&[], None, ALL).unwrap()), kept);
    store.remove::<ChangeRow>(&[ChangeHash([1; 32]).to_cell()]).unwrap();
    store.put(&large(200)).unwrap();
    store.commit().unwrap();
}

#[test]
fn the_file_holds_exactly_the_declared_tables_and_orders() {
    let (_directory, path) = place();
    drop(Sqlite::open(&path, None).unwrap());
    let connection = Connection::open(&path).unwrap();
    let mut found = names(&connection, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
    let mut declared: Vec<String> = TABLES.iter().map(|table| table.name.to_owned()).collect();
    found.sort();
    declared.sort();
    assert_eq!(found, declared);
    for table in TABLES {
        let columns: Vec<String> = columns(&connection, table).into_iter().map(|column| column.name).collect();
        assert_eq!(columns, table.columns, "columns of {}", table.name);
        let key = format!("SELECT name FROM pragma_table_info('{}') WHERE pk > 0 ORDER BY pk", table.name);
        assert_eq!(names(&connection, &key), &table.columns[..table.key], "key of {}", table.name);
        let indexes = format!("SELECT name FROM pragma_index_list('{}') WHERE origin = 'c' ORDER BY name", table.name);
        let mut expected: Vec<&str> = table.indexes.iter().map(|index| index.name).collect();
        expected.sort_unstable();
        assert_eq!(names(&connection, &indexes), expected, "indexes of {}", table.name);
        for index in table.indexes {
            let by = format!("SELECT name FROM pragma_index_info('{}') ORDER BY seqno", index.name);
            assert_eq!(names(&connection, &by), index.columns, "{}", index.name);
            if let Some(only) = index.only {
                let made = names(&connection, &format!("SELECT sql FROM sqlite_schema WHERE name = '{}'", index.name));
                assert!(made[0].ends_with(&format!(" WHERE {}", only.condition())), "{}: {made:?}", index.name);
            }
        }
    }
}

#[test]
fn a_file_of_a_newer_build_is_left_alone() {
    let (_directory, path) = place();
    let mut store = Sqlite::open(&path, None).unwrap();
    store.put(&community(1, "desheng")).unwrap();
    store.commit().unwrap();
    drop(store);
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 999").unwrap();
    let before = std::fs::read(&path).unwrap();
    for opened in [Sqlite::open(&path, None).map(drop), Reader::open(&path).map(drop)] {
        let Err(OpenError::Newer { found, .. }) = opened else { panic!("{opened:?}") };
        assert_eq!(found, 999);
    }
    assert_eq!(std::fs::read(&path).unwrap(), before, "not a byte of it was changed");
    const { assert!(VERSION < 999) };
}

#[test]
fn files_of_others_are_left_alone() {
    let (directory, path) = place();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE photos (id INTEGER PRIMARY KEY)").unwrap();
    let text = directory.path().join("notes.txt");
    std::fs::write(&text, "购物清单\n".repeat(200)).unwrap();
    for path in [path, text] {
        let before = std::fs::read(&path).unwrap();
        for opened in [Sqlite::open(&path, None).map(drop), Reader::open(&path).map(drop)] {
            assert!(matches!(opened, Err(OpenError::NotOurs(_))), "{}: {opened:?}", path.display());
        }
        assert_eq!(std::fs::read(&path).unwrap(), before, "{}", path.display());
    }
}

fn place() -> (TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    (directory, path)
}

fn names(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// A column as the file declares it.
#[derive(Debug, Clone)]
struct Declared {
    name: String,
    r#type: String,
    nullable: bool,
}

fn columns(connection: &Connection, table: &Table) -> Vec<Declared> {
    let sql = format!("SELECT name, type, NOT \"notnull\" FROM pragma_table_info('{}') ORDER BY cid", table.name);
    let mut statement = connection.prepare(&sql).unwrap();
    let read = statement.query_map([], |row| Ok(Declared { name: row.get(0)?, r#type: row.get(1)?, nullable: row.get(2)? }));
    read.unwrap().map(Result::unwrap).collect()
}

/// What the file declares, table by table.
static DECLARED: LazyLock<Vec<Vec<Declared>>> = LazyLock::new(|| {
    let (_directory, path) = place();
    drop(Sqlite::open(&path, None).unwrap());
    let connection = Connection::open(&path).unwrap();
    TABLES.iter().map(|table| columns(&connection, table)).collect()
});

/// One of a few cells that fit a column, so that rows meet often.
fn cell(column: &Declared, number: u8) -> Cell {
    let texts = ["", "a", "A", "ab", "德胜", "é"];
    match column.r#type.as_str() {
        _ if column.nullable && number.is_multiple_of(4) => Cell::Null,
        "INTEGER" => Cell::Int([0, 1, -1, i64::MAX, i64::MIN, 255][usize::from(number % 6)]),
        "TEXT" => Cell::Text(texts[usize::from(number % 6)].into()),
        "BLOB" => Cell::Blob([&[][..], &[0], &[0, 0], &[1], &[255], &[1, 0]][usize::from(number % 6)].into()),
        other => panic!("a column of type {other}"),
    }
}

/// The orders in which a table is read, its key first.
fn orders(table: &'static Table) -> Vec<Option<Index>> {
    std::iter::once(None).chain(table.indexes.iter().copied().map(Some)).collect()
}

#[derive(Debug, Clone)]
enum Step {
    Put(Pick, Vec<u8>),
    Remove(Pick, Vec<u8>),
    Commit,
    Rollback,
}

fn step() -> impl Strategy<Value = Step> {
    let numbers = || prop::collection::vec(any::<u8>(), 16);
    prop_oneof![
        8 => (any::<Pick>(), numbers()).prop_map(|(table, numbers)| Step::Put(table, numbers)),
        3 => (any::<Pick>(), numbers()).prop_map(|(table, numbers)| Step::Remove(table, numbers)),
        1 => Just(Step::Commit),
        1 => Just(Step::Rollback),
    ]
}

/// A row whose key is one of a few, and whose cells in indexes that must be unique follow from the key.
fn row(table: &'static Table, columns: &[Declared], numbers: &[u8]) -> Vec<Cell> {
    const UNIQUE: [&str; 3] = ["slug", "token_hash", "seq"];
    let key: usize = numbers[..table.key].iter().fold(0, |key, number| key * 6 + usize::from(number % 6));
    let one = |(position, column): (usize, &Declared)| match column.r#type.as_str() {
        _ if position < table.key || !UNIQUE.contains(&column.name.as_str()) => cell(column, numbers[position] % 6),
        _ if column.nullable && numbers[position].is_multiple_of(3) => Cell::Null,
        "INTEGER" => Cell::Int(key as i64),
        "TEXT" => Cell::Text(key.to_string()),
        _ => Cell::Blob(key.to_string().into_bytes()),
    };
    columns.iter().enumerate().map(one).collect()
}

/// Reads everything in every order, from every beginning there is.
fn read_everything(store: &dyn Scan, probe: &Vec<(&'static str, Vec<Vec<Cell>>)>, limit: usize) -> Vec<Vec<Vec<Cell>>> {
    let mut answers = Vec::new();
    for (table, (_, rows)) in TABLES.iter().zip(probe) {
        for order in orders(table) {
            let by: Vec<&str> =
                order.map_or(&[][..], |index| index.columns).iter().chain(&table.columns[..table.key]).copied().collect();
            answers.push(store.scan_cells(table, order, &[], None, limit).unwrap());
            for row in rows {
                let place = |name: &&str| row[table.columns.iter().position(|column| column == name).unwrap()].clone();
                let sorted: Vec<Cell> = by.iter().map(place).take_while(|cell| *cell != Cell::Null).collect();
                for length in 0..=sorted.len() {
                    answers.push(store.scan_cells(table, order, &sorted[..length], sorted.get(length), limit).unwrap());
                    let count = store.count_cells(table, order, &sorted[..length]).unwrap();
                    answers.push(vec![vec![Cell::Int(count as i64)]]);
                }
            }
        }
    }
    answers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_sqlite_cannot_be_told_apart(steps in prop::collection::vec(step(), 1..120), limit in 0..5_usize) {
        let (mut memory, mut sqlite) = (Memory::new(), Sqlite::in_memory());
        for step in steps {
            for store in [&mut memory as &mut dyn Store, &mut sqlite] {
                match &step {
                    Step::Put(table, numbers) => {
                        let at = table.index(TABLES.len());
                        store.put_cells(TABLES[at], row(TABLES[at], &DECLARED[at], numbers)).unwrap();
                    }
                    Step::Remove(table, numbers) => {
                        let at = table.index(TABLES.len());
                        let key = row(TABLES[at], &DECLARED[at], numbers)[..TABLES[at].key].to_vec();
                        store.remove_cells(TABLES[at], &key).unwrap();
                    }
                    Step::Commit => store.commit().unwrap(),
                    Step::Rollback => store.rollback(),
                }
            }
        }
        let (a, b) = (dump(&memory).unwrap(), dump(&sqlite).unwrap());
        prop_assert_eq!(&a, &b);
        prop_assert_eq!(read_everything(&memory, &a, limit), read_everything(&sqlite, &a, limit));
    }

    #[test]
    fn cells_sort_as_sqlite_sorts_them(cells in prop::collection::vec(any_cell(), 0..40)) {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE cells (cell)").unwrap();
        for cell in &cells {
            connection.execute("INSERT INTO cells VALUES (?1)", [cell]).unwrap();
        }
        let mut sorted = cells;
        sorted.sort();
        for (position, cell) in sorted.iter().enumerate() {
            let same: bool = connection
                .query_row("SELECT cell IS ?1 FROM cells ORDER BY cell LIMIT 1 OFFSET ?2", (cell, position as i64), |row| row.get(0))
                .unwrap();
            prop_assert!(same, "{:?} at {}", cell, position);
        }
    }
}

fn any_cell() -> impl Strategy<Value = Cell> {
    prop_oneof![
        Just(Cell::Null),
        prop_oneof![any::<i64>(), -3..3_i64].prop_map(Cell::Int),
        "[aA德é\u{1f3e0}]{0,3}".prop_map(Cell::Text),
        prop::collection::vec(prop_oneof![Just(0), Just(255), any::<u8>()], 0..3).prop_map(Cell::Blob),
    ]
}
