//! A change chunk taken apart, so that what both ends know need not travel; and put together again, byte for byte.
//!
//! A change of ours has one spelling ([`crate::chunk`] sees to it), so its parts say all of it.

use sha2::{Digest, Sha256};

use crate::chunk::{COLUMNS, MAGIC, PLAIN_CHANGE, Reader};

/// What a chunk says before its columns, and the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) deps: Vec<[u8; 32]>,
    pub(super) actor: [u8; 16],
    pub(super) seq: u64,
    pub(super) start_op: u64,
    pub(super) time: i64,
    pub(super) message: &'a str,
    pub(super) others: Vec<[u8; 16]>,
    /// The table of columns and what they hold.
    pub(super) columns: &'a [u8],
}

impl<'a> Parts<'a> {
    /// The parts of a chunk; `None` if putting them together would not make the same bytes.
    pub(super) fn of(chunk: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::of_body(chunk)?;
        let count = reader.unsigned().ok()?;
        let deps = (0..count).map(|_| reader.take(32).ok()?.try_into().ok()).collect::<Option<_>>()?;
        let actor = sixteen(&mut reader)?;
        let (seq, start_op, time) = (reader.unsigned().ok()?, reader.unsigned().ok()?, reader.signed().ok()?);
        let length = reader.unsigned().ok()?;
        let message = str::from_utf8(reader.take(length).ok()?).ok()?;
        let count = reader.unsigned().ok()?;
        let others = (0..count).map(|_| sixteen(&mut reader)).collect::<Option<_>>()?;
        let parts = Self { deps, actor, seq, start_op, time, message, others, columns: reader.rest() };
        (parts.join() == chunk).then_some(parts)
    }

    /// The chunk.
    pub(super) fn join(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.columns.len() + 64 + 32 * self.deps.len());
        unsigned(&mut body, self.deps.len() as u64);
        self.deps.iter().for_each(|dep| body.extend(dep));
        unsigned(&mut body, 16);
        body.extend(self.actor);
        unsigned(&mut body, self.seq);
        unsigned(&mut body, self.start_op);
        signed(&mut body, self.time);
        unsigned(&mut body, self.message.len() as u64);
        body.extend(self.message.as_bytes());
        unsigned(&mut body, self.others.len() as u64);
        for other in &self.others {
            unsigned(&mut body, 16);
            body.extend(other);
        }
        body.extend(self.columns);
        let mut named = vec![PLAIN_CHANGE];
        unsigned(&mut named, body.len() as u64);
        named.extend(body);
        let mut chunk = MAGIC.to_vec();
        chunk.extend(&Sha256::digest(&named)[..4]);
        chunk.extend(named);
        chunk
    }
}

/// One column of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column<'a> {
    pub(super) name: u32,
    pub(super) bytes: &'a [u8],
}

/// The columns of a change; `None` if they are not ours, or joining them would not make the same bytes.
pub(super) fn columns_of(columns: &[u8]) -> Option<Vec<Column<'_>>> {
    let mut reader = Reader::of(columns);
    let count = reader.unsigned().ok()?;
    let head = |reader: &mut Reader<'_>| Some((u32::try_from(reader.unsigned().ok()?).ok()?, reader.unsigned().ok()?));
    let table: Vec<(u32, u64)> = (0..count).map(|_| head(&mut reader)).collect::<Option<_>>()?;
    let found = table.into_iter().map(|(name, length)| Some(Column { name, bytes: reader.take(length).ok()? }));
    let found: Vec<Column<'_>> = found.collect::<Option<_>>()?;
    let again: Vec<(u32, &[u8])> = found.iter().map(|column| (column.name, column.bytes)).collect();
    let ours = found.iter().all(|column| COLUMNS.contains(&column.name)) && found.is_sorted_by(|a, b| a.name < b.name);
    (ours && joined(&again) == columns).then_some(found)
}

/// Columns as a change ends with them.
pub(super) fn joined<B: AsRef<[u8]>>(columns: &[(u32, B)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    unsigned(&mut bytes, columns.len() as u64);
    for (name, column) in columns {
        unsigned(&mut bytes, u64::from(*name));
        unsigned(&mut bytes, column.as_ref().len() as u64);
    }
    columns.iter().for_each(|(_, column)| bytes.extend(column.as_ref()));
    bytes
}

fn sixteen(reader: &mut Reader<'_>) -> Option<[u8; 16]> {
    (reader.unsigned().ok()? == 16).then_some(())?;
    reader.take(16).ok()?.try_into().ok()
}

pub(super) fn unsigned(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

pub(super) fn signed(bytes: &mut Vec<u8>, mut number: i64) {
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if (number == 0 && byte & 0x40 == 0) || (number == -1 && byte & 0x40 != 0) {
            return bytes.push(byte);
        }
        bytes.push(byte | 0x80);
    }
}
