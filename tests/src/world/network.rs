//! The network between phones and the server: messages take their time, and links die in every way links die.
//!
//! It knows links and messages, and of messages only which are pushes. Within one link messages keep their order in each direction, as on a
//! websocket; between links nothing is promised.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::Frame;

use super::PhoneId;

/// One connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LinkId(u64);

/// Something that happens at a moment.
#[derive(Debug, PartialEq)]
pub(super) enum Event {
    /// The connection a phone asked for stands.
    Opened(LinkId),
    /// It did not come about.
    Failed(LinkId),
    /// A message reaches the server.
    Up(LinkId, Vec<u8>),
    /// A message reaches the phone.
    Down(LinkId, Vec<u8>),
    /// The phone learns that the link is gone.
    PhoneHearsTheEnd(LinkId),
    /// The server learns that the link is gone.
    ServerHearsTheEnd(LinkId),
    /// The server writes what waits to be written.
    Commit,
    /// The server is back.
    ServerIsUp,
}

impl Event {
    fn link(&self) -> Option<LinkId> {
        match self {
            Self::Opened(link)
            | Self::Failed(link)
            | Self::Up(link, _)
            | Self::Down(link, _)
            | Self::PhoneHearsTheEnd(link)
            | Self::ServerHearsTheEnd(link) => Some(*link),
            Self::Commit | Self::ServerIsUp => None,
        }
    }
}

#[derive(Debug)]
struct Link {
    phone: PhoneId,
    /// When the latest message of each direction arrives: the next one comes later.
    up: UnixMs,
    down: UnixMs,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Network {
    queue: BTreeMap<(UnixMs, u64), Event>,
    happened: u64,
    links: BTreeMap<LinkId, Link>,
    /// Links that swallow everything, whether or not their ends have heard.
    dead: BTreeSet<LinkId>,
    /// Messages handed in since the beginning.
    pub(super) messages: u64,
    /// The message that is not delivered, and whose link dies with it.
    pub(super) cut_at: Option<CutAt>,
}

/// Which message takes its link with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CutAt {
    /// By its number from the beginning.
    Message(u64),
    /// The next push of a phone.
    PushOf(PhoneId),
}

impl Network {
    pub(super) fn plan(&mut self, at: UnixMs, event: Event) {
        self.happened += 1;
        self.queue.insert((at, self.happened), event);
    }

    pub(super) fn next_at(&self) -> Option<UnixMs> {
        self.queue.keys().next().map(|(at, _)| *at)
    }

    pub(super) fn next(&mut self) -> Option<Event> {
        self.queue.pop_first().map(|(_, event)| event)
    }

    pub(super) fn is_planned(&self, event: &Event) -> bool {
        self.queue.values().any(|planned| planned == event)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn new_link(&mut self, phone: PhoneId, now: UnixMs) -> LinkId {
        self.happened += 1;
        let id = LinkId(self.happened);
        self.links.insert(id, Link { phone, up: now, down: now });
        id
    }

    pub(super) fn phone(&self, link: LinkId) -> PhoneId {
        self.links[&link].phone
    }

    /// Takes a message for delivery. Answers whether the link survived.
    pub(super) fn send(&mut self, now: UnixMs, link: LinkId, delay: SpanMs, up: bool, bytes: Vec<u8>) -> bool {
        self.messages += 1;
        if self.dead.contains(&link) {
            return true;
        }
        let ends = self.links.get_mut(&link).expect("links are remembered");
        let cut = match self.cut_at {
            Some(CutAt::Message(number)) => number == self.messages - 1,
            Some(CutAt::PushOf(phone)) => {
                let is_push = |frame: &Frame| matches!(frame, Frame::Push(_) | Frame::PackedPush(_) | Frame::ShortPush(_));
                up && ends.phone == phone && Frame::decode(&bytes).is_ok_and(|frame| is_push(&frame))
            }
            None => false,
        };
        if cut {
            self.cut_at = None;
            return false;
        }
        let last = if up { &mut ends.up } else { &mut ends.down };
        *last = (*last).max(now + delay);
        let at = *last;
        self.plan(at, if up { Event::Up(link, bytes) } else { Event::Down(link, bytes) });
        true
    }

    /// The end of a link. What is under way on it is lost: all of it, or all but what goes to the server, which arrives
    /// `late`.
    pub(super) fn kill(&mut self, link: LinkId, late: Option<SpanMs>) {
        let under_way: Vec<(UnixMs, u64)> =
            self.queue.iter().filter(|(_, event)| event.link() == Some(link)).map(|(at, _)| *at).collect();
        for at in under_way {
            let event = self.queue.remove(&at).expect("it was just seen");
            if let (Some(late), Event::Up(..)) = (late, &event) {
                self.queue.insert((at.0 + late, at.1), event);
            }
        }
        self.dead.insert(link);
    }

    /// The moment after everything that is under way to the server on this link.
    pub(super) fn after_everything_up(&self, link: LinkId, now: UnixMs) -> UnixMs {
        let up = self.queue.iter().filter(|(_, event)| matches!(event, Event::Up(of, _) if *of == link)).map(|((at, _), _)| *at);
        up.max().unwrap_or(now).max(now)
    }

    /// The same to the phone.
    pub(super) fn after_everything_down(&self, link: LinkId, now: UnixMs) -> UnixMs {
        let down =
            self.queue.iter().filter(|(_, event)| matches!(event, Event::Down(of, _) if *of == link)).map(|((at, _), _)| *at);
        down.max().unwrap_or(now).max(now)
    }

    pub(super) fn is_dead(&self, link: LinkId) -> bool {
        self.dead.contains(&link)
    }
}

/// A number of milliseconds from a range.
pub(super) fn draw(rng: &mut ChaCha8Rng, range: &RangeInclusive<i64>) -> SpanMs {
    let width = (range.end() - range.start()).unsigned_abs() + 1;
    SpanMs(range.start() + (rng.next_u64() % width).cast_signed())
}
