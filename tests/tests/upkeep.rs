//! A data directory as a whole: backed up while it is written to, brought back, proved, packed. Whatever was altered in a
//! backup or a store is found.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use renolog_protocol::id::Epoch;
use renolog_protocol::schema::Schema;
use renolog_protocol::time::UnixMs;
use renolog_server::clock::SystemClock;
use renolog_server::command::Stamped;
use renolog_server::data_dir::{self, DataDir, DataDirError};
use renolog_server::ingest::Ingest;
use renolog_server::reception;
use renolog_server::store::{Dumped, Reader, Sqlite, TABLES, Table, dump};
use renolog_server::upkeep::backup::{BackupError, Header, back_up, unwrap};
use renolog_server::upkeep::compact::{CompactError, compact};
use renolog_server::upkeep::restore::{RestoreError, restore};
use renolog_server::upkeep::verify::{Finding, verify};
use renolog_tests::rich::a_rich_log;
use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;

const NOW: UnixMs = UnixMs(1_793_581_200_000);

/// A data directory with everything in it, and room beside it.
struct Place {
    room: TempDir,
    log: Vec<Stamped>,
    tables: Vec<Dumped>,
}

impl Place {
    fn full() -> Self {
        let (log, tables) = a_rich_log();
        let room = tempfile::tempdir().unwrap();
        let place = Self { room, log, tables };
        play(&DataDir::hold(&place.data()).unwrap(), &place.log);
        place
    }

    fn data(&self) -> PathBuf {
        self.room.path().join("data")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    fn backed_up(&self, name: &str) -> PathBuf {
        back_up(&self.data(), &self.file(name), NOW, &mut |_, _| {}).unwrap();
        self.file(name)
    }
}

fn play(data: &DataDir, log: &[Stamped]) {
    let mut ingest = Ingest::new(data.store(None).unwrap(), Schema::built_in()).unwrap();
    for group in log.chunks(16) {
        group.iter().for_each(|stamped| drop(ingest.apply(stamped)));
        ingest.commit().unwrap();
    }
}

fn findings(database: &Path) -> Vec<Finding> {
    match Reader::open(database) {
        Ok(reader) => verify(reader, Sqlite::in_memory(), &mut |_, _| {}).unwrap().findings,
        Err(why) => vec![Finding::File(why.to_string())],
    }
}

fn restored(backup: &Path, data: &Path) -> Result<Header, RestoreError> {
    restore(backup, data, &SystemClock, &mut |_, _| {})
}

#[test]
fn a_backup_taken_while_work_goes_on_is_one_moment_of_it() {
    let place = Place::full();
    let busy = place.file("busy");
    let held = DataDir::hold(&busy).unwrap();
    let (half, rest) = place.log.split_at(place.log.len() / 2);
    play(&held, half);
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let (last, rest) = rest.split_last().unwrap();
    std::thread::scope(|scope| {
        let held = &held;
        scope.spawn(move || {
            play(held, rest);
            may_go_on.recv().unwrap();
            play(held, std::slice::from_ref(last));
        });
        let header = back_up(&busy, &place.file("moment"), NOW, &mut |_, _| {}).unwrap();
        go_on.send(()).unwrap();
        let database = place.file("moment.sqlite3");
        assert_eq!(unwrap(&place.file("moment"), &database, &mut |_, _| {}).unwrap(), header);
        assert!(findings(&database).is_empty());
    });
    assert_eq!(dump(&data_dir::reader(&busy).unwrap()).unwrap(), place.tables, "and nobody was in the way of the work");
}

#[test]
fn what_was_backed_up_comes_back_as_the_next_life_of_the_same_store() {
    let place = Place::full();
    let backup = place.backed_up("backup");
    let mut told = Vec::new();
    let header = restore(&backup, &place.file("back"), &SystemClock, &mut |done, all| told.push((done, all))).unwrap();
    assert!(told.is_sorted() && told.last() == Some(&(header.database_bytes, header.database_bytes)), "{told:?}");
    let back = data_dir::reader(&place.file("back")).unwrap();
    let epoch = reception::epoch(&back).unwrap();
    assert!(epoch != header.epoch && epoch != Epoch(0));
    let all_but = |tables: Vec<Dumped>| -> Vec<Dumped> {
        tables.into_iter().filter(|(name, _)| !["epoch", "commands", "audit"].contains(name)).collect()
    };
    assert_eq!(all_but(dump(&back).unwrap()), all_but(place.tables.clone()));
    assert!(findings(&data_dir::database(&place.file("back"))).is_empty());

    assert!(matches!(restored(&backup, &place.file("back")), Err(RestoreError::Taken(_))), "nothing is written over");
    assert!(matches!(back_up(&place.data(), &backup, NOW, &mut |_, _| {}), Err(BackupError::Taken(_))));
    assert!(matches!(restored(&place.file("nowhere"), &place.file("new")), Err(RestoreError::Backup(BackupError::Io { .. }))));
    let stranger = place.file("stranger");
    std::fs::write(&stranger, "a shopping list\n".repeat(200)).unwrap();
    assert!(matches!(restored(&stranger, &place.file("new")), Err(RestoreError::Backup(BackupError::NotOne(_)))));
}

#[test]
fn a_damaged_backup_is_refused_and_leaves_nothing_behind() {
    let place = Place::full();
    let good = std::fs::read(place.backed_up("backup")).unwrap();
    let (damaged, data) = (place.file("damaged"), place.file("back"));
    let seed = 31;
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut attempts: Vec<(String, Vec<u8>)> = (0..60)
        .map(|_| {
            let (at, bit) = (rng.next_u64() as usize % good.len(), rng.next_u32() % 8);
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            (format!("bit {bit} of byte {at}"), bytes)
        })
        .collect();
    for at in (0..200).chain(good.len() - 40..good.len()) {
        let mut bytes = good.clone();
        bytes[at] = bytes[at].wrapping_add(1);
        attempts.push((format!("byte {at}"), bytes));
    }
    for length in [0, 5, 17, 100, good.len() / 2, good.len() - 1] {
        attempts.push((format!("cut to {length}"), good[..length].to_vec()));
    }
    attempts.push(("longer".into(), [&good[..], b"x"].concat()));
    for (what, bytes) in attempts {
        std::fs::write(&damaged, bytes).unwrap();
        match restored(&damaged, &data) {
            Err(RestoreError::Backup(BackupError::Damaged { .. } | BackupError::NotOne(_))) => {}
            other => panic!("{what}: {other:?}"),
        }
        let left: Vec<_> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["lock"], "{what}");
    }
    std::fs::write(&damaged, &good).unwrap();
    restored(&damaged, &data).unwrap();
}

