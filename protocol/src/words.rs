//! Acts in words that a volunteer understands, in Chinese and English: what the history shows, on the device and in the
//! console.

use crate::record::{Act, EntryParts};
use crate::schema::{FieldName, Kind, Label, Scalar, Schema, Shape, Value, built_in};

/// What an act says, in one sentence each. `kind` is the record's kind, where this schema knows it.
pub fn act(schema: &Schema, kind: Option<&Kind>, act: &Act) -> Label {
    match act {
        Act::Create(created) => {
            let label = kind.map_or_else(|| plain(created.kind.as_str()), |kind| kind.label.clone());
            Label { zh: format!("建立{}", label.zh), en: format!("made the {}", label.en) }
        }
        Act::Set { field, value } => said(&field_label(kind, field), &value_label(kind, field, value)),
        Act::Write { field, text } => said(&field_label(kind, field), &plain(text)),
        Act::Put { field, key, entry } => put(schema, kind, field, key, entry),
        Act::Move { name, reason, .. } => {
            let label = kind.and_then(|kind| kind.moves.get(name)).map_or_else(|| plain(name.as_str()), |m| m.label.clone());
            match reason {
                None => Label { zh: format!("【{}】", label.zh), en: format!("[{}]", label.en) },
                Some(reason) => Label { zh: format!("【{}】{reason}", label.zh), en: format!("[{}] {reason}", label.en) },
            }
        }
    }
}

/// A value for people: a choice by its label.
pub fn value_label(kind: Option<&Kind>, field: &FieldName, value: &Value) -> Label {
    let scalar = match kind.and_then(|kind| kind.fields.get(field)).map(|field| &field.shape) {
        Some(Shape::Register(scalar)) => Some(scalar),
        _ => None,
    };
    match (scalar, value) {
        (Some(Scalar::Choice { choices }), Value::Text(choice)) => choices.get(choice).cloned().unwrap_or_else(|| plain(choice)),
        (_, Value::YesNo(true)) => Label { zh: "是".into(), en: "yes".into() },
        (_, Value::YesNo(false)) => Label { zh: "否".into(), en: "no".into() },
        (_, value) => plain(&value.to_string()),
    }
}

/// A field's name for people.
pub fn field_label(kind: Option<&Kind>, field: &FieldName) -> Label {
    let built_in = match field.as_str() {
        built_in::NOTES => Some(("备注", "note")),
        built_in::ATTACHMENTS => Some(("附件", "attachment")),
        built_in::PAUSES => Some(("期限暂停", "deadline paused")),
        built_in::VOIDS => Some(("作废", "struck out")),
        _ => None,
    };
    match built_in {
        Some((zh, en)) => Label { zh: zh.into(), en: en.into() },
        None => kind.and_then(|kind| kind.fields.get(field)).map_or_else(|| plain(field.as_str()), |field| field.label.clone()),
    }
}

fn put(schema: &Schema, kind: Option<&Kind>, field: &FieldName, key: &str, entry: &EntryParts) -> Label {
    let mut label = field_label(kind, field);
    match kind.and_then(|kind| kind.fields.get(field)).map(|field| &field.shape) {
        Some(Shape::PerParty(_)) => {
            if let Some((_, party)) = schema.parties.iter().find(|(party, _)| **party == *key) {
                label = Label { zh: format!("{}（{}）", label.zh, party.zh), en: format!("{} ({})", label.en, party.en) };
            }
        }
        Some(Shape::Set { key: crate::schema::KeySource::Given, .. }) => {
            label = Label { zh: format!("{} {key}", label.zh), en: format!("{} {key}", label.en) };
        }
        _ => {}
    }
    let holds = kind.and_then(|kind| kind.entry(field.as_str()));
    let part = |(name, value): (&FieldName, &Value)| {
        let words = match value {
            Value::YesNo(true) => ("是".to_owned(), "yes".to_owned()),
            Value::YesNo(false) => ("否".to_owned(), "no".to_owned()),
            value => (value.to_string(), value.to_string()),
        };
        let name = holds.and_then(|entry| entry.parts.get(name)).filter(|_| entry.len() > 1).map(|part| part.label.clone());
        match name {
            Some(name) => (format!("{} {}", name.zh, words.0), format!("{} {}", name.en, words.1)),
            None => words,
        }
    };
    let (zh, en): (Vec<String>, Vec<String>) = entry.iter().map(part).unzip();
    said(&label, &Label { zh: zh.join("，"), en: en.join(", ") })
}

fn said(what: &Label, value: &Label) -> Label {
    if value.zh.is_empty() {
        return what.clone();
    }
    Label { zh: format!("{}：{}", what.zh, value.zh), en: format!("{}: {}", what.en, value.en) }
}

fn plain(text: &str) -> Label {
    Label { zh: text.to_owned(), en: text.to_owned() }
}
