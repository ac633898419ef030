//! A field: what it holds and who may write it.

use std::collections::BTreeSet;
use std::ops::Range;

use indexmap::IndexMap;

use super::check::Check;
use super::raw::{RawField, RawKey};
use crate::file::Spanned;
use crate::limits;
use crate::schema::{Entry, Field, FieldName, KeySource, Label, OnConflict, Part, Role, Scalar, Shape, StateName, built_in};

impl Check<'_> {
    /// Nothing if it has any mistake of its own.
    pub(super) fn field(&mut self, name: &FieldName, raw: Spanned<RawField>, states: &BTreeSet<StateName>) -> Option<Field> {
        let before = self.mistakes.len();
        let span = raw.span();
        let raw = raw.into_inner();
        if [built_in::NOTES, built_in::ATTACHMENTS, built_in::PAUSES, built_in::VOIDS].contains(&name.as_str()) {
            self.mistake(&span, format!("every kind has `{name}` already"));
        }
        let write = self.writers(name, &span, &raw);
        let shape = self.shape(&span, &raw);
        if raw.once && shape.as_ref().is_some_and(|shape| !matches!(shape, Shape::Register(_))) {
            self.mistake(&span, "only a single value can be write-once".into());
        }
        let conflict = if raw.keep_all { OnConflict::KeepAll } else { OnConflict::Settle };
        let writable_in = raw.writable_in.as_ref().map(|names| self.names(names, states, "state", "states")).unwrap_or_default();
        let field = Field {
            label: Label { zh: raw.zh, en: raw.en },
            help: raw.help,
            shape: shape?,
            write,
            needed: raw.needed,
            once: raw.once,
            writable_in,
            conflict,
        };
        (self.mistakes.len() == before).then_some(field)
    }

    fn writers(&mut self, name: &FieldName, span: &Range<usize>, raw: &RawField) -> BTreeSet<Role> {
        if let Some(names) = &raw.write {
            return self.role_set(names);
        }
        self.mistake(span, format!("say who may write `{name}`: write = [\"…\"]"));
        BTreeSet::new()
    }

    fn shape(&mut self, span: &Range<usize>, raw: &RawField) -> Option<Shape> {
        Some(match raw.r#type.get_ref().as_str() {
            "prose" => Shape::Prose { max: self.chars(span, raw.max, limits::PROSE_CHARS) },
            "log" => Shape::Log(self.entry(span, raw)?),
            "per_party" => Shape::PerParty(self.entry(span, raw)?),
            "set" => {
                let Some(key) = raw.key else {
                    self.mistake(span, "a set needs key = \"given\" (people name the entries) or key = \"drawn\"".into());
                    return None;
                };
                let key = match key {
                    RawKey::Given => KeySource::Given,
                    RawKey::Drawn => KeySource::Drawn,
                };
                Shape::Set { key, entry: self.entry(span, raw)? }
            }
            _ => Shape::Register(self.scalar(span, raw)?),
        })
    }

    fn scalar(&mut self, span: &Range<usize>, raw: &RawField) -> Option<Scalar> {
        Some(match raw.r#type.get_ref().as_str() {
            "text" => Scalar::Text { max: self.chars(span, raw.max, limits::TEXT_CHARS) },
            "whole" => {
                let (min, max) = (raw.min.unwrap_or(i64::MIN), raw.max.unwrap_or(i64::MAX));
                if min > max {
                    self.mistake(span, format!("min {min} is above max {max}"));
                }
                Scalar::Whole { min, max }
            }
            "day" => Scalar::Day,
            "person" => Scalar::Person,
            "party" => Scalar::Party,
            "record" => {
                let Some(kind) = &raw.kind else {
                    self.mistake(span, "say of which kind the other record is: kind = \"…\"".into());
                    return None;
                };
                let kinds = self.kinds.clone();
                Scalar::Record { kind: self.known(kind, &kinds, "kind", "kinds")? }
            }
            "yes_no" => Scalar::YesNo,
            "choice" => match &raw.choices {
                Some(choices) if !choices.is_empty() => Scalar::Choice { choices: choices.clone() },
                _ => {
                    self.mistake(span, "a choice needs choices = { name = { zh = \"…\", en = \"…\" } }".into());
                    return None;
                }
            },
            other => {
                let words = format!(
                    "there is no type `{other}`; types are: text, whole, day, yes_no, choice, person, party, record, prose, log, set, per_party"
                );
                self.mistake(&raw.r#type.span(), words);
                return None;
            }
        })
    }

    fn chars(&mut self, span: &Range<usize>, max: Option<i64>, bound: usize) -> usize {
        match max.map(usize::try_from) {
            None => bound,
            Some(Ok(max)) if (1..=bound).contains(&max) => max,
            Some(_) => {
                self.mistake(span, format!("max must be between 1 and {bound} characters"));
                bound
            }
        }
    }

    fn entry(&mut self, span: &Range<usize>, raw: &RawField) -> Option<Entry> {
        let Some(raw_parts) = &raw.entry else {
            self.mistake(span, "say what an entry holds: entry = { text = { type = \"text\", … } }".into());
            return None;
        };
        let mut parts = IndexMap::new();
        for (name, part) in raw_parts {
            let inner = part.get_ref();
            let Some(scalar) = self.scalar(&part.span(), inner) else { continue };
            let label = Label { zh: inner.zh.clone(), en: inner.en.clone() };
            parts.insert(name.clone(), Part { label, scalar, needed: inner.needed });
        }
        Some(Entry { parts })
    }
}
