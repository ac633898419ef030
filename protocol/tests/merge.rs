//! Records that several people write apart: the same changes give the same record, whatever way they came.

use proptest::prelude::*;
use renolog_protocol::change::Change;
use renolog_protocol::id::ActorId;
use renolog_protocol::record::{Act, FieldView, Record, Standing, VoidTarget};
use renolog_protocol::refusal::Code;
use renolog_protocol::schema::{MoveName, Value};

use crate::common::{Desk, NOON, Who, assert_refused, cases, entry_id, field, put, set, who, write};

// ── Any order, any grouping ───────────────────────────────────────────────────────────────────────────────────────────

/// What someone does next on their own device.
#[derive(Debug, Clone)]
enum Doing {
    Register(u8),
    Entry(u8),
    Party(bool),
    Move(u8),
    Note,
    Void(u8),
    Prose(u8, bool),
    /// Takes in everything that the others have sent so far.
    Meet,
}

fn doings() -> impl Strategy<Value = Vec<(usize, Doing)>> {
    let doing = prop_oneof![
        2 => any::<u8>().prop_map(Doing::Register),
        2 => any::<u8>().prop_map(Doing::Entry),
        2 => any::<bool>().prop_map(Doing::Party),
        4 => any::<u8>().prop_map(Doing::Move),
        1 => Just(Doing::Note),
        1 => any::<u8>().prop_map(Doing::Void),
        3 => (any::<u8>(), any::<bool>()).prop_map(|(at, cut)| Doing::Prose(at, cut)),
        3 => Just(Doing::Meet),
    ];
    prop::collection::vec((0..4_usize, doing), 1..40)
}

/// What one device makes of it, if its kind of record has such a thing.
fn act(desk: &Desk, by: &Who, doing: &Doing, name: u16) -> Option<Act> {
    let is_matter = desk.kind.name.as_str() == "matter";
    let text = |words: String| [("text", Value::Text(words))];
    Some(match doing {
        Doing::Register(n) if !is_matter => set("location", format!("{}幢", n % 4).as_str()),
        Doing::Entry(_) if !is_matter => put("findings", entry_id(name).as_str(), text(format!("第{name}条"))),
        // New ones, and those that are there again.
        Doing::Entry(n) => {
            let view = desk.view();
            let known = view.entries("actions").get(usize::from(n % 4)).map(|entry| entry.key.clone());
            put("actions", &known.unwrap_or_else(|| entry_id(name).to_string()), text(format!("第{name}条")))
        }
        Doing::Party(agreed) if is_matter => put("sign_offs", by.party.as_str(), [("agreed", (*agreed).into())]),
        Doing::Move(n) => {
            let state = desk.view().state;
            let possible: Vec<&MoveName> =
                desk.kind.moves.iter().filter(|(_, rule)| rule.from.contains(&state)).map(|(name, _)| name).collect();
            let chosen = (*possible.get(usize::from(*n) % possible.len().max(1))?).clone();
            Act::Move {
                id: entry_id(name), name: chosen, follows: desk.record.latest_moves(), reason: Some("现场情况".into())
            }
        }
        Doing::Note => Act::note(entry_id(name), "看过了"),
        Doing::Void(n) => {
            let name_of_field = if is_matter { "actions" } else { "findings" };
            let key = desk.view().entries(name_of_field).get(usize::from(*n % 4))?.key.clone();
            Act::void(entry_id(name), &VoidTarget::Entry { field: field(name_of_field), key }, "写错了")
        }
        Doing::Prose(at, cut) if is_matter => {
            let FieldView::Text(texts) = &desk.view().fields["subject"] else { panic!("a subject is text") };
            let mut letters: Vec<char> = texts.last().unwrap().value.chars().collect();
            // Two who each take away a letter may leave none.
            let at = usize::from(*at) % letters.len().max(1);
            if *cut && letters.len() > 1 {
                letters.remove(at);
            } else {
                letters.splice(at..at, format!("{name}👷🏽‍♀️é").chars());
            }
            write("subject", &letters.into_iter().collect::<String>())
        }
        _ => return None,
    })
}

