//! From the operations of a change to what it says.
//!
//! A change from anyone may hold any operations at all. What can be read here is exactly what our own devices write: one
//! of the [`Act`]s at a place that [`super::layout`] knows, replacing what its writer saw and nothing else. Everything
//! else is [`NotUnderstood`] before it comes near the document.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpType};
use automerge::{Automerge, ExpandedChange, ObjId, ObjType, ReadDoc, ScalarValue};

use super::act::{Act, Created, EntryParts};
use super::layout;
use super::snapshot::Snapshot;
use crate::change::Change;
use crate::id::{ChangeHash, DeviceId, EntryId, PersonId, RecordId};
use crate::schema::{FieldName, KindName, MoveName, Party, Value};
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

type OpName = (u64, Vec<u8>);

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

pub(super) fn understand(id: RecordId, doc: &Automerge, change: &Change) -> Result<Vec<Act>, NotUnderstood> {
    check_succession(doc, change)?;
    // Decoding operations panics on action numbers that Automerge does not know.
    let expanded = catch_unwind(AssertUnwindSafe(|| change.inner().decode()))
        .map_err(|_| NotUnderstood::Strange("operations that cannot be decoded".into()))?;
    let mut reader = Reader::new(doc, change, &expanded);
    for (index, op) in expanded.operations.iter().enumerate() {
        reader.read(index, op).map_err(|why| reader.sharper(why, doc, op, &expanded))?;
    }
    reader.finish(id, doc, change)
}

/// That the change comes in its turn: after its dependencies, after its actor's last, and counting from there.
fn check_succession(doc: &Automerge, change: &Change) -> Result<(), NotUnderstood> {
    let inner = change.inner();
    let missing: Vec<ChangeHash> =
        inner.deps().iter().filter(|dep| doc.get_change_meta_by_hash(dep).is_none()).map(ChangeHash::from).collect();
    if !missing.is_empty() {
        return Err(NotUnderstood::Missing(missing));
    }
    let (own, seen_op) = seen_by_writer(doc, change);
    let all = doc.get_changes_meta(&[]);
    let last = all.iter().filter(|meta| *meta.actor == *inner.actor_id()).map(|meta| meta.seq).max().unwrap_or(0);
    if inner.seq() <= last {
        return Err(NotUnderstood::Forked);
    }
    if inner.deps().is_empty() && !doc.is_empty() {
        return Err(NotUnderstood::RewritesHistory(layout::CREATED.into()));
    }
    if inner.seq() != last + 1 || own != last {
        return Err(NotUnderstood::Inconsistent("its number is not its actor's next"));
    }
    let writers: HashSet<&automerge::ActorId> = all.iter().map(|meta| &*meta.actor).collect();
    if !inner.other_actor_ids().iter().all(|other| writers.contains(other)) {
        return Err(NotUnderstood::Inconsistent("it names a writer that it cannot have seen"));
    }
    if inner.start_op().get() != seen_op + 1 {
        return Err(NotUnderstood::Inconsistent("its operations are not numbered from what it follows"));
    }
    Ok(())
}

/// The highest number of the writer's own changes, and of any operation, among what the change was written on top of.
fn seen_by_writer(doc: &Automerge, change: &Change) -> (u64, u64) {
    let mut queue: Vec<automerge::ChangeHash> = change.inner().deps().to_vec();
    let mut seen: HashSet<automerge::ChangeHash> = queue.iter().copied().collect();
    let (mut own, mut op) = (0, 0);
    while let Some(meta) = queue.pop().and_then(|hash| doc.get_change_meta_by_hash(&hash)) {
        op = op.max(meta.max_op);
        if *meta.actor == *change.inner().actor_id() {
            own = own.max(meta.seq);
        }
        queue.extend(meta.deps.into_iter().filter(|dep| seen.insert(*dep)));
    }
    (own, op)
}

