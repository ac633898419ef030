//! The server of a simulation: the real write path, sessions, reception and hub, driven by hand.
//!
//! It does what `renolog_server::live` and `renolog_server::writer` do, without sockets and threads: pushes wait for a
//! commit that takes several of them at once, and a connection sends one message after another.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use futures_util::FutureExt;
use renolog_protocol::calendar::Calendar;
use renolog_protocol::codec::Parcel;
use renolog_protocol::id::{DeviceId, FeedId, Seq};
use renolog_protocol::schema::Schema;
use renolog_protocol::session::ByeCode;
use renolog_protocol::session::server::{Input, Output, ServerSession};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::Place;
use renolog_server::command::{Command, Push, Saw, Stamped};
use renolog_server::hub::{Hub, Wake};
use renolog_server::ingest::{Ingest, IngestError, Outcome, Rejection};
use renolog_server::reception;
use renolog_server::rosters::Rosters;
use renolog_server::snapshot;
use renolog_server::store::{Column, DeviceRow, Read, Store};

use super::network::LinkId;

/// When a server dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// With changes applied and not committed.
    BeforeTheCommit,
    /// With changes committed and no receipt sent.
    AfterTheCommit,
}

/// What a connection wants of the network.
#[derive(Debug)]
pub(super) enum Wish {
    Send(Vec<u8>),
    Close,
}

struct Connection {
    device: DeviceRow,
    session: ServerSession,
    wake: Arc<Wake>,
    listening: BTreeSet<FeedId>,
    skew: SpanMs,
    /// A message is on its way; the next one waits.
    sending: bool,
}

enum Job {
    Push { link: LinkId, carrier: DeviceId, skew: SpanMs, parcel: Box<Parcel> },
    Saw(Saw),
}

/// What became of a push, or why the connection ends.
type Answer = Result<Outcome, (ByeCode, String)>;

/// See the module.
pub(super) struct Server<S> {
    pub(super) ingest: Ingest<S>,
    schema: Arc<Schema>,
    hub: Hub,
    connections: BTreeMap<LinkId, Connection>,
    waiting: VecDeque<Job>,
    /// Every command that came, in order, whatever became of it, but for those that died with the server.
    pub(super) log: Vec<Stamped>,
}

impl<S: Store> Server<S> {
    pub(super) fn new(ingest: Ingest<S>) -> Self {
        let schema = ingest.schema().clone();
        Self { ingest, schema, hub: Hub::default(), connections: BTreeMap::new(), waiting: VecDeque::new(), log: Vec::new() }
    }

    /// Writes one command at once, as an operator would.
    pub(super) fn command(&mut self, now: UnixMs, command: Command) -> Result<Outcome, Rejection> {
        let outcome = self.apply(now, command)?;
        self.ingest.commit().expect("the store works");
        self.tell(&outcome);
        Ok(outcome)
    }

    fn apply(&mut self, received: UnixMs, command: Command) -> Result<Outcome, Rejection> {
        let stamped = Stamped::new(received, command);
        let applied = self.ingest.apply(&stamped);
        self.log.push(stamped);
        match applied {
            Ok(outcome) => Ok(outcome),
            Err(IngestError::Rejected(rejection)) => Err(rejection),
            Err(IngestError::Store(error)) => panic!("the store failed: {error}"),
        }
    }

