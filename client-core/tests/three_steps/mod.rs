//! Deadlines, votes, and rules that change, told on devices.

use std::sync::Arc;

use renolog_client_core::client::{ClientError, OverdueFilter, Unclear};
use renolog_client_core::store::{Filter, Place};
use renolog_protocol::id::RecordId;
use renolog_protocol::record::Act;
use renolog_protocol::refusal::Code;
use renolog_protocol::schema::{Party, Scalar, Schema, Value};
use renolog_protocol::tally::Outcome;
use renolog_protocol::time::SpanMs;

use crate::story::{World, a_move, field, kind, role};
use crate::{CONTRACTOR, SUPERVISOR, VOLUNTEER, connected, world};

const HOUR: i64 = 3600;

#[test]
fn clocks_run_from_receipt_and_stop_for_a_pause() {
    let mut world = world();
    world.phones[SUPERVISOR].skew = SpanMs::from_secs(-90 * HOUR);
    (0..3).for_each(|phone| world.connect(phone));
    world.offline(VOLUNTEER);
    let record = world.raise(VOLUNTEER, "3幢 消防通道");
    let now = world.clock(VOLUNTEER);
    assert_eq!(world.phones[VOLUNTEER].client.due(now, record).unwrap(), [], "nobody has received it");
    world.wait(5 * HOUR);
    world.connect(VOLUNTEER);
    let received = world.now;
    world.wait(HOUR);
    for phone in [VOLUNTEER, SUPERVISOR] {
        let now = world.clock(phone);
        let due = world.phones[phone].client.due(now, record).unwrap();
        assert_eq!((due.len(), due[0].rule.zh.as_str()), (1, "安全问题 24 小时内整改"));
        assert_eq!((due[0].since, due[0].due, due[0].overdue), (received, received + SpanMs::from_secs(24 * HOUR), None));
    }
    world.wait(25 * HOUR);
    for phone in [VOLUNTEER, SUPERVISOR] {
        let now = world.clock(phone);
        let all = world.phones[phone].client.overdue(now, &OverdueFilter::default(), 0).unwrap();
        assert_eq!((all.len(), all[0].record.id), (1, record), "{phone}");
        assert_eq!(all[0].clocks[0].overdue, Some(SpanMs::from_secs(2 * HOUR)));
        assert_eq!(all[0].clocks[0].escalated, [role("specialist")]);
    }
    let now = world.clock(SUPERVISOR);
    let client = &mut world.phones[SUPERVISOR].client;
    let mut concerned = |role_name: Option<&str>, party: Option<&str>| {
        let party = party.map(|party| Party::parse(party).unwrap());
        let filter = OverdueFilter { role: role_name.map(role), party, ..OverdueFilter::default() };
        client.overdue(now, &filter, 10).unwrap().len()
    };
    assert_eq!((concerned(Some("supervisor"), None), concerned(Some("contractor"), None)), (1, 0));
    assert_eq!((concerned(None, Some("street")), concerned(None, Some("volunteers"))), (1, 0));
    // From the 2nd to the end of the 5th of January, by Hangzhou's midnight.
    let refused = client.pause(now, record, "2026-02-30", "等配件", None).unwrap_err();
    assert_eq!(refused.code(), Some(Code::BadValue));
    client.pause(now, record, "2026-01-05", "等配件", None).unwrap();
    world.run();
    let now = world.clock(CONTRACTOR);
    let client = &mut world.phones[CONTRACTOR].client;
    assert_eq!(client.overdue(now, &OverdueFilter::default(), 0).unwrap().len(), 1, "it was over before the pause");
    world.assert_converged();
}

#[test]
fn what_is_done_or_struck_out_is_not_overdue() {
    let mut world = connected();
    let done = world.raise(VOLUNTEER, "1幢");
    let struck = world.raise(VOLUNTEER, "2幢");
    let mut open: Vec<RecordId> = (3..6).map(|number| world.raise(VOLUNTEER, &format!("{number}幢"))).collect();
    let now = world.clock(VOLUNTEER);
    let target = renolog_protocol::record::VoidTarget::Record;
    world.phones[VOLUNTEER].client.void(now, struck, &target, "重复", None).unwrap();
    world.run();
    for (phone, step) in [(SUPERVISOR, "issue"), (CONTRACTOR, "fix"), (CONTRACTOR, "submit"), (SUPERVISOR, "verify")] {
        let now = world.clock(phone);
        world.phones[phone].client.transition(now, done, &a_move(step), None, None).unwrap();
        world.run();
    }
    world.wait(30 * HOUR);
    open.sort_unstable();
    for phone in 0..3 {
        let now = world.clock(phone);
        let client = &mut world.phones[phone].client;
        let over = client.overdue(now, &OverdueFilter::default(), 0).unwrap();
        let mut over: Vec<RecordId> = over.into_iter().map(|over| over.record.id).collect();
        over.sort_unstable();
        assert_eq!(over, open);
        assert_eq!(client.overdue(now, &OverdueFilter::default(), 2).unwrap().len(), 2);
    }
}

