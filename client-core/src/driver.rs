//! The task behind a device: does what the client asks of the link, and tells it what happens there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use renolog_protocol::time::UnixMs;
use tokio::sync::{Notify, watch};

use crate::client::{Client, Input, Output};
use crate::device::Clock;
use crate::transport::{Link, LinkEvent, Target, Traffic};
use crate::trust::Trust;
use crate::ways::{TIME_ENOUGH, Way, Ways};

/// What a device's handles and its task share.
pub(crate) struct Shared {
    pub(crate) client: Mutex<Client>,
    pub(crate) clock: Clock,
    pub(crate) trust: Trust,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) ways: Mutex<Ways>,
    /// Since when moments are counted for the ways.
    pub(crate) since: Instant,
    /// Rung when there may be something for the link.
    pub(crate) work: Notify,
    pub(crate) revision: watch::Sender<u64>,
    /// Counts whatever happened, for those who wait for something to come true.
    pub(crate) activity: watch::Sender<u64>,
}

/// A panic elsewhere must not take people's work away: the client leaves nothing half done in memory that is not half
/// done in its store, and there every group of writes stands or falls together.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Client, UnixMs) -> T) -> T {
        let done = self.with_quietly(work);
        self.work.notify_one();
        done
    }

    fn with_quietly<T>(&self, work: impl FnOnce(&mut Client, UnixMs) -> T) -> T {
        let mut client = lock(&self.client);
        let done = work(&mut client, (self.clock)());
        let revision = client.revision();
        drop(client);
        self.revision.send_if_modified(|known| std::mem::replace(known, revision) != revision);
        self.activity.send_modify(|count| *count += 1);
        done
    }

    fn handle(&self, input: Input<'_>) {
        if let Err(error) = self.with_quietly(|client, now| client.handle(now, input)) {
            tracing::warn!(%error, "what the link brought could not be stored");
        }
    }

    /// The moment of the timeout has come by waiting for it, whatever an injected clock says.
    fn timeout(&self, due: UnixMs) {
        if let Err(error) = self.with_quietly(|client, now| client.handle(now.max(due), Input::Timeout)) {
            tracing::warn!(%error, "a timeout");
        }
    }

    fn target(&self) -> Option<Target> {
        let client = lock(&self.client);
        let enrolled = client.enrolment()?;
        let (server, token) = (enrolled.server.clone(), enrolled.token.clone());
        Some(Target { server, token, trust: self.trust.clone(), signer: client.signer() })
    }
}

/// A link, and what has come of it.
struct Standing {
    link: Link,
    way: Way,
    opened: Instant,
    heard: bool,
}

impl Shared {
    fn open(&self) -> Option<Standing> {
        let target = self.target()?;
        let way = lock(&self.ways).next(self.since.elapsed());
        Some(Standing { link: Link::open(target, way, self.traffic.clone()), way, opened: Instant::now(), heard: false })
    }

    /// The server was heard.
    fn heard(&self, link: &mut Option<Standing>) {
        let Some(standing) = link.as_mut().filter(|standing| !standing.heard) else { return };
        standing.heard = true;
        lock(&self.ways).taken(standing.way, true, self.since.elapsed());
    }

    /// A link is over, by this end's wish or not.
    fn ended(&self, standing: Option<Standing>, by_wish: bool) {
        let Some(Standing { way, opened, heard, .. }) = standing else { return };
        if !heard && (!by_wish || opened.elapsed() > TIME_ENOUGH) {
            lock(&self.ways).taken(way, false, self.since.elapsed());
        }
    }
}

/// Does what the client asks, and tells it what happens, until it is aborted.
pub(crate) async fn drive(shared: Arc<Shared>) {
    let mut link: Option<Standing> = None;
    loop {
        while let Some(output) = { lock(&shared.client).poll_output() } {
            match output {
                Output::Connect => link = shared.open(),
                Output::Send(bytes) => link.iter().for_each(|standing| standing.link.send(bytes.clone())),
                Output::Disconnect => shared.ended(link.take(), true),
            }
        }
        link.iter().for_each(|standing| standing.link.said());
        let due = { lock(&shared.client).poll_timeout() };
        tokio::select! {
            () = shared.work.notified() => {}
            () = shared.traffic.moved() => shared.handle(Input::LinkMoved),
            event = next(&mut link) => happened(&shared, &mut link, event),
            due = reach(due, &shared.clock) => shared.timeout(due),
        }
    }
}

fn happened(shared: &Shared, link: &mut Option<Standing>, event: LinkEvent) {
    match event {
        LinkEvent::SignedIn(token) => shared.handle(Input::SignedIn(token)),
        LinkEvent::Connected => shared.handle(Input::Connected),
        LinkEvent::Frame(bytes) => {
            shared.heard(link);
            shared.handle(Input::Frame(&bytes));
        }
        LinkEvent::TurnedAway(bye) => {
            // Whoever turns a device away was reached.
            shared.heard(link);
            shared.ended(link.take(), false);
            shared.handle(Input::TurnedAway(bye));
        }
        LinkEvent::Visited => {
            shared.ended(link.take(), false);
            shared.handle(Input::Visited);
        }
        LinkEvent::Gone => {
            shared.ended(link.take(), false);
            shared.handle(Input::Disconnected);
        }
    }
}

async fn next(link: &mut Option<Standing>) -> LinkEvent {
    match link {
        Some(standing) => standing.link.event().await,
        None => std::future::pending().await,
    }
}

async fn reach(due: Option<UnixMs>, clock: &Clock) -> UnixMs {
    let Some(due) = due else { return std::future::pending().await };
    let wait = (due - clock()).0.max(0).unsigned_abs();
    tokio::time::sleep(Duration::from_millis(wait)).await;
    due
}
