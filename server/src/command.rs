//! Commands: everything that is ever written, in one order.
//!
//! A command carries what the node that took it stamped — received time, ids, hashes of secrets — so that
//! [`crate::ingest`] applies it without looking at a clock or drawing a number. The same commands give the same tables,
//! byte for byte, on any node; a replicated log can stand in front without touching the rest.

use minicbor::{Decode, Encode};
use renolog_protocol::batch::{Batch, RawBatch, RawChange};
use renolog_protocol::id::{ChangeHash, CommunityId, DeviceId, Epoch, FeedId, PersonId, RecordId, Seq};
use renolog_protocol::key::{PublicKey, Signature};
use renolog_protocol::limits;
use renolog_protocol::schema::{Party, Role};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::List;

/// One command and when the node that took it received it, by that node's clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Stamped {
    /// When.
    pub received: UnixMs,
    /// What.
    pub command: Command,
}

/// What can be written.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// The first command of a data directory.
    Found(Found),
    /// Adds a community.
    AddCommunity(AddCommunity),
    /// Makes a one-time code.
    Invite(Invite),
    /// Uses a one-time code.
    Enrol(Enrol),
    /// Makes a bearer token for the API.
    IssueToken(IssueToken),
    /// A device's signed changes.
    Push(Push),
    /// How far a device has stored a feed.
    Saw(Saw),
    /// What an administrator makes of a refused change.
    Settle(Settle),
    /// The schema that rules from here on.
    UseSchema(UseSchema),
}

/// See [`Command::Found`].
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Found {
    /// Drawn at random.
    #[n(0)]
    pub epoch: Epoch,
}

/// See [`Command::AddCommunity`].
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct AddCommunity {
    /// Which.
    #[n(0)]
    pub id: CommunityId,
    /// Its short name.
    #[n(1)]
    pub slug: String,
    /// Its name.
    #[n(2)]
    pub name: String,
}

/// See [`Command::Invite`].
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Invite {
    /// SHA-256 of the code.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub code_hash: Vec<u8>,
    /// The communities it opens.
    #[n(1)]
    pub communities: Vec<CommunityId>,
    /// As what.
    #[n(2)]
    pub role: Role,
    /// For which party.
    #[n(3)]
    pub party: Party,
    /// The person's name.
    #[n(4)]
    pub name: String,
    /// Not any more from this moment.
    #[n(5)]
    pub expires: UnixMs,
}

/// See [`Command::Enrol`].
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Enrol {
    /// SHA-256 of the code.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub code_hash: Vec<u8>,
    /// The person the code makes, if it makes one.
    #[n(1)]
    pub person: PersonId,
    /// The device that brings the code.
    #[n(2)]
    pub device: DeviceId,
    /// Its key.
    #[n(3)]
    pub public_key: PublicKey,
    /// What its person calls it.
    #[n(4)]
    pub device_name: String,
    /// SHA-256 of the token it is given.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub token_hash: Vec<u8>,
}

/// See [`Command::IssueToken`].
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct IssueToken {
    /// SHA-256 of the token.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub token_hash: Vec<u8>,
    /// What it is for.
    #[n(1)]
    pub label: String,
    /// Not any more from this moment.
    #[n(2)]
    pub expires: UnixMs,
}

/// See [`Command::Push`].
#[derive(Debug, Clone, PartialEq)]
pub struct Push {
    /// The batch, checked.
    pub batch: Batch,
    /// The device whose connection brought it.
    pub carrier: DeviceId,
    /// The server's clock minus the carrier's, as the connection began.
    pub skew: SpanMs,
}

/// See [`Command::Saw`].
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Saw {
    /// Which device.
    #[n(0)]
    pub device: DeviceId,
    /// Which feed.
    #[n(1)]
    pub feed: FeedId,
    /// Up to where.
    #[n(2)]
    pub upto: Seq,
}

/// See [`Command::Settle`].
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Settle {
    /// The change in quarantine.
    #[n(0)]
    pub change: ChangeHash,
    /// Whether it shall stand after all, or never.
    #[n(1)]
    pub release: bool,
    /// Who decides: the person, or nobody for an operator's token.
    #[n(2)]
    pub person: Option<PersonId>,
    /// In which role.
    #[n(3)]
    pub role: Role,
    /// Why.
    #[n(4)]
    pub reason: String,
}

/// See [`Command::UseSchema`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct UseSchema {
    /// Its version, as the text says as well.
    #[n(0)]
    pub version: u32,
    /// The file.
    #[n(1)]
    pub text: String,
}

/// A push as the log keeps it: the changes by name only, since the table of changes holds their bytes. So erasing a change's
/// bytes is one place.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct LoggedPush {
    #[n(0)]
    device: DeviceId,
    #[n(1)]
    number: u64,
    #[n(2)]
    feed: FeedId,
    #[n(3)]
    device_time: UnixMs,
    #[n(4)]
    changes: List<(RecordId, ChangeHash), { limits::BATCH_CHANGES }>,
    #[n(5)]
    signature: Signature,
    #[n(6)]
    carrier: DeviceId,
    #[n(7)]
    skew: SpanMs,
}

