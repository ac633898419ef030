//! The device's end of one connection.
//!
//! # Contract
//! Make one per connection with [`DeviceSession::open`] and send what it returns, then the batches that
//! [`DeviceSession::push`] takes, in the same flight. Give every message to [`DeviceSession::handle`] and act on the
//! [`Event`]s in order. Any [`PeerError`] means: end the connection and try again later; nothing that was stored is wrong.

use std::collections::{BTreeMap, BTreeSet};

use super::PeerError;
use super::server::resume_at;
use crate::batch::{Batch, RawBatch};
use crate::id::{CommunityId, DeviceId, Epoch, FeedId, Seq};
use crate::limits;
use crate::roster::Roster;
use crate::time::UnixMs;
use crate::wire::{
    Bye, Cursor, Follow, Frame, Grant, Hello, Items, Ping, Push, Receipt, RosterVersion, Ruled, Seen, Unfollow, VERSION, Visit,
};

/// What the server said, ready to be acted on.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The connection stands.
    Welcomed {
        /// The server's clock.
        server_time: UnixMs,
        /// Which life of its store. Where it differs from a feed's, the feed starts from the beginning, and changes that
        /// were acknowledged in another life are to be sent again.
        epoch: Epoch,
    },
    /// Whether a feed may be read, and from where it goes on.
    Granted {
        /// Which.
        feed: FeedId,
        /// The position from which the server goes on; `None`: it may not be read, drop what is stored of it.
        from: Option<Cursor>,
    },
    /// What became of a batch.
    Receipt {
        /// The device that signed it.
        device: DeviceId,
        /// Its number there.
        number: u64,
        /// One ruling a change.
        rulings: Vec<Ruled>,
    },
    /// A stretch of a feed.
    Items {
        /// Everything up to here is stored once the items are.
        upto: Cursor,
        /// What is new.
        items: Vec<Arrived>,
    },
    /// The members of a community.
    Roster {
        /// Which.
        community: CommunityId,
        /// Its name.
        name: String,
        /// Who is who.
        roster: Roster,
    },
    /// New rules, as a schema file.
    Schema(String),
    /// Other working days, as a calendar file.
    Calendar(String),
    /// The server ends the connection.
    Bye(Bye),
}

/// A change that arrived in a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Its position.
    pub seq: Seq,
    /// Who brought it, and when.
    pub visit: Visit,
    /// The record and the change chunk.
    pub change: crate::batch::RawChange,
}

/// What a device says of itself when it connects.
#[derive(Debug, Clone)]
pub struct Greeting {
    /// Which device.
    pub device: DeviceId,
    /// The version of the schema it obeys.
    pub schema: u32,
    /// The fingerprint of the calendar it counts by.
    pub calendar: u64,
    /// Its clock.
    pub device_time: UnixMs,
    /// What it follows, at most [`limits::FEEDS`].
    pub feeds: Vec<Cursor>,
    /// The rosters it has.
    pub rosters: Vec<RosterVersion>,
}

/// See the module.
#[derive(Debug)]
pub struct DeviceSession {
    cursors: BTreeMap<FeedId, Cursor>,
    /// The last position of each feed when it was granted.
    heads: BTreeMap<FeedId, Seq>,
    epoch: Option<Epoch>,
    in_flight: BTreeSet<(DeviceId, u64)>,
}

impl DeviceSession {
    /// Begins the conversation; the bytes are the first message to send.
    pub fn open(greeting: Greeting) -> (Self, Vec<u8>) {
        let cursors = greeting.feeds.iter().take(limits::FEEDS).map(|cursor| (cursor.feed, *cursor)).collect();
        let bounded = |mut rosters: Vec<RosterVersion>| {
            rosters.truncate(limits::FEEDS);
            rosters.try_into().expect("cut to its bound")
        };
        let hello = Hello {
            oldest: VERSION,
            newest: VERSION,
            device: greeting.device,
            schema: greeting.schema,
            device_time: greeting.device_time,
            feeds: greeting.feeds.into_iter().take(limits::FEEDS).collect::<Vec<_>>().try_into().expect("cut to its bound"),
            rosters: bounded(greeting.rosters),
            calendar: Some(greeting.calendar),
        };
        (Self { cursors, heads: BTreeMap::new(), epoch: None, in_flight: BTreeSet::new() }, Frame::from(hello).encode())
    }

    /// How many more pushes may leave before a receipt comes.
    pub fn room(&self) -> usize {
        limits::PUSHES_IN_FLIGHT.saturating_sub(self.in_flight.len())
    }

    /// Whether this batch was sent on this connection and waits for its receipt.
    pub fn awaits(&self, device: DeviceId, number: u64) -> bool {
        self.in_flight.contains(&(device, number))
    }

    /// The message that carries a batch, if there is [room](Self::room) and it is not under way already.
    pub fn push(&mut self, batch: &Batch) -> Option<Vec<u8>> {
        self.push_raw(batch.to_raw())
    }

    /// The same for a batch that is carried as it was stored.
    pub fn push_raw(&mut self, batch: RawBatch) -> Option<Vec<u8>> {
        let name = (batch.device, batch.number);
        if self.room() == 0 || !self.in_flight.insert(name) {
            return None;
        }
        Some(Frame::from(Push { batch }).encode())
    }

    /// Whether the server has answered the greeting.
    pub fn is_welcomed(&self) -> bool {
        self.epoch.is_some()
    }

