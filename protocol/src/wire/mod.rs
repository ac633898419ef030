//! Frames: everything that travels between a device and the server.
//!
//! A frame is a CBOR array `[kind, body]`, the body a map with small integer keys, so that a later build can add a key
//! without breaking a phone that was not updated for a year: unknown keys are skipped. An unknown kind is not an error of
//! the connection; it is answered with [`Sorry`] and the connection goes on. `protocol/renolog.cddl` is the specification.

mod list;
mod short;
mod snapshot;

use minicbor::{Decode, Decoder, Encode, Encoder};

pub use list::{List, TooMany};
pub use short::{Common, Run, Senseless, ShortHello, ShortItems, ShortPush, ShortReceipt, ShortSeen, ShortWelcome, Stand, knows};
pub use snapshot::{Begun, ChunkFrame, Place};

use crate::batch::RawBatch;
use crate::chain::Mark;
use crate::id::{ChangeHash, CommunityId, DeviceId, Epoch, FeedId, Link, PersonId, RecordId, Seq};
use crate::limits;
use crate::refusal::Refusal;
use crate::roster::Roster;
use crate::schema::{Party, Role};
use crate::time::{SpanMs, UnixMs};

/// The protocol this build speaks.
pub const VERSION: u32 = 1;
/// The websocket subprotocol.
pub const SUBPROTOCOL: &str = "renolog.v1";
/// The media type of several frames in one HTTP body: a CBOR sequence (RFC 8742).
pub const SEQUENCE: &str = "application/cbor-seq";

/// The device introduces itself. Its first pushes leave in the same flight.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Hello {
    /// Oldest protocol version it speaks.
    #[n(0)]
    pub oldest: u32,
    /// Newest protocol version it speaks.
    #[n(1)]
    pub newest: u32,
    /// Who it is; must be the device whose token opened the connection.
    #[n(2)]
    pub device: DeviceId,
    /// Version of the schema it obeys.
    #[n(3)]
    pub schema: u32,
    /// Its clock, now.
    #[n(4)]
    pub device_time: UnixMs,
    /// What it follows, and how far it has stored it.
    #[n(5)]
    pub feeds: List<Cursor, { limits::FEEDS }>,
    /// The rosters it has.
    #[n(6)]
    pub rosters: List<RosterVersion, { limits::FEEDS }>,
    /// The [fingerprint](crate::calendar::Calendar::fingerprint) of the calendar it counts by. A build that knows no
    /// [`CalendarFrame`] says none, and is sent none.
    #[n(7)]
    pub calendar: Option<u64>,
    /// The newest [dictionary](crate::codec::DICTIONARIES) it reads packs by. A device that says none is sent everything as
    /// it is.
    #[n(8)]
    pub dictionary: Option<u32>,
    /// The newest [coding](crate::codec::CHUNK_CODING) of snapshots it reads. A device that says none is sent pages only.
    #[n(9)]
    pub snapshots: Option<u32>,
    /// Snapshots of which it has a part.
    #[n(10)]
    pub begun: Option<List<Begun, { limits::FEEDS }>>,
    /// Whether it saves data: of a snapshot it wants the open records only. Left out where it wants everything.
    #[n(11)]
    pub open_only: Option<bool>,
    /// How many changes of its own it holds that no server has answered. Left out where there are none.
    #[n(12)]
    pub unsent: Option<u32>,
}

/// A position in a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Cursor {
    /// The feed.
    #[n(0)]
    pub feed: FeedId,
    /// Which life of the server's store the position belongs to.
    #[n(1)]
    pub epoch: Epoch,
    /// Everything up to here is stored.
    #[n(2)]
    pub seq: Seq,
}

/// Which roster a device has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RosterVersion {
    /// Whose.
    #[n(0)]
    pub community: CommunityId,
    /// Its version.
    #[n(1)]
    pub version: u64,
}

/// Changes to be judged and kept.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Push {
    /// The signed batch.
    #[n(0)]
    pub batch: RawBatch,
}

/// The same, [packed](crate::codec).
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct PackedPush {
    /// The batch without its changes.
    #[n(0)]
    pub batch: RawBatch,
    /// The version of the dictionary.
    #[n(1)]
    pub dictionary: u32,
    /// Its changes.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub pack: Vec<u8>,
}

/// Wants one more feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Follow {
    /// From where.
    #[n(0)]
    pub from: Cursor,
    /// The part of a snapshot of it that the device has.
    #[n(1)]
    pub begun: Option<Begun>,
}

