//! Reading a record's document, now or as it was.

use std::collections::BTreeMap;

use automerge::{Automerge, ObjId, ObjType, ROOT, ReadDoc};

use super::act::EntryParts;
use super::fold::Moved;
use super::layout;
use crate::id::{ActorId, ChangeHash, EntryId};
use crate::schema::{FieldName, MoveName, Party, Value};
use crate::time::UnixMs;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Source {
    /// The change that wrote it.
    pub change: ChangeHash,
    /// Its writer within the record; the server's ledger and each device know which person that is.
    pub actor: ActorId,
    /// The party it spoke for.
    pub party: Party,
    /// When, by the writer's own clock.
    pub device_time: UnixMs,
}

/// Something said, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Said<T> {
    /// What.
    pub value: T,
    /// By whom and when.
    #[serde(flatten)]
    pub source: Source,
}

/// A document at its latest, or at earlier heads.
pub(super) struct Snapshot<'a> {
    doc: &'a Automerge,
    at: Option<Vec<automerge::ChangeHash>>,
}

impl<'a> Snapshot<'a> {
    pub(super) fn latest(doc: &'a Automerge) -> Self {
        Self { doc, at: None }
    }

    /// As the writer of a change with these `deps` saw it. `deps` must be in the document.
    pub(super) fn at(doc: &'a Automerge, deps: &[automerge::ChangeHash]) -> Self {
        let mut deps = deps.to_vec();
        deps.sort_unstable();
        let mut heads = doc.get_heads();
        heads.sort_unstable();
        Self { doc, at: (deps != heads).then_some(deps) }
    }

    /// As the writer of a change left it.
    pub(super) fn as_of(&self, change: ChangeHash) -> Self {
        Self::at(self.doc, &[change.into()])
    }

    fn get_all(&self, object: &ObjId, key: &str) -> Vec<(automerge::Value<'a>, ObjId)> {
        let found = match &self.at {
            None => self.doc.get_all(object, key),
            Some(heads) => self.doc.get_all_at(object, key, heads),
        };
        found.unwrap_or_default()
    }

    fn keys(&self, object: &ObjId) -> Vec<String> {
        match &self.at {
            None => self.doc.keys(object).collect(),
            Some(heads) => self.doc.keys_at(object, heads).collect(),
        }
    }

    fn text(&self, object: &ObjId) -> String {
        let text = match &self.at {
            None => self.doc.text(object),
            Some(heads) => self.doc.text_at(object, heads),
        };
        text.unwrap_or_default()
    }

    /// One of the containers that the first change made.
    pub(super) fn container(&self, name: &str) -> Option<ObjId> {
        self.get_all(&ROOT, name).into_iter().find_map(|(value, id)| matches!(value, automerge::Value::Object(_)).then_some(id))
    }

    /// The names of the operations whose values are visible under `key`: what a new value must say it replaces.
    pub(super) fn visible(&self, object: &ObjId, key: &str) -> Vec<ObjId> {
        self.get_all(object, key).into_iter().map(|(_, id)| id).collect()
    }

    fn source(&self, id: &ObjId) -> Option<Source> {
        let hash = self.doc.hash_for_opid(id)?;
        let meta = self.doc.get_change_meta_by_hash(&hash)?;
        Some(Source {
            change: ChangeHash(hash.0),
            actor: ActorId::of(&meta.actor)?,
            party: Party::parse(meta.message.as_deref()?).ok()?,
            device_time: UnixMs(meta.timestamp),
        })
    }

    fn said<T>(&self, value: T, id: &ObjId) -> Option<Said<T>> {
        Some(Said { value, source: self.source(id)? })
    }

    pub(super) fn root_scalar(&self, key: &str) -> Option<automerge::ScalarValue> {
        self.scalar(&ROOT, key)
    }

    pub(super) fn scalar(&self, object: &ObjId, key: &str) -> Option<automerge::ScalarValue> {
        self.get_all(object, key).into_iter().find_map(|(value, _)| value.as_scalar().cloned())
    }

    /// Names of the fields that have ever been written.
    pub(super) fn fields(&self) -> Vec<FieldName> {
        let keys = self.container(layout::FIELDS).map(|fields| self.keys(&fields)).unwrap_or_default();
        keys.iter().filter_map(|key| FieldName::parse(key).ok()).collect()
    }

    /// Every value that stands in a register, the one Automerge would show last.
    pub(super) fn register(&self, field: &FieldName) -> Vec<Said<Value>> {
        let Some(fields) = self.container(layout::FIELDS) else { return Vec::new() };
        let values = self.get_all(&fields, field.as_str());
        values.iter().filter_map(|(value, id)| self.said(Value::from_scalar(value.as_scalar()?)?, id)).collect()
    }

