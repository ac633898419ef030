//! The other systems: programs that do what they are told in lines of JSON, so that a row drives each of them as it drives
//! ours.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, timeout};

use super::machine;

/// No answer within this long is none.
const ANSWER_WITHIN: Duration = Duration::from_secs(240);

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// automerge-repo, a document a record.
    Automerge,
    /// automerge-repo, one document for all records.
    AutomergeWhole,
    /// Hocuspocus and Yjs, a document a record.
    Hocuspocus,
    /// samod, a document a record.
    Samod,
}

impl System {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Automerge, Self::AutomergeWhole, Self::Hocuspocus, Self::Samod];

    /// As the table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Automerge => "automerge-repo, a document a record",
            Self::AutomergeWhole => "automerge-repo, one document",
            Self::Hocuspocus => "Hocuspocus, a document a record",
            Self::Samod => "samod, a document a record",
        }
    }

    /// How its program is started, where the peers are installed in `home`; it takes a role, this mode and a directory.
    fn program(self, home: &Path) -> (Command, &'static str) {
        let node = |script| {
            let mut command = Command::new("node");
            command.arg(home.join(script));
            command
        };
        match self {
            Self::Automerge => (node("automerge.mjs"), "records"),
            Self::AutomergeWhole => (node("automerge.mjs"), "whole"),
            Self::Hocuspocus => (node("hocuspocus.mjs"), "records"),
            Self::Samod => (Command::new(home.join("samod/release/renolog-bench-samod")), "records"),
        }
    }
}

/// A server or a device of another system.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

/// Where the peers' programs are installed, if they are.
pub fn installed() -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("RENOLOG_BENCH_PEERS")?);
    path.join("node_modules").is_dir().then_some(path)
}

impl Peer {
    /// A server that keeps its data in `directory`; and where it listens.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn serve(system: System, directory: &Path) -> Result<(Self, SocketAddr)> {
        let mut peer = Self::start(system, "serve", directory)?;
        let said = peer.answer().await?;
        let port = said["port"].as_u64().and_then(|port| u16::try_from(port).ok()).context("it says where it listens")?;
        Ok((peer, SocketAddr::from(([127, 0, 0, 1], port))))
    }

    /// A device that keeps its data in `directory`, where the system has a way to.
    ///
    /// # Errors
    /// If it does not start.
    pub fn device(system: System, directory: &Path) -> Result<Self> {
        Self::start(system, "device", directory)
    }

    /// Many devices in one process, each with a connection of its own.
    ///
    /// # Errors
    /// If it does not start.
    pub fn crowd(system: System, directory: &Path) -> Result<Self> {
        Self::start(system, "crowd", directory)
    }

    fn start(system: System, role: &str, directory: &Path) -> Result<Self> {
        let home = installed().context("the peers are not installed")?;
        std::fs::create_dir_all(directory)?;
        let (mut program, mode) = system.program(&home);
        let mut child = program
            .args([role, mode])
            .arg(directory)
            .current_dir(&home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(if std::env::var_os("RENOLOG_BENCH_LOUD").is_some() { Stdio::inherit() } else { Stdio::null() })
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} starts", system.name()))?;
        let (input, output) = child.stdin.take().zip(child.stdout.take()).context("it is piped")?;
        Ok(Self { child, input, lines: BufReader::new(output).lines() })
    }

    /// Tells it to do something and waits for its answer.
    ///
    /// # Errors
    /// If it fails, or says nothing for too long.
    pub async fn ask(&mut self, order: &Value) -> Result<Value> {
        self.input.write_all(format!("{order}\n").as_bytes()).await?;
        self.answer().await
    }

    async fn answer(&mut self) -> Result<Value> {
        let line = timeout(ANSWER_WITHIN, self.lines.next_line()).await.context("it said nothing")??;
        let answer: Value = serde_json::from_str(&line.context("it ended")?)?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => bail!("{error}"),
            None => Ok(answer),
        }
    }

    /// A number that it is asked for.
    ///
    /// # Errors
    /// As [`Peer::ask`].
    pub async fn number(&mut self, order: &Value, key: &str) -> Result<u64> {
        self.ask(order).await?[key].as_u64().context("a number")
    }

    /// How much it has of everything: grows with each edit that it knows, by as much in every copy.
    ///
    /// # Errors
    /// As [`Peer::ask`].
    pub async fn progress(&mut self) -> Result<u64> {
        self.number(&json!({"do": "progress"}), "progress").await
    }

    /// Waits until it has so much.
    ///
    /// # Errors
    /// If it does not come to that in time.
    pub async fn until(&mut self, progress: u64, within: Duration) -> Result<()> {
        let began = Instant::now();
        loop {
            let reached = self.progress().await?;
            if reached >= progress {
                return Ok(());
            }
            if began.elapsed() > within {
                bail!("it came to {reached} of {progress} only");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Bytes of memory it holds.
    ///
    /// # Errors
    /// If it is gone.
    pub fn memory(&self) -> Result<u64> {
        machine::memory_of(self.child.id().context("it runs")?)
    }

    /// Processor time it has taken.
    ///
    /// # Errors
    /// If it is gone.
    pub fn time(&self) -> Result<Duration> {
        machine::time_of(self.child.id().context("it runs")?)
    }

    /// Ends it in good order: what it keeps is kept.
    ///
    /// # Errors
    /// If it does not end.
    pub async fn finish(mut self) -> Result<()> {
        self.ask(&json!({"do": "finish"})).await?;
        drop(self.input);
        timeout(Duration::from_secs(20), self.child.wait()).await.context("it ends")??;
        Ok(())
    }
}
