//! What `make bench` runs: measures, prints a table, and writes it into a file.
//!
//! ```text
//! make bench                 every row
//! make bench ROW=reconnect   one of them
//! ```

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Parser;
use renolog_tests::bench::{ROWS, Row, measure, relay, report, rows};

/// Measures Renolog, and the systems beside it.
#[derive(Debug, Parser)]
struct Arguments {
    /// Which rows; all, if none is named.
    row: Vec<String>,
    /// The file in which what was measured takes its place.
    #[arg(long)]
    results: Option<PathBuf>,
    /// Names the rows.
    #[arg(long)]
    list: bool,
    /// For the row `phone`, which needs a fresh process: opens a device's file and says what that took.
    #[arg(long, hide = true)]
    phone: Option<PathBuf>,
    /// For the rows that stand beside the least that could be: is that.
    #[arg(long, hide = true)]
    relay: bool,
}

/// The server's: the bare work beside it shall not be slower for its allocator.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(path) = arguments.phone {
        println!("{}", rows::phone::look(&path)?);
        return Ok(());
    }
    if arguments.relay {
        return relay::serve().await;
    }
    if arguments.list {
        ROWS.iter().for_each(|row| println!("{:<12} {}", row.name, row.title));
        return Ok(());
    }
    let unknown = arguments.row.iter().find(|name| !ROWS.iter().any(|row| row.name == **name));
    ensure!(unknown.is_none(), "there is no row {}; --list names them", unknown.map_or("", String::as_str));
    let wanted = |row: &&Row| arguments.row.is_empty() || arguments.row.iter().any(|name| name == row.name);
    let mut sections = Vec::new();
    for row in ROWS.iter().filter(wanted) {
        eprintln!("measuring: {}", row.title);
        let section = measure(row).await;
        report::print(&section);
        sections.push(section);
    }
    let (met, of) = report::met(&sections);
    println!("\n{met} of {of} targets met");
    if let Some(path) = arguments.results {
        report::write(&path, &sections)?;
        println!("written to {}", path.display());
    }
    Ok(())
}
