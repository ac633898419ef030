//! From the operations of a change to what it says.
//!
//! A change from anyone may hold any operations at all. What can be read here is exactly what our own devices write: one
//! of the [`Act`]s at a place that [`super::layout`] knows, replacing what its writer saw and nothing else. Everything
//! else is [`NotUnderstood`] before it comes near the document.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpType};
use automerge::{Automerge, ExpandedChange, ObjType, ReadDoc, ScalarValue};

use super::act::{Act, Created, EntryParts};
use super::layout;
use super::maps::{Cells, Containers, Maps, OpName};
use super::snapshot::{Snapshot, object};
use crate::change::Change;
use crate::id::{ActorId, ChangeHash, DeviceId, EntryId, PersonId, RecordId};
use crate::schema::{FieldName, KindName, MoveName, Party, Value};
use crate::sorted::SortedMap;
use crate::time::UnixMs;

/// Why a change says nothing we could judge. The writer is at fault, except in [`NotUnderstood::Missing`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    /// It was written on top of changes that are not here. Ask for them and try again.
    #[error("written on top of {} changes that are not here", .0.len())]
    Missing(Vec<ChangeHash>),
    /// Another change already has this actor and number: the phone was restored from a backup, or cloned.
    #[error("its actor has already written another change with the same number")]
    Forked,
    /// It removes something. Nothing is ever removed; see [`Act::void`].
    #[error("it deletes `{0}`")]
    Deletes(String),
    /// It writes where only the first change may: `created`, `kind`, a container.
    #[error("it rewrites `{0}`, which is written once")]
    RewritesHistory(String),
    /// It claims to follow or replace something its writer cannot have seen, or takes a number that is not its turn.
    #[error("it does not continue what it says it continues: {0}")]
    Inconsistent(&'static str),
    /// A value, or an object, of a type that nothing in its place has.
    #[error("it gives something another type: {0}")]
    Retypes(String),
    /// Objects inside objects, deeper than any record goes.
    #[error("it goes deeper than a record does")]
    TooDeep,
    /// Operations that no act is made of.
    #[error("it holds something that is no act: {0}")]
    Strange(String),
}

/// What a change says, and where it writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Understood {
    /// What it says.
    pub acts: Vec<Act>,
    pub(super) writes: Vec<Write>,
    /// Whether it types in drafted text.
    pub(super) drafts: bool,
}

/// Something that a change puts in one of the record's maps; `act` is the place of what it is among the acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Write {
    /// The record, and its containers.
    Begin(Containers),
    /// A field's value, or a text in it.
    Field { name: OpName, act: usize },
    /// The value of a field that is shown first, in the place of the others.
    Settle { key: String },
    /// An entry.
    Entry { path: String, name: OpName, act: usize },
    /// A move.
    Move { name: OpName, act: usize },
}

/// What an object inside the document is for.
#[derive(Debug, Clone)]
enum Place {
    Created,
    Fields,
    Entries,
    Moves,
    Entry(usize),
    Move(usize),
    Prose(FieldName, OpName),
}

pub(super) fn understand(
    id: RecordId,
    maps: &Maps,
    document: &Document<'_>,
    change: &Change,
) -> Result<Understood, NotUnderstood> {
    check_succession(maps, change)?;
    // Decoding operations panics on action numbers that Automerge does not know.
    let expanded = catch_unwind(AssertUnwindSafe(|| change.inner().decode()))
        .map_err(|_| NotUnderstood::Strange("operations that cannot be decoded".into()))?;
    let mut reader = Reader::new(maps, document, change, &expanded);
    for (index, op) in expanded.operations.iter().enumerate() {
        reader.read(index, op).map_err(|why| reader.sharper(why, op, &expanded))?;
    }
    reader.finish(id, document, change)
}

/// Automerge's document of a record, and the changes that it has not taken in yet.
pub(super) struct Document<'a> {
    pub(super) doc: &'a Automerge,
    pub(super) waiting: &'a [Change],
}

