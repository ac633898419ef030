//! Counting the owners' votes on a motion, on a device and on the server alike (Civil Code of the PRC, art. 278 and 1259).
//!
//! Owners holding a quorum of the area **and** of the heads must take part, and of both a part must agree that depends on
//! what is decided; which parts, the schema says ([`crate::schema::Votes`]). One unit is one head; one owner of several
//! units is one head.
//!
//! Ballots that contradict each other or are disputed are set aside, and the result is *certain* only if it holds however
//! they are resolved. Integer arithmetic throughout: no rounding decides a vote.
//!
//! ```
//! use renolog_protocol::schema::Schema;
//!
//! // 叶青苑: 211 households.
//! let votes = &Schema::built_in().votes;
//! assert_eq!(votes.quorum.of(211), 141);
//! assert_eq!(votes.classes["major"].of(141), 106);
//! assert_eq!(votes.classes["ordinary"].of(141), 71);
//! ```

mod reading;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::schema::Threshold;

pub use reading::{ballots, is_closed, question};

/// What an owner may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Takes part, and agrees.
    Agree,
    /// Takes part, and does not.
    Disagree,
    /// Takes part, and says neither; counts as not agreeing.
    Abstain,
}

/// One ballot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ballot {
    /// The unit it is for.
    pub unit: String,
    /// The owner, where one owner has several units.
    pub owner: Option<String>,
    /// The unit's exclusive area in square centimetres.
    pub area_cm2: u64,
    /// What it says.
    pub choice: Choice,
    /// Whether it is in dispute; void ballots are not handed in here at all.
    pub disputed: bool,
}

/// What is voted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// How many of all must take part.
    pub quorum: Threshold,
    /// How many of those taking part must agree.
    pub needed: Threshold,
    /// Units in all.
    pub units: u64,
    /// Exclusive area in all, in square centimetres; at most 10¹⁴, so that no product below overflows.
    pub area_cm2: u64,
    /// Whether voting is over. Until then, whoever has not voted may still.
    pub closed: bool,
}

/// The count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tally {
    /// By head.
    pub heads: Count,
    /// By area, in square centimetres.
    pub area_cm2: Count,
    /// What follows, however what was set aside is resolved and whoever still votes; open if that can turn it.
    pub outcome: Outcome,
    /// What would follow if nothing more were counted than is counted above.
    pub as_counted: Outcome,
    /// Whether nothing can turn it any more.
    pub certain: bool,
    /// Units whose ballots contradict each other or are disputed: not counted above.
    pub set_aside: BTreeSet<String>,
    /// Units on which it hangs: those set aside, and those of owners who voted one way for one unit and another way for
    /// another. Empty once the result is certain.
    pub hangs_on: BTreeSet<String>,
}

/// One of the two counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Count {
    /// In all.
    pub all: u64,
    /// Taking part.
    pub taking_part: u64,
    /// Agreeing.
    pub agreeing: u64,
    /// How many must take part.
    pub quorum: u64,
    /// How many of those taking part must agree.
    pub needed: u64,
}

/// What follows from a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Outcome {
    /// Passed, however what was set aside is resolved.
    Passed,
    /// Failed, however what was set aside is resolved.
    Failed,
    /// Not decided: it hangs on what was set aside, or on votes still to come.
    Open,
}

/// What a head or unit may turn out to have said; nothing: not taking part.
type Possible = BTreeSet<Option<Choice>>;

/// Counts `ballots`, in any order; a ballot handed in twice counts once.
pub fn tally(question: &Question, ballots: &[Ballot]) -> Tally {
    let units = by_unit(ballots);
    let heads = by_head(&units);
    let is_open = |said: &Possible| said.len() > 1;
    let names = |open: &dyn Fn(&Unit<'_>) -> bool| -> BTreeSet<String> {
        units.iter().filter(|(_, unit)| open(unit)).map(|(name, _)| (*name).to_owned()).collect()
    };
    // An owner of several units is one head fewer for each unit after the first.
    let all_heads = question.units.saturating_sub((units.len() - heads.len()) as u64);
    let by_heads = Side::new(question, all_heads, heads.values().map(|said| (said, 1)));
    let by_area = Side::new(question, question.area_cm2, units.values().map(|unit| (&unit.said, unit.area_cm2)));
    let sides = [&by_heads, &by_area];
    let outcome = if sides.iter().all(|side| side.passes_at_worst(question.closed)) {
        Outcome::Passed
    } else if sides.iter().any(|side| side.fails_at_best(question.closed)) {
        Outcome::Failed
    } else {
        Outcome::Open
    };
    let as_counted = if sides.iter().all(|side| side.passes()) { Outcome::Passed } else { Outcome::Failed };
    let certain = outcome != Outcome::Open;
    Tally {
        outcome,
        as_counted,
        certain,
        set_aside: names(&|unit| is_open(&unit.said)),
        hangs_on: names(&|unit| !certain && (is_open(&unit.said) || is_open(&heads[&unit.head]))),
        heads: by_heads.count,
        area_cm2: by_area.count,
    }
}

