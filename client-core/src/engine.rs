//! The life of a connection: when to connect, what to say first, whether the link is alive, when to try again.
//!
//! It knows no clock, no socket and no store. What the server says is handed up as [`Output::Deliver`]; batches are
//! handed down when it asks with [`Output::Fill`].

mod link;

use std::collections::VecDeque;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use renolog_protocol::batch::RawBatch;
use renolog_protocol::id::{DeviceId, FeedId, Link};
use renolog_protocol::limits;
use renolog_protocol::session::device::{DeviceSession, Event, Greeting};
use renolog_protocol::session::{ByeCode, PeerError};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::{Bye, Cursor};

use link::Connection;

/// How long a device that was turned away for good waits before it asks again: an hour's answer is the same as a
/// second's, but somebody may have put things right. A nudge asks at once.
const TURNED_AWAY: SpanMs = SpanMs::from_secs(15 * 60);

/// How long a device that visits waits before it looks for news, when it has none itself; up to twice as long, so that a
/// thousand do not come in the same second.
const VISIT_AGAIN: SpanMs = SpanMs::from_secs(30);

/// How long a link that somebody is waiting for may stay silent: less than one that only keeps itself company.
const NUDGED_PATIENCE: SpanMs = SpanMs::from_secs(20);

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// Be connected from now on.
    Start,
    /// Be offline from now on.
    Stop,
    /// The connection that [`Output::Connect`] asked for stands; the greeting is what the device says of itself.
    Connected(Greeting),
    /// A message arrived.
    Frame(&'a [u8]),
    /// The connection is gone, or never came about.
    Disconnected,
    /// The connection was a visit, and is over: what left with the greeting is answered, what was said later did not leave.
    Visited,
    /// The server would not open the connection, and said why.
    TurnedAway(Bye),
    /// Bytes moved on the link: some came in, or some that had to wait went out. Bytes that merely fitted into a buffer
    /// do not count, or a dead link would look alive for as long as the buffer takes.
    LinkMoved,
    /// Someone looks at the screen, or the network changed: now is a better time than any.
    Nudge,
    /// There is something new to send.
    OutboxGrew,
    /// A batch, as an answer to [`Output::Fill`].
    Push(RawBatch),
    /// One more feed is wanted.
    Follow(Cursor, Option<Link>),
    /// What was delivered could not be stored: end the connection, and have the server send it again later.
    NotStored,
    /// The moment of [`Engine::poll_timeout`] has come.
    Timeout,
}

/// What to do next.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Open a connection; answer with [`Input::Connected`], [`Input::Disconnected`] or [`Input::TurnedAway`].
    Connect,
    /// Send this message.
    Send(Vec<u8>),
    /// Close the connection, or stop trying to open it. Needs no answer.
    Disconnect,
    /// Store this. What comes out together belongs together.
    Deliver(Event),
    /// There is room for pushes: hand in batches with [`Input::Push`] while there is [`Engine::room`].
    Fill,
}

#[derive(Debug)]
enum Phase {
    Off,
    Waiting {
        until: UnixMs,
    },
    /// Between two visits. The next comes at once where there is something to send.
    Resting {
        until: UnixMs,
    },
    Connecting,
    Open(Box<Connection>),
}

/// The state machine of a device's connection.
///
/// # Contract
/// Feed every event to [`Engine::handle`]; then take [`Output`]s from [`Engine::poll_output`] until there is none. Call
/// `handle` with [`Input::Timeout`] at the moment [`Engine::poll_timeout`] names; sooner or later does no harm. Times are
/// the device's clock and may jump: a jump makes the engine ask or try at once, nothing worse.
///
/// At most one connection is asked for at a time. After [`Output::Disconnect`] inputs of the old connection must not be
/// fed in any more. `Connected` is followed by `Send` of the greeting and by `Fill`, so that greeting and pushes leave in
/// one flight. Waits between attempts are drawn evenly between nothing and a bound that doubles from
/// [`limits::BACKOFF_FIRST`] to [`limits::BACKOFF_MAX`], so that a thousand phones do not come back in the same second.
#[derive(Debug)]
pub struct Engine {
    phase: Phase,
    attempts: u32,
    last_bye: Option<Bye>,
    rng: ChaCha8Rng,
    out: VecDeque<Output>,
}

impl Engine {
    /// An engine that is off. The generator spreads the waits.
    pub fn new(rng: ChaCha8Rng) -> Self {
        Self { phase: Phase::Off, attempts: 0, last_bye: None, rng, out: VecDeque::new() }
    }

    /// Takes in what happened at `now`.
    pub fn handle(&mut self, now: UnixMs, input: Input<'_>) {
        match input {
            Input::Start => self.start(),
            Input::Stop => self.stop(),
            Input::Connected(greeting) => self.connected(now, greeting),
            Input::Frame(bytes) => self.frame(now, bytes),
            Input::Disconnected => self.lost(now),
            Input::Visited => self.visited(now),
            Input::TurnedAway(bye) => {
                self.last_bye = Some(bye);
                self.lost(now);
            }
            Input::LinkMoved => self.moved(now),
            Input::Nudge => self.nudge(now),
            Input::OutboxGrew if matches!(self.phase, Phase::Resting { .. }) => self.connect(),
            Input::OutboxGrew => self.fill(),
            Input::Push(batch) => self.push(batch),
            Input::Follow(cursor, link) => self.follow(cursor, link),
            Input::NotStored => self.give_up(now),
            Input::Timeout => self.timeout(now),
        }
    }

