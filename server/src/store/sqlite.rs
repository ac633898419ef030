//! The durable store: one SQLite file in WAL mode, flushed at every commit.

use std::cell::{Cell as Slot, RefCell};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, params_from_iter};

use super::sentences::Sentences;
use super::unwritten::Unwritten;
use super::{Cell, Index, Scan, Store, StoreError, Table};

/// How long a write waits for someone who looks at the file.
const BUSY_WAITS: Duration = Duration::from_secs(30);
/// What the writer keeps of the file. A group of commands touches some thousand pages: where they do not fit, SQLite writes them
/// before the commit, and again at the commit.
const CACHE_KIB: i64 = 16 << 10;
/// What a reader keeps of the file. The system keeps it as well, once for all of them.
const READER_CACHE_KIB: i64 = 512;
/// How long the log may grow until it is put into the file. At SQLite's usual 1,000 pages a busy server did that twice in
/// three commits, flushing both each time; the longer it is, the more often one page of the file stands for several of the log.
const CHECKPOINT_PAGES: i64 = 8_192;
/// Where nobody [tidies](Store::tidy), it is put there by the commit that makes it so long.
const COMMIT_CHECKPOINT_PAGES: i64 = 2 * CHECKPOINT_PAGES;
/// How long cutting the log waits for readers; pushes wait meanwhile.
const SCRUB_WAITS: Duration = Duration::from_millis(250);

/// `RENO`, so that `file` and a careful operator can tell what the file is.
const APPLICATION_ID: i64 = 0x52_45_4e_4f;
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/001.sql"),
    include_str!("migrations/002.sql"),
    include_str!("migrations/003.sql"),
    include_str!("migrations/004.sql"),
];
/// The shape of a data directory that this build writes.
pub const VERSION: usize = MIGRATIONS.len();

/// Why a file cannot be used as a store. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Some other program's file.
    #[error("{0} is not a renolog database")]
    NotOurs(PathBuf),
    /// Made by a later build.
    #[error("{path} has version {found}; this build knows versions up to {VERSION}. Use the newer build")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: usize,
    },
    /// The file or the disk fails.
    #[error("{path} cannot be opened: {why}")]
    Failing {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        why: String,
    },
}

/// The one writer.
#[derive(Debug)]
pub struct Sqlite {
    pub(super) connection: Connection,
    sentences: Sentences,
    writing: Slot<bool>,
    unwritten: RefCell<Unwritten>,
}

/// A reader beside the writer: sees what was committed.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
    sentences: Sentences,
}

