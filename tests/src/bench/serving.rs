//! Our server as people run it: the built program in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};

use super::machine;
use crate::sockets::{Office, knock};

/// See the module. Ends with its handle, by `kill -9`.
#[derive(Debug)]
pub struct Serving {
    /// Where it listens.
    pub address: SocketAddr,
    /// What an operator does.
    pub office: Office,
    child: Running,
}

/// A process that ends with its handle.
#[derive(Debug)]
pub(super) struct Running(pub(super) Child);

/// Where a process says that it listens, and reads on what it says: it would stop at a full pipe.
pub(super) fn said_address(output: ChildStdout) -> Result<SocketAddr> {
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let said = lines.find_map(|line| line.split_once("://").and_then(|(_, address)| address.trim().parse().ok()));
    std::thread::spawn(move || lines.for_each(drop));
    said.context("the server says where it listens")
}

/// The program, which is built beside this one.
fn program() -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("renolog");
    path.exists().then_some(path).context("the server's program is not built: cargo build --release -p renolog-server")
}

impl Serving {
    /// Starts it on a data directory.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(data: &Path) -> Result<Self> {
        Self::start_at(data, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// The same at an address of one's choice.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start_at(data: &Path, address: SocketAddr) -> Result<Self> {
        // Everyone comes from one address here, which no district sees.
        let many = "15000";
        let mut child = Command::new(program()?)
            .args(["serve", "--listen", &address.to_string(), "--max-connections", many])
            .args(["--max-connections-per-address", many, "--data"])
            .arg(data)
            .env("RENOLOG_LOG", "warn")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = child.stdout.take();
        // From here on it ends with its handle, whatever else fails.
        let child = Running(child);
        let address = said_address(output.context("it is piped")?)?;
        knock(address);
        Ok(Self { address, office: Office::of(data), child })
    }

    /// Bytes of memory it holds.
    ///
    /// # Errors
    /// If it is gone.
    pub fn memory(&self) -> Result<u64> {
        machine::memory_of(self.child.0.id())
    }

    /// The most it has ever held.
    ///
    /// # Errors
    /// If it is gone.
    pub fn highest_memory(&self) -> Result<u64> {
        machine::highest_memory_of(self.child.0.id())
    }

    /// Processor time it has taken.
    ///
    /// # Errors
    /// If it is gone.
    pub fn time(&self) -> Result<std::time::Duration> {
        machine::time_of(self.child.0.id())
    }

    /// Where devices connect.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
