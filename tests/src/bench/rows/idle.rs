//! Ten thousand devices that are connected and say nothing; then the server is started again.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::bench::crowd::{Caller, Known};
use crate::bench::finding::Finding;
use crate::bench::relay::Relay;
use crate::bench::serving::Serving;
use crate::bench::spread::{Spread, bytes, ms};
use crate::bench::street::{Member, Street};

pub(in crate::bench) const TITLE: &str = "10,000 idle connections, and their return after a restart";
pub(in crate::bench) const ABOUT: &str = "\
10,000 devices of 225 communities connect, are welcomed, told who is who, and stay. Then the server is killed, started again at the \
same address, and all of them connect at the same moment, with what they know, and stay, as they do on most days; a device whose \
connection is refused tries again a second later. Memory is what the server's process holds beyond what it held before the first \
came. From one machine and one address, so both \
limits on connections are raised. Beside it a bare relay of websockets that knows nothing of anybody.";

const DEVICES: usize = 10_000;
const COMMUNITIES: usize = 225;

pub(in crate::bench) async fn run(directory: &Path) -> Result<Vec<Finding>> {
    let data = directory.join("data");
    let bare = bare().await?;
    let mut street = Street::found(&data, 7)?;
    let mut members = Vec::new();
    for number in 0..COMMUNITIES {
        let community = street.community(&format!("community-{number}")).await?;
        let some = street.captains(community, DEVICES.div_ceil(COMMUNITIES)).await?;
        street.write(&some[..2], 2, 2).await?;
        members.extend(some);
    }
    members.truncate(DEVICES);
    street.close().await?;
    let serving = Serving::start(&data)?;
    let before = serving.memory()?;
    let (callers, _) = gather(&serving, members.into_iter().map(|member| (member, Known::default())).collect()).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let each = serving.memory()?.saturating_sub(before) / callers.len() as u64;
    let (count, address) = (callers.len(), serving.address);
    let known: Vec<(Member, Known)> = callers.into_iter().map(|(member, caller)| (member, known(&caller))).collect();
    drop(serving);

    let serving = Serving::start_at(&data, address)?;
    let before = serving.memory()?;
    let began = Instant::now();
    let (callers, waits) = gather(&serving, known).await?;
    let took = began.elapsed();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let back = serving.memory()?.saturating_sub(before) / callers.len() as u64;
    Ok(vec![
        Finding::judged(
            format!("Renolog, memory of each of {count} that know who is who"),
            bytes(back),
            "≤ 12 kB",
            back <= 12_000,
        ),
        Finding::beside("Renolog, memory of each that has just been told", bytes(each))
            .noting("the websocket library keeps room for the longest message that a connection was sent"),
        Finding::beside("The bare relay, memory of each of as many", bytes(bare)),
        Finding::judged(
            format!("Renolog, until all {} are back", callers.len()),
            ms(took),
            "≤ 30 s",
            took <= Duration::from_secs(30),
        )
        .noting(format!("p50 {}, p99 {}", ms(waits.median()), ms(waits.percentile(99)))),
    ])
}

/// What a connection takes where nothing is known of its device.
async fn bare() -> Result<u64> {
    let relay = Relay::start()?;
    let before = relay.memory()?;
    let mut lines = Vec::new();
    for _ in 0..DEVICES {
        lines.push(relay.connect().await?);
    }
    Ok(relay.memory()?.saturating_sub(before) / DEVICES as u64)
}

fn known(caller: &Caller) -> Known {
    let head = caller.welcome.feeds.iter().find_map(|grant| grant.head);
    Known { position: head.map(|head| (caller.welcome.epoch, head)), roster: caller.roster, only_writes: false }
}

/// Everyone at once.
async fn gather(serving: &Serving, who: Vec<(Member, Known)>) -> Result<(Vec<(Member, Caller)>, Spread)> {
    let (address, began) = (serving.address, Instant::now());
    // What this process can do at once, not the server: connections being opened need room in the kernel's queue.
    let opening = Arc::new(tokio::sync::Semaphore::new(2_000));
    let mut under_way = JoinSet::new();
    for (member, known) in who {
        let opening = opening.clone();
        under_way.spawn(async move {
            let _turn = opening.acquire().await.context("it is never closed")?;
            let mut last = None;
            for _ in 0..30 {
                match Caller::greet(address, &member, known).await {
                    Ok(caller) => return Ok((member, caller, began.elapsed())),
                    Err(error) => last = Some(error),
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(last.context("it was tried")?)
        });
    }
    let (mut callers, mut waits) = (Vec::new(), Vec::new());
    while let Some(done) = under_way.join_next().await {
        let (member, caller, took) = done??;
        callers.push((member, caller));
        waits.push(took);
    }
    Ok((callers, Spread::of(waits)))
}
