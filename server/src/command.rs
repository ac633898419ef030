//! Commands: everything that is ever written, in one order.
//!
//! A command carries what the node that took it stamped — received time, ids, hashes of secrets — so that
//! [`crate::ingest`] applies it without looking at a clock or drawing a number. The same commands give the same tables,
//! byte for byte, on any node; a replicated log can stand in front without touching the rest.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};
use renolog_protocol::batch::{Absent, Batch, RawBatch, RawChange};
use renolog_protocol::id::{ChangeHash, CommunityId, DeviceId, Epoch, FeedId, OrganisationId, PersonId, RecordId, Seq};
use renolog_protocol::key::{PublicKey, Signature};
use renolog_protocol::limits;
use renolog_protocol::schema::{Party, Role};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::List;

use crate::store::StoreError;

/// One command, when the node that took it received it, by that node's clock, and who gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stamped {
    /// When.
    pub received: UnixMs,
    /// The person who asked for it at a console; nobody for what devices send and what is asked for at the machine itself.
    pub by: Option<PersonId>,
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
    /// Takes back a one-time code that was not used.
    WithdrawInvite(WithdrawInvite),
    /// Ends a bearer token.
    RevokeToken(RevokeToken),
    /// Adds an organisation, or gives it another name.
    SetOrganisation(SetOrganisation),
    /// Adds a person, or says otherwise of one.
    SetPerson(SetPerson),
    /// Gives a person a role in a community.
    GiveRole(GiveRole),
    /// Ends a role.
    EndRole(EndRole),
    /// Makes a person an administrator of the whole district, or not any more.
    SetAdministrator(SetAdministrator),
    /// Ends a device for good.
    RevokeDevice(RevokeDevice),
    /// Suspends a person everywhere, or lets them in again.
    SuspendPerson(SuspendPerson),
    /// Erases a record for good.
    Erase(Erase),
    /// The store goes on from a backup: its next life begins.
    Restored(Restored),
    /// Which version of the program a device runs, when it is another than before.
    Runs(Runs),
    /// A device was gone again, and had not got through as many of its changes as before.
    Left(Left),
}

impl Stamped {
    /// A command that no person at a console gave.
    pub fn new(received: UnixMs, command: Command) -> Self {
        Self { received, by: None, command }
    }
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
    /// For whom.
    #[n(1)]
    pub guest: Guest,
    /// What the person becomes, if anything they are not yet.
    #[n(2)]
    pub duty: Option<Duty>,
    /// Whether the person becomes an administrator of the whole district.
    #[n(3)]
    pub administrator: bool,
    /// Not any more from this moment.
    #[n(4)]
    pub expires: UnixMs,
}

/// Whom a one-time code is for.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Guest {
    /// Somebody of this name, not known yet.
    #[n(0)]
    New(#[n(0)] String),
    /// Somebody who is known, on one more device.
    #[n(1)]
    Known(#[n(0)] PersonId),
}

/// A role for a party, in some communities.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Duty {
    /// As what.
    #[n(0)]
    pub role: Role,
    /// For which party.
    #[n(1)]
    pub party: Party,
    /// Where.
    #[n(2)]
    pub communities: Vec<CommunityId>,
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
    /// Whose the device was before it lost its place here, as it says: what was written there names that person. Counts
    /// where the code makes a person and nobody here has that name yet.
    #[n(5)]
    pub was: Option<PersonId>,
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

/// See [`Command::Runs`].
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Runs {
    /// Which device.
    #[n(0)]
    pub device: DeviceId,
    /// The version, as it says it.
    #[n(1)]
    pub version: String,
}

/// See [`Command::Left`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Left {
    /// Which device.
    #[n(0)]
    pub device: DeviceId,
    /// How many changes it still held that no server had answered.
    #[n(1)]
    pub unsent: u64,
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
    /// The role of whoever decides.
    #[n(2)]
    pub role: Role,
    /// Why.
    #[n(3)]
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

/// See [`Command::WithdrawInvite`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WithdrawInvite {
    /// SHA-256 of the code.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub code_hash: Vec<u8>,
}

