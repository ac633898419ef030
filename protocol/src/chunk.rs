//! What a change chunk claims to hold, counted before Automerge is asked to unfold it.
//!
//! Columns are run-length encoded: twelve bytes can stand for 2⁶² operations, and Automerge 0.12 counts them one by one,
//! or makes room for them. It also does not compare the checksum when it reads a single change, so the same change could
//! travel in many spellings under one name. Here a chunk is walked once, in time linear in its bytes, and only the one
//! spelling that our devices write goes on. This knows nothing of what the operations say.
//!
//! The format: <https://automerge.org/automerge-binary-format-spec/#_change_chunks>.

use sha2::{Digest, Sha256};

use crate::change::BadChange;
use crate::limits;

pub(crate) const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
pub(crate) const PLAIN_CHANGE: u8 = 1;
const DATA_AT: usize = 9;
const ACTOR_BYTES: u64 = 16;
const HASH_BYTES: u64 = 32;

const INSERT: u32 = 0x34;
const RAW_VALUES: u32 = 0x57;
const REPLACED_COUNT: u32 = 0x70;
const KEY_TEXT: u32 = 0x15;
const KEY_COUNTER: u32 = 0x13;
const REPLACED_COUNTER: u32 = 0x73;
/// Every column that a change of ours may have: object, key, insert, action, value, replaced. Marks have none.
pub(crate) const COLUMNS: [u32; 12] =
    [0x01, 0x02, 0x11, KEY_COUNTER, KEY_TEXT, INSERT, 0x42, 0x56, RAW_VALUES, REPLACED_COUNT, 0x71, REPLACED_COUNTER];

/// Checks the spelling and the counts of a plain change chunk.
pub(crate) fn check(chunk: &[u8]) -> Result<(), BadChange> {
    if !chunk.starts_with(&MAGIC) || chunk.get(MAGIC.len() + 4) != Some(&PLAIN_CHANGE) {
        return Err(BadChange::NotAChange);
    }
    let checksum = &chunk[MAGIC.len()..MAGIC.len() + 4];
    let mut reader = Reader(&chunk[DATA_AT..]);
    if reader.unsigned()? != reader.0.len() as u64 {
        return Err(damaged("its length is not what it says"));
    }
    if Sha256::digest(&chunk[DATA_AT - 1..])[..4] != *checksum {
        return Err(damaged("its checksum does not fit"));
    }
    check_body(reader)
}

fn check_body(mut reader: Reader<'_>) -> Result<(), BadChange> {
    let deps = reader.unsigned()?;
    if deps > limits::CHANGE_DEPS as u64 {
        return Err(BadChange::TooMany("dependencies"));
    }
    ascending((0..deps).map(|_| reader.take(HASH_BYTES)).collect::<Result<_, _>>()?)?;
    let actor = reader.actor()?;
    let (_seq, _start_op, _time) = (reader.unsigned()?, reader.unsigned()?, reader.signed()?);
    let message = reader.unsigned()?;
    reader.take(message)?;
    let others = reader.unsigned()?;
    let mut actors = Vec::new();
    for _ in 0..others {
        actors.push(reader.actor()?);
    }
    if actors.contains(&actor) {
        return Err(damaged("its writer stands twice among its actors"));
    }
    ascending(actors)?;
    check_columns(reader)
}

fn check_columns(mut reader: Reader<'_>) -> Result<(), BadChange> {
    let count = reader.unsigned()?;
    let mut columns: Vec<(u32, u64)> = Vec::new();
    for _ in 0..count {
        let name = u32::try_from(reader.unsigned()?).ok().filter(|name| COLUMNS.contains(name)).ok_or(BadChange::Extra)?;
        if columns.last().is_some_and(|(last, _)| *last >= name) {
            return Err(damaged("its columns are out of order"));
        }
        columns.push((name, reader.unsigned()?));
    }
    for (name, bytes) in columns {
        let column = Reader(reader.take(bytes)?);
        if rows(name, column)? > limits::CHANGE_OPS as u64 {
            return Err(BadChange::TooMany("operations"));
        }
    }
    if reader.0.is_empty() { Ok(()) } else { Err(BadChange::Extra) }
}

