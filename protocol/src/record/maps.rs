//! The maps of a record, read from its changes: every value ever written, by where it stands, who wrote it and what took
//! its place.
//!
//! Automerge holds the same in columns and seeks in them; judging a change asks some twenty questions, and showing a record
//! asks two for each value in it. Here each is a look into a map, at the latest or at any past. Only changes that were
//! understood come in, so nothing is checked again. Drafted text stays Automerge's alone.

use std::collections::{BTreeMap, HashMap};

use super::act::{Act, Created, EntryParts};
use super::fold::Moved;
use super::snapshot::{Said, Source};
use super::understand::{Understood, Write};
use crate::change::Change;
use crate::id::{ActorId, ChangeHash};
use crate::schema::Value;
use crate::sorted::{SortedMap, SortedSet};

/// The name of an operation. Values that stand beside each other are shown in the order of their names.
pub(super) type OpName = (u64, ActorId);

/// What a field holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum FieldValue {
    /// A register's value.
    Value(Value),
    /// A drafted text, which Automerge keeps under the name of the operation.
    Text,
}

/// A change that was taken in.
#[derive(Debug, Clone)]
struct Taken {
    source: Source,
    seq: u64,
    max_op: u64,
    deps: Vec<usize>,
}

/// One value, the change that wrote it, and those that put another in its place.
#[derive(Debug, Clone)]
pub(super) struct Written<T> {
    pub(super) name: OpName,
    pub(super) value: T,
    by: usize,
    replaced_by: Vec<usize>,
}

/// What stands in a map, or stood there once, by key.
pub(super) type Cells<T> = BTreeMap<String, Vec<Written<T>>>;

/// The changes that somebody saw.
#[derive(Debug, Clone)]
pub(super) struct Past(Vec<bool>);

/// The containers that the first change made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Containers {
    /// Closed once it is made.
    pub(super) created: OpName,
    pub(super) fields: OpName,
    pub(super) entries: OpName,
    pub(super) moves: OpName,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Maps {
    taken: Vec<Taken>,
    numbers: HashMap<ChangeHash, usize>,
    heads: SortedSet<ChangeHash>,
    last: SortedMap<ActorId, usize>,
    created: Option<Created>,
    containers: Option<Containers>,
    pub(super) fields: Cells<FieldValue>,
    pub(super) entries: Cells<EntryParts>,
    pub(super) moves: Cells<Moved>,
}

impl Maps {
    pub(super) fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// How many changes were taken in.
    pub(super) fn len(&self) -> usize {
        self.taken.len()
    }

    pub(super) fn holds(&self, hash: ChangeHash) -> bool {
        self.numbers.contains_key(&hash)
    }

    /// The change that made the record.
    pub(super) fn first(&self) -> Option<ChangeHash> {
        self.taken.first().map(|taken| taken.source.change)
    }

    /// The latest changes, sorted.
    pub(super) fn heads(&self) -> &SortedSet<ChangeHash> {
        &self.heads
    }

    /// How the record was made, and where its containers are; nothing while it is empty.
    pub(super) fn created(&self) -> Option<&Created> {
        self.created.as_ref()
    }

    pub(super) fn containers(&self) -> Option<Containers> {
        self.containers
    }

    /// Whether this is what is said of the record's making, an entry or a move: objects that nobody writes into once they are
    /// made.
    pub(super) fn is_closed(&self, name: OpName) -> bool {
        let creation = self.containers.is_some_and(|containers| containers.created == name);
        let entry = self.entries.values().flatten().any(|written| written.name == name);
        creation || entry || self.moves.values().flatten().any(|written| written.name == name)
    }

    /// Whether anything in it was ever drafted.
    pub(super) fn has_text(&self) -> bool {
        self.fields.values().flatten().any(|written| written.value == FieldValue::Text)
    }

    pub(super) fn knows_writer(&self, actor: ActorId) -> bool {
        self.last.contains_key(&actor)
    }

    /// The number of an actor's last change; 0 if it has none.
    pub(super) fn last_seq(&self, actor: ActorId) -> u64 {
        self.last.get(&actor).map_or(0, |number| self.taken[*number].seq)
    }