/// Whose vote a unit's is: its owner's, or its own where it names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Head<'a> {
    Unit(&'a str),
    Owner(&'a str),
}

struct Unit<'a> {
    said: Possible,
    area_cm2: u64,
    head: Head<'a>,
}

fn by_unit(ballots: &[Ballot]) -> BTreeMap<&str, Unit<'_>> {
    let mut by_unit: BTreeMap<&str, Vec<&Ballot>> = BTreeMap::new();
    for ballot in ballots {
        by_unit.entry(&ballot.unit).or_default().push(ballot);
    }
    by_unit.into_iter().map(|(name, ballots)| (name, unit(name, &ballots))).collect()
}

/// What the ballots of one unit come to. Where they contradict each other, in what they say, whose it is or how large, each of
/// them may turn out void.
fn unit<'a>(name: &'a str, ballots: &[&'a Ballot]) -> Unit<'a> {
    let mut said: Possible = ballots.iter().map(|ballot| Some(ballot.choice)).collect();
    let owners: BTreeSet<&str> = ballots.iter().filter_map(|ballot| ballot.owner.as_deref()).collect();
    let areas: BTreeSet<u64> = ballots.iter().map(|ballot| ballot.area_cm2).collect();
    let contradict = said.len() > 1 || owners.len() > 1 || areas.len() > 1;
    if contradict || ballots.iter().any(|ballot| ballot.disputed) {
        said.insert(None);
    }
    let head = match owners.first() {
        Some(owner) if owners.len() == 1 => Head::Owner(owner),
        _ => Head::Unit(name),
    };
    Unit { said, area_cm2: areas.last().copied().unwrap_or(0), head }
}

fn by_head<'a>(units: &BTreeMap<&str, Unit<'a>>) -> BTreeMap<Head<'a>, Possible> {
    let mut heads: BTreeMap<Head<'a>, Possible> = BTreeMap::new();
    for unit in units.values() {
        heads.entry(unit.head).or_default().extend(&unit.said);
    }
    heads
}

/// Heads or area: sums of what is known, and of what every unresolved one adds at best and at worst.
struct Side {
    needed: Threshold,
    count: Count,
    /// Not voted yet.
    silent: u64,
    /// Unresolved: the least and most that may take part, and the least and most margin of agreement.
    unresolved: Range,
}

#[derive(Default)]
struct Range {
    least_part: u64,
    most_part: u64,
    least_margin: i128,
    most_margin: i128,
}

impl Side {
    fn new<'a>(question: &Question, all: u64, said: impl Iterator<Item = (&'a Possible, u64)>) -> Self {
        let needed = question.needed;
        let (mut taking_part, mut agreeing, mut open) = (0, 0, 0);
        let mut unresolved = Range::default();
        for (possible, weight) in said {
            if possible.len() == 1 {
                taking_part += weight;
                agreeing += if possible.contains(&Some(Choice::Agree)) { weight } else { 0 };
                continue;
            }
            open += weight;
            let margins = possible.iter().map(|said| margin(needed, *said) * i128::from(weight));
            unresolved.least_margin += margins.clone().min().unwrap_or(0);
            unresolved.most_margin += margins.max().unwrap_or(0);
            unresolved.least_part += if possible.contains(&None) { 0 } else { weight };
            unresolved.most_part += weight;
        }
        let count = Count { all, taking_part, agreeing, quorum: question.quorum.of(all), needed: needed.of(taking_part) };
        Self { needed, count, silent: all.saturating_sub(taking_part + open), unresolved }
    }

    /// How far agreement is above what is needed.
    fn margin(&self) -> i128 {
        let (agreeing, others) = (self.count.agreeing, self.count.taking_part - self.count.agreeing);
        self.needed.margin(agreeing.into(), others.into())
    }

    fn passes(&self) -> bool {
        self.count.taking_part >= self.count.quorum && self.margin() >= self.needed.enough()
    }

    fn passes_at_worst(&self, closed: bool) -> bool {
        let silent = if closed { 0 } else { i128::from(self.silent) * margin(self.needed, Some(Choice::Disagree)) };
        self.count.taking_part + self.unresolved.least_part >= self.count.quorum
            && self.margin() + self.unresolved.least_margin + silent >= self.needed.enough()
    }

    fn fails_at_best(&self, closed: bool) -> bool {
        let silent = if closed { 0 } else { self.silent };
        let margin = self.margin() + self.unresolved.most_margin + i128::from(silent) * margin(self.needed, Some(Choice::Agree));
        self.count.taking_part + self.unresolved.most_part + silent < self.count.quorum || margin < self.needed.enough()
    }
}

/// What one vote adds to the margin.
fn margin(needed: Threshold, said: Option<Choice>) -> i128 {
    match said {
        None => 0,
        Some(Choice::Agree) => needed.margin(1, 0),
        Some(Choice::Disagree | Choice::Abstain) => needed.margin(0, 1),
    }
}