/// Four people with a device each, starting from one record. Everything that any of them wrote, in the order of writing.
fn written_apart(start: &Desk, roles: [&str; 4], doings: &[(usize, Doing)]) -> Vec<(Who, Change)> {
    let people: Vec<Who> = roles.iter().zip(1..).map(|(role, n)| Who { actor: ActorId([200 + n; 16]), ..who(role) }).collect();
    let mut desks = vec![start.clone(); 4];
    let mut sent: Vec<(Who, Change)> = Vec::new();
    for (name, (person, doing)) in (100..).zip(doings) {
        let (desk, by) = (&mut desks[*person], &people[*person]);
        if let Doing::Meet = doing {
            let news: Vec<_> = sent.iter().filter(|(_, change)| !desk.record.holds(change.hash())).cloned().collect();
            news.iter().for_each(|(writer, change)| drop(desk.takes(writer, change).expect("its writer's device allowed it")));
        } else if let Some(act) = act(desk, by, doing, name)
            && let Ok(change) = desk.record.clone().write(&[act], &by.stamp(NOON))
            && desk.takes(by, &change).is_ok()
        {
            sent.push((by.clone(), change));
        }
    }
    sent
}

/// The changes in an order that respects what each was written on top of, chosen by `picks`.
fn in_some_order(start: &Desk, written: &[(Who, Change)], picks: &[prop::sample::Index]) -> Vec<(Who, Change)> {
    let mut here: Vec<_> = start.changes.iter().map(Change::hash).collect();
    let mut left: Vec<&(Who, Change)> = written.iter().collect();
    let mut ordered = Vec::new();
    for number in 0..written.len() {
        let ready: Vec<usize> = (0..left.len()).filter(|i| left[*i].1.deps().all(|dep| here.contains(&dep))).collect();
        let next = left.remove(ready[picks[number % picks.len()].index(ready.len())]);
        here.push(next.1.hash());
        ordered.push(next.clone());
    }
    ordered
}

fn json(desk: &Desk) -> String {
    serde_json::to_string(&desk.view()).unwrap()
}

fn converges(
    kind: &str,
    roles: [&str; 4],
    doings: &[(usize, Doing)],
    picks: &[prop::sample::Index],
) -> Result<(), TestCaseError> {
    let start = Desk::new(kind);
    let written = written_apart(&start, roles, doings);
    let mut as_written = start.clone();
    for (by, change) in &written {
        prop_assert!(as_written.takes(by, change).is_ok());
    }

    // One by one, as feeds deliver them: everyone reaches the same verdict, and some come twice.
    let ordered = in_some_order(&start, &written, picks);
    let mut one_by_one = start.clone();
    for (number, (by, change)) in ordered.iter().enumerate() {
        let outcome = one_by_one.takes(by, change);
        prop_assert!(outcome.is_ok(), "{outcome:?}");
        if picks[number % picks.len()].index(3) == 0 {
            one_by_one.record.apply(change).unwrap();
        }
        prop_assert!(one_by_one.record.view(&start.schema).is_some());
    }
    prop_assert_eq!(json(&one_by_one), json(&as_written));
    prop_assert_eq!(one_by_one.record.heads(), as_written.record.heads());

    // In groups, as a store that was opened again reads them.
    let mut grouped = start.clone();
    let mut all: Vec<Change> = start.changes.clone();
    for group in ordered.chunks(1 + picks[0].index(5)) {
        all.extend(group.iter().map(|(_, change)| Change::parse(change.bytes()).unwrap()));
        grouped.record = Record::rebuild(start.record.id(), &all).unwrap();
    }
    prop_assert_eq!(json(&grouped), json(&as_written));

    // The past stays as it was.
    for desk in [&one_by_one, &grouped] {
        let heads: Vec<_> = start.record.heads();
        prop_assert_eq!(desk.record.view_at(&start.schema, &heads), Some(start.view()));
    }
    // Whoever has seen everything can go on from here: no record is ever stuck.
    let state = as_written.view().state;
    if let Some(next) = start.kind.moves.iter().find(|(name, rule)| rule.from.contains(&state) && name.as_str() != "close") {
        let mut onward = as_written.clone();
        let id = entry_id(9_999);
        let reason = Some("现场情况".into());
        let act = Act::Move { id, name: next.0.clone(), follows: onward.record.latest_moves(), reason };
        onward.does(&who(next.1.by.first().unwrap().as_str()), &[act]).unwrap();
        prop_assert_eq!(&onward.view().state, &next.1.to);
    }

    let moves = as_written.view().moves.len();
    prop_assert_eq!(moves, written.iter().filter(|(_, change)| is_move(&as_written, change)).count(), "no move is lost");
    Ok(())
}