/// A command as the log keeps it.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub enum Logged {
    /// See [`Command::Found`].
    #[n(0)]
    Found(#[n(0)] Found),
    /// See [`Command::AddCommunity`].
    #[n(1)]
    AddCommunity(#[n(0)] AddCommunity),
    /// See [`Command::Invite`].
    #[n(2)]
    Invite(#[n(0)] Invite),
    /// See [`Command::Enrol`].
    #[n(3)]
    Enrol(#[n(0)] Enrol),
    /// See [`Command::IssueToken`].
    #[n(4)]
    IssueToken(#[n(0)] IssueToken),
    /// See [`Command::Push`].
    #[n(5)]
    Push(#[n(0)] LoggedPush),
    /// See [`Command::Saw`].
    #[n(6)]
    Saw(#[n(0)] Saw),
    /// See [`Command::Settle`].
    #[n(7)]
    Settle(#[n(0)] Settle),
    /// See [`Command::UseSchema`].
    #[n(8)]
    UseSchema(#[n(0)] UseSchema),
}

/// A logged command that cannot be brought back.
#[derive(Debug, thiserror::Error)]
pub enum BadLog {
    /// Its bytes are no command.
    #[error("not a command: {0}")]
    Malformed(String),
    /// A change it names is not among the changes.
    #[error("change {0} is named by the log but not kept")]
    MissingChange(ChangeHash),
    /// A change it names does not fit its name or signature any more.
    #[error("a batch of the log does not fit its signature: {0}")]
    Altered(#[from] renolog_protocol::batch::BadBatch),
    /// The device that signed it is not known at this point of the log.
    #[error("device {0} is not known at this point of the log")]
    UnknownDevice(DeviceId),
}

impl Command {
    /// As the log keeps it.
    pub fn to_log(&self) -> Vec<u8> {
        let logged = match self.clone() {
            Self::Found(command) => Logged::Found(command),
            Self::AddCommunity(command) => Logged::AddCommunity(command),
            Self::Invite(command) => Logged::Invite(command),
            Self::Enrol(command) => Logged::Enrol(command),
            Self::IssueToken(command) => Logged::IssueToken(command),
            Self::Push(Push { batch, carrier, skew }) => Logged::Push(LoggedPush {
                device: batch.device(),
                number: batch.number(),
                feed: batch.feed(),
                device_time: batch.device_time(),
                changes: names(&batch).try_into().expect("a batch is bounded"),
                signature: *batch.signature(),
                carrier,
                skew,
            }),
            Self::Saw(command) => Logged::Saw(command),
            Self::Settle(command) => Logged::Settle(command),
            Self::UseSchema(command) => Logged::UseSchema(command),
        };
        minicbor::to_vec(logged).expect("writing to memory does not fail")
    }

    /// Brings a logged command back; `bytes_of` finds a change's bytes, `key_of` a device's key.
    ///
    /// # Errors
    /// [`BadLog`]: the log or what it refers to was altered.
    pub fn from_log(
        body: &[u8],
        bytes_of: impl Fn(ChangeHash) -> Option<Vec<u8>>,
        key_of: impl Fn(DeviceId) -> Option<PublicKey>,
    ) -> Result<Self, BadLog> {
        Ok(match minicbor::decode(body).map_err(|e| BadLog::Malformed(e.to_string()))? {
            Logged::Found(command) => Self::Found(command),
            Logged::AddCommunity(command) => Self::AddCommunity(command),
            Logged::Invite(command) => Self::Invite(command),
            Logged::Enrol(command) => Self::Enrol(command),
            Logged::IssueToken(command) => Self::IssueToken(command),
            Logged::Push(push) => Self::Push(push.revive(bytes_of, key_of)?),
            Logged::Saw(command) => Self::Saw(command),
            Logged::Settle(command) => Self::Settle(command),
            Logged::UseSchema(command) => Self::UseSchema(command),
        })
    }
}

fn names(batch: &Batch) -> Vec<(RecordId, ChangeHash)> {
    batch.changes().iter().map(|(record, change)| (*record, change.hash())).collect()
}

impl LoggedPush {
    fn revive(
        self,
        bytes_of: impl Fn(ChangeHash) -> Option<Vec<u8>>,
        key_of: impl Fn(DeviceId) -> Option<PublicKey>,
    ) -> Result<Push, BadLog> {
        let change = |(record, hash): &(RecordId, ChangeHash)| {
            let bytes = bytes_of(*hash).ok_or(BadLog::MissingChange(*hash))?;
            Ok(RawChange { record: *record, bytes })
        };
        let changes = self.changes.iter().map(change).collect::<Result<Vec<_>, BadLog>>()?;
        let raw = RawBatch {
            device: self.device,
            number: self.number,
            feed: self.feed,
            device_time: self.device_time,
            changes: changes.try_into().expect("as many as were named"),
            signature: self.signature,
        };
        let key = key_of(self.device).ok_or(BadLog::UnknownDevice(self.device))?;
        Ok(Push { batch: Batch::open(raw, &key)?, carrier: self.carrier, skew: self.skew })
    }
}
