//! One edit at a time.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use renolog_protocol::id::RecordId;
use renolog_protocol::record::Record;

use super::{founded, newcomer};
use crate::bench::crowd::{Caller, Known};
use crate::bench::edits::{Hand, Said};
use crate::bench::finding::Finding;
use crate::bench::machine;
use crate::bench::serving::Serving;
use crate::bench::spread::{Spread, ms, times};
use crate::bench::street::now;

pub(in crate::bench) const TITLE: &str = "One device, one edit at a time, acknowledged durably";
pub(in crate::bench) const ABOUT: &str = "\
From the push until its receipt, which leaves after the flush; the next edit follows. Beside it one transaction of one row in \
SQLite, flushed, on the same disk. A real device flushes twice more: the edit before it is sent, and the receipt.";

const EDITS: usize = 300;

pub(in crate::bench) async fn run(directory: &Path) -> Result<Vec<Finding>> {
    let data = directory.join("data");
    let (members, _) = founded(&data, 12, 300, 3).await?;
    let serving = Serving::start(&data)?;
    let flush = machine::flushed_transaction(directory)?;

    let (who, mut hand) = (&members[0], Hand::new(4));
    let mut caller = Caller::greet(serving.address, who, Known::default()).await?;
    caller.catch_up(who.community).await?;
    let mut taken = Vec::new();
    for number in 0..EDITS {
        let mut record = Record::empty(RecordId::from_parts(now(), hand.bytes()));
        let said = hand.made();
        let change = who.write(&mut record, &said, now())?;
        let batch = who.sign(1_000_000 + number as u64, now(), vec![(record.id(), change)])?.to_raw();
        let began = Instant::now();
        caller.push(batch).await?;
        caller.receipt().await?;
        taken.push(began.elapsed());
    }
    let wire = Spread::of(taken);

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
        Finding::beside("Renolog, a real device's edit to its stored receipt, p50", ms(whole.median()))
            .noting(format!("three flushes; p99 {}", ms(whole.percentile(99)))),
    ])
}
