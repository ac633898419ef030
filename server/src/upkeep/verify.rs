//! Proof that a store says what happened: its log is applied again from the first command, on an empty store, and what comes
//! out is held against what is stored, row by row.
//!
//! So every signature is checked, every hash, position, link and role is derived anew, and every projection. What cannot
//! be told from the store alone is whether all of it, log included, was written anew by somebody who has every device's
//! key; and whether the end was cut off. Both are seen by any device that knew better ([`renolog_protocol::chain`]).

use std::cmp::Ordering;
use std::fmt;

use renolog_protocol::schema::Schema;

use super::Progress;
use crate::ingest::{self, ReplayError};
use crate::store::{Cell, CommandRow, Reader, Row, Scan, Sqlite, Store, StoreError, TABLES, Table, Walk};

/// Findings after which it stops to look for more.
const MOST: usize = 100;

/// What was looked at, and what is not as it must be.
#[derive(Debug, Default)]
pub struct Report {
    /// Commands applied again.
    pub commands: u64,
    /// Rows compared.
    pub rows: u64,
    /// What is wrong; nothing if all is well.
    pub findings: Vec<Finding>,
}

/// Something that is not as it must be.
#[derive(Debug)]
pub enum Finding {
    /// The file is no sound database.
    File(String),
    /// The log cannot be applied again from here on.
    Log(ReplayError),
    /// A row says something else than follows from the log.
    Altered {
        /// In which table.
        table: &'static str,
        /// Its key.
        key: String,
        /// The columns that differ.
        columns: Vec<&'static str>,
    },
    /// A row that follows from the log is not there.
    Missing {
        /// In which table.
        table: &'static str,
        /// Its key.
        key: String,
    },
    /// A row that does not follow from the log.
    Extra {
        /// In which table.
        table: &'static str,
        /// Its key.
        key: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(what) => write!(f, "文件损坏 the file is damaged: {what}"),
            Self::Log(why) => write!(f, "日志不连贯 the log does not hold: {why}"),
            Self::Altered { table, key, columns } => {
                write!(f, "内容被改 altered: {table} {key}: {}", columns.join(", "))
            }
            Self::Missing { table, key } => write!(f, "内容缺失 missing: {table} {key}"),
            Self::Extra { table, key } => write!(f, "来历不明 nothing says why it is there: {table} {key}"),
        }
    }
}

/// Verifies a store as it stands now; `scratch` is an empty one to work in. `progress` counts commands, then rows.
///
/// # Errors
/// [`StoreError`]: the scratch store fails. What is wrong with the store itself is a finding.
pub fn verify(store: Reader, scratch: Sqlite, progress: &mut Progress<'_>) -> Result<Report, StoreError> {
    let mut report = Report::default();
    match look_over(&store) {
        Ok(flaws) => report.findings.extend(flaws.into_iter().map(Finding::File)),
        Err(why) => report.findings.push(Finding::File(why.to_string())),
    }
    if !report.findings.is_empty() {
        return Ok(report);
    }
    let all = store.count_cells(CommandRow::TABLE, None, &[])?;
    let again = ingest::replay(scratch, Box::new(store), Schema::built_in(), &mut |done| progress(done, all * 2));
    match again {
        Ok(again) => {
            report.commands = all;
            compare(again.of_original(), again.store(), &mut report, &mut |rows| progress(all + rows.min(all), all * 2))?;
        }
        Err(ReplayError::Store(StoreError::Full)) => return Err(StoreError::Full),
        Err(why) => report.findings.push(Finding::Log(why)),
    }
    Ok(report)
}

fn look_over(store: &Reader) -> Result<Vec<String>, StoreError> {
    store.hold_still()?;
    store.flaws()
}

fn compare(
    stored: &(dyn Scan + Send),
    derived: &impl Store,
    report: &mut Report,
    progress: &mut dyn FnMut(u64),
) -> Result<(), StoreError> {
    for table in TABLES {
        let (mut stored, mut derived) = (Walk::new(stored, table), Walk::new(derived, table));
        let mut found = readable(table, &mut stored, report);
        let mut expected = derived.next().transpose()?;
        while report.findings.len() < MOST {
            let order = match (&found, &expected) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(found), Some(expected)) => found[..table.key].cmp(&expected[..table.key]),
            };
            report.findings.extend(hold_against(table, order, found.as_ref(), expected.as_ref()));
            report.rows += 1;
            progress(report.rows);
            if order.is_le() {
                found = readable(table, &mut stored, report);
            }
            if order.is_ge() {
                expected = derived.next().transpose()?;
            }
        }
    }
    Ok(())
}

/// The next row of the store under examination. That it cannot be read is a finding, and the end of its table.
fn readable<S: Scan + ?Sized>(table: &Table, rows: &mut Walk<'_, S>, report: &mut Report) -> Option<Vec<Cell>> {
    let why = match rows.next()? {
        Ok(row) => return Some(row),
        Err(why) => why,
    };
    report.findings.push(Finding::File(format!("{}: {why}", table.name)));
    None
}

fn hold_against(table: &Table, order: Ordering, found: Option<&Vec<Cell>>, expected: Option<&Vec<Cell>>) -> Option<Finding> {
    let key = |row: &Vec<Cell>| row[..table.key].iter().map(shown).collect::<Vec<_>>().join(" ");
    match (order, found, expected) {
        (Ordering::Less, Some(found), _) => Some(Finding::Extra { table: table.name, key: key(found) }),
        (Ordering::Greater, _, Some(expected)) => Some(Finding::Missing { table: table.name, key: key(expected) }),
        (_, Some(found), Some(expected)) => {
            let columns = table.columns.iter().zip(found.iter().zip(expected));
            let columns: Vec<_> = columns.filter(|(_, (found, expected))| found != expected).map(|(name, _)| *name).collect();
            (!columns.is_empty()).then(|| Finding::Altered { table: table.name, key: key(found), columns })
        }
        _ => None,
    }
}

/// A cell as people can look for it.
fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Null => "-".into(),
        Cell::Int(number) => number.to_string(),
        Cell::Text(text) => text.clone(),
        Cell::Blob(bytes) => data_encoding::HEXLOWER.encode(bytes),
    }
}
