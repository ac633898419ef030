//! Walking through a table from its first row to its last, a page at a time, however long it is.

use super::{Cell, Scan, StoreError, Table};

/// Rows read at once.
const PAGE: usize = 512;

/// Every row of a table, in the order of its key.
#[derive(Debug)]
pub struct Walk<'a, S: ?Sized> {
    store: &'a S,
    table: &'static Table,
    page: std::vec::IntoIter<Vec<Cell>>,
    /// How the next page is asked for; nothing when there is none.
    next: Option<From>,
}

/// After this key, as far as its first `depth` cells are to stay the same.
#[derive(Debug)]
struct From {
    key: Vec<Cell>,
    depth: usize,
}

impl<'a, S: Scan + ?Sized> Walk<'a, S> {
    /// From the first row.
    pub fn new(store: &'a S, table: &'static Table) -> Self {
        Self { store, table, page: Vec::new().into_iter(), next: Some(From { key: Vec::new(), depth: 0 }) }
    }

    fn turn_the_page(&mut self, From { key, depth }: From) -> Result<(), StoreError> {
        let rows = self.store.scan_cells(self.table, None, &key[..depth], key.get(depth), PAGE)?;
        self.next = match rows.last() {
            // More rows may share all of the key but its last cell.
            Some(last) if rows.len() == PAGE => Some(From { key: last[..self.table.key].to_vec(), depth: self.table.key - 1 }),
            _ => depth.checked_sub(1).map(|depth| From { key, depth }),
        };
        self.page = rows.into_iter();
        Ok(())
    }
}

/// A row, or why there is no telling; nothing comes after that.
impl<S: Scan + ?Sized> Iterator for Walk<'_, S> {
    type Item = Result<Vec<Cell>, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.page.next() {
                return Some(Ok(row));
            }
            let from = self.next.take()?;
            if let Err(why) = self.turn_the_page(from) {
                return Some(Err(why));
            }
        }
    }
}