fn is_move(desk: &Desk, change: &Change) -> bool {
    desk.view().moves.iter().any(|step| step.source.change == change.hash())
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn a_matter_is_the_same_for_everyone(doings in doings(), picks in prop::collection::vec(any::<prop::sample::Index>(), 40)) {
        let parties = ["residents_committee", "property_manager", "owners_committee", "owners_committee"];
        converges("matter", parties, &doings, &picks)?;
    }

    #[test]
    fn a_rectification_is_the_same_for_everyone(doings in doings(), picks in prop::collection::vec(any::<prop::sample::Index>(), 40)) {
        converges("rectification", ["supervisor", "contractor", "specialist", "group"], &doings, &picks)?;
    }
}

// ── Hazards ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Two people who write apart, each on a copy; then both take in what the other wrote.
fn apart(start: &Desk, one: (&Who, &[Act]), other: (&Who, &[Act])) -> Desk {
    let (mut left, mut right) = (start.clone(), start.clone());
    let from_left = left.does(one.0, one.1).unwrap();
    let from_right = right.does(other.0, other.1).unwrap();
    left.takes(other.0, &from_right).unwrap();
    right.takes(one.0, &from_left).unwrap();
    assert_eq!(json(&left), json(&right));
    left
}

fn moves(desk: &Desk) -> Vec<(String, Standing)> {
    desk.view().moves.iter().map(|step| (step.name.to_string(), step.standing)).collect()
}

#[test]
fn two_close_one_matter_at_once() {
    let mut matter = Desk::new("matter").moved(&["discuss", "agree", "act"]);
    matter.sign_off("close");
    let closing = |desk: &mut Desk| [desk.a_move("close")];
    let (one, other) = (closing(&mut matter), closing(&mut matter));
    let merged = apart(&matter, (&who("property_manager"), &one), (&who("owners_committee"), &other));
    assert_eq!(merged.view().state.as_str(), "closed");
    assert_eq!(moves(&merged).iter().filter(|(name, _)| name == "close").count(), 2, "both are kept");
    assert_eq!(merged.view().superseded().count(), 1, "and one is shown as overtaken");
}

#[test]
fn one_closes_and_the_other_reopens_a_matter() {
    let mut matter = Desk::new("matter").moved(&["discuss", "agree", "act"]);
    matter.sign_off("close");
    let (close, reopen) = ([matter.a_move("close")], [matter.a_move("reopen")]);
    let merged = apart(&matter, (&who("property_manager"), &close), (&who("owners_committee"), &reopen));
    assert_eq!(merged.view().state.as_str(), "discussing", "who sends it back is heard first");
    let lost: Vec<String> = merged.view().superseded().map(|step| step.name.to_string()).collect();
    assert_eq!(lost, ["close"]);
}