/// See [`Command::RevokeToken`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RevokeToken {
    /// SHA-256 of the token.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub token_hash: Vec<u8>,
}

/// See [`Command::SetOrganisation`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SetOrganisation {
    /// Which.
    #[n(0)]
    pub id: OrganisationId,
    /// Its name.
    #[n(1)]
    pub name: String,
}

/// See [`Command::SetPerson`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SetPerson {
    /// Which.
    #[n(0)]
    pub id: PersonId,
    /// Their name.
    #[n(1)]
    pub name: String,
    /// Where they belong.
    #[n(2)]
    pub organisation: Option<OrganisationId>,
}

/// See [`Command::GiveRole`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GiveRole {
    /// To whom.
    #[n(0)]
    pub person: PersonId,
    /// What, and where.
    #[n(1)]
    pub duty: Duty,
    /// From this moment; from receipt if not said.
    #[n(2)]
    pub from: Option<UnixMs>,
    /// Until this moment.
    #[n(3)]
    pub until: Option<UnixMs>,
}

/// See [`Command::EndRole`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct EndRole {
    /// Where.
    #[n(0)]
    pub community: CommunityId,
    /// Which, by the order in which roles were given there, from 1.
    #[n(1)]
    pub number: u64,
    /// From this moment; from receipt if not said. What was done before it stands.
    #[n(2)]
    pub at: Option<UnixMs>,
}

/// See [`Command::SetAdministrator`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SetAdministrator {
    /// Who.
    #[n(0)]
    pub person: PersonId,
    /// Whether they are one from now on.
    #[n(1)]
    pub administrator: bool,
}

/// See [`Command::RevokeDevice`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RevokeDevice {
    /// Which.
    #[n(0)]
    pub device: DeviceId,
    /// Why.
    #[n(1)]
    pub reason: String,
}

/// See [`Command::SuspendPerson`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SuspendPerson {
    /// Who.
    #[n(0)]
    pub person: PersonId,
    /// Whether they are from now on.
    #[n(1)]
    pub suspended: bool,
    /// Why.
    #[n(2)]
    pub reason: String,
}

/// See [`Command::Erase`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Erase {
    /// Which record.
    #[n(0)]
    pub record: RecordId,
    /// The role of whoever decides.
    #[n(1)]
    pub role: Role,
    /// Why. It stays.
    #[n(2)]
    pub reason: String,
    /// SHA-256 over what is left of the record's changes, filled in as the command is applied: once the words are gone, the
    /// log alone could not say what had become of them.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub remains: Option<Vec<u8>>,
}

