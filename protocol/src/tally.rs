//! Counting the owners' votes on a motion (Civil Code of the PRC, art. 278; "以上" includes the figure, art. 1259).
//!
//! Owners holding at least two thirds of the area **and** two thirds by head must take part. A *major* matter — raising repair
//! funds, rebuilding, changing the use of common parts — needs three quarters of the participating area and heads, an
//! *ordinary* one more than half of both. One unit is one head; one owner of several units is one head.
//!
//! Ballots that contradict each other or are disputed are set aside, and the result is *certain* only if it holds however
//! they are resolved. Integer arithmetic throughout: no rounding decides a vote.
//!
//! ```
//! use renolog_protocol::tally::{Class, agreement_needed, quorum};
//!
//! // 叶青苑: 211 households.
//! assert_eq!(quorum(211), 141);
//! assert_eq!(agreement_needed(Class::Major, 141), 106);
//! assert_eq!(agreement_needed(Class::Ordinary, 141), 71);
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// What kind of matter is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// More than half.
    Ordinary,
    /// Three quarters.
    Major,
}

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
    /// What kind of matter.
    pub class: Class,
    /// Units in all.
    pub units: u64,
    /// Exclusive area in all, in square centimetres; at most 10¹⁴, so that no product below overflows.
    pub area_cm2: u64,
    /// Whether voting is over. Until then, whoever has not voted may still.
    pub closed: bool,
}

/// The count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// By head.
    pub heads: Count,
    /// By area, in square centimetres.
    pub area_cm2: Count,
    /// What follows.
    pub outcome: Outcome,
    /// Units whose ballots contradict each other or are disputed: not counted above.
    pub set_aside: BTreeSet<String>,
}

/// One of the two counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
pub enum Outcome {
    /// Passed, however what was set aside is resolved.
    Passed,
    /// Failed, however what was set aside is resolved.
    Failed,
    /// Not decided: it hangs on what was set aside, or on votes still to come.
    Open,
}

/// The least that is at least two thirds.
pub fn quorum(all: u64) -> u64 {
    (2 * all).div_ceil(3)
}

/// How many of `taking_part` must agree.
pub fn agreement_needed(class: Class, taking_part: u64) -> u64 {
    match class {
        Class::Major => (3 * taking_part).div_ceil(4),
        Class::Ordinary => taking_part / 2 + 1,
    }
}

/// What a head or unit may turn out to have said; nothing: not taking part.
type Possible = BTreeSet<Option<Choice>>;

/// Counts `ballots`, in any order; a ballot handed in twice counts once.
pub fn tally(question: &Question, ballots: &[Ballot]) -> Tally {
    let units = by_unit(ballots);
    let heads = by_head(ballots, &units);
    let set_aside = units.iter().filter(|(_, unit)| unit.said.len() > 1).map(|(name, _)| (*name).to_owned()).collect();
    // An owner of several units is one head fewer for each unit after the first.
    let all_heads = question.units.saturating_sub((units.len() - heads.len()) as u64);
    let counted = |said: &Possible| said.len() == 1;
    let by_heads = Side::new(question.class, all_heads, heads.values().map(|said| (said, 1)), counted);
    let area = units.values().map(|unit| (&unit.said, unit.area_cm2));
    let by_area = Side::new(question.class, question.area_cm2, area, counted);
    let sides = [&by_heads, &by_area];
    let outcome = if sides.iter().all(|side| side.passes_at_worst(question.closed)) {
        Outcome::Passed
    } else if sides.iter().any(|side| side.fails_at_best(question.closed)) {
        Outcome::Failed
    } else {
        Outcome::Open
    };
    Tally { heads: by_heads.count, area_cm2: by_area.count, outcome, set_aside }
}

struct Unit {
    said: Possible,
    area_cm2: u64,
}