#[test]
fn work_is_stopped_while_it_goes_on() {
    let start = Desk::new("rectification").moved(&["issue", "fix"]);
    let (mut left, mut right) = (start.clone(), start.clone());
    // The contractor goes on, twice, in the basement; meanwhile the supervisor stops the work.
    let submit = [left.a_move("submit")];
    left.does(&who("contractor"), &submit).unwrap();
    let verify = [left.a_move("verify")];
    left.does(&who("group"), &verify).unwrap();
    right.draw();
    right.draw();
    let stop = [right.a_move("stop_work")];
    let stopped = right.does(&who("supervisor"), &stop).unwrap();
    left.takes(&who("supervisor"), &stopped).unwrap();
    assert_eq!(left.view().state.as_str(), "stopped");
    let lost: Vec<String> = left.view().superseded().map(|step| step.name.to_string()).collect();
    assert_eq!(lost, ["submit", "verify"]);
    // Whoever sees this goes on from here.
    left.draw();
    let resume = [left.a_move("resume")];
    left.does(&who("supervisor"), &resume).unwrap();
    assert_eq!(left.view().state.as_str(), "fixing");
}

#[test]
fn a_whistle_is_escalated_while_it_is_dispatched() {
    let mut whistle = Desk::new("whistle");
    let (dispatch, escalate) = ([whistle.a_move("dispatch")], [whistle.a_move("escalate")]);
    let merged = apart(&whistle, (&who("street"), &dispatch), (&who("district"), &escalate));
    assert_eq!(merged.view().state.as_str(), "dispatched");
    assert_eq!(moves(&merged), [("escalate".into(), Standing::Stands), ("dispatch".into(), Standing::Superseded)]);
}

#[test]
fn two_opinions_typed_at_once_stay_two_opinions() {
    let matter = Desk::new("matter");
    let opinion = |party: &str, words: &str| [put("opinions", party, [("text", words.into())])];
    let merged = apart(
        &matter,
        (&who("property_manager"), &opinion("property_manager", "同意结案")),
        (&who("owners_committee"), &opinion("owners_committee", "不同意结案")),
    );
    let view = merged.view();
    let said: Vec<(&str, String)> = view
        .entries("opinions")
        .iter()
        .map(|entry| (entry.key.as_str(), renolog_protocol::record::describe(&entry.values[0].value)))
        .collect();
    assert_eq!(said, [("owners_committee", "不同意结案".into()), ("property_manager", "同意结案".into())]);
    assert!(view.conflicts.is_empty());
}

#[test]
fn two_who_speak_for_one_party_apart_are_shown_to_disagree() {
    let matter = Desk::new("matter");
    let opinion = |words: &str| [put("opinions", "owners_committee", [("text", words.into())])];
    let (one, other) = (who("owners_committee"), who("owners_committee").on_device(90));
    let mut merged = apart(&matter, (&one, &opinion("同意")), (&other, &opinion("不同意")));
    let conflicts = merged.view().conflicts;
    assert_eq!(conflicts.len(), 1);
    assert_eq!((conflicts[0].key.as_deref(), conflicts[0].values.len()), (Some("owners_committee"), 2));
    merged.does(&one, &opinion("同意，附条件")).unwrap();
    assert!(merged.view().conflicts.is_empty(), "writing it again settles it");
}

#[test]
fn a_sign_off_given_and_refused_apart_does_not_count() {
    let mut matter = Desk::new("matter").moved(&["discuss", "agree", "act"]);
    matter.sign_off("close");
    let signed = |agreed: bool| [put("sign_offs", "owners_committee", [("agreed", agreed.into())])];
    let (one, other) = (who("owners_committee"), who("owners_committee").on_device(90));
    let mut merged = apart(&matter, (&one, &signed(true)), (&other, &signed(false)));
    let close = [merged.a_move("close")];
    assert_refused(merged.does(&who("property_manager"), &close), Code::SignOffsMissing);
    merged.does(&one, &signed(true)).unwrap();
    merged.does(&who("property_manager"), &close).unwrap();
}

