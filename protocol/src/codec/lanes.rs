//! Changes field by field: first what kind each is, then how many dependencies each has, and so on, and their columns column
//! by column. What is alike then stands together, and squeezing leaves little of it.

use std::collections::{HashMap, HashSet};

use super::digest::{CHECK, check};
use super::parts::{Column, Parts, columns_of, joined};
use super::streams::{In, Out};
use super::{BadPack, Known, Unfolded, Unread};
use crate::change::Change;
use crate::chunk::COLUMNS;
use crate::id::{ActorId, ChangeHash, EntryId, RecordId};
use crate::limits;
use crate::sorted::{SortedMap, SortedSet};

/// A change as its parts, or as it is.
const AS_PARTS: u64 = 0;
const AS_IT_IS: u64 = 1;

/// How a dependency is named: by its prefix, in full, or (from here on) by how many changes ago it stood in the pack.
const BY_PREFIX: u64 = 0;
const IN_FULL: u64 = 1;
const BACK: u64 = 2;

/// How another actor is named: in full, by its prefix, or (from here on) by its place among all ids named before it.
const ACTOR_IN_FULL: u64 = 0;
const ACTOR_BY_PREFIX: u64 = 1;
const ACTOR_BEFORE: u64 = 2;

/// Bytes of a change's name that stand for it. Of a million changes, one other begins the same in a million cases; then the
/// pack is of no use, and everything is sent as it is.
const PREFIX: usize = 5;
/// Bytes of an actor's id that stand for it among those of its record, which are few.
const ACTOR_PREFIX: usize = 4;
/// The column in which keys stand, and with them the names of entries.
const KEYS: u32 = 0x15;
/// Characters of an entry's name.
const ENTRY: usize = EntryId::BLANK.len();
/// Places in the keys of a change at which such a name is looked for.
const CANDIDATES: usize = 16;
/// Most distinct sets of columns in a pack.
const SHAPES: usize = limits::PAGE_ITEMS;

/// What earlier changes of the pack said, which later ones go on from.
#[derive(Debug, Default)]
struct Memory {
    changes: Vec<(ChangeHash, RecordId)>,
    places: HashMap<ChangeHash, usize>,
    time: i64,
    seqs: HashMap<(RecordId, [u8; 16]), u64>,
    ops: HashMap<RecordId, u64>,
}

impl Memory {
    fn seq(&self, record: RecordId, actor: [u8; 16]) -> u64 {
        self.seqs.get(&(record, actor)).copied().unwrap_or(0)
    }

    fn start_op(&self, record: RecordId) -> u64 {
        self.ops.get(&record).copied().unwrap_or(0)
    }

    fn note(&mut self, record: RecordId, parts: &Parts<'_>) {
        self.time = parts.time;
        self.seqs.insert((record, parts.actor), parts.seq);
        self.ops.insert(record, parts.start_op);
    }

    fn name(&mut self, hash: ChangeHash, record: RecordId) {
        self.places.insert(hash, self.changes.len());
        self.changes.push((hash, record));
    }
}

/// The name that an entry of a change has if its writer did not choose another, where its columns are these while it is
/// blank: see [`EntryId::following`].
fn expected_entry(record: RecordId, parts: &Parts<'_>, columns: &[u8]) -> EntryId {
    let deps: Vec<ChangeHash> = parts.deps.iter().map(|dep| ChangeHash(*dep)).collect();
    EntryId::following(record, ActorId(parts.actor), &deps, columns)
}

/// Where in the keys of a change a name stands that follows from the rest.
fn cut_at(record: RecordId, parts: &Parts<'_>, columns: &[Column<'_>]) -> Option<usize> {
    let keys = columns.iter().find(|column| column.name == KEYS)?.bytes;
    let drawn = |window: &[u8]| window.iter().all(|byte| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(byte));
    let places = keys.windows(ENTRY).enumerate().filter(|(_, window)| drawn(window)).map(|(at, _)| at);
    places.take(CANDIDATES).find(|at| {
        let mut blank = keys.to_vec();
        blank[*at..at + ENTRY].copy_from_slice(EntryId::BLANK.as_bytes());
        let columns: Vec<(u32, &[u8])> =
            columns.iter().map(|column| (column.name, if column.name == KEYS { &blank[..] } else { column.bytes })).collect();
        keys[*at..].starts_with(expected_entry(record, parts, &joined(&columns)).as_str().as_bytes())
    })
}