    /// Tells everyone concerned what was done, once it is durable.
    fn tell(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Pushed(pushed) => {
                self.hub.grew(pushed.feed, &pushed.grown);
                pushed.late.iter().for_each(|receipt| self.hub.late(receipt));
            }
            Outcome::Settled(grown) | Outcome::Erased(grown) => {
                self.hub.grew(grown.feed, &grown.entries);
                grown.late.iter().for_each(|receipt| self.hub.late(receipt));
            }
            Outcome::Enrolled(_) | Outcome::StandingChanged => self.hub.roster_changed(),
            _ => {}
        }
    }

    pub(super) fn connect(&mut self, link: LinkId, device: DeviceId) {
        let device: DeviceRow = self.ingest.store().get(&[device.to_cell()]).expect("the store works").expect("it is enrolled");
        let (session, wake) = (ServerSession::new(device.id), self.hub.connect(device.id));
        let listening = BTreeSet::new();
        self.connections.insert(link, Connection { device, session, wake, listening, skew: SpanMs(0), sending: false });
    }

    pub(super) fn forget(&mut self, link: LinkId) {
        self.connections.remove(&link);
    }

    pub(super) fn links(&self) -> Vec<LinkId> {
        self.connections.keys().copied().collect()
    }

    pub(super) fn has_work(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn receive(&mut self, link: LinkId, bytes: &[u8]) {
        if let Some(connection) = self.connections.get_mut(&link) {
            connection.session.handle(Input::Frame(bytes));
        }
    }

    /// The message before has left; the next may.
    pub(super) fn sent(&mut self, link: LinkId) {
        if let Some(connection) = self.connections.get_mut(&link) {
            connection.sending = false;
        }
    }

    /// Does what the sessions ask for, until each of them waits for something.
    pub(super) fn pump(&mut self, now: UnixMs) -> Vec<(LinkId, Wish)> {
        let mut wishes = Vec::new();
        for link in self.links() {
            self.take_news(now, link);
            while let Some(wish) = self.pump_one(now, link) {
                wishes.push((link, wish));
            }
        }
        wishes
    }

    fn pump_one(&mut self, now: UnixMs, link: LinkId) -> Option<Wish> {
        loop {
            let connection = self.connections.get_mut(&link)?;
            if connection.sending {
                return None;
            }
            match connection.session.poll_output()? {
                Output::Send(bytes) => {
                    connection.sending = true;
                    return Some(Wish::Send(bytes));
                }
                Output::Share(bytes) => {
                    connection.sending = true;
                    return Some(Wish::Send(bytes.to_vec()));
                }
                Output::Introduce { device_time, cursors } => {
                    connection.skew = now - device_time;
                    let (store, device) = (self.ingest.store(), connection.device.id);
                    let introduction = reception::introduce(
                        store,
                        &Rosters::default(),
                        &self.schema,
                        &Calendar::built_in(),
                        device,
                        &cursors,
                        now,
                    )
                    .expect("the store works");
                    connection.session.handle(Input::Introduced(introduction));
                }
                Output::Submit(parcel) => {
                    let (carrier, skew) = (connection.device.id, connection.skew);
                    self.waiting.push_back(Job::Push { link, carrier, skew, parcel: Box::new(parcel) });
                }
                Output::Read { feed, after } => self.read(link, feed, after),
                Output::ReadChunk { feed, of, after } => self.read_chunk(link, feed, of, after),
                Output::Saw { feed, upto } => {
                    self.waiting.push_back(Job::Saw(Saw { device: connection.device.id, feed, upto }));
                }
                Output::Close => {
                    self.forget(link);
                    return Some(Wish::Close);
                }
            }
            self.listen(link);
        }
    }

    fn read(&mut self, link: LinkId, feed: FeedId, after: Seq) {
        let Some(connection) = self.connections.get_mut(&link) else { return };
        if let Some(stretch) = self.hub.tail(feed, after) {
            return connection.session.handle(Input::Stretch(stretch));
        }
        let entries = reception::page(self.ingest.store(), &self.schema, feed, after).expect("the store works");
        let head = entries.last().map_or(after, |entry| entry.seq);
        connection.session.handle(Input::Page { feed, entries, head });
    }

    /// As the shelf does, but that nothing is kept and every snapshot is of the position asked for.
    fn read_chunk(&mut self, link: LinkId, feed: FeedId, of: Option<Seq>, after: Place) {
        let head = reception::head(self.ingest.store(), feed).expect("the store works");
        let plan = snapshot::plan(self.ingest.store(), &self.schema, feed, of.unwrap_or(head)).expect("the store works");
        let after = if of.is_some() { after } else { Place::START };
        let chunk =
            plan.map(|plan| Arc::new(snapshot::chunk(self.ingest.store(), &self.schema, &plan, after).expect("the store works")));
        if let Some(connection) = self.connections.get_mut(&link) {
            connection.session.handle(Input::Chunk { feed, chunk });
        }
    }

    fn listen(&mut self, link: LinkId) {
        let Some(connection) = self.connections.get_mut(&link) else { return };
        let followed: Vec<FeedId> = connection.session.followed().collect();
        for feed in followed {
            if connection.listening.insert(feed)
                && let Some(head) = self.hub.listen(&connection.wake, feed)
            {
                connection.session.handle(Input::Grew(feed, head));
            }
        }
    }

    fn take_news(&mut self, now: UnixMs, link: LinkId) {
        let Some(connection) = self.connections.get_mut(&link) else { return };
        let Some(news) = connection.wake.news().now_or_never() else { return };
        for receipt in news.late {
            connection.session.handle(Input::JudgedLate(receipt));
        }
        for (feed, head) in news.grown {
            connection.session.handle(Input::Grew(feed, head));
        }
        if news.roster {
            let standings =
                reception::standings(self.ingest.store(), &Rosters::default(), &self.schema, connection.device.id, now);
            connection.session.handle(Input::Standings(standings.expect("the store works")));
        }
        self.listen(link);
    }

    /// Judges at most `most` of what waits and makes it durable at once; then answers, unless the server dies before. A
    /// connection may hear that its feed grew before it hears of its own push.
    pub(super) fn commit(&mut self, now: UnixMs, most: usize, news_first: bool, crash: Option<Crash>) {
        let (count, logged) = (most.min(self.waiting.len()), self.log.len());
        let jobs: Vec<Job> = self.waiting.drain(..count).collect();
        let mut answers = Vec::new();
        for job in jobs {
            match job {
                Job::Push { link, carrier, skew, parcel } => answers.push((link, self.judge(now, carrier, skew, *parcel))),
                Job::Saw(saw) => drop(self.apply(now, Command::Saw(saw))),
            }
        }
        if crash == Some(Crash::BeforeTheCommit) {
            self.log.truncate(logged);
            return self.die();
        }
        self.ingest.commit().expect("the store works");
        if crash == Some(Crash::AfterTheCommit) {
            return self.die();
        }
        for (link, answer) in answers {
            if let Ok(outcome) = &answer {
                self.tell(outcome);
            }
            if news_first {
                self.take_news(now, link);
            }
            self.answer(link, answer);
        }
    }

    fn judge(&mut self, now: UnixMs, carrier: DeviceId, skew: SpanMs, parcel: Parcel) -> Answer {
        let batch = reception::open_batch(self.ingest.store(), parcel).map_err(|why| (why.code(), why.to_string()))?;
        let judged = self.apply(now, Command::Push(Push { batch, carrier, skew }));
        judged.map_err(|rejection| (ByeCode::UnknownCommunity, rejection.to_string()))
    }

    fn answer(&mut self, link: LinkId, answer: Answer) {
        let Some(connection) = self.connections.get_mut(&link) else { return };
        connection.session.handle(match answer {
            Ok(Outcome::Pushed(pushed)) => {
                let placed = pushed.grown.iter().map(|entry| entry.seq).collect();
                Input::Judged { receipt: pushed.receipt, placed }
            }
            Ok(other) => panic!("a push came to {other:?}"),
            Err((code, why)) => Input::NotTaken(code, why),
        });
    }

    /// Everything that is only in memory is gone.
    pub(super) fn die(&mut self) {
        self.ingest.rollback().expect("the store works");
        (self.hub, self.waiting) = (Hub::default(), VecDeque::new());
        self.connections.clear();
    }
}