impl Sqlite {
    /// Opens the file for writing, making or migrating it as needed. `max_bytes` bounds the file: what does not fit is
    /// refused with [`StoreError::Full`], and everything before stays.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path, max_bytes: Option<u64>) -> Result<Self, OpenError> {
        let failing = |why: rusqlite::Error| OpenError::Failing { path: path.into(), why: why.to_string() };
        let connection = Connection::open(path).map_err(failing)?;
        check_ours(&connection, path)?;
        (|| {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", "ON")?;
            // What is erased is overwritten, not just unlinked.
            connection.pragma_update(None, "secure_delete", "ON")?;
            connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
            connection.pragma_update(None, "wal_autocheckpoint", COMMIT_CHECKPOINT_PAGES)?;
            connection.set_prepared_statement_cache_capacity(128);
            keep_plans(&connection)?;
            // Someone may be looking at the file with the sqlite3 shell, or copying it.
            connection.busy_timeout(BUSY_WAITS)?;
            if let Some(bytes) = max_bytes {
                let page: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
                let pages = i64::try_from(bytes.div_ceil(page.into())).unwrap_or(i64::MAX);
                connection.pragma_update(None, "max_page_count", pages)?;
            }
            migrate(&connection)
        })()
        .map_err(failing)?;
        Ok(Self::over(connection))
    }

    /// A store that lives in memory, for tests.
    ///
    /// # Panics
    /// If SQLite has no memory left.
    pub fn in_memory() -> Self {
        let connection = Connection::open_in_memory().expect("memory");
        keep_plans(&connection).expect("SQLite knows the setting");
        migrate(&connection).expect("an empty database can be migrated");
        Self::over(connection)
    }

    fn over(connection: Connection) -> Self {
        Self { connection, sentences: Sentences::default(), writing: Slot::new(false), unwritten: RefCell::default() }
    }

    /// Has everything from here to the end of the transaction under one lock.
    fn hold(&self) -> Result<(), StoreError> {
        if !self.writing.get() {
            self.connection.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.execute([])).map_err(store_error)?;
            self.writing.set(true);
        }
        Ok(())
    }

    /// Gives SQLite the rows of one table.
    fn give(&self, table: &'static Table) -> Result<(), StoreError> {
        let rows = self.unwritten.borrow_mut().take(table);
        if rows.is_empty() {
            return Ok(());
        }
        self.hold()?;
        let (put, remove) = (self.sentences.put(table), self.sentences.remove(table));
        let mut put = self.connection.prepare_cached(&put).map_err(store_error)?;
        for (key, row) in rows {
            let given = match row {
                Some(row) => put.execute(params_from_iter(row)),
                None => self.connection.prepare_cached(&remove).and_then(|mut remove| remove.execute(params_from_iter(key))),
            };
            given.map_err(store_error)?;
        }
        Ok(())
    }

    fn give_all(&self) -> Result<(), StoreError> {
        let tables = self.unwritten.borrow().tables();
        tables.into_iter().try_for_each(|table| self.give(table))
    }

    fn keep(&self, table: &'static Table, key: Vec<Cell>, row: Option<Vec<Cell>>) -> Result<(), StoreError> {
        self.unwritten.borrow_mut().keep(table, key, row);
        if self.unwritten.borrow().is_full() { self.give_all() } else { Ok(()) }
    }
}

/// SQLite looks at the value bound to a `LIMIT` when it plans, and plans anew with each value that is bound: a third of the time
/// of every push. All questions here are answered from an index whatever their limit, so one plan does for all.
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

fn check_ours(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let failing = |why: rusqlite::Error| match why.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotOurs(path.into()),
        _ => OpenError::Failing { path: path.into(), why: why.to_string() },
    };
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(failing);
    let (application, found) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failing)?;
    match usize::try_from(found) {
        _ if tables > 0 && application != APPLICATION_ID => Err(OpenError::NotOurs(path.into())),
        Ok(found) if found <= VERSION => Ok(()),
        Ok(found) => Err(OpenError::Newer { path: path.into(), found }),
        Err(_) => Err(OpenError::NotOurs(path.into())),
    }
}

/// Brings the file to this build's version, one step and one transaction at a time.
fn migrate(connection: &Connection) -> rusqlite::Result<()> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (number, step) in MIGRATIONS.iter().enumerate().skip(found as usize) {
        let version = number + 1;
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {step}; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version}; COMMIT;"
        ))?;
    }
    Ok(())
}

impl Reader {
    /// Opens the file beside its writer.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let failing = |why: rusqlite::Error| OpenError::Failing { path: path.into(), why: why.to_string() };
        // Nobody else has it meanwhile: SQLite need not lock it for each cell that is read.
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failing)?;
        check_ours(&connection, path)?;
        connection.busy_timeout(Duration::from_secs(5)).map_err(failing)?;
        connection.pragma_update(None, "cache_size", -READER_CACHE_KIB).map_err(failing)?;
        connection.set_prepared_statement_cache_capacity(128);
        keep_plans(&connection).map_err(failing)?;
        Ok(Self { connection, sentences: Sentences::default() })
    }
}

pub(super) fn store_error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        _ => StoreError::Failing(error.to_string()),
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn read_cell(value: ValueRef<'_>) -> rusqlite::Result<Cell> {
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Int(number),
        ValueRef::Text(_) => Cell::Text(value.as_str()?.to_owned()),
        ValueRef::Blob(bytes) => Cell::Blob(bytes.to_vec()),
        ValueRef::Real(_) => return Err(rusqlite::Error::InvalidQuery),
    })
}

