//! Packing a chunk.

use std::collections::HashMap;

use super::memory::Memory;
use super::ops::{self, Column, MOMENT, Run, Scalar, TEXT, Values};
use super::streams::{Of, Outs, column};
use super::{Chunk, tokens};
use crate::change::Change;
use crate::codec::BadPack;
use crate::codec::parts::Parts;
use crate::codec::streams::Out;
use crate::id::RecordId;
use crate::wire::{Content, Visit};

/// Packs whole records.
///
/// # Errors
/// [`BadPack::TooMuch`]: more than a chunk may unfold to.
pub fn pack_chunk(chunk: &Chunk) -> Result<Vec<u8>, BadPack> {
    let mut writer = Writer {
        outs: Outs::new(),
        memory: Memory::default(),
        shapes: HashMap::new(),
        keys: HashMap::new(),
        texts: HashMap::new(),
    };
    writer.outs.at(Of::Counts).number(chunk.visits.len() as u64);
    writer.outs.at(Of::Counts).number(chunk.items.len() as u64);
    writer.visits(&chunk.visits);
    let (mut at, mut visits, mut latest, mut next) = (0, 0, 0, 0);
    for item in &chunk.items {
        writer.outs.at(Of::Places).number(item.seq.0.wrapping_sub(at + 1));
        at = item.seq.0;
        writer.outs.at(Of::Visits).number(tokens::visit(item.visit, latest, visits));
        (latest, visits) = (item.visit, visits.max(item.visit + 1));
        let visit = chunk.visits.get(item.visit as usize).ok_or(BadPack::Senseless)?;
        let place = writer.record(item.record, visit, next);
        next = place + 1;
        writer.content(place, (item.visit, visit), &item.content);
    }
    let check = writer.memory.check();
    writer.outs.at(Of::Counts).ids.extend(check);
    writer.outs.finish()
}

struct Writer {
    outs: Outs,
    memory: Memory,
    shapes: HashMap<Vec<u32>, u64>,
    keys: HashMap<Vec<u8>, u64>,
    texts: HashMap<Vec<u8>, u64>,
}

impl Writer {
    fn visits(&mut self, visits: &[Visit]) {
        let mut known: HashMap<_, &Visit> = HashMap::new();
        let mut received = 0;
        for visit in visits {
            let before = known.insert(visit.device, visit);
            self.outs.at(Of::VisitDevices).id(&visit.device.0);
            self.outs.at(Of::VisitPeople).id_or_same(&visit.person.0, before.map(|before| before.person.0));
            self.outs.at(Of::VisitRoles).word_or_same(visit.role.as_str(), before.map(|before| before.role.as_str()));
            self.outs.at(Of::VisitParties).word_or_same(visit.party.as_str(), before.map(|before| before.party.as_str()));
            self.outs.at(Of::VisitTimes).signed(visit.received.0.wrapping_sub(received));
            self.outs.at(Of::VisitSkews).signed(visit.skew.0.wrapping_sub(before.map_or(0, |before| before.skew.0)));
            received = visit.received.0;
        }
    }

    /// Names a record; `next` is the one expected.
    fn record(&mut self, record: RecordId, visit: &Visit, next: usize) -> usize {
        let known = self.memory.place_of(record);
        let place = known.unwrap_or(self.memory.records());
        self.outs.at(Of::Records).signed((place as i64).wrapping_sub(next as i64));
        if known.is_some() {
            return place;
        }
        let (moment, drawn) = tokens::of_record(record);
        let out = self.outs.at(Of::Moments);
        out.signed(moment.wrapping_sub(visit.received.0));
        out.ids.extend(drawn);
        self.memory.begin(record)
    }