/// Numbers of each field of each change, to be written field by field.
#[derive(Debug, Default)]
struct Written<'a> {
    parts: Vec<(RecordId, Parts<'a>)>,
    columns: Vec<Vec<Column<'a>>>,
    plain: Vec<(RecordId, &'a [u8])>,
    forms: Vec<u64>,
}

/// Writes changes, for a reader that has what `is_known` says.
pub(super) fn write(mut out: Out, changes: &[(RecordId, &[u8])], is_known: &dyn Fn(&ChangeHash) -> bool) -> Out {
    let mut written = Written::default();
    for (record, chunk) in changes {
        match Parts::of(chunk).and_then(|parts| Some((columns_of(parts.columns)?, parts))) {
            Some((columns, parts)) => {
                written.forms.push(AS_PARTS);
                written.parts.push((*record, parts));
                written.columns.push(columns);
            }
            None => {
                written.forms.push(AS_IT_IS);
                written.plain.push((*record, *chunk));
            }
        }
    }
    let names: Vec<(ChangeHash, RecordId)> = changes.iter().map(|(record, chunk)| (Change::name_of(chunk), *record)).collect();
    written.forms.iter().for_each(|form| out.number(*form));
    written.heads(&mut out, &names, is_known);
    written.bodies(&mut out);
    out.ids.extend(check(&names));
    out
}

impl Written<'_> {
    /// Everything before the columns.
    fn heads(&self, out: &mut Out, names: &[(ChangeHash, RecordId)], is_known: &dyn Fn(&ChangeHash) -> bool) {
        self.parts.iter().for_each(|(_, parts)| out.number(parts.deps.len() as u64));
        let mut places: HashMap<ChangeHash, usize> = HashMap::new();
        let mut named = Vec::with_capacity(self.parts.len());
        let mut doubtful: HashSet<RecordId> = HashSet::new();
        let mut parts = self.parts.iter();
        for (place, (form, name)) in self.forms.iter().zip(names).enumerate() {
            if *form == AS_PARTS
                && let Some((record, parts)) = parts.next()
            {
                let kinds: Vec<u64> = parts.deps.iter().map(|dep| dep_kind(ChangeHash(*dep), place, &places, is_known)).collect();
                for (kind, dep) in kinds.iter().zip(&parts.deps) {
                    out.number(*kind);
                    match *kind {
                        BY_PREFIX => out.ids.extend(&dep[..PREFIX]),
                        IN_FULL => out.ids.extend(dep),
                        _ => {}
                    }
                }
                if kinds.contains(&IN_FULL) {
                    doubtful.insert(*record);
                }
                named.push(kinds.first().is_some_and(|kind| *kind != IN_FULL));
            }
            places.insert(name.0, place);
        }
        let unnamed = self.parts.iter().zip(&named).filter(|(_, named)| !**named).map(|((record, _), _)| record);
        unnamed.chain(self.plain.iter().map(|(record, _)| record)).for_each(|record| out.id(&record.0));
        self.parts.iter().for_each(|(_, parts)| out.id(&parts.actor));
        let mut memory = Memory::default();
        let mut differences = [const { Vec::new() }; 3];
        for (record, parts) in &self.parts {
            differences[0].push(parts.seq.wrapping_sub(memory.seq(*record, parts.actor)) as i64);
            differences[1].push(parts.start_op.wrapping_sub(memory.start_op(*record)) as i64);
            differences[2].push(parts.time.wrapping_sub(memory.time));
            memory.note(*record, parts);
        }
        differences.iter().flatten().for_each(|difference| out.signed(*difference));
        self.parts.iter().for_each(|(_, parts)| out.word(parts.message));
        self.parts.iter().for_each(|(_, parts)| out.number(parts.others.len() as u64));
        let mut others: Vec<[u8; 16]> = Vec::new();
        for (record, parts) in &self.parts {
            for other in &parts.others {
                let before = out.place_of(other).or_else(|| {
                    let place = others.iter().position(|known| known == other)?;
                    Some(out.ids_named() + place as u64)
                });
                match before {
                    Some(place) => out.number(ACTOR_BEFORE + place),
                    None => {
                        let short = !doubtful.contains(record) && !parts.deps.is_empty();
                        out.number(if short { ACTOR_BY_PREFIX } else { ACTOR_IN_FULL });
                        out.ids.extend(if short { &other[..ACTOR_PREFIX] } else { &other[..] });
                        others.push(*other);
                    }
                }
            }
        }
    }

    /// Columns, and what travels as it is.
    fn bodies(&self, out: &mut Out) {
        let all = self.parts.iter().zip(&self.columns);
        let cuts: Vec<Option<usize>> = all.map(|((record, parts), columns)| cut_at(*record, parts, columns)).collect();
        cuts.iter().for_each(|cut| out.number(cut.map_or(0, |at| at as u64 + 1)));
        let mut shapes: Vec<Vec<u32>> = Vec::new();
        for columns in &self.columns {
            let shape: Vec<u32> = columns.iter().map(|column| column.name).collect();
            match shapes.iter().position(|known| *known == shape) {
                Some(place) => out.number(place as u64 + 1),
                None => {
                    out.number(0);
                    out.number(shape.len() as u64);
                    shape.iter().for_each(|name| out.number((*name).into()));
                    shapes.push(shape);
                }
            }
        }
        let names: SortedSet<u32> = shapes.into_iter().flatten().collect();
        for name in names {
            for (columns, cut) in self.columns.iter().zip(&cuts) {
                for column in columns.iter().filter(|column| column.name == name) {
                    match cut.filter(|_| name == KEYS) {
                        Some(at) => out.columns(&[&column.bytes[..at], &column.bytes[at + ENTRY..]].concat()),
                        None => out.columns(column.bytes),
                    }
                }
            }
        }
        self.plain.iter().for_each(|(_, chunk)| out.columns(chunk));
    }
}

