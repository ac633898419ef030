//! `make bench`: our server and devices, and the systems that people would otherwise use, doing the same over the same
//! links. Measured is what a volunteer in a basement and an administrator with one small server would feel.
//!
//! Each row of the table is one function in `rows`. Not tests: nothing here fails because a figure is bad; the table says so.

pub mod crowd;
pub mod edits;
pub mod finding;
pub mod machine;
pub mod peer;
pub mod relay;
pub mod report;
pub mod rows;
pub mod serving;
pub mod spread;
pub mod street;

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use futures_util::future::BoxFuture;

use finding::Finding;
use report::Section;

/// A row of the table.
pub struct Row {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it measures.
    pub title: &'static str,
    /// How.
    pub about: &'static str,
    run: for<'a> fn(&'a Path) -> BoxFuture<'a, Result<Vec<Finding>>>,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row").field("name", &self.name).finish_non_exhaustive()
    }
}

macro_rules! rows {
    ($($name:ident,)*) => {
        /// All rows, in the order of the table.
        pub const ROWS: &[Row] = &[$(Row {
            name: stringify!($name),
            title: rows::$name::TITLE,
            about: rows::$name::ABOUT,
            run: |directory| Box::pin(rows::$name::run(directory)),
        },)*];
    };
}

rows! {
    reconnect,
    quiet,
    first_sync,
    throughput,
    latency,
    propagation,
    idle,
    crowd,
    district,
    phone,
    screen,
}

/// Measures one row. What fails is said in the table, and does not take the other rows away.
pub async fn measure(row: &Row) -> Section {
    let began = Instant::now();
    let directory = tempfile::tempdir();
    let found = match &directory {
        Ok(directory) => (row.run)(directory.path()).await,
        Err(error) => Err(anyhow::anyhow!("no directory: {error}")),
    };
    let findings = found.unwrap_or_else(|error| vec![Finding::missing(row.title, format!("{error:#}"))]);
    Section { name: row.name, title: row.title.into(), about: row.about.into(), findings, seconds: began.elapsed().as_secs() }
}
