//! Where an order goes that is given at the machine: to the server that runs on the data directory, or straight into it.

use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::Body;
use ureq::http::Response;

use crate::app;
use crate::clock::{Clock, SystemClock};
use crate::command::{Command, Stamped};
use crate::data_dir::{self, DataDir, DataDirError, Running};
use crate::import::Clerk;
use crate::ingest::Ingest;
use crate::office::{self, Order};
use crate::store::Sqlite;

/// Where an order goes.
pub(super) enum Desk {
    /// To the running server.
    Running(Running),
    /// Into the data directory.
    Here(Box<Ingest<Sqlite>>, DataDir),
}

impl Desk {
    /// The desk of a data directory.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub(super) fn open(path: &Path) -> Result<Self> {
        match DataDir::hold(path) {
            Ok(data) => Ok(Self::Here(Box::new(app::found_as_it_was(data.store(None)?, &SystemClock)?), data)),
            Err(DataDirError::InUse(_)) => match data_dir::running(path) {
                Some(running) => Ok(Self::Running(running)),
                None => bail!("a server is just starting or stopping on {}; try again in a moment", path.display()),
            },
            Err(error) => Err(error.into()),
        }
    }
}

/// Many orders under one flush, where no server runs.
impl Clerk for Desk {
    type Error = anyhow::Error;

    fn take_all<O: Order>(&mut self, orders: Vec<O>) -> Result<Vec<O::Made>> {
        match self {
            Self::Running(running) => orders.iter().map(|order| ask(running, &format!("admin/{}", O::PATH), order)).collect(),
            Self::Here(ingest, _) => {
                let take = |order: O| {
                    let desk = office::Desk { store: ingest.store(), schema: ingest.schema(), now: SystemClock.now() };
                    let (command, made) = order.command(&desk)?;
                    ingest.apply(&Stamped::new(SystemClock.now(), command))?;
                    Ok(made)
                };
                let made: Result<_> = orders.into_iter().map(take).collect();
                if made.is_ok() {
                    ingest.commit()?
                } else {
                    ingest.rollback()?
                }
                made
            }
        }
    }
}

/// Gives an order; answers what came of it.
///
/// # Errors
/// A sentence for the person at the terminal.
pub(super) fn give<O: Order>(path: &Path, order: O) -> Result<O::Made> {
    match Desk::open(path)? {
        Desk::Running(running) => ask(&running, &format!("admin/{}", O::PATH), &order),
        Desk::Here(mut ingest, _data) => {
            let desk = office::Desk { store: ingest.store(), schema: ingest.schema(), now: SystemClock.now() };
            let (command, made) = order.command(&desk)?;
            apply(&mut ingest, command)?;
            Ok(made)
        }
    }
}

/// Asks the running server to do something.
///
/// # Errors
/// Its own sentence.
pub(super) fn ask<A: Serialize, T: DeserializeOwned>(running: &Running, path: &str, asked: &A) -> Result<T> {
    let request = AGENT.post(address_of(running, path)).header("Authorization", format!("Bearer {}", running.token));
    told(running, request.send_json(asked))
}

/// Asks the running server for a list.
///
/// # Errors
/// Its own sentence.
pub(super) fn ask_list<T: DeserializeOwned>(running: &Running, path: &str, query: &str) -> Result<T> {
    let url = format!("{}?{query}", address_of(running, path));
    told(running, AGENT.get(url).header("Authorization", format!("Bearer {}", running.token)).call())
}

/// One for all, since it keeps its connection for the next order.
static AGENT: LazyLock<ureq::Agent> =
    LazyLock::new(|| ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into());

fn address_of(running: &Running, path: &str) -> String {
    format!("http://{}/api/v1/{path}", running.address)
}

fn told<T: DeserializeOwned>(running: &Running, answer: Result<Response<Body>, ureq::Error>) -> Result<T> {
    let mut answer = answer.with_context(|| format!("the server at {} does not answer", running.address))?;
    if answer.status().is_success() {
        return answer.body_mut().read_json().context("the server's answer cannot be read");
    }
    let problem: serde_json::Value = answer.body_mut().read_json().unwrap_or_default();
    bail!("{}", problem["detail"].as_str().unwrap_or("the server refuses without saying why"))
}

/// Writes one command into the data directory.
///
/// # Errors
/// Those of the write path.
pub(super) fn apply(ingest: &mut Ingest<Sqlite>, command: Command) -> Result<()> {
    let erases = matches!(command, Command::Erase(_));
    ingest.apply(&Stamped::new(SystemClock.now(), command))?;
    ingest.commit()?;
    if erases && !ingest.scrub()? {
        bail!("it is erased, but another program reads the store: what was erased leaves the file when the server next writes");
    }
    Ok(())
}
