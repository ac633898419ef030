//! What the figures were measured on, and what a process takes of it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

/// One line on the machine.
pub fn description() -> String {
    let cpu = first_value("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".into());
    let memory = first_value("/proc/meminfo", "MemTotal").and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let system = first_value("/etc/os-release", "PRETTY_NAME").unwrap_or_default();
    let gigabytes = memory.map_or(0, |kib| kib.div_ceil(1 << 20));
    format!("{cores} cores of {cpu}, {gigabytes} GB, {}", system.trim_matches('"'))
}

/// What a program says of its version.
pub fn version(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output();
    output.map_or_else(|_| "not here".into(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn first_value(path: &str, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let lines = text.lines().filter_map(|line| line.split_once([':', '=']));
    lines.into_iter().find(|(found, _)| found.trim() == key).map(|(_, value)| value.trim().to_owned())
}

/// Bytes of memory that a process holds now.
///
/// # Errors
/// If it is gone, or the system does not say.
pub fn memory_of(process: u32) -> Result<u64> {
    status_bytes(process, "VmRSS")
}

/// The most bytes of memory that a process has held.
///
/// # Errors
/// If it is gone, or the system does not say.
pub fn highest_memory_of(process: u32) -> Result<u64> {
    status_bytes(process, "VmHWM")
}

fn status_bytes(process: u32, key: &str) -> Result<u64> {
    let value = first_value(&format!("/proc/{process}/status"), key).context("the system does not say")?;
    let kib: u64 = value.split(' ').next().unwrap_or_default().parse()?;
    Ok(kib << 10)
}

/// Processor time that a process has taken.
///
/// # Errors
/// If it is gone, or the system does not say.
pub fn time_of(process: u32) -> Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = text.rsplit_once(')').context("no such line")?;
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap_or(0)).sum();
    // USER_HZ has been 100 on every Linux that this runs on.
    Ok(Duration::from_millis(ticks * 10))
}

/// One transaction of one row, flushed: what nothing durable can be quicker than. The median of many, in the directory that
/// the servers write to.
///
/// # Errors
/// If the disk fails.
pub fn flushed_transaction(directory: &Path) -> Result<Duration> {
    let database = rusqlite::Connection::open(directory.join("flush.sqlite3"))?;
    database.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY, b BLOB)",
    )?;
    let mut taken = Vec::new();
    for _ in 0..500 {
        let began = std::time::Instant::now();
        database.execute("INSERT INTO t (b) VALUES (?1)", [[7u8; 200].as_slice()])?;
        taken.push(began.elapsed());
    }
    Ok(super::spread::Spread::of(taken).median())
}