/// Wants a feed no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Unfollow {
    /// Which.
    #[n(0)]
    pub feed: FeedId,
}

/// How far a feed is stored on the device, for the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Seen {
    /// Up to where.
    #[n(0)]
    pub upto: Cursor,
}

/// Are you there? Answered by [`Pong`] with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Ping {
    /// Any number.
    #[n(0)]
    pub number: u64,
}

/// I am here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Pong {
    /// The number of the [`Ping`].
    #[n(0)]
    pub number: u64,
}

/// The server's answer to [`Hello`].
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Welcome {
    /// The protocol version both will speak.
    #[n(0)]
    pub version: u32,
    /// The server's clock, now.
    #[n(1)]
    pub server_time: UnixMs,
    /// Which life of the store its positions belong to.
    #[n(2)]
    pub epoch: Epoch,
    /// Version of the schema it judges by.
    #[n(3)]
    pub schema: u32,
    /// An answer for every feed asked for.
    #[n(4)]
    pub feeds: List<Grant, { limits::FEEDS }>,
    /// The [fingerprint](crate::chain::fingerprint) of the links at the positions the device named, of the feeds that go on
    /// from there, in its order. The device knows what it must be.
    #[n(5)]
    pub past: Option<u64>,
}

/// Whether a feed may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Grant {
    /// Which.
    #[n(0)]
    pub feed: FeedId,
    /// The last position in it, or nothing if it may not be read. A device that had it drops it.
    #[n(1)]
    pub head: Option<Seq>,
}

/// What may be read now: the answer to [`Follow`], and what a device is told when its standing changes.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Grants {
    /// One answer a feed.
    #[n(0)]
    pub feeds: List<Grant, { limits::FEEDS }>,
}

/// What became of a push. Leaves only after the commit that holds the accepted changes.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Receipt {
    /// Who signed the batch.
    #[n(0)]
    pub device: DeviceId,
    /// The device's number of it.
    #[n(1)]
    pub number: u64,
    /// One ruling a change, in the batch's order.
    #[n(2)]
    pub rulings: List<Ruled, { limits::BATCH_CHANGES }>,
    /// When the batch came, by the server's clock.
    #[n(3)]
    pub received: UnixMs,
    /// The server's clock minus the device's, at that time.
    #[n(4)]
    pub skew: SpanMs,
    /// How the feed stands once these rulings are in it.
    #[n(5)]
    pub mark: Option<Mark>,
}

/// The ruling on one change.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Ruled {
    /// The change.
    #[n(0)]
    pub hash: ChangeHash,
    /// What became of it.
    #[n(1)]
    pub ruling: Ruling,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Ruling {
    /// It stands, is on disk, and has this place in its feed; the role allowed it.
    #[n(0)]
    Accepted(#[n(0)] Seq, #[n(1)] Role),
    /// It does not stand. Kept in quarantine.
    #[n(1)]
    Refused(#[n(0)] Refusal),
    /// It waits for these; whoever has them should send them.
    #[n(2)]
    Held(#[n(0)] List<ChangeHash, { limits::CHANGE_DEPS }>),
    /// Its actor and number are taken by another change.
    #[n(3)]
    Forked,
}

/// A stretch of a feed, without gaps. Positions that are missing in it are those of the device's own changes that were
/// receipted on this connection.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Items {
    /// Which feed.
    #[n(0)]
    pub feed: FeedId,
    /// The stretch begins after this position …
    #[n(1)]
    pub after: Seq,
    /// … and ends with this one.
    #[n(2)]
    pub upto: Seq,
    /// By whom, and when they came; items refer to these.
    #[n(3)]
    pub visits: List<Visit, { limits::PAGE_ITEMS }>,
    /// What is new.
    #[n(4)]
    pub items: List<Item, { limits::PAGE_ITEMS }>,
    /// The link at the end of the stretch.
    #[n(5)]
    pub link: Option<Link>,
}

/// The same, [packed](crate::codec).
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct PackedItems {
    /// Which feed.
    #[n(0)]
    pub feed: FeedId,
    /// The stretch begins after this position …
    #[n(1)]
    pub after: Seq,
    /// … and ends with this one.
    #[n(2)]
    pub upto: Seq,
    /// The link at the end of the stretch.
    #[n(3)]
    pub link: Option<Link>,
    /// The version of the dictionary.
    #[n(4)]
    pub dictionary: u32,
    /// Visits and items.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub pack: Vec<u8>,
}

/// Who brought changes, and when.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(array)]
pub struct Visit {
    /// The device that signed.
    #[n(0)]
    pub device: DeviceId,
    /// Its person.
    #[n(1)]
    pub person: PersonId,
    /// The role that allowed it, then.
    #[n(2)]
    pub role: Role,
    /// The party spoken for.
    #[n(3)]
    pub party: Party,
    /// Receipt, by the server's clock.
    #[n(4)]
    pub received: UnixMs,
    /// The server's clock minus the device's, at that time.
    #[n(5)]
    pub skew: SpanMs,
}

/// One entry of a feed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Item {
    /// Its position.
    #[n(0)]
    pub seq: Seq,
    /// Index into [`Items::visits`].
    #[n(1)]
    pub visit: u32,
    /// Its record.
    #[n(2)]
    pub record: RecordId,
    /// What it is.
    #[n(3)]
    pub content: Content,
}

/// What an entry of a feed is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Content {
    /// An Automerge change chunk.
    #[n(0)]
    Change(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// A change whose words were erased since. Its name keeps its place.
    #[n(1)]
    Gone(#[n(0)] ChangeHash),
    /// The erasure of the record, and why. Devices delete it.
    #[n(2)]
    Erasure(#[n(0)] String),
}

/// What opens the device's next connections. A secret.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct TokenFrame {
    /// The token.
    #[n(0)]
    pub token: String,
    /// Not any more from this moment, by the server's clock.
    #[n(1)]
    pub expires: UnixMs,
}

impl std::fmt::Debug for TokenFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenFrame").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// The members of a community.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct RosterFrame {
    /// Whose.
    #[n(0)]
    pub community: CommunityId,
    /// Its name.
    #[n(1)]
    pub name: String,
    /// Who is who.
    #[n(2)]
    pub roster: Roster,
}

/// The rules, when the device's are older.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SchemaFrame {
    /// A schema, [packed](crate::schema::Schema::packed).
    #[cbor(n(1), with = "minicbor::bytes")]
    pub rules: Vec<u8>,
}

