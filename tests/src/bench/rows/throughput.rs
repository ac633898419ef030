//! How many edits a server takes.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use renolog_protocol::batch::{Batch, RawBatch};
use renolog_protocol::id::RecordId;
use renolog_protocol::record::Record;
use renolog_protocol::schema::Schema;
use renolog_protocol::wire::{Frame, Push, Ruling};
use renolog_server::app;
use renolog_server::clock::SystemClock;
use renolog_server::data_dir::DataDir;
use serde_json::{Value, json};

use super::{copied, taken_in};
use crate::bench::crowd::{Caller, Known};
use crate::bench::edits::Hand;
use crate::bench::finding::Finding;
use crate::bench::peer::{Peer, System, installed};
use crate::bench::serving::Serving;
use crate::bench::spread::{ms, times};
use crate::bench::street::{Member, PUSH_EDITS, Street, now};

pub(in crate::bench) const TITLE: &str = "Edits a second: 64 devices, 10 edits a push";
pub(in crate::bench) const ABOUT: &str = "\
64 devices, each with records of its own made before; in each push ten remarks on one of them, by turns, the next push when the \
last is acknowledged. A device of ours, as one of automerge-repo, has ten records; one of Hocuspocus or samod has one, which is \
quicker there. Ours are checked against signature and rules, projected, and flushed to disk before the answer; the devices only \
send what they signed before, and follow nothing; in the second figure each of them is told of every edit of the others. \
automerge-repo and Hocuspocus check and flush nothing: an edit counts when the server has it in \
memory. Their 64 devices share one process, each with a connection of its own. Beside them the bare work in one \
thread of this machine: to take bytes apart, verify the signature, apply each change to its document and insert it in one \
table, 64 pushes a flush.";

const DEVICES: usize = 64;
/// A server shows what it can do for longer than it takes to warm up.
const PUSHES: usize = 60;
/// Records of a device, written in by turns.
const RECORDS: usize = 10;
/// Nobody is measured for longer.
const PATIENCE: Duration = Duration::from_secs(90);

pub(in crate::bench) async fn run(directory: &Path) -> Result<Vec<Finding>> {
    let log = log(&directory.join("data")).await?;
    let (copy, told) = (directory.join("copy"), directory.join("told"));
    for copy in [&copy, &told] {
        copied(&directory.join("data"), copy)?;
    }
    let pushes: Vec<&RawBatch> = (0..PUSHES).flat_map(|n| log.iter().map(move |(_, pushes)| &pushes[n])).collect();
    let bare = bare(&log, &pushes, &directory.join("bare.sqlite3"))?;
    let path = write_path(&copy, &pushes)?;
    drop(pushes);
    let everyone_told = ours(&told, &log, false).await?.0;
    let (ours, server_time) = ours(&directory.join("data"), &log, true).await?;
    let edits = (DEVICES * PUSHES * PUSH_EDITS) as f64;
    let share = ours / bare;
    let mut findings = vec![
        Finding::beside("Renolog", each_second(ours))
            .noting(format!("{:.0} µs of the server's processor time an edit", server_time.as_secs_f64() * 1e6 / edits)),
        Finding::beside("Renolog, every edit told to the 63 others", each_second(everyone_told)),
        Finding::beside("The bare work in a loop", each_second(bare)),
        Finding::beside("Our whole write path in a loop, no network", each_second(path)),
        Finding::judged("Renolog, of the bare work", format!("{:.0} %", share * 100.0), "≥ 50 %", share >= 0.5),
    ];
    if installed().is_none() {
        findings.push(Finding::missing("The peers", "they are not installed"));
        return Ok(findings);
    }
    for (system, least) in [(System::Automerge, Some(15.0)), (System::Hocuspocus, Some(1.5)), (System::Samod, None)] {
        let measured = tokio::time::timeout(PATIENCE, peer(system, &directory.join(format!("{system:?}")))).await;
        match measured.unwrap_or_else(|_| Err(anyhow::anyhow!("not done within {}", ms(PATIENCE)))) {
            Ok((theirs, server, devices)) => {
                let what = system.name();
                findings.push(Finding::beside(what, each_second(theirs)).noting(format!(
                    "of the time, its server's process was busy {:.0} %, its devices' {:.0} %",
                    server * 100.0,
                    devices * 100.0
                )));
                let (what, figure) = (format!("Renolog, beside {what}"), times(ours, theirs));
                findings.push(match least {
                    Some(least) => Finding::judged(what, figure, format!("≥ {least}×"), ours >= least * theirs),
                    None => Finding::beside(what, figure),
                });
            }
            Err(error) => findings.push(Finding::missing(system.name(), format!("{error:#}"))),
        }
    }
    Ok(findings)
}

fn each_second(rate: f64) -> String {
    format!("{rate:.0} edits/s")
}

type Log = Vec<(Member, Vec<RawBatch>)>;

/// Records made beforehand, and pushes with remarks on them, signed. Each push builds on what its record came to.
async fn log(data: &Path) -> Result<Log> {
    let mut street = Street::found(data, 9)?;
    let community = street.community("log").await?;
    let members = street.captains(community, DEVICES).await?;
    let mut hand = Hand::new(3);
    let mut log = Vec::new();
    for member in members {
        let (mut records, mut first, mut pushes) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..RECORDS {
            let mut record = Record::empty(RecordId::from_parts(now(), hand.bytes()));
            first.push((record.id(), member.write(&mut record, &hand.made(), now())?));
            records.push(record);
        }
        for number in 0..PUSHES {
            let record = &mut records[number % RECORDS];
            let mut changes = Vec::new();
            for _ in 0..PUSH_EDITS {
                changes.push((record.id(), member.write(record, &hand.remark(), now())?));
            }
            pushes.push(member.sign(number as u64 + 100, now(), changes)?.to_raw());
        }
        street.push(&member, member.sign(1, now(), first)?).await?;
        log.push((member, pushes));
    }
    street.close().await?;
    Ok(log)
}

