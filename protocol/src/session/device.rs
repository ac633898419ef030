//! The device's end of one connection.
//!
//! # Contract
//! Make one per connection with [`DeviceSession::open`] and send what it returns, then the batches that
//! [`DeviceSession::push`] takes, in the same flight. Give every message to [`DeviceSession::handle`] and act on the
//! [`Event`]s in order. Any [`PeerError`] means: end the connection and try again later; nothing that was stored is wrong.

use super::PeerError;
use super::past::Past;
use super::server::resume_at;
use crate::batch::{Batch, RawBatch};
use crate::chain::{Brought, erasure, fingerprint};
use crate::change::{BadChange, Change};
use crate::codec::{BadPack, CHUNK_CODING, unpack_chunk};
use crate::id::{ChangeHash, CommunityId, DeviceId, Epoch, FeedId, Link, PersonId, RecordId, Seq};
use crate::limits;
use crate::roster::Roster;
use crate::sorted::SortedMap;
use crate::time::{SpanMs, UnixMs};
use crate::wire::{
    Begun, Bye, ChunkFrame, Common, Content, Cursor, Follow, Frame, Grant, Hello, Item, Items, Ping, Place, Push, Receipt,
    RosterVersion, Ruled, Ruling, Seen, Senseless, ShortHello, ShortReceipt, TokenFrame, Unfollow, VERSION, Visit, Welcome,
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
        /// When the batch came, by the server's clock.
        received: UnixMs,
        /// The server's clock minus the device's, at that time.
        skew: SpanMs,
    },
    /// A stretch of a feed.
    Items {
        /// Everything up to here is stored once the items are.
        upto: Cursor,
        /// The link there.
        link: Option<Link>,
        /// What is new.
        items: Vec<Arrived>,
    },
    /// Whole records, as a part of a snapshot.
    Chunk {
        /// Of which feed and position, and how far it has come with this part.
        begun: Begun,
        /// Where the parts before it ended; at the start, nothing of another snapshot counts any more.
        after: Place,
        /// Whether that was all: then the feed is stored up to the snapshot's position, if every entry up to there is, and
        /// if their links come to the snapshot's.
        last: bool,
        /// Whether the rest is left out, because the device saves data: the feed goes on from the snapshot's position, and
        /// `begun` says from where the rest may be had.
        left_out: bool,
        /// What is in it, by ascending position.
        items: Vec<Arrived>,
    },
    /// A part of a snapshot that cannot be unfolded here; the connection ends.
    Unpackable(BadPack),
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
    Schema(Vec<u8>),
    /// Other working days, as a calendar file.
    Calendar(Vec<u8>),
    /// What opens the next connections.
    Token(TokenFrame),
    /// What the server says of its past does not follow from what it said before: of one feed, or of some feed where it is
    /// not known yet which.
    Rewritten(Option<FeedId>),
    /// An older server does not know this kind of frame, with which the device introduced itself. It must say everything
    /// in full, on another connection.
    NotUnderstood(u32),
    /// The server ends the connection.
    Bye(Bye),
}

/// An entry that arrived in a feed.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrived {
    /// Its position.
    pub seq: Seq,
    /// Who brought it, and when.
    pub visit: Visit,
    /// The record.
    pub record: RecordId,
    /// The entry's name.
    pub hash: ChangeHash,
    /// What it is.
    pub entry: Entry,
}

/// What arrived.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A change.
    Change(Change),
    /// What this build cannot read as a change; a server of ours accepts no such thing.
    Unreadable(BadChange),
    /// A change whose words were erased since.
    Gone,
    /// The erasure of the record, and why: whoever has it deletes it.
    Erasure(String),
}

/// What a device says of itself when it connects.
#[derive(Debug, Clone)]
pub struct Greeting {
    /// Which device.
    pub device: DeviceId,
    /// Whose.
    pub person: PersonId,
    /// The version of the schema it obeys.
    pub schema: u32,
    /// The fingerprint of the calendar it counts by.
    pub calendar: u64,
    /// Its clock.
    pub device_time: UnixMs,
    /// What it follows, at most [`limits::FEEDS`].
    pub feeds: Vec<Cursor>,
    /// The links at these positions, as far as they are known.
    pub links: SortedMap<FeedId, Link>,
    /// The rosters it has.
    pub rosters: Vec<RosterVersion>,
    /// The newest dictionary by which it reads packs; none if it wants everything as it is.
    pub dictionary: Option<u32>,
    /// Whether it takes snapshots.
    pub snapshots: bool,
    /// Snapshots of which it has a part.
    pub begun: Vec<Begun>,
    /// Whether it saves data: of a snapshot it wants the open records only.
    pub open_only: bool,
    /// How many changes of its own it holds that no server has answered.
    pub unsent: u64,
}

