//! One change after another, each by what is new in it.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::parts::Parts;
use super::streams::{In, Out};
use super::{BadPack, Known, PREFIX, Unread};
use crate::change::Change;
use crate::id::{ChangeHash, RecordId};
use crate::limits;

/// How a dependency is named: by its prefix, in full, or (from here on) by how many changes ago it stood in the pack.
const BY_PREFIX: u64 = 0;
const IN_FULL: u64 = 1;
const BACK: u64 = 2;

/// A change as its parts, or as it is.
const AS_PARTS: u64 = 0;
const AS_IT_IS: u64 = 1;

/// A dependency, and its record if that goes with it.
type Dep = ([u8; 32], Option<RecordId>);

/// Bytes over which the names of all changes of a pack are told.
const CHECK: usize = 8;

/// What the last change of a record said, which the next continues.
#[derive(Debug, Default, Clone, Copy)]
struct Before {
    seq: u64,
    start_op: u64,
}

/// What both ends remember of the pack so far.
#[derive(Debug, Default)]
struct Memory {
    changes: Vec<(ChangeHash, RecordId)>,
    places: HashMap<ChangeHash, usize>,
    time: i64,
    seqs: HashMap<(RecordId, [u8; 16]), u64>,
    ops: HashMap<RecordId, u64>,
}

impl Memory {
    fn before(&self, record: RecordId, actor: [u8; 16]) -> Before {
        let seq = self.seqs.get(&(record, actor)).copied().unwrap_or(0);
        Before { seq, start_op: self.ops.get(&record).copied().unwrap_or(0) }
    }

    fn note(&mut self, hash: ChangeHash, record: RecordId, parts: &Parts<'_>) {
        self.time = parts.time;
        self.seqs.insert((record, parts.actor), parts.seq);
        self.ops.insert(record, parts.start_op);
        self.name(hash, record);
    }

    fn name(&mut self, hash: ChangeHash, record: RecordId) {
        self.places.insert(hash, self.changes.len());
        self.changes.push((hash, record));
    }

    fn digest(&self) -> [u8; CHECK] {
        let mut digest = Sha256::new();
        self.changes.iter().for_each(|(hash, record)| {
            digest.update(hash.as_bytes());
            digest.update(record.as_bytes());
        });
        digest.finalize()[..CHECK].try_into().expect("a digest is longer")
    }
}

/// Writes changes.
pub(super) struct Packer<'a> {
    pub(super) out: Out,
    memory: Memory,
    is_known: &'a dyn Fn(&ChangeHash) -> bool,
}

impl<'a> Packer<'a> {
    /// For a reader that has what `is_known` says.
    pub(super) fn new(is_known: &'a dyn Fn(&ChangeHash) -> bool) -> Self {
        Self { out: Out::default(), memory: Memory::default(), is_known }
    }

    pub(super) fn change(&mut self, record: RecordId, chunk: &[u8]) {
        let hash = Change::name_of(chunk);
        let Some(parts) = Parts::of(chunk) else {
            self.out.number(AS_IT_IS);
            self.out.id(&record.0);
            self.out.columns(chunk);
            return self.memory.name(hash, record);
        };
        self.out.number(AS_PARTS);
        self.out.number(parts.deps.len() as u64);
        let named: Vec<bool> = parts.deps.iter().map(|dep| self.dep(*dep)).collect();
        if !named.first().copied().unwrap_or(false) {
            self.out.id(&record.0);
        }
        let before = self.memory.before(record, parts.actor);
        self.out.id(&parts.actor);
        self.out.signed(parts.seq.wrapping_sub(before.seq) as i64);
        self.out.signed(parts.start_op.wrapping_sub(before.start_op) as i64);
        self.out.signed(parts.time.wrapping_sub(self.memory.time));
        self.out.word(parts.message);
        self.out.number(parts.others.len() as u64);
        parts.others.iter().for_each(|other| self.out.id(other));
        self.out.columns(parts.columns);
        self.memory.note(hash, record, &parts);
    }

