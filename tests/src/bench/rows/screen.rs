//! A new phone in a basement: how long until there is something to work with.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use renolog_client_core::store::Filter;

use super::{founded, newcomer};
use crate::bench::finding::Finding;
use crate::bench::serving::Serving;
use crate::bench::spread::{bytes, ms};
use crate::link::{Link, Shape};

pub(in crate::bench) const TITLE: &str = "First useful screen at 64 kbit/s, 800 ms round trip, 1 % stalls";
pub(in crate::bench) const ABOUT: &str = "\
A device that has nothing connects to a community of 5,000 records and 50,000 changes over a basement's link. Useful is the latest \
fifty open records, whole. All records of this log are open.";

const RECORDS: usize = 5_000;
const EDITS: usize = 10;
/// Longer than anybody looks at an empty screen.
const PATIENCE: Duration = Duration::from_secs(60);

pub(in crate::bench) async fn run(directory: &Path) -> Result<Vec<Finding>> {
    let data = directory.join("data");
    let (_, ids) = founded(&data, 12, RECORDS, EDITS).await?;
    let latest: Vec<_> = ids[RECORDS - 50..].to_vec();
    let serving = Serving::start(&data)?;
    let link = Link::to(serving.address, Shape::default()).await?;
    let device = newcomer(&serving, &directory.join("own.db"), &link.url(), "陈阿姨").await?;
    link.reshape(Shape::basement(1));
    let began = Instant::now();
    device.start()?;
    let useful = device.until(move |client| {
        let whole = |record| client.read(record).is_ok_and(|view| !view.entries("notes").is_empty());
        Ok(latest.iter().copied().all(whole))
    });
    let reached = tokio::time::timeout(PATIENCE, useful).await.is_ok();
    let took = began.elapsed();
    let there = device.list(&Filter::default())?.len();
    let down = link.connections().into_values().next_back().map_or(0, |counts| counts.down.bytes);
    device.stop().await;
    let figure = if reached { ms(took) } else { format!("not within {}", ms(PATIENCE)) };
    let note = format!("{there} records were there by then, {} down", bytes(down));
    Ok(vec![Finding::judged("Renolog", figure, "≤ 5 s", reached && took <= Duration::from_secs(5)).noting(note)])
}
