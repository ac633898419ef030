//! The writer's thread: takes commands in the order they come, applies as many as are waiting, makes them durable with one
//! flush, and only then answers.
//!
//! Group commit is what makes a flush for every acknowledgement affordable: sixty-four phones that push at the same moment
//! wait for one flush, not for sixty-four.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use renolog_protocol::id::{FeedId, PersonId};
use renolog_protocol::session::server::FeedEntry;
use renolog_protocol::wire::Receipt;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::command::{Command, Stamped};
use crate::hub::Hub;
use crate::ingest::{Ingest, IngestError, Outcome, Rejection};
use crate::snapshot::Shelf;
use crate::store::{Store, StoreError};

/// Commands waiting to be applied; whoever comes when it is full waits for room.
const WAITING: usize = 1024;
/// Most commands under one flush.
const GROUP: usize = 256;

/// Why a command was not written. Nothing of it is stored.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// It cannot be applied; the sender is at fault.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// No room on the disk. Trying again later helps.
    #[error("the disk, or the room allowed to the store, is full")]
    Full,
    /// The disk fails.
    #[error("the store fails: {0}")]
    Failing(String),
    /// The server is going down.
    #[error("the server is stopping")]
    Stopping,
}

impl From<&StoreError> for WriteError {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Full => Self::Full,
            other => Self::Failing(other.to_string()),
        }
    }
}

struct Job {
    stamped: Stamped,
    reply: oneshot::Sender<Result<Outcome, WriteError>>,
}

/// The way to the writer's thread. When the last clone is dropped, the thread finishes what waits and ends.
#[derive(Clone)]
pub struct Writer {
    jobs: mpsc::Sender<Job>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("waiting", &(WAITING - self.jobs.capacity())).finish_non_exhaustive()
    }
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Panics
    /// If the operating system gives no thread.
    pub fn start<S: Store + 'static>(
        ingest: Ingest<S>,
        hub: Arc<Hub>,
        shelf: Arc<Shelf>,
        clock: Arc<dyn Clock>,
    ) -> (Self, JoinHandle<()>) {
        let (jobs, waiting) = mpsc::channel(WAITING);
        let thread = std::thread::Builder::new().name("writer".into()).spawn(move || run(ingest, &hub, &shelf, waiting));
        (Self { jobs, clock }, thread.expect("the operating system gives a thread"))
    }

    /// Stamps a command, has it applied, and answers once it is durable.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn submit(&self, command: Command) -> Result<Outcome, WriteError> {
        self.submit_for(None, command).await
    }

    /// The same for a person at a console.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn submit_for(&self, by: Option<PersonId>, command: Command) -> Result<Outcome, WriteError> {
        self.hand_in(by, command).await?.await
    }

    /// Hands in a command, which has its place among the others once this returns; what that gives is awaited for the outcome.
    ///
    /// # Errors
    /// [`WriteError::Stopping`].
    pub async fn hand_in(
        &self,
        by: Option<PersonId>,
        command: Command,
    ) -> Result<impl Future<Output = Result<Outcome, WriteError>> + use<>, WriteError> {
        let (reply, answer) = oneshot::channel();
        let stamped = Stamped { received: self.clock.now(), by, command };
        match self.jobs.try_send(Job { stamped, reply }) {
            Ok(()) => {}
            Err(TrySendError::Closed(_)) => return Err(WriteError::Stopping),
            // Room is waited for in a task of its own: a connection that is busy sending must not keep a place that it does not
            // use from the others.
            Err(TrySendError::Full(job)) => {
                let jobs = self.jobs.clone();
                let sent = tokio::spawn(async move { jobs.send(job).await.is_ok() }).await;
                if !sent.unwrap_or(false) {
                    return Err(WriteError::Stopping);
                }
            }
        }
        Ok(async { answer.await.unwrap_or(Err(WriteError::Stopping)) })
    }
}

fn run<S: Store>(mut ingest: Ingest<S>, hub: &Hub, shelf: &Shelf, mut waiting: mpsc::Receiver<Job>) {
    let mut unscrubbed = false;
    while let Some(first) = waiting.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(next) = waiting.try_recv()
        {
            group.push(next);
        }
        match write(&mut ingest, &group) {
            Ok(outcomes) => {
                for outcome in &outcomes {
                    if let Ok(Outcome::Erased(grown)) = outcome {
                        shelf.forget(grown.feed);
                    }
                }
                unscrubbed |= outcomes.iter().any(|outcome| matches!(outcome, Ok(Outcome::Erased(_))));
                if unscrubbed {
                    unscrubbed = !scrubbed(&mut ingest);
                }
                answer(hub, group, outcomes);
                if let Err(error) = ingest.tidy() {
                    tracing::warn!(%error, "the store is not tidied");
                }
            }
            Err(error) => fail(&mut ingest, group, &error),
        }
    }
}

/// What was erased must leave the file before anyone is told that it is gone. While someone reads the store that may have
/// to wait for the next group.
fn scrubbed<S: Store>(ingest: &mut Ingest<S>) -> bool {
    match ingest.scrub() {
        Ok(done) => done,
        Err(error) => {
            tracing::error!(%error, "what was erased is not out of the file yet");
            false
        }
    }
}

/// Applies and commits a group. A rejected command leaves no trace, so the others are none the worse for it.
fn write<S: Store>(ingest: &mut Ingest<S>, group: &[Job]) -> Result<Vec<Result<Outcome, Rejection>>, StoreError> {
    let mut outcomes = Vec::with_capacity(group.len());
    for job in group {
        match ingest.apply(&job.stamped) {
            Ok(outcome) => outcomes.push(Ok(outcome)),
            Err(IngestError::Rejected(rejection)) => outcomes.push(Err(rejection)),
            Err(IngestError::Store(error)) => return Err(error),
        }
    }
    ingest.commit()?;
    Ok(outcomes)
}

/// Answers whoever asked, and then tells the others, a feed at a time: many who pushed at once are heard of once.
fn answer(hub: &Hub, group: Vec<Job>, outcomes: Vec<Result<Outcome, Rejection>>) {
    let (mut grown, mut late, mut roster) = (BTreeMap::<FeedId, Vec<FeedEntry>>::new(), Vec::new(), false);
    for (job, outcome) in group.into_iter().zip(outcomes) {
        let mut grew = |feed: FeedId, entries: &[FeedEntry], receipts: &[Receipt]| {
            grown.entry(feed).or_default().extend_from_slice(entries);
            late.extend_from_slice(receipts);
        };
        match &outcome {
            Ok(Outcome::Pushed(pushed)) => grew(pushed.feed, &pushed.grown, &pushed.late),
            Ok(Outcome::Settled(settled) | Outcome::Erased(settled)) => grew(settled.feed, &settled.entries, &settled.late),
            Ok(Outcome::Enrolled(_) | Outcome::StandingChanged) => roster = true,
            _ => {}
        }
        // Whoever asked may have gone; what they asked for is done all the same.
        drop(job.reply.send(outcome.map_err(WriteError::Rejected)));
    }
    grown.iter().for_each(|(feed, entries)| hub.grew(*feed, entries));
    late.iter().for_each(|receipt| hub.late(receipt));
    if roster {
        hub.roster_changed();
    }
}

fn fail<S: Store>(ingest: &mut Ingest<S>, group: Vec<Job>, error: &StoreError) {
    tracing::error!(%error, commands = group.len(), "a group of commands was not written");
    if let Err(error) = ingest.rollback() {
        tracing::error!(%error, "the store does not come back");
    }
    for job in group {
        drop(job.reply.send(Err(WriteError::from(error))));
    }
}