struct Reader<'a> {
    before: Snapshot<'a>,
    containers: Option<[ObjId; 3]>,
    places: HashMap<OpName, Place>,
    next_op: u64,
    actor: Vec<u8>,
    root: BTreeMap<String, ScalarValue>,
    made_at_root: BTreeSet<String>,
    created: BTreeMap<String, ScalarValue>,
    acts: Vec<Act>,
    moves: Vec<(String, BTreeMap<String, String>)>,
    touched: HashSet<(&'static str, String)>,
    /// Drafted texts that the change types in: which object, and which act tells of it.
    drafts: BTreeMap<OpName, usize>,
    /// Characters by drafted text that typing may name: those its writer saw, and those it typed itself.
    letters: HashMap<OpName, HashSet<OpName>>,
    first: bool,
}

fn op_name(id: &ObjId) -> Option<OpName> {
    match id {
        ObjId::Root => None,
        ObjId::Id(counter, actor, _) => Some((*counter, actor.to_bytes().to_vec())),
    }
}

fn legacy_name(id: &automerge::legacy::OpId) -> OpName {
    (id.0, id.1.to_bytes().to_vec())
}

fn strange(words: impl Into<String>) -> NotUnderstood {
    NotUnderstood::Strange(words.into())
}

fn retypes(words: impl Into<String>) -> NotUnderstood {
    NotUnderstood::Retypes(words.into())
}

impl<'a> Reader<'a> {
    fn new(doc: &'a Automerge, change: &Change, expanded: &ExpandedChange) -> Self {
        let before = Snapshot::at(doc, change.inner().deps());
        let mut places = HashMap::new();
        let containers = [layout::FIELDS, layout::ENTRIES, layout::MOVES].map(|name| before.container(name));
        let [Some(fields), Some(entries), Some(moves)] = containers else {
            return Self::with(before, None, places, expanded, true);
        };
        places.extend(op_name(&fields).map(|name| (name, Place::Fields)));
        places.extend(op_name(&entries).map(|name| (name, Place::Entries)));
        places.extend(op_name(&moves).map(|name| (name, Place::Moves)));
        for field in before.fields() {
            let texts = before.prose_objects(&field);
            places.extend(texts.iter().filter_map(op_name).map(|name| (name.clone(), Place::Prose(field.clone(), name))));
        }
        Self::with(before, Some([fields, entries, moves]), places, expanded, change.inner().deps().is_empty())
    }

    fn with(
        before: Snapshot<'a>,
        containers: Option<[ObjId; 3]>,
        places: HashMap<OpName, Place>,
        expanded: &ExpandedChange,
        first: bool,
    ) -> Self {
        Self {
            before,
            containers,
            places,
            next_op: expanded.start_op.get(),
            actor: expanded.actor_id.to_bytes().to_vec(),
            root: BTreeMap::new(),
            made_at_root: BTreeSet::new(),
            created: BTreeMap::new(),
            acts: Vec::new(),
            moves: Vec::new(),
            touched: HashSet::new(),
            drafts: BTreeMap::new(),
            letters: HashMap::new(),
            first,
        }
    }

