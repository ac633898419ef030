//! The shape of a schema file, before its names are looked up.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Deserialize;

use crate::file::Spanned;
use crate::id::Audience;
use crate::schema::{FieldName, KindName, Label, MoveName, Party, Role, StateName, Threshold, Weight, Within};

pub(super) type Names = Spanned<Vec<Spanned<String>>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSchema {
    pub(super) version: u32,
    pub(super) parties: IndexMap<Party, Label>,
    pub(super) roles: IndexMap<Role, RawRole>,
    #[serde(default)]
    pub(super) audiences: BTreeMap<Audience, Names>,
    pub(super) kinds: IndexMap<KindName, Spanned<RawKind>>,
    pub(super) votes: Option<Spanned<RawVotes>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVotes {
    pub(super) law: Label,
    pub(super) quorum: Spanned<Threshold>,
    pub(super) classes: IndexMap<String, Spanned<Threshold>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRole {
    pub(super) party: Spanned<String>,
    pub(super) zh: String,
    pub(super) en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKind {
    pub(super) zh: String,
    pub(super) en: String,
    pub(super) help: Option<Label>,
    pub(super) audience: Spanned<Audience>,
    pub(super) create: Names,
    pub(super) title: Spanned<String>,
    pub(super) initial: Spanned<String>,
    pub(super) fields: IndexMap<FieldName, Spanned<RawField>>,
    pub(super) states: IndexMap<StateName, RawState>,
    #[serde(default)]
    pub(super) moves: IndexMap<MoveName, RawMove>,
    #[serde(default)]
    pub(super) deadlines: Vec<RawDeadline>,
    pub(super) not_by: Option<Spanned<String>>,
    pub(super) keep_years: Option<Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawField {
    pub(super) zh: String,
    pub(super) en: String,
    pub(super) help: Option<Label>,
    pub(super) r#type: Spanned<String>,
    pub(super) max: Option<i64>,
    pub(super) min: Option<i64>,
    pub(super) choices: Option<IndexMap<String, Label>>,
    pub(super) key: Option<RawKey>,
    pub(super) kind: Option<Spanned<String>>,
    pub(super) entry: Option<IndexMap<FieldName, Spanned<RawField>>>,
    #[serde(default)]
    pub(super) needed: bool,
    #[serde(default)]
    pub(super) once: bool,
    #[serde(default)]
    pub(super) keep_all: bool,
    pub(super) writable_in: Option<Names>,
    pub(super) write: Option<Names>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawKey {
    Given,
    Drawn,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawState {
    pub(super) zh: String,
    pub(super) en: String,
    #[serde(default)]
    pub(super) done: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMove {
    pub(super) zh: String,
    pub(super) en: String,
    pub(super) from: Names,
    pub(super) to: Spanned<String>,
    pub(super) weight: Weight,
    pub(super) by: Names,
    #[serde(default)]
    pub(super) reason: bool,
    #[serde(default)]
    pub(super) needs: Vec<RawNeeds>,
    pub(super) freezes: Option<Names>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNeeds {
    pub(super) field: Spanned<String>,
    pub(super) parties: Option<Names>,
    pub(super) after: Option<Names>,
    pub(super) when: Option<RawWhen>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDeadline {
    pub(super) zh: String,
    pub(super) en: String,
    pub(super) states: Names,
    pub(super) when: Option<RawWhen>,
    pub(super) within: Within,
    #[serde(default)]
    pub(super) earliest: bool,
    #[serde(default)]
    pub(super) escalate: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWhen {
    pub(super) field: Spanned<String>,
    pub(super) is: Option<Spanned<String>>,
    pub(super) not: Option<Spanned<String>>,
}
