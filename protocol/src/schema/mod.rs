//! The rules of a log as data: parties, roles, audiences, kinds of record, their fields, states, moves and deadlines.
//!
//! One TOML file holds them (`protocol/schema.toml` is the one built in); [`Schema::parse`] turns it into types that hold
//! only what makes sense, or lists every mistake with its line. The server reads it, and hands it to devices
//! [packed](Schema::packed): so a phone carries neither a reader of files nor the search for mistakes.

mod compat;
#[cfg(feature = "files")]
mod load;
mod packing;
mod term;
mod value;
mod votes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use indexmap::IndexMap;
use serde::Serialize;

pub use compat::incompatibilities;
#[cfg(feature = "files")]
pub use load::{BadSchema, Mistake};
pub use term::{FieldName, KindName, Label, MoveName, NotATerm, Party, Role, StateName};
pub use value::{Misfit, Scalar, Value};
pub use votes::{Threshold, Votes};

use crate::id::Audience;
use crate::packed::{self, Unreadable};

/// Everything the rules know.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Schema {
    /// Grows with every change of the file; a device keeps the highest it was given.
    pub version: u32,
    /// The lanes of the history, in the order they are drawn.
    pub parties: IndexMap<Party, Label>,
    /// What people can be.
    pub roles: IndexMap<Role, RoleRules>,
    /// Which roles read each audience. [`Audience::Open`] is every role.
    pub audiences: BTreeMap<Audience, BTreeSet<Role>>,
    /// The kinds of record.
    pub kinds: IndexMap<KindName, Kind>,
    /// By which majorities owners decide.
    pub votes: Votes,
    #[cfg(feature = "files")]
    #[serde(skip)]
    text: Arc<str>,
}

/// A role and the party it speaks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoleRules {
    /// Its name for people.
    pub label: Label,
    /// The lane its holders' words appear in.
    pub party: Party,
}

/// One kind of record.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Kind {
    /// Its own name.
    pub name: KindName,
    /// Its name for people.
    pub label: Label,
    /// One sentence on what it is for.
    pub help: Option<Label>,
    /// Who receives its records.
    pub audience: Audience,
    /// Who may make one.
    pub create: BTreeSet<Role>,
    /// The field that stands for the record in a list.
    pub title: FieldName,
    /// The state a new record is in.
    pub initial: StateName,
    /// Its fields, in the order of a form.
    pub fields: IndexMap<FieldName, Field>,
    /// Its states, in the order of a diagram.
    pub states: IndexMap<StateName, State>,
    /// Its moves.
    pub moves: IndexMap<MoveName, Move>,
    /// When it is overdue.
    pub deadlines: Vec<Deadline>,
    /// A field that names a party; nobody of that party may make the record. Who handled a matter does not ask how it went.
    pub not_by: Option<FieldName>,
    /// How many years after it was done a record is erased for good; kept for ever where that is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_years: Option<u32>,
}

/// One field of a kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Field {
    /// Its name for people.
    pub label: Label,
    /// One sentence on what to write.
    pub help: Option<Label>,
    /// What it holds.
    #[serde(flatten)]
    pub shape: Shape,
    /// Who may write it.
    pub write: BTreeSet<Role>,
    /// Whether a record may not be made without it.
    pub needed: bool,
    /// Whether it may be written only once.
    pub once: bool,
    /// The states in which it may be written; empty: in all.
    pub writable_in: BTreeSet<StateName>,
    /// What several values written apart mean.
    pub conflict: OnConflict,
}

/// What concurrent values of a field mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum OnConflict {
    /// A disagreement: shown as a conflict until someone allowed to writes the field again.
    Settle,
    /// All of them stand; nobody needs to do anything.
    KeepAll,
}

/// The shape of a field.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "shape", rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Shape {
    /// One value; concurrent ones are all kept.
    Register(Scalar),
    /// Text that several people draft together.
    Prose {
        /// Characters.
        max: usize,
    },
    /// Entries that are only ever added: findings, progress.
    Log(Entry),
    /// Entries by key that may be rewritten and voided: buildings, actions.
    Set {
        /// Where keys come from.
        key: KeySource,
        /// What an entry holds.
        #[serde(flatten)]
        entry: Entry,
    },
    /// One entry a party, which only that party writes: opinions, sign-offs.
    PerParty(Entry),
}

