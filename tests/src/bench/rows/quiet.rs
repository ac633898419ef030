//! A device connects, and there is nothing new.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use renolog_client_core::client::Bytes;

use super::reconnect::{between, causes};
use super::{founded, newcomer};
use crate::bench::finding::Finding;
use crate::bench::serving::Serving;
use crate::bench::spread::bytes;
use crate::link::{Link, Shape};

pub(in crate::bench) const TITLE: &str = "Nothing new: 10,000 records";
pub(in crate::bench) const ABOUT: &str = "\
A device that has everything connects again. Frames are what our protocol says; the rest of the wire is the websocket's upgrade \
and framing. Counted until six seconds afterwards.";

const RECORDS: usize = 10_000;

pub(in crate::bench) async fn run(directory: &Path) -> Result<Vec<Finding>> {
    let data = directory.join("data");
    founded(&data, 12, RECORDS, 1).await?;
    let serving = Serving::start(&data)?;
    let link = Link::to(serving.address, Shape::default()).await?;
    let device = newcomer(&serving, &directory.join("own.db"), &link.url(), "陈阿姨").await?;
    device.start()?;
    device.settled().await?;
    // It tells how far it has come a little later; that is said once, and not again.
    tokio::time::sleep(Duration::from_secs(6)).await;
    device.stop().await;

    let before = device.status()?.usage;
    device.start()?;
    device.settled().await?;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let usage = between(&before, &device.status()?.usage);
    let Bytes { up, down } = usage.in_frames();
    let wire = link.connections().into_iter().next_back().context("there was a connection")?.1;
    device.stop().await;
    Ok(vec![
        Finding::judged("Renolog, frames up", bytes(up), "≤ 64 B", up <= 64),
        Finding::judged("Renolog, frames down", bytes(down), "≤ 64 B", down <= 64),
        Finding::beside("Renolog, the whole wire", format!("{} up, {} down", bytes(wire.up.bytes), bytes(wire.down.bytes))),
        Finding::beside("Renolog, what the bytes are for, up / down", causes(&usage)),
    ])
}
