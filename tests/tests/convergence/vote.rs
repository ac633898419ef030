//! A vote: two members of the owners' committee and one of the residents' committee collect ballots apart, for the same few
//! units; some are witnessed, disputed, verified or void, and the figures of the motion are typed twice.

use proptest::prelude::*;
use proptest::sample::Index as Pick;
use renolog_protocol::id::{EntryId, RecordId};
use renolog_protocol::record::{Act, Record};
use renolog_protocol::schema::{FieldName, MoveName, Schema, Value};

use super::writers::{Writers, field};
use super::{Try, converges, ways};

const ROLES: [&str; 4] = ["owners_committee", "owners_committee", "residents_committee", "street"];
const UNITS: i64 = 5;
const UNIT_CM2: i64 = 900_000;

#[derive(Debug, Clone)]
enum What {
    /// How many units there are in all.
    Units(u8),
    /// The motion goes on.
    Motion(Pick),
    Ballot {
        unit: u8,
        owner: u8,
        choice: &'static str,
    },
    Witness(Pick),
    Ruling(Pick, Pick),
}

fn tries() -> impl Strategy<Value = Vec<Try<What>>> {
    let choices = prop::sample::select(vec!["agree", "agree", "disagree", "abstain"]);
    let what = prop_oneof![
        1 => any::<u8>().prop_map(What::Units),
        3 => any::<Pick>().prop_map(What::Motion),
        6 => (0..UNITS as u8, 0..3_u8, choices).prop_map(|(unit, owner, choice)| What::Ballot { unit, owner, choice }),
        3 => any::<Pick>().prop_map(What::Witness),
        4 => (any::<Pick>(), any::<Pick>()).prop_map(|(ballot, step)| What::Ruling(ballot, step)),
    ];
    super::tries(ROLES.len(), what, 8..32)
}

fn whole(units: i64) -> Vec<(FieldName, Value)> {
    vec![(field("units"), Value::from(units)), (field("area_cm2"), Value::from(units * UNIT_CM2))]
}

fn ballot(motion: RecordId, unit: u8, owner: u8, choice: &str) -> Vec<(FieldName, Value)> {
    let text = |name, text: String| (field(name), Value::Text(text));
    let mut values = vec![
        text("motion", motion.to_string()),
        text("unit", format!("1-{unit}01")),
        (field("area_cm2"), Value::from(UNIT_CM2)),
        text("choice", choice.to_owned()),
        text("channel", "door".to_owned()),
    ];
    // Some who live there own more than one.
    values.extend((owner > 0).then(|| text("owner", format!("业主{owner}"))));
    values
}

fn step(pick: &Pick, kind: &str, seen: &Record, id: EntryId) -> Act {
    let schema = Schema::built_in();
    let moves: Vec<&MoveName> = schema.kinds[kind].moves.keys().collect();
    let name = (*pick.get(&moves)).clone();
    let reason = schema.kinds[kind].moves[&name].reason.then(|| "情况有变".to_owned());
    Act::Move { id, name, follows: seen.latest_moves(), reason }
}

fn write(tries: &[Try<What>]) -> Writers {
    let mut writers = Writers::of(&ROLES);
    let says = [(field("text"), Value::from("加装电梯")), (field("class"), Value::from("ordinary"))];
    let motion = writers.make(0, "motion", says.into_iter().chain(whole(UNITS)).collect());
    let mut ballots = vec![writers.make(0, "ballot", ballot(motion, 0, 0, "agree"))];
    for Try { who, reads, what } in tries {
        reads.iter().for_each(|other| writers.read(*who, *other));
        match what {
            What::Units(more) => {
                let act = Act::Set { field: field("units"), value: Value::from(UNITS + i64::from(more % 3)) };
                writers.say(*who, motion, |_, _, _| act);
            }
            What::Motion(pick) => writers.say(*who, motion, |_, seen, id| step(pick, "motion", seen, id)),
            What::Ballot { unit, owner, choice } => {
                ballots.push(writers.make(*who, "ballot", ballot(motion, *unit, *owner, choice)));
            }
            What::Witness(pick) => {
                let entry = [(field("seen"), Value::YesNo(true))].into();
                let act = Act::Put { field: field("witness"), key: "residents_committee".to_owned(), entry };
                writers.say(*who, *pick.get(&ballots), |_, _, _| act);
            }
            What::Ruling(pick, taken) => {
                writers.say(*who, *pick.get(&ballots), |_, seen, id| step(taken, "ballot", seen, id));
            }
        }
    }
    writers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_any_grouping_and_any_repetition_give_the_same_count(tries in tries(), way in ways()) {
        converges(&write(&tries), &way)?;
    }
}
