//! A record: one small Automerge document, read and written by the schema.
//!
//! A device turns what a person did ([`Act`]s) into a [`Change`] with [`Record::write`]. Whoever receives the change reads
//! the acts out of it again with [`Record::understand`], asks [`crate::rules`] whether it may stand, and takes it in with
//! [`Record::apply`]. [`Record::view`] is what people see.

mod act;
mod fold;
mod layout;
mod maps;
mod snapshot;
mod understand;
mod view;

use std::collections::BTreeSet;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{Automerge, AutomergeError, ObjType, ROOT, ScalarValue};

pub use act::{Act, Created, EntryParts, VoidTarget};
pub use fold::{Folded, Moved, Standing, Step, fold, latest};
pub use snapshot::{Said, Source};
pub use understand::{NotUnderstood, Understood};
pub use view::{EntryView, FieldConflict, FieldView, MoveView, RecordView, describe};

use crate::change::{BadChange, Change};
use crate::id::{ActorId, ChangeHash, EntryId, RecordId};
use crate::limits;
use crate::schema::{FieldName, Kind, MoveName, Party, Schema, Shape, Value, When};
use crate::sorted::SortedMap;
use crate::time::UnixMs;
use maps::Maps;
use snapshot::Snapshot;
use understand::Document;

/// A record that holds the changes applied to it, and nothing else. Cheap to throw away and rebuild.
#[derive(Debug, Clone)]
pub struct Record {
    id: RecordId,
    maps: Maps,
    /// What is drafted in it, and what another change is written by. It takes changes in when one of these asks for it.
    doc: Automerge,
    waiting: Vec<Change>,
}

/// Who is writing, for which party, when by their clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The device's current actor.
    pub actor: ActorId,
    /// The party spoken for.
    pub party: Party,
    /// The device's clock.
    pub device_time: UnixMs,
}