/// How many rows a column unfolds to; for counts of replaced operations, their sum.
fn rows(name: u32, mut column: Reader<'_>) -> Result<u64, BadChange> {
    let mut rows: u64 = 0;
    while !column.0.is_empty() {
        rows = rows.saturating_add(match name {
            RAW_VALUES => return Ok(0),
            INSERT => column.unsigned()?,
            _ => column.run(name)?,
        });
    }
    Ok(rows)
}

fn damaged(words: &str) -> BadChange {
    BadChange::Damaged(words.into())
}

/// In one order only, and none twice.
fn ascending(names: Vec<&[u8]>) -> Result<(), BadChange> {
    if names.is_sorted_by(|a, b| a < b) { Ok(()) } else { Err(damaged("a list in it is out of order")) }
}

/// What is left to read.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Of what a plain change chunk says of itself, after its length.
    pub(crate) fn of_body(chunk: &'a [u8]) -> Option<Self> {
        let mut reader = Self(chunk.get(DATA_AT..)?);
        reader.unsigned().ok()?;
        Some(reader)
    }

    /// Of any bytes.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Everything that was not read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn take(&mut self, count: u64) -> Result<&'a [u8], BadChange> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(|| damaged("it is cut short"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// A LEB128 number of at most 64 bits, in its shortest spelling; the bits and how many of them were spelled.
    fn leb128(&mut self) -> Result<(u64, u32), BadChange> {
        let (mut value, mut shift) = (0_u128, 0_u32);
        loop {
            let byte = self.take(1)?[0];
            value |= u128::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return Ok((value as u64, shift));
            }
            if shift >= 70 {
                return Err(damaged("a number in it is too long"));
            }
        }
    }

    pub(crate) fn unsigned(&mut self) -> Result<u64, BadChange> {
        let before = self.0;
        let (value, bits) = self.leb128()?;
        let spelled = (bits / 7) as usize;
        let shortest = (64 - value.leading_zeros()).div_ceil(7).max(1);
        if spelled == shortest as usize && (spelled < 10 || before[9] <= 1) {
            Ok(value)
        } else {
            Err(damaged("a number in it is not in its shortest spelling"))
        }
    }

    pub(crate) fn signed(&mut self) -> Result<i64, BadChange> {
        let (value, bits) = self.leb128()?;
        let unused = 64_u32.saturating_sub(bits);
        Ok((value as i64) << unused >> unused)
    }

    fn actor(&mut self) -> Result<&'a [u8], BadChange> {
        match self.unsigned()? {
            ACTOR_BYTES => self.take(ACTOR_BYTES),
            _ => Err(BadChange::ForeignActor),
        }
    }

    /// One run of a column: how many rows it stands for.
    fn run(&mut self, column: u32) -> Result<u64, BadChange> {
        let length = self.signed()?;
        match length {
            0 => self.unsigned(),
            1.. => Ok(self.value(column)?.saturating_mul(length.unsigned_abs())),
            ..0 => {
                let mut rows: u64 = 0;
                for _ in 0..length.unsigned_abs() {
                    rows = rows.saturating_add(self.value(column)?);
                }
                Ok(rows)
            }
        }
    }

    /// Passes over one value; how many rows it stands for in its own right.
    fn value(&mut self, column: u32) -> Result<u64, BadChange> {
        match column {
            KEY_TEXT => {
                let bytes = self.unsigned()?;
                self.take(bytes)?;
                Ok(1)
            }
            KEY_COUNTER | REPLACED_COUNTER => self.signed().map(|_| 1),
            REPLACED_COUNT => self.unsigned(),
            _ => self.unsigned().map(|_| 1),
        }
    }
}
