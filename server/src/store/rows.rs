//! The tables: what each row holds, its key, and every order in which it is read.
//!
//! `migrations/` creates the same tables in SQLite; a test holds the two against each other.

use renolog_protocol::id::{
    ActorId, ChangeHash, CommunityId, DeviceId, Epoch, FeedId, Link, OrganisationId, PersonId, RecordId, Seq,
};
use renolog_protocol::key::{PublicKey, Signature};
use renolog_protocol::record::RecordView;
use renolog_protocol::refusal::{Code, Refusal};
use renolog_protocol::schema::{KindName, Party, Role, StateName};
use renolog_protocol::time::{SpanMs, UnixMs};

use super::StoreError;
use super::cell::{Cell, Column};

/// A table's shape.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns.
    pub columns: &'static [&'static str],
    /// How many of the first columns are its key.
    pub key: usize,
    /// The orders in which it can be read, besides its key.
    pub indexes: &'static [Index],
}

/// An order in which a table can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: &'static str,
    /// The columns to sort by; the key settles ties.
    pub columns: &'static [&'static str],
    /// Which rows it holds, if not all: what nobody asks for by it need not be written twice.
    pub only: Option<Only>,
}

/// The rows that an order holds. Reading by it gives no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    /// Those with another text than this in a column.
    OtherThan(&'static str, &'static str),
    /// Those with more than zero in a column.
    MoreThanNone(&'static str),
}

impl Only {
    /// As SQLite is told. `migrations/` says it in the same words, by which SQLite knows that a question can be answered so.
    pub fn condition(self) -> String {
        match self {
            Self::OtherThan(column, text) => format!("{column} <> '{text}'"),
            Self::MoreThanNone(column) => format!("{column} > 0"),
        }
    }

    /// Whether it holds a row.
    pub(super) fn holds(self, table: &Table, row: &[Cell]) -> bool {
        let cell = |name: &str| table.columns.iter().position(|column| *column == name).map(|at| &row[at]);
        match self {
            Self::OtherThan(column, text) => cell(column).is_some_and(|cell| !matches!(cell, Cell::Text(held) if held == text)),
            Self::MoreThanNone(column) => matches!(cell(column), Some(Cell::Int(1..))),
        }
    }
}

/// A typed row of one table.
pub trait Row: Sized {
    /// Where it lives.
    const TABLE: &'static Table;
    /// Its cells, in the order of the columns.
    fn to_cells(&self) -> Vec<Cell>;
    /// The row with these cells; `None` when they are not one.
    fn from_cells(cells: Vec<Cell>) -> Option<Self>;
}

macro_rules! rows {
    ($(
        $(#[$doc:meta])*
        $name:ident in $table:literal key $key:literal indexes [$($index:ident($($by:ident),*) $(of $only:expr)?),*] {
            $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
        }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)*
            }

            impl $name {
                $(
                    #[doc = concat!("Read in the order of: ", $(stringify!($by), " ",)*)]
                    pub const $index: Index = Index {
                        name: concat!($table, "_", stringify!($index)),
                        columns: &[$(stringify!($by)),*],
                        only: [$(Some($only),)? None][0],
                    };
                )*
            }

            impl Row for $name {
                const TABLE: &'static Table = &Table {
                    name: $table,
                    columns: &[$(stringify!($field)),*],
                    key: $key,
                    indexes: &[$(Self::$index),*],
                };

                fn to_cells(&self) -> Vec<Cell> {
                    vec![$(self.$field.to_cell()),*]
                }

                fn from_cells(cells: Vec<Cell>) -> Option<Self> {
                    let mut cells = cells.into_iter();
                    Some(Self { $($field: <$type>::from_cell(cells.next()?)?,)* })
                }
            }
        )*

        /// Every table.
        pub const TABLES: &[&Table] = &[$($name::TABLE),*];
    };
}