/// Why acts could not be turned into a change. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum CannotWrite {
    /// The acts change nothing that is not so already.
    #[error("nothing to change")]
    Nothing,
    /// The record must be made first, and only once.
    #[error("a record begins with its creation, once")]
    Beginning,
    /// The change would break a bound of [`limits`].
    #[error(transparent)]
    Bounds(#[from] BadChange),
    /// Automerge would not have it.
    #[error("the record could not be written: {0}")]
    Document(#[from] AutomergeError),
    /// What was written would be understood by nobody.
    #[error("the acts make no change that could be read again: {0}")]
    Unreadable(#[from] NotUnderstood),
}

impl Record {
    /// A record with no changes yet.
    pub fn empty(id: RecordId) -> Self {
        Self { id, maps: Maps::default(), doc: Automerge::new(), waiting: Vec::new() }
    }

    /// A record rebuilt from changes that were accepted, each after what it depends on.
    ///
    /// # Errors
    /// [`NotUnderstood`]: they are not accepted changes, or not all of them.
    pub fn rebuild<'a>(id: RecordId, changes: impl IntoIterator<Item = &'a Change>) -> Result<Self, NotUnderstood> {
        let mut record = Self::empty(id);
        for change in changes {
            record.apply(change)?;
        }
        Ok(record)
    }

    /// Which record this is.
    pub fn id(&self) -> RecordId {
        self.id
    }

    /// Whether it holds no change yet.
    pub fn is_empty(&self) -> bool {
        self.maps.is_empty()
    }

    /// How many changes it holds.
    pub fn len(&self) -> usize {
        self.maps.len()
    }

    /// Whether it holds this change.
    pub fn holds(&self, hash: ChangeHash) -> bool {
        self.maps.holds(hash)
    }

    /// The change that made it; `None` while it is empty.
    pub fn first(&self) -> Option<ChangeHash> {
        self.maps.first()
    }

    /// Its latest changes, sorted.
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.maps.heads().iter().copied().collect()
    }

    /// How it was made; `None` while it is empty.
    pub fn created(&self) -> Option<Created> {
        self.maps.created().cloned()
    }

    /// What a change says, read from its operations, without applying it.
    ///
    /// # Errors
    /// [`NotUnderstood`]: it depends on changes that are not here, or it holds something our devices never write.
    pub fn understand(&self, change: &Change) -> Result<Understood, NotUnderstood> {
        if self.len() >= limits::RECORD_CHANGES {
            return Err(NotUnderstood::Inconsistent("the record is full; start a new one"));
        }
        self.read(change)
    }

    fn read(&self, change: &Change) -> Result<Understood, NotUnderstood> {
        let document = Document { doc: &self.doc, waiting: &self.waiting };
        understand::understand(self.id, &self.maps, &document, change)
    }

    /// Takes in a change that may stand.
    ///
    /// # Errors
    /// [`NotUnderstood`]: the record cannot bear it. It must then be thrown away and rebuilt.
    pub fn apply(&mut self, change: &Change) -> Result<(), NotUnderstood> {
        if self.holds(change.hash()) {
            return Ok(());
        }
        let understood = self.read(change)?;
        self.take(change, &understood)
    }

    /// The same for a change that this record understood as it is now.
    ///
    /// # Errors
    /// [`NotUnderstood`] if Automerge will not apply what it drafts. The record must then be thrown away and rebuilt.
    pub fn take(&mut self, change: &Change, understood: &Understood) -> Result<(), NotUnderstood> {
        self.maps.take(change, understood);
        self.waiting.push(change.clone());
        if understood.drafts || self.maps.has_text() { self.catch_up() } else { Ok(()) }
    }

    /// Brings the document up to date.
    fn catch_up(&mut self) -> Result<(), NotUnderstood> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        understand::apply(&mut self.doc, &std::mem::take(&mut self.waiting))
    }

    /// The name of what these acts add for their writer, such that it need not travel: see [`EntryId::following`].
    ///
    /// # Errors
    /// [`CannotWrite`], as [`Self::write`].
    pub fn next_entry(&self, actor: ActorId, acts: &dyn Fn(&EntryId) -> Vec<Act>) -> Result<EntryId, CannotWrite> {
        let blank = EntryId::BLANK.parse().expect("it is spelled as one");
        // Neither the party nor the time is in the columns.
        let stamp = Stamp { actor, party: Party::parse("nobody").expect("a name"), device_time: UnixMs(0) };
        let change = self.clone().write(&acts(&blank), &stamp)?;
        let columns = crate::codec::columns_in(change.bytes()).ok_or(CannotWrite::Nothing)?;
        Ok(EntryId::following(self.id, actor, &self.heads(), columns))
    }

    /// Turns acts into a change and takes it in. On an error the record is as it was.
    ///
    /// # Errors
    /// [`CannotWrite`]; the acts' sense is not judged here but by [`crate::rules`].
    pub fn write(&mut self, acts: &[Act], stamp: &Stamp) -> Result<Change, CannotWrite> {
        let (change, doc) = self.composed(acts, stamp)?;
        let understood = self.read(&change)?;
        self.maps.take(&change, &understood);
        self.doc = doc;
        Ok(change)
    }

    /// Turns acts into a change and leaves the record as it is, whether or not anybody could read the change again.
    ///
    /// # Errors
    /// [`CannotWrite`].
    pub fn compose(&self, acts: &[Act], stamp: &Stamp) -> Result<Change, CannotWrite> {
        Ok(self.clone().composed(acts, stamp)?.0)
    }

    /// The change, and the document with it.
    fn composed(&mut self, acts: &[Act], stamp: &Stamp) -> Result<(Change, Automerge), CannotWrite> {
        let creates = matches!(acts.first(), Some(Act::Create(_)));
        if creates != self.is_empty() {
            return Err(CannotWrite::Beginning);
        }
        self.catch_up()?;
        let mut copy = self.doc.clone();
        copy.set_actor(stamp.actor.to_automerge());
        let mut tx = copy.transaction();
        for act in acts {
            write_act(&mut tx, self.id, act)?;
        }
        let options = CommitOptions::default().with_message(stamp.party.as_str()).with_time(stamp.device_time.0);
        if tx.commit_with(options).0.is_none() {
            return Err(CannotWrite::Nothing);
        }
        let change = copy.get_last_local_change().ok_or(CannotWrite::Nothing)?;
        // Automerge hands out local changes that it may later compress; ours travel and are named plain.
        Ok((Change::adopt(change)?, copy))
    }

    /// Everything people see of it; `None` while it is empty.
    pub fn view(&self, schema: &Schema) -> Option<RecordView> {
        self.view_of(&Snapshot::latest(&self.maps, &self.doc), schema, self.heads())
    }

    /// As it was with just the changes that `heads` stand on; `None` if they are not all here.
    pub fn view_at(&self, schema: &Schema, heads: &[ChangeHash]) -> Option<RecordView> {
        if heads.is_empty() || !heads.iter().all(|hash| self.holds(*hash)) {
            return None;
        }
        let snapshot = Snapshot::at(&self.maps, &self.doc, heads.iter().copied());
        let mut heads = heads.to_vec();
        heads.sort_unstable();
        self.view_of(&snapshot, schema, heads)
    }

    /// The record as the writer of `change` saw it.
    pub(crate) fn seen_by(&self, change: &Change) -> Seen<'_> {
        Seen(Snapshot::at(&self.maps, &self.doc, change.inner().deps().iter().map(ChangeHash::from)))
    }

    /// The record as it stands here.
    pub(crate) fn now(&self) -> Seen<'_> {
        Seen(Snapshot::latest(&self.maps, &self.doc))
    }

    /// What a move made now would follow.
    pub fn latest_moves(&self) -> BTreeSet<EntryId> {
        self.now().latest_moves()
    }

    fn view_of(&self, snapshot: &Snapshot<'_>, schema: &Schema, heads: Vec<ChangeHash>) -> Option<RecordView> {
        let created = snapshot.created()?.clone();
        let kind = schema.kinds.get(&created.kind);
        let moves = snapshot.moves();
        let plain = moves.iter().map(|(id, said)| (id.clone(), said.value.clone())).collect();
        let folded = kind.map(|kind| fold(kind, &plain));
        let (state, steps) = match folded {
            Some(folded) => (folded.state, folded.path),
            // A kind from a schema this end does not have yet: nothing can be said of its state.
            None => (crate::schema::StateName::parse("unknown").expect("a name"), Vec::new()),
        };
        let frozen = kind.map(|kind| frozen(kind, &steps, &moves)).unwrap_or_default();
        let prose = |field: &FieldName| match frozen.get(field) {
            Some(change) => Snapshot::at(&self.maps, &self.doc, [*change].into_iter()).prose(field),
            None => snapshot.prose(field),
        };
        let fields = snapshot.fields();
        let is_prose = |field: &&FieldName| !snapshot.prose_objects(field).is_empty();
        let pieces = view::Pieces {
            id: self.id,
            created,
            state,
            steps,
            registers: fields.iter().filter(|f| !is_prose(f)).map(|f| (f.clone(), snapshot.register(f))).collect(),
            prose: fields.iter().filter(is_prose).map(|f| (f.clone(), prose(f))).collect(),
            entries: snapshot.entries(),
            moves,
            heads,
        };
        Some(view::assemble(kind, pieces))
    }
}