    /// Names a dependency; whether its record goes with it.
    fn dep(&mut self, dep: [u8; 32]) -> bool {
        let hash = ChangeHash(dep);
        if let Some(place) = self.memory.places.get(&hash) {
            self.out.number(BACK + (self.memory.changes.len() - 1 - place) as u64);
            return true;
        }
        if (self.is_known)(&hash) {
            self.out.number(BY_PREFIX);
            self.out.ids.extend(&dep[..PREFIX]);
            return true;
        }
        self.out.number(IN_FULL);
        self.out.ids.extend(dep);
        false
    }

    /// Everything, with what it must unfold to.
    pub(super) fn finish(mut self) -> Out {
        let digest = self.memory.digest();
        self.out.ids.extend(digest);
        self.out
    }
}

/// Reads changes. Takes bytes from anyone.
pub(super) struct Unpacker<'a, K> {
    pub(super) read: In<'a>,
    memory: Memory,
    known: &'a K,
}

impl<'a, K: Known> Unpacker<'a, K> {
    pub(super) fn new(read: In<'a>, known: &'a K) -> Self {
        Self { read, memory: Memory::default(), known }
    }

    pub(super) fn change(&mut self) -> Result<(RecordId, Vec<u8>), Unread<K::Error>> {
        match self.read.number()? {
            AS_PARTS => {}
            AS_IT_IS => {
                let record = RecordId(self.read.id()?);
                let chunk = self.read.columns()?.to_vec();
                self.memory.name(Change::name_of(&chunk), record);
                return Ok((record, chunk));
            }
            _ => return Err(BadPack::Senseless.into()),
        }
        let count = self.read.count(limits::CHANGE_DEPS)?;
        let (mut deps, mut with) = (Vec::with_capacity(count), None);
        for position in 0..count {
            let (dep, record) = self.dep()?;
            deps.push(dep);
            if position == 0 {
                with = record;
            }
        }
        let record = match with {
            Some(record) => record,
            None => RecordId(self.read.id()?),
        };
        let actor = self.read.id()?;
        let before = self.memory.before(record, actor);
        let seq = before.seq.wrapping_add(self.read.signed()? as u64);
        let start_op = before.start_op.wrapping_add(self.read.signed()? as u64);
        let time = self.memory.time.wrapping_add(self.read.signed()?);
        let message = self.read.word()?;
        let count = self.read.count(limits::CHANGE_OPS)?;
        let others = (0..count).map(|_| self.read.id()).collect::<Result<_, _>>()?;
        let parts = Parts { deps, actor, seq, start_op, time, message: &message, others, columns: self.read.columns()? };
        let chunk = parts.join();
        self.memory.note(Change::name_of(&chunk), record, &parts);
        Ok((record, chunk))
    }

    fn dep(&mut self) -> Result<Dep, Unread<K::Error>> {
        Ok(match self.read.number()? {
            BY_PREFIX => {
                let prefix = self.read.fixed()?;
                let found = self.known.begins(prefix).map_err(Unread::Lookup)?;
                let (hash, record) = found.ok_or(BadPack::Unknown)?;
                (hash.0, Some(record))
            }
            IN_FULL => (self.read.fixed()?, None),
            back => {
                let ago = usize::try_from(back - BACK).ok().and_then(|ago| ago.checked_add(1)).ok_or(BadPack::Senseless)?;
                let place = self.memory.changes.len().checked_sub(ago).ok_or(BadPack::Senseless)?;
                let (hash, record) = self.memory.changes[place];
                (hash.0, Some(record))
            }
        })
    }

    /// That it is over, and came out as what was packed.
    pub(super) fn finish(mut self) -> Result<(), BadPack> {
        let digest = self.read.fixed()?;
        if !self.read.is_empty() {
            return Err(BadPack::Senseless);
        }
        if digest == self.memory.digest() { Ok(()) } else { Err(BadPack::Mismatch) }
    }
}