    fn content(&mut self, place: usize, visit: (u32, &Visit), content: &Content) {
        match content {
            Content::Change(bytes) => self.change(place, visit, bytes),
            Content::Gone(hash) => {
                let out = self.outs.at(Of::Contents);
                out.number(tokens::GONE);
                out.ids.extend(hash.as_bytes());
                self.memory.name(place, *hash);
            }
            Content::Erasure(reason) => {
                self.outs.at(Of::Contents).number(tokens::ERASURE);
                self.outs.at(Of::Reasons).word(reason);
                self.memory.told(place, reason.as_bytes());
            }
        }
    }

    fn change(&mut self, place: usize, (number, visit): (u32, &Visit), bytes: &[u8]) {
        let hash = Change::name_of(bytes);
        let parts = Parts::of(bytes);
        let taken = parts.as_ref().and_then(|parts| Some((parts, ops::apart(parts.columns)?)));
        let taken = taken.filter(|(_, columns)| columns.iter().all(|(name, _)| column(*name).is_some()));
        let Some((parts, columns)) = taken else {
            self.outs.at(Of::Contents).number(tokens::AS_IT_IS);
            put_bytes(self.outs.at(Of::Texts), bytes);
            return self.memory.name(place, hash);
        };
        self.outs.at(Of::Contents).number(tokens::CHANGE);
        self.parts(place, (number, visit), parts);
        self.shape(columns.iter().map(|(name, _)| *name).collect());
        let record = self.memory.record_at(place).expect("it was named");
        for (name, cells) in &columns {
            self.column(*name, cells, parts, (record, visit));
        }
        self.memory.changed(place, hash, (number, visit), parts, ops::count(&columns));
    }

    fn parts(&mut self, place: usize, (number, visit): (u32, &Visit), parts: &Parts<'_>) {
        let tale = self.memory.tale(place);
        let out = self.outs.at(Of::Deps);
        if parts.deps == tale.heads() {
            out.number(0);
        } else {
            out.number(parts.deps.len() as u64 + 1);
            for dep in &parts.deps {
                let ago = self.memory.ago(crate::id::ChangeHash(*dep));
                out.number(ago.unwrap_or(0) as u64);
                if ago.is_none() {
                    out.ids.extend(dep);
                }
            }
        }
        self.outs.at(Of::Actors).id_or_same(&parts.actor, self.memory.actor_of(visit.device));
        self.outs.at(Of::ActorSeqs).signed(parts.seq.wrapping_sub(tale.next_seq(parts.actor)) as i64);
        self.outs.at(Of::Starts).signed(parts.start_op.wrapping_sub(tale.next_op()) as i64);
        self.outs.at(Of::Times).signed(parts.time.wrapping_sub(self.memory.moment(number, visit)));
        self.outs.at(Of::Parties).word_or_same(parts.message, Some(visit.party.as_str()));
        let out = self.outs.at(Of::Others);
        if parts.others == tale.others(parts.actor) {
            out.number(0);
        } else {
            out.number(parts.others.len() as u64 + 1);
            parts.others.iter().for_each(|other| out.id(other));
        }
    }

    /// Which columns a change has.
    fn shape(&mut self, shape: Vec<u32>) {
        let out = self.outs.at(Of::Shapes);
        if let Some(place) = self.shapes.get(&shape) {
            return out.number(place + 1);
        }
        out.number(0);
        out.number(shape.len() as u64);
        shape.iter().for_each(|name| out.number(u64::from(*name)));
        self.shapes.insert(shape, self.shapes.len() as u64);
    }

    fn column(&mut self, name: u32, cells: &Column, parts: &Parts<'_>, about: (RecordId, &Visit)) {
        let place = column(name).expect("it was looked at");
        match cells {
            Column::Numbers(runs) => {
                let out = self.outs.place(place);
                put_runs(out, runs, |out, cell| out.number(tokens::operation(name, *cell, parts.start_op)));
            }
            Column::Steps(runs) => put_runs(self.outs.place(place), runs, |out, cell| out.signed(*cell)),
            Column::Texts(runs) => {
                let mut keys = std::mem::take(&mut self.keys);
                let out = self.outs.place(place);
                let mut told = Vec::new();
                put_runs(out, runs, |_, cell| told.push(cell.clone()));
                told.iter().for_each(|key| self.key(&mut keys, key));
                self.keys = keys;
            }
            Column::Flags(flags) => {
                let out = self.outs.place(place);
                out.number(flags.len() as u64);
                flags.iter().for_each(|flag| out.number(*flag));
            }
            Column::Values(values) => self.values(place, values, parts.time, about),
            Column::Raw => {}
        }
    }