/// The drafted texts that a standing move froze, and the change of that move: the text is what its maker saw, whatever was
/// typed apart from it. A later move to a state in which the text may be written again lets it go.
fn frozen(kind: &Kind, steps: &[Step], moves: &SortedMap<EntryId, Said<Moved>>) -> SortedMap<FieldName, ChangeHash> {
    let mut frozen = SortedMap::new();
    for step in steps.iter().filter(|step| step.standing == Standing::Stands) {
        let Some((said, rule)) = moves.get(&step.id).and_then(|said| Some((said, kind.moves.get(&said.value.name)?))) else {
            continue;
        };
        frozen.retain(|field, _| !kind.fields.get(field).is_some_and(|field| field.writable_in.contains(&rule.to)));
        frozen.extend(rule.freezes.iter().map(|field| (field.clone(), said.source.change)));
    }
    frozen
}

/// A record through the eyes of a change's writer: what the rules ask.
pub(crate) struct Seen<'a>(Snapshot<'a>);

impl Seen<'_> {
    pub(crate) fn created(&self) -> Option<Created> {
        self.0.created().cloned()
    }

    pub(crate) fn has_value(&self, field: &FieldName) -> bool {
        !self.0.register(field).is_empty() || !self.0.prose_objects(field).is_empty()
    }

    pub(crate) fn entry(&self, field: &FieldName, key: &str) -> Vec<Said<EntryParts>> {
        self.0.entry(field, key)
    }

    pub(crate) fn latest_moves(&self) -> BTreeSet<EntryId> {
        let moves = self.0.moves().into_iter().map(|(id, said)| (id, said.value)).collect();
        // More moves made apart than one may name: the first few are followed now, the others by the next move.
        latest(&moves).into_iter().take(limits::FOLLOWS).collect()
    }

    pub(crate) fn has_move(&self, id: &EntryId) -> bool {
        self.0.moves().contains_key(id)
    }

    pub(crate) fn move_count(&self) -> usize {
        self.0.moves().len()
    }

    pub(crate) fn state(&self, kind: &Kind) -> crate::schema::StateName {
        let moves = self.0.moves().into_iter().map(|(id, said)| (id, said.value)).collect();
        fold(kind, &moves).state
    }

    /// The last move that counts of those with one of these names.
    pub(crate) fn last_of(&self, kind: &Kind, names: &BTreeSet<MoveName>) -> Option<EntryId> {
        if names.is_empty() {
            return None;
        }
        let moves: SortedMap<EntryId, Moved> = self.0.moves().into_iter().map(|(id, said)| (id, said.value)).collect();
        let folded = fold(kind, &moves);
        let is_one = |step: &Step| step.standing == Standing::Stands && names.contains(&moves[&step.id].name);
        folded.path.into_iter().rev().find(is_one).map(|step| step.id)
    }

    /// Whether whoever said something had seen a move.
    pub(crate) fn was_said_after(&self, source: &Source, id: &EntryId) -> bool {
        self.0.as_of(source.change).moves().contains_key(id)
    }

    /// Whether a field holds anything that was not struck out; of entries, any that was made after a move.
    pub(crate) fn holds(&self, field: &FieldName, after: Option<&EntryId>) -> bool {
        let filled = self.0.register(field).iter().any(|said| said.value != Value::Nothing)
            || self.0.prose(field).iter().any(|said| !said.value.is_empty());
        let mut entries = self.0.entries();
        let struck_out = view::voids(&entries);
        let stands = |key: &String| !struck_out.contains_key(&VoidTarget::Entry { field: field.clone(), key: key.clone() });
        let in_time = |said: &Said<EntryParts>| after.is_none_or(|id| self.was_said_after(&said.source, id));
        let counts = |(key, said): (&String, &Vec<Said<EntryParts>>)| stands(key) && said.iter().any(in_time);
        filled || entries.remove(field).is_some_and(|entries| entries.iter().any(counts))
    }

    /// Whether a condition of the schema holds; by the value shown first where several stand.
    pub(crate) fn meets(&self, when: &When) -> bool {
        let value = self.0.register(&when.field).pop().map(|said| said.value);
        (value == Some(Value::Text(when.choice.clone()))) == when.is
    }

    pub(crate) fn is_voided(&self) -> bool {
        let voids = FieldName::parse(crate::schema::built_in::VOIDS).expect("a name");
        let target = |parts: &EntryParts| parts.get("target").cloned();
        self.0.entries_of(&voids).values().flatten().any(|said| target(&said.value) == Some("record".into()))
    }
}

