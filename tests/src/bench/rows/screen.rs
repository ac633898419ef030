//! A new phone in a basement: how long until there is something to work with.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use renolog_client_core::store::Filter;

use serde_json::{Value, json};

use super::{founded, newcomer};
use crate::bench::edits::Hand;
use crate::bench::finding::Finding;
use crate::bench::peer::{Peer, System};
use crate::bench::serving::Serving;
use crate::bench::spread::{bytes, ms};
use crate::link::{Link, Shape};

pub(in crate::bench) const TITLE: &str = "First useful screen at 64 kbit/s, 800 ms round trip, 1 % stalls";
pub(in crate::bench) const ABOUT: &str = "\
A device that has nothing connects to a community of 5,000 records and 50,000 changes over a basement's link. Useful is the latest \
fifty open records, whole. All records of this log are open. automerge-repo has no way to say which documents come first, so its device \
is told the fifty and asks for these alone, and its server holds no others; ours is told nothing.";

const RECORDS: usize = 5_000;
const EDITS: usize = 10;
/// What fits on a screen, and a little below it.
const SHOWN: usize = 50;
/// Longer than anybody looks at an empty screen.
const PATIENCE: Duration = Duration::from_secs(60);

pub(in crate::bench) async fn run(directory: &Path) -> Result<Vec<Finding>> {
    let data = directory.join("data");
    let (_, ids) = founded(&data, 12, RECORDS, EDITS).await?;
    let latest: Vec<_> = ids[RECORDS - SHOWN..].to_vec();
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
    let mut findings = vec![Finding::judged("Renolog", figure, "≤ 5 s", reached && took <= Duration::from_secs(5)).noting(note)];
    findings.push(match beside(&directory.join("automerge")).await {
        Ok((Some(took), down)) => {
            Finding::beside("automerge-repo, fifty documents", ms(took)).noting(format!("{} down", bytes(down)))
        }
        Ok((None, down)) => {
            let figure = format!("not within {}", ms(PATIENCE));
            Finding::beside("automerge-repo, fifty documents", figure).noting(format!("{} down", bytes(down)))
        }
        Err(error) => Finding::missing("automerge-repo, fifty documents", format!("{error:#}")),
    });
    Ok(findings)
}

/// How long automerge-repo takes for fifty documents, if that is not too long, and what came down by then.
async fn beside(directory: &Path) -> Result<(Option<Duration>, u64)> {
    let mut hand = Hand::new(5);
    let log = (0..SHOWN).flat_map(|n| hand.record(EDITS).into_iter().map(move |said| said.to_json(n))).collect::<Vec<Value>>();
    let fifty = directory.join("fifty");
    let (mut server, address) = Peer::serve(System::Automerge, &directory.join("server")).await?;
    let mut other = Peer::device(System::Automerge, &directory.join("other"))?;
    other.ask(&json!({"do": "write", "edits": log})).await?;
    other.ask(&json!({"do": "ids", "file": fifty})).await?;
    other.ask(&json!({"do": "connect", "url": format!("http://{address}")})).await?;
    let whole = other.progress().await?;
    server.until(whole, Duration::from_secs(300)).await?;

    let link = Link::to(address, Shape::basement(1)).await?;
    let mut device = Peer::device(System::Automerge, &directory.join("own"))?;
    let began = Instant::now();
    device.ask(&json!({"do": "connect", "url": link.url()})).await?;
    let opened = tokio::time::timeout(PATIENCE, async {
        device.ask(&json!({"do": "open", "file": fifty})).await?;
        device.until((SHOWN * EDITS) as u64, PATIENCE).await
    });
    let took = match opened.await {
        Ok(opened) => opened.map(|()| Some(began.elapsed()))?,
        Err(_) => None,
    };
    Ok((took, link.connections().into_values().next_back().map_or(0, |counts| counts.down.bytes)))
}