/// The working days that the server counts by, when the device's are others.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CalendarFrame {
    /// A calendar, [packed](crate::calendar::Calendar::packed).
    #[cbor(n(1), with = "minicbor::bytes")]
    pub days: Vec<u8>,
}

/// The end of a connection, and why.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Bye {
    /// For programs; see [`crate::session::ByeCode`].
    #[n(0)]
    pub code: String,
    /// For people, in Chinese.
    #[n(1)]
    pub zh: String,
    /// For people, in English.
    #[n(2)]
    pub en: String,
    /// When to try again, if that can help.
    #[n(3)]
    pub retry_after: Option<SpanMs>,
}

/// A frame of this kind means nothing to me. The connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Sorry {
    /// The kind that was not known.
    #[n(0)]
    pub kind: u32,
}

macro_rules! frames {
    ($($number:literal $name:ident($body:ty),)*) => {
        /// One frame.
        #[derive(Debug, Clone, PartialEq)]
        #[expect(missing_docs, reason = "each body says what it is")]
        pub enum Frame {
            $($name($body),)*
            /// A kind that this build does not know.
            Unknown(u32),
        }

        impl Frame {
            /// The kind's number.
            pub fn kind(&self) -> u32 {
                match self {
                    $(Self::$name(_) => $number,)*
                    Self::Unknown(kind) => *kind,
                }
            }

            /// As it travels.
            pub fn encode(&self) -> Vec<u8> {
                let mut bytes = Vec::new();
                let mut e = Encoder::new(&mut bytes);
                let written = match self {
                    $(Self::$name(body) => e.array(2).and_then(|e| e.u32($number)).and_then(|e| e.encode(body)).map(|_| ()),)*
                    Self::Unknown(kind) => e.array(2).and_then(|e| e.u32(*kind)).and_then(|e| e.map(0)).map(|_| ()),
                };
                written.expect("writing to memory does not fail");
                bytes
            }

            fn decode_body(kind: u32, d: &mut Decoder<'_>) -> Result<Self, minicbor::decode::Error> {
                Ok(match kind {
                    $($number => Self::$name(d.decode()?),)*
                    unknown => {
                        d.skip()?;
                        Self::Unknown(unknown)
                    }
                })
            }
        }

        $(impl From<$body> for Frame {
            fn from(body: $body) -> Self {
                Self::$name(body)
            }
        })*
    };
}