/// That the change comes in its turn: after its dependencies, after its actor's last, and counting from there.
fn check_succession(maps: &Maps, change: &Change) -> Result<(), NotUnderstood> {
    let inner = change.inner();
    let missing: Vec<ChangeHash> = change.deps().filter(|dep| !maps.holds(*dep)).collect();
    if !missing.is_empty() {
        return Err(NotUnderstood::Missing(missing));
    }
    let last = maps.last_seq(change.actor());
    if inner.seq() <= last {
        return Err(NotUnderstood::Forked);
    }
    if inner.deps().is_empty() && !maps.is_empty() {
        return Err(NotUnderstood::RewritesHistory(layout::CREATED.into()));
    }
    if inner.seq() != last + 1 || !maps.saw_last_of(change.actor(), change.deps()) {
        return Err(NotUnderstood::Inconsistent("its number is not its actor's next"));
    }
    if !inner.other_actor_ids().iter().all(|other| ActorId::of(other).is_some_and(|other| maps.knows_writer(other))) {
        return Err(NotUnderstood::Inconsistent("it names a writer that it cannot have seen"));
    }
    if inner.start_op().get() != maps.max_op(change.deps()) + 1 {
        return Err(NotUnderstood::Inconsistent("its operations are not numbered from what it follows"));
    }
    Ok(())
}

struct Reader<'a> {
    before: Snapshot<'a>,
    places: HashMap<OpName, Place>,
    next_op: u64,
    actor: ActorId,
    root: SortedMap<String, ScalarValue>,
    made_at_root: SortedMap<String, OpName>,
    created: SortedMap<String, ScalarValue>,
    acts: Vec<Act>,
    writes: Vec<Write>,
    moves: Vec<(OpName, String, SortedMap<String, String>)>,
    touched: HashSet<(&'static str, String)>,
    /// Drafted texts that the change types in: which object, and which act tells of it.
    drafts: SortedMap<OpName, usize>,
    /// Characters by drafted text that typing may name: those its writer saw, and those it typed itself.
    letters: HashMap<OpName, HashSet<OpName>>,
    first: bool,
}

/// Only actors of our length come this far; see [`crate::chunk`].
fn legacy_name(id: &automerge::legacy::OpId) -> OpName {
    (id.0, ActorId::of(&id.1).unwrap_or(ActorId([0; 16])))
}

fn strange(words: impl Into<String>) -> NotUnderstood {
    NotUnderstood::Strange(words.into())
}

fn retypes(words: impl Into<String>) -> NotUnderstood {
    NotUnderstood::Retypes(words.into())
}

impl<'a> Reader<'a> {
    fn new(maps: &'a Maps, document: &Document<'a>, change: &Change, expanded: &ExpandedChange) -> Self {
        let before = Snapshot::at(maps, document.doc, change.deps());
        let mut places = HashMap::new();
        if let Some(Containers { fields, entries, moves, .. }) = maps.containers() {
            places.extend([(fields, Place::Fields), (entries, Place::Entries), (moves, Place::Moves)]);
            for field in before.fields() {
                let texts = before.prose_objects(&field);
                places.extend(texts.into_iter().map(|name| (name, Place::Prose(field.clone(), name))));
            }
        }
        Self {
            before,
            places,
            next_op: expanded.start_op.get(),
            actor: change.actor(),
            root: SortedMap::new(),
            made_at_root: SortedMap::new(),
            created: SortedMap::new(),
            acts: Vec::new(),
            writes: Vec::new(),
            moves: Vec::new(),
            touched: HashSet::new(),
            drafts: SortedMap::new(),
            letters: HashMap::new(),
            first: maps.is_empty(),
        }
    }

    /// Where the next act will stand among all of the change.
    fn next_act(&self) -> usize {
        self.acts.len() + usize::from(self.first)
    }

    fn read(&mut self, index: usize, op: &Op) -> Result<(), NotUnderstood> {
        let own_name = (self.next_op + index as u64, self.actor);
        let place = match &op.obj {
            ObjectId::Root => return self.at_root(own_name, op),
            ObjectId::Id(id) => self.places.get(&legacy_name(id)).cloned(),
        };
        match place {
            None => Err(strange("an object that this record does not have")),
            Some(Place::Created) => self.in_created(op),
            Some(Place::Fields) => self.in_fields(own_name, op),
            Some(Place::Entries) => self.in_entries(own_name, op),
            Some(Place::Moves) => self.in_moves(own_name, op),
            Some(Place::Entry(act)) => self.in_entry(act, op),
            Some(Place::Move(number)) => self.in_move(number, op),
            Some(Place::Prose(field, text)) => self.in_prose(own_name, field, text, op),
        }
    }

