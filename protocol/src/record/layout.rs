//! Where things stand inside a record's document.
//!
//! ```text
//! kind      "rectification"                       schema  1
//! created   {record, person, party, device, device_time}  write-once; its own id, so that no other record can begin the same
//! fields    {location: "3-2-501", subject: Text}  registers and drafted text
//! entries   {"notes/k2v…": {text}, "opinions/property_manager": {text}}
//! moves     {"a7c…": {move, follows, reason}}     only ever added
//! ```
//!
//! The first change makes all five; nothing else ever makes a container that two devices could make apart. Entries are
//! keyed `field/key` in one map for that reason: a field added by a later schema needs nothing in old records.

use std::collections::BTreeSet;

use crate::id::EntryId;
use crate::limits;
use crate::schema::FieldName;

pub(super) const KIND: &str = "kind";
pub(super) const SCHEMA: &str = "schema";
pub(super) const CREATED: &str = "created";
pub(super) const RECORD: &str = "record";
pub(super) const PERSON: &str = "person";
pub(super) const PARTY: &str = "party";
pub(super) const DEVICE: &str = "device";
pub(super) const DEVICE_TIME: &str = "device_time";
pub(super) const FIELDS: &str = "fields";
pub(super) const ENTRIES: &str = "entries";
pub(super) const MOVES: &str = "moves";
pub(super) const MOVE_NAME: &str = "move";
pub(super) const MOVE_FOLLOWS: &str = "follows";
pub(super) const MOVE_REASON: &str = "reason";

pub(super) fn entry_path(field: &FieldName, key: &str) -> String {
    format!("{field}/{key}")
}

pub(super) fn split_entry(path: &str) -> Option<(FieldName, &str)> {
    let (field, key) = path.split_once('/')?;
    let chars = key.chars().count();
    let fits = (1..=limits::KEY_CHARS).contains(&chars) && !key.contains(char::is_control);
    Some((FieldName::parse(field).ok()?, key)).filter(|_| fits)
}

pub(super) fn write_follows(follows: &BTreeSet<EntryId>) -> String {
    follows.iter().map(EntryId::as_str).collect::<Vec<_>>().join(" ")
}

/// Only the one way [`write_follows`] writes it: sorted, single spaces.
pub(super) fn parse_follows(text: &str) -> Option<BTreeSet<EntryId>> {
    let follows: BTreeSet<EntryId> = text.split_terminator(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
    (write_follows(&follows) == text && follows.len() <= limits::FOLLOWS).then_some(follows)
}