/// A batch that waits for its receipt.
#[derive(Debug)]
struct UnderWay {
    feed: FeedId,
    /// What was brought along of it, in order.
    names: Vec<ChangeHash>,
}

/// See the module.
#[derive(Debug)]
pub struct DeviceSession {
    cursors: SortedMap<FeedId, Cursor>,
    /// The last position of each feed when it was granted.
    heads: SortedMap<FeedId, Seq>,
    epoch: Option<Epoch>,
    in_flight: SortedMap<(DeviceId, u64), UnderWay>,
    /// What was said in short, and so may be gone on from in short.
    common: Option<Common>,
    me: (DeviceId, PersonId),
    pasts: SortedMap<FeedId, Past>,
    /// Snapshots of which the device has a part.
    begun: SortedMap<FeedId, Begun>,
}

impl DeviceSession {
    /// Begins the conversation; the bytes are the first message to send.
    pub fn open(greeting: Greeting) -> (Self, Vec<u8>) {
        let cursors = greeting.feeds.iter().take(limits::FEEDS).map(|cursor| (cursor.feed, *cursor)).collect();
        let pasts =
            greeting.feeds.iter().map(|cursor| (cursor.feed, past_at(*cursor, greeting.links.get(&cursor.feed).copied())));
        let (me, pasts) = ((greeting.device, greeting.person), pasts.collect());
        let bounded = |mut rosters: Vec<RosterVersion>| {
            rosters.truncate(limits::FEEDS);
            rosters.try_into().expect("cut to its bound")
        };
        let begun: Vec<Begun> = greeting.begun.into_iter().take(limits::FEEDS).collect();
        let hello = Hello {
            oldest: VERSION,
            newest: VERSION,
            device: greeting.device,
            schema: greeting.schema,
            device_time: greeting.device_time,
            feeds: greeting.feeds.into_iter().take(limits::FEEDS).collect::<Vec<_>>().try_into().expect("cut to its bound"),
            rosters: bounded(greeting.rosters),
            calendar: Some(greeting.calendar),
            dictionary: greeting.dictionary,
            snapshots: greeting.snapshots.then_some(CHUNK_CODING),
            begun: (!begun.is_empty()).then(|| begun.clone().try_into().expect("cut to its bound")),
            open_only: greeting.open_only.then_some(true),
            unsent: (greeting.unsent > 0).then(|| u32::try_from(greeting.unsent).unwrap_or(u32::MAX)),
        };
        let begun = begun.into_iter().map(|begun| (begun.feed, begun)).collect();
        let short = ShortHello::of(&hello);
        let common = short.is_some().then(|| Common::of(&hello));
        let (heads, in_flight) = (SortedMap::new(), SortedMap::new());
        let session = Self { cursors, heads, epoch: None, in_flight, common, me, pasts, begun };
        (session, short.map_or_else(|| Frame::from(hello), Frame::from).encode())
    }

    /// How many more pushes may leave before a receipt comes.
    pub fn room(&self) -> usize {
        limits::PUSHES_IN_FLIGHT.saturating_sub(self.in_flight.len())
    }

    /// Whether this batch was sent on this connection and waits for its receipt.
    pub fn awaits(&self, device: DeviceId, number: u64) -> bool {
        self.in_flight.contains_key(&(device, number))
    }

