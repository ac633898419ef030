//! Somebody comes back from a basement: they wrote a little, the others wrote more.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use renolog_client_core::Device;
use renolog_client_core::client::{Bytes, Usage};
use renolog_protocol::id::RecordId;
use serde_json::{Value, json};

use super::{founded, newcomer};
use crate::bench::edits::{Hand, Said};
use crate::bench::finding::Finding;
use crate::bench::peer::{Peer, System, installed};
use crate::bench::serving::Serving;
use crate::bench::spread::{bytes, ms, times};
use crate::link::{Counts, LaneShape, Link, Shape};

pub(in crate::bench) const TITLE: &str = "Reconnect: 300 records × 10 changes, 20 own and 100 foreign edits";
pub(in crate::bench) const ABOUT: &str = "\
A device that has everything goes offline; it makes 20 remarks, another device makes 100, on as many records. Then it connects \
over a link with a round trip of 400 ms. Bytes are all TCP payload of that connection, the websocket's upgrade included, \
counted at the link until six seconds after both ends have everything. Round trips are the longest chain of answers until then, \
the upgrade's own left out; time is from connecting until both have everything, the handshake included.";

const RECORDS: usize = 300;
const CHANGES: usize = 10;
const OWN: usize = 20;
const FOREIGN: usize = 100;
/// How long stragglers are waited for: acknowledgements, sync states, how far a device has stored.
const AFTERWARDS: Duration = Duration::from_secs(6);

struct Reconnect {
    counts: Counts,
    trips: u64,
    took: Duration,
    /// What our bytes were for.
    usage: Usage,
}

pub(in crate::bench) async fn run(directory: &Path) -> Result<Vec<Finding>> {
    let ours = ours(&directory.join("ours"), RECORDS, CHANGES).await?;
    eprintln!("{} up, {} down: {}", bytes(ours.counts.up.bytes), bytes(ours.counts.down.bytes), causes(&ours.usage));
    let many = self::ours(&directory.join("many"), 100 * RECORDS, CHANGES).await?;
    let (up, down) = (ours.counts.up.bytes, ours.counts.down.bytes);
    let mut findings = vec![
        Finding::judged("Renolog, bytes up", bytes(up), "≤ 1.4 kB", up <= 1_400),
        Finding::judged("Renolog, bytes down", bytes(down), "≤ 6 kB", down <= 6_000),
        Finding::judged("Renolog, round trips after the upgrade", ours.trips.to_string(), "1", ours.trips == 1),
        Finding::beside("Renolog, until both have everything", ms(ours.took)),
        Finding::beside("Renolog, what the bytes are for, up / down", causes(&ours.usage)),
        like_with_many_records(&ours.counts, &many.counts),
    ];
    if installed().is_none() {
        findings.push(Finding::missing("The peers", "they are not installed"));
        return Ok(findings);
    }
    for system in System::ALL {
        match peer(system, &directory.join(format!("{system:?}"))).await {
            Ok(theirs) => findings.extend(beside(system, &ours, &theirs)),
            Err(error) => findings.push(Finding::missing(system.name(), format!("{error:#}"))),
        }
    }
    Ok(findings)
}

/// By cause, in bytes; what is no frame is the upgrade and the websocket's framing.
pub(super) fn causes(usage: &Usage) -> String {
    let of = |name: &str, bytes: Bytes| format!("{name} {} / {}", bytes.up, bytes.down);
    let causes = [
        of("greeting", usage.greeting),
        of("own work", usage.own_work),
        of("others' work", usage.others_work),
        of("signs of life", usage.signs_of_life),
        of("upgrade and framing", usage.overhead),
    ];
    causes.join(", ")
}

/// What came to one reading of a device's counters after another.
pub(super) fn between(before: &Usage, after: &Usage) -> Usage {
    let less = |of: fn(&Usage) -> Bytes| {
        let (before, after) = (of(before), of(after));
        Bytes { up: after.up - before.up, down: after.down - before.down }
    };
    Usage {
        greeting: less(|usage| usage.greeting),
        own_work: less(|usage| usage.own_work),
        others_work: less(|usage| usage.others_work),
        snapshots: less(|usage| usage.snapshots),
        signs_of_life: less(|usage| usage.signs_of_life),
        overhead: less(|usage| usage.overhead),
    }
}

fn like_with_many_records(few: &Counts, many: &Counts) -> Finding {
    let sum = |counts: &Counts| (counts.up.bytes + counts.down.bytes) as f64;
    let ratio = sum(many) / sum(few);
    let figure = format!("{} up, {} down", bytes(many.up.bytes), bytes(many.down.bytes));
    Finding::judged("Renolog, the same in a log of 30,000 records", figure, "± 10 %", (0.9..=1.1).contains(&ratio))
}

fn beside(system: System, ours: &Reconnect, theirs: &Reconnect) -> Vec<Finding> {
    let sum = |counts: &Counts| (counts.up.bytes + counts.down.bytes) as f64;
    let ratio = sum(&theirs.counts) / sum(&ours.counts);
    let figure = format!("{} up, {} down", bytes(theirs.counts.up.bytes), bytes(theirs.counts.down.bytes));
    let in_all = format!("{}, bytes of ours", system.name());
    let judged = match system {
        System::Automerge => Finding::judged(in_all, times(ratio, 1.0), "≥ 15×", ratio >= 15.0),
        _ => Finding::beside(in_all, times(ratio, 1.0)),
    };
    let trips = format!("{} round trips, {}", theirs.trips, ms(theirs.took));
    vec![
        Finding::beside(system.name(), figure),
        judged,
        Finding::beside(format!("{}, until both have everything", system.name()), trips),
    ]
}

