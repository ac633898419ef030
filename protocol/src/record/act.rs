//! What a change says, in the field's own words.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::digits;
use crate::id::{DeviceId, EntryId, PersonId};
use crate::schema::{FieldName, KindName, MoveName, Party, Value, built_in};
use crate::time::UnixMs;

/// One thing said or done in a record. A device turns acts into a change; whoever receives the change reads the same acts
/// out of it, judges them by the rules and shows them in the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Act {
    /// Makes the record. Always the first act of the first change.
    Create(Created),
    /// Writes a register.
    Set {
        /// Which.
        field: FieldName,
        /// Its new value.
        value: Value,
    },
    /// Rewrites jointly drafted text.
    Write {
        /// Which.
        field: FieldName,
        /// The text as its writer saw it afterwards.
        text: String,
    },
    /// Adds or rewrites an entry of a field; `notes`, `attachments` and `voids` are fields of every record.
    Put {
        /// Which.
        field: FieldName,
        /// The entry's key in it.
        key: String,
        /// What the entry holds.
        entry: EntryParts,
    },
    /// Moves the record from state to state.
    Move {
        /// Names this move.
        id: EntryId,
        /// Which move of the schema.
        name: MoveName,
        /// The moves its writer saw as the latest.
        follows: BTreeSet<EntryId>,
        /// Why, where the schema asks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// The parts of an entry by name.
pub type EntryParts = BTreeMap<FieldName, Value>;

/// Who made a record, where and when by their own clock. Written once, with the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Created {
    /// What kind of record.
    pub kind: KindName,
    /// Version of the schema it was made under.
    pub schema: u32,
    /// By whom.
    pub person: PersonId,
    /// For which party.
    pub party: Party,
    /// On which device.
    pub device: DeviceId,
    /// When, by the device's clock.
    pub device_time: UnixMs,
}

fn parts<const N: usize>(parts: [(&str, &str); N]) -> EntryParts {
    let named = |name| FieldName::parse(name).expect("built-in names are names");
    parts.into_iter().map(|(name, text)| (named(name), Value::from(text))).collect()
}

fn built_in_field(name: &str) -> FieldName {
    FieldName::parse(name).expect("built-in names are names")
}

impl Act {
    /// A remark on the record.
    pub fn note(id: EntryId, text: &str) -> Self {
        Self::Put { field: built_in_field(built_in::NOTES), key: id.to_string(), entry: parts([("text", text)]) }
    }

    /// A photo or paper, named by the SHA-256 of its bytes.
    pub fn attach(sha256: [u8; 32], name: &str, media_type: &str) -> Self {
        Self::Put {
            field: built_in_field(built_in::ATTACHMENTS),
            key: digits::hex(&sha256),
            entry: parts([("name", name), ("type", media_type)]),
        }
    }

    /// Strikes out something, with a reason. It stays readable.
    pub fn void(id: EntryId, target: &VoidTarget, reason: &str) -> Self {
        let entry = parts([("target", &target.to_string()), ("reason", reason)]);
        Self::Put { field: built_in_field(built_in::VOIDS), key: id.to_string(), entry }
    }
}

/// What can be struck out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum VoidTarget {
    /// The record as a whole.
    Record,
    /// One entry of a field.
    Entry {
        /// The field.
        field: FieldName,
        /// The entry's key in it.
        key: String,
    },
}

impl std::fmt::Display for VoidTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Record => f.write_str("record"),
            Self::Entry { field, key } => write!(f, "{field}/{key}"),
        }
    }
}

impl VoidTarget {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "record" {
            return Some(Self::Record);
        }
        let (field, key) = text.split_once('/')?;
        Some(Self::Entry { field: FieldName::parse(field).ok()?, key: key.to_owned() })
    }
}