    fn read(&mut self, index: usize, op: &Op) -> Result<(), NotUnderstood> {
        let own_name = (self.next_op + index as u64, self.actor.clone());
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
    fn sharper(&self, why: NotUnderstood, doc: &Automerge, op: &Op, expanded: &ExpandedChange) -> NotUnderstood {
        if !matches!(why, NotUnderstood::Strange(_) | NotUnderstood::Retypes(_)) {
            return why;
        }
        if self.is_too_deep(expanded) {
            return NotUnderstood::TooDeep;
        }
        let ObjectId::Id(id) = &op.obj else { return why };
        let named = ObjId::Id(id.counter(), id.actor().clone(), 0);
        let is_known = self.places.contains_key(&legacy_name(id));
        if is_known || doc.object_type(&named).is_err() {
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
            depths.insert((counter, self.actor.clone()), depth);
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
    fn replaces_what_it_saw(&mut self, container: usize, name: &'static str, key: &str, op: &Op) -> Result<(), NotUnderstood> {
        if !self.touched.insert((name, key.to_owned())) {
            return Err(strange(format!("`{key}` twice")));
        }
        let visible = self.containers.as_ref().map(|ids| self.before.visible(&ids[container], key)).unwrap_or_default();
        let visible: HashSet<OpName> = visible.iter().filter_map(op_name).collect();
        let replaced: HashSet<OpName> = op.pred.iter().map(legacy_name).collect();
        if visible == replaced && replaced.len() == op.pred.len() {
            Ok(())
        } else {
            Err(NotUnderstood::Inconsistent("it replaces something its writer did not see"))
        }
    }

    fn at_root(&mut self, own_name: OpName, op: &Op) -> Result<(), NotUnderstood> {
        let key = self.map_key(op)?;
        if !self.first || self.root.contains_key(key) || self.made_at_root.contains(key) {
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
        self.made_at_root.insert(key.to_owned());
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
        let visible = self.before.visible(&self.containers.as_ref()?[0], key);
        let values = self.before.register(&field);
        let (_, others) = visible.split_last().filter(|(_, others)| !others.is_empty() && values.len() == visible.len())?;
        let others: HashSet<OpName> = others.iter().filter_map(op_name).collect();
        let deleted: HashSet<OpName> = op.pred.iter().map(legacy_name).collect();
        let settles = op.action == OpType::Delete && !op.insert && deleted == others && deleted.len() == op.pred.len();
        values.into_iter().next_back().filter(|_| settles).map(|said| Act::Set { field, value: said.value })
    }

    fn in_fields(&mut self, own_name: OpName, op: &Op) -> Result<(), NotUnderstood> {
        if let Some(act) = self.settles(op) {
            let fresh = matches!(&op.key, Key::Map(key) if self.touched.insert((layout::FIELDS, key.to_string())));
            self.acts.push(act);
            return if fresh { Ok(()) } else { Err(strange("a field twice")) };
        }
        let key = self.map_key(op)?;
        let field = FieldName::parse(key).map_err(|e| strange(e.to_string()))?;
        self.replaces_what_it_saw(0, layout::FIELDS, key, op)?;
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
                self.places.insert(own_name.clone(), Place::Prose(field.clone(), own_name.clone()));
                self.letters.insert(own_name.clone(), HashSet::new());
                self.drafts.insert(own_name, self.acts.len());
                self.acts.push(Act::Write { field, text: String::new() });
            }
            OpType::Make(other) => return Err(retypes(format!("a {other} as a field"))),
            other => return Err(strange(format!("{other:?} as a field"))),
        }
        Ok(())
    }

    fn in_entries(&mut self, own_name: OpName, op: &Op) -> Result<(), NotUnderstood> {
        let path = self.map_key(op)?;
        let (field, key) = layout::split_entry(path).ok_or_else(|| strange(format!("an entry named {path:?}")))?;
        self.replaces_what_it_saw(1, layout::ENTRIES, path, op)?;
        if op.action != OpType::Make(ObjType::Map) {
            return Err(retypes(format!("{:?} as an entry", op.action)));
        }
        self.places.insert(own_name, Place::Entry(self.acts.len()));
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
        self.replaces_what_it_saw(2, layout::MOVES, key, op)?;
        if !op.pred.is_empty() {
            return Err(NotUnderstood::RewritesHistory(format!("move {key}")));
        }
        if op.action != OpType::Make(ObjType::Map) {
            return Err(retypes(format!("{:?} as a move", op.action)));
        }
        self.places.insert(own_name, Place::Move(self.moves.len()));
        self.moves.push((key.to_owned(), BTreeMap::new()));
        Ok(())
    }

    fn in_move(&mut self, number: usize, op: &Op) -> Result<(), NotUnderstood> {
        let key = self.map_key(op)?;
        let ScalarValue::Str(text) = self.fresh(op)? else { return Err(retypes("a move that is not text")) };
        let known = [layout::MOVE_NAME, layout::MOVE_FOLLOWS, layout::MOVE_REASON].contains(&key);
        match self.moves[number].1.insert(key.to_owned(), text.to_string()) {
            None if known => Ok(()),
            _ => Err(strange(format!("`{key}` in a move"))),
        }
    }

    /// Typing, character by character, beside or over those that its writer saw. What the text then is, is read from the
    /// document in [`Self::read_prose`].
    fn in_prose(&mut self, own_name: OpName, field: FieldName, text: OpName, op: &Op) -> Result<(), NotUnderstood> {
        if !self.letters.contains_key(&text) {
            let seen = self.before.letters(&field, |id| op_name(id).as_ref() == Some(&text));
            self.letters.insert(text.clone(), seen.iter().filter_map(op_name).collect());
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

    fn finish(mut self, id: RecordId, doc: &Automerge, change: &Change) -> Result<Vec<Act>, NotUnderstood> {
        let mut acts = Vec::with_capacity(self.acts.len() + 2);
        if self.first {
            acts.push(Act::Create(self.created(id, change)?));
        }
        self.read_prose(doc, change)?;
        acts.append(&mut self.acts);
        for (key, parts) in self.moves {
            acts.push(read_move(&key, &parts).ok_or_else(|| strange(format!("a move named {key:?} that is not whole")))?);
        }
        if acts.is_empty() {
            return Err(strange("nothing at all"));
        }
        Ok(acts)
    }

    fn created(&self, id: RecordId, change: &Change) -> Result<Created, NotUnderstood> {
        let whole =
            [layout::CREATED, layout::FIELDS, layout::ENTRIES, layout::MOVES].iter().all(|n| self.made_at_root.contains(*n));
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
    fn read_prose(&mut self, doc: &Automerge, change: &Change) -> Result<(), NotUnderstood> {
        if self.drafts.is_empty() {
            return Ok(());
        }
        let mut copy = doc.clone();
        apply(&mut copy, change)?;
        let after = Snapshot::at(&copy, &[change.inner().hash()]);
        for (object, act) in &self.drafts {
            let Act::Write { field, text } = &mut self.acts[*act] else { unreachable!("drafts point at writes") };
            *text = after
                .prose_text(field, |id| op_name(id).as_ref() == Some(object))
                .ok_or_else(|| strange("text that is not there"))?;
        }
        Ok(())
    }
}

fn read_created(root: &BTreeMap<String, ScalarValue>, created: &BTreeMap<String, ScalarValue>) -> Option<Created> {
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

/// What `created` holds in a document that was accepted.
pub(super) fn created_of(snapshot: &Snapshot<'_>) -> Option<Created> {
    let object = snapshot.container(layout::CREATED)?;
    let read = |keys: &[&str], from: &dyn Fn(&str) -> Option<ScalarValue>| -> BTreeMap<String, ScalarValue> {
        keys.iter().filter_map(|key| Some(((*key).to_owned(), from(key)?))).collect()
    };
    let root = read(&[layout::KIND, layout::SCHEMA], &|key| snapshot.root_scalar(key));
    let created = [layout::PERSON, layout::PARTY, layout::DEVICE, layout::DEVICE_TIME];
    read_created(&root, &read(&created, &|key| snapshot.scalar(&object, key)))
}

fn read_move(key: &str, parts: &BTreeMap<String, String>) -> Option<Act> {
    Some(Act::Move {
        id: key.parse::<EntryId>().ok()?,
        name: MoveName::parse(parts.get(layout::MOVE_NAME)?).ok()?,
        follows: layout::parse_follows(parts.get(layout::MOVE_FOLLOWS)?)?,
        reason: parts.get(layout::MOVE_REASON).cloned(),
    })
}

/// Applies a change that was checked. Automerge may still find it inconsistent inside drafted text; then the document is
/// in no known state and must be thrown away.
pub(super) fn apply(doc: &mut Automerge, change: &Change) -> Result<(), NotUnderstood> {
    let applied = catch_unwind(AssertUnwindSafe(|| doc.apply_changes([change.inner().clone()])));
    match applied {
        Ok(Ok(())) => Ok(()),
        Ok(Err(automerge::AutomergeError::DuplicateSeqNumber(..))) => Err(NotUnderstood::Forked),
        Ok(Err(error)) => Err(strange(error.to_string())),
        Err(_) => Err(strange("operations that cannot be applied")),
    }
}