rows! {
    /// Which life of the store this is. One row.
    EpochRow in "epoch" key 1 indexes [] {
        /// Always 0.
        id: u64,
        /// Drawn when the data directory was made, and again when a backup is restored.
        epoch: Epoch,
    }

    /// One command of the log, in the order it was applied. Changes stand in `changes`, named here by hash.
    CommandRow in "commands" key 1 indexes [] {
        /// Its place in the log, from 1.
        id: u64,
        /// When the node that took it received it.
        received: UnixMs,
        /// The person who gave it, if one did at a console.
        by: Option<PersonId>,
        /// The command as CBOR.
        body: Vec<u8>,
        /// SHA-256 over the link of the command before and all of this one.
        link: Vec<u8>,
    }

    /// A community.
    CommunityRow in "communities" key 1 indexes [BY_SLUG(slug)] {
        /// Which.
        id: CommunityId,
        /// Its short name in addresses and commands.
        slug: String,
        /// Its name.
        name: String,
        /// Grows with every change of its roster.
        roster_version: u64,
        /// When it was added.
        added: UnixMs,
    }

    /// A person.
    PersonRow in "people" key 1 indexes [] {
        /// Which.
        id: PersonId,
        /// Their name.
        name: String,
        /// Where they belong.
        organisation: Option<OrganisationId>,
        /// Since when they are suspended everywhere, if they are.
        suspended: Option<UnixMs>,
        /// Whether they administer the whole district: 1, or 0.
        administrator: u64,
    }

    /// An organisation that people belong to.
    OrganisationRow in "organisations" key 1 indexes [] {
        /// Which.
        id: OrganisationId,
        /// Its name.
        name: String,
    }

    /// One role of one person in one community.
    MemberRow in "members" key 2 indexes [BY_PERSON(person)] {
        /// Where.
        community: CommunityId,
        /// The order in which roles were given, from 1.
        number: u64,
        /// Who.
        person: PersonId,
        /// As what.
        role: Role,
        /// For which party.
        party: Party,
        /// Since when.
        since: UnixMs,
        /// Until when.
        until: Option<UnixMs>,
    }

    /// A device that was enrolled.
    DeviceRow in "devices" key 1 indexes [BY_PERSON(person)] {
        /// Which.
        id: DeviceId,
        /// Whose.
        person: PersonId,
        /// What its signatures are checked against.
        public_key: PublicKey,
        /// What its person calls it.
        name: String,
        /// When it was enrolled.
        enrolled: UnixMs,
        /// Since when it is revoked, if it is.
        revoked: Option<UnixMs>,
        /// Why.
        revoked_why: Option<String>,
        /// The version of the program that it said it runs, when it connected last.
        runs: Option<String>,
        /// How many changes it held that were not answered, when it was gone again last.
        unsent: u64,
    }

    /// A one-time code.
    InviteRow in "invites" key 1 indexes [] {
        /// SHA-256 of the code.
        code_hash: Vec<u8>,
        /// The person it is for, if they are known.
        person: Option<PersonId>,
        /// Their name.
        name: String,
        /// As what, if as anything new.
        role: Option<Role>,
        /// For which party.
        party: Option<Party>,
        /// Where, 16 bytes a community.
        communities: Vec<u8>,
        /// Whether the person becomes an administrator of the whole district: 1, or 0.
        administrator: u64,
        /// When it was made.
        made: UnixMs,
        /// Not any more from this moment.
        expires: UnixMs,
        /// The device that used it.
        used_by: Option<DeviceId>,
    }

    /// A bearer token for the API, not bound to a device.
    TokenRow in "tokens" key 1 indexes [] {
        /// SHA-256 of the token.
        token_hash: Vec<u8>,
        /// What it was made for.
        label: String,
        /// Not any more from this moment.
        expires: UnixMs,
    }

    /// A feed and how far it has grown.
    FeedRow in "feeds" key 1 indexes [] {
        /// Which.
        feed: FeedId,
        /// Its last position.
        head: Seq,
        /// The link there.
        link: Link,
    }

    /// The receipt ledger: one batch as it was received.
    BatchRow in "batches" key 1 indexes [] {
        /// The command that brought it.
        id: u64,
        /// Who signed it.
        device: DeviceId,
        /// Whose device that was.
        person: PersonId,
        /// Who carried it, if another device did.
        carrier: Option<DeviceId>,
        /// The device's own number of it.
        number: u64,
        /// Where its changes belong.
        feed: FeedId,
        /// The device's clock when it was signed.
        device_time: UnixMs,
        /// The server's clock when it came.
        received: UnixMs,
        /// The server's clock minus the device's, as the connection began.
        skew: SpanMs,
        /// Over its changes.
        signature: Signature,
    }

    /// One change and what became of it.
    ChangeRow in "changes" key 1 indexes [
        BY_FEED(feed, seq), BY_RECORD(record, seq), BY_FATE(feed, fate) of Only::OtherThan("fate", "accepted")
    ] {
        /// Its name.
        hash: ChangeHash,
        /// Where it belongs.
        feed: FeedId,
        /// Its place there, once accepted.
        seq: Option<Seq>,
        /// The link there.
        link: Option<Link>,
        /// Its record.
        record: RecordId,
        /// The batch that brought it first.
        batch: u64,
        /// Its place in that batch.
        position: u64,
        /// `accepted`, `refused`, `dismissed`, `held` or `forked`.
        fate: Fate,
        /// The role that allowed it.
        role: Option<Role>,
        /// The party it speaks for.
        party: Party,
        /// Why it was refused.
        code: Option<Code>,
        /// The same in Chinese.
        zh: Option<String>,
        /// The same in English.
        en: Option<String>,
        /// The actor that wrote it.
        actor: ActorId,
        /// The command that erased its record, if one did.
        erased: Option<u64>,
        /// The change chunk; nothing once it is erased.
        bytes: Vec<u8>,
    }

    /// A record that was erased for good: a place in its feed, and nothing else.
    ErasureRow in "erasures" key 1 indexes [BY_FEED(feed, seq)] {
        /// Which.
        record: RecordId,
        /// Where it belonged.
        feed: FeedId,
        /// The place of the erasure.
        seq: Seq,
        /// The link there.
        link: Link,
        /// The command that did it.
        command: u64,
        /// Who decided; nobody for an operator at the machine.
        person: Option<PersonId>,
        /// In which role.
        role: Role,
        /// Why.
        reason: String,
        /// When.
        received: UnixMs,
    }

    /// What an administrator did.
    AuditRow in "audit" key 1 indexes [] {
        /// The command.
        command: u64,
        /// When.
        received: UnixMs,
        /// Who; nobody for an operator at the machine.
        person: Option<PersonId>,
        /// What, by a stable name.
        action: String,
        /// To whom or what: an id or a name.
        subject: String,
        /// Why, where a reason is asked for.
        reason: String,
    }

    /// A held change and one of the changes it waits for.
    WaitRow in "waits" key 2 indexes [BY_DEVICE(device)] {
        /// What is missing.
        missing: ChangeHash,
        /// Who waits for it.
        waiting: ChangeHash,
        /// The device that wrote the waiting one.
        device: DeviceId,
    }

    /// What an administrator made of a refused change.
    SettledRow in "settled" key 1 indexes [] {
        /// The change.
        hash: ChangeHash,
        /// The command that did it.
        command: u64,
        /// Whether it stands after all: 1, or 0.
        released: u64,
        /// Who decided; nobody for an operator's token.
        person: Option<PersonId>,
        /// In which role.
        role: Role,
        /// Why.
        reason: String,
        /// When.
        received: UnixMs,
    }

    /// The device an actor belongs to: the first that signed with it.
    ActorRow in "actors" key 1 indexes [] {
        /// The actor.
        actor: ActorId,
        /// Its device.
        device: DeviceId,
        /// Its device's person.
        person: PersonId,
    }

    /// Projection: a record as people see it.
    RecordRow in "records" key 1 indexes [
        BY_FEED(feed, updated), BY_CONFLICTS(feed, conflicts) of Only::MoreThanNone("conflicts"),
        BY_SUPERSEDED(feed, superseded) of Only::MoreThanNone("superseded")
    ] {
        /// Which.
        id: RecordId,
        /// Where it belongs.
        feed: FeedId,
        /// What kind.
        kind: KindName,
        /// Where its moves have taken it.
        state: StateName,
        /// What stands for it in a list.
        title: String,
        /// The position of its latest change.
        updated: Seq,
        /// How many conflicts are to be settled.
        conflicts: u64,
        /// How many moves were superseded.
        superseded: u64,
        /// [`renolog_protocol::record::RecordView`] as JSON.
        view: String,
    }

    /// Projection: the little of a record that the district's figures and the list of what is overdue need, apart from its
    /// view, so that counting reads some 150 bytes a record.
    FactRow in "facts" key 1 indexes [BY_KIND(kind, state), BY_FEED(feed, kind)] {
        /// Which.
        id: RecordId,
        /// Where it belongs.
        feed: FeedId,
        /// What kind.
        kind: KindName,
        /// Where its moves have taken it.
        state: StateName,
        /// Whether it was struck out: 1, or 0.
        voided: u64,
        /// The party that made it.
        party: Party,
        /// What it is about: its title field, uncut where that holds one value.
        subject: String,
        /// The place in its feed of its first change.
        first: Seq,
        /// When the server received its first change.
        opened: UnixMs,
        /// When the server received its first move that counts.
        answered: Option<UnixMs>,
        /// The party that made it.
        answered_by: Option<Party>,
        /// When the server received the move with which it became done, if it is.
        closed: Option<UnixMs>,
        /// The party that made that move.
        closed_by: Option<Party>,
        /// The one number its kind is summed up by, where it is known: see `figures::NUMBERS`.
        number: Option<i64>,
    }

    /// A schema this data directory was used with.
    SchemaRow in "schemas" key 1 indexes [] {
        /// Its version.
        version: u64,
        /// Its file.
        text: String,
        /// The command that began to use it.
        command: u64,
    }

    /// Projection: what one accepted change said.
    TimelineRow in "timeline" key 2 indexes [] {
        /// Where.
        feed: FeedId,
        /// Its place there.
        seq: Seq,
        /// In which record.
        record: RecordId,
        /// Which change.
        hash: ChangeHash,
        /// The command that brought it: the order of receipt across feeds.
        batch: u64,
        /// When it was written, by its device's clock.
        device_time: UnixMs,
        /// [`renolog_protocol::record::Act`]s as JSON; none of what was erased.
        acts: String,
    }

    /// How far a device has stored a feed, and when the server learned of it. Only ever added.
    SeenRow in "seen" key 3 indexes [] {
        /// Which device.
        device: DeviceId,
        /// Which feed.
        feed: FeedId,
        /// Up to where.
        upto: Seq,
        /// When the server learned of it.
        received: UnixMs,
    }
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It stands in its feed.
    Accepted,
    /// It does not stand: quarantine.
    Refused,
    /// It does not stand, and an administrator has seen it.
    Dismissed,
    /// It waits for what it depends on.
    Held,
    /// Its actor and number were taken.
    Forked,
}