fn far() -> Shape {
    Shape::even(LaneShape { delay: Duration::from_millis(200), ..LaneShape::default() })
}

/// Which records are remarked on.
fn remarks(count: usize, seed: u64, records: usize) -> Vec<(usize, Said)> {
    let mut hand = Hand::new(seed);
    (0..count).map(|n| ((n * 7 + seed as usize) % records, hand.remark())).collect()
}

async fn ours(directory: &Path, records: usize, edits: usize) -> Result<Reconnect> {
    let data = directory.join("data");
    std::fs::create_dir_all(directory)?;
    let (_, ids) = founded(&data, 12, records, edits).await?;
    let serving = Serving::start(&data)?;
    let link = Link::to(serving.address, Shape::default()).await?;
    let device = newcomer(&serving, &directory.join("own.db"), &link.url(), "陈阿姨").await?;
    let other = newcomer(&serving, &directory.join("other.db"), &serving.url(), "王经理").await?;
    for device in [&device, &other] {
        device.start()?;
        device.settled().await?;
    }
    device.stop().await;
    // One push each, as somebody writes who has signal: the dearest way for us, and the same in every run.
    for remark in remarks(FOREIGN, 1, records) {
        note(&other, &ids, &[remark])?;
        other.settled().await?;
    }
    note(&device, &ids, &remarks(OWN, 2, records))?;

    link.reshape(far());
    let (began, before) = (Instant::now(), device.status()?.usage);
    device.start()?;
    device.settled().await?;
    let took = began.elapsed();
    let trips = last(&link)?.round_trips - 1;
    tokio::time::sleep(AFTERWARDS).await;
    let (counts, usage) = (last(&link)?, between(&before, &device.status()?.usage));
    device.stop().await;
    other.stop().await;
    Ok(Reconnect { counts, trips, took, usage })
}

fn note(device: &Device, ids: &[RecordId], remarks: &[(usize, Said)]) -> Result<()> {
    for (record, said) in remarks {
        if let Said::Noted(text) = said {
            device.note(ids[*record], text)?;
        }
    }
    Ok(())
}

/// The latest connection.
fn last(link: &Link) -> Result<Counts> {
    link.connections().into_iter().next_back().map(|(_, counts)| counts).context("there was a connection")
}

async fn peer(system: System, directory: &Path) -> Result<Reconnect> {
    let mut hand = Hand::new(5);
    let log: Vec<Vec<Said>> = (0..RECORDS).map(|_| hand.record(CHANGES)).collect();
    let edits = |edits: &[(usize, Said)]| edits.iter().map(|(record, said)| said.to_json(*record)).collect::<Vec<Value>>();
    let log: Vec<(usize, Said)> =
        log.into_iter().enumerate().flat_map(|(n, said)| said.into_iter().map(move |said| (n, said))).collect();
    let file = json!(directory.join("ids"));
    const WITHIN: Duration = Duration::from_secs(120);

    let (mut server, address) = Peer::serve(system, &directory.join("server")).await?;
    let (wire, link) = (format!("http://{address}"), Link::to(address, far()).await?);
    let mut other = Peer::device(system, &directory.join("other"))?;
    other.ask(&json!({"do": "write", "edits": edits(&log)})).await?;
    other.ask(&json!({"do": "ids", "file": file})).await?;
    other.ask(&json!({"do": "connect", "url": wire})).await?;
    let whole = other.progress().await?;
    server.until(whole, WITHIN).await?;

    let mut device = Peer::device(system, &directory.join("own"))?;
    if system == System::Hocuspocus {
        // Its provider says of each document that it has by then that it is there.
        device.ask(&json!({"do": "open", "file": file})).await?;
        device.ask(&json!({"do": "connect", "url": wire})).await?;
    } else {
        device.ask(&json!({"do": "connect", "url": wire})).await?;
        device.ask(&json!({"do": "open", "file": file})).await?;
    }
    device.until(whole, WITHIN).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    if system == System::Hocuspocus {
        // It keeps nothing on a device outside of a browser, so the device stays as it is.
        device.ask(&json!({"do": "disconnect"})).await?;
    } else {
        device.finish().await?;
        device = Peer::device(system, &directory.join("own"))?;
        device.ask(&json!({"do": "open", "file": file})).await?;
    }

    other.ask(&json!({"do": "write", "edits": edits(&remarks(FOREIGN, 1, RECORDS))})).await?;
    let with_foreign = other.progress().await?;
    server.until(with_foreign, WITHIN).await?;
    device.ask(&json!({"do": "write", "edits": edits(&remarks(OWN, 2, RECORDS))})).await?;
    let everything = with_foreign + device.progress().await? - whole;

    let began = Instant::now();
    device.ask(&json!({"do": "connect", "url": link.url()})).await?;
    device.until(everything, WITHIN).await?;
    server.until(everything, WITHIN).await?;
    let took = began.elapsed();
    let trips = last(&link)?.round_trips.saturating_sub(1);
    tokio::time::sleep(AFTERWARDS).await;
    let counts = last(&link)?;
    Ok(Reconnect { counts, trips, took, usage: Usage::default() })
}