fn scan(
    connection: &Connection,
    sentence: &str,
    table: &'static Table,
    prefix: &[Cell],
    after: Option<&Cell>,
    limit: usize,
) -> rusqlite::Result<Vec<Vec<Cell>>> {
    let mut statement = connection.prepare_cached(sentence)?;
    let limit = Cell::Int(i64::try_from(limit).unwrap_or(i64::MAX));
    let width = table.columns.len();
    let rows = statement.query_map(params_from_iter(prefix.iter().chain(after).chain([&limit])), |row| {
        (0..width).map(|column| read_cell(row.get_ref(column)?)).collect()
    })?;
    rows.collect()
}

fn count(connection: &Connection, sentence: &str, prefix: &[Cell]) -> rusqlite::Result<u64> {
    let counted: i64 = connection.prepare_cached(sentence)?.query_row(params_from_iter(prefix), |row| row.get(0))?;
    Ok(counted.unsigned_abs())
}

impl Scan for Reader {
    fn scan_cells(
        &self,
        table: &'static Table,
        order: Option<Index>,
        prefix: &[Cell],
        after: Option<&Cell>,
        limit: usize,
    ) -> Result<Vec<Vec<Cell>>, StoreError> {
        let sentence = self.sentences.scan(table, order, prefix.len(), after.is_some());
        scan(&self.connection, &sentence, table, prefix, after, limit).map_err(store_error)
    }

    fn count_cells(&self, table: &'static Table, order: Option<Index>, prefix: &[Cell]) -> Result<u64, StoreError> {
        count(&self.connection, &self.sentences.count(table, order, prefix.len()), prefix).map_err(store_error)
    }
}

impl Scan for Sqlite {
    fn scan_cells(
        &self,
        table: &'static Table,
        order: Option<Index>,
        prefix: &[Cell],
        after: Option<&Cell>,
        limit: usize,
    ) -> Result<Vec<Vec<Cell>>, StoreError> {
        if order.is_none() && prefix.len() == table.key && limit > 0 {
            if let Some(row) = self.unwritten.borrow().find(table, prefix) {
                return Ok(row.iter().cloned().collect());
            }
        } else {
            self.give(table)?;
        }
        let sentence = self.sentences.scan(table, order, prefix.len(), after.is_some());
        scan(&self.connection, &sentence, table, prefix, after, limit).map_err(store_error)
    }

    fn count_cells(&self, table: &'static Table, order: Option<Index>, prefix: &[Cell]) -> Result<u64, StoreError> {
        self.give(table)?;
        count(&self.connection, &self.sentences.count(table, order, prefix.len()), prefix).map_err(store_error)
    }
}

impl Store for Sqlite {
    fn begin(&mut self) -> Result<(), StoreError> {
        self.hold()
    }

    fn put_cells(&mut self, table: &'static Table, cells: Vec<Cell>) -> Result<(), StoreError> {
        self.keep(table, cells[..table.key].to_vec(), Some(cells))
    }

    fn remove_cells(&mut self, table: &'static Table, key: &[Cell]) -> Result<(), StoreError> {
        self.keep(table, key.to_vec(), None)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.give_all()?;
        if self.writing.get() {
            self.connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([])).map_err(store_error)?;
            self.writing.set(false);
        }
        Ok(())
    }

    fn rollback(&mut self) {
        self.unwritten.borrow_mut().clear();
        self.writing.set(false);
        // After some errors SQLite has rolled back by itself; then there is nothing left to do.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "rollback failed");
        }
    }

    /// Puts a long log into the file.
    fn tidy(&mut self) -> Result<(), StoreError> {
        // Asks how long it is, and does nothing.
        let look = self.connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)");
        let pages: i64 = look.and_then(|mut look| look.query_row([], |row| row.get(1))).map_err(store_error)?;
        if pages < CHECKPOINT_PAGES {
            return Ok(());
        }
        self.connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)").map_err(store_error)
    }

    /// Deleted rows are overwritten (`secure_delete`); older pages of them stand in the log until it is cut.
    fn scrub(&mut self) -> Result<bool, StoreError> {
        let cut = || {
            self.connection.busy_timeout(SCRUB_WAITS)?;
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
        };
        let blocked = cut().map_err(store_error);
        self.connection.busy_timeout(BUSY_WAITS).map_err(store_error)?;
        Ok(blocked? == 0)
    }
}
