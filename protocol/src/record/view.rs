//! A record as people read it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::act::{Created, EntryParts, VoidTarget};
use super::fold::{Moved, Standing};
use super::snapshot::{Said, Source};
use crate::id::{ChangeHash, EntryId, RecordId};
use crate::schema::{FieldName, KeySource, Kind, MoveName, OnConflict, Scalar, Shape, StateName, Value, built_in};
use crate::sorted::SortedMap;

/// A record at one moment: the same for everyone who holds the same changes, byte for byte when written as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecordView {
    /// Which.
    pub id: RecordId,
    /// How it was made.
    pub created: Created,
    /// What stands for it in a list.
    pub title: String,
    /// Where its moves have taken it.
    pub state: StateName,
    /// Every move in the order of the fold.
    pub moves: Vec<MoveView>,
    /// Its registers, drafted texts and entries.
    pub fields: BTreeMap<FieldName, FieldView>,
    /// Fields in which several people wrote different things apart. Settled by writing the field again.
    pub conflicts: Vec<FieldConflict>,
    /// Why it was struck out as a whole, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voided: Option<Said<String>>,
    /// The latest changes it holds, sorted: its exact version.
    pub heads: Vec<ChangeHash>,
}

/// One move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MoveView {
    /// Names it.
    pub id: EntryId,
    /// Which move of the schema.
    pub name: MoveName,
    /// The state its turn found.
    pub found: StateName,
    /// Whether it counts.
    pub standing: Standing,
    /// Why it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// By whom.
    #[serde(flatten)]
    pub source: Source,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum FieldView {
    /// Every value that stands; the last is the one shown first. More than one when people wrote apart.
    Values(Vec<Said<Value>>),
    /// Drafted text; more than one only when two people began it apart.
    Text(Vec<Said<String>>),
    /// Entries by key.
    Entries(Vec<EntryView>),
}

/// One entry of a log, set or per-party field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EntryView {
    /// Its key.
    pub key: String,
    /// What stands under it; more than one when people wrote apart.
    pub values: Vec<Said<EntryParts>>,
    /// Why it was struck out, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voided: Option<Said<String>>,
}

/// A disagreement to be settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldConflict {
    /// The field.
    pub field: FieldName,
    /// The entry, where the field has entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What each of them wrote, for people.
    pub values: Vec<Said<String>>,
}

impl RecordView {
    /// The moves that another, parallel one overtook.
    pub fn superseded(&self) -> impl Iterator<Item = &MoveView> {
        self.moves.iter().filter(|step| step.standing == Standing::Superseded)
    }

    /// The value of a register that is shown first, if it was ever written.
    pub fn value(&self, field: &str) -> Option<&Value> {
        match self.fields.get(field)? {
            FieldView::Values(values) => values.last().map(|said| &said.value),
            _ => None,
        }
    }

    /// The entries of a field.
    pub fn entries(&self, field: &str) -> &[EntryView] {
        match self.fields.get(field) {
            Some(FieldView::Entries(entries)) => entries,
            _ => &[],
        }
    }
}

/// The pieces that [`super::Record::view`] reads from the document.
pub(super) struct Pieces {
    pub(super) id: RecordId,
    pub(super) created: Created,
    pub(super) state: StateName,
    pub(super) steps: Vec<super::fold::Step>,
    pub(super) moves: SortedMap<EntryId, Said<Moved>>,
    pub(super) registers: SortedMap<FieldName, Vec<Said<Value>>>,
    pub(super) prose: SortedMap<FieldName, Vec<Said<String>>>,
    pub(super) entries: SortedMap<FieldName, SortedMap<String, Vec<Said<EntryParts>>>>,
    pub(super) heads: Vec<ChangeHash>,
}

