//! The rows, one file each.

pub(super) mod crowd;
pub(super) mod district;
pub(super) mod first_sync;
pub(super) mod idle;
pub(super) mod latency;
pub mod phone;
pub(super) mod propagation;
pub(super) mod quiet;
pub(super) mod reconnect;
pub(super) mod screen;
pub(super) mod throughput;

use std::path::Path;

use anyhow::Result;
use renolog_client_core::Device;
use renolog_protocol::batch::RawBatch;
use renolog_protocol::codec::Parcel;
use renolog_protocol::id::RecordId;
use renolog_protocol::time::SpanMs;
use renolog_server::command::{Command, Push, Stamped};
use renolog_server::ingest::Ingest;
use renolog_server::reception;
use renolog_server::store::Sqlite;

use super::serving::Serving;
use super::street::{Member, Street, now};

/// A community called `log` with so many captains and such a log, on disk.
async fn founded(data: &Path, captains: usize, records: usize, edits: usize) -> Result<(Vec<Member>, Vec<RecordId>)> {
    let mut street = Street::found(data, 5)?;
    let community = street.community("log").await?;
    let members = street.captains(community, captains).await?;
    let ids = street.write(&members, records, edits).await?;
    street.close().await?;
    Ok((members, ids))
}

/// A real device of somebody new in `log`, enrolled at `url`.
async fn newcomer(serving: &Serving, path: &Path, url: &str, name: &str) -> Result<Device> {
    let (office, invited) = (serving.office.clone(), name.to_owned());
    let code = tokio::task::spawn_blocking(move || office.invite("log", "captain", &invited)).await?;
    let device = Device::open(path)?;
    device.enrol(url, &code, name).await?;
    Ok(device)
}

/// The same data directory once more.
fn copied(data: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for file in std::fs::read_dir(data)? {
        let file = file?;
        std::fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}

/// A push through signature, rules and projection, without a network. It is not on disk before the commit.
fn taken_in(ingest: &mut Ingest<Sqlite>, raw: RawBatch) -> Result<()> {
    let batch = reception::open_batch(ingest.store(), Parcel::Plain(raw))?;
    let carrier = batch.device();
    ingest.apply(&Stamped::new(now(), Command::Push(Push { batch, carrier, skew: SpanMs(0) })))?;
    Ok(())
}