/// How a dependency of the change at `place` is named.
fn dep_kind(dep: ChangeHash, place: usize, places: &HashMap<ChangeHash, usize>, is_known: &dyn Fn(&ChangeHash) -> bool) -> u64 {
    match places.get(&dep) {
        Some(before) => BACK + (place - 1 - before) as u64,
        None if is_known(&dep) => BY_PREFIX,
        None => IN_FULL,
    }
}

/// A dependency as it is named.
#[derive(Debug, Clone, Copy)]
enum Dep {
    Prefix([u8; PREFIX]),
    Full([u8; 32]),
    Back(usize),
}

/// Another actor as it is named.
#[derive(Debug, Clone, Copy)]
enum Other {
    Is([u8; 16]),
    Begins([u8; ACTOR_PREFIX]),
}

/// A change before its columns.
#[derive(Debug)]
struct Head {
    deps: Vec<Dep>,
    record: Option<RecordId>,
    actor: [u8; 16],
    seq: i64,
    start_op: i64,
    time: i64,
    message: String,
    /// By their places among all that were named.
    others: Vec<usize>,
    cut: Option<usize>,
}

/// Reads so many changes. Takes bytes from anyone.
pub(super) fn read<K: Known>(read: &mut In<'_>, count: usize, known: &K) -> Unfolded<Vec<(RecordId, Vec<u8>)>, K> {
    let forms: Vec<u64> = (0..count).map(|_| read.number()).collect::<Result<_, _>>()?;
    if forms.iter().any(|form| *form > AS_IT_IS) {
        return Err(BadPack::Senseless.into());
    }
    let parted = forms.iter().filter(|form| **form == AS_PARTS).count();
    let (heads, mut others, records) = read_heads(read, parted, count - parted)?;
    let columns = read_columns(read, &heads)?;
    let plain: Vec<&[u8]> = records.iter().map(|_| read.columns()).collect::<Result<_, _>>()?;

    let mut memory = Memory::default();
    let (mut heads, mut plain) = (heads.into_iter().zip(columns), records.into_iter().zip(plain));
    let mut changes = Vec::with_capacity(count);
    for form in forms {
        let (record, chunk) = if form == AS_PARTS {
            let (head, columns) = heads.next().ok_or(BadPack::Senseless)?;
            assemble(head, columns, &mut others, &mut memory, known)?
        } else {
            let (record, chunk) = plain.next().ok_or(BadPack::Senseless)?;
            (record, chunk.to_vec())
        };
        memory.name(Change::name_of(&chunk), record);
        changes.push((record, chunk));
    }
    let said: [u8; CHECK] = read.fixed()?;
    if !read.is_empty() {
        return Err(BadPack::Senseless.into());
    }
    if said == check(&memory.changes) { Ok(changes) } else { Err(BadPack::Mismatch.into()) }
}

