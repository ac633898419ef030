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
use renolog_protocol::id::RecordId;

use super::serving::Serving;
use super::street::{Member, Street};

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