    /// Whether anything that was sent on this connection waits for its receipt.
    pub fn is_awaiting(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// The message that carries a batch, if there is [room](Self::room) and it is not under way already.
    pub fn push(&mut self, batch: &Batch) -> Option<Vec<u8>> {
        self.push_raw(batch.to_raw())
    }

    /// The same for a batch that is carried as it was stored.
    pub fn push_raw(&mut self, batch: RawBatch) -> Option<Vec<u8>> {
        let name = (batch.device, batch.number);
        if self.room() == 0 || self.awaits(batch.device, batch.number) {
            return None;
        }
        let names = batch.changes.iter().map(|change| Change::name_of(&change.bytes)).collect();
        self.in_flight.insert(name, UnderWay { feed: batch.feed, names });
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

    /// Asks for one more feed, from a position with this link. The answer is an [`Event::Granted`].
    pub fn follow(&mut self, from: Cursor, link: Option<Link>) -> Vec<u8> {
        self.cursors.insert(from.feed, from);
        self.pasts.insert(from.feed, past_at(from, link));
        Frame::from(Follow { from, begun: self.begun.get(&from.feed).copied() }).encode()
    }

    /// Wants a feed no longer.
    pub fn unfollow(&mut self, feed: FeedId) -> Vec<u8> {
        self.cursors.remove(&feed);
        Frame::from(Unfollow { feed }).encode()
    }

    /// Tells how far a feed is stored.
    pub fn seen(&self, upto: Cursor) -> Vec<u8> {
        self.common.as_ref().map_or_else(|| Frame::from(Seen { upto }), |common| common.see(Seen { upto })).encode()
    }

    /// A frame that this end of the connection made, without what the other end knows from the greeting.
    pub fn in_short(&self, frame: Frame) -> Frame {
        match (&self.common, frame) {
            (Some(common), Frame::PackedPush(push)) => common.push(push),
            (_, frame) => frame,
        }
    }

    /// A frame of this connection, from either end, with what was left out of it.
    ///
    /// # Errors
    /// [`PeerError::Senseless`].
    pub fn in_full(&self, frame: Frame) -> Result<Frame, PeerError> {
        let Some(common) = &self.common else { return Ok(frame) };
        Ok(match frame {
            Frame::ShortPush(push) => common.pushed(push)?.into(),
            Frame::ShortSeen(seen) => common.seen(seen)?.into(),
            Frame::ShortReceipt(receipt) => self.receipt_in_full(common, receipt)?.into(),
            Frame::ShortItems(items) => common.arrived(items, |feed| self.cursors.get(&feed).map(|cursor| cursor.seq))?.into(),
            frame => frame,
        })
    }

    fn receipt_in_full(&self, common: &Common, receipt: ShortReceipt) -> Result<Receipt, PeerError> {
        let under_way = self.in_flight.get(&(self.me.0, receipt.number)).ok_or(Senseless)?;
        Ok(common.received(receipt, &under_way.names)?)
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
        Ok(match self.in_full(Frame::decode(bytes)?)? {
            Frame::Welcome(welcome) if self.epoch.is_none() => self.welcomed(&welcome),
            Frame::ShortWelcome(short) if self.epoch.is_none() => {
                let welcome = self.common.as_mut().ok_or(Senseless)?.welcomed(short)?;
                self.welcomed(&welcome)
            }
            Frame::Bye(bye) => vec![Event::Bye(bye)],
            // These may come before the welcome, so that whoever is welcomed knows the rules, the working days and the
            // members.
            Frame::Roster(frame) => vec![Event::Roster { community: frame.community, name: frame.name, roster: frame.roster }],
            Frame::Schema(frame) => vec![Event::Schema(frame.rules)],
            Frame::Calendar(frame) => vec![Event::Calendar(frame.days)],
            Frame::Token(frame) => vec![Event::Token(frame)],
            Frame::Sorry(sorry) if !self.is_welcomed() => vec![Event::NotUnderstood(sorry.kind)],
            Frame::Pong(_) | Frame::Sorry(_) | Frame::Unknown(_) => Vec::new(),
            frame => self.handle_open(frame)?,
        })
    }

    fn handle_open(&mut self, frame: Frame) -> Result<Vec<Event>, PeerError> {
        let Some(epoch) = self.epoch else { return Err(PeerError::OutOfTurn("a frame before its welcome")) };
        Ok(match frame {
            Frame::Grants(grants) => grants.feeds.iter().map(|grant| self.granted(*grant, epoch)).collect(),
            Frame::Receipt(receipt) => self.receipt(receipt),
            Frame::Items(items) => self.items(items, epoch)?,
            Frame::Chunk(chunk) => self.chunk(chunk, epoch)?,
            Frame::Welcome(_) | Frame::ShortWelcome(_) => return Err(PeerError::OutOfTurn("a second welcome")),
            _ => return Err(PeerError::OutOfTurn("a device's frame")),
        })
    }

    fn welcomed(&mut self, welcome: &Welcome) -> Vec<Event> {
        self.epoch = Some(welcome.epoch);
        let mut events = vec![Event::Welcomed { server_time: welcome.server_time, epoch: welcome.epoch }];
        let mut links = Vec::new();
        for grant in welcome.feeds.iter() {
            let before = self.cursors.get(&grant.feed).copied();
            let event = self.granted(*grant, welcome.epoch);
            let goes_on = matches!(&event, Event::Granted { from, .. } if *from == before);
            // A feed only grows, within one life of the server's store.
            let was_there = before.filter(|before| before.epoch == welcome.epoch);
            if was_there.zip(grant.head).is_some_and(|(before, head)| head < before.seq) {
                events.push(Event::Rewritten(Some(grant.feed)));
            }
            if goes_on && before.is_some_and(|before| before.seq > Seq(0)) {
                links.push(self.pasts.get(&grant.feed).and_then(Past::link));
            }
            events.push(event);
        }
        let known: Option<Vec<Link>> = links.into_iter().collect();
        if let (Some(said), Some(known)) = (welcome.past, known)
            && fingerprint(known) != said
        {
            events.push(Event::Rewritten(None));
        }
        events
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
        if from != asked {
            self.pasts.insert(grant.feed, Past::start(grant.feed));
        }
        if from.is_none_or(|from| from.seq > Seq(0) || self.begun.get(&grant.feed).is_some_and(|begun| begun.epoch != epoch)) {
            self.begun.remove(&grant.feed);
        }
        match from {
            Some(from) => self.cursors.insert(grant.feed, from),
            None => self.cursors.remove(&grant.feed),
        };
        Event::Granted { feed: grant.feed, from }
    }

    fn receipt(&mut self, receipt: Receipt) -> Vec<Event> {
        let Receipt { device, number, received, skew, mark, .. } = receipt;
        let feed = self.in_flight.remove(&(device, number)).map(|under_way| under_way.feed);
        let mut events = Vec::new();
        if let Some((feed, past, cursor)) =
            feed.and_then(|feed| Some((feed, self.pasts.get_mut(&feed)?, self.cursors.get(&feed)?)))
        {
            for ruled in receipt.rulings.iter().filter(|_| device == self.me.0) {
                if let Ruling::Accepted(seq, role) = &ruled.ruling
                    && *seq > cursor.seq
                {
                    let (device, person) = self.me;
                    past.receipted(*seq, ruled.hash, Brought { device, person, role: role.clone(), received, skew });
                }
            }
            if mark.is_some_and(|mark| past.claimed(mark, cursor.seq).is_err()) {
                events.push(Event::Rewritten(Some(feed)));
            }
        }
        let rulings = receipt.rulings.into_iter().collect();
        events.push(Event::Receipt { device, number, rulings, received, skew });
        events
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
        let (after, upto) = (frame.after, frame.upto);
        let items = frame.items.into_iter().map(|item| arrived(item, &frame.visits)).collect::<Result<Vec<_>, PeerError>>()?;
        *cursor = Cursor { feed, epoch, seq: upto };
        // The server goes on by pages; they bring what the snapshot lacked.
        self.begun.remove(&feed);
        let mut events = Vec::new();
        let entries = items.iter().map(|item| (item.seq, item.hash, Brought::from(&item.visit)));
        let past = self.pasts.or_insert_with(feed, || Past::new(None));
        if past.extend((after, upto), entries, frame.link).is_err() {
            events.push(Event::Rewritten(Some(feed)));
        }
        events.push(Event::Items { upto: *cursor, link: past.link(), items });
        Ok(events)
    }
}

impl DeviceSession {
    fn chunk(&mut self, frame: ChunkFrame, epoch: Epoch) -> Result<Vec<Event>, PeerError> {
        let ChunkFrame { feed, mark, after, through, last, coding, pack, left_out } = frame;
        let left_out = left_out == Some(true) && !last;
        // A feed given up while its chunk was under way.
        let Some(cursor) = self.cursors.get_mut(&feed) else { return Ok(Vec::new()) };
        let goes_on = self.begun.get(&feed).is_some_and(|begun| begun.through == after && begun.mark == mark);
        if cursor.seq != Seq(0) || !(goes_on || after == Place::START) {
            return Err(PeerError::Gap { feed });
        }
        if coding != CHUNK_CODING {
            return Err(BadPack::UnknownDictionary(coding).into());
        }
        let chunk = unpack_chunk(&pack)?;
        if chunk.items.iter().any(|item| item.seq > mark.seq) {
            return Err(PeerError::Gap { feed });
        }
        let items = chunk.items.into_iter().map(|item| arrived(item, &chunk.visits)).collect::<Result<_, _>>()?;
        let begun = Begun { feed, epoch, mark, through };
        if last || left_out {
            *cursor = Cursor { feed, epoch, seq: mark.seq };
            self.begun.remove(&feed);
            self.pasts.or_insert_with(feed, || Past::new(None)).jump(mark);
        } else {
            self.begun.insert(feed, begun);
        }
        Ok(vec![Event::Chunk { begun, after, last, left_out, items }])
    }
}

/// The past of a feed that goes on from `cursor`.
fn past_at(cursor: Cursor, link: Option<Link>) -> Past {
    if cursor.seq == Seq(0) { Past::start(cursor.feed) } else { Past::new(link) }
}

fn arrived(item: Item, visits: &[Visit]) -> Result<Arrived, PeerError> {
    let visit = visits.get(item.visit as usize).ok_or(PeerError::Dangling)?.clone();
    let (hash, entry) = match item.content {
        Content::Change(bytes) => match Change::parse(&bytes) {
            Ok(change) => (change.hash(), Entry::Change(change)),
            Err(why) => (Change::name_of(&bytes), Entry::Unreadable(why)),
        },
        Content::Gone(hash) => (hash, Entry::Gone),
        Content::Erasure(reason) => (erasure(item.record, &reason), Entry::Erasure(reason)),
    };
    Ok(Arrived { seq: item.seq, visit, record: item.record, hash, entry })
}
