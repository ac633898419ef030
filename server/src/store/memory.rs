//! A store in memory, for simulations: as exact as SQLite, and gone with the process.

use std::collections::{BTreeMap, HashMap};

use super::{Cell, Index, Scan, Store, StoreError, Table};

type Rows = BTreeMap<Vec<Cell>, Vec<Cell>>;

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    tables: HashMap<&'static str, Rows>,
    /// For every index: its cells, then the key's.
    indexes: HashMap<&'static str, BTreeMap<Vec<Cell>, Vec<Cell>>>,
    /// What to put back, latest last, to be where the last commit was.
    undo: Vec<Undo>,
}

/// What stood under a key before a write.
#[derive(Debug, Clone)]
struct Undo {
    table: &'static Table,
    key: Vec<Cell>,
    old: Option<Vec<Cell>>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn replace(&mut self, table: &'static Table, key: &[Cell], row: Option<Vec<Cell>>) -> Option<Vec<Cell>> {
        let rows = self.tables.entry(table.name).or_default();
        let new = row.clone();
        let old = match row {
            Some(row) => rows.insert(key.to_vec(), row),
            None => rows.remove(key),
        };
        for index in table.indexes {
            let order = self.indexes.entry(index.name).or_default();
            if let Some(old) = &old {
                order.remove(&sort_key(table, Some(*index), old));
            }
            if let Some(new) = &new
                && index.only.is_none_or(|only| only.holds(table, new))
            {
                order.insert(sort_key(table, Some(*index), new), key.to_vec());
            }
        }
        old
    }
}

/// The cells by which a row is sorted.
fn sort_key(table: &Table, order: Option<Index>, row: &[Cell]) -> Vec<Cell> {
    let by = order.map_or(&[][..], |index| index.columns);
    let position = |name: &&str| table.columns.iter().position(|column| column == name).expect("an index names columns");
    by.iter().map(|name| row[position(name)].clone()).chain(row[..table.key].iter().cloned()).collect()
}

fn starts_after(sorted: &[Cell], prefix: &[Cell], after: Option<&Cell>) -> bool {
    after.is_none_or(|after| sorted.get(prefix.len()).is_some_and(|cell| cell > after))
}

impl Scan for Memory {
    fn scan_cells(
        &self,
        table: &'static Table,
        order: Option<Index>,
        prefix: &[Cell],
        after: Option<&Cell>,
        limit: usize,
    ) -> Result<Vec<Vec<Cell>>, StoreError> {
        let Some(rows) = self.tables.get(table.name) else { return Ok(Vec::new()) };
        let from = prefix.iter().chain(after).cloned().collect::<Vec<_>>();
        let matches = |sorted: &Vec<Cell>| sorted.starts_with(prefix);
        Ok(match order {
            None => rows
                .range(from..)
                .take_while(|(key, _)| matches(key))
                .filter(|(key, _)| starts_after(key, prefix, after))
                .take(limit)
                .map(|(_, row)| row.clone())
                .collect(),
            Some(index) => self
                .indexes
                .get(index.name)
                .into_iter()
                .flat_map(|order| order.range(from.clone()..))
                .take_while(|(sorted, _)| matches(sorted))
                .filter(|(sorted, _)| starts_after(sorted, prefix, after))
                .take(limit)
                .map(|(_, key)| rows[key].clone())
                .collect(),
        })
    }

    fn count_cells(&self, table: &'static Table, order: Option<Index>, prefix: &[Cell]) -> Result<u64, StoreError> {
        self.scan_cells(table, order, prefix, None, super::ALL).map(|rows| rows.len() as u64)
    }
}

impl Store for Memory {
    fn begin(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn put_cells(&mut self, table: &'static Table, cells: Vec<Cell>) -> Result<(), StoreError> {
        let key = cells[..table.key].to_vec();
        let old = self.replace(table, &key, Some(cells));
        self.undo.push(Undo { table, key, old });
        Ok(())
    }

    fn remove_cells(&mut self, table: &'static Table, key: &[Cell]) -> Result<(), StoreError> {
        let old = self.replace(table, key, None);
        self.undo.push(Undo { table, key: key.to_vec(), old });
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.undo.clear();
        Ok(())
    }

    fn rollback(&mut self) {
        for Undo { table, key, old } in std::mem::take(&mut self.undo).into_iter().rev() {
            self.replace(table, &key, old);
        }
    }

    fn tidy(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn scrub(&mut self) -> Result<bool, StoreError> {
        Ok(true)
    }
}
