//! The memory of a server with a whole district in it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use renolog_protocol::id::{RecordId, Seq};
use renolog_protocol::record::Record;
use renolog_protocol::wire::Ruling;

use crate::bench::crowd::{Caller, Known};
use crate::bench::edits::Hand;
use crate::bench::finding::Finding;
use crate::bench::serving::Serving;
use crate::bench::spread::bytes;
use crate::bench::street::{Member, Street, now};

pub(in crate::bench) const TITLE: &str = "A district: 225 communities of 4,000 records, 50 of them active";
pub(in crate::bench) const ABOUT: &str = "\
The server is started on 900,000 records. In each of 50 communities twenty devices connect with nothing \
and fetch all of it, then ten of them write in 200 records, of which the others are told. Memory is all that the server's process \
holds then, its highest moment included.";

const COMMUNITIES: usize = 225;
const RECORDS: usize = 4_000;
const CHANGES: usize = 1;
const ACTIVE: usize = 50;
const DEVICES: usize = 20;
const WRITERS: usize = 10;
const PUSHES: usize = 20;

pub(in crate::bench) async fn run(directory: &Path) -> Result<Vec<Finding>> {
    let data = directory.join("data");
    let mut street = Street::found(&data, 14)?;
    let (mut active, mut written) = (Vec::new(), Vec::new());
    for number in 0..COMMUNITIES {
        let community = street.community(&format!("community-{number}")).await?;
        let members = street.captains(community, DEVICES).await?;
        street.write(&members[..4], RECORDS, CHANGES).await?;
        if active.len() < ACTIVE {
            active.push(members);
        }
    }
    street.close().await?;
    let size = std::fs::metadata(renolog_server::data_dir::database(&data))?.len();
    let serving = Serving::start(&data)?;
    let before = serving.memory()?;
    let mut connected = Vec::new();
    for members in &active {
        let mut fetching = tokio::task::JoinSet::new();
        for member in members.clone() {
            let address = serving.address;
            fetching.spawn(async move {
                let mut caller = Caller::greet(address, &member, Known::default()).await?;
                caller.catch_up(member.community).await?;
                anyhow::Ok((member, caller))
            });
        }
        while let Some(one) = fetching.join_next().await {
            connected.push(one??);
        }
    }
    let fetched = serving.memory()?;
    let mut hand = Hand::new(15);
    for turn in 0..PUSHES {
        for (number, (member, caller)) in connected.iter_mut().enumerate() {
            if number % DEVICES < WRITERS {
                written.push(push(member, caller, &mut hand, turn as u64).await?);
            }
        }
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (after, highest) = (serving.memory()?, serving.highest_memory()?);
    anyhow::ensure!(written.iter().all(|seq| *seq > Seq(0)), "every push was placed");
    Ok(vec![
        Finding::beside("Renolog, just started", bytes(before)).noting(format!("the file takes {}", bytes(size))),
        Finding::beside("Renolog, after 1,000 devices have fetched their communities and stay", bytes(fetched)),
        Finding::judged("Renolog, after 10,000 pushes", bytes(after), "≤ 256 MB", highest <= 256_000_000)
            .noting(format!("at its highest {}", bytes(highest))),
    ])
}

async fn push(member: &Member, caller: &mut Caller, hand: &mut Hand, number: u64) -> Result<Seq> {
    let mut record = Record::empty(RecordId::from_parts(now(), hand.bytes()));
    let said = hand.made();
    let change = member.write(&mut record, &said, now())?;
    caller.push(member.sign(2_000_000 + number, now(), vec![(record.id(), change)])?.to_raw()).await?;
    let receipt = caller.receipt().await?;
    let ruling = receipt.rulings.iter().next().context("a ruling")?;
    match &ruling.ruling {
        Ruling::Accepted(seq, _) => Ok(*seq),
        other => anyhow::bail!("an edit was not accepted: {other:?}"),
    }
}
