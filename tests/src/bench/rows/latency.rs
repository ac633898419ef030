//! One edit at a time.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use renolog_protocol::batch::RawBatch;
use renolog_protocol::id::RecordId;
use renolog_protocol::record::Record;
use renolog_protocol::schema::Schema;
use renolog_protocol::wire::Ruling;
use renolog_server::app;
use renolog_server::clock::SystemClock;
use renolog_server::data_dir::DataDir;

use super::{copied, founded, newcomer, taken_in};
use crate::bench::crowd::{Caller, Known};
use crate::bench::edits::{Hand, Said};
use crate::bench::finding::Finding;
use crate::bench::machine;
use crate::bench::serving::Serving;
use crate::bench::spread::{Spread, ms, times};
use crate::bench::street::{Member, now};

pub(in crate::bench) const TITLE: &str = "One device, one edit at a time, acknowledged durably";
pub(in crate::bench) const ABOUT: &str = "\
From the push until its receipt, which leaves after the flush; the next edit follows. An edit is a remark on a record that is there, \
by turns one of fifty, which is what people write most; what it takes to make a record stands beside it. Beside them one transaction \
of one row in SQLite, flushed, on the same disk; and what a remark's way consists of, each part measured alone: the way there and back \
with its wakings of sleeping threads, and the write path in one thread that never sleeps. A real device flushes twice more: the edit \
before it is sent, and the receipt.";

const EDITS: usize = 300;
/// Records that are remarked on by turns.
const RECORDS: usize = 50;

pub(in crate::bench) async fn run(directory: &Path) -> Result<Vec<Finding>> {
    let data = directory.join("data");
    let (members, _) = founded(&data, 12, 300, 3).await?;
    let copy = directory.join("copy");
    copied(&data, &copy)?;
    let serving = Serving::start(&data)?;
    let flush = machine::flushed_transaction(directory)?;

    let (who, mut hand) = (&members[0], Hand::new(4));
    let mut caller = Caller::greet(serving.address, who, Known::default()).await?;
    caller.catch_up(who.community).await?;
    let (mut taken, mut records) = (Vec::new(), Vec::new());
    for number in 0..EDITS {
        let (record, batch) = made(who, &mut hand, 1_000_000 + number as u64)?;
        taken.push(answered(&mut caller, batch).await?);
        records.push(record);
    }
    let making = Spread::of(taken);
    let mut taken = Vec::new();
    for number in 0..EDITS {
        let batch = remark(who, &mut hand, &mut records[number % RECORDS], 2_000_000 + number as u64)?;
        taken.push(answered(&mut caller, batch).await?);
    }
    let wire = Spread::of(taken);
    let mut taken = Vec::new();
    for _ in 0..EDITS {
        let began = Instant::now();
        caller.sign_of_life().await?;
        taken.push(began.elapsed());
    }
    let life = Spread::of(taken);

    let device = newcomer(&serving, &directory.join("own.db"), &serving.url(), "陈阿姨").await?;
    device.start()?;
    device.settled().await?;
    let listed = device.list(&renolog_client_core::store::Filter::default())?;
    let mut taken: Vec<Duration> = Vec::new();
    for record in listed.iter().cycle().take(EDITS) {
        if let Said::Noted(text) = hand.remark() {
            let began = Instant::now();
            device.note(record.id, &text)?;
            device.settled().await?;
            taken.push(began.elapsed());
        }
    }
    let whole = Spread::of(taken);
    device.stop().await;

    let path = write_path(&copy, who, &mut hand)?;
    let ratio = wire.median().as_secs_f64() / flush.as_secs_f64();
    Ok(vec![
        Finding::beside("One flushed transaction of SQLite, p50", ms(flush)),
        Finding::judged(
            "Renolog, push to receipt, p50",
            ms(wire.median()),
            format!("≤ 1.5×, {}", ms(flush.mul_f64(1.5))),
            ratio <= 1.5,
        )
        .noting(format!("{} of one transaction; p99 {}", times(ratio, 1.0), ms(wire.percentile(99)))),
        Finding::beside("Renolog, the same for a record that is made, p50", ms(making.median()))
            .noting(format!("p99 {}", ms(making.percentile(99)))),
        Finding::beside("of it: a sign of life there and back, nothing done, p50", ms(life.median())),
        Finding::beside("of it: signature, rules and projection, in one thread, p50", ms(path.judged.median())),
        Finding::beside("of it: the store's rows and their flush, in the same thread, p50", ms(path.committed.median())),
        Finding::beside("Renolog, a real device's edit to its stored receipt, p50", ms(whole.median()))
            .noting(format!("three flushes; p99 {}", ms(whole.percentile(99)))),
    ])
}

/// The write path alone, an edit a flush.
struct WritePath {
    judged: Spread,
    committed: Spread,
}

fn write_path(data: &Path, who: &Member, hand: &mut Hand) -> Result<WritePath> {
    let held = DataDir::hold(data)?;
    let mut ingest = app::found(held.store(None)?, Schema::built_in(), &SystemClock)?;
    let mut records = Vec::new();
    for number in 0..RECORDS {
        let (record, raw) = made(who, hand, 3_000_000 + number as u64)?;
        taken_in(&mut ingest, raw)?;
        records.push(record);
    }
    ingest.commit()?;
    let (mut judged, mut committed) = (Vec::new(), Vec::new());
    for number in 0..EDITS {
        let raw = remark(who, hand, &mut records[number % RECORDS], 4_000_000 + number as u64)?;
        let began = Instant::now();
        taken_in(&mut ingest, raw)?;
        let applied = Instant::now();
        ingest.commit()?;
        judged.push(applied - began);
        committed.push(applied.elapsed());
        ingest.tidy()?;
    }
    Ok(WritePath { judged: Spread::of(judged), committed: Spread::of(committed) })
}

/// How long a push takes from here to its receipt.
async fn answered(caller: &mut Caller, batch: RawBatch) -> Result<Duration> {
    let began = Instant::now();
    caller.push(batch).await?;
    let receipt = caller.receipt().await?;
    let taken = began.elapsed();
    let accepted = receipt.rulings.iter().all(|ruled| matches!(ruled.ruling, Ruling::Accepted(..)));
    anyhow::ensure!(accepted, "an edit was not accepted");
    Ok(taken)
}

/// A push that makes a record, and the record.
fn made(who: &Member, hand: &mut Hand, number: u64) -> Result<(Record, RawBatch)> {
    let mut record = Record::empty(RecordId::from_parts(now(), hand.bytes()));
    let said = hand.made();
    let raw = push(who, &mut record, &said, number)?;
    Ok((record, raw))
}

/// A push that remarks on a record.
fn remark(who: &Member, hand: &mut Hand, record: &mut Record, number: u64) -> Result<RawBatch> {
    push(who, record, &hand.remark(), number)
}

fn push(who: &Member, record: &mut Record, said: &Said, number: u64) -> Result<RawBatch> {
    let change = who.write(record, said, now())?;
    Ok(who.sign(number, now(), vec![(record.id(), change)])?.to_raw())
}