fn by_unit(ballots: &[Ballot]) -> BTreeMap<&str, Unit> {
    let mut units: BTreeMap<&str, Unit> = BTreeMap::new();
    for ballot in ballots {
        let unit = units.entry(&ballot.unit).or_insert(Unit { said: Possible::new(), area_cm2: 0 });
        unit.said.insert(Some(ballot.choice));
        if ballot.disputed {
            unit.said.insert(None);
        }
        unit.area_cm2 = unit.area_cm2.max(ballot.area_cm2);
    }
    for unit in units.values_mut().filter(|unit| unit.said.len() > 1) {
        // Two different ballots may both turn out void.
        unit.said.insert(None);
    }
    units
}

fn by_head<'a>(ballots: &'a [Ballot], units: &BTreeMap<&str, Unit>) -> BTreeMap<(bool, &'a str), Possible> {
    let mut heads: BTreeMap<(bool, &str), Possible> = BTreeMap::new();
    for ballot in ballots {
        let head = ballot.owner.as_deref().map_or((false, ballot.unit.as_str()), |owner| (true, owner));
        heads.entry(head).or_default().extend(units[ballot.unit.as_str()].said.iter().copied());
    }
    heads
}

/// Heads or area: sums of what is known, and of what every unresolved one adds at best and at worst.
struct Side {
    class: Class,
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
    fn new<'a>(
        class: Class,
        all: u64,
        said: impl Iterator<Item = (&'a Possible, u64)>,
        counted: impl Fn(&Possible) -> bool,
    ) -> Self {
        let (mut taking_part, mut agreeing, mut open) = (0, 0, 0);
        let mut unresolved = Range::default();
        for (possible, weight) in said {
            if counted(possible) {
                taking_part += weight;
                agreeing += if possible.contains(&Some(Choice::Agree)) { weight } else { 0 };
                continue;
            }
            open += weight;
            let margins = possible.iter().map(|said| margin(class, *said) * i128::from(weight));
            unresolved.least_margin += margins.clone().min().unwrap_or(0);
            unresolved.most_margin += margins.max().unwrap_or(0);
            unresolved.least_part += if possible.contains(&None) { 0 } else { weight };
            unresolved.most_part += weight;
        }
        let count = Count { all, taking_part, agreeing, quorum: quorum(all), needed: agreement_needed(class, taking_part) };
        Self { class, count, silent: all.saturating_sub(taking_part + open), unresolved }
    }

    /// How far agreement is above what is needed, in units that keep whole numbers whole; passes from `least_passing` on.
    fn margin(&self) -> i128 {
        let (agree, rest) = (i128::from(self.count.agreeing), i128::from(self.count.taking_part - self.count.agreeing));
        agree * margin(self.class, Some(Choice::Agree)) + rest * margin(self.class, Some(Choice::Disagree))
    }

    fn passes_at_worst(&self, closed: bool) -> bool {
        let silent = if closed { 0 } else { i128::from(self.silent) * margin(self.class, Some(Choice::Disagree)) };
        self.count.taking_part + self.unresolved.least_part >= self.count.quorum
            && self.margin() + self.unresolved.least_margin + silent >= least_passing(self.class)
    }

    fn fails_at_best(&self, closed: bool) -> bool {
        let silent = if closed { 0 } else { self.silent };
        let margin = self.margin() + self.unresolved.most_margin + i128::from(silent) * margin(self.class, Some(Choice::Agree));
        self.count.taking_part + self.unresolved.most_part + silent < self.count.quorum || margin < least_passing(self.class)
    }
}

/// What one vote adds to the margin. Major: agreeing ≥ ¾ of all taking part ⇔ 1·agree − 3·rest ≥ 0. Ordinary: agreeing > ½ ⇔
/// agree − rest ≥ 1.
fn margin(class: Class, said: Option<Choice>) -> i128 {
    match (class, said) {
        (_, None) => 0,
        (_, Some(Choice::Agree)) => 1,
        (Class::Major, Some(_)) => -3,
        (Class::Ordinary, Some(_)) => -1,
    }
}