/// Whoever signed off a matter signed off that matter, not the one it became after it was opened again.
#[test]
fn a_matter_that_was_reopened_is_signed_off_again() {
    let mut matter = Desk::new("matter").moved(&["discuss", "agree", "act", "close", "reopen", "agree", "act"]);
    let close = [matter.a_move("close")];
    assert_refused(matter.does(&who("property_manager"), &close), Code::SignOffsMissing);
    for party in ["residents_committee", "property_manager"] {
        matter.does(&who(party), &[put("sign_offs", party, [("agreed", true.into())])]).unwrap();
    }
    assert_refused(matter.does(&who("property_manager"), &close), Code::SignOffsMissing);
    matter.does(&who("owners_committee"), &[put("sign_offs", "owners_committee", [("agreed", true.into())])]).unwrap();
    matter.does(&who("property_manager"), &close).unwrap();
    assert_eq!(matter.view().state.as_str(), "closed");
}

/// One signs off while another, apart, opens the matter again: the signature was for what is no more.
#[test]
fn a_sign_off_given_while_a_matter_is_reopened_does_not_count() {
    let mut matter = Desk::new("matter").moved(&["discuss", "agree", "act"]);
    let (reopen, signs) = ([matter.a_move("reopen")], [put("sign_offs", "owners_committee", [("agreed", true.into())])]);
    let mut merged =
        apart(&matter, (&who("property_manager"), &reopen), (&who("owners_committee"), &signs)).moved(&["agree", "act"]);
    for party in ["residents_committee", "property_manager"] {
        merged.does(&who(party), &[put("sign_offs", party, [("agreed", true.into())])]).unwrap();
    }
    let close = [merged.a_move("close")];
    assert_refused(merged.does(&who("property_manager"), &close), Code::SignOffsMissing);
    merged.does(&who("owners_committee"), &signs).unwrap();
    merged.does(&who("property_manager"), &close).unwrap();
}

/// 纪要: everyone signs what everyone read. A signature under a text that was taken back is none under the next.
#[test]
fn minutes_that_were_rewritten_are_signed_again() {
    let (group, signer) = (who("group"), who("owners_committee"));
    let signature =
        |name: u16| [put("signatures", entry_id(name).as_str(), [("name", "吴主任".into()), ("agrees", true.into())])];
    let mut minutes = Desk::new("minutes");
    minutes.does(&group, &[write("body", "同意结案")]).unwrap();
    let freeze = [minutes.a_move("freeze")];
    minutes.does(&group, &freeze).unwrap();
    minutes.does(&signer, &signature(900)).unwrap();
    let reopen = [minutes.a_move("reopen")];
    minutes.does(&group, &reopen).unwrap();
    minutes.does(&group, &[write("body", "不同意结案")]).unwrap();
    let freeze = [minutes.a_move("freeze")];
    minutes.does(&group, &freeze).unwrap();
    let sign = [minutes.a_move("sign")];
    assert_refused(minutes.does(&group, &sign), Code::Needed);
    minutes.does(&signer, &signature(901)).unwrap();
    minutes.does(&group, &sign).unwrap();
    assert_eq!(minutes.view().entries("signatures").len(), 2, "the first is kept");
}

#[test]
fn what_is_struck_out_while_it_is_rewritten_stays_readable() {
    let mut matter = Desk::new("matter");
    let by = who("property_manager");
    let key = entry_id(900);
    let action = |words: &str| put("actions", key.as_str(), [("text", words.into())]);
    matter.does(&by, &[action("划线")]).unwrap();
    let target = VoidTarget::Entry { field: field("actions"), key: key.to_string() };
    let strike = [Act::void(entry_id(901), &target, "重复")];
    let merged = apart(&matter, (&by, &strike), (&who("owners_committee"), &[action("划线并编号")]));
    let view = merged.view();
    let entry = &view.entries("actions")[0];
    assert_eq!(renolog_protocol::record::describe(&entry.values[0].value), "划线并编号");
    assert_eq!(entry.voided.as_ref().map(|said| said.value.as_str()), Some("重复"));
}

