//! A whole district's phones are handed out on one day.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use super::founded;
use crate::bench::crowd::{Caller, Known};
use crate::bench::finding::Finding;
use crate::bench::serving::Serving;
use crate::bench::spread::{bytes, ms};

pub(in crate::bench) const TITLE: &str = "100 first syncs at once of 10,000 records";
pub(in crate::bench) const ABOUT: &str = "\
100 devices that have nothing connect at the same moment and fetch a log of 10,000 records × 5 changes. They count what comes and \
keep nothing, so that the server is measured and not a hundred devices on two cores.";

const DEVICES: usize = 100;
const RECORDS: usize = 10_000;
const EDITS: usize = 5;

pub(in crate::bench) async fn run(directory: &Path) -> Result<Vec<Finding>> {
    let data = directory.join("data");
    let (members, _) = founded(&data, DEVICES, RECORDS, EDITS).await?;
    let serving = Serving::start(&data)?;
    let began = Instant::now();
    let mut fetching = JoinSet::new();
    for member in members {
        let address = serving.address;
        fetching.spawn(async move {
            let mut caller = Caller::greet(address, &member, Known::default()).await?;
            caller.catch_up(member.community).await
        });
    }
    while let Some(fetched) = fetching.join_next().await {
        let entries = fetched??;
        anyhow::ensure!(entries == RECORDS * EDITS, "a device has {entries} changes only");
    }
    let took = began.elapsed();
    Ok(vec![
        Finding::judged("Renolog, until the last has everything", ms(took), "≤ 10 s", took <= Duration::from_secs(10))
            .noting(format!("server: {} of memory, {} of processor time", bytes(serving.memory()?), ms(serving.time()?))),
        Finding::missing("1,000 at once", "not tried while 100 take this long"),
    ])
}
