//! Trains the dictionary by which changes travel, from simulated logs of the built-in schema, and writes it to a file:
//! `cargo run --release -p renolog-tests --bin dictionary -- protocol/dictionaries/2.dict`. Then name it in
//! `renolog_protocol::codec::DICTIONARIES`, after those that there are.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use renolog_protocol::codec::{sample, train};
use renolog_protocol::id::Seq;
use renolog_protocol::schema::Schema;
use renolog_protocol::session::server::{FeedEntry, to_items};
use renolog_server::reception::page;
use renolog_server::store::{ALL, FeedRow, Read};
use renolog_tests::play::Play;

/// See the file's own words.
#[derive(Debug, Parser)]
struct Args {
    /// The file to write.
    file: PathBuf,
    /// How long it may be.
    #[arg(long, default_value_t = 24_576)]
    bytes: usize,
    /// How many simulated logs it is trained from.
    #[arg(long, default_value_t = 24)]
    logs: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut samples = Vec::new();
    for seed in 0..args.logs {
        let world = Play::of(1_000 + seed * 2, 220);
        let feeds: Vec<FeedRow> = world.store().list(&[], None, ALL)?;
        for FeedRow { feed, .. } in feeds {
            let mut after = Seq(0);
            loop {
                let entries = page(world.store(), &Schema::built_in(), feed, after)?;
                let Some(last) = entries.last() else { break };
                // As they travel: alone when they are live, some when somebody comes back.
                for together in [1, 6, 30] {
                    let mut before = after;
                    for part in entries.chunks(together) {
                        let end: &FeedEntry = part.last().context("no part is empty")?;
                        samples.push(sample(&to_items(feed, before, end, part.iter().cloned())));
                        before = end.seq;
                    }
                }
                after = last.seq;
            }
        }
        println!("{} of {} logs, {} samples", seed + 1, args.logs, samples.len());
    }
    let dictionary = train(&samples, args.bytes).context("zstd makes no dictionary of this")?;
    std::fs::write(&args.file, &dictionary).with_context(|| format!("cannot write {}", args.file.display()))?;
    println!("{}: {} bytes", args.file.display(), dictionary.len());
    Ok(())
}
