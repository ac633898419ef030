//! Votes at their thresholds, and ballots that say different things of one household.

use proptest::prelude::*;

use super::*;
use crate::schema::{Schema, Votes};

const UNIT_CM2: u64 = 900_000;

fn closed(class: &str, units: u64) -> Question {
    let votes = &Schema::built_in().votes;
    Question { quorum: votes.quorum, needed: votes.classes[class], units, area_cm2: units * UNIT_CM2, closed: true }
}

fn ballot(unit: &str, choice: Choice) -> Ballot {
    Ballot { unit: unit.into(), owner: None, area_cm2: UNIT_CM2, choice, disputed: false }
}

fn ballots(agree: u64, disagree: u64) -> Vec<Ballot> {
    let choice = |number| if number < agree { Choice::Agree } else { Choice::Disagree };
    (0..agree + disagree).map(|number| ballot(&number.to_string(), choice(number))).collect()
}

/// So many heads, and so much area that they have between them.
fn side(name: &str, choice: Choice, heads: u64, area_cm2: u64) -> impl Iterator<Item = Ballot> {
    let area = move |number| if number == 0 { area_cm2 - (heads - 1) } else { 1 };
    (0..heads).map(move |number| Ballot { area_cm2: area(number), ..ballot(&format!("{name}{number}"), choice) })
}

fn outcome(question: &Question, agree: (u64, u64), rest: (u64, u64)) -> Outcome {
    let agreeing = side("a", Choice::Agree, agree.0, agree.1);
    let votes: Vec<Ballot> = agreeing.chain(side("r", Choice::Disagree, rest.0, rest.1)).collect();
    let counted = tally(question, &votes);
    assert_eq!((counted.as_counted, counted.certain), (counted.outcome, true), "nothing was set aside");
    counted.outcome
}

#[test]
fn the_built_in_majorities_are_those_of_the_civil_code() {
    assert_eq!(Schema::built_in().votes, Votes::default());
}

/// 叶青苑 and 勤丰: each threshold by head and by area, one below it, at it and one above, while the other side has plenty.
#[test]
fn thresholds_hold_at_their_boundaries_by_head_and_by_area() {
    for (units, quorum, major, ordinary) in [(211, 141, 106, 71), (474, 316, 237, 159)] {
        for (class, needed) in [("major", major), ("ordinary", ordinary)] {
            let question = closed(class, units);
            assert_eq!((question.quorum.of(units), question.needed.of(quorum)), (quorum, needed), "{units} {class}");
            let all = question.area_cm2;
            let area_quorum = question.quorum.of(all);
            let area_needed = question.needed.of(area_quorum);
            for (off, expected) in [(-1, Outcome::Failed), (0, Outcome::Passed), (1, Outcome::Passed)] {
                let near = |number: u64| number.saturating_add_signed(off);
                for (what, got) in [
                    ("heads taking part", outcome(&question, (near(quorum), all), (0, 0))),
                    ("heads agreeing", outcome(&question, (near(needed), all - units), (quorum - near(needed), units))),
                    ("area taking part", outcome(&question, (units, near(area_quorum)), (0, 0))),
                    ("area agreeing", outcome(&question, (units - 1, near(area_needed)), (1, area_quorum - near(area_needed)))),
                ] {
                    assert_eq!(got, expected, "{units} {class}: {what}, {off:+}");
                }
            }
        }
    }
}

#[test]
fn another_district_may_have_another_law() {
    let question = Question { quorum: Threshold::MoreThan([1, 2]), needed: Threshold::AtLeast([5, 6]), ..closed("major", 12) };
    for (agree, disagree, expected) in
        [(6, 0, Outcome::Failed), (7, 0, Outcome::Passed), (7, 1, Outcome::Passed), (8, 2, Outcome::Failed)]
    {
        assert_eq!(tally(&question, &ballots(agree, disagree)).outcome, expected, "{agree} and {disagree}");
    }
    assert_eq!(Threshold::AtLeast([2, 3]).of(u64::MAX), 12_297_829_382_473_034_410, "nothing overflows");
    let [major, ordinary] = ["major", "ordinary"].map(|class| closed(class, 1).needed);
    assert_eq!((major.of(0), ordinary.of(0)), (0, 1), "of nobody, nobody is more than half");
}

#[test]
fn one_owner_of_several_units_is_one_head() {
    let mut votes = ballots(6, 0);
    votes.iter_mut().take(3).for_each(|ballot| ballot.owner = Some("王".into()));
    let counted = tally(&closed("ordinary", 9), &votes);
    assert_eq!((counted.heads.all, counted.heads.taking_part), (7, 4));
    assert_eq!(counted.heads.quorum, 5);
    assert_eq!(counted.outcome, Outcome::Failed, "six units, but four heads of seven");
}

#[test]
fn the_same_household_twice() {
    let mut same = ballots(6, 0);
    same.push(same[0].clone());
    let counted = tally(&closed("ordinary", 9), &same);
    assert_eq!((counted.heads.taking_part, counted.set_aside.len()), (6, 0));
    let mut different = same.clone();
    different.push(ballot("0", Choice::Disagree));
    let counted = tally(&closed("ordinary", 9), &different);
    assert_eq!(counted.set_aside, BTreeSet::from(["0".to_owned()]));
    assert_eq!((counted.outcome, counted.as_counted, counted.certain), (Outcome::Open, Outcome::Failed, false));
    assert_eq!(counted.hangs_on, counted.set_aside, "without that household the quorum of six is not reached");
    different.extend(ballots(8, 0));
    let counted = tally(&closed("ordinary", 9), &different);
    assert_eq!(counted.outcome, Outcome::Passed, "now it holds whatever that household said");
    assert!(counted.certain && counted.hangs_on.is_empty() && counted.set_aside.len() == 1);
}

