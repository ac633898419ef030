//! A roster from a spreadsheet: who is what where.
//!
//! ```text
//!   file ─► sheet ─► rows ─► plan ─► orders, each through the one write path
//!           (bytes)  (cells)  (what is known)
//! ```
//! [`Sheet::read`] knows files and nothing of people; [`plan()`] knows people and nothing of files, and writes nothing;
//! [`carry_out`] gives orders to whoever takes them. What is wrong with a row is a [`Problem`] that says what would be right.

mod carry;
mod column;
mod file;
mod identity;
mod plan;
mod problem;
mod row;
mod sheet;
#[cfg(test)]
mod tests;
mod xlsx;

pub use carry::{Carried, Clerk, Issued, carry_out};
pub use column::Column;
pub use plan::{Belonging, Grant, Newcomer, Plan, There, Whom, plan};
pub use problem::{Problem, RowProblem, Wrong};
pub use sheet::{Sheet, SheetError, SheetRow};

/// Longest file. Twenty thousand rows take about one megabyte.
pub const FILE_BYTES: usize = 8 << 20;
/// Most bytes that a file may unpack to: an XLSX is a packed archive, and a small one can hold a great deal of nothing.
pub const UNPACKED_BYTES: usize = 96 << 20;
/// Most parts of such an archive.
pub const PARTS: usize = 1_000;
/// Most rows of people.
pub const ROWS: usize = 20_000;
/// Columns that are looked at.
pub const COLUMNS: usize = 100;
/// Longest cell, in characters.
pub const CELL_CHARS: usize = 200;
