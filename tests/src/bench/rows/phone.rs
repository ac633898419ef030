//! A phone that holds a very long log.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use renolog_client_core::Device;
use renolog_client_core::store::Filter;
use renolog_protocol::schema::KindName;
use serde_json::{Value, json};

use super::{founded, newcomer};
use crate::bench::finding::Finding;
use crate::bench::machine;
use crate::bench::serving::Serving;
use crate::bench::spread::{Spread, bytes, ms, times};

pub(in crate::bench) const TITLE: &str = "A device with 100,000 records";
pub(in crate::bench) const ABOUT: &str = "\
A real device has fetched 100,000 records; a fresh process opens its file, lists the first 50 rectifications, opens a record and \
writes in it, offline. Memory is all of that process.";

const RECORDS: usize = 100_000;

pub(in crate::bench) async fn run(directory: &Path) -> Result<Vec<Finding>> {
    let data = directory.join("data");
    founded(&data, 12, RECORDS, 1).await?;
    let serving = Serving::start(&data)?;
    let path = directory.join("own.db");
    let device = newcomer(&serving, &path, &serving.url(), "陈阿姨").await?;
    let began = Instant::now();
    device.start()?;
    device.settled().await?;
    let fetched = began.elapsed();
    device.stop().await;
    drop((device, serving));
    let flush = machine::flushed_transaction(directory)?;

    let output = tokio::process::Command::new(std::env::current_exe()?).arg("--phone").arg(&path).output().await?;
    let seen: Value = serde_json::from_slice(&output.stdout).context("the phone's process says what it saw")?;
    let span = |key: &str| std::time::Duration::from_nanos(seen[key].as_u64().unwrap_or_default());
    let memory = seen["memory"].as_u64().context("memory")?;
    let (open, list, edit) = (span("open"), span("list"), span("edit"));
    let bound = flush.mul_f64(1.2) + std::time::Duration::from_millis(1);
    let within = |limit: u64, taken: std::time::Duration| taken <= std::time::Duration::from_millis(limit);
    Ok(vec![
        Finding::judged("Renolog, open", ms(open), "≤ 50 ms", within(50, open)),
        Finding::judged("Renolog, list the first 50 of a kind, p50", ms(list), "≤ 5 ms", within(5, list)),
        Finding::judged("Renolog, durable edit, p50", ms(edit), format!("≤ {}", ms(bound)), edit <= bound).noting(format!(
            "one flushed transaction takes {}; this is {} of it",
            ms(flush),
            times(edit.as_secs_f64(), flush.as_secs_f64())
        )),
        Finding::judged("Renolog, memory", bytes(memory), "≤ 64 MB", memory <= 64_000_000),
        Finding::beside("Renolog, fetching the 100,000 records before", ms(fetched)),
    ])
}

/// What the process of the phone does: opens a device's file, looks, writes, and says how long each took, in nanoseconds.
///
/// # Errors
/// If the file is no device's.
pub fn look(path: &Path) -> Result<Value> {
    let began = Instant::now();
    let device = Device::open(path)?;
    let open = began.elapsed();
    let filter = Filter { kind: Some(KindName::parse("rectification")?), limit: 50, ..Filter::default() };
    let (mut lists, mut edits) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        let began = Instant::now();
        let listed = device.list(&filter)?;
        lists.push(began.elapsed());
        anyhow::ensure!(listed.len() == 50, "fifty are there");
    }
    for record in device.list(&filter)?.iter().cycle().take(200) {
        let began = Instant::now();
        device.note(record.id, "六楼也看过了，没有问题")?;
        edits.push(began.elapsed());
    }
    let (list, edit) = (Spread::of(lists).median(), Spread::of(edits).median());
    let memory = machine::memory_of(std::process::id())?;
    Ok(json!({"open": open.as_nanos() as u64, "list": list.as_nanos() as u64, "edit": edit.as_nanos() as u64, "memory": memory}))
}
