//! Words, numbers and entries that fit a field: one that records are prepared with, and another to ask about, since to
//! write what stands there already is to write nothing.

use renolog_protocol::id::{PersonId, RecordId};
use renolog_protocol::record::Act;
use renolog_protocol::schema::{FieldName, Kind, Scalar, Schema, Shape, Value};
use renolog_tests::world::MORNING;

/// Which of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Prepared,
    Asked,
}

/// A value that fits a scalar.
pub(crate) fn value(scalar: &Scalar, which: Which) -> Value {
    let [prepared, asked]: [Value; 2] = match scalar {
        Scalar::Text { .. } => ["3幢2单元".into(), "7幢".into()],
        Scalar::Whole { min, .. } => [(*min).into(), (min + 1).into()],
        Scalar::Day => ["2026-11-22".into(), "2026-11-23".into()],
        Scalar::YesNo => [true.into(), false.into()],
        Scalar::Person => [7, 8].map(|byte| PersonId::from_parts(MORNING, [byte; 10]).to_string().as_str().into()),
        Scalar::Record { .. } => [7, 8].map(|byte| RecordId::from_parts(MORNING, [byte; 10]).to_string().as_str().into()),
        Scalar::Party => ends(Schema::built_in().parties.keys().rev().map(|party| party.as_str())),
        Scalar::Choice { choices } => ends(choices.keys().map(String::as_str)),
    };
    if which == Which::Prepared { prepared } else { asked }
}

/// The first and the last of several.
fn ends<'a>(mut names: impl DoubleEndedIterator<Item = &'a str>) -> [Value; 2] {
    [names.next().unwrap().into(), names.next_back().unwrap().into()]
}

/// What a record of a kind cannot be made without.
pub(crate) fn needed(kind: &Kind) -> Vec<(FieldName, Value)> {
    let value = |shape: &Shape| match shape {
        Shape::Register(scalar) => value(scalar, Which::Prepared),
        _ => "停车位".into(),
    };
    let needed = kind.fields.iter().filter(|(_, field)| field.needed);
    needed.map(|(name, field)| (name.clone(), value(&field.shape))).collect()
}

/// Something that fits a field; under this key, where it holds entries.
pub(crate) fn fill(kind: &Kind, name: &FieldName, key: &str, which: Which) -> Act {
    let field = name.clone();
    match &kind.fields[name].shape {
        Shape::Register(scalar) => Act::Set { field, value: value(scalar, which) },
        Shape::Prose { .. } if which == Which::Prepared => Act::Write { field, text: "停车位和充电桩".into() },
        Shape::Prose { .. } => Act::Write { field, text: "停车位重新划线".into() },
        Shape::Log(entry) | Shape::PerParty(entry) | Shape::Set { entry, .. } => {
            let part = |(part, rules): (&FieldName, &renolog_protocol::schema::Part)| (part.clone(), value(&rules.scalar, which));
            Act::Put { field, key: key.to_owned(), entry: entry.parts.iter().map(part).collect() }
        }
    }
}