    /// The highest operation among what a change with these dependencies was written on top of.
    pub(super) fn max_op(&self, deps: impl Iterator<Item = ChangeHash>) -> u64 {
        // A change counts on from all that it follows, so nothing before it is higher.
        deps.filter_map(|dep| self.numbers.get(&dep)).map(|number| self.taken[*number].max_op).max().unwrap_or(0)
    }

    /// Whether somebody who saw `deps` saw an actor's last change.
    pub(super) fn saw_last_of(&self, actor: ActorId, deps: impl Iterator<Item = ChangeHash>) -> bool {
        let Some(last) = self.last.get(&actor) else { return true };
        let least = self.taken[*last].max_op;
        let mut queue: Vec<usize> = deps.filter_map(|dep| self.numbers.get(&dep).copied()).collect();
        let mut seen = vec![false; self.taken.len()];
        while let Some(number) = queue.pop() {
            if number == *last {
                return true;
            }
            if !std::mem::replace(&mut seen[number], true) {
                queue.extend(self.taken[number].deps.iter().filter(|dep| self.taken[**dep].max_op >= least));
            }
        }
        false
    }

    /// What somebody saw who saw `heads`; `None` if that is everything.
    pub(super) fn past(&self, heads: impl Iterator<Item = ChangeHash>) -> Option<Past> {
        let heads: SortedSet<ChangeHash> = heads.collect();
        if heads == self.heads {
            return None;
        }
        let mut past = vec![false; self.taken.len()];
        let mut queue: Vec<usize> = heads.iter().filter_map(|hash| self.numbers.get(hash).copied()).collect();
        while let Some(number) = queue.pop() {
            if !std::mem::replace(&mut past[number], true) {
                queue.extend(&self.taken[number].deps);
            }
        }
        Some(Past(past))
    }

    /// A value, and where it came from.
    pub(super) fn said<T: Clone>(&self, written: &Written<T>) -> Said<T> {
        self.said_as(written, written.value.clone())
    }

    /// The same with other words for the value.
    pub(super) fn said_as<T, U>(&self, written: &Written<T>, value: U) -> Said<U> {
        Said { value, source: self.taken[written.by].source.clone() }
    }

    /// Takes in a change that was understood.
    pub(super) fn take(&mut self, change: &Change, understood: &Understood) {
        let past = self.past(change.deps());
        let by = self.taken.len();
        for write in &understood.writes {
            self.write(by, past.as_ref(), write, &understood.acts);
        }
        let source = Source {
            change: change.hash(),
            actor: change.actor(),
            party: change.party().clone(),
            device_time: change.device_time(),
        };
        for dep in change.deps() {
            self.heads.remove(&dep);
        }
        self.heads.insert(source.change);
        self.numbers.insert(source.change, by);
        self.last.insert(source.actor, by);
        let deps = change.deps().filter_map(|dep| self.numbers.get(&dep).copied()).collect();
        self.taken.push(Taken { source, seq: change.actor_seq(), max_op: change.inner().max_op(), deps });
    }

    fn write(&mut self, by: usize, past: Option<&Past>, write: &Write, acts: &[Act]) {
        match write {
            Write::Begin(containers) => {
                self.containers = Some(*containers);
                if let Some(Act::Create(created)) = acts.first() {
                    self.created = Some(created.clone());
                }
            }
            Write::Field { name, act } => match &acts[*act] {
                Act::Set { field, value } => {
                    put(&mut self.fields, field.as_str(), past, by, *name, FieldValue::Value(value.clone()));
                }
                Act::Write { field, .. } => put(&mut self.fields, field.as_str(), past, by, *name, FieldValue::Text),
                _ => {}
            },
            Write::Settle { key } => {
                let written = self.fields.entry(key.clone()).or_default();
                let mut stands: Vec<_> = written.iter_mut().filter(|written| written.stands(past)).collect();
                stands.pop();
                stands.into_iter().for_each(|written| written.replaced_by.push(by));
            }
            Write::Entry { path, name, act } => {
                if let Act::Put { entry, .. } = &acts[*act] {
                    put(&mut self.entries, path, past, by, *name, entry.clone());
                }
            }
            Write::Move { name, act } => {
                if let Act::Move { id, name: which, follows, reason } = &acts[*act] {
                    let moved = Moved { name: which.clone(), follows: follows.clone(), reason: reason.clone() };
                    put(&mut self.moves, id.as_str(), past, by, *name, moved);
                }
            }
        }
    }
}