fn ballot(world: &mut World, motion: RecordId, unit: &str, choice: &str) -> RecordId {
    let now = world.clock(0);
    let values = vec![
        (field("motion"), motion.to_string().as_str().into()),
        (field("unit"), unit.into()),
        (field("area_cm2"), Value::Whole(900_000)),
        (field("choice"), choice.into()),
        (field("channel"), "door".into()),
    ];
    world.phones[0].client.create(now, world.community, &kind("ballot"), values, None).expect("a committee may")
}

#[test]
fn a_motion_is_counted_by_those_who_may_read_ballots() {
    let mut world = World::new(&[("业委会", "owners_committee"), ("居委会", "residents_committee"), ("陈阿姨", "captain")]);
    (0..3).for_each(|phone| world.connect(phone));
    let (now, community) = (world.clock(0), world.community);
    let values = vec![
        (field("text"), "加装电梯".into()),
        (field("class"), "ordinary".into()),
        (field("units"), Value::Whole(7)),
        (field("area_cm2"), Value::Whole(6_300_000)),
    ];
    let motion = world.phones[0].client.create(now, community, &kind("motion"), values, None).unwrap();
    for step in ["publish", "vote"] {
        world.phones[0].client.transition(now, motion, &a_move(step), None, None).unwrap();
    }
    let cast: Vec<RecordId> = (1..5).map(|unit| ballot(&mut world, motion, &format!("1-{unit}"), "agree")).collect();
    ballot(&mut world, motion, "1-5", "disagree");
    let tally = world.phones[0].client.tally(motion).unwrap().unwrap();
    assert_eq!(
        (tally.heads.agreeing, tally.heads.taking_part, tally.outcome),
        (4, 5, Outcome::Passed),
        "two more cannot turn it"
    );
    world.run();
    let dispute = |world: &mut World, record| {
        let now = world.clock(1);
        let why = Some("不是业主本人");
        world.phones[1].client.transition(now, record, &a_move("dispute"), why, None).unwrap();
        world.run();
    };
    dispute(&mut world, cast[0]);
    let tally = world.phones[0].client.tally(motion).unwrap().unwrap();
    assert_eq!((tally.heads.agreeing, tally.outcome), (3, Outcome::Open), "it hangs on 1-1");
    assert_eq!(tally.set_aside, ["1-1".to_owned()].into());
    assert_eq!((tally.certain, tally.hangs_on), (false, tally.set_aside));
    let signed = [(field("seen"), Value::from(true))].into();
    let now = world.clock(1);
    world.phones[1].client.put(now, cast[0], &field("witness"), None, signed, None).unwrap();
    world.run();
    let now = world.clock(0);
    world.phones[0].client.transition(now, cast[0], &a_move("void"), Some("重复"), None).unwrap();
    world.phones[0].client.transition(now, motion, &a_move("count"), None, None).unwrap();
    world.run();
    for phone in 0..2 {
        let tally = world.phones[phone].client.tally(motion).unwrap().unwrap();
        assert_eq!((tally.heads.agreeing, tally.heads.taking_part, tally.outcome), (3, 4, Outcome::Failed));
    }
    assert_eq!(world.phones[2].client.tally(motion).unwrap(), None, "a captain reads no ballots");
    assert_eq!(world.phones[0].client.tally(cast[1]).unwrap(), None, "a ballot is no motion");
}

/// The rules after the next meeting: rectifications have a cause, and are listed by it.
fn newer_rules() -> Arc<Schema> {
    let old = Schema::built_in();
    let text = old
        .text()
        .replacen(&format!("version = {}", old.version), &format!("version = {}", old.version + 1), 1)
        .replacen("title = \"location\"", "title = \"cause\"", 1)
        .replacen(
            "due = { zh = \"整改期限\"",
            "cause = { zh = \"原因\", en = \"cause\", type = \"text\", max = 60, write = [\"anyone\"] }\ndue = { zh = \"整改期限\"",
            1,
        );
    Arc::new(Schema::parse(&text).expect("still a schema"))
}

