//! From TOML to [`Schema`]: the shape by serde, then every name that is used against every name that is defined.

mod check;
mod field;
mod kind;
mod moves;
mod raw;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use indexmap::IndexMap;

use super::term::{KindName, Label, Role};
use super::{Kind, RoleRules, Scalar, Schema, Shape, Threshold, Votes};
use crate::file::{self, Spanned};
use crate::id::Audience;
use crate::limits;
use check::Check;
use raw::{Names, RawRole, RawSchema, RawVotes};

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

pub(super) fn parse(text: &str) -> Result<Schema, BadSchema> {
    let line_of = |offset: usize| text.as_bytes()[..offset.min(text.len())].iter().filter(|&&b| b == b'\n').count() + 1;
    let one = |line, words| Err(BadSchema(vec![Mistake { line, words }]));
    if text.len() > limits::SCHEMA_BYTES {
        return one(1, format!("the file is longer than {} bytes", limits::SCHEMA_BYTES));
    }
    let raw: RawSchema = match file::read(text) {
        Ok(raw) => raw,
        Err(wrong) => return one(line_of(wrong.start()), wrong.words),
    };
    let mut check = Check {
        line_of: &line_of,
        roles: raw.roles.keys().cloned().collect(),
        parties: raw.parties.keys().cloned().collect(),
        kinds: raw.kinds.keys().cloned().collect(),
        audiences: raw.audiences.keys().copied().collect(),
        mistakes: Vec::new(),
    };
    let roles = check.roles_of_parties(raw.roles);
    let audiences = raw.audiences.iter().map(|(audience, names)| (*audience, check.readers(*audience, names)));
    let audiences = audiences.collect::<BTreeMap<_, _>>();
    let kinds = raw.kinds.into_iter().filter_map(|(name, kind)| Some((name.clone(), check.kind(name, kind.into_inner())?)));
    let kinds: IndexMap<_, Kind> = kinds.collect();
    let votes = raw.votes.map_or_else(Votes::default, |votes| check.votes(&votes, &kinds));
    if !check.mistakes.is_empty() {
        check.mistakes.sort_by_key(|mistake| mistake.line);
        return Err(BadSchema(check.mistakes));
    }
    let schema = Schema { version: raw.version, parties: raw.parties, roles, audiences, kinds, votes, text: text.into() };
    // `anyone` is short in the file and every role in the pack, which has to go through in one frame.
    if schema.packed().len() > limits::SCHEMA_BYTES {
        return one(1, format!("what devices would be handed of it is longer than {} bytes", limits::SCHEMA_BYTES));
    }
    Ok(schema)
}

impl Check<'_> {
    fn roles_of_parties(&mut self, roles: IndexMap<Role, RawRole>) -> IndexMap<Role, RoleRules> {
        let parties = self.parties.clone();
        let rules = roles.into_iter().filter_map(|(name, role)| {
            let party = self.known(&role.party, &parties, "party", "parties")?;
            Some((name, RoleRules { label: Label { zh: role.zh, en: role.en }, party }))
        });
        rules.collect()
    }

    /// The majorities, of which there must be one for each class that a motion can be of.
    fn votes(&mut self, raw: &Spanned<RawVotes>, kinds: &IndexMap<KindName, Kind>) -> Votes {
        let votes = raw.get_ref();
        for threshold in votes.classes.values().chain([&votes.quorum]) {
            if let Some(words) = threshold.get_ref().mistake() {
                self.mistake(&threshold.span(), words.into());
            }
        }
        let classes = match kinds.get("motion").and_then(|kind| kind.fields.get("class")).map(|field| &field.shape) {
            Some(Shape::Register(Scalar::Choice { choices })) => choices.keys().collect(),
            _ => Vec::new(),
        };
        for class in classes.into_iter().filter(|class| !votes.classes.contains_key(*class)) {
            let words = format!("a motion may be of class `{class}`, but [votes.classes] does not say how many must agree");
            self.mistake(&raw.span(), words);
        }
        let plain = |(name, threshold): (&String, &Spanned<Threshold>)| (name.clone(), *threshold.get_ref());
        Votes { law: votes.law.clone(), quorum: *votes.quorum.get_ref(), classes: votes.classes.iter().map(plain).collect() }
    }

    /// Who reads what is for an audience.
    fn readers(&mut self, audience: Audience, names: &Names) -> BTreeSet<Role> {
        if audience == Audience::Open {
            self.mistake(&names.span(), "`open` is every member: leave it out".into());
        }
        self.role_set(names)
    }
}