    /// What an operation that could not be read was meant to do, where that can be told.
    fn sharper(&self, why: NotUnderstood, op: &Op, expanded: &ExpandedChange) -> NotUnderstood {
        if !matches!(why, NotUnderstood::Strange(_) | NotUnderstood::Retypes(_)) {
            return why;
        }
        if self.is_too_deep(expanded) {
            return NotUnderstood::TooDeep;
        }
        let ObjectId::Id(id) = &op.obj else { return why };
        let name = legacy_name(id);
        if self.places.contains_key(&name) || !self.before.maps().is_closed(name) {
            return why;
        }
        // The object stands, but is none that a change may write into once it was made.
        let Key::Map(key) = &op.key else { return why };
        NotUnderstood::RewritesHistory(key.to_string())
    }

    /// Whether the change makes an object inside an entry, a move or a value: the deepest that a record goes.
    fn is_too_deep(&self, expanded: &ExpandedChange) -> bool {
        let mut depths: HashMap<OpName, usize> = HashMap::new();
        for (counter, op) in (self.next_op..).zip(&expanded.operations) {
            let OpType::Make(_) = op.action else { continue };
            let depth = match &op.obj {
                ObjectId::Root => 1,
                ObjectId::Id(id) => match (depths.get(&legacy_name(id)), self.places.get(&legacy_name(id))) {
                    (Some(depth), _) => depth + 1,
                    (None, Some(Place::Fields | Place::Entries | Place::Moves)) => 2,
                    (None, _) => 3,
                },
            };
            if depth > 2 {
                return true;
            }
            depths.insert((counter, self.actor), depth);
        }
        false
    }

