//! The sentences of SQL that five verbs need, made once each.
//!
//! Every push asks and writes some fifty times; putting the same sentence together each time took as long as SQLite takes to
//! answer it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use super::{Index, Only, Table};

/// What a sentence is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Verb {
    Scan { after: bool },
    Count,
    Put,
    Remove,
}

type Key = (Verb, &'static str, Option<&'static str>, usize);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Sentences(RefCell<HashMap<Key, Arc<str>>>);

impl Sentences {
    pub(super) fn scan(&self, table: &'static Table, order: Option<Index>, prefix: usize, after: bool) -> Arc<str> {
        self.made((Verb::Scan { after }, table.name, order.map(|order| order.name), prefix), || {
            let sorted = sorted_by(table, order);
            format!(
                "SELECT {} FROM {}{} ORDER BY {} LIMIT ?{}",
                table.columns.join(", "),
                table.name,
                condition(&sorted, prefix, after, order),
                sorted.join(", "),
                prefix + usize::from(after) + 1,
            )
        })
    }

    pub(super) fn count(&self, table: &'static Table, order: Option<Index>, prefix: usize) -> Arc<str> {
        self.made((Verb::Count, table.name, order.map(|order| order.name), prefix), || {
            format!("SELECT count(*) FROM {}{}", table.name, condition(&sorted_by(table, order), prefix, false, order))
        })
    }

    pub(super) fn put(&self, table: &'static Table) -> Arc<str> {
        self.made((Verb::Put, table.name, None, 0), || {
            let places = (1..=table.columns.len()).map(|n| format!("?{n}")).collect::<Vec<_>>().join(", ");
            let updates = table.columns[table.key..].iter().map(|c| format!("{c} = excluded.{c}")).collect::<Vec<_>>().join(", ");
            let resolve = if updates.is_empty() { "DO NOTHING".to_owned() } else { format!("DO UPDATE SET {updates}") };
            format!(
                "INSERT INTO {} ({}) VALUES ({places}) ON CONFLICT ({}) {resolve}",
                table.name,
                table.columns.join(", "),
                table.columns[..table.key].join(", "),
            )
        })
    }

    pub(super) fn remove(&self, table: &'static Table) -> Arc<str> {
        self.made((Verb::Remove, table.name, None, 0), || {
            format!("DELETE FROM {}{}", table.name, condition(&sorted_by(table, None), table.key, false, None))
        })
    }

    fn made(&self, key: Key, make: impl FnOnce() -> String) -> Arc<str> {
        self.0.borrow_mut().entry(key).or_insert_with(|| make().into()).clone()
    }
}

/// The columns a table is sorted by: the index's, then the key's.
fn sorted_by(table: &Table, order: Option<Index>) -> Vec<&'static str> {
    let mut columns: Vec<&str> = order.map_or(&[][..], |index| index.columns).to_vec();
    columns.extend(&table.columns[..table.key]);
    columns
}

/// `WHERE a = ?1 AND b = ?2 AND c > ?3`, and what the order holds only.
fn condition(sorted: &[&str], prefix: usize, after: bool, order: Option<Index>) -> String {
    let equal = sorted[..prefix].iter().enumerate().map(|(n, column)| format!("{column} = ?{}", n + 1));
    let later = after.then(|| format!("{} > ?{}", sorted[prefix], prefix + 1));
    let only = order.and_then(|order| order.only).map(Only::condition);
    let all: Vec<String> = equal.chain(later).chain(only).collect();
    if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
}

#[cfg(test)]
mod tests {
    use super::super::{Sqlite, TABLES};
    use super::*;

    fn plan(store: &Sqlite, sentence: &str) -> String {
        let mut plan = store.connection.prepare(&format!("EXPLAIN QUERY PLAN {sentence}")).expect("a sentence of SQL");
        let mut steps = plan.raw_query();
        let mut told = String::new();
        while let Some(step) = steps.next().expect("memory") {
            told += &step.get::<_, String>(3).expect("words");
        }
        told
    }

    #[test]
    fn what_an_order_holds_only_is_found_by_it() {
        let (store, sentences) = (Sqlite::in_memory(), Sentences::default());
        for table in TABLES {
            for index in table.indexes.iter().filter(|index| index.only.is_some()) {
                for (prefix, after) in [(1, true), (2, false)] {
                    let scan = plan(&store, &sentences.scan(table, Some(*index), prefix, after));
                    let count = plan(&store, &sentences.count(table, Some(*index), prefix));
                    assert!(scan.contains(index.name) && count.contains(index.name), "{}: {scan}; {count}", index.name);
                }
            }
        }
    }
}