#[test]
fn a_newer_schema_is_taken_in_piece_by_piece_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::File(folder.path().join("phone"));
    let mut world = connected();
    for number in 0..400 {
        world.raise(VOLUNTEER, &format!("{number}幢"));
    }
    world.run();
    let person = world.phones[VOLUNTEER].person;
    let phone = world.add_phone(person, "陈阿姨", [50; 32], &place);
    world.connect(phone);
    world.offline(phone);
    let of_old = |world: &World, phone: usize| {
        let listed = world.phones[phone].client.list(&Filter::default()).unwrap();
        listed.iter().filter(|listed| !listed.title.is_empty()).count()
    };
    assert_eq!(of_old(&world, phone), 400);
    world.phones[phone].given = newer_rules();
    world.connect(phone);
    let left = of_old(&world, phone);
    assert!(0 < left && left < 400, "{left}");
    let seen = world.phones[phone].client.revision();
    // The phone dies in the middle, and goes on.
    drop(world.phones.remove(phone));
    let phone = world.add_phone(person, "陈阿姨", [50; 32], &place);
    assert!(of_old(&world, phone) < left);
    world.phones[phone].given = newer_rules();
    world.connect(phone);
    for _ in 0..5 {
        world.wait(0);
    }
    assert_eq!(of_old(&world, phone), 0);
    assert!(!world.phones[phone].client.renew_some(world.now).unwrap());
    assert!(world.phones[phone].client.poll_timeout().unwrap() > world.now, "nothing is left to do");
    let told = world.phones[phone].client.changed_since(seen, 1000).unwrap();
    assert!(!told.is_empty(), "watchers hear of it");
    // By the same rules nothing is listed anew.
    let revision = world.phones[phone].client.revision();
    world.wait(HOUR);
    assert_eq!(world.phones[phone].client.revision(), revision);
}

#[test]
fn an_older_device_keeps_what_it_does_not_know() {
    let mut world = world();
    world.server.newer = Some(newer_rules());
    world.phones[SUPERVISOR].given = newer_rules();
    (0..3).for_each(|phone| world.connect(phone));
    let record = world.raise(VOLUNTEER, "1幢");
    world.run();
    let now = world.clock(SUPERVISOR);
    world.phones[SUPERVISOR].client.set(now, record, &field("cause"), "防水层老化".into()).unwrap();
    world.run();
    // Her phone knows no causes: she edits something else, and may not write one.
    let now = world.clock(VOLUNTEER);
    let client = &mut world.phones[VOLUNTEER].client;
    client.set(now, record, &field("location"), "2幢".into()).unwrap();
    let unknown = Act::Set { field: field("cause"), value: "雨".into() };
    assert_eq!(client.edit(now, record, &[unknown], None).unwrap_err().code(), Some(Code::UnknownField));
    assert_eq!(client.read(record).unwrap().title, "2幢");
    world.run();
    let view = world.phones[SUPERVISOR].client.read(record).unwrap();
    assert_eq!((view.title.as_str(), view.value("location")), ("防水层老化", Some(&"2幢".into())));
    // She updates.
    world.offline(VOLUNTEER);
    world.phones[VOLUNTEER].given = newer_rules();
    world.connect(VOLUNTEER);
    let client = &mut world.phones[VOLUNTEER].client;
    assert_eq!(client.listed(record).unwrap().title, "防水层老化");
    assert_eq!(client.read(record).unwrap().value("cause"), Some(&"防水层老化".into()));
    let now = world.clock(VOLUNTEER);
    world.phones[VOLUNTEER].client.set(now, record, &field("cause"), "防水层开裂".into()).unwrap();
    world.run();
    assert_eq!(world.phones[SUPERVISOR].client.listed(record).unwrap().title, "防水层开裂");
}

#[test]
fn people_type_names_and_records_hold_ids() {
    let mut world = connected();
    let record = world.raise(VOLUNTEER, "1幢");
    world.raise(VOLUNTEER, "2幢");
    world.run();
    let person = world.phones[SUPERVISOR].person.to_string();
    let community = world.community;
    let client = &world.phones[VOLUNTEER].client;
    let typed = |scalar: &Scalar, text: &str| client.typed(community, scalar, text);
    let schema = Schema::built_in();
    let renolog_protocol::schema::Shape::Register(item) = &schema.kinds["rectification"].fields["item"].shape else { panic!() };
    let of_kind = Scalar::Record { kind: kind("rectification") };
    let id = record.to_string();
    for (scalar, text, value) in [
        (&Scalar::Person, "王监理", person.as_str()),
        (&Scalar::Person, &person, person.as_str()),
        (&Scalar::Party, "street", "street"),
        (&Scalar::Party, "居委会", "residents_committee"),
        (&Scalar::Party, "Builders", "builders"),
        (item, "安全", "safety"),
        (item, "safety", "safety"),
        (&of_kind, &id[id.len() - 8..], id.as_str()),
        (&of_kind, &id, id.as_str()),
    ] {
        assert_eq!(typed(scalar, text).unwrap(), value.into(), "{text}");
    }
    assert_eq!(typed(&Scalar::Person, " ").unwrap(), Value::Nothing);
    assert!(matches!(typed(&Scalar::Person, "无名氏"), Err(ClientError::Unclear(Unclear::Nothing(_)))));
    assert!(matches!(typed(&Scalar::Person, &person[..4]), Err(ClientError::Unclear(Unclear::Several { .. }))));
    assert!(
        matches!(typed(&of_kind, &id[..4]), Err(ClientError::Unclear(Unclear::Several { fitting, .. })) if fitting.len() == 2)
    );
    assert!(matches!(typed(&Scalar::Whole { min: 1, max: 5 }, "9"), Err(ClientError::Unclear(Unclear::Misfit(_)))));
}
