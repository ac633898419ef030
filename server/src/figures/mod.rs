//! The district's figures: how far the plan is, what is open, how long things take, and which records each figure counts.
//!
//! Every figure is a plain function of rows and holds the records it counted, so that "which records?" can never have
//! another answer than the figure. What is not known is counted as unknown and never as 0. Arithmetic is in whole numbers.
//! Nothing here knows who is asking: that is the [`Scope`].

mod amount;
mod communities;
mod district;
mod gates;
mod kinds;
mod late;
mod places;
mod postings;
mod scope;
mod spans;
mod sums;
mod text;
mod waiting;

#[cfg(test)]
mod tests;

use renolog_protocol::calendar::Calendar;
use renolog_protocol::id::RecordId;
use renolog_protocol::schema::{Kind, Label, Schema};
use renolog_protocol::time::UnixMs;
use serde::Serialize;

use crate::store::{FactRow, Read, StoreError};

pub use amount::{Amount, Unit, percent};
pub use district::{BadDistrict, District, Place};
pub use scope::Scope;
pub use text::render;

/// The one number by which records of a kind are summed up: kind, field.
pub const NUMBERS: &[(&str, &str)] = &[("visit", "score"), ("resource", "value_yuan")];

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Figure {
    /// Its stable name: what follows `/figures/`.
    pub name: String,
    /// Its name for people.
    pub label: Label,
    /// Nothing while nobody has said anything that it could be made of.
    pub value: Option<Amount>,
    /// What is counted.
    pub unit: Unit,
    /// How many records or communities do not say.
    pub unknown: u64,
    /// The records it counts, sorted.
    #[serde(skip)]
    pub records: Vec<Counted>,
    /// The records that do not say, sorted.
    #[serde(skip)]
    pub silent: Vec<Counted>,
}

/// A record behind a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Counted {
    /// Which.
    pub id: RecordId,
    /// What it is among others about the same thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
}

/// Several records about one thing count once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[derive(utoipa::ToSchema)]
pub enum Mark {
    /// The claim of a building that was accepted first.
    Primary,
    /// A later claim of the same building.
    CoCaptain,
    /// A later report of the same place.
    Duplicate,
}

/// What the figures are made of besides the store.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The rules.
    pub schema: &'a Schema,
    /// What the district knows of itself.
    pub district: &'a District,
    /// Working days.
    pub calendar: &'a Calendar,
    /// Now.
    pub now: UnixMs,
}

/// Every figure within a scope.
///
/// # Errors
/// [`StoreError`].
pub fn all<S: Read + ?Sized>(store: &S, scope: &Scope, known: Known<'_>) -> Result<Vec<Figure>, StoreError> {
    select(store, scope, known, |_| true)
}

/// The figure of this name within a scope, and no more work than its family takes.
///
/// # Errors
/// [`StoreError`].
pub fn named<S: Read + ?Sized>(store: &S, scope: &Scope, known: Known<'_>, name: &str) -> Result<Option<Figure>, StoreError> {
    let figures = select(store, scope, known, |family| {
        name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })?;
    Ok(figures.into_iter().find(|figure| figure.name == name))
}

fn select<S: Read + ?Sized>(
    store: &S,
    scope: &Scope,
    known: Known<'_>,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Figure>, StoreError> {
    let mut figures = Vec::new();
    let facts = |kind: &str| match known.schema.kinds.get(kind) {
        Some(kind) => scope.facts(store, kind),
        None => Ok(Vec::new()),
    };
    if ["communities", "households", "buildings", "area_m2", "claims", "specialists"].into_iter().any(&wanted) {
        let logs = communities::read(store, scope, facts("community")?)?;
        figures.extend(communities::figures(&logs, known));
        if wanted("claims") {
            figures.extend(places::claims(&logs, facts("claim")?));
        }
        if wanted("specialists") {
            figures.push(postings::specialists(store, &logs, &facts("posting")?)?);
        }
    }
    if wanted("illegal_structures") {
        figures.extend(places::structures(facts("illegal_structure")?));
    }
    if wanted("unfounded_gates") {
        figures.push(gates::unfounded(store, known.schema, &facts("gate")?)?);
    }
    if wanted("resources") {
        figures.extend(sums::resources(&facts("resource")?));
    }
    if wanted("satisfaction") {
        figures.extend(sums::satisfaction(&facts("visit")?));
    }
    let read = |kind: &&Kind| scope.reads(kind.audience) && wanted(&format!("records.{}", kind.name));
    for kind in known.schema.kinds.values().filter(read) {
        figures.extend(kinds::figures(known.schema, kind, &scope.facts(store, kind)?));
    }
    if wanted("overdue") {
        figures.extend(late::figures(store, scope, known)?);
    }
    Ok(figures)
}

impl Figure {
    fn new(name: impl Into<String>, zh: impl Into<String>, en: impl Into<String>, unit: Unit) -> Self {
        let label = Label { zh: zh.into(), en: en.into() };
        Self { name: name.into(), label, value: None, unit, unknown: 0, records: Vec::new(), silent: Vec::new() }
    }

    fn is(self, value: Option<Amount>) -> Self {
        Self { value, ..self }
    }

    /// What it counts.
    fn of(mut self, records: impl IntoIterator<Item = Counted>) -> Self {
        self.records = records.into_iter().collect();
        self.records.sort_unstable();
        self
    }

    /// How many do not say, and those of them that are records.
    fn without(mut self, unknown: u64, silent: impl IntoIterator<Item = Counted>) -> Self {
        self.unknown = unknown;
        self.silent = silent.into_iter().collect();
        self.silent.sort_unstable();
        self
    }

    /// A plain count of records.
    fn counting(self, records: impl IntoIterator<Item = Counted>) -> Self {
        let counted = self.of(records);
        let count = counted.records.len();
        counted.is(Some(Amount::count(count)))
    }
}

impl Counted {
    fn plain(fact: &FactRow) -> Self {
        Self { id: fact.id, mark: None }
    }
}