/// Another value of the same kind.
fn other(value: &Value) -> Value {
    match value {
        // A moment, a place, a yes or no: one that could be true.
        Value::Null => Value::Integer(1),
        Value::Integer(number) => Value::Integer(if *number > 0 { number - 1 } else { number + 1 }),
        Value::Real(number) => Value::Real(number + 1.0),
        Value::Text(text) => Value::Text(format!("{text}x")),
        Value::Blob(bytes) if bytes.is_empty() => Value::Blob(vec![1]),
        Value::Blob(bytes) => {
            let mut bytes = bytes.clone();
            *bytes.last_mut().unwrap() ^= 1;
            Value::Blob(bytes)
        }
    }
}

/// A copy of the store with one cell altered; `None` if there is no such row.
fn with_another_cell(place: &Place, table: &Table, column: &str, whose: &str) -> Option<PathBuf> {
    let path = place.file("altered.sqlite3");
    std::fs::copy(place.file("intact.sqlite3"), &path).unwrap();
    let database = Connection::open(&path).unwrap();
    let (name, key) = (table.name, table.columns[..table.key].join(", "));
    let count: i64 = database.query_row(&format!("SELECT count(*) FROM {name} WHERE {whose}"), [], |row| row.get(0)).unwrap();
    let place = (count - 1).min(2);
    let row = format!("({key}) = (SELECT {key} FROM {name} WHERE {whose} ORDER BY {key} LIMIT 1 OFFSET {place})");
    let asked = format!("SELECT {column} FROM {name} WHERE {row}");
    let value: Value = if count == 0 { return None } else { database.query_row(&asked, [], |row| row.get(0)).unwrap() };
    // What fits the column, where there was nothing.
    let fitting = [other(&value), Value::Integer(1 << 40), Value::Text("1".into()), Value::Blob(vec![1; 16])];
    let alter = format!("UPDATE {name} SET {column} = ?1 WHERE {row}");
    assert!(fitting.iter().any(|value| database.execute(&alter, [value]) == Ok(1)), "{name}.{column}");
    Some(path)
}