/// One household that was noted down twice is one head, whatever else differs between the two.
#[test]
fn a_household_noted_down_twice_never_counts_as_two() {
    let noted =
        |owner: Option<&str>, area_cm2| Ballot { owner: owner.map(str::to_owned), area_cm2, ..ballot("0", Choice::Agree) };
    for (what, one, other, set_aside) in [
        ("its owner named once", noted(None, UNIT_CM2), noted(Some("王"), UNIT_CM2), 0),
        ("another owner", noted(Some("李"), UNIT_CM2), noted(Some("王"), UNIT_CM2), 1),
        ("another area", noted(None, UNIT_CM2), noted(None, UNIT_CM2 + 1), 1),
    ] {
        let votes = [one, other, ballot("1", Choice::Agree), ballot("2", Choice::Agree)];
        let counted = tally(&closed("ordinary", 9), &votes);
        assert_eq!((counted.heads.all, counted.heads.taking_part), (9, 3 - set_aside), "{what}");
        assert_eq!(counted.set_aside.len() as u64, set_aside, "{what}");
    }
}

#[test]
fn an_owner_who_votes_this_way_and_that_is_what_it_hangs_on() {
    let mut votes = ballots(4, 3);
    [3, 4].into_iter().for_each(|number: usize| votes[number].owner = Some("王".into()));
    let counted = tally(&closed("ordinary", 8), &votes);
    assert_eq!((counted.heads.all, counted.heads.agreeing, counted.heads.taking_part), (7, 3, 5));
    assert_eq!((counted.outcome, counted.as_counted), (Outcome::Open, Outcome::Passed), "of six heads, three or four agree");
    assert_eq!(counted.hangs_on, ["3", "4"].map(str::to_owned).into());
    assert!(counted.set_aside.is_empty(), "of each unit it is clear what was said");
}

#[test]
fn area_and_heads_must_both_agree() {
    let mut votes = ballots(8, 1);
    votes[8].area_cm2 = 100 * UNIT_CM2;
    let question = Question { area_cm2: 108 * UNIT_CM2, ..closed("ordinary", 9) };
    assert_eq!(tally(&question, &votes).outcome, Outcome::Failed);
}

#[test]
fn a_vote_under_way_is_open_until_nothing_can_turn_it() {
    let open = Question { closed: false, ..closed("ordinary", 9) };
    assert_eq!(tally(&open, &ballots(4, 0)).outcome, Outcome::Open);
    assert_eq!(tally(&open, &ballots(6, 0)).outcome, Outcome::Passed, "three more cannot outvote six");
    assert_eq!(tally(&open, &ballots(0, 5)).outcome, Outcome::Failed, "four more cannot outvote five");
}

/// Votes of 14 units, some of them noted down more than once.
fn votes(owners: bool) -> impl Strategy<Value = Vec<Ballot>> {
    let choice = prop_oneof![3 => Just(Choice::Agree), 1 => Just(Choice::Disagree), 1 => Just(Choice::Abstain)];
    let owner = (0..12_u8).prop_map(move |owner| (owners && owner < 3).then(|| format!("王{owner}")));
    let one = (0..14_u8, owner, choice, prop::bool::weighted(0.1));
    let one = one.prop_map(|(unit, owner, choice, disputed)| Ballot { owner, disputed, ..ballot(&unit.to_string(), choice) });
    prop::collection::vec(one, 1..24)
}

fn question() -> impl Strategy<Value = Question> {
    (any::<bool>(), any::<bool>()).prop_map(|(major, is_closed)| {
        let class = if major { "major" } else { "ordinary" };
        Question { closed: is_closed, ..closed(class, 14) }
    })
}

proptest! {
    /// In any order, and however often each ballot comes.
    #[test]
    fn a_count_is_the_same_in_any_order_and_with_repeats(
        question in question(),
        votes in votes(true),
        keys in prop::collection::vec(any::<u32>(), 48),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
    ) {
        let repeated = again.iter().map(|index| index.get(&votes));
        let mut others: Vec<(u32, &Ballot)> = keys.into_iter().zip(votes.iter().chain(repeated)).collect();
        others.sort_by_key(|(key, _)| *key);
        let others: Vec<Ballot> = others.into_iter().map(|(_, vote)| vote.clone()).collect();
        prop_assert_eq!(tally(&question, &others), tally(&question, &votes));
    }

    /// What is called certain comes out so when of every unit that was set aside one ballot is upheld, or none.
    #[test]
    fn what_is_certain_holds_however_it_is_resolved(
        question in question(),
        votes in votes(false),
        upheld in prop::collection::vec(any::<prop::sample::Index>(), 14),
    ) {
        let counted = tally(&question, &votes);
        let mut resolved: Vec<Ballot> = Vec::new();
        for (unit, pick) in (0..14).map(|unit: u8| unit.to_string()).zip(&upheld) {
            let of_unit: Vec<&Ballot> = votes.iter().filter(|vote| vote.unit == unit).collect();
            if counted.set_aside.contains(&unit) {
                let one = of_unit.get(pick.index(of_unit.len() + 1));
                resolved.extend(one.map(|vote| Ballot { disputed: false, ..(*vote).clone() }));
            } else {
                resolved.extend(of_unit.into_iter().cloned());
            }
        }
        let settled = tally(&Question { closed: true, ..question }, &resolved);
        prop_assert!(settled.certain && settled.set_aside.is_empty());
        if counted.certain {
            prop_assert_eq!(settled.outcome, counted.outcome, "{:?}", resolved);
        }
    }
}