async fn ours(data: &Path, log: &Log, only_writes: bool) -> Result<(f64, Duration)> {
    let serving = Serving::start(data)?;
    let mut callers = Vec::new();
    for (member, pushes) in log {
        let mut caller = Caller::greet(serving.address, member, Known { only_writes, ..Known::default() }).await?;
        caller.catch_up(member.community).await?;
        callers.push((caller, pushes.clone()));
    }
    let before = serving.time()?;
    let began = Instant::now();
    let tasks: Vec<_> = callers
        .into_iter()
        .map(|(mut caller, pushes)| {
            tokio::spawn(async move {
                for push in pushes {
                    caller.push(push).await?;
                    let receipt = caller.receipt().await?;
                    let accepted = receipt.rulings.iter().all(|ruled| matches!(ruled.ruling, Ruling::Accepted(..)));
                    anyhow::ensure!(accepted, "an edit was not accepted");
                }
                Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let rate = (DEVICES * PUSHES * PUSH_EDITS) as f64 / began.elapsed().as_secs_f64();
    Ok((rate, serving.time()? - before))
}

/// Bytes to a change that stands in a table: nothing less than this can be durable and verified.
fn bare(log: &Log, pushes: &[&RawBatch], file: &Path) -> Result<f64> {
    let database = rusqlite::Connection::open(file)?;
    database.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE c (hash BLOB PRIMARY KEY, record BLOB, bytes BLOB) WITHOUT ROWID")?;
    let frames: Vec<Vec<u8>> = pushes.iter().map(|batch| Frame::from(Push { batch: (*batch).clone() }).encode()).collect();
    let keys: std::collections::HashMap<_, _> = log.iter().map(|(member, _)| (member.device, member.key.public())).collect();
    let mut documents: std::collections::HashMap<RecordId, automerge::Automerge> = std::collections::HashMap::new();
    let began = Instant::now();
    for group in frames.chunks(DEVICES) {
        database.execute_batch("BEGIN IMMEDIATE")?;
        for frame in group {
            let Frame::Push(push) = Frame::decode(frame)? else { anyhow::bail!("a push") };
            let batch = Batch::open(push.batch.clone(), keys.get(&push.batch.device).context("one of ours")?)?;
            let mut insert = database.prepare_cached("INSERT INTO c VALUES (?1, ?2, ?3)")?;
            for (_, record, change) in batch.changes() {
                let document = documents.entry(record).or_default();
                document.apply_changes([automerge::Change::from_bytes(change.bytes().to_vec())?])?;
                insert.execute((change.hash().as_bytes(), record.as_bytes(), change.bytes()))?;
            }
        }
        database.execute_batch("COMMIT")?;
    }
    Ok((pushes.len() * PUSH_EDITS) as f64 / began.elapsed().as_secs_f64())
}

/// The same pushes through signature, rules, projection and flush, one after the other.
fn write_path(data: &Path, pushes: &[&RawBatch]) -> Result<f64> {
    let held = DataDir::hold(data)?;
    let mut ingest = app::found(held.store(None)?, Schema::built_in(), &SystemClock)?;
    let frames: Vec<Vec<u8>> = pushes.iter().map(|batch| Frame::from(Push { batch: (*batch).clone() }).encode()).collect();
    let began = Instant::now();
    for group in frames.chunks(DEVICES) {
        for frame in group {
            let Frame::Push(push) = Frame::decode(frame)? else { anyhow::bail!("a push") };
            taken_in(&mut ingest, push.batch)?;
        }
        ingest.commit()?;
        ingest.tidy()?;
    }
    Ok((pushes.len() * PUSH_EDITS) as f64 / began.elapsed().as_secs_f64())
}

async fn peer(system: System, directory: &Path) -> Result<(f64, f64, f64)> {
    let (server, address) = Peer::serve(system, &directory.join("server")).await?;
    let mut crowd = Peer::crowd(system, &directory.join("crowd"))?;
    let mut hand = Hand::new(3);
    let edits: Vec<Value> = (0..PUSH_EDITS).map(|_| hand.remark().to_json(0)).collect();
    let (url, made) = (format!("http://{address}"), hand.made().to_json(0));
    // As suits each best: a provider of Hocuspocus looks at every message of its connection, and a server of samod tells every
    // device of every document.
    let records = if system == System::Automerge { RECORDS } else { 1 };
    crowd.ask(&json!({"do": "gather", "url": url, "devices": DEVICES, "records": records, "made": made})).await?;
    let before = (server.time()?, crowd.time()?);
    let began = Instant::now();
    let answer = crowd.ask(&json!({"do": "push", "pushes": PUSHES, "edits": edits})).await?;
    let took = began.elapsed().as_secs_f64();
    let after = (server.time()?, crowd.time()?);
    let edits = answer["edits"].as_u64().context("how many were acknowledged")? as f64;
    let busy = |before: Duration, after: Duration| (after - before).as_secs_f64() / took;
    Ok((edits / took, busy(before.0, after.0), busy(before.1, after.1)))
}
