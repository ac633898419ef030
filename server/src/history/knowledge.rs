//! Who knew what when a change was made: what its writer had before their eyes, and how much of the record had reached the
//! devices of everybody else by then.

use std::collections::BTreeSet;

use renolog_protocol::id::{ChangeHash, DeviceId, PersonId, RecordId, Seq};
use renolog_protocol::roster::Roster;
use renolog_protocol::schema::{Party, Role, Schema};
use renolog_protocol::time::UnixMs;
use serde::Serialize;

use super::moments::{seen_by, told};
use super::{Entry, of_record};
use crate::reception;
use crate::store::{ALL, Column, DeviceRow, Read, SeenRow, StoreError};

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Knowledge {
    /// The change.
    pub change: ChangeHash,
    /// When it was received.
    pub received: UnixMs,
    /// How many entries the record had before it, in the order of receipt.
    pub entries: usize,
    /// Those that its writer had not seen, although the server had them before: said apart.
    pub unseen: Vec<Entry>,
    /// Every device of everybody who may read the record, and how far it had come.
    pub knowers: Vec<Knower>,
}

/// A device, and how much of a record had reached it.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Knower {
    /// Whose.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// Their roles then.
    pub roles: Vec<Role>,
    /// The parties they spoke for then.
    pub parties: Vec<Party>,
    /// The device.
    pub device: DeviceId,
    /// What they call it.
    pub device_name: String,
    /// Whether it is the one that wrote the change.
    pub writer: bool,
    /// How many of the record's earlier entries had been stored there by then, as far as the server knew.
    pub knew: usize,
    /// When the server learned that the change itself was stored there; nothing if it has not.
    pub has_it_since: Option<UnixMs>,
}

/// Who knew what when a change of a record was made; nothing if the record's history does not hold it.
///
/// # Errors
/// [`StoreError`].
pub fn knowledge<S: Read + ?Sized>(
    store: &S,
    schema: &Schema,
    record: RecordId,
    change: ChangeHash,
) -> Result<Option<Knowledge>, StoreError> {
    let entries = of_record(store, schema, record, Seq(0), ALL)?;
    let Some(at) = entries.iter().position(|entry| entry.change == change) else { return Ok(None) };
    let (earlier, decision) = (&entries[..at], &entries[at]);
    let seen = seen_by(&told(store, record)?, change).unwrap_or_default();
    let unseen = earlier.iter().filter(|entry| !seen.contains(&entry.change)).cloned().collect();
    let roster = reception::roster(store, decision.feed.community)?;
    let mut knowers = Vec::new();
    for person in readers(schema, &roster, decision) {
        let devices: Vec<DeviceRow> = store.list_by(DeviceRow::BY_PERSON, &[person.to_cell()], None, ALL)?;
        for device in devices.into_iter().filter(|device| device.enrolled <= decision.received) {
            knowers.push(knower(store, &roster, (earlier, decision), device)?);
        }
    }
    let received = decision.received;
    Ok(Some(Knowledge { change, received, entries: earlier.len(), unseen, knowers }))
}

/// Everybody who could read the record when the change was received.
fn readers(schema: &Schema, roster: &Roster, decision: &Entry) -> BTreeSet<PersonId> {
    let then = roster.members.iter().filter(|member| member.holds_at(decision.received));
    then.filter(|member| schema.may_read(decision.feed.audience, [&member.role])).map(|member| member.person).collect()
}

fn knower<S: Read + ?Sized>(
    store: &S,
    roster: &Roster,
    (earlier, decision): (&[Entry], &Entry),
    device: DeviceRow,
) -> Result<Knower, StoreError> {
    let rows: Vec<SeenRow> = store.list(&[device.id.to_cell(), decision.feed.to_cell()], None, ALL)?;
    let by_then = rows.iter().filter(|row| row.received <= decision.received).map(|row| row.upto).max();
    let stored =
        |entry: &&Entry| entry.device == device.id || entry.seq.is_some_and(|seq| by_then.is_some_and(|upto| seq <= upto));
    let held: Vec<_> = roster.members.iter().filter(|m| m.person == device.person && m.holds_at(decision.received)).collect();
    let writer = decision.device == device.id;
    let reached = rows.iter().filter(|row| decision.seq.is_some_and(|seq| seq <= row.upto)).map(|row| row.received).min();
    Ok(Knower {
        person: device.person,
        name: held.first().map(|member| member.name.clone()).unwrap_or_default(),
        roles: held.iter().map(|member| member.role.clone()).collect(),
        parties: held.iter().map(|member| member.party.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
        device: device.id,
        device_name: device.name,
        writer,
        knew: earlier.iter().filter(stored).count(),
        has_it_since: if writer { Some(decision.received) } else { reached },
    })
}