    /// Whether a feed still lacks something of what it held when it was granted.
    pub fn is_behind(&self, feed: FeedId) -> bool {
        let head = self.heads.get(&feed);
        head.is_some_and(|head| self.cursors.get(&feed).is_some_and(|cursor| cursor.seq < *head))
    }

    /// Whether anything is still to come of what was there when the server answered, its answer included.
    pub fn is_catching_up(&self) -> bool {
        !self.is_welcomed() || self.heads.keys().any(|feed| self.is_behind(*feed))
    }

    /// Asks for one more feed. The answer is an [`Event::Granted`].
    pub fn follow(&mut self, from: Cursor) -> Vec<u8> {
        self.cursors.insert(from.feed, from);
        Frame::from(Follow { from }).encode()
    }

    /// Wants a feed no longer.
    pub fn unfollow(&mut self, feed: FeedId) -> Vec<u8> {
        self.cursors.remove(&feed);
        Frame::from(Unfollow { feed }).encode()
    }

    /// Tells how far a feed is stored.
    pub fn seen(&self, upto: Cursor) -> Vec<u8> {
        Frame::from(Seen { upto }).encode()
    }

    /// Asks for a sign of life.
    pub fn ping(&self, number: u64) -> Vec<u8> {
        Frame::from(Ping { number }).encode()
    }

    /// Takes in one message.
    ///
    /// # Errors
    /// [`PeerError`] when the server breaks the protocol; the connection must end.
    pub fn handle(&mut self, bytes: &[u8]) -> Result<Vec<Event>, PeerError> {
        Ok(match Frame::decode(bytes)? {
            Frame::Welcome(welcome) if self.epoch.is_none() => {
                self.epoch = Some(welcome.epoch);
                let mut events = vec![Event::Welcomed { server_time: welcome.server_time, epoch: welcome.epoch }];
                events.extend(welcome.feeds.iter().map(|grant| self.granted(*grant, welcome.epoch)));
                events
            }
            Frame::Bye(bye) => vec![Event::Bye(bye)],
            // These may come before the welcome, so that whoever is welcomed knows the rules, the working days and the
            // members.
            Frame::Roster(frame) => vec![Event::Roster { community: frame.community, name: frame.name, roster: frame.roster }],
            Frame::Schema(frame) => vec![Event::Schema(frame.text)],
            Frame::Calendar(frame) => vec![Event::Calendar(frame.text)],
            Frame::Pong(_) | Frame::Sorry(_) | Frame::Unknown(_) => Vec::new(),
            frame => self.handle_open(frame)?,
        })
    }

    fn handle_open(&mut self, frame: Frame) -> Result<Vec<Event>, PeerError> {
        let Some(epoch) = self.epoch else { return Err(PeerError::OutOfTurn("a frame before its welcome")) };
        Ok(match frame {
            Frame::Grants(grants) => grants.feeds.iter().map(|grant| self.granted(*grant, epoch)).collect(),
            Frame::Receipt(receipt) => vec![self.receipt(receipt)],
            Frame::Items(items) => self.items(items, epoch)?,
            Frame::Welcome(_) => return Err(PeerError::OutOfTurn("a second welcome")),
            _ => return Err(PeerError::OutOfTurn("a device's frame")),
        })
    }

    fn granted(&mut self, grant: Grant, epoch: Epoch) -> Event {
        let asked = self.cursors.get(&grant.feed).copied();
        let from = match (grant.head, asked) {
            (Some(head), Some(asked)) => Some(Cursor { feed: grant.feed, epoch, seq: resume_at(asked, epoch, head) }),
            _ => None,
        };
        match grant.head {
            Some(head) => self.heads.insert(grant.feed, head),
            None => self.heads.remove(&grant.feed),
        };
        match from {
            Some(from) => self.cursors.insert(grant.feed, from),
            None => self.cursors.remove(&grant.feed),
        };
        Event::Granted { feed: grant.feed, from }
    }

    fn receipt(&mut self, receipt: Receipt) -> Event {
        self.in_flight.remove(&(receipt.device, receipt.number));
        Event::Receipt { device: receipt.device, number: receipt.number, rulings: receipt.rulings.into_iter().collect() }
    }

    fn items(&mut self, frame: Items, epoch: Epoch) -> Result<Vec<Event>, PeerError> {
        let feed = frame.feed;
        // A feed given up while its page was under way.
        let Some(cursor) = self.cursors.get_mut(&feed) else { return Ok(Vec::new()) };
        let within = frame.items.iter().all(|item| frame.after < item.seq && item.seq <= frame.upto);
        let ordered = frame.items.windows(2).all(|pair| pair[0].seq < pair[1].seq);
        if cursor.seq != frame.after || frame.upto < frame.after || !within || !ordered {
            return Err(PeerError::Gap { feed });
        }
        *cursor = Cursor { feed, epoch, seq: frame.upto };
        let visits = frame.visits;
        let items = frame.items.into_iter().map(|item| {
            let visit = visits.get(item.visit as usize).ok_or(PeerError::Dangling)?.clone();
            Ok(Arrived { seq: item.seq, visit, change: item.change })
        });
        Ok(vec![Event::Items { upto: Cursor { feed, epoch, seq: frame.upto }, items: items.collect::<Result<_, PeerError>>()? }])
    }
}