    /// Every text that stands in a drafted field: one, unless two people began it apart.
    pub(super) fn prose(&self, field: &FieldName) -> Vec<Said<String>> {
        self.prose_objects(field).iter().filter_map(|id| self.said(self.text(id), id)).collect()
    }

    pub(super) fn prose_objects(&self, field: &FieldName) -> Vec<ObjId> {
        let Some(fields) = self.container(layout::FIELDS) else { return Vec::new() };
        let values = self.get_all(&fields, field.as_str());
        values
            .into_iter()
            .filter(|(value, _)| matches!(value, automerge::Value::Object(ObjType::Text)))
            .map(|(_, id)| id)
            .collect()
    }

    /// One of the texts that stand in a drafted field.
    pub(super) fn prose_text(&self, field: &FieldName, which: impl Fn(&ObjId) -> bool) -> Option<String> {
        self.prose_objects(field).iter().find(|id| which(id)).map(|id| self.text(id))
    }

    /// The names of the characters that stand in one of a drafted field's texts.
    pub(super) fn letters(&self, field: &FieldName, which: impl Fn(&ObjId) -> bool) -> Vec<ObjId> {
        let Some(text) = self.prose_objects(field).into_iter().find(|id| which(id)) else { return Vec::new() };
        match &self.at {
            None => self.doc.list_range(&text, ..).map(|letter| letter.id()).collect(),
            Some(heads) => self.doc.list_range_at(&text, .., heads).map(|letter| letter.id()).collect(),
        }
    }

    /// Every entry of every field that holds entries: field → key → what stands there.
    pub(super) fn entries(&self) -> BTreeMap<FieldName, BTreeMap<String, Vec<Said<EntryParts>>>> {
        let mut by_field: BTreeMap<FieldName, BTreeMap<String, _>> = BTreeMap::new();
        let Some(entries) = self.container(layout::ENTRIES) else { return by_field };
        for path in self.keys(&entries) {
            let Some((field, key)) = layout::split_entry(&path) else { continue };
            by_field.entry(field).or_default().insert(key.to_owned(), self.entry_values(&entries, &path));
        }
        by_field
    }

    /// The entries of one field: key → what stands there.
    pub(super) fn entries_of(&self, field: &FieldName) -> BTreeMap<String, Vec<Said<EntryParts>>> {
        let Some(entries) = self.container(layout::ENTRIES) else { return BTreeMap::new() };
        let paths = self.keys(&entries).into_iter().filter_map(|path| {
            let key = layout::split_entry(&path).filter(|(of, _)| of == field).map(|(_, key)| key.to_owned())?;
            Some((key, self.entry_values(&entries, &path)))
        });
        paths.collect()
    }

    /// What stands under one key of one field.
    pub(super) fn entry(&self, field: &FieldName, key: &str) -> Vec<Said<EntryParts>> {
        let Some(entries) = self.container(layout::ENTRIES) else { return Vec::new() };
        self.entry_values(&entries, &layout::entry_path(field, key))
    }

    fn entry_values(&self, entries: &ObjId, path: &str) -> Vec<Said<EntryParts>> {
        self.get_all(entries, path).iter().filter_map(|(_, id)| self.said(self.parts(id), id)).collect()
    }

    fn parts(&self, entry: &ObjId) -> EntryParts {
        let part = |key: String| Some((FieldName::parse(&key).ok()?, Value::from_scalar(&self.scalar(entry, &key)?)?));
        self.keys(entry).into_iter().filter_map(part).collect()
    }

    /// Every move, and where it came from.
    pub(super) fn moves(&self) -> BTreeMap<EntryId, Said<Moved>> {
        let Some(moves) = self.container(layout::MOVES) else { return BTreeMap::new() };
        let one = |key: String| {
            let (_, object) = self.get_all(&moves, &key).pop()?;
            let text = |name| self.scalar(&object, name).and_then(|v| v.as_str().map(str::to_owned));
            let name = MoveName::parse(&text(layout::MOVE_NAME)?).ok()?;
            let moved =
                Moved { name, follows: layout::parse_follows(&text(layout::MOVE_FOLLOWS)?)?, reason: text(layout::MOVE_REASON) };
            Some((key.parse().ok()?, self.said(moved, &object)?))
        };
        self.keys(&moves).into_iter().filter_map(one).collect()
    }
}