    /// A key of a map: one that was told before, one that ends with a drawn name, or another.
    fn key(&mut self, keys: &mut HashMap<Vec<u8>, u64>, key: &[u8]) {
        if let Some((before, drawn)) = tokens::drawn(key) {
            self.outs.at(Of::Keys).number(tokens::DRAWN_KEY);
            self.outs.at(Of::Keys).ids.extend(drawn);
            return self.known(keys, Of::Keys, Of::KeyTexts, before);
        }
        self.known(keys, Of::Keys, Of::KeyTexts, key);
    }

    fn known(&mut self, known: &mut HashMap<Vec<u8>, u64>, index: Of, texts: Of, text: &[u8]) {
        let out = self.outs.at(index);
        if let Some(place) = known.get(text) {
            return out.number(place + tokens::KNOWN);
        }
        out.number(tokens::NEW);
        put_bytes(self.outs.at(texts), text);
        if text.len() <= tokens::SHORT {
            known.insert(text.to_vec(), known.len() as u64);
        }
    }

    fn values(&mut self, place: usize, values: &Values, time: i64, (record, visit): (RecordId, &Visit)) {
        let mut kinds = Vec::new();
        put_runs(self.outs.place(place), &values.types, |out, kind| out.number(u64::from(*kind)));
        for run in &values.types {
            match run {
                Run::Same(times, kind) if ops::blank(*kind).is_some() => kinds.extend((0..*times).map(|_| *kind)),
                Run::Apart(apart) => kinds.extend(apart.iter().copied().filter(|kind| ops::blank(*kind).is_some())),
                _ => {}
            }
        }
        for (kind, scalar) in kinds.into_iter().zip(&values.scalars) {
            match scalar {
                Scalar::Whole(number) => self.outs.at(Of::Numbers).number(*number),
                Scalar::Signed(moment) if kind == MOMENT => self.outs.at(Of::Numbers).signed(moment.wrapping_sub(time)),
                Scalar::Signed(number) => self.outs.at(Of::Numbers).signed(*number),
                Scalar::Bytes(text) if kind == TEXT => {
                    let mut texts = std::mem::take(&mut self.texts);
                    self.known(&mut texts, Of::Values, Of::Texts, text);
                    self.texts = texts;
                }
                Scalar::Bytes(bytes) => {
                    let expected = tokens::expected(record, visit);
                    match expected.iter().position(|known| known[..] == bytes[..]) {
                        Some(place) => self.outs.at(Of::Values).number(tokens::KNOWN + place as u64),
                        None => {
                            self.outs.at(Of::Values).number(tokens::NEW);
                            put_bytes(self.outs.at(Of::Texts), bytes);
                        }
                    }
                }
            }
        }
    }
}

fn put_bytes(out: &mut Out, bytes: &[u8]) {
    out.number(bytes.len() as u64);
    out.numbers.extend(bytes);
}

fn put_runs<T>(out: &mut Out, runs: &[Run<T>], mut cell: impl FnMut(&mut Out, &T)) {
    out.number(runs.len() as u64);
    for run in runs {
        match run {
            Run::Same(times, same) => {
                out.signed(times.cast_signed());
                cell(out, same);
            }
            Run::Apart(cells) => {
                out.signed(-(cells.len() as i64));
                cells.iter().for_each(|one| cell(out, one));
            }
            Run::Empty(rows) => {
                out.signed(0);
                out.number(*rows);
            }
        }
    }
}