/// Where the keys of a set come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum KeySource {
    /// People give them (a building's number): the same key twice is the same thing.
    Given,
    /// The device draws them: two entries are never the same thing.
    Drawn,
}

/// What an entry of a log, set or per-party field holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = EntryShape))]
pub struct Entry {
    /// Its parts by name.
    pub parts: IndexMap<FieldName, Part>,
}

/// One part of an entry.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Part {
    /// Its name for people.
    pub label: Label,
    /// What it holds.
    #[serde(flatten)]
    pub scalar: Scalar,
    /// Whether an entry may not be made without it.
    pub needed: bool,
}

/// One state of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct State {
    /// Its name for people.
    pub label: Label,
    /// Whether nothing more is waited for.
    pub done: bool,
}

/// One move of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Move {
    /// Its name for people.
    pub label: Label,
    /// States it may be made in.
    pub from: BTreeSet<StateName>,
    /// The state it leads to.
    pub to: StateName,
    /// Who may make it.
    pub by: BTreeSet<Role>,
    /// Which of several parallel moves counts.
    pub weight: Weight,
    /// Whether it needs a reason.
    pub reason: bool,
    /// What must have been said before.
    pub needs: Vec<Needs>,
    /// Drafted texts that stay, from this move on, as whoever made it saw them: what was signed is what was read.
    pub freezes: BTreeSet<FieldName>,
}

/// What a move waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Needs {
    /// A field that must hold something: a value, a text, an entry that was not struck out …
    pub field: FieldName,
    /// … and, of a per-party field, an entry of each of these, with every yes/no part of it yes.
    pub parties: BTreeSet<Party>,
    /// Moves after which entries must be made anew: one counts only if its writer had seen the last of these that counts.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub after: BTreeSet<MoveName>,
    /// Which records it holds for.
    pub when: Option<When>,
}

/// Precedence of parallel moves: the heavier comes first, the lighter is then superseded if it no longer fits.
/// Ordered from light to heavy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Weight {
    /// Ends the matter.
    Close,
    /// An ordinary step.
    Progress,
    /// Hands it upward.
    Escalate,
    /// Sends it back.
    Reject,
    /// Safety first.
    StopWork,
}

impl Weight {
    /// Whether the move acts on whatever the state is, even if what it followed was superseded.
    pub fn overrules(self) -> bool {
        self > Self::Progress
    }
}

/// When a record in one of some states is overdue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Deadline {
    /// The rule in words.
    pub label: Label,
    /// States in which its clock runs; it starts when the first of them is entered.
    pub states: BTreeSet<StateName>,
    /// Which records it holds for.
    pub when: Option<When>,
    /// How long.
    pub within: Within,
    /// Whether nothing may happen before it has passed, rather than after: a notice, not a term.
    pub earliest: bool,
    /// Who is told, step by step, once it has passed.
    pub escalate: Vec<Role>,
}

/// A condition on one register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct When {
    /// The register.
    pub field: FieldName,
    /// The choice it is compared with.
    pub choice: String,
    /// Whether it must be that choice, or must not be.
    pub is: bool,
}

/// A span of a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Within {
    /// Hours of any day.
    Hours(u32),
    /// Calendar days.
    Days(u32),
    /// Working days of the district's calendar.
    WorkingDays(u32),
}

/// Fields that every kind has without naming them.
pub mod built_in {
    use std::sync::LazyLock;

    use super::{Entry, FieldName, Label, Part, Scalar};
    use crate::limits;

    /// Remarks, only ever added.
    pub const NOTES: &str = "notes";
    /// Photos and papers, by the hash of their bytes.
    pub const ATTACHMENTS: &str = "attachments";
    /// Spans in which deadlines do not run, and why.
    pub const PAUSES: &str = "pauses";
    /// What was struck out, and why. Nothing is ever deleted.
    pub const VOIDS: &str = "voids";

    fn entry(parts: &[(&str, &str, &str, usize, bool)]) -> Entry {
        let part = |&(name, zh, en, max, needed): &(&str, &str, &str, usize, bool)| {
            let name = FieldName::parse(name).expect("built-in names are names");
            (name, Part { label: Label { zh: zh.into(), en: en.into() }, scalar: Scalar::Text { max }, needed })
        };
        Entry { parts: parts.iter().map(part).collect() }
    }