fn write_act(tx: &mut impl Transactable, id: RecordId, act: &Act) -> Result<(), CannotWrite> {
    match act {
        Act::Create(created) => write_created(tx, id, created)?,
        Act::Set { field, value } => {
            let fields = container(tx, layout::FIELDS)?;
            tx.put(&fields, field.as_str(), value.to_scalar())?;
        }
        Act::Write { field, text } => {
            let fields = container(tx, layout::FIELDS)?;
            let object = match &tx.get_all(&fields, field.as_str())?[..] {
                [(automerge::Value::Object(ObjType::Text), object)] => object.clone(),
                // Also where several people began it apart: a new one in the place of theirs settles it.
                _ => tx.put_object(&fields, field.as_str(), ObjType::Text)?,
            };
            tx.update_text(&object, text)?;
        }
        Act::Put { field, key, entry } => {
            let entries = container(tx, layout::ENTRIES)?;
            let object = tx.put_object(&entries, layout::entry_path(field, key), ObjType::Map)?;
            for (part, value) in entry {
                tx.put(&object, part.as_str(), value.to_scalar())?;
            }
        }
        Act::Move { id, name, follows, reason } => {
            let moves = container(tx, layout::MOVES)?;
            let object = tx.put_object(&moves, id.as_str(), ObjType::Map)?;
            tx.put(&object, layout::MOVE_NAME, name.as_str())?;
            tx.put(&object, layout::MOVE_FOLLOWS, layout::write_follows(follows))?;
            if let Some(reason) = reason {
                tx.put(&object, layout::MOVE_REASON, reason.as_str())?;
            }
        }
    }
    Ok(())
}