type Heads = (Vec<Head>, Vec<Other>, Vec<RecordId>);

fn read_heads(read: &mut In<'_>, count: usize, plain: usize) -> Result<Heads, BadPack> {
    let each = |read: &mut In<'_>, most: usize| -> Result<Vec<usize>, BadPack> { (0..count).map(|_| read.count(most)).collect() };
    let counts = each(read, limits::CHANGE_DEPS)?;
    let mut deps = Vec::with_capacity(count);
    for count in counts {
        deps.push((0..count).map(|_| read_dep(read)).collect::<Result<Vec<Dep>, _>>()?);
    }
    let mut records = Vec::with_capacity(count);
    for deps in &deps {
        let named = deps.first().is_some_and(|dep| !matches!(dep, Dep::Full(_)));
        records.push(if named { None } else { Some(RecordId(read.id()?)) });
    }
    let plain: Vec<RecordId> = (0..plain).map(|_| read.id().map(RecordId)).collect::<Result<_, _>>()?;
    let actors: Vec<[u8; 16]> = (0..count).map(|_| read.id()).collect::<Result<_, _>>()?;
    let signed = |read: &mut In<'_>| -> Result<Vec<i64>, BadPack> { (0..count).map(|_| read.signed()).collect() };
    let (seqs, start_ops, times) = (signed(read)?, signed(read)?, signed(read)?);
    let messages: Vec<String> = (0..count).map(|_| read.word()).collect::<Result<_, _>>()?;
    let counts = each(read, limits::CHANGE_OPS)?;
    let mut named: Vec<Other> = read.ids_named().iter().map(|id| Other::Is(*id)).collect();
    let mut others = Vec::with_capacity(count);
    for count in counts {
        others.push((0..count).map(|_| read_other(read, &mut named)).collect::<Result<Vec<usize>, _>>()?);
    }
    let cuts = each(read, limits::CHANGE_BYTES)?;
    let rest = deps.into_iter().zip(records).zip(actors).zip(seqs).zip(start_ops).zip(times).zip(messages).zip(others).zip(cuts);
    let head = |((((((((deps, record), actor), seq), start_op), time), message), others), cut): (_, usize)| Head {
        deps,
        record,
        actor,
        seq,
        start_op,
        time,
        message,
        others,
        cut: cut.checked_sub(1),
    };
    Ok((rest.map(head).collect(), named, plain))
}

fn read_dep(read: &mut In<'_>) -> Result<Dep, BadPack> {
    Ok(match read.number()? {
        BY_PREFIX => Dep::Prefix(read.fixed()?),
        IN_FULL => Dep::Full(read.fixed()?),
        back => Dep::Back(usize::try_from(back - BACK).map_err(|_| BadPack::Senseless)?),
    })
}

/// The place of an actor among those named so far.
fn read_other(read: &mut In<'_>, named: &mut Vec<Other>) -> Result<usize, BadPack> {
    let new = match read.number()? {
        ACTOR_IN_FULL => Other::Is(read.fixed()?),
        ACTOR_BY_PREFIX => Other::Begins(read.fixed()?),
        before => {
            let place = usize::try_from(before - ACTOR_BEFORE).map_err(|_| BadPack::Senseless)?;
            return if place < named.len() { Ok(place) } else { Err(BadPack::Senseless) };
        }
    };
    named.push(new);
    Ok(named.len() - 1)
}

/// The columns of each change.
type Columns = Vec<(u32, Vec<u8>)>;