#[test]
fn one_altered_cell_in_any_column_of_any_table_is_found() {
    let place = Place::full();
    drop(Sqlite::open(&data_dir::database(&place.data()), None).unwrap().close());
    std::fs::copy(data_dir::database(&place.data()), place.file("intact.sqlite3")).unwrap();
    assert!(findings(&place.file("intact.sqlite3")).is_empty());
    let (mut altered, mut tables) = (0, BTreeSet::new());
    for table in TABLES {
        // What was erased is not known from the log any more, and so must be held by something else.
        let whose: &[&str] = match table.name {
            "changes" => &["erased IS NULL", "erased IS NOT NULL AND seq IS NOT NULL", "erased IS NOT NULL AND seq IS NULL"],
            "timeline" => &["acts <> '[]'", "acts = '[]'"],
            _ => &["1"],
        };
        for (column, whose) in table.columns.iter().flat_map(|column| whose.iter().map(move |whose| (column, whose))) {
            let Some(path) = with_another_cell(&place, table, column, whose) else { continue };
            assert!(!findings(&path).is_empty(), "{}.{column} was altered where {whose}", table.name);
            altered += 1;
            tables.insert(table.name);
        }
    }
    println!("{altered} cells in {} tables", tables.len());
    assert!(altered > 120 && tables.len() >= TABLES.len() - 2, "{tables:?}");
}

#[test]
fn one_altered_byte_of_the_file_is_found_or_says_nothing() {
    let place = Place::full();
    // Packed, so that no page of it is free.
    compact(&place.data()).unwrap();
    let intact = std::fs::read(data_dir::database(&place.data())).unwrap();
    let written: Vec<usize> = (0..intact.len()).filter(|at| intact[*at] != 0).collect();
    let seed = 47;
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (path, mut found) = (place.file("altered.sqlite3"), 0);
    for number in 0..80 {
        // Anywhere, and where something is written, by turns: half of the file is free room between cells, most of it zeros.
        let (drawn, bit) = (rng.next_u64() as usize, rng.next_u32() % 8);
        let at = if number % 2 == 0 { drawn % intact.len() } else { written[drawn % written.len()] };
        let mut bytes = intact.clone();
        bytes[at] ^= 1 << bit;
        std::fs::write(&path, bytes).unwrap();
        if !findings(&path).is_empty() {
            found += 1;
            continue;
        }
        // Between the cells of a page, and in its free pages, there is nothing that could be read.
        assert_eq!(dump(&Reader::open(&path).unwrap()).unwrap(), place.tables, "bit {bit} of byte {at}");
    }
    println!("{found} of 80 said something");
    assert!(found > 40);
}

#[test]
fn a_row_more_or_less_is_found() {
    let place = Place::full();
    drop(Sqlite::open(&data_dir::database(&place.data()), None).unwrap().close());
    let path = place.file("altered.sqlite3");
    for table in TABLES {
        std::fs::copy(data_dir::database(&place.data()), &path).unwrap();
        let database = Connection::open(&path).unwrap();
        let key = table.columns[..table.key].join(", ");
        // Not the last command: a log that ends earlier is a log, and devices know better.
        let asked = format!("DELETE FROM {0} WHERE ({key}) = (SELECT {key} FROM {0} ORDER BY {key} LIMIT 1)", table.name);
        let gone = database.execute(&asked, []).unwrap();
        drop(database);
        assert_eq!(findings(&path).is_empty(), gone == 0, "{}", table.name);
    }
    std::fs::copy(data_dir::database(&place.data()), &path).unwrap();
    let database = Connection::open(&path).unwrap();
    database.execute("INSERT INTO tokens VALUES (?1, '后门', 9000000000000)", [vec![3u8; 32]]).unwrap();
    drop(database);
    assert!(matches!(&findings(&path)[..], [Finding::Extra { table: "tokens", .. }]));
}

#[test]
fn what_nothing_takes_is_given_back() {
    let place = Place::full();
    {
        let held = DataDir::hold(&place.data()).unwrap();
        assert!(matches!(compact(&place.data()), Err(CompactError::DataDir(DataDirError::InUse(_)))));
        drop(held);
    }
    let database = Connection::open(data_dir::database(&place.data())).unwrap();
    database.execute_batch("CREATE TABLE ballast AS SELECT zeroblob(3000000) AS it; DROP TABLE ballast").unwrap();
    drop(database);
    let (before, after) = compact(&place.data()).unwrap();
    assert!(before > after + 2_900_000, "{before} → {after}");
    assert_eq!(dump(&data_dir::reader(&place.data()).unwrap()).unwrap(), place.tables);
    assert!(matches!(compact(&place.file("nowhere")), Err(CompactError::DataDir(DataDirError::Missing(_)))));
    assert!(!place.file("nowhere").exists());
}
