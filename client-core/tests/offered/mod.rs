//! What a form offers is what will stand, and forms outlive the app that shows them.

use renolog_client_core::client::{Client, ClientError};
use renolog_client_core::store::{Place, Unfinished};
use renolog_protocol::refusal::{Code, Refusal};
use renolog_protocol::schema::Value;

use crate::story::{START, a_move, field, kind};
use crate::{CONTRACTOR, SUPERVISOR, VOLUNTEER, connected};

fn refused(error: ClientError) -> Refusal {
    match error {
        ClientError::Refused(refusal) => refusal,
        other => panic!("{other}"),
    }
}

#[test]
fn what_is_not_offered_is_refused_with_the_same_words_and_what_is_stands() {
    let mut world = connected();
    let record = world.raise(VOLUNTEER, "3幢2单元");
    world.run();
    for (step, mover) in [("issue", SUPERVISOR), ("fix", CONTRACTOR), ("submit", CONTRACTOR), ("verify", SUPERVISOR)] {
        for phone in [VOLUNTEER, SUPERVISOR, CONTRACTOR] {
            let now = world.clock(phone);
            let client = &mut world.phones[phone].client;
            let offers = client.offers(now, record).unwrap();
            let [offers] = &offers[..] else { panic!("one role each") };
            assert_eq!(offers.moves[&a_move(step)].is_none(), phone == mover, "{step} by {}", offers.role);
            for (name, refusal) in offers.moves.iter().filter_map(|(name, refusal)| Some((name, refusal.as_ref()?))) {
                let tried = client.transition(now, record, name, Some("原因"), None).map_err(refused);
                assert_eq!(tried.as_ref(), Err(refusal), "{name} by {}", offers.role);
            }
        }
        let now = world.clock(mover);
        world.phones[mover].client.transition(now, record, &a_move(step), None, None).unwrap();
        world.run();
    }
}

#[test]
fn fields_are_offered_to_those_who_may_write_them() {
    let mut world = connected();
    let record = world.raise(VOLUNTEER, "3幢2单元");
    world.run();
    let now = world.clock(VOLUNTEER);
    let offers = &world.phones[VOLUNTEER].client.offers(now, record).unwrap()[0];
    assert_eq!(offers.fields[&field("location")], None);
    assert_eq!(offers.fields[&field("notes")], None);
    assert_eq!(offers.void, None, "whoever made it may strike it out");
    let day = Value::from("2026-12-01");
    let tried = world.phones[VOLUNTEER].client.set(now, record, &field("due"), day).map_err(refused);
    assert_eq!(offers.fields[&field("due")].clone(), tried.err(), "a due day is for supervisors to set");
    let client = &mut world.phones[VOLUNTEER].client;
    let target = renolog_protocol::record::VoidTarget::Record;
    client.void(now, record, &target, "重复登记", None).unwrap();
    let offers = &client.offers(now, record).unwrap()[0];
    let codes: Vec<Code> = offers.fields.values().chain(offers.moves.values()).flatten().map(|refusal| refusal.code).collect();
    assert!(codes.len() == offers.fields.len() + offers.moves.len() && codes.iter().all(|code| *code == Code::Voided));
}

#[test]
fn what_may_be_made_and_what_waits_follows_from_the_role() {
    let mut world = connected();
    let record = world.raise(VOLUNTEER, "3幢2单元");
    world.run();
    let waits = |world: &mut crate::World, phone: usize| -> Vec<_> {
        let now = world.clock(phone);
        world.phones[phone].client.waiting(now, 10).unwrap().into_iter().map(|listed| listed.id).collect()
    };
    assert_eq!((waits(&mut world, SUPERVISOR), waits(&mut world, CONTRACTOR)), (vec![record], vec![]));
    let now = world.clock(VOLUNTEER);
    let kinds = world.phones[VOLUNTEER].client.creatable(now, world.community).unwrap();
    assert!(kinds.contains_key(&kind("rectification")) && !kinds.contains_key(&kind("community")), "{kinds:?}");
    assert_eq!(kinds[&kind("rectification")].len(), 1, "for the party of a captain");
}

#[test]
fn what_was_typed_is_there_after_the_app_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::File(folder.path().join("phone.db"));
    let open = || Client::open(&place, [1; 32], START).unwrap();
    let mut client = open();
    client.keep_unfinished(START, "new/rectification", "{\"location\":\"3幢\"}").unwrap();
    client.keep_unfinished(START, "new/rectification", "{\"location\":\"3幢2单元\"}").unwrap();
    client.keep_unfinished(START, "note", "\"还没\"").unwrap();
    drop(client);
    let mut client = open();
    let kept = Unfinished { form: "new/rectification".into(), typed: "{\"location\":\"3幢2单元\"}".into(), at: START };
    assert_eq!(client.unfinished().unwrap()[0], kept);
    client.drop_unfinished("new/rectification").unwrap();
    assert_eq!(client.unfinished().unwrap().len(), 1);
    let long = "x".repeat(70_000);
    assert!(matches!(client.keep_unfinished(START, "note", &long), Err(ClientError::FormTooLong)));
    for number in 0..300 {
        client.keep_unfinished(START, &number.to_string(), "1").unwrap();
    }
    assert_eq!(client.unfinished().unwrap().len(), 200, "the oldest go");
}