    /// A note holds `text`.
    pub static NOTE: LazyLock<Entry> = LazyLock::new(|| entry(&[("text", "内容", "text", limits::TEXT_CHARS, true)]));
    /// An attachment holds `name` and `type` (a media type); its key is the SHA-256 of its bytes in hexadecimal.
    pub static ATTACHMENT: LazyLock<Entry> =
        LazyLock::new(|| entry(&[("name", "名称", "name", 120, true), ("type", "类型", "media type", 80, true)]));
    /// A pause lasts to the end of the day `until`, and has a `reason`.
    pub static PAUSE: LazyLock<Entry> = LazyLock::new(|| {
        let mut entry = entry(&[("until", "至", "until", 10, true), ("reason", "原因", "reason", 400, true)]);
        if let Some(until) = entry.parts.get_mut("until") {
            until.scalar = Scalar::Day;
        }
        entry
    });
    /// A void names a `target` (`record`, or `field/key`) and a `reason`.
    pub static VOID: LazyLock<Entry> =
        LazyLock::new(|| entry(&[("target", "对象", "target", 130, true), ("reason", "原因", "reason", 400, true)]));
}

static BUILT_IN: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    #[cfg(feature = "files")]
    let read = Schema::parse(include_str!("../../schema.toml"));
    #[cfg(not(feature = "files"))]
    let read = Schema::unpack(include_bytes!("../../schema.packed"));
    Arc::new(read.expect("the built-in schema is checked by a test"))
});

impl Schema {
    /// The schema this build carries.
    pub fn built_in() -> Arc<Self> {
        BUILT_IN.clone()
    }

    /// Reads a schema file.
    ///
    /// # Errors
    /// [`BadSchema`] with every mistake found and its line.
    #[cfg(feature = "files")]
    pub fn parse(text: &str) -> Result<Self, BadSchema> {
        load::parse(text)
    }

    /// The file it was read from; empty where it came packed.
    #[cfg(feature = "files")]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// To hand to devices.
    pub fn packed(&self) -> Vec<u8> {
        packed::packed(self)
    }

    /// One that was handed over.
    ///
    /// # Errors
    /// [`Unreadable`]: damaged, or of a build that packs otherwise.
    pub fn unpack(bytes: &[u8]) -> Result<Self, Unreadable> {
        packed::unpacked(bytes)
    }

    /// Whether someone with `roles` receives records of `audience`.
    pub fn may_read<'a>(&self, audience: Audience, roles: impl IntoIterator<Item = &'a Role>) -> bool {
        roles.into_iter().any(|role| match self.audiences.get(&audience) {
            Some(readers) => readers.contains(role),
            None => audience == Audience::Open && self.roles.contains_key(role),
        })
    }

    /// The name of a party for people; its own name where the schema no longer has it.
    pub fn party_label(&self, party: &Party) -> Label {
        self.parties.get(party).cloned().unwrap_or_else(|| Label { zh: party.to_string(), en: party.to_string() })
    }

    /// The names of `roles` for people, for sentences that say who could do something.
    pub fn who(&self, roles: &BTreeSet<Role>) -> Label {
        let labels: Vec<&Label> = self.roles.iter().filter(|(role, _)| roles.contains(*role)).map(|(_, r)| &r.label).collect();
        if labels.len() == self.roles.len() {
            return Label { zh: "任何成员".into(), en: "any member".into() };
        }
        let join = |words: Vec<&str>, comma: &str| words.join(comma);
        Label {
            zh: join(labels.iter().map(|l| l.zh.as_str()).collect(), "、"),
            en: join(labels.iter().map(|l| l.en.as_str()).collect(), ", "),
        }
    }
}

impl Kind {
    /// The entries of a field that holds entries, built-in ones included.
    pub fn entry(&self, field: &str) -> Option<&Entry> {
        match field {
            built_in::NOTES => Some(&built_in::NOTE),
            built_in::ATTACHMENTS => Some(&built_in::ATTACHMENT),
            built_in::PAUSES => Some(&built_in::PAUSE),
            built_in::VOIDS => Some(&built_in::VOID),
            _ => match &self.fields.get(field)?.shape {
                Shape::Log(entry) | Shape::PerParty(entry) | Shape::Set { entry, .. } => Some(entry),
                Shape::Register(_) | Shape::Prose { .. } => None,
            },
        }
    }

    /// The name of a state for people; its own name where the schema no longer has it.
    pub fn state_label(&self, state: &StateName) -> Label {
        self.states.get(state).map_or_else(|| Label { zh: state.to_string(), en: state.to_string() }, |s| s.label.clone())
    }
}
