//! From TOML to [`Schema`]: the shape by serde, then every name that is used against every name that is defined.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use indexmap::IndexMap;
use serde::Deserialize;
use toml::Spanned;

use super::term::{FieldName, KindName, Label, MoveName, Party, Role, StateName};
use super::value::Scalar;
use super::{
    Deadline, Entry, Field, KeySource, Kind, Move, Needs, OnConflict, Part, RoleRules, Schema, Shape, State, Weight, When, Within,
};
use crate::id::Audience;
use crate::limits;

/// One mistake in a schema file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Line in the file, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub words: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.words)
    }
}

/// A schema file with mistakes; at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct BadSchema(pub Vec<Mistake>);

type Names = Spanned<Vec<Spanned<String>>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSchema {
    version: u32,
    parties: IndexMap<Party, Label>,
    roles: IndexMap<Role, RawRole>,
    #[serde(default)]
    audiences: BTreeMap<Audience, Names>,
    kinds: IndexMap<KindName, Spanned<RawKind>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRole {
    party: Spanned<String>,
    zh: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKind {
    zh: String,
    en: String,
    help: Option<Label>,
    audience: Audience,
    create: Names,
    title: Spanned<String>,
    initial: Spanned<String>,
    fields: IndexMap<FieldName, Spanned<RawField>>,
    states: IndexMap<StateName, RawState>,
    #[serde(default)]
    moves: IndexMap<MoveName, RawMove>,
    #[serde(default)]
    deadlines: Vec<RawDeadline>,
    not_by: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawField {
    zh: String,
    en: String,
    help: Option<Label>,
    r#type: Spanned<String>,
    max: Option<i64>,
    min: Option<i64>,
    choices: Option<IndexMap<String, Label>>,
    key: Option<RawKey>,
    kind: Option<Spanned<String>>,
    entry: Option<IndexMap<FieldName, Spanned<RawField>>>,
    #[serde(default)]
    needed: bool,
    #[serde(default)]
    once: bool,
    #[serde(default)]
    keep_all: bool,
    writable_in: Option<Names>,
    write: Option<Names>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum RawKey {
    Given,
    Drawn,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawState {
    zh: String,
    en: String,
    #[serde(default)]
    done: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMove {
    zh: String,
    en: String,
    from: Names,
    to: Spanned<String>,
    weight: Weight,
    by: Names,
    #[serde(default)]
    reason: bool,
    #[serde(default)]
    needs: Vec<RawNeeds>,
    freezes: Option<Names>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNeeds {
    field: Spanned<String>,
    parties: Option<Names>,
    when: Option<RawWhen>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDeadline {
    zh: String,
    en: String,
    states: Names,
    when: Option<RawWhen>,
    within: Within,
    #[serde(default)]
    earliest: bool,
    #[serde(default)]
    escalate: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWhen {
    field: Spanned<String>,
    is: Option<Spanned<String>>,
    not: Option<Spanned<String>>,
}

pub(super) fn parse(text: &str) -> Result<Schema, BadSchema> {
    let line_of = |offset: usize| text.as_bytes()[..offset.min(text.len())].iter().filter(|&&b| b == b'\n').count() + 1;
    let one = |line, words| Err(BadSchema(vec![Mistake { line, words }]));
    if text.len() > limits::SCHEMA_BYTES {
        return one(1, format!("the file is longer than {} bytes", limits::SCHEMA_BYTES));
    }
    let raw: RawSchema = match toml::from_str(text) {
        Ok(raw) => raw,
        Err(error) => return one(line_of(error.span().map_or(0, |span| span.start)), error.message().to_owned()),
    };
    let mut check = Check {
        line_of: &line_of,
        roles: raw.roles.keys().cloned().collect(),
        parties: raw.parties.keys().cloned().collect(),
        kinds: raw.kinds.keys().cloned().collect(),
        mistakes: Vec::new(),
    };
    let roles = raw.roles.into_iter().filter_map(|(name, role)| {
        let party = check.known(&role.party, &check.parties.clone(), "party", "parties")?;
        Some((name, RoleRules { label: Label { zh: role.zh, en: role.en }, party }))
    });
    let roles = roles.collect();
    let mut audiences = BTreeMap::new();
    for (audience, names) in &raw.audiences {
        if *audience == Audience::Open {
            check.mistake(&names.span(), "`open` is every member: leave it out".into());
        }
        audiences.insert(*audience, check.role_set(names));
    }
    let kinds = raw.kinds.into_iter().map(|(name, kind)| (name.clone(), check.kind(name, kind))).collect::<Vec<_>>();
    let kinds: IndexMap<KindName, Kind> = kinds.into_iter().filter_map(|(name, kind)| Some((name, kind?))).collect();
    for kind in kinds.values() {
        if kind.audience != Audience::Open && !audiences.contains_key(&kind.audience) {
            check.mistake(
                &(0..0),
                format!("kind `{}` is for `{}`, but [audiences] does not say who that is", kind.name, kind.audience),
            );
        }
    }
    if !check.mistakes.is_empty() {
        check.mistakes.sort_by_key(|mistake| mistake.line);
        return Err(BadSchema(check.mistakes));
    }
    Ok(Schema { version: raw.version, parties: raw.parties, roles, audiences, kinds, text: text.into() })
}

/// What is defined, and what was found wrong so far. Its methods note a mistake and go on, so that one run lists them all.
struct Check<'a> {
    line_of: &'a dyn Fn(usize) -> usize,
    roles: BTreeSet<Role>,
    parties: BTreeSet<Party>,
    kinds: BTreeSet<KindName>,
    mistakes: Vec<Mistake>,
}

impl Check<'_> {
    fn mistake(&mut self, span: &std::ops::Range<usize>, words: String) {
        self.mistakes.push(Mistake { line: (self.line_of)(span.start), words });
    }

    /// The name if it is defined; otherwise a mistake that lists what is.
    fn known<T>(&mut self, name: &Spanned<String>, defined: &BTreeSet<T>, what: &str, plural: &str) -> Option<T>
    where
        T: Clone + Ord + std::borrow::Borrow<str> + fmt::Display,
    {
        let found = defined.get(name.get_ref().as_str()).cloned();
        if found.is_none() {
            let names = defined.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            self.mistake(&name.span(), format!("there is no {what} `{}`; {plural} are: {names}", name.get_ref()));
        }
        found
    }

    fn names<T>(&mut self, names: &Names, defined: &BTreeSet<T>, what: &str, plural: &str) -> BTreeSet<T>
    where
        T: Clone + Ord + std::borrow::Borrow<str> + fmt::Display,
    {
        if names.get_ref().is_empty() {
            self.mistake(&names.span(), format!("name at least one {what}"));
        }
        names.get_ref().iter().filter_map(|name| self.known(name, defined, what, plural)).collect()
    }

    /// Roles by name; `anyone` is all of them.
    fn role_set(&mut self, names: &Names) -> BTreeSet<Role> {
        let roles = self.roles.clone();
        match &names.get_ref()[..] {
            [only] if only.get_ref() == "anyone" => roles,
            _ => self.names(names, &roles, "role", "roles"),
        }
    }

    fn kind(&mut self, name: KindName, raw: Spanned<RawKind>) -> Option<Kind> {
        let raw = raw.into_inner();
        let field_names: BTreeSet<FieldName> = raw.fields.keys().cloned().collect();
        let state_names: BTreeSet<StateName> = raw.states.keys().cloned().collect();
        let mut fields = IndexMap::new();
        for (field_name, field) in raw.fields {
            if let Some(field) = self.field(&field_name, field, &state_names) {
                fields.insert(field_name, field);
            }
        }
        let mut moves = IndexMap::new();
        for (move_name, raw_move) in raw.moves {
            if let Some(checked) = self.a_move(raw_move, &state_names, &fields) {
                moves.insert(move_name, checked);
            }
        }
        let deadlines = raw.deadlines.into_iter().filter_map(|d| self.deadline(d, &state_names, &fields)).collect();
        let not_by = match &raw.not_by {
            None => None,
            Some(named) => Some(self.party_field(named, &fields)?),
        };
        let create = self.role_set(&raw.create);
        for (field_name, field) in fields.iter().filter(|(_, field)| field.needed && !create.is_subset(&field.write)) {
            let cannot: Vec<&str> = create.difference(&field.write).map(Role::as_str).collect();
            let words = format!("{} may make one, but not write `{field_name}`, which is needed", cannot.join(", "));
            self.mistake(&raw.create.span(), words);
        }
        Some(Kind {
            not_by,
            create,
            title: self.known(&raw.title, &field_names, "field", "fields")?,
            initial: self.known(&raw.initial, &state_names, "state", "states")?,
            states: raw
                .states
                .into_iter()
                .map(|(n, s)| (n, State { label: Label { zh: s.zh, en: s.en }, done: s.done }))
                .collect(),
            label: Label { zh: raw.zh, en: raw.en },
            help: raw.help,
            audience: raw.audience,
            name,
            fields,
            moves,
            deadlines,
        })
    }

    /// A field whose value is a party.
    fn party_field(&mut self, named: &Spanned<String>, fields: &IndexMap<FieldName, Field>) -> Option<FieldName> {
        let name = self.known(named, &fields.keys().cloned().collect(), "field", "fields")?;
        if !matches!(fields.get(&name)?.shape, Shape::Register(Scalar::Party)) {
            self.mistake(&named.span(), format!("`{name}` is not a party"));
        }
        Some(name)
    }

    fn field(&mut self, name: &FieldName, raw: Spanned<RawField>, states: &BTreeSet<StateName>) -> Option<Field> {
        let span = raw.span();
        let raw = raw.into_inner();
        if [super::built_in::NOTES, super::built_in::ATTACHMENTS, super::built_in::PAUSES, super::built_in::VOIDS]
            .contains(&name.as_str())
        {
            self.mistake(&span, format!("every kind has `{name}` already"));
        }
        let write = match &raw.write {
            Some(names) => self.role_set(names),
            None => {
                self.mistake(&span, format!("say who may write `{name}`: write = [\"…\"]"));
                return None;
            }
        };
        let shape = self.shape(&span, &raw)?;
        if raw.once && !matches!(shape, Shape::Register(_)) {
            self.mistake(&span, "only a single value can be write-once".into());
        }
        let conflict = if raw.keep_all { OnConflict::KeepAll } else { OnConflict::Settle };
        let writable_in = raw.writable_in.as_ref().map(|names| self.names(names, states, "state", "states")).unwrap_or_default();
        Some(Field {
            label: Label { zh: raw.zh, en: raw.en },
            help: raw.help,
            shape,
            write,
            needed: raw.needed,
            once: raw.once,
            writable_in,
            conflict,
        })
    }

    fn shape(&mut self, span: &std::ops::Range<usize>, raw: &RawField) -> Option<Shape> {
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

    fn scalar(&mut self, span: &std::ops::Range<usize>, raw: &RawField) -> Option<Scalar> {
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

    fn chars(&mut self, span: &std::ops::Range<usize>, max: Option<i64>, bound: usize) -> usize {
        match max.map(usize::try_from) {
            None => bound,
            Some(Ok(max)) if (1..=bound).contains(&max) => max,
            Some(_) => {
                self.mistake(span, format!("max must be between 1 and {bound} characters"));
                bound
            }
        }
    }

    fn entry(&mut self, span: &std::ops::Range<usize>, raw: &RawField) -> Option<Entry> {
        let Some(raw_parts) = &raw.entry else {
            self.mistake(span, "say what an entry holds: entry = { text = { type = \"text\", … } }".into());
            return None;
        };
        let mut parts = IndexMap::new();
        for (name, part) in raw_parts {
            let inner = part.get_ref();
            let scalar = self.scalar(&part.span(), inner)?;
            let label = Label { zh: inner.zh.clone(), en: inner.en.clone() };
            parts.insert(name.clone(), Part { label, scalar, needed: inner.needed });
        }
        Some(Entry { parts })
    }

    fn a_move(&mut self, raw: RawMove, states: &BTreeSet<StateName>, fields: &IndexMap<FieldName, Field>) -> Option<Move> {
        let from = self.names(&raw.from, states, "state", "states");
        let to = self.known(&raw.to, states, "state", "states")?;
        let by = self.role_set(&raw.by);
        let needs = raw.needs.iter().filter_map(|needs| self.needs(needs, fields)).collect();
        let freezes = raw.freezes.as_ref().map(|names| self.drafted(names, fields)).unwrap_or_default();
        Some(Move {
            label: Label { zh: raw.zh, en: raw.en },
            from,
            to,
            by,
            weight: raw.weight,
            reason: raw.reason,
            needs,
            freezes,
        })
    }

    fn needs(&mut self, raw: &RawNeeds, fields: &IndexMap<FieldName, Field>) -> Option<Needs> {
        let field = self.known(&raw.field, &fields.keys().cloned().collect(), "field", "fields")?;
        let parties = self.parties.clone();
        let parties = raw.parties.as_ref().map(|names| self.names(names, &parties, "party", "parties")).unwrap_or_default();
        if matches!(fields.get(&field)?.shape, Shape::PerParty(_)) == parties.is_empty() {
            self.mistake(
                &raw.field.span(),
                format!("name the parties whose `{field}` is waited for, if it is a per_party field"),
            );
        }
        let when = match &raw.when {
            None => None,
            Some(when) => Some(self.when(when, fields)?),
        };
        Some(Needs { field, parties, when })
    }

    /// Fields that hold drafted text.
    fn drafted(&mut self, names: &Names, fields: &IndexMap<FieldName, Field>) -> BTreeSet<FieldName> {
        let drafted = fields.iter().filter(|(_, field)| matches!(field.shape, Shape::Prose { .. })).map(|(name, _)| name.clone());
        self.names(names, &drafted.collect(), "drafted text", "drafted texts")
    }

    fn deadline(
        &mut self,
        raw: RawDeadline,
        states: &BTreeSet<StateName>,
        fields: &IndexMap<FieldName, Field>,
    ) -> Option<Deadline> {
        let when = match raw.when {
            None => None,
            Some(when) => Some(self.when(&when, fields)?),
        };
        let roles = self.roles.clone();
        let escalate = raw.escalate.iter().filter_map(|role| self.known(role, &roles, "role", "roles")).collect();
        let states = self.names(&raw.states, states, "state", "states");
        Some(Deadline {
            label: Label { zh: raw.zh, en: raw.en },
            states,
            when,
            within: raw.within,
            earliest: raw.earliest,
            escalate,
        })
    }

    fn when(&mut self, raw: &RawWhen, fields: &IndexMap<FieldName, Field>) -> Option<When> {
        let field = self.known(&raw.field, &fields.keys().cloned().collect(), "field", "fields")?;
        let (choice, is) = match (&raw.is, &raw.not) {
            (Some(choice), None) => (choice, true),
            (None, Some(choice)) => (choice, false),
            _ => {
                self.mistake(&raw.field.span(), "a condition needs either `is` or `not`".into());
                return None;
            }
        };
        match &fields.get(&field)?.shape {
            Shape::Register(Scalar::Choice { choices }) if choices.contains_key(choice.get_ref()) => {}
            _ => self.mistake(&choice.span(), format!("`{field}` has no choice `{}`", choice.get_ref())),
        }
        Some(When { field, choice: choice.get_ref().clone(), is })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_schema_has_no_mistakes() {
        if let Err(bad) = parse(include_str!("../../schema.toml")) {
            panic!("{bad}");
        }
    }

    #[test]
    fn every_mistake_is_listed_with_its_line() {
        let text = include_str!("../../schema.toml")
            .replacen("party = \"street\"", "party = \"stret\"", 1)
            .replacen("to = \"issued\"", "to = \"isued\"", 1)
            .replacen("by = [\"supervisor\", \"specialist\"]", "by = [\"superviser\"]", 1)
            .replacen("type = \"day\"", "type = \"date\"", 1);
        let BadSchema(mistakes) = parse(&text).expect_err("four mistakes were made");
        let wrong_line = |m: &Mistake| text.lines().nth(m.line - 1).unwrap_or_default().to_owned();
        for word in ["`stret`", "`isued`", "`date`"] {
            let found = mistakes.iter().find(|m| m.words.contains(word)).unwrap_or_else(|| panic!("{word} in {mistakes:?}"));
            assert!(wrong_line(found).contains(word.trim_matches('`')), "{found}");
        }
    }

    #[test]
    fn broken_toml_names_its_line() {
        let BadSchema(mistakes) = parse("version = 1\nparties = [").expect_err("broken");
        assert_eq!(mistakes[0].line, 2);
        let BadSchema(mistakes) = parse("version = 1\n\nsurprise = 1\n").expect_err("unknown key");
        assert!(mistakes[0].words.contains("surprise"), "{mistakes:?}");
    }
}
