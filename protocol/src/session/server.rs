//! The server's end of one connection.
//!
//! # Contract
//! Feed every event to [`ServerSession::handle`]; then take [`Output`]s from [`ServerSession::poll_output`] until there is
//! none. At most one [`Output::Read`] or [`Output::ReadChunk`] is unanswered at any time, and outputs wait inside the session
//! while the driver is busy sending: a slow phone holds one page in memory and a place in a feed, no queue. No receipt and no
//! item leaves before the welcome, in whatever order the driver answers. After [`Output::Close`] nothing more comes.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::ByeCode;
use super::stretch::{Stretch, Telling, framed};
use crate::calendar::Calendar;
use crate::chain::{Mark, fingerprint};
use crate::codec::{CHUNK_CODING, NEWEST, Parcel};
use crate::id::{ChangeHash, CommunityId, DeviceId, Epoch, FeedId, Link, RecordId, Seq};
use crate::limits;
use crate::roster::Roster;
use crate::schema::Schema;
use crate::time::UnixMs;
use crate::wire::{
    Begun, CalendarFrame, ChunkFrame, Common, Content, Cursor, Frame, Grant, Grants, Hello, Item, Items, Place, Pong, Receipt,
    RosterFrame, Ruling, SchemaFrame, Seen, Senseless, Sorry, TokenFrame, VERSION, Visit, Welcome, knows,
};

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// A message arrived.
    Frame(&'a [u8]),
    /// The answer to [`Output::Introduce`].
    Introduced(Introduction),
    /// The answer to [`Output::Submit`], once it is on disk. Of the device's own changes, those that the batch put into the
    /// feed just now are not sent back to it on this connection.
    Judged {
        /// One ruling a change.
        receipt: Receipt,
        /// Where the feed grew by it.
        placed: Vec<Seq>,
    },
    /// The batch of an [`Output::Submit`] cannot be taken at all; the connection ends with this code and reason.
    NotTaken(ByeCode, String),
    /// A ruling on a change that was held when it came.
    JudgedLate(Receipt),
    /// The answer to [`Output::Read`].
    Page {
        /// The feed that was read.
        feed: FeedId,
        /// What follows the position asked for, without gaps; at most [`limits::PAGE_ITEMS`], and no more than
        /// [`limits::PAGE_BYTES`] unless it is a single change.
        entries: Vec<FeedEntry>,
        /// The last position in the feed.
        head: Seq,
    },
    /// The same, shared with all who follow the feed from there.
    Stretch(Arc<Stretch>),
    /// The answer to [`Output::ReadChunk`]; `None` if there is no snapshot: then the feed is read by pages.
    Chunk {
        /// The feed that was read.
        feed: FeedId,
        /// What follows the place asked for; of another position than the one asked for, what follows the start.
        chunk: Option<Arc<Packed>>,
    },
    /// A feed has grown up to this position.
    Grew(FeedId, Seq),
    /// Who is who changed somewhere, and with it perhaps what may be read: everything the device may know now.
    Standings(Vec<CommunityStanding>),
    /// What opens the device's next connections.
    Token(TokenFrame),
    /// The server wants to end the connection.
    End(ByeCode, String),
}

/// What to do next.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Send this message.
    Send(Vec<u8>),
    /// Send this message, which others are sent as well.
    Share(Arc<[u8]>),
    /// Look up what the device may know and answer with [`Input::Introduced`].
    Introduce {
        /// The device's clock when it said hello, for the skew.
        device_time: UnixMs,
        /// Where it is in its feeds.
        cursors: Vec<Cursor>,
    },
    /// Check the signature, have the batch judged, and answer with [`Input::Judged`] or [`Input::NotTaken`].
    Submit(Parcel),
    /// Read a page of a feed after this position and answer with [`Input::Page`].
    Read {
        /// Which feed.
        feed: FeedId,
        /// After which position.
        after: Seq,
    },
    /// Read a part of a snapshot of a feed, of this position if possible, after this place of it, and answer with
    /// [`Input::Chunk`].
    ReadChunk {
        /// Which feed.
        feed: FeedId,
        /// Of which position; of whichever is at hand, if nothing was read of it yet.
        of: Option<Seq>,
        /// After which place.
        after: Place,
    },
    /// The device has stored a feed up to here: note it in the ledger.
    Saw {
        /// Which feed.
        feed: FeedId,
        /// Up to where.
        upto: Seq,
    },
    /// Send what was said, and end the connection.
    Close,
}

