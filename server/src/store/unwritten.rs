//! Rows that were written since the last commit and that SQLite has not been given yet.
//!
//! A group of commands writes some rows again and again (a feed's end, a writer's actor, a record that is remarked on) and
//! asks for what it has just written. Here the last word counts, and SQLite gets each row once, in the order of its table.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Cell, Table};

/// Rows kept at most; then they are given to SQLite, commit or not.
const ROWS: usize = 8_192;

/// Rows by key; nothing for one that was removed.
type Rows = HashMap<Vec<Cell>, Option<Vec<Cell>>>;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    tables: HashMap<&'static str, (&'static Table, Rows)>,
    count: usize,
}

impl Unwritten {
    /// Keeps a row, or that there is none.
    pub(super) fn keep(&mut self, table: &'static Table, key: Vec<Cell>, row: Option<Vec<Cell>>) {
        let (_, rows) = self.tables.entry(table.name).or_insert_with(|| (table, Rows::new()));
        match rows.entry(key) {
            Entry::Occupied(mut known) => drop(known.insert(row)),
            Entry::Vacant(place) => {
                place.insert(row);
                self.count += 1;
            }
        }
    }

    /// What was written under a key, if anything was; nothing inside that if it was removed.
    pub(super) fn find(&self, table: &'static Table, key: &[Cell]) -> Option<&Option<Vec<Cell>>> {
        self.tables.get(table.name)?.1.get(key)
    }

    /// Whether it is time to give them to SQLite.
    pub(super) fn is_full(&self) -> bool {
        self.count >= ROWS
    }

    /// The rows of one table, in the order of its key.
    pub(super) fn take(&mut self, table: &'static Table) -> Vec<(Vec<Cell>, Option<Vec<Cell>>)> {
        let rows = self.tables.get_mut(table.name).map(|(_, rows)| std::mem::take(rows)).unwrap_or_default();
        self.count -= rows.len();
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        rows
    }

    /// Tables of which there are rows.
    pub(super) fn tables(&self) -> Vec<&'static Table> {
        self.tables.values().filter(|(_, rows)| !rows.is_empty()).map(|(table, _)| *table).collect()
    }

    pub(super) fn clear(&mut self) {
        self.tables.clear();
        self.count = 0;
    }
}