    fn map_key<'k>(&self, op: &'k Op) -> Result<&'k str, NotUnderstood> {
        match &op.key {
            Key::Map(key) if op.action == OpType::Delete => Err(NotUnderstood::Deletes(key.to_string())),
            Key::Map(key) if op.insert => Err(strange(format!("`{key}` inserted as into a list"))),
            Key::Map(key) => Ok(key.as_str()),
            Key::Seq(_) => Err(strange("a position where a name belongs")),
        }
    }

    /// A value put where there was none.
    fn fresh(&self, op: &Op) -> Result<ScalarValue, NotUnderstood> {
        match &op.action {
            OpType::Put(value) if op.pred.is_empty() => Ok(value.clone()),
            OpType::Put(_) => Err(NotUnderstood::Inconsistent("it replaces what is not there")),
            other => Err(strange(format!("{other:?}"))),
        }
    }

    /// That the operation replaces exactly what its writer saw under that key, and that the change names the key once.
    fn replaces_what_it_saw<T>(
        &mut self,
        (name, cells): (&'static str, &Cells<T>),
        key: &str,
        op: &Op,
    ) -> Result<(), NotUnderstood> {
        if !self.touched.insert((name, key.to_owned())) {
            return Err(strange(format!("`{key}` twice")));
        }
        let visible = self.before.names(cells, key);
        let replaced: HashSet<OpName> = op.pred.iter().map(legacy_name).collect();
        if visible == replaced && replaced.len() == op.pred.len() {
            Ok(())
        } else {
            Err(NotUnderstood::Inconsistent("it replaces something its writer did not see"))
        }
    }

    fn at_root(&mut self, own_name: OpName, op: &Op) -> Result<(), NotUnderstood> {
        let key = self.map_key(op)?;
        if !self.first || self.root.contains_key(key) || self.made_at_root.contains_key(key) {
            return Err(NotUnderstood::RewritesHistory(key.to_owned()));
        }
        match (key, &op.action) {
            (layout::KIND | layout::SCHEMA, _) => {
                self.root.insert(key.to_owned(), self.fresh(op)?);
                return Ok(());
            }
            (layout::CREATED, OpType::Make(ObjType::Map)) => self.places.insert(own_name, Place::Created),
            (layout::FIELDS, OpType::Make(ObjType::Map)) => self.places.insert(own_name, Place::Fields),
            (layout::ENTRIES, OpType::Make(ObjType::Map)) => self.places.insert(own_name, Place::Entries),
            (layout::MOVES, OpType::Make(ObjType::Map)) => self.places.insert(own_name, Place::Moves),
            _ => return Err(strange(format!("`{key}` at the top of a record"))),
        };
        if !op.pred.is_empty() {
            return Err(NotUnderstood::Inconsistent("it replaces what is not there"));
        }
        self.made_at_root.insert(key.to_owned(), own_name);
        Ok(())
    }

    fn in_created(&mut self, op: &Op) -> Result<(), NotUnderstood> {
        let key = self.map_key(op)?.to_owned();
        let value = self.fresh(op)?;
        match self.created.insert(key.clone(), value) {
            None => Ok(()),
            Some(_) => Err(NotUnderstood::RewritesHistory(key)),
        }
    }

    /// Automerge writes "the value shown first, again" over a conflict as a deletion of the other values.
    fn settles(&self, op: &Op) -> Option<Act> {
        let Key::Map(key) = &op.key else { return None };
        let field = FieldName::parse(key).ok()?;
        let visible = self.before.field_names(key);
        let values = self.before.register(&field);
        let (_, others) = visible.split_last().filter(|(_, others)| !others.is_empty() && values.len() == visible.len())?;
        let others: HashSet<OpName> = others.iter().copied().collect();
        let deleted: HashSet<OpName> = op.pred.iter().map(legacy_name).collect();
        let settles = op.action == OpType::Delete && !op.insert && deleted == others && deleted.len() == op.pred.len();
        values.into_iter().next_back().filter(|_| settles).map(|said| Act::Set { field, value: said.value })
    }

    fn in_fields(&mut self, own_name: OpName, op: &Op) -> Result<(), NotUnderstood> {
        if let Some(act) = self.settles(op) {
            let Key::Map(key) = &op.key else { return Err(strange("a position where a name belongs")) };
            let fresh = self.touched.insert((layout::FIELDS, key.to_string()));
            self.acts.push(act);
            self.writes.push(Write::Settle { key: key.to_string() });
            return if fresh { Ok(()) } else { Err(strange("a field twice")) };
        }
        let key = self.map_key(op)?;
        let field = FieldName::parse(key).map_err(|e| strange(e.to_string()))?;
        self.replaces_what_it_saw((layout::FIELDS, &self.before.maps().fields), key, op)?;
        let act = self.next_act();
        match &op.action {
            OpType::Put(scalar) => {
                let value =
                    Value::from_scalar(scalar).ok_or_else(|| retypes(format!("a value of a type no field has: {scalar:?}")))?;
                self.acts.push(Act::Set { field, value });
            }
            OpType::Make(ObjType::Text) => {
                // Beginning anew where one text stands would strand what others type into it meanwhile; where several
                // were begun apart it is how they are settled.
                let is_text = |id| matches!(self.places.get(&legacy_name(id)), Some(Place::Prose(..)));
                if op.pred.len() == 1 && op.pred.iter().all(is_text) {
                    return Err(NotUnderstood::RewritesHistory(field.to_string()));
                }
                self.places.insert(own_name, Place::Prose(field.clone(), own_name));
                self.letters.insert(own_name, HashSet::new());
                self.drafts.insert(own_name, self.acts.len());
                self.acts.push(Act::Write { field, text: String::new() });
            }
            OpType::Make(other) => return Err(retypes(format!("a {other} as a field"))),
            other => return Err(strange(format!("{other:?} as a field"))),
        }
        self.writes.push(Write::Field { name: own_name, act });
        Ok(())
    }

    fn in_entries(&mut self, own_name: OpName, op: &Op) -> Result<(), NotUnderstood> {
        let path = self.map_key(op)?;
        let (field, key) = layout::split_entry(path).ok_or_else(|| strange(format!("an entry named {path:?}")))?;
        self.replaces_what_it_saw((layout::ENTRIES, &self.before.maps().entries), path, op)?;
        if op.action != OpType::Make(ObjType::Map) {
            return Err(retypes(format!("{:?} as an entry", op.action)));
        }
        self.places.insert(own_name, Place::Entry(self.acts.len()));
        self.writes.push(Write::Entry { path: path.to_owned(), name: own_name, act: self.next_act() });
        self.acts.push(Act::Put { field, key: key.to_owned(), entry: EntryParts::new() });
        Ok(())
    }

    fn in_entry(&mut self, act: usize, op: &Op) -> Result<(), NotUnderstood> {
        let part = FieldName::parse(self.map_key(op)?).map_err(|e| strange(e.to_string()))?;
        let scalar = self.fresh(op)?;
        let value = Value::from_scalar(&scalar).ok_or_else(|| retypes(format!("a value of a type no field has: {scalar:?}")))?;
        let Act::Put { entry, .. } = &mut self.acts[act] else { unreachable!("entry places point at puts") };
        match entry.insert(part, value) {
            None => Ok(()),
            Some(_) => Err(strange("a part of an entry twice")),
        }
    }

    fn in_moves(&mut self, own_name: OpName, op: &Op) -> Result<(), NotUnderstood> {
        let key = self.map_key(op)?;
        self.replaces_what_it_saw((layout::MOVES, &self.before.maps().moves), key, op)?;
        if !op.pred.is_empty() {
            return Err(NotUnderstood::RewritesHistory(format!("move {key}")));
        }
        if op.action != OpType::Make(ObjType::Map) {
            return Err(retypes(format!("{:?} as a move", op.action)));
        }
        self.places.insert(own_name, Place::Move(self.moves.len()));
        self.moves.push((own_name, key.to_owned(), SortedMap::new()));
        Ok(())
    }

    fn in_move(&mut self, number: usize, op: &Op) -> Result<(), NotUnderstood> {
        let key = self.map_key(op)?;
        let ScalarValue::Str(text) = self.fresh(op)? else { return Err(retypes("a move that is not text")) };
        let known = [layout::MOVE_NAME, layout::MOVE_FOLLOWS, layout::MOVE_REASON].contains(&key);
        match self.moves[number].2.insert(key.to_owned(), text.to_string()) {
            None if known => Ok(()),
            _ => Err(strange(format!("`{key}` in a move"))),
        }
    }

    /// Typing, character by character, beside or over those that its writer saw. What the text then is, is read from the
    /// document in [`Self::read_prose`].
    fn in_prose(&mut self, own_name: OpName, field: FieldName, text: OpName, op: &Op) -> Result<(), NotUnderstood> {
        if !self.letters.contains_key(&text) {
            self.letters.insert(text, self.before.letters(text));
        }
        let letters = self.letters.get_mut(&text).expect("put there above");
        let beside = match &op.key {
            Key::Seq(ElementId::Id(id)) => Some(legacy_name(id)),
            Key::Seq(ElementId::Head) => None,
            Key::Map(_) => return Err(strange("a name in text")),
        };
        if beside.as_ref().is_some_and(|letter| !letters.contains(letter)) {
            return Err(NotUnderstood::Inconsistent("it types beside something its writer did not see"));
        }
        let replaced: Vec<OpName> = op.pred.iter().map(legacy_name).collect();
        let typing = match (&op.action, beside) {
            (OpType::Put(ScalarValue::Str(typed)), _) => {
                op.insert && replaced.is_empty() && typed.chars().count() == 1 && letters.insert(own_name)
            }
            (OpType::Delete, Some(letter)) => !op.insert && letters.remove(&letter) && replaced == [letter],
            _ => false,
        };
        if !typing {
            return Err(strange(format!("{:?} in text", op.action)));
        }
        if !self.drafts.contains_key(&text) {
            self.drafts.insert(text, self.acts.len());
            self.acts.push(Act::Write { field, text: String::new() });
        }
        Ok(())
    }

    fn finish(mut self, id: RecordId, document: &Document<'_>, change: &Change) -> Result<Understood, NotUnderstood> {
        let mut acts = Vec::with_capacity(self.acts.len() + 2);
        if self.first {
            acts.push(Act::Create(self.created(id, change)?));
            self.writes.insert(0, Write::Begin(self.containers()?));
        }
        self.read_prose(document, change)?;
        acts.append(&mut self.acts);
        for (name, key, parts) in self.moves {
            self.writes.push(Write::Move { name, act: acts.len() });
            acts.push(read_move(&key, &parts).ok_or_else(|| strange(format!("a move named {key:?} that is not whole")))?);
        }
        if acts.is_empty() {
            return Err(strange("nothing at all"));
        }
        Ok(Understood { acts, writes: self.writes, drafts: !self.drafts.is_empty() })
    }

    fn containers(&self) -> Result<Containers, NotUnderstood> {
        let made = |name: &str| self.made_at_root.get(name).copied().ok_or_else(|| strange("a record without its containers"));
        Ok(Containers {
            created: made(layout::CREATED)?,
            fields: made(layout::FIELDS)?,
            entries: made(layout::ENTRIES)?,
            moves: made(layout::MOVES)?,
        })
    }

    fn created(&self, id: RecordId, change: &Change) -> Result<Created, NotUnderstood> {
        let whole =
            [layout::CREATED, layout::FIELDS, layout::ENTRIES, layout::MOVES].iter().all(|n| self.made_at_root.contains_key(*n));
        let created = (whole && self.created.len() == 5).then(|| read_created(&self.root, &self.created)).flatten();
        let named = self.created.get(layout::RECORD);
        if created.is_some() && named != Some(&ScalarValue::Bytes(id.as_bytes().to_vec())) {
            return Err(NotUnderstood::Inconsistent("it makes another record than the one it was sent for"));
        }
        if change.inner().deps().is_empty() {
            created.ok_or_else(|| strange("a first change that does not make a whole record"))
        } else {
            Err(strange("a record that was never made"))
        }
    }

    /// Fills in the text as the writer saw it, by applying the change to a copy.
    fn read_prose(&mut self, document: &Document<'_>, change: &Change) -> Result<(), NotUnderstood> {
        if self.drafts.is_empty() {
            return Ok(());
        }
        let mut copy = document.doc.clone();
        apply(&mut copy, document.waiting.iter().chain([change]))?;
        for (text, act) in &self.drafts {
            let Act::Write { field, text: words } = &mut self.acts[*act] else { unreachable!("drafts point at writes") };
            let own = text.1 == self.actor && text.0 >= self.next_op;
            if !own && self.touched.contains(&(layout::FIELDS, field.to_string())) {
                return Err(strange("text that is not there"));
            }
            *words = copy.text_at(object(*text), &[change.inner().hash()]).map_err(|_| strange("text that is not there"))?;
        }
        Ok(())
    }
}

