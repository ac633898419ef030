//! How soon the others see it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use renolog_protocol::batch::RawBatch;
use renolog_protocol::id::{RecordId, Seq};
use renolog_protocol::record::Record;
use tokio::sync::mpsc;

use crate::bench::crowd::{Caller, Known};
use crate::bench::edits::Hand;
use crate::bench::finding::Finding;
use crate::bench::relay::Relay;
use crate::bench::serving::Serving;
use crate::bench::spread::{Spread, ms};
use crate::bench::street::{Member, Street, now};

pub(in crate::bench) const TITLE: &str = "Propagation to 1,000 live devices of one community";
pub(in crate::bench) const ABOUT: &str = "\
A thousand members of one community are connected; one of them says something five times a second. Measured is each arrival at each \
device from the push. The commit is taken to come as long after the push as the receipt does while nobody else is connected; that \
is taken off. Beside it the same number of bytes through a bare relay of websockets, which checks, keeps and knows nothing: all that can be taken off below that is in the kernel and the devices. The devices share this machine's cores with the server.";

const DEVICES: usize = 1_000;
const EDITS: usize = 60;
/// About what one such edit takes in a frame.
const ITEM_BYTES: usize = 400;

pub(in crate::bench) async fn run(directory: &Path) -> Result<Vec<Finding>> {
    let bare = bare().await?;
    let data = directory.join("data");
    let mut street = Street::found(&data, 6)?;
    let community = street.community("log").await?;
    let members = street.captains(community, DEVICES + 1).await?;
    street.write(&members[..4], 20, 1).await?;
    street.close().await?;
    let serving = Serving::start(&data)?;

    let (writer, listeners) = members.split_last().context("there are members")?;
    let mut caller = Caller::greet(serving.address, writer, Known::default()).await?;
    caller.catch_up(community).await?;
    let mut says = Says { writer, hand: Hand::new(8), number: 1_000_000 };
    let mut alone = Vec::new();
    for _ in 0..EDITS {
        let batch = says.something()?;
        let began = Instant::now();
        caller.push(batch).await?;
        caller.receipt().await?;
        alone.push(began.elapsed());
    }
    let commit = Spread::of(alone).median();

    let (arrived, mut arrivals) = mpsc::unbounded_channel::<(Seq, Instant)>();
    let mut listening = tokio::task::JoinSet::new();
    for listener in listeners {
        let mut caller = Caller::greet(serving.address, listener, Known::default()).await?;
        caller.catch_up(community).await?;
        let arrived = arrived.clone();
        listening.spawn(async move {
            while let Ok(items) = caller.items().await {
                let at = Instant::now();
                for item in items.items.iter() {
                    if arrived.send((item.seq, at)).is_err() {
                        return;
                    }
                }
            }
        });
    }
    let (mut from_push, mut receipts) = (Vec::new(), Vec::new());
    for _ in 0..EDITS {
        let batch = says.something()?;
        let began = Instant::now();
        caller.push(batch).await?;
        caller.receipt().await?;
        receipts.push(began.elapsed());
        for _ in 0..DEVICES {
            let (_, at) = tokio::time::timeout(Duration::from_secs(20), arrivals.recv()).await?.context("somebody listens")?;
            from_push.push(at - began);
        }
        tokio::time::sleep(Duration::from_millis(200).saturating_sub(began.elapsed())).await;
    }
    listening.shutdown().await;
    let (from_push, receipts) = (Spread::of(from_push), Spread::of(receipts));
    let (p50, p99) = (from_push.median().saturating_sub(commit), from_push.percentile(99).saturating_sub(commit));
    Ok(vec![
        Finding::judged("Renolog, after the commit, p50", ms(p50), "≤ 5 ms", p50 <= Duration::from_millis(5)),
        Finding::judged("Renolog, after the commit, p99", ms(p99), "≤ 30 ms", p99 <= Duration::from_millis(30)),
        Finding::beside("The bare relay, from saying until it is heard, p50", ms(bare.median())),
        Finding::beside("The bare relay, from saying until it is heard, p99", ms(bare.percentile(99))),
        Finding::beside("Renolog, push to receipt while nobody listens, p50", ms(commit)),
        Finding::beside("Renolog, push to receipt while a thousand listen, p50", ms(receipts.median())),
    ])
}

/// What it takes to say as much to as many, where nothing is checked, kept or known.
async fn bare() -> Result<Spread> {
    let relay = Relay::start()?;
    let mut speaker = relay.connect().await?;
    let (heard, mut hearings) = mpsc::unbounded_channel::<Instant>();
    let mut listening = tokio::task::JoinSet::new();
    for _ in 0..DEVICES {
        let (mut line, heard) = (relay.connect().await?, heard.clone());
        listening.spawn(async move { while line.hear().await.is_ok() && heard.send(Instant::now()).is_ok() {} });
    }
    let mut taken = Vec::new();
    for _ in 0..EDITS {
        let began = Instant::now();
        speaker.say(vec![7; ITEM_BYTES]).await?;
        for _ in 0..DEVICES {
            let at = tokio::time::timeout(Duration::from_secs(20), hearings.recv()).await?.context("somebody listens")?;
            taken.push(at - began);
        }
        tokio::time::sleep(Duration::from_millis(200).saturating_sub(began.elapsed())).await;
    }
    listening.shutdown().await;
    Ok(Spread::of(taken))
}

/// Somebody with something to say.
struct Says<'a> {
    writer: &'a Member,
    hand: Hand,
    number: u64,
}

impl Says<'_> {
    fn something(&mut self) -> Result<RawBatch> {
        self.number += 1;
        let mut record = Record::empty(RecordId::from_parts(now(), self.hand.bytes()));
        let said = self.hand.made();
        let change = self.writer.write(&mut record, &said, now())?;
        Ok(self.writer.sign(self.number, now(), vec![(record.id(), change)])?.to_raw())
    }
}