/// See [`Command::Restored`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Restored {
    /// The store's next life, drawn at random.
    #[n(0)]
    pub epoch: Epoch,
    /// When the backup was taken.
    #[n(1)]
    pub taken: UnixMs,
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
    /// Everything that was signed.
    #[n(4)]
    changes: List<(RecordId, ChangeHash), { limits::BATCH_CHANGES }>,
    #[n(5)]
    signature: Signature,
    #[n(6)]
    carrier: DeviceId,
    #[n(7)]
    skew: SpanMs,
    /// The places of those changes that did not come along.
    #[n(8)]
    absent: List<u16, { limits::BATCH_CHANGES }>,
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
    /// See [`Command::WithdrawInvite`].
    #[n(9)]
    WithdrawInvite(#[n(0)] WithdrawInvite),
    /// See [`Command::RevokeToken`].
    #[n(10)]
    RevokeToken(#[n(0)] RevokeToken),
    /// See [`Command::SetOrganisation`].
    #[n(11)]
    SetOrganisation(#[n(0)] SetOrganisation),
    /// See [`Command::SetPerson`].
    #[n(12)]
    SetPerson(#[n(0)] SetPerson),
    /// See [`Command::GiveRole`].
    #[n(13)]
    GiveRole(#[n(0)] GiveRole),
    /// See [`Command::EndRole`].
    #[n(14)]
    EndRole(#[n(0)] EndRole),
    /// See [`Command::SetAdministrator`].
    #[n(15)]
    SetAdministrator(#[n(0)] SetAdministrator),
    /// See [`Command::RevokeDevice`].
    #[n(16)]
    RevokeDevice(#[n(0)] RevokeDevice),
    /// See [`Command::SuspendPerson`].
    #[n(17)]
    SuspendPerson(#[n(0)] SuspendPerson),
    /// See [`Command::Erase`].
    #[n(18)]
    Erase(#[n(0)] Erase),
    /// See [`Command::Restored`].
    #[n(19)]
    Restored(#[n(0)] Restored),
    /// See [`Command::Runs`].
    #[n(20)]
    Runs(#[n(0)] Runs),
    /// See [`Command::Left`].
    #[n(21)]
    Left(#[n(0)] Left),
}

/// What is kept of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// The chunk.
    Bytes(Vec<u8>),
    /// Its name only: its record was erased.
    Erased,
}

/// A logged command that cannot be brought back.
#[derive(Debug, thiserror::Error)]
pub enum BadLog {
    /// Its bytes are no command.
    #[error("not a command: {0}")]
    Malformed(String),
    /// Its bytes are a command, and not as commands are written.
    #[error("not written as commands are")]
    Uncanonical,
    /// A change it names is not among the changes.
    #[error("change {0} is named by the log but not kept")]
    MissingChange(ChangeHash),
    /// A change it names does not fit its name or signature any more.
    #[error("a batch of the log does not fit its signature: {0}")]
    Altered(#[from] renolog_protocol::batch::BadBatch),
    /// The device that signed it is not known at this point of the log.
    #[error("device {0} is not known at this point of the log")]
    UnknownDevice(DeviceId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Command {
    /// As the log keeps it.
    pub fn to_log(&self) -> Vec<u8> {
        // Not cloned with the others: its changes are not part of what the log says.
        if let Self::Push(push) = self {
            return push.to_log();
        }
        let logged = match self.clone() {
            Self::Found(command) => Logged::Found(command),
            Self::AddCommunity(command) => Logged::AddCommunity(command),
            Self::Invite(command) => Logged::Invite(command),
            Self::Enrol(command) => Logged::Enrol(command),
            Self::IssueToken(command) => Logged::IssueToken(command),
            Self::Push(push) => return push.to_log(),
            Self::Saw(command) => Logged::Saw(command),
            Self::Settle(command) => Logged::Settle(command),
            Self::UseSchema(command) => Logged::UseSchema(command),
            Self::WithdrawInvite(command) => Logged::WithdrawInvite(command),
            Self::RevokeToken(command) => Logged::RevokeToken(command),
            Self::SetOrganisation(command) => Logged::SetOrganisation(command),
            Self::SetPerson(command) => Logged::SetPerson(command),
            Self::GiveRole(command) => Logged::GiveRole(command),
            Self::EndRole(command) => Logged::EndRole(command),
            Self::SetAdministrator(command) => Logged::SetAdministrator(command),
            Self::RevokeDevice(command) => Logged::RevokeDevice(command),
            Self::SuspendPerson(command) => Logged::SuspendPerson(command),
            Self::Erase(command) => Logged::Erase(command),
            Self::Restored(command) => Logged::Restored(command),
            Self::Runs(command) => Logged::Runs(command),
            Self::Left(command) => Logged::Left(command),
        };
        minicbor::to_vec(logged).expect("writing to memory does not fail")
    }

    /// Brings a logged command back; `bytes_of` finds a change's bytes, `key_of` a device's key. A push whose changes were
    /// erased since comes back without them.
    ///
    /// # Errors
    /// [`BadLog`]: the log or what it refers to was altered.
    pub fn from_log(
        body: &[u8],
        bytes_of: impl Fn(ChangeHash) -> Result<Option<Kept>, StoreError>,
        key_of: impl Fn(DeviceId) -> Result<Option<PublicKey>, StoreError>,
    ) -> Result<Self, BadLog> {
        let logged: Logged = minicbor::decode(body).map_err(|e| BadLog::Malformed(e.to_string()))?;
        if minicbor::to_vec(&logged).expect("writing to memory does not fail") != body {
            return Err(BadLog::Uncanonical);
        }
        Ok(match logged {
            Logged::Found(command) => Self::Found(command),
            Logged::AddCommunity(command) => Self::AddCommunity(command),
            Logged::Invite(command) => Self::Invite(command),
            Logged::Enrol(command) => Self::Enrol(command),
            Logged::IssueToken(command) => Self::IssueToken(command),
            Logged::Push(push) => Self::Push(push.revive(bytes_of, key_of)?),
            Logged::Saw(command) => Self::Saw(command),
            Logged::Settle(command) => Self::Settle(command),
            Logged::UseSchema(command) => Self::UseSchema(command),
            Logged::WithdrawInvite(command) => Self::WithdrawInvite(command),
            Logged::RevokeToken(command) => Self::RevokeToken(command),
            Logged::SetOrganisation(command) => Self::SetOrganisation(command),
            Logged::SetPerson(command) => Self::SetPerson(command),
            Logged::GiveRole(command) => Self::GiveRole(command),
            Logged::EndRole(command) => Self::EndRole(command),
            Logged::SetAdministrator(command) => Self::SetAdministrator(command),
            Logged::RevokeDevice(command) => Self::RevokeDevice(command),
            Logged::SuspendPerson(command) => Self::SuspendPerson(command),
            Logged::Erase(command) => Self::Erase(command),
            Logged::Restored(command) => Self::Restored(command),
            Logged::Runs(command) => Self::Runs(command),
            Logged::Left(command) => Self::Left(command),
        })
    }
}

impl Push {
    fn to_log(&self) -> Vec<u8> {
        let batch = &self.batch;
        let logged = Logged::Push(LoggedPush {
            device: batch.device(),
            number: batch.number(),
            feed: batch.feed(),
            device_time: batch.device_time(),
            changes: batch.names().to_vec().try_into().expect("a batch is bounded"),
            absent: absent(batch).try_into().expect("a batch is bounded"),
            signature: *batch.signature(),
            carrier: self.carrier,
            skew: self.skew,
        });
        minicbor::to_vec(logged).expect("writing to memory does not fail")
    }
}

fn absent(batch: &Batch) -> Vec<u16> {
    let brought: BTreeSet<usize> = batch.changes().map(|(position, ..)| position).collect();
    (0..batch.names().len()).filter(|position| !brought.contains(position)).map(|position| position as u16).collect()
}

impl LoggedPush {
    fn revive(
        self,
        bytes_of: impl Fn(ChangeHash) -> Result<Option<Kept>, StoreError>,
        key_of: impl Fn(DeviceId) -> Result<Option<PublicKey>, StoreError>,
    ) -> Result<Push, BadLog> {
        let (mut changes, mut absent) = (Vec::new(), Vec::new());
        for (position, (record, hash)) in self.changes.iter().enumerate() {
            let position = position as u16;
            let kept = if self.absent.contains(&position) { Some(Kept::Erased) } else { bytes_of(*hash)? };
            match kept.ok_or(BadLog::MissingChange(*hash))? {
                Kept::Bytes(bytes) => changes.push(RawChange { record: *record, bytes }),
                Kept::Erased => absent.push(Absent { position, record: *record, hash: *hash }),
            }
        }
        let raw = RawBatch {
            device: self.device,
            number: self.number,
            feed: self.feed,
            device_time: self.device_time,
            changes: changes.try_into().expect("as many as were named"),
            signature: self.signature,
            absent: (!absent.is_empty()).then(|| absent.try_into().expect("as many as were named")),
        };
        let key = key_of(self.device)?.ok_or(BadLog::UnknownDevice(self.device))?;
        Ok(Push { batch: Batch::open(raw, &key)?, carrier: self.carrier, skew: self.skew })
    }
}