/// A part of a snapshot, ready to be sent to whoever comes to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed {
    /// Of which position the snapshot is, and the link there.
    pub mark: Mark,
    /// How far it goes.
    pub through: Place,
    /// Whether that is all.
    pub last: bool,
    /// Whether no open record comes after it.
    pub open_end: bool,
    /// What it holds, [packed](crate::codec::pack_chunk).
    pub pack: Vec<u8>,
}

/// What a device may know when it says hello.
#[derive(Debug, Clone)]
pub struct Introduction {
    /// The server's clock.
    pub server_time: UnixMs,
    /// Which life of the store.
    pub epoch: Epoch,
    /// The rules.
    pub schema: Arc<Schema>,
    /// Working days.
    pub calendar: Arc<Calendar>,
    /// Where its person has a role.
    pub communities: Vec<CommunityStanding>,
    /// The links at those positions of the hello that exist in this life of the store.
    pub links: BTreeMap<FeedId, Link>,
}

/// What a device may know of one community.
#[derive(Debug, Clone)]
pub struct CommunityStanding {
    /// Which.
    pub community: CommunityId,
    /// Its name.
    pub name: String,
    /// Its members.
    pub roster: Arc<Roster>,
    /// The feeds that may be read, and the last position in each.
    pub feeds: Vec<(FeedId, Seq)>,
}

/// One entry of a feed: an accepted change, or the erasure of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEntry {
    /// Its position.
    pub seq: Seq,
    /// The record it belongs to.
    pub record: RecordId,
    /// Its name.
    pub hash: ChangeHash,
    /// What it is.
    pub body: Body,
    /// Who brought it, and when.
    pub visit: Visit,
    /// Its link.
    pub link: Link,
}

/// What an entry of a feed is, shared by all who are sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A change chunk.
    Change(Arc<[u8]>),
    /// A change whose words were erased since.
    Gone,
    /// The erasure of the record, and why.
    Erasure(Arc<str>),
}

impl FeedEntry {
    /// About what it takes on the wire.
    pub fn size_bytes(&self) -> usize {
        match &self.body {
            Body::Change(bytes) => bytes.len(),
            Body::Gone => self.hash.as_bytes().len(),
            Body::Erasure(reason) => reason.len(),
        }
    }
}

#[derive(Debug, PartialEq)]
enum Phase {
    Greeting,
    /// The hello waits for its introduction; pushes that came with it wait too.
    Introducing(Box<Hello>),
    Open,
    Closed,
}

/// A feed as this device follows it.
#[derive(Debug)]
struct Followed {
    sent: Seq,
    head: Seq,
    /// Positions of the device's own changes, receipted on this connection and so not to be sent back.
    own: BTreeSet<Seq>,
    /// While it is sent as a snapshot.
    snapshot: Option<Sending>,
}

impl Followed {
    /// What is to be read of it next.
    fn reading(&self, feed: FeedId) -> Reading {
        Reading { feed, after: self.sent, snapshot: self.snapshot }
    }
}

/// How far a snapshot was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sending {
    /// Of which position; nothing was sent yet if that is not known.
    of: Option<Seq>,
    after: Place,
}

/// What is being read for a device: a page after this position, or a part of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    feed: FeedId,
    after: Seq,
    snapshot: Option<Sending>,
}

