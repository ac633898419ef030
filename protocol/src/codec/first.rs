//! How packs by the first dictionary are read: one change after another, field after field. None is written so any more.

use std::collections::HashMap;

use super::digest::check;
use super::parts::Parts;
use super::streams::In;
use super::{BadPack, Known, Unread};
use crate::batch::RawChange;
use crate::change::Change;
use crate::id::{ChangeHash, DeviceId, PersonId, RecordId, Seq};
use crate::limits;
use crate::schema::{Party, Role};
use crate::time::{SpanMs, UnixMs};
use crate::wire::{Content, Item, Visit};

/// How a dependency is named: by its prefix, in full, or (from here on) by how many changes ago it stood in the pack.
const BY_PREFIX: u64 = 0;
const IN_FULL: u64 = 1;
const BACK: u64 = 2;

/// A change as its parts, or as it is.
const AS_PARTS: u64 = 0;
const AS_IT_IS: u64 = 1;

/// A dependency, and its record if that goes with it.
type Dep = ([u8; 32], Option<RecordId>);

/// Bytes of a change's name that stand for it.
const PREFIX: usize = 8;

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
        self.changes.push((hash, record));
    }
}

/// Reads changes. Takes bytes from anyone.
struct Unpacker<'a, K> {
    read: In<'a>,
    memory: Memory,
    known: &'a K,
}

impl<'a, K: Known> Unpacker<'a, K> {
    fn new(read: In<'a>, known: &'a K) -> Self {
        Self { read, memory: Memory::default(), known }
    }

    fn change(&mut self) -> Result<(RecordId, Vec<u8>), Unread<K::Error>> {
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
                let prefix: [u8; PREFIX] = self.read.fixed()?;
                let found = self.known.begins(&prefix).map_err(Unread::Lookup)?;
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
    fn finish(mut self) -> Result<(), BadPack> {
        let digest = self.read.fixed()?;
        if !self.read.is_empty() {
            return Err(BadPack::Senseless);
        }
        if digest == check(&self.memory.changes) { Ok(()) } else { Err(BadPack::Mismatch) }
    }
}

const CHANGE: u64 = 0;
const GONE: u64 = 1;
const ERASURE: u64 = 2;

/// The visits and the entries of a stretch that begins after this position.
pub(super) fn items<K: Known>(read: In<'_>, after: Seq, known: &K) -> Result<(Vec<Visit>, Vec<Item>), Unread<K::Error>> {
    let mut unpacker = Unpacker::new(read, known);
    let count = unpacker.read.count(limits::PAGE_ITEMS)?;
    let mut visits: Vec<Visit> = Vec::with_capacity(count);
    for _ in 0..count {
        let received = visits.last().map_or(0, |visit| visit.received.0);
        visits.push(visit(&mut unpacker.read, received)?);
    }
    let count = unpacker.read.count(limits::PAGE_ITEMS)?;
    let mut items: Vec<Item> = Vec::with_capacity(count);
    for _ in 0..count {
        let (at, visit) = items.last().map_or((after, 0), |item| (item.seq, item.visit));
        let seq = at.0.checked_add(1).and_then(|next| next.checked_add(unpacker.read.number().ok()?));
        let seq = Seq(seq.ok_or(BadPack::Senseless)?);
        let visit = u32::try_from(i64::from(visit).wrapping_add(unpacker.read.signed()?)).map_err(|_| BadPack::Senseless)?;
        let (record, content) = match unpacker.read.number()? {
            CHANGE => {
                let (record, bytes) = unpacker.change()?;
                (record, Content::Change(bytes))
            }
            GONE => (RecordId(unpacker.read.id()?), Content::Gone(ChangeHash(unpacker.read.fixed()?))),
            ERASURE => (RecordId(unpacker.read.id()?), Content::Erasure(unpacker.read.word()?)),
            _ => return Err(BadPack::Senseless.into()),
        };
        items.push(Item { seq, visit, record, content });
    }
    unpacker.finish()?;
    Ok((visits, items))
}

fn visit(read: &mut In<'_>, received: i64) -> Result<Visit, BadPack> {
    Ok(Visit {
        device: DeviceId(read.id()?),
        person: PersonId(read.id()?),
        role: Role::parse(&read.word()?).map_err(|_| BadPack::Senseless)?,
        party: Party::parse(&read.word()?).map_err(|_| BadPack::Senseless)?,
        received: UnixMs(received.wrapping_add(read.signed()?)),
        skew: SpanMs(read.signed()?),
    })
}

/// The changes of a push.
pub(super) fn push<K: Known>(read: In<'_>, known: &K) -> Result<Vec<RawChange>, Unread<K::Error>> {
    let mut unpacker = Unpacker::new(read, known);
    let count = unpacker.read.count(limits::BATCH_CHANGES)?;
    let changes = (0..count).map(|_| unpacker.change().map(|(record, bytes)| RawChange { record, bytes }));
    let changes: Vec<RawChange> = changes.collect::<Result<_, _>>()?;
    unpacker.finish()?;
    Ok(changes)
}
