//! Unpacking a chunk. Takes bytes from anyone: nothing is made room for that the bytes do not bear out, and what is put
//! together is counted as it grows.

use std::collections::HashMap;

use super::memory::Memory;
use super::ops::{self, Column, MOMENT, Run, Scalar, TEXT, Values};
use super::streams::{Ins, Of, Unfolded, column};
use super::{Chunk, tokens};
use crate::change::Change;
use crate::codec::BadPack;
use crate::codec::parts::Parts;
use crate::id::{ChangeHash, DeviceId, PersonId, RecordId, Seq};
use crate::limits;
use crate::schema::{Party, Role};
use crate::time::{SpanMs, UnixMs};
use crate::wire::{Content, Item, Visit};

/// Whole records again, byte for byte.
///
/// # Errors
/// [`BadPack`].
pub fn unpack_chunk(pack: &[u8]) -> Result<Chunk, BadPack> {
    let unfolded = Unfolded::of(pack)?;
    let ins = unfolded.streams()?;
    Reader { ins, memory: Memory::default(), shapes: Vec::new(), keys: Vec::new(), texts: Vec::new(), room: 0 }.chunk()
}

struct Reader<'a> {
    ins: Ins<'a>,
    memory: Memory,
    shapes: Vec<Vec<u32>>,
    keys: Vec<Vec<u8>>,
    texts: Vec<Vec<u8>>,
    /// Bytes that the change being read may still grow by.
    room: usize,
}

