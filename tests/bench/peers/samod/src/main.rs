//! samod as `make bench` drives it: websocket, storage in files on both ends, a document a record; every other setting is its
//! default. Takes orders as lines of JSON and answers each with one line, like the programs of the other peers.

mod crowd;
mod device;
mod orders;
mod server;

use std::path::PathBuf;

use anyhow::{Result, bail};

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [role, mode, directory] = &words[..] else { bail!("a role, a mode and a directory") };
    if mode != "records" {
        bail!("samod is measured with a document a record");
    }
    let directory = PathBuf::from(directory);
    match role.as_str() {
        "serve" => server::run(&directory).await,
        "device" => device::run(&directory).await,
        "crowd" => crowd::run().await,
        other => bail!("no role {other}"),
    }
}