fn least_passing(class: Class) -> i128 {
    match class {
        Class::Major => 0,
        Class::Ordinary => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT_CM2: u64 = 900_000;

    fn ballots(agree: u64, disagree: u64) -> Vec<Ballot> {
        let one = |number: u64| Ballot {
            unit: format!("{number}"),
            owner: None,
            area_cm2: UNIT_CM2,
            choice: if number < agree { Choice::Agree } else { Choice::Disagree },
            disputed: false,
        };
        (0..agree + disagree).map(one).collect()
    }

    fn closed(class: Class, units: u64) -> Question {
        Question { class, units, area_cm2: units * UNIT_CM2, closed: true }
    }

    /// 叶青苑 and 勤丰, each threshold at its boundary, one below and one above.
    #[test]
    fn thresholds_hold_at_their_boundaries() {
        for (units, quorum, major, ordinary) in [(211, 141, 106, 71), (474, 316, 237, 159)] {
            for (class, needed) in [(Class::Major, major), (Class::Ordinary, ordinary)] {
                for (agree, taking_part, outcome) in [
                    (needed, quorum, Outcome::Passed),
                    (needed - 1, quorum, Outcome::Failed),
                    (needed + 1, quorum, Outcome::Passed),
                    (quorum - 1, quorum - 1, Outcome::Failed),
                    (quorum, quorum, Outcome::Passed),
                    (quorum + 1, quorum + 1, Outcome::Passed),
                ] {
                    let counted = tally(&closed(class, units), &ballots(agree, taking_part - agree));
                    assert_eq!(counted.outcome, outcome, "{units} {class:?}: {agree} of {taking_part}");
                    assert_eq!((counted.heads.quorum, counted.heads.agreeing), (quorum, agree));
                }
            }
        }
    }

    #[test]
    fn one_owner_of_several_units_is_one_head() {
        let mut votes = ballots(6, 0);
        votes.iter_mut().take(3).for_each(|ballot| ballot.owner = Some("王".into()));
        let counted = tally(&closed(Class::Ordinary, 9), &votes);
        assert_eq!((counted.heads.all, counted.heads.taking_part), (7, 4));
        assert_eq!(counted.heads.quorum, 5);
        assert_eq!(counted.outcome, Outcome::Failed, "six units, but four heads of seven");
    }

    #[test]
    fn the_same_household_twice() {
        let mut same = ballots(6, 0);
        same.push(same[0].clone());
        let counted = tally(&closed(Class::Ordinary, 9), &same);
        assert_eq!((counted.heads.taking_part, counted.set_aside.len()), (6, 0));
        let mut different = same.clone();
        different.push(Ballot { choice: Choice::Disagree, ..same[0].clone() });
        let counted = tally(&closed(Class::Ordinary, 9), &different);
        assert_eq!(counted.set_aside, BTreeSet::from(["0".to_owned()]));
        assert_eq!(counted.outcome, Outcome::Open, "without that household the quorum of six is not reached");
        different.extend(ballots(8, 0));
        let counted = tally(&closed(Class::Ordinary, 9), &different);
        assert_eq!(counted.outcome, Outcome::Passed, "now it holds whatever that household said");
    }

    #[test]
    fn area_and_heads_must_both_agree() {
        let mut votes = ballots(8, 1);
        votes[8].area_cm2 = 100 * UNIT_CM2;
        let question = Question { area_cm2: 108 * UNIT_CM2, ..closed(Class::Ordinary, 9) };
        assert_eq!(tally(&question, &votes).outcome, Outcome::Failed);
    }

    #[test]
    fn a_vote_under_way_is_open_until_nothing_can_turn_it() {
        let open = Question { closed: false, ..closed(Class::Ordinary, 9) };
        assert_eq!(tally(&open, &ballots(4, 0)).outcome, Outcome::Open);
        assert_eq!(tally(&open, &ballots(6, 0)).outcome, Outcome::Passed, "three more cannot outvote six");
        assert_eq!(tally(&open, &ballots(0, 5)).outcome, Outcome::Failed, "four more cannot outvote five");
    }
}