/// See the module.
#[derive(Debug)]
pub struct ServerSession {
    device: DeviceId,
    phase: Phase,
    epoch: Epoch,
    /// The versions of the rosters that were sent, or that the device said it has.
    rosters: BTreeMap<CommunityId, u64>,
    readable: BTreeMap<FeedId, Seq>,
    /// Boxed: a tree of one has room for eleven, in each of ten thousand silent connections.
    followed: BTreeMap<FeedId, Box<Followed>>,
    /// The dictionary by which its device reads packs, if it does.
    dictionary: Option<u32>,
    /// Whether its device reads snapshots.
    takes_snapshots: bool,
    /// Whether its device saves data, and wants the open records of a snapshot only.
    open_only: bool,
    /// How many changes its device holds that were not answered, as far as it told.
    unsent: Option<u32>,
    /// What its device said in short, and so may be answered in short.
    common: Option<Common>,
    reading: Option<Reading>,
    last_read: Option<FeedId>,
    /// Batches that wait for their receipts, and where they belong.
    judging: BTreeMap<(DeviceId, u64), FeedId>,
    /// What came with the hello and waits for the welcome.
    after_welcome: Vec<Output>,
    out: VecDeque<Output>,
}

impl ServerSession {
    /// A connection that was opened with the token of `device`.
    pub fn new(device: DeviceId) -> Self {
        Self {
            device,
            phase: Phase::Greeting,
            epoch: Epoch::default(),
            rosters: BTreeMap::new(),
            readable: BTreeMap::new(),
            followed: BTreeMap::new(),
            dictionary: None,
            takes_snapshots: false,
            open_only: false,
            unsent: None,
            common: None,
            reading: None,
            last_read: None,
            judging: BTreeMap::new(),
            after_welcome: Vec::new(),
            out: VecDeque::new(),
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, input: Input<'_>) {
        if self.phase == Phase::Closed {
            return;
        }
        match input {
            Input::Frame(bytes) => match Frame::decode(bytes) {
                Ok(frame) => self.frame(frame),
                Err(error) => self.end(ByeCode::BadFrame, error.to_string()),
            },
            Input::Introduced(introduction) => self.introduced(introduction),
            Input::Judged { receipt, placed } => self.judged(receipt, &placed),
            Input::JudgedLate(receipt) => self.when_welcomed(Output::Send(Frame::from(receipt).encode())),
            Input::NotTaken(code, why) | Input::End(code, why) => self.end(code, why),
            Input::Page { feed, entries, head } => self.page(feed, entries, head),
            Input::Stretch(stretch) => self.stretch(&stretch),
            Input::Chunk { feed, chunk } => self.chunk(feed, chunk.as_deref()),
            Input::Grew(feed, head) => self.grew(feed, head),
            Input::Standings(standings) => self.standings(standings),
            Input::Token(token) => self.when_welcomed(Output::Send(Frame::from(token).encode())),
        }
        self.read_on();
    }

    /// How many changes its device holds that were not answered: as many as it said in its hello, less those answered since.
    /// Nothing before its hello.
    pub fn unsent(&self) -> Option<u32> {
        self.unsent
    }

    /// The next thing to do, if any.
    pub fn poll_output(&mut self) -> Option<Output> {
        let next = self.out.pop_front();
        if next.is_none() {
            // A silent connection keeps no room for what it once had to say.
            self.out = VecDeque::new();
        }
        next
    }

    /// Feeds to be woken for.
    pub fn followed(&self) -> impl Iterator<Item = FeedId> + '_ {
        self.followed.keys().copied()
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    fn send(&mut self, frame: impl Into<Frame>) {
        self.out.push_back(Output::Send(frame.into().encode()));
    }

    fn when_welcomed(&mut self, output: Output) {
        match self.phase {
            Phase::Open => self.out.push_back(output),
            _ => self.after_welcome.push(output),
        }
    }

    fn end(&mut self, code: ByeCode, why: String) {
        self.send(code.bye(why));
        self.out.push_back(Output::Close);
        self.phase = Phase::Closed;
    }

    fn frame(&mut self, frame: Frame) {
        match (frame, &self.phase) {
            (Frame::Hello(hello), Phase::Greeting) => self.hello(hello),
            (Frame::ShortHello(short), Phase::Greeting) => match short.in_full(self.device) {
                Some(hello) => {
                    self.common = Some(Common::of(&hello));
                    self.hello(hello);
                }
                None => self.end(ByeCode::Misbehaved, "a hello of more feeds than one may follow".into()),
            },
            (Frame::Ping(ping), _) => self.send(Pong { number: ping.number }),
            (Frame::Unknown(kind), _) => self.send(Sorry { kind }),
            (Frame::Push(push), Phase::Introducing(_) | Phase::Open) => self.push(Parcel::Plain(push.batch)),
            (Frame::PackedPush(push), Phase::Introducing(_) | Phase::Open) => self.push(Parcel::Packed(push)),
            (Frame::ShortPush(short), Phase::Introducing(_) | Phase::Open) => {
                match self.common.as_ref().and_then(|common| common.pushed(short).ok()) {
                    Some(push) => self.push(Parcel::Packed(push)),
                    None => self.end(ByeCode::Misbehaved, Senseless.to_string()),
                }
            }
            (Frame::ShortSeen(short), Phase::Open) => match self.common.as_ref().and_then(|common| common.seen(short).ok()) {
                Some(Seen { upto }) => self.saw(upto),
                None => self.end(ByeCode::Misbehaved, Senseless.to_string()),
            },
            (Frame::Follow(follow), Phase::Open) => {
                if self.followed.len() >= limits::FEEDS && !self.followed.contains_key(&follow.from.feed) {
                    return self.end(ByeCode::Misbehaved, format!("more than {} feeds", limits::FEEDS));
                }
                let grant = self.follow(follow.from, follow.begun);
                self.send(Grants { feeds: vec![grant].try_into().expect("one fits") });
            }
            (Frame::Unfollow(unfollow), Phase::Open) => {
                self.followed.remove(&unfollow.feed);
            }
            (Frame::Seen(seen), Phase::Open) => self.saw(seen.upto),
            (frame, _) => self.end(ByeCode::Misbehaved, format!("frame {} is out of turn", frame.kind())),
        }
    }

    fn hello(&mut self, hello: Hello) {
        if !(hello.oldest..=hello.newest).contains(&VERSION) {
            let (oldest, newest) = (hello.oldest, hello.newest);
            return self.end(ByeCode::Incompatible, format!("you speak {oldest} to {newest}, this server speaks {VERSION}"));
        }
        if hello.device != self.device {
            return self.end(ByeCode::NotAllowed, "the token belongs to another device".into());
        }
        self.dictionary = hello.dictionary.map(|newest| newest.min(NEWEST)).filter(|version| *version > 0);
        self.takes_snapshots = hello.snapshots.is_some_and(|newest| newest >= CHUNK_CODING);
        self.open_only = hello.open_only == Some(true);
        self.unsent = Some(hello.unsent.unwrap_or(0));
        let cursors = hello.feeds.iter().copied().collect();
        self.out.push_back(Output::Introduce { device_time: hello.device_time, cursors });
        self.rosters = hello.rosters.iter().map(|roster| (roster.community, roster.version)).collect();
        self.phase = Phase::Introducing(Box::new(hello));
    }

    fn introduced(&mut self, introduction: Introduction) {
        let Phase::Introducing(hello) = std::mem::replace(&mut self.phase, Phase::Open) else { return };
        self.epoch = introduction.epoch;
        if hello.feeds.iter().any(|cursor| ![Epoch::default(), self.epoch].contains(&cursor.epoch)) {
            // Rosters are counted anew in each life of the store.
            self.rosters.clear();
        }
        self.readable = introduction.communities.iter().flat_map(|standing| standing.feeds.iter().copied()).collect();
        // Rules, working days and members come first: a device that has been welcomed knows them, and can be used.
        if introduction.schema.version > hello.schema {
            self.send(SchemaFrame { rules: introduction.schema.packed() });
        }
        if hello.calendar.is_some_and(|known| !knows(known, introduction.calendar.fingerprint())) {
            self.send(CalendarFrame { days: introduction.calendar.packed() });
        }
        introduction.communities.iter().for_each(|standing| self.send_roster(standing));
        let begun: BTreeMap<FeedId, Begun> =
            hello.begun.iter().flat_map(|all| all.iter()).map(|begun| (begun.feed, *begun)).collect();
        let grants: Vec<Grant> =
            hello.feeds.iter().map(|cursor| self.follow(*cursor, begun.get(&cursor.feed).copied())).collect();
        let goes_on = |cursor: &&Cursor| self.followed.get(&cursor.feed).is_some_and(|f| f.sent == cursor.seq && f.sent > Seq(0));
        let links: Vec<Link> =
            hello.feeds.iter().filter(goes_on).filter_map(|cursor| introduction.links.get(&cursor.feed).copied()).collect();
        let past = (!links.is_empty()).then(|| fingerprint(links));
        let welcome = Welcome {
            version: VERSION,
            server_time: introduction.server_time,
            epoch: introduction.epoch,
            schema: introduction.schema.version,
            feeds: grants.try_into().expect("as many as were asked for"),
            past,
        };
        match &mut self.common {
            Some(common) => {
                let answer = common.welcome(welcome);
                self.send(answer);
            }
            None => self.send(welcome),
        }
        hello.feeds.iter().for_each(|cursor| self.saw(*cursor));
        self.out.extend(std::mem::take(&mut self.after_welcome));
    }

    fn send_roster(&mut self, standing: &CommunityStanding) {
        if self.rosters.insert(standing.community, standing.roster.version) == Some(standing.roster.version) {
            return;
        }
        let roster = Roster::clone(&standing.roster);
        self.send(RosterFrame { community: standing.community, name: standing.name.clone(), roster });
    }

    fn follow(&mut self, from: Cursor, begun: Option<Begun>) -> Grant {
        let head = self.readable.get(&from.feed).copied();
        if let Some(head) = head {
            let sent = resume_at(from, self.epoch, head);
            let begun = begun.filter(|begun| begun.epoch == self.epoch && begun.feed == from.feed && begun.mark.seq <= head);
            let worth_it = self.takes_snapshots && sent == Seq(0) && (begun.is_some() || head.0 >= limits::SNAPSHOT_ENTRIES);
            let snapshot = worth_it.then_some(match begun {
                Some(begun) => Sending { of: Some(begun.mark.seq), after: begun.through },
                None => Sending { of: None, after: Place::START },
            });
            self.followed.insert(from.feed, Box::new(Followed { sent, head, own: BTreeSet::new(), snapshot }));
        }
        Grant { feed: from.feed, head }
    }

    fn saw(&mut self, upto: Cursor) {
        let sane = upto.epoch == self.epoch && self.followed.get(&upto.feed).is_some_and(|f| upto.seq <= f.head);
        if sane && upto.seq > Seq(0) {
            self.out.push_back(Output::Saw { feed: upto.feed, upto: upto.seq });
        }
    }

    fn push(&mut self, parcel: Parcel) {
        if self.judging.len() >= limits::PUSHES_IN_FLIGHT {
            return self.end(ByeCode::Misbehaved, "too many pushes without waiting for a receipt".into());
        }
        let (bytes, batch): (usize, _) = (parcel.sizes().sum(), parcel.label());
        if bytes > limits::BATCH_BYTES {
            return self.end(ByeCode::Misbehaved, format!("a push of {bytes} bytes is over the limit"));
        }
        if self.judging.insert((batch.device, batch.number), batch.feed).is_some() {
            return self.end(ByeCode::Misbehaved, "the same push twice without waiting for its receipt".into());
        }
        self.when_welcomed(Output::Submit(parcel));
    }

    fn judged(&mut self, receipt: Receipt, placed: &[Seq]) {
        let feed = self.judging.remove(&(receipt.device, receipt.number));
        // A batch that was carried for another device: what became of its changes is news to this one.
        let own = feed.filter(|_| receipt.device == self.device);
        if let Some(unsent) = self.unsent.as_mut().filter(|_| own.is_some()) {
            *unsent = unsent.saturating_sub(receipt.rulings.len() as u32);
        }
        if let Some(followed) = own.and_then(|feed| self.followed.get_mut(&feed)) {
            followed.own.extend(receipt.rulings.iter().filter_map(|ruled| match &ruled.ruling {
                Ruling::Accepted(seq, _) if *seq > followed.sent && placed.contains(seq) => Some(*seq),
                _ => None,
            }));
        }
        let frame = match self.common.as_ref().filter(|_| own.is_some()) {
            Some(common) => common.receipt(receipt),
            None => receipt.into(),
        };
        self.send(frame);
    }

    fn grew(&mut self, feed: FeedId, head: Seq) {
        if let Some(readable) = self.readable.get_mut(&feed) {
            *readable = head.max(*readable);
        }
        if let Some(followed) = self.followed.get_mut(&feed) {
            followed.head = head.max(followed.head);
        }
    }

    fn standings(&mut self, standings: Vec<CommunityStanding>) {
        if self.phase != Phase::Open {
            return;
        }
        self.readable = standings.iter().flat_map(|standing| standing.feeds.iter().copied()).collect();
        standings.iter().for_each(|standing| self.send_roster(standing));
        let lost: Vec<FeedId> = self.followed.keys().filter(|feed| !self.readable.contains_key(feed)).copied().collect();
        if !lost.is_empty() {
            lost.iter().for_each(|feed| drop(self.followed.remove(feed)));
            let grants: Vec<Grant> = lost.into_iter().map(|feed| Grant { feed, head: None }).collect();
            self.send(Grants { feeds: grants.try_into().expect("no more than were followed") });
        }
    }

    /// How the device is told of a feed.
    fn telling(&self, feed: FeedId) -> Telling {
        let Some(dictionary) = self.dictionary else { return Telling::Plainly };
        match self.common.as_ref().and_then(|common| common.place(feed, dictionary)) {
            Some(place) => Telling::InShort { dictionary, place },
            None => Telling::Packed(dictionary),
        }
    }

    /// A stretch in which nothing is the device's own goes out as it goes out to the others.
    fn stretch(&mut self, stretch: &Stretch) {
        let (feed, after, upto) = (stretch.feed(), stretch.after(), stretch.upto());
        let telling = self.telling(feed);
        let reading = Reading { feed, after, snapshot: None };
        let followed = self.followed.get_mut(&feed);
        let followed = followed.filter(|followed| self.reading == Some(reading) && followed.reading(feed) == reading);
        match followed {
            Some(followed) if followed.own.range(..=upto).next().is_none() => {
                self.reading = None;
                followed.sent = upto;
                followed.head = upto.max(followed.head);
                self.out.push_back(Output::Share(stretch.frame(telling)));
            }
            _ => self.page(feed, stretch.entries().to_vec(), upto),
        }
    }

    fn page(&mut self, feed: FeedId, entries: Vec<FeedEntry>, head: Seq) {
        let asked = self.reading.take();
        // A feed given up, or followed anew from elsewhere, while its page was read: the page continues nothing.
        let Some(followed) = self.followed.get_mut(&feed).filter(|followed| asked == Some(followed.reading(feed))) else {
            return;
        };
        followed.head = head.max(followed.head);
        let Some(end) = entries.last().cloned() else {
            // A feed that promised more and gave nothing would be asked for ever.
            followed.head = followed.sent;
            return;
        };
        let after = followed.sent;
        let own = std::mem::take(&mut followed.own);
        followed.sent = end.seq;
        followed.own = own.iter().copied().filter(|seq| *seq > end.seq).collect();
        let items = to_items(feed, after, &end, entries.into_iter().filter(|entry| !own.contains(&entry.seq)));
        self.send(framed(items, self.telling(feed)));
    }

    fn chunk(&mut self, feed: FeedId, chunk: Option<&Packed>) {
        let asked = self.reading.take();
        let Some(followed) = self.followed.get_mut(&feed).filter(|followed| asked == Some(followed.reading(feed))) else {
            return;
        };
        let Some((chunk, sending)) = chunk.zip(followed.snapshot) else {
            followed.snapshot = None;
            return;
        };
        let Packed { mark, through, last, open_end, pack } = chunk.clone();
        let left_out = self.open_only && open_end && !last;
        // Of another position than the one that was begun: from the start.
        let after = if sending.of == Some(mark.seq) { sending.after } else { Place::START };
        if last || left_out {
            followed.sent = mark.seq;
            followed.own.retain(|seq| *seq > mark.seq);
        }
        followed.snapshot = (!last && !left_out).then_some(Sending { of: Some(mark.seq), after: through });
        let left_out = left_out.then_some(true);
        self.send(ChunkFrame { feed, mark, after, through, last, coding: CHUNK_CODING, pack, left_out });
    }

    /// Asks for the next page, feed by feed in turn, when none is under way.
    fn read_on(&mut self) {
        if self.reading.is_some() || self.phase != Phase::Open {
            return;
        }
        let hungry = |feed: &FeedId, followed: &Followed| (followed.sent < followed.head).then(|| followed.reading(*feed));
        let after_last = self.last_read.and_then(|last| {
            let mut later = self.followed.range((std::ops::Bound::Excluded(last), std::ops::Bound::Unbounded));
            later.find_map(|(feed, followed)| hungry(feed, followed))
        });
        let first = || self.followed.iter().find_map(|(feed, followed)| hungry(feed, followed));
        if let Some(reading) = after_last.or_else(first) {
            let Reading { feed, after, snapshot } = reading;
            self.reading = Some(reading);
            self.last_read = Some(feed);
            self.out.push_back(match snapshot {
                Some(Sending { of, after }) => Output::ReadChunk { feed, of, after },
                None => Output::Read { feed, after },
            });
        }
    }
}

/// Where a feed goes on for a device that stored it up to `cursor`: there, if that position belongs to this life of the
/// store and exists; otherwise from the beginning. The device decides by the same rule.
pub fn resume_at(cursor: Cursor, epoch: Epoch, head: Seq) -> Seq {
    if cursor.epoch == epoch && cursor.seq <= head { cursor.seq } else { Seq(0) }
}

/// A stretch of a feed as it is sent, of these entries of it; `end` is its last, sent or not.
pub fn to_items(feed: FeedId, after: Seq, end: &FeedEntry, entries: impl Iterator<Item = FeedEntry>) -> Items {
    let (upto, link) = (end.seq, Some(end.link));
    let mut visits: Vec<Visit> = Vec::new();
    let mut index: HashMap<Visit, u32> = HashMap::new();
    let items = entries.map(|entry| to_item(entry, &mut visits, &mut index));
    let items = items.collect::<Vec<_>>().try_into().expect("a page is bounded");
    Items { feed, after, upto, visits: visits.try_into().expect("no more than items"), items, link }
}

/// An entry as it is sent; its visit joins those that were told, if it is another.
pub fn to_item(entry: FeedEntry, visits: &mut Vec<Visit>, index: &mut HashMap<Visit, u32>) -> Item {
    let content = match entry.body {
        Body::Change(bytes) => Content::Change(bytes.to_vec()),
        Body::Gone => Content::Gone(entry.hash),
        Body::Erasure(reason) => Content::Erasure(reason.to_string()),
    };
    let visit = *index.entry(entry.visit).or_insert_with_key(|visit| {
        visits.push(visit.clone());
        (visits.len() - 1) as u32
    });
    Item { seq: entry.seq, visit, record: entry.record, content }
}