pub(super) fn assemble(kind: Option<&Kind>, pieces: Pieces) -> RecordView {
    let voids = voids(&pieces.entries);
    let mut fields: BTreeMap<FieldName, FieldView> = BTreeMap::new();
    fields.extend(pieces.registers.into_iter().filter(|(_, v)| !v.is_empty()).map(|(f, v)| (f, FieldView::Values(v))));
    fields.extend(pieces.prose.into_iter().filter(|(_, v)| !v.is_empty()).map(|(f, v)| (f, FieldView::Text(v))));
    for (field, entries) in pieces.entries {
        let views = entries.into_iter().map(|(key, values)| {
            let voided = voids.get(&VoidTarget::Entry { field: field.clone(), key: key.clone() }).cloned();
            EntryView { key, values, voided }
        });
        fields.insert(field.clone(), FieldView::Entries(views.collect()));
    }
    let mut moves = pieces.moves;
    let steps = pieces.steps.into_iter().filter_map(|step| {
        let Said { value, source } = moves.remove(&step.id)?;
        Some(MoveView { id: step.id, name: value.name, found: step.found, standing: step.standing, reason: value.reason, source })
    });
    let title = kind
        .and_then(|kind| Some(first_words(&kind.fields.get(&kind.title)?.shape, fields.get(&kind.title)?)))
        .unwrap_or_default();
    RecordView {
        id: pieces.id,
        created: pieces.created,
        title,
        state: pieces.state,
        moves: steps.collect(),
        conflicts: kind.map(|kind| conflicts(kind, &fields)).unwrap_or_default(),
        voided: voids.get(&VoidTarget::Record).cloned(),
        fields,
        heads: pieces.heads,
    }
}

pub(super) fn voids(
    entries: &SortedMap<FieldName, SortedMap<String, Vec<Said<EntryParts>>>>,
) -> SortedMap<VoidTarget, Said<String>> {
    let Some(entries) = entries.get(built_in::VOIDS) else { return SortedMap::new() };
    let text = |parts: &EntryParts, name: &str| match parts.get(name) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    // The earliest word counts where two people struck out the same thing apart; both stay in the history.
    let mut found: Vec<(VoidTarget, Said<String>)> = entries
        .values()
        .flatten()
        .filter_map(|said| {
            let reason = Said { value: text(&said.value, "reason")?, source: said.source.clone() };
            Some((VoidTarget::parse(&text(&said.value, "target")?)?, reason))
        })
        .collect();
    found.sort_by_key(|(_, said)| std::cmp::Reverse((said.source.device_time, said.source.change)));
    found.into_iter().collect()
}

/// The words that stand for a field's value in a list, at most 80 characters.
fn first_words(shape: &Shape, field: &FieldView) -> String {
    let shown = |value: &Value| match (shape, value) {
        (Shape::Register(Scalar::Choice { choices }), Value::Text(choice)) if choices.contains_key(choice) => {
            choices[choice].to_string()
        }
        _ => value.to_string(),
    };
    let words = match field {
        FieldView::Values(values) => values.last().map(|said| shown(&said.value)),
        FieldView::Text(texts) => texts.last().map(|said| said.value.clone()),
        FieldView::Entries(_) => None,
    };
    words.unwrap_or_default().chars().take(80).collect()
}

fn conflicts(kind: &Kind, fields: &BTreeMap<FieldName, FieldView>) -> Vec<FieldConflict> {
    let mut found = Vec::new();
    for (field, view) in fields {
        let Some(rule) = kind.fields.get(field) else { continue };
        if rule.conflict == OnConflict::KeepAll {
            continue;
        }
        match view {
            FieldView::Values(values) => found.extend(conflict(field, None, values, ToString::to_string)),
            FieldView::Text(texts) => found.extend(conflict(field, None, texts, Clone::clone)),
            FieldView::Entries(entries) => {
                let drawn = matches!(&rule.shape, Shape::Log(_) | Shape::Set { key: KeySource::Drawn, .. });
                for entry in entries.iter().filter(|entry| entry.voided.is_none() || drawn) {
                    found.extend(conflict(field, Some(&entry.key), &entry.values, describe));
                }
            }
        }
    }
    found
}

/// A conflict, if the values differ: two people who wrote the same thing apart agree.
fn conflict<T: PartialEq>(
    field: &FieldName,
    key: Option<&str>,
    values: &[Said<T>],
    words: impl Fn(&T) -> String,
) -> Option<FieldConflict> {
    let (first, rest) = values.split_first()?;
    if rest.iter().all(|said| said.value == first.value) {
        return None;
    }
    let values = values.iter().map(|said| Said { value: words(&said.value), source: said.source.clone() }).collect();
    Some(FieldConflict { field: field.clone(), key: key.map(str::to_owned), values })
}

/// An entry in one line: `text: …, by: …`.
pub fn describe(entry: &EntryParts) -> String {
    match entry.iter().next() {
        Some((_, only)) if entry.len() == 1 => only.to_string(),
        _ => entry.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join(", "),
    }
}