impl<T> Written<T> {
    /// Whether nothing that was seen had taken its place, if it was seen itself.
    pub(super) fn stands(&self, past: Option<&Past>) -> bool {
        match past {
            None => self.replaced_by.is_empty(),
            Some(Past(seen)) => {
                let saw = |number: &usize| seen.get(*number).copied().unwrap_or(false);
                saw(&self.by) && !self.replaced_by.iter().any(saw)
            }
        }
    }
}

/// Puts a value in the place of all that its writer saw there.
fn put<T>(cells: &mut Cells<T>, key: &str, past: Option<&Past>, by: usize, name: OpName, value: T) {
    let written = match cells.get_mut(key) {
        Some(written) => written,
        None => cells.entry(key.to_owned()).or_default(),
    };
    for other in written.iter_mut().filter(|other| other.stands(past)) {
        other.replaced_by.push(by);
    }
    let at = written.partition_point(|other| other.name < name);
    written.insert(at, Written { name, value, by, replaced_by: Vec::new() });
}

/// What stands under one key.
pub(super) fn standing<'a, T>(cells: &'a Cells<T>, key: &str, past: Option<&'a Past>) -> impl Iterator<Item = &'a Written<T>> {
    cells.get(key).into_iter().flatten().filter(move |written| written.stands(past))
}

#[cfg(test)]
mod tests {
    use automerge::{Automerge, ObjId, ROOT, ReadDoc};
    use proptest::prelude::*;

    use super::*;
    use crate::id::{DeviceId, EntryId, PersonId, RecordId};
    use crate::record::{CannotWrite, Record, Stamp, layout, understand};
    use crate::schema::{FieldName, KindName, MoveName, Party};
    use crate::time::UnixMs;

    /// What someone does next on their own device.
    #[derive(Debug, Clone)]
    enum Doing {
        Set(u8, u8),
        Put(u8, u8),
        Move,
        Draft(u8),
        /// Takes in everything that the others have written so far.
        Meet,
    }

    fn doings() -> impl Strategy<Value = Vec<(usize, Doing)>> {
        let doing = prop_oneof![
            4 => (0..3_u8, 0..3_u8).prop_map(|(field, value)| Doing::Set(field, value)),
            4 => (0..3_u8, 0..3_u8).prop_map(|(key, value)| Doing::Put(key, value)),
            1 => Just(Doing::Move),
            2 => (0..3_u8).prop_map(Doing::Draft),
            4 => Just(Doing::Meet),
        ];
        prop::collection::vec((0..3_usize, doing), 1..30)
    }

    fn field(name: &str) -> FieldName {
        FieldName::parse(name).expect("a name")
    }

    fn act(record: &Record, doing: &Doing, number: usize) -> Option<Act> {
        let name = |letter: u8| field(["one", "two", "three"][usize::from(letter)]);
        Some(match doing {
            Doing::Set(which, value) => Act::Set { field: name(*which), value: Value::Whole((*value).into()) },
            Doing::Put(key, value) => {
                let entry = [(field("text"), Value::Whole((*value).into()))].into();
                Act::Put { field: field("notes"), key: format!("k{key}"), entry }
            }
            Doing::Move => Act::Move {
                id: EntryId::from_random([number as u8, 0, 0, 0, 0]),
                name: MoveName::parse("issue").expect("a name"),
                follows: record.latest_moves(),
                reason: None,
            },
            Doing::Draft(text) => Act::Write { field: field("draft"), text: "一二三".repeat(usize::from(*text)) },
            Doing::Meet => return None,
        })
    }