impl Fate {
    /// As stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Dismissed => "dismissed",
            Self::Held => "held",
            Self::Forked => "forked",
        }
    }
}

impl Column for Fate {
    fn to_cell(&self) -> Cell {
        Cell::Text(self.as_str().to_owned())
    }

    fn from_cell(cell: Cell) -> Option<Self> {
        let name = String::from_cell(cell)?;
        let all = [Self::Accepted, Self::Refused, Self::Dismissed, Self::Held, Self::Forked];
        all.into_iter().find(|fate| fate.as_str() == name)
    }
}

impl RecordRow {
    /// The record as people see it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`]: the row was altered from outside.
    pub fn read_view(&self) -> Result<RecordView, StoreError> {
        serde_json::from_str(&self.view).map_err(|_| StoreError::Damaged("records"))
    }
}

impl DeviceRow {
    /// Whether it was revoked by this moment.
    pub fn is_revoked_at(&self, at: UnixMs) -> bool {
        self.revoked.is_some_and(|revoked| revoked <= at)
    }
}

impl PersonRow {
    /// Whether they were suspended by this moment.
    pub fn is_suspended_at(&self, at: UnixMs) -> bool {
        self.suspended.is_some_and(|suspended| suspended <= at)
    }
}

impl ChangeRow {
    /// Why it was refused.
    pub fn refusal(&self) -> Option<Refusal> {
        Some(Refusal { code: self.code?, zh: self.zh.clone()?, en: self.en.clone()? })
    }
}