#[test]
fn building_twelve_added_twice_is_one_building() {
    let community = Desk::new("community");
    let twelve = [put("buildings", "12", [("name", "12幢".into())])];
    let merged = apart(&community, (&who("street"), &twelve), (&who("residents_committee"), &twelve));
    let view = merged.view();
    assert_eq!(view.entries("buildings").len(), 1);
    assert_eq!(view.entries("buildings")[0].values.len(), 2, "and both who said so are known");
    assert!(view.conflicts.is_empty(), "they agree");
}

/// The night of the flood: everybody writes in one record, nobody has signal. Whoever sees all of it goes on from there.
#[test]
fn two_hundred_who_write_one_record_apart_leave_it_writable() {
    let start = Desk::new("rectification");
    let mut merged = start.clone();
    for number in 0..200_u8 {
        let mut actor = [250; 16];
        actor[0] = number;
        let resident = Who { actor: ActorId(actor), ..who("resident") };
        let seen =
            start.record.clone().write(&[Act::note(entry_id(1_000 + u16::from(number)), "地下室进水")], &resident.stamp(NOON));
        merged.takes(&resident, &seen.unwrap()).unwrap();
    }
    assert_eq!(merged.record.heads().len(), 200);
    merged.does(&who("street"), &[Act::note(entry_id(2_000), "已派水泵")]).unwrap();
    assert_eq!((merged.record.heads().len(), merged.view().entries("notes").len()), (1, 201));
}

#[test]
fn a_register_written_apart_keeps_every_value_until_it_is_settled() {
    let community = Desk::new("community");
    let counted = |households: i64| [set("households", households)];
    let merged = apart(&community, (&who("street"), &counted(474)), (&who("residents_committee"), &counted(476)));
    let conflicts = merged.view().conflicts;
    let values: Vec<&str> = conflicts[0].values.iter().map(|said| said.value.as_str()).collect();
    assert_eq!(conflicts[0].field.as_str(), "households");
    assert!(values.contains(&"474") && values.contains(&"476"), "{values:?}");
    // Whichever is confirmed: Automerge writes the one that it shows first in another way than the rest.
    for households in [474, 476, 475] {
        let mut settled = merged.clone();
        let change = settled.record.clone().write(&counted(households), &who("street").stamp(NOON)).unwrap();
        assert_eq!(settled.takes(&who("street"), &change).unwrap().understood.acts, counted(households));
        assert!(settled.view().conflicts.is_empty());
        assert_eq!(settled.view().value("households"), Some(&Value::Whole(households)));
    }

    let agreed = apart(&community, (&who("street"), &counted(474)), (&who("residents_committee"), &counted(474)));
    assert!(agreed.view().conflicts.is_empty(), "who wrote the same thing apart agrees");
}

/// A field of drafted text that nobody had begun: two begin it, and whoever writes it again settles it.
#[test]
fn text_begun_twice_is_settled_by_writing_it_again() {
    let start = Desk::new("rectification");
    // No kind has such a field yet, so this goes past the rules, not past the reading.
    let (mut left, mut right) = (start.record.clone(), start.record.clone());
    let (chen, li) = (who("captain"), who("resident").on_device(90));
    let one = left.write(&[write("plan", "先疏后堵")], &chen.stamp(NOON)).unwrap();
    let other = right.write(&[write("plan", "先堵后疏")], &li.stamp(NOON)).unwrap();
    left.understand(&other).unwrap();
    left.apply(&other).unwrap();
    right.apply(&one).unwrap();
    let texts = |record: &Record| match &record.view(&start.schema).unwrap().fields["plan"] {
        FieldView::Text(texts) => texts.iter().map(|said| said.value.clone()).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(texts(&left), texts(&right));
    assert_eq!(texts(&left).len(), 2);
    let settled = left.write(&[write("plan", "疏堵结合")], &chen.stamp(NOON)).unwrap();
    assert_eq!(right.understand(&settled).map(|said| said.acts), Ok(vec![write("plan", "疏堵结合")]));
    right.apply(&settled).unwrap();
    assert_eq!((texts(&left), texts(&right)), (vec!["疏堵结合".to_owned()], vec!["疏堵结合".to_owned()]));
}