// Numbers below 16 are the device's, from 16 on the server's. A number once given keeps its meaning.
frames! {
    0 Hello(Hello),
    1 Push(Push),
    2 Follow(Follow),
    3 Unfollow(Unfollow),
    4 Seen(Seen),
    5 Ping(Ping),
    6 PackedPush(PackedPush),
    7 ShortHello(ShortHello),
    8 ShortPush(ShortPush),
    9 ShortSeen(ShortSeen),
    16 Welcome(Welcome),
    17 Receipt(Receipt),
    18 Items(Items),
    19 Roster(RosterFrame),
    20 Schema(SchemaFrame),
    21 Bye(Bye),
    22 Pong(Pong),
    23 Sorry(Sorry),
    24 Grants(Grants),
    25 Calendar(CalendarFrame),
    26 Token(TokenFrame),
    27 PackedItems(PackedItems),
    28 Chunk(ChunkFrame),
    29 ShortWelcome(ShortWelcome),
    30 ShortReceipt(ShortReceipt),
    31 ShortItems(ShortItems),
}

/// What frames are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// To greet each other, and to be told who and what there is.
    Greeting,
    /// What the device wrote, and receipts.
    OwnWork,
    /// What others wrote.
    OthersWork,
    /// Whole records for a device that has none.
    Snapshot,
    /// Whether somebody is there, and how far a device has come.
    SignOfLife,
}

/// Bytes that are no frame. The sender is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// Over [`limits::FRAME_BYTES`].
    #[error("a frame of {0} bytes is over the limit")]
    TooLong(usize),
    /// Not the CBOR that the specification asks for, or cut short.
    #[error("not a frame: {0}")]
    Malformed(String),
    /// Bytes after the frame.
    #[error("{0} bytes after the end of the frame")]
    Trailing(usize),
}

impl Frame {
    /// What a frame is likely for; only decoding tells.
    pub fn use_of(bytes: &[u8]) -> Use {
        let mut d = Decoder::new(bytes);
        match d.array().and_then(|_| d.u32()) {
            Ok(1 | 6 | 8 | 17 | 30) => Use::OwnWork,
            Ok(18 | 27 | 31) => Use::OthersWork,
            Ok(28) => Use::Snapshot,
            Ok(4 | 5 | 9 | 22 | 23) => Use::SignOfLife,
            _ => Use::Greeting,
        }
    }

    /// Whether this is likely a [`Push`]; only decoding tells.
    pub fn is_push(bytes: &[u8]) -> bool {
        bytes.starts_with(&[0x82, 1])
    }

    /// Whether this is likely [`PackedItems`] or [`ShortItems`]; only decoding tells.
    pub fn is_packed_items(bytes: &[u8]) -> bool {
        bytes.starts_with(&[0x82, 0x18, 27]) || bytes.starts_with(&[0x82, 0x18, 31])
    }

    /// Takes bytes from anyone.
    ///
    /// # Errors
    /// [`BadFrame`]; nothing of it may be used.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadFrame> {
        if bytes.len() > limits::FRAME_BYTES {
            return Err(BadFrame::TooLong(bytes.len()));
        }
        let malformed = |e: minicbor::decode::Error| BadFrame::Malformed(e.to_string());
        let mut d = Decoder::new(bytes);
        if d.array().map_err(malformed)? != Some(2) {
            return Err(BadFrame::Malformed("a frame is an array of two".into()));
        }
        let kind = d.u32().map_err(malformed)?;
        let frame = Self::decode_body(kind, &mut d).map_err(malformed)?;
        match bytes.len() - d.position() {
            0 => Ok(frame),
            trailing => Err(BadFrame::Trailing(trailing)),
        }
    }
}

/// Where the first of several frames ends that stand one after the other; `None` while it is not all there.
///
/// # Errors
/// [`BadFrame`]: no frame begins so.
pub fn first_end(bytes: &[u8]) -> Result<Option<usize>, BadFrame> {
    let mut d = Decoder::new(bytes);
    match d.skip() {
        Ok(()) => Ok(Some(d.position())),
        Err(error) if error.is_end_of_input() && bytes.len() <= limits::FRAME_BYTES => Ok(None),
        Err(error) => Err(BadFrame::Malformed(error.to_string())),
    }
}

/// Frames that stand one after the other. Takes bytes from anyone; the frames are not looked into.
///
/// # Errors
/// [`BadFrame`].
pub fn split(mut bytes: &[u8]) -> Result<Vec<&[u8]>, BadFrame> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let end = first_end(bytes)?.ok_or_else(|| BadFrame::Malformed("the last frame is cut short".into()))?;
        let (frame, rest) = bytes.split_at(end);
        frames.push(frame);
        bytes = rest;
    }
    Ok(frames)
}