fn read_columns(read: &mut In<'_>, heads: &[Head]) -> Result<Vec<Columns>, BadPack> {
    let mut shapes: Vec<Vec<u32>> = Vec::new();
    let mut of_change = Vec::with_capacity(heads.len());
    for _ in heads {
        let place = match read.count(SHAPES)? {
            0 => {
                let count = read.count(COLUMNS.len())?;
                let name = |_| {
                    let name = u32::try_from(read.number()?).ok();
                    name.filter(|name| COLUMNS.contains(name)).ok_or(BadPack::Senseless)
                };
                let shape: Vec<u32> = (0..count).map(name).collect::<Result<_, _>>()?;
                shapes.push(shape);
                shapes.len() - 1
            }
            place => place - 1,
        };
        of_change.push(place);
    }
    let mut columns: Vec<SortedMap<u32, Vec<u8>>> = vec![SortedMap::new(); heads.len()];
    let names: SortedSet<u32> = shapes.iter().flatten().copied().collect();
    for name in names {
        for (place, columns) in of_change.iter().zip(&mut columns) {
            if shapes.get(*place).ok_or(BadPack::Senseless)?.contains(&name) {
                columns.insert(name, read.columns()?.to_vec());
            }
        }
    }
    let in_order = |(place, mut columns): (usize, SortedMap<u32, Vec<u8>>)| -> Result<Columns, BadPack> {
        let shape = shapes.get(place).ok_or(BadPack::Senseless)?;
        shape.iter().map(|name| Ok((*name, columns.remove(name).ok_or(BadPack::Senseless)?))).collect()
    };
    of_change.into_iter().zip(columns).map(in_order).collect()
}

/// A change as it was.
fn assemble<K: Known>(
    head: Head,
    mut columns: Columns,
    others: &mut [Other],
    memory: &mut Memory,
    known: &K,
) -> Result<(RecordId, Vec<u8>), Unread<K::Error>> {
    let (mut deps, mut with) = (Vec::with_capacity(head.deps.len()), head.record);
    for dep in &head.deps {
        let (dep, record) = match dep {
            Dep::Prefix(prefix) => {
                let (hash, record) = known.begins(prefix).map_err(Unread::Lookup)?.ok_or(BadPack::Unknown)?;
                (hash.0, Some(record))
            }
            Dep::Full(hash) => (*hash, None),
            Dep::Back(ago) => {
                let place = ago.checked_add(1).and_then(|ago| memory.changes.len().checked_sub(ago));
                let (hash, record) = memory.changes[place.ok_or(BadPack::Senseless)?];
                (hash.0, Some(record))
            }
        };
        deps.push(dep);
        with = with.or(record);
    }
    let record = with.ok_or(BadPack::Senseless)?;
    let mut named = Vec::with_capacity(head.others.len());
    for place in head.others {
        let other = others.get_mut(place).ok_or(BadPack::Senseless)?;
        if let Other::Begins(prefix) = *other {
            *other = Other::Is(actor_beginning(record, prefix, known)?);
        }
        let Other::Is(id) = *other else { return Err(BadPack::Senseless.into()) };
        named.push(id);
    }
    let mut parts = Parts {
        deps,
        actor: head.actor,
        seq: memory.seq(record, head.actor).wrapping_add(head.seq as u64),
        start_op: memory.start_op(record).wrapping_add(head.start_op as u64),
        time: memory.time.wrapping_add(head.time),
        message: &head.message,
        others: named,
        columns: &[],
    };
    if let Some(at) = head.cut {
        let keys = columns.iter().position(|(name, bytes)| *name == KEYS && at <= bytes.len()).ok_or(BadPack::Senseless)?;
        columns[keys].1.splice(at..at, EntryId::BLANK.bytes());
        let entry = expected_entry(record, &parts, &joined(&columns));
        columns[keys].1[at..at + ENTRY].copy_from_slice(entry.as_str().as_bytes());
    }
    let columns = joined(&columns);
    parts.columns = &columns;
    let chunk = parts.join();
    memory.note(record, &parts);
    Ok((record, chunk))
}

/// The one actor of a record whose id begins so.
fn actor_beginning<K: Known>(record: RecordId, prefix: [u8; ACTOR_PREFIX], known: &K) -> Result<[u8; 16], Unread<K::Error>> {
    let actors: SortedSet<ActorId> = known.actors(record).map_err(Unread::Lookup)?.into_iter().collect();
    let mut found = actors.into_iter().filter(|actor| actor.0.starts_with(&prefix));
    let first = found.next().filter(|_| found.next().is_none());
    Ok(first.ok_or(BadPack::Unknown)?.0)
}
