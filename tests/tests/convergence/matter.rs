//! A matter in which three parties and the street speak at once.

use proptest::prelude::*;
use proptest::sample::Index as Pick;
use renolog_protocol::id::EntryId;
use renolog_protocol::record::{Act, Record};
use renolog_protocol::schema::{MoveName, Schema, Value};

use super::writers::{Writer, Writers, field};
use super::{Try, converges, ways};

const ROLES: [&str; 4] = ["property_manager", "owners_committee", "residents_committee", "street"];

#[derive(Debug, Clone)]
enum What {
    Note,
    Subject(u8),
    Opinion(u8),
    /// Which nobody may, but it can be written.
    OpinionOfAnother(u8),
    SignOff(bool),
    Move(Pick),
}

fn tries() -> impl Strategy<Value = Vec<Try<What>>> {
    let what = prop_oneof![
        Just(What::Note),
        any::<u8>().prop_map(What::Subject),
        any::<u8>().prop_map(What::Opinion),
        any::<u8>().prop_map(What::OpinionOfAnother),
        any::<bool>().prop_map(What::SignOff),
        any::<Pick>().prop_map(What::Move),
        any::<Pick>().prop_map(What::Move),
    ];
    super::tries(ROLES.len(), what, 4..28)
}

impl What {
    fn act(&self, writer: &Writer, seen: &Record, id: EntryId) -> Act {
        let schema = Schema::built_in();
        let own = schema.roles[&writer.role].party.to_string();
        let put = |name, key: &str, part, value| {
            let entry = [(field(part), value)].into();
            Act::Put { field: field(name), key: key.to_owned(), entry }
        };
        match self {
            Self::Note => Act::note(id.clone(), &format!("第{id}句")),
            Self::Subject(text) => {
                Act::Write { field: field("subject"), text: format!("停车位{}", "划线".repeat(1 + usize::from(text % 3))) }
            }
            Self::Opinion(text) => put("opinions", &own, "text", Value::Text(format!("意见{}", text % 3))),
            Self::OpinionOfAnother(text) => {
                let another = ["property_manager", "owners_committee"].into_iter().find(|party| *party != own).unwrap();
                put("opinions", another, "text", Value::Text(format!("意见{}", text % 3)))
            }
            Self::SignOff(agreed) => put("sign_offs", &own, "agreed", Value::YesNo(*agreed)),
            Self::Move(pick) => {
                let moves: Vec<&MoveName> = schema.kinds["matter"].moves.keys().collect();
                let name = (*pick.get(&moves)).clone();
                let reason = schema.kinds["matter"].moves[&name].reason.then(|| "情况有变".to_owned());
                Act::Move { id, name, follows: seen.latest_moves(), reason }
            }
        }
    }
}

fn write(tries: &[Try<What>]) -> Writers {
    let mut writers = Writers::of(&ROLES);
    let matter = writers.make(0, "matter", vec![(field("subject"), Value::from("停车位"))]);
    for one in tries {
        one.reads.into_iter().for_each(|other| writers.read(one.who, other));
        writers.say(one.who, matter, |writer, seen, id| one.what.act(writer, seen, id));
    }
    writers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_any_grouping_give_the_same_record(tries in tries(), way in ways()) {
        converges(&write(&tries), &way)?;
    }
}
