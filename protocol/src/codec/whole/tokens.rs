//! How things are spelled in the streams, the same for both ends.

use crate::digits;
use crate::id::{EntryId, RecordId};
use crate::wire::Visit;

/// What an entry is.
pub(super) const CHANGE: u64 = 0;
pub(super) const GONE: u64 = 1;
pub(super) const ERASURE: u64 = 2;
/// A change that cannot be taken apart.
pub(super) const AS_IT_IS: u64 = 3;

/// A text that is told in full …
pub(super) const NEW: u64 = 0;
/// … a key whose end is a drawn name, and its beginning next …
pub(super) const DRAWN_KEY: u64 = 1;
/// … or, from here on, the place of a text that was told before.
pub(super) const KNOWN: u64 = 2;
/// Longest text that is remembered, in bytes: names and choices, not remarks.
pub(super) const SHORT: usize = 64;

/// Longest beginning of a key, and longest text of an operation.
pub(super) const DRAWN_BYTES: usize = 5;
const DRAWN_CHARS: usize = 8;

/// The operation counter in a column of objects.
const OBJECT_COUNTER: u32 = 0x02;

/// The same visit, the next one, or so many back.
pub(super) fn visit(visit: u32, latest: u32, visits: u32) -> u64 {
    if visit >= visits {
        1
    } else if visit == latest {
        0
    } else {
        2 + u64::from(visits - 1 - visit)
    }
}

/// A cell of a column of numbers: objects made by the same change count from its beginning.
pub(super) fn operation(column: u32, cell: u64, start_op: u64) -> u64 {
    if column != OBJECT_COUNTER {
        return cell;
    }
    match cell.checked_sub(start_op) {
        Some(after) => (after << 1) | 1,
        None => cell << 1,
    }
}

/// What [`operation`] was given.
pub(super) fn operation_back(column: u32, told: u64, start_op: u64) -> u64 {
    match (column, told & 1) {
        (OBJECT_COUNTER, 1) => start_op.wrapping_add(told >> 1),
        (OBJECT_COUNTER, _) => told >> 1,
        _ => told,
    }
}

/// The moment in a record's id, and what was drawn for it.
pub(super) fn of_record(record: RecordId) -> (i64, [u8; 10]) {
    let [a, b, c, d, e, f, drawn @ ..] = record.0;
    (i64::from_be_bytes([0, 0, a, b, c, d, e, f]), drawn)
}

/// A record's id of both again.
pub(super) fn record_of(moment: i64, drawn: [u8; 10]) -> RecordId {
    let [_, _, moment @ ..] = moment.to_be_bytes();
    let mut id = [0; 16];
    id[..6].copy_from_slice(&moment);
    id[6..].copy_from_slice(&drawn);
    RecordId(id)
}

/// A key that ends with a drawn name, in two.
pub(super) fn drawn(key: &[u8]) -> Option<(&[u8], [u8; DRAWN_BYTES])> {
    let (before, name) = key.split_at_checked(key.len().checked_sub(DRAWN_CHARS)?)?;
    let name = str::from_utf8(name).ok().filter(|name| name.parse::<EntryId>().is_ok())?;
    let fits = before.is_empty() || before.ends_with(b"/");
    let drawn = digits::unbase32(name)?;
    fits.then_some((before, drawn))
}

/// The key again.
pub(super) fn drawn_key(mut before: Vec<u8>, drawn: [u8; DRAWN_BYTES]) -> Vec<u8> {
    before.extend(EntryId::from_random(drawn).as_str().as_bytes());
    before
}

/// Bytes that the making of a record names.
pub(super) fn expected(record: RecordId, visit: &Visit) -> [[u8; 16]; 3] {
    [record.0, visit.person.0, visit.device.0]
}
