//! What changed in a record between two points of its past, in words.

use std::collections::{BTreeMap, BTreeSet};

use renolog_protocol::record::{EntryView, FieldView, RecordView, describe};
use renolog_protocol::schema::{FieldName, Kind, Label, Schema, Value};
use renolog_protocol::words;
use serde::Serialize;

/// What changed.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Difference {
    /// The state before; nothing where the record was not made yet.
    pub state_before: Option<Label>,
    /// The state after.
    pub state_after: Option<Label>,
    /// Every field, or entry of one, that holds something else.
    pub altered: Vec<Altered>,
}

/// A field, or an entry of one, that holds something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Altered {
    /// Which.
    pub field: FieldName,
    /// Its name for people.
    pub label: Label,
    /// The entry, where the field has entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What stood there: nothing, one value, or several that people wrote apart.
    pub before: Vec<Label>,
    /// What stands there.
    pub after: Vec<Label>,
}

/// What stands in each field, and under each key of those that hold entries.
type Held = BTreeMap<(FieldName, Option<String>), Vec<Label>>;

/// What changed from one state of a record to another.
pub fn difference(schema: &Schema, before: Option<&RecordView>, after: Option<&RecordView>) -> Difference {
    let kind = before.or(after).and_then(|view| schema.kinds.get(&view.created.kind));
    let state = |view: &RecordView| kind.map(|kind| kind.state_label(&view.state));
    let (held_before, held_after) = (held(kind, before), held(kind, after));
    let keys: BTreeSet<_> = held_before.keys().chain(held_after.keys()).collect();
    let at = |held: &Held, key| held.get(key).cloned().unwrap_or_default();
    let altered = keys.into_iter().filter(|key| held_before.get(key) != held_after.get(key)).map(|key| Altered {
        field: key.0.clone(),
        label: words::field_label(kind, &key.0),
        key: key.1.clone(),
        before: at(&held_before, key),
        after: at(&held_after, key),
    });
    Difference { state_before: before.and_then(state), state_after: after.and_then(state), altered: altered.collect() }
}

fn held(kind: Option<&Kind>, view: Option<&RecordView>) -> Held {
    let mut held = Held::new();
    for (field, said) in view.into_iter().flat_map(|view| &view.fields) {
        match said {
            FieldView::Values(values) => {
                let said = values.iter().filter(|said| said.value != Value::Nothing);
                let said: Vec<Label> = said.map(|said| words::value_label(kind, field, &said.value)).collect();
                if !said.is_empty() {
                    held.insert((field.clone(), None), said);
                }
            }
            FieldView::Text(texts) => {
                held.insert((field.clone(), None), texts.iter().map(|said| plain(said.value.clone())).collect());
            }
            FieldView::Entries(entries) => {
                held.extend(entries.iter().map(|entry| ((field.clone(), Some(entry.key.clone())), entry_words(entry))));
            }
        }
    }
    held
}

fn entry_words(entry: &EntryView) -> Vec<Label> {
    let struck_out = entry.voided.as_ref().map(|said| &said.value);
    let one = |text: String| match struck_out {
        Some(reason) => Label { zh: format!("{text}（作废：{reason}）"), en: format!("{text} (struck out: {reason})") },
        None => plain(text),
    };
    entry.values.iter().map(|said| one(describe(&said.value))).collect()
}

fn plain(text: String) -> Label {
    Label { zh: text.clone(), en: text }
}