    fn begun(id: RecordId) -> (Record, Change) {
        let created = Created {
            kind: KindName::parse("rectification").expect("a name"),
            schema: 1,
            person: PersonId::from_parts(UnixMs(1), [1; 10]),
            party: Party::parse("volunteers").expect("a name"),
            device: DeviceId::from_parts(UnixMs(1), [2; 10]),
            device_time: UnixMs(1),
        };
        let mut record = Record::empty(id);
        let change = record.write(&[Act::Create(created)], &stamp(0)).expect("it is the first");
        (record, change)
    }

    fn stamp(actor: usize) -> Stamp {
        let party = Party::parse("volunteers").expect("a name");
        Stamp { actor: ActorId([actor as u8 + 1; 16]), party, device_time: UnixMs(actor as i64) }
    }

    /// The operations that stand under each key, and the change that each came with, as Automerge says.
    fn by_automerge(doc: &Automerge, container: &str, heads: &[automerge::ChangeHash]) -> Standing {
        let Ok(Some((_, container))) = doc.get(ROOT, container) else { return BTreeMap::new() };
        let standing = |key: &String| {
            let values = doc.get_all_at(&container, key.as_str(), heads).expect("it is there");
            values.into_iter().map(|(_, id)| named(doc, &id)).collect()
        };
        doc.keys_at(&container, heads).map(|key| (key.clone(), standing(&key))).collect()
    }

    type Standing = BTreeMap<String, Vec<(OpName, ChangeHash)>>;

    fn named(doc: &Automerge, id: &ObjId) -> (OpName, ChangeHash) {
        let ObjId::Id(counter, actor, _) = id else { panic!("the root stands nowhere") };
        let change = doc.hash_for_opid(id).expect("a change wrote it");
        ((*counter, ActorId::of(actor).expect("one of ours")), ChangeHash(change.0))
    }

    fn by_maps<T: Clone>(maps: &Maps, cells: &Cells<T>, past: Option<&Past>) -> Standing {
        let of = |key: &String| standing(cells, key, past).map(|w| (w.name, maps.said(w).source.change)).collect::<Vec<_>>();
        cells.keys().map(|key| (key.clone(), of(key))).filter(|(_, standing)| !standing.is_empty()).collect()
    }

    proptest! {
        #[test]
        fn at_every_moment_the_maps_hold_what_automerge_holds(doings in doings()) {
            let id = RecordId::from_parts(UnixMs(1), [7; 10]);
            let (first, change) = begun(id);
            let (mut records, mut changes) = (vec![first.clone(), first.clone(), first], vec![change]);
            for (number, (who, doing)) in doings.iter().enumerate() {
                match act(&records[*who], doing, number) {
                    Some(act) => match records[*who].write(&[act], &stamp(*who)) {
                        Ok(change) => changes.push(change),
                        Err(CannotWrite::Nothing) => {}
                        Err(error) => panic!("{error}"),
                    },
                    None => changes.iter().for_each(|change| records[*who].apply(change).expect("it was understood")),
                }
            }
            let mut all = records[0].clone();
            changes.iter().for_each(|change| all.apply(change).expect("it was understood"));
            let mut doc = Automerge::new();
            understand::apply(&mut doc, &changes).expect("it was written");
            let moments = changes.iter().map(|change| vec![change.hash()]).chain([all.heads()]).chain(records.iter().map(Record::heads));
            for moment in moments {
                let heads: Vec<automerge::ChangeHash> = moment.iter().map(|hash| (*hash).into()).collect();
                let past = all.maps.past(moment.iter().copied());
                let (maps, past) = (&all.maps, past.as_ref());
                prop_assert_eq!(by_maps(maps, &maps.fields, past), by_automerge(&doc, layout::FIELDS, &heads));
                prop_assert_eq!(by_maps(maps, &maps.entries, past), by_automerge(&doc, layout::ENTRIES, &heads));
                prop_assert_eq!(by_maps(maps, &maps.moves, past), by_automerge(&doc, layout::MOVES, &heads));
            }
        }
    }
}
