//! Where everything durable lives, behind a trait of five verbs.
//!
//! A store keeps rows (`rows.rs`) of [`Cell`]s and reads them in declared orders; it knows nothing of records, people or rules.
//! [`Sqlite`] is the real one; [`Memory`] serves simulations. Both pass one conformance suite, and applying one command log
//! to both gives the same tables, cell by cell.

mod cell;
mod file;
mod memory;
mod rows;
mod sentences;
mod sqlite;
mod unwritten;
mod walk;

pub use cell::{Cell, Column};
pub use file::Copied;
pub use memory::Memory;
pub use rows::{
    ActorRow, AuditRow, BatchRow, ChangeRow, CommandRow, CommunityRow, DeviceRow, EpochRow, ErasureRow, FactRow, Fate, FeedRow,
    Index, InviteRow, MemberRow, Only, OrganisationRow, PersonRow, RecordRow, Row, SchemaRow, SeenRow, SettledRow, TABLES, Table,
    TimelineRow, TokenRow, WaitRow,
};
pub use sqlite::{OpenError, Reader, Sqlite, VERSION};
pub use walk::Walk;

/// What can go wrong with a store. Never the fault of what was written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No room. Trying again helps once there is some.
    #[error("the disk, or the room allowed to the store, is full")]
    Full,
    /// The file or the disk fails.
    #[error("the store fails: {0}")]
    Failing(String),
    /// A row that is not what its table holds: the file was altered from outside.
    #[error("a row of table {0} is damaged")]
    Damaged(&'static str),
}

/// Reading.
pub trait Scan {
    /// At most `limit` rows of `table` in the order of `order` (its columns, then the key), those whose first cells in that
    /// order are `prefix`, and which come after `after` in the cell that follows the prefix. An order that holds [only](Only)
    /// some rows gives those.
    ///
    /// # Errors
    /// [`StoreError`].
    fn scan_cells(
        &self,
        table: &'static Table,
        order: Option<Index>,
        prefix: &[Cell],
        after: Option<&Cell>,
        limit: usize,
    ) -> Result<Vec<Vec<Cell>>, StoreError>;

    /// How many rows of `table` start with `prefix` in `order`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn count_cells(&self, table: &'static Table, order: Option<Index>, prefix: &[Cell]) -> Result<u64, StoreError>;
}

/// Reading and writing. Writes are seen by later reads of the same store at once, and become durable together with
/// [`Store::commit`].
pub trait Store: Scan + Send {
    /// Says that what follows until the next [commit](Store::commit) or [rollback](Store::rollback) belongs together, questions
    /// included: a store that takes locks takes them once, and not for each question.
    ///
    /// # Errors
    /// [`StoreError`].
    fn begin(&mut self) -> Result<(), StoreError>;

    /// Writes a row over any other with the same key.
    ///
    /// # Errors
    /// [`StoreError`]; the caller must then [roll back](Store::rollback).
    fn put_cells(&mut self, table: &'static Table, cells: Vec<Cell>) -> Result<(), StoreError>;

    /// Removes the row with this key, if there is one.
    ///
    /// # Errors
    /// [`StoreError`]; the caller must then [roll back](Store::rollback).
    fn remove_cells(&mut self, table: &'static Table, key: &[Cell]) -> Result<(), StoreError>;

    /// Makes everything since the last commit durable, all or nothing. When it returns, it is on disk.
    ///
    /// # Errors
    /// [`StoreError`]; the caller must then [roll back](Store::rollback).
    fn commit(&mut self) -> Result<(), StoreError>;

    /// Forgets everything since the last commit.
    fn rollback(&mut self);

    /// Does what can be done after a commit as well as in it, once whoever waited for the commit has been answered.
    ///
    /// # Errors
    /// [`StoreError`]; what was committed stays so.
    fn tidy(&mut self) -> Result<(), StoreError>;

    /// Sees to it that nothing that was removed and committed is left in a file; whether that is done, or someone who reads
    /// the store is in the way.
    ///
    /// # Errors
    /// [`StoreError`].
    fn scrub(&mut self) -> Result<bool, StoreError>;
}

/// Reading by type. Every [`Scan`] can.
pub trait Read: Scan {
    /// The row with this key.
    ///
    /// # Errors
    /// [`StoreError`].
    fn get<R: Row>(&self, key: &[Cell]) -> Result<Option<R>, StoreError> {
        debug_assert_eq!(key.len(), R::TABLE.key);
        let cells = self.scan_cells(R::TABLE, None, key, None, 1)?.pop();
        cells.map(|cells| R::from_cells(cells).ok_or(StoreError::Damaged(R::TABLE.name))).transpose()
    }

    /// Rows in the order of the key; see [`Scan::scan_cells`].
    ///
    /// # Errors
    /// [`StoreError`].
    fn list<R: Row>(&self, prefix: &[Cell], after: Option<&Cell>, limit: usize) -> Result<Vec<R>, StoreError> {
        typed(self.scan_cells(R::TABLE, None, prefix, after, limit)?)
    }

    /// Rows in the order of an index; see [`Scan::scan_cells`].
    ///
    /// # Errors
    /// [`StoreError`].
    fn list_by<R: Row>(&self, order: Index, prefix: &[Cell], after: Option<&Cell>, limit: usize) -> Result<Vec<R>, StoreError> {
        typed(self.scan_cells(R::TABLE, Some(order), prefix, after, limit)?)
    }
}

impl<S: Scan + ?Sized> Read for S {}

/// Writing by type. Every [`Store`] can.
pub trait Write: Store {
    /// Writes a row over any other with the same key.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put<R: Row>(&mut self, row: &R) -> Result<(), StoreError> {
        self.put_cells(R::TABLE, row.to_cells())
    }

    /// Removes the row with this key.
    ///
    /// # Errors
    /// [`StoreError`].
    fn remove<R: Row>(&mut self, key: &[Cell]) -> Result<(), StoreError> {
        self.remove_cells(R::TABLE, key)
    }
}

impl<S: Store + ?Sized> Write for S {}

fn typed<R: Row>(rows: Vec<Vec<Cell>>) -> Result<Vec<R>, StoreError> {
    rows.into_iter().map(|cells| R::from_cells(cells).ok_or(StoreError::Damaged(R::TABLE.name))).collect()
}

/// No end: for the few tables that are bounded by what people set up, not by what they write.
pub const ALL: usize = usize::MAX >> 1;

/// The rows of one table, by its name.
pub type Dumped = (&'static str, Vec<Vec<Cell>>);

/// Every row of every table: what two stores are compared by.
///
/// # Errors
/// [`StoreError`].
pub fn dump(store: &dyn Scan) -> Result<Vec<Dumped>, StoreError> {
    TABLES.iter().map(|table| Ok((table.name, store.scan_cells(table, None, &[], None, ALL)?))).collect()
}