fn write_created(tx: &mut impl Transactable, id: RecordId, created: &Created) -> Result<(), CannotWrite> {
    tx.put(ROOT, layout::KIND, created.kind.as_str())?;
    tx.put(ROOT, layout::SCHEMA, i64::from(created.schema))?;
    let object = tx.put_object(ROOT, layout::CREATED, ObjType::Map)?;
    tx.put(&object, layout::RECORD, ScalarValue::Bytes(id.as_bytes().to_vec()))?;
    tx.put(&object, layout::PERSON, ScalarValue::Bytes(created.person.as_bytes().to_vec()))?;
    tx.put(&object, layout::PARTY, created.party.as_str())?;
    tx.put(&object, layout::DEVICE, ScalarValue::Bytes(created.device.as_bytes().to_vec()))?;
    tx.put(&object, layout::DEVICE_TIME, ScalarValue::Timestamp(created.device_time.0))?;
    for name in [layout::FIELDS, layout::ENTRIES, layout::MOVES] {
        tx.put_object(ROOT, name, ObjType::Map)?;
    }
    Ok(())
}

fn container(tx: &impl Transactable, name: &str) -> Result<automerge::ObjId, CannotWrite> {
    match tx.get(ROOT, name)? {
        Some((automerge::Value::Object(_), object)) => Ok(object),
        _ => Err(CannotWrite::Beginning),
    }
}

/// The acts that make a record of `kind` with these field values; drafted fields take text.
pub fn creation(created: Created, kind: &Kind, values: Vec<(FieldName, Value)>) -> Vec<Act> {
    let mut acts = vec![Act::Create(created)];
    acts.extend(values.into_iter().map(|(field, value)| {
        let drafted = matches!(kind.fields.get(&field).map(|f| &f.shape), Some(Shape::Prose { .. }));
        match value {
            Value::Text(text) if drafted => Act::Write { field, text },
            value => Act::Set { field, value },
        }
    }));
    acts
}