fn read_created(root: &SortedMap<String, ScalarValue>, created: &SortedMap<String, ScalarValue>) -> Option<Created> {
    let bytes = |key: &str| match created.get(key)? {
        ScalarValue::Bytes(bytes) => Some(bytes.as_slice()),
        _ => None,
    };
    Some(Created {
        kind: KindName::parse(root.get(layout::KIND)?.as_str()?).ok()?,
        schema: match root.get(layout::SCHEMA)? {
            ScalarValue::Int(version) => u32::try_from(*version).ok()?,
            _ => return None,
        },
        person: PersonId::from_slice(bytes(layout::PERSON)?)?,
        party: Party::parse(created.get(layout::PARTY)?.as_str()?).ok()?,
        device: DeviceId::from_slice(bytes(layout::DEVICE)?)?,
        device_time: match created.get(layout::DEVICE_TIME)? {
            ScalarValue::Timestamp(ms) => UnixMs(*ms),
            _ => return None,
        },
    })
}

fn read_move(key: &str, parts: &SortedMap<String, String>) -> Option<Act> {
    Some(Act::Move {
        id: key.parse::<EntryId>().ok()?,
        name: MoveName::parse(parts.get(layout::MOVE_NAME)?).ok()?,
        follows: layout::parse_follows(parts.get(layout::MOVE_FOLLOWS)?)?,
        reason: parts.get(layout::MOVE_REASON).cloned(),
    })
}

/// Applies changes that were checked. Automerge may still find them inconsistent inside drafted text; then the document is
/// in no known state and must be thrown away.
pub(super) fn apply<'a>(doc: &mut Automerge, changes: impl IntoIterator<Item = &'a Change>) -> Result<(), NotUnderstood> {
    let changes: Vec<automerge::Change> = changes.into_iter().map(|change| change.inner().clone()).collect();
    let applied = catch_unwind(AssertUnwindSafe(|| doc.apply_changes(changes)));
    match applied {
        Ok(Ok(())) => Ok(()),
        Ok(Err(automerge::AutomergeError::DuplicateSeqNumber(..))) => Err(NotUnderstood::Forked),
        Ok(Err(error)) => Err(strange(error.to_string())),
        Err(_) => Err(strange("operations that cannot be applied")),
    }
}