impl Reader<'_> {
    fn chunk(mut self) -> Result<Chunk, BadPack> {
        let visits = self.ins.at(Of::Counts).count(limits::CHUNK_ITEMS)?;
        let count = self.ins.at(Of::Counts).count(limits::CHUNK_ITEMS)?;
        let visits = self.visits(visits)?;
        let mut items: Vec<Item> = Vec::new();
        let (mut told, mut next, mut bytes) = (0, 0, 0);
        for _ in 0..count {
            let (at, latest) = items.last().map_or((0, 0), |item| (item.seq.0, item.visit));
            let gap = self.ins.at(Of::Places).number()?;
            let seq = Seq(gap.checked_add(at).and_then(|seq| seq.checked_add(1)).ok_or(BadPack::Senseless)?);
            let number = match self.ins.at(Of::Visits).number()? {
                0 => latest,
                1 => told,
                back => u32::try_from(back - 2)
                    .ok()
                    .and_then(|back| told.checked_sub(1)?.checked_sub(back))
                    .ok_or(BadPack::Senseless)?,
            };
            told = told.max(number.saturating_add(1));
            let visit = visits.get(number as usize).ok_or(BadPack::Senseless)?;
            let place = self.record(visit, next)?;
            next = place + 1;
            let record = self.memory.record_at(place).expect("it was just named");
            let content = self.content(place, (number, visit))?;
            bytes += match &content {
                Content::Change(bytes) => bytes.len(),
                _ => 0,
            };
            if bytes > limits::CHUNK_BYTES {
                return Err(BadPack::TooMuch);
            }
            items.push(Item { seq, visit: number, record, content });
        }
        let check = self.ins.at(Of::Counts).fixed()?;
        if !self.ins.is_empty() {
            return Err(BadPack::Senseless);
        }
        if check == self.memory.check() { Ok(Chunk { visits, items }) } else { Err(BadPack::Mismatch) }
    }

    fn visits(&mut self, count: usize) -> Result<Vec<Visit>, BadPack> {
        let mut known: HashMap<DeviceId, usize> = HashMap::new();
        let mut visits: Vec<Visit> = Vec::new();
        for number in 0..count {
            let device = DeviceId(self.ins.at(Of::VisitDevices).id()?);
            let before = known.insert(device, number).map(|place| &visits[place]);
            let person = self.ins.at(Of::VisitPeople).id_or_same(before.map(|before| before.person.0))?;
            let role = self.ins.at(Of::VisitRoles).word_or_same(before.map(|before| before.role.as_str()))?;
            let party = self.ins.at(Of::VisitParties).word_or_same(before.map(|before| before.party.as_str()))?;
            let received = visits.last().map_or(0, |visit| visit.received.0);
            let received = received.wrapping_add(self.ins.at(Of::VisitTimes).signed()?);
            let skew = before.map_or(0, |before| before.skew.0).wrapping_add(self.ins.at(Of::VisitSkews).signed()?);
            visits.push(Visit {
                device,
                person: PersonId(person),
                role: Role::parse(&role).map_err(|_| BadPack::Senseless)?,
                party: Party::parse(&party).map_err(|_| BadPack::Senseless)?,
                received: UnixMs(received),
                skew: SpanMs(skew),
            });
        }
        Ok(visits)
    }

    fn record(&mut self, visit: &Visit, next: usize) -> Result<usize, BadPack> {
        let place = (next as i64).checked_add(self.ins.at(Of::Records).signed()?);
        let place = place.and_then(|place| usize::try_from(place).ok()).ok_or(BadPack::Senseless)?;
        if place < self.memory.records() {
            return Ok(place);
        }
        let read = self.ins.at(Of::Moments);
        let record = tokens::record_of(visit.received.0.wrapping_add(read.signed()?), read.fixed()?);
        if place > self.memory.records() || self.memory.place_of(record).is_some() {
            return Err(BadPack::Senseless);
        }
        Ok(self.memory.begin(record))
    }

    fn content(&mut self, place: usize, visit: (u32, &Visit)) -> Result<Content, BadPack> {
        Ok(match self.ins.at(Of::Contents).number()? {
            tokens::CHANGE => Content::Change(self.change(place, visit)?),
            tokens::GONE => {
                let hash = ChangeHash(self.ins.at(Of::Contents).fixed()?);
                self.memory.name(place, hash);
                Content::Gone(hash)
            }
            tokens::ERASURE => {
                let reason = self.ins.at(Of::Reasons).word()?;
                self.memory.told(place, reason.as_bytes());
                Content::Erasure(reason)
            }
            tokens::AS_IT_IS => {
                let bytes = self.ins.at(Of::Texts).bytes(limits::CHANGE_BYTES)?.to_vec();
                self.memory.name(place, Change::name_of(&bytes));
                Content::Change(bytes)
            }
            _ => return Err(BadPack::Senseless),
        })
    }

    fn change(&mut self, place: usize, (number, visit): (u32, &Visit)) -> Result<Vec<u8>, BadPack> {
        self.room = limits::CHANGE_BYTES;
        let deps = self.deps(place)?;
        let actor = self.ins.at(Of::Actors).id_or_same(self.memory.actor_of(visit.device))?;
        let tale = self.memory.tale(place);
        let seq = tale.next_seq(actor).wrapping_add_signed(self.ins.at(Of::ActorSeqs).signed()?);
        let start_op = tale.next_op().wrapping_add_signed(self.ins.at(Of::Starts).signed()?);
        let time = self.memory.moment(number, visit).wrapping_add(self.ins.at(Of::Times).signed()?);
        let message = self.ins.at(Of::Parties).word_or_same(Some(visit.party.as_str()))?;
        let others = match self.ins.at(Of::Others).count(limits::CHANGE_OPS)?.checked_sub(1) {
            None => tale.others(actor),
            Some(count) => (0..count).map(|_| self.ins.at(Of::Others).id()).collect::<Result<_, _>>()?,
        };
        let record = self.memory.record_at(place).expect("it was named");
        let mut columns = Vec::new();
        for name in self.shape()? {
            columns.push((name, self.column(name, (start_op, time), (record, visit))?));
        }
        let ops = ops::count(&columns);
        let columns = ops::together(&columns)?;
        let parts = Parts { deps, actor, seq, start_op, time, message: &message, others, columns: &columns };
        let bytes = parts.join();
        if bytes.len() > limits::CHANGE_BYTES {
            return Err(BadPack::TooMuch);
        }
        self.memory.changed(place, Change::name_of(&bytes), (number, visit), &parts, ops);
        Ok(bytes)
    }

    fn deps(&mut self, place: usize) -> Result<Vec<[u8; 32]>, BadPack> {
        let Some(count) = self.ins.at(Of::Deps).count(limits::CHANGE_DEPS + 1)?.checked_sub(1) else {
            let heads = self.memory.tale(place).heads();
            return if heads.len() <= limits::CHANGE_DEPS { Ok(heads) } else { Err(BadPack::TooMuch) };
        };
        let mut deps = Vec::with_capacity(count);
        for _ in 0..count {
            deps.push(match self.ins.at(Of::Deps).number()? {
                0 => self.ins.at(Of::Deps).fixed()?,
                ago => usize::try_from(ago).ok().and_then(|ago| self.memory.name_ago(ago)).ok_or(BadPack::Senseless)?.0,
            });
        }
        Ok(deps)
    }

    fn shape(&mut self) -> Result<Vec<u32>, BadPack> {
        let read = self.ins.at(Of::Shapes);
        if let Some(place) = read.number()?.checked_sub(1) {
            let known = usize::try_from(place).ok().and_then(|place| self.shapes.get(place));
            return known.cloned().ok_or(BadPack::Senseless);
        }
        let count = read.count(crate::chunk::COLUMNS.len())?;
        let name = |_| u32::try_from(read.number()?).map_err(|_| BadPack::Senseless);
        let shape: Vec<u32> = (0..count).map(name).collect::<Result<_, _>>()?;
        self.shapes.push(shape.clone());
        Ok(shape)
    }

    fn column(&mut self, name: u32, (start_op, time): (u64, i64), about: (RecordId, &Visit)) -> Result<Column, BadPack> {
        let place = column(name).ok_or(BadPack::Senseless)?;
        Ok(match ops::kind_of(name) {
            Column::Numbers(_) => {
                Column::Numbers(self.runs(place, |me| Ok(tokens::operation_back(name, me.ins.place(place).number()?, start_op)))?)
            }
            Column::Steps(_) => Column::Steps(self.runs(place, |me| me.ins.place(place).signed())?),
            Column::Texts(_) => Column::Texts(self.runs(place, Self::key)?),
            Column::Flags(_) => {
                let count = self.ins.place(place).count(limits::CHANGE_OPS)?;
                Column::Flags((0..count).map(|_| self.ins.place(place).number()).collect::<Result<_, _>>()?)
            }
            Column::Values(_) => Column::Values(self.values(place, time, about)?),
            Column::Raw => Column::Raw,
        })
    }

    fn runs<T>(&mut self, place: usize, cell: impl Fn(&mut Self) -> Result<T, BadPack>) -> Result<Vec<Run<T>>, BadPack> {
        let count = self.ins.place(place).count(limits::CHANGE_OPS)?;
        let mut runs = Vec::new();
        let mut cells = limits::CHANGE_OPS as u64;
        for _ in 0..count {
            let length = self.ins.place(place).signed()?;
            let apart = length.min(0).unsigned_abs();
            cells = cells.checked_sub(apart).ok_or(BadPack::TooMuch)?;
            runs.push(match length {
                0 => Run::Empty(self.ins.place(place).number()?),
                1.. => Run::Same(length.unsigned_abs(), cell(self)?),
                ..0 => Run::Apart((0..apart).map(|_| cell(self)).collect::<Result<_, _>>()?),
            });
        }
        Ok(runs)
    }

    fn key(&mut self) -> Result<Vec<u8>, BadPack> {
        let told = self.ins.at(Of::Keys).number()?;
        if told != tokens::DRAWN_KEY {
            return self.known_key(told);
        }
        let drawn = self.ins.at(Of::Keys).fixed()?;
        let before = self.ins.at(Of::Keys).number()?;
        Ok(tokens::drawn_key(self.known_key(before)?, drawn))
    }

    fn known_key(&mut self, told: u64) -> Result<Vec<u8>, BadPack> {
        let key = recall(&mut self.keys, told, self.ins.at(Of::KeyTexts))?;
        self.room = self.room.checked_sub(key.len()).ok_or(BadPack::TooMuch)?;
        Ok(key)
    }

    fn values(&mut self, place: usize, time: i64, (record, visit): (RecordId, &Visit)) -> Result<Values, BadPack> {
        let kind =
            |me: &mut Self| u8::try_from(me.ins.place(place).number()?).ok().filter(|kind| *kind < 16).ok_or(BadPack::Senseless);
        let types = self.runs(place, kind)?;
        let mut scalars = Vec::new();
        for run in &types {
            match run {
                Run::Same(times, kind) if ops::blank(*kind).is_some() => {
                    for _ in 0..*times {
                        scalars.push(self.scalar(*kind, time, (record, visit))?);
                    }
                }
                Run::Apart(kinds) => {
                    for kind in kinds.iter().filter(|kind| ops::blank(**kind).is_some()) {
                        scalars.push(self.scalar(*kind, time, (record, visit))?);
                    }
                }
                _ => {}
            }
        }
        Ok(Values { types, scalars })
    }

    fn scalar(&mut self, kind: u8, time: i64, (record, visit): (RecordId, &Visit)) -> Result<Scalar, BadPack> {
        self.room = self.room.checked_sub(1).ok_or(BadPack::TooMuch)?;
        let scalar = match ops::blank(kind) {
            Some(Scalar::Whole(_)) => Scalar::Whole(self.ins.at(Of::Numbers).number()?),
            Some(Scalar::Signed(_)) if kind == MOMENT => Scalar::Signed(time.wrapping_add(self.ins.at(Of::Numbers).signed()?)),
            Some(Scalar::Signed(_)) => Scalar::Signed(self.ins.at(Of::Numbers).signed()?),
            _ => {
                let told = self.ins.at(Of::Values).number()?;
                let expected = tokens::expected(record, visit);
                Scalar::Bytes(match told.checked_sub(tokens::KNOWN) {
                    Some(place) if kind != TEXT => {
                        let known = usize::try_from(place).ok().and_then(|place| expected.get(place));
                        known.ok_or(BadPack::Senseless)?.to_vec()
                    }
                    None if kind != TEXT => self.ins.at(Of::Texts).bytes(limits::CHANGE_BYTES)?.to_vec(),
                    _ => recall(&mut self.texts, told, self.ins.at(Of::Texts))?,
                })
            }
        };
        if let Scalar::Bytes(bytes) = &scalar {
            self.room = self.room.checked_sub(bytes.len()).ok_or(BadPack::TooMuch)?;
        }
        Ok(scalar)
    }
}

/// A text that was told before, or is told now.
fn recall(known: &mut Vec<Vec<u8>>, told: u64, texts: &mut crate::codec::streams::In<'_>) -> Result<Vec<u8>, BadPack> {
    match told {
        tokens::NEW => {
            let text = texts.bytes(limits::CHANGE_BYTES)?.to_vec();
            if text.len() <= tokens::SHORT {
                known.push(text.clone());
            }
            Ok(text)
        }
        told => {
            let place = told.checked_sub(tokens::KNOWN).and_then(|place| usize::try_from(place).ok());
            place.and_then(|place| known.get(place)).cloned().ok_or(BadPack::Senseless)
        }
    }
}
