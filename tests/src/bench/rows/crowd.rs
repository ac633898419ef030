//! A whole district's phones are handed out on one day.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use super::founded;
use crate::bench::crowd::{Caller, Known};
use crate::bench::finding::Finding;
use crate::bench::serving::Serving;
use crate::bench::spread::{bytes, ms};
use crate::bench::street::Member;

pub(in crate::bench) const TITLE: &str = "100 and 1,000 first syncs at once of 10,000 records";
pub(in crate::bench) const ABOUT: &str = "\
Devices that have nothing connect at the same moment and fetch a log of 10,000 records × 5 changes, from a server that was started just \
before. They count what comes and keep nothing, so that the server is measured and not a thousand devices on two cores; one more \
device unfolds everything and counts the entries. From one machine and one address, so the limit on its connections is raised.";

const DEVICES: usize = 1_000;
const RECORDS: usize = 10_000;
const EDITS: usize = 5;

pub(in crate::bench) async fn run(directory: &Path) -> Result<Vec<Finding>> {
    let data = directory.join("data");
    let (members, _) = founded(&data, DEVICES, RECORDS, EDITS).await?;
    let mut findings = Vec::new();
    for (devices, within) in [(100, Duration::from_secs(10)), (DEVICES, Duration::from_secs(90))] {
        let serving = Serving::start(&data)?;
        let began = Instant::now();
        let mut fetching = JoinSet::new();
        for member in members[..devices].iter().cloned() {
            fetching.spawn(fetch(serving.address, member, false));
        }
        while let Some(fetched) = fetching.join_next().await {
            let entries = fetched??;
            anyhow::ensure!(entries == RECORDS * EDITS, "a device has {entries} changes only");
        }
        let took = began.elapsed();
        let note = format!("server: {} of memory, {} of processor time", bytes(serving.memory()?), ms(serving.time()?));
        let entries = fetch(serving.address, members[0].clone(), true).await?;
        anyhow::ensure!(entries == RECORDS * EDITS, "a device that looked has {entries} changes only");
        let what = format!("Renolog, {devices} at once, until the last has everything");
        findings.push(Finding::judged(what, ms(took), format!("≤ {} s", within.as_secs()), took <= within).noting(note));
    }
    Ok(findings)
}

async fn fetch(address: SocketAddr, member: Member, look: bool) -> Result<usize> {
    let mut caller = Caller::greet(address, &member, Known::default()).await?;
    if look { caller.unfold(member.community).await } else { caller.catch_up(member.community).await }
}