    /// The next thing to do, if any.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When to call [`Engine::handle`] with [`Input::Timeout`], if nothing else happens before.
    pub fn poll_timeout(&self) -> Option<UnixMs> {
        match &self.phase {
            Phase::Off | Phase::Connecting => None,
            Phase::Waiting { until } | Phase::Resting { until } => Some(*until),
            Phase::Open(link) => Some(link.tell_at.map_or(link.deadline(), |tell| tell.min(link.deadline()))),
        }
    }

    /// How many more batches may be pushed now.
    pub fn room(&self) -> usize {
        self.session().map_or(0, DeviceSession::room)
    }

    /// Whether a batch was sent on this connection and waits for its receipt.
    pub fn awaits(&self, device: DeviceId, number: u64) -> bool {
        self.session().is_some_and(|session| session.awaits(device, number))
    }

    /// Whether there is a connection.
    pub fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Open(_))
    }

    /// Whether the server has answered the greeting.
    pub fn is_welcomed(&self) -> bool {
        self.session().is_some_and(DeviceSession::is_welcomed)
    }

    /// Whether the device is to be connected at all.
    pub fn is_on(&self) -> bool {
        !matches!(self.phase, Phase::Off)
    }

    /// Whether the server has answered, and all that was there when it did has come; between two visits, of the last.
    pub fn is_caught_up(&self) -> bool {
        matches!(self.phase, Phase::Resting { .. }) || self.session().is_some_and(|session| !session.is_catching_up())
    }

    /// Whether a feed still lacks something of what was there when the server answered.
    pub fn is_behind(&self, feed: FeedId) -> bool {
        self.session().is_some_and(|session| session.is_behind(feed))
    }

    /// What the server said when it last ended a connection or would not open one; forgotten once one stands.
    pub fn last_bye(&self) -> Option<&Bye> {
        self.last_bye.as_ref()
    }

    /// The conversation on the connection that stands.
    pub(crate) fn session(&self) -> Option<&DeviceSession> {
        match &self.phase {
            Phase::Open(link) => Some(&link.session),
            _ => None,
        }
    }

    fn start(&mut self) {
        if matches!(self.phase, Phase::Off) {
            self.attempts = 0;
            self.connect();
        }
    }

    fn stop(&mut self) {
        if matches!(self.phase, Phase::Connecting | Phase::Open(_)) {
            self.out.push_back(Output::Disconnect);
        }
        self.phase = Phase::Off;
    }

    fn connect(&mut self) {
        self.phase = Phase::Connecting;
        self.out.push_back(Output::Connect);
    }

    fn connected(&mut self, now: UnixMs, greeting: Greeting) {
        if !matches!(self.phase, Phase::Connecting) {
            return;
        }
        let (session, hello) = DeviceSession::open(greeting);
        self.out.push_back(Output::Send(hello));
        self.phase = Phase::Open(Box::new(Connection::new(session, now)));
        self.fill();
    }

    fn frame(&mut self, now: UnixMs, bytes: &[u8]) {
        self.moved(now);
        let Phase::Open(link) = &mut self.phase else { return };
        match link.session.handle(bytes) {
            Ok(events) => events.into_iter().for_each(|event| self.event(now, event)),
            Err(error) => {
                tracing::warn!(%error, "the server broke the protocol");
                if let PeerError::Unpackable(bad) = error {
                    self.out.push_back(Output::Deliver(Event::Unpackable(bad)));
                }
                self.give_up(now);
            }
        }
    }

    fn event(&mut self, now: UnixMs, event: Event) {
        let Phase::Open(link) = &mut self.phase else { return };
        let mut fill = false;
        match &event {
            Event::Welcomed { .. } => self.last_bye = None,
            Event::Bye(bye) => {
                self.last_bye = Some(bye.clone());
                self.out.push_back(Output::Deliver(event));
                return self.give_up(now);
            }
            Event::NotUnderstood(_) => {
                self.out.push_back(Output::Deliver(event));
                return self.give_up(now);
            }
            Event::Receipt { .. } => (link.fruitful, fill) = (true, true),
            Event::Items { upto, .. } => {
                link.fruitful = true;
                link.unseen.insert(upto.feed, *upto);
                link.tell_at = Some(now + limits::SEEN_AFTER);
                // A feed that recovered may have something to send again.
                fill = !link.session.is_behind(upto.feed);
            }
            Event::Chunk { begun, last, left_out, .. } => {
                link.fruitful = true;
                if *last || *left_out {
                    let upto = Cursor { feed: begun.feed, epoch: begun.epoch, seq: begun.mark.seq };
                    link.unseen.insert(upto.feed, upto);
                    link.tell_at = Some(now + limits::SEEN_AFTER);
                    fill = !link.session.is_behind(upto.feed);
                }
            }
            Event::Granted { from, .. } => {
                fill = from.is_some();
            }
            Event::Roster { .. }
            | Event::Schema(_)
            | Event::Calendar(_)
            | Event::Token(_)
            | Event::Rewritten(_)
            | Event::Unpackable(_) => {}
        }
        self.out.push_back(Output::Deliver(event));
        if fill {
            self.fill();
        }
    }

    fn fill(&mut self) {
        if self.room() > 0 && !self.out.contains(&Output::Fill) {
            self.out.push_back(Output::Fill);
        }
    }

    fn push(&mut self, batch: RawBatch) {
        if let Phase::Open(link) = &mut self.phase {
            self.out.extend(link.session.push_raw(batch).map(Output::Send));
        }
    }

    fn follow(&mut self, cursor: Cursor, at: Option<Link>) {
        if let Phase::Open(link) = &mut self.phase
            && link.session.is_welcomed()
        {
            self.out.push_back(Output::Send(link.session.follow(cursor, at)));
        }
    }

    fn moved(&mut self, now: UnixMs) {
        if let Phase::Open(link) = &mut self.phase {
            (link.last_moved, link.give_up_at) = (now, None);
        }
    }

    fn nudge(&mut self, now: UnixMs) {
        match &mut self.phase {
            Phase::Off | Phase::Connecting => {}
            Phase::Waiting { .. } | Phase::Resting { .. } => {
                self.attempts = 0;
                self.connect();
            }
            Phase::Open(link) => {
                if link.give_up_at.is_none() {
                    link.ask(&mut self.out);
                }
                link.give_up_at = Some(now + NUDGED_PATIENCE);
            }
        }
    }

    fn timeout(&mut self, now: UnixMs) {
        match &mut self.phase {
            Phase::Off | Phase::Connecting => {}
            // A clock set back by hours must not keep the device silent for hours.
            Phase::Waiting { until } | Phase::Resting { until } if now < *until && *until - now <= TURNED_AWAY => {}
            Phase::Waiting { .. } | Phase::Resting { .. } => self.connect(),
            Phase::Open(link) => {
                if link.tell_at.is_some_and(|tell| tell <= now) {
                    link.tell(&mut self.out);
                }
                link.mind_the_clock(now);
                match link.give_up_at {
                    Some(at) if at <= now => self.give_up(now),
                    None if link.deadline() <= now => {
                        link.ask(&mut self.out);
                        link.give_up_at = Some(now + limits::SILENT);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Ends the connection from this side.
    fn give_up(&mut self, now: UnixMs) {
        if matches!(self.phase, Phase::Connecting | Phase::Open(_)) {
            self.out.push_back(Output::Disconnect);
            self.lost(now);
        }
    }

    fn visited(&mut self, now: UnixMs) {
        let Phase::Open(link) = &self.phase else { return self.lost(now) };
        let more = link.session.is_catching_up() || link.session.is_awaiting();
        match (more, link.fruitful) {
            (false, _) => {
                self.attempts = 0;
                let longer = self.rng.next_u64() % VISIT_AGAIN.0.unsigned_abs();
                self.phase = Phase::Resting { until: now + VISIT_AGAIN + SpanMs(longer.cast_signed()) };
            }
            (true, true) => self.connect(),
            (true, false) => self.lost(now),
        }
    }

    fn lost(&mut self, now: UnixMs) {
        let (was_open, fruitful) = match &self.phase {
            Phase::Off | Phase::Waiting { .. } | Phase::Resting { .. } => return,
            Phase::Connecting => (false, false),
            Phase::Open(link) => (true, link.fruitful),
        };
        let bye = self.last_bye.as_ref();
        if was_open && fruitful && bye.is_none() {
            self.attempts = 0;
        }
        let wait = match bye {
            Some(bye) if is_for_good(&bye.code) => TURNED_AWAY,
            Some(Bye { retry_after: Some(after), .. }) => SpanMs(after.0.clamp(0, TURNED_AWAY.0) + self.draw().0),
            _ => self.draw(),
        };
        self.attempts = self.attempts.saturating_add(1);
        self.phase = Phase::Waiting { until: now + wait };
    }

    /// Full jitter: anything between nothing and the bound.
    fn draw(&mut self) -> SpanMs {
        let doubled = limits::BACKOFF_FIRST.0.saturating_mul(1 << self.attempts.min(20));
        let bound = doubled.min(limits::BACKOFF_MAX.0).unsigned_abs();
        SpanMs((self.rng.next_u64() % (bound + 1)).cast_signed())
    }
}

/// Whether trying again can only help after someone has done something.
fn is_for_good(code: &str) -> bool {
    [ByeCode::NotAllowed, ByeCode::Incompatible, ByeCode::UnknownDevice].iter().any(|for_good| for_good.as_str() == code)
}

#[cfg(test)]
mod tests;
