//! A new device fetches a log.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use automerge::Automerge;
use renolog_server::data_dir;
use renolog_server::store::{ALL, ChangeRow, Read};
use serde_json::{Value, json};

use super::{founded, newcomer};
use crate::bench::edits::Hand;
use crate::bench::finding::Finding;
use crate::bench::peer::{Peer, System, installed};
use crate::bench::serving::Serving;
use crate::bench::spread::{bytes, ms, times};
use crate::link::{Link, Shape};

pub(in crate::bench) const TITLE: &str = "First sync: 300 and 10,000 records × 10 changes";
pub(in crate::bench) const ABOUT: &str = "\
A device that has nothing connects and has everything, on its disk. Bytes are all TCP payload down to it. Beside them: all records, \
each as Automerge saves it without compressing it, put together under zstd at level 19.";

pub(in crate::bench) async fn run(directory: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut small = 0;
    for (records, edits) in [(300, 10), (10_000, 10)] {
        let changes = (records * edits) as f64;
        let (down, took, saves) = ours(&directory.join(records.to_string()), records, edits).await?;
        if small == 0 {
            small = down;
        }
        let of = format!("Renolog, {records} × {edits}");
        let each = down as f64 / changes;
        let least = saves as f64 / changes;
        findings.extend([
            Finding::judged(format!("{of}, bytes a change"), format!("{each:.1} B"), "≤ 14 B", each <= 14.0).noting(format!(
                "{} down in {}",
                bytes(down),
                ms(took)
            )),
            Finding::judged(format!("{of}, beside zstd-19 of all saves"), times(each, least), "≤ 1.2×", each <= 1.2 * least)
                .noting(format!("all saves together: {}, {least:.1} B a change", bytes(saves))),
        ]);
    }
    if installed().is_none() {
        findings.push(Finding::missing("The peers", "they are not installed"));
        return Ok(findings);
    }
    for system in System::ALL {
        findings.push(match peer(system, &directory.join(format!("{system:?}"))).await {
            Ok((down, took)) => {
                let figure = format!("{:.1} B, {} of ours", down as f64 / 3_000.0, times(down as f64, small as f64));
                let what = format!("{}, 300 × 10, bytes a change", system.name());
                Finding::beside(what, figure).noting(format!("{} down in {}", bytes(down), ms(took)))
            }
            Err(error) => Finding::missing(system.name(), format!("{error:#}")),
        });
    }
    Ok(findings)
}

async fn ours(directory: &Path, records: usize, edits: usize) -> Result<(u64, Duration, u64)> {
    let data = directory.join("data");
    std::fs::create_dir_all(directory)?;
    founded(&data, 12, records, edits).await?;
    let saves = saves_together(&data)?;
    let serving = Serving::start(&data)?;
    let link = Link::to(serving.address, Shape::default()).await?;
    let device = newcomer(&serving, &directory.join("own.db"), &link.url(), "陈阿姨").await?;
    let before = link.totals().down.bytes;
    let began = Instant::now();
    device.start()?;
    device.settled().await?;
    let took = began.elapsed();
    device.stop().await;
    Ok((link.totals().down.bytes - before, took, saves))
}

/// All records as Automerge saves them, under zstd at level 19 together.
fn saves_together(data: &Path) -> Result<u64> {
    let rows: Vec<ChangeRow> = data_dir::reader(data)?.list(&[], None, ALL)?;
    let mut records: std::collections::BTreeMap<_, Vec<(_, Vec<u8>)>> = std::collections::BTreeMap::new();
    for row in rows {
        records.entry(row.record).or_default().push((row.seq, row.bytes));
    }
    let mut saves = Vec::new();
    for changes in records.values_mut() {
        changes.sort();
        let parsed: Result<Vec<_>, _> = changes.iter().map(|(_, bytes)| automerge::Change::from_bytes(bytes.clone())).collect();
        let mut document = Automerge::new();
        document.apply_changes(parsed?)?;
        saves.extend(document.save_nocompress());
    }
    Ok(zstd::encode_all(saves.as_slice(), 19)?.len() as u64)
}

async fn peer(system: System, directory: &Path) -> Result<(u64, Duration)> {
    const WITHIN: Duration = Duration::from_secs(120);
    let mut hand = Hand::new(5);
    let log = (0..300).flat_map(|n| hand.record(10).into_iter().map(move |said| said.to_json(n)).collect::<Vec<Value>>());
    let log: Vec<Value> = log.collect();
    let file = json!(directory.join("ids"));
    let (mut server, address) = Peer::serve(system, &directory.join("server")).await?;
    let link = Link::to(address, Shape::default()).await?;
    let mut other = Peer::device(system, &directory.join("other"))?;
    other.ask(&json!({"do": "write", "edits": log})).await?;
    other.ask(&json!({"do": "ids", "file": file})).await?;
    other.ask(&json!({"do": "connect", "url": format!("http://{address}")})).await?;
    let whole = other.progress().await?;
    server.until(whole, WITHIN).await?;

    let mut device = Peer::device(system, &directory.join("own"))?;
    let (first, second) = if system == System::Hocuspocus { ("open", "connect") } else { ("connect", "open") };
    let began = Instant::now();
    for order in [first, second] {
        device.ask(&json!({"do": order, "file": file, "url": link.url()})).await?;
    }
    device.until(whole, WITHIN).await?;
    let took = began.elapsed();
    let down = link.connections().into_values().next_back().context("there was a connection")?.down.bytes;
    Ok((down, took))
}
