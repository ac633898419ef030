//! Reading a record, now or as somebody saw it: values from its maps, drafted text from its document.

use std::collections::HashSet;

use automerge::{Automerge, ObjId, ReadDoc};

use super::act::{Created, EntryParts};
use super::fold::Moved;
use super::layout;
use super::maps::{Cells, FieldValue, Maps, OpName, Past, Written, standing};
use crate::id::{ActorId, ChangeHash, EntryId};
use crate::schema::{FieldName, Party, Value};
use crate::sorted::SortedMap;
use crate::time::UnixMs;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Said<T> {
    /// What.
    pub value: T,
    /// By whom and when.
    #[serde(flatten)]
    pub source: Source,
}

/// A record at its latest, or as somebody saw it.
pub(super) struct Snapshot<'a> {
    maps: &'a Maps,
    doc: &'a Automerge,
    at: Option<(Past, Vec<automerge::ChangeHash>)>,
}

impl<'a> Snapshot<'a> {
    /// `doc` must hold all of `maps` wherever there is drafted text in it.
    pub(super) fn latest(maps: &'a Maps, doc: &'a Automerge) -> Self {
        Self { maps, doc, at: None }
    }

    /// As the writer of a change with these `deps` saw it. `deps` must be in the record.
    pub(super) fn at(maps: &'a Maps, doc: &'a Automerge, deps: impl Iterator<Item = ChangeHash> + Clone) -> Self {
        let past = maps.past(deps.clone());
        Self { maps, doc, at: past.map(|past| (past, deps.map(automerge::ChangeHash::from).collect())) }
    }

    /// As the writer of a change left it.
    pub(super) fn as_of(&self, change: ChangeHash) -> Self {
        Self::at(self.maps, self.doc, std::iter::once(change))
    }

    fn past(&self) -> Option<&Past> {
        self.at.as_ref().map(|(past, _)| past)
    }

    fn field(&self, key: &str) -> impl Iterator<Item = &Written<FieldValue>> {
        standing(&self.maps.fields, key, self.past())
    }

    /// The names of the operations whose values stand under a key: what a new value must say it replaces.
    pub(super) fn names<T>(&self, cells: &Cells<T>, key: &str) -> HashSet<OpName> {
        standing(cells, key, self.past()).map(|written| written.name).collect()
    }

    /// The same of a field, in the order in which they are shown.
    pub(super) fn field_names(&self, key: &str) -> Vec<OpName> {
        self.field(key).map(|written| written.name).collect()
    }

    pub(super) fn maps(&self) -> &'a Maps {
        self.maps
    }

    /// How the record was made.
    pub(super) fn created(&self) -> Option<&'a Created> {
        self.maps.created()
    }

    /// Names of the fields that have ever been written.
    pub(super) fn fields(&self) -> Vec<FieldName> {
        let written = self.maps.fields.iter().filter(|(_, written)| written.iter().any(|w| w.stands(self.past())));
        written.filter_map(|(key, _)| FieldName::parse(key).ok()).collect()
    }

    /// Every value that stands in a register, the one Automerge would show last.
    pub(super) fn register(&self, field: &FieldName) -> Vec<Said<Value>> {
        let value = |written: &Written<FieldValue>| match &written.value {
            FieldValue::Value(value) => Some(self.maps.said_as(written, value.clone())),
            FieldValue::Text => None,
        };
        self.field(field.as_str()).filter_map(value).collect()
    }

    /// Every text that stands in a drafted field: one, unless two people began it apart.
    pub(super) fn prose(&self, field: &FieldName) -> Vec<Said<String>> {
        let texts = self.field(field.as_str()).filter(|written| written.value == FieldValue::Text);
        texts.map(|written| self.maps.said_as(written, self.text(written.name))).collect()
    }

    pub(super) fn prose_objects(&self, field: &FieldName) -> Vec<OpName> {
        let texts = self.field(field.as_str()).filter(|written| written.value == FieldValue::Text);
        texts.map(|written| written.name).collect()
    }

    fn text(&self, name: OpName) -> String {
        let object = object(name);
        let text = match &self.at {
            None => self.doc.text(&object),
            Some((_, heads)) => self.doc.text_at(&object, heads),
        };
        text.unwrap_or_default()
    }

    /// The names of the characters that stand in one of the drafted texts.
    pub(super) fn letters(&self, text: OpName) -> HashSet<OpName> {
        let text = object(text);
        let name = |id: ObjId| op_name(&id);
        match &self.at {
            None => self.doc.list_range(&text, ..).filter_map(|letter| name(letter.id())).collect(),
            Some((_, heads)) => self.doc.list_range_at(&text, .., heads).filter_map(|letter| name(letter.id())).collect(),
        }
    }

    /// Every entry of every field that holds entries: field → key → what stands there.
    pub(super) fn entries(&self) -> SortedMap<FieldName, SortedMap<String, Vec<Said<EntryParts>>>> {
        let mut by_field: SortedMap<FieldName, SortedMap<String, _>> = SortedMap::new();
        for path in self.maps.entries.keys() {
            let Some((field, key)) = layout::split_entry(path) else { continue };
            let values = self.entry_values(path);
            if !values.is_empty() {
                by_field.or_default(field).insert(key.to_owned(), values);
            }
        }
        by_field
    }

    /// The entries of one field: key → what stands there.
    pub(super) fn entries_of(&self, field: &FieldName) -> SortedMap<String, Vec<Said<EntryParts>>> {
        let beginning = layout::entry_path(field, "");
        let paths = self.maps.entries.range(beginning.clone()..).map(|(path, _)| path);
        let paths = paths.take_while(|path| path.starts_with(&beginning)).filter_map(|path| {
            let (_, key) = layout::split_entry(path)?;
            Some((key.to_owned(), self.entry_values(path))).filter(|(_, values)| !values.is_empty())
        });
        paths.collect()
    }

    /// What stands under one key of one field.
    pub(super) fn entry(&self, field: &FieldName, key: &str) -> Vec<Said<EntryParts>> {
        self.entry_values(&layout::entry_path(field, key))
    }

    fn entry_values(&self, path: &str) -> Vec<Said<EntryParts>> {
        standing(&self.maps.entries, path, self.past()).map(|written| self.maps.said(written)).collect()
    }

    /// Every move, and where it came from.
    pub(super) fn moves(&self) -> SortedMap<EntryId, Said<Moved>> {
        let one = |key: &String| {
            let written = standing(&self.maps.moves, key, self.past()).last()?;
            Some((key.parse().ok()?, self.maps.said(written)))
        };
        self.maps.moves.keys().filter_map(one).collect()
    }
}

/// An operation's name as Automerge takes it; where its actor stands in a document is a hint that it looks up again.
pub(super) fn object((counter, actor): OpName) -> ObjId {
    ObjId::Id(counter, actor.to_automerge(), 0)
}

fn op_name(id: &ObjId) -> Option<OpName> {
    match id {
        ObjId::Root => None,
        ObjId::Id(counter, actor, _) => Some((*counter, ActorId::of(actor)?)),
    }
}
