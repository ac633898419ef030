//! Refused, and what then: released from quarantine, said again, or understood.

use renolog_client_core::client::{Client, Fate, SyncState};
use renolog_client_core::store::Filter;
use renolog_protocol::id::RecordId;
use renolog_protocol::refusal::Code;
use renolog_protocol::roster::Member;
use renolog_protocol::schema::{Party, Schema};
use renolog_protocol::time::UnixMs;

use crate::story::{World, a_move, role};
use crate::{SUPERVISOR, VOLUNTEER, connected};

fn notes(client: &mut Client, record: RecordId) -> Vec<String> {
    let view = client.read(record).expect("it is here");
    view.entries("notes").iter().map(|entry| entry.values[0].value["text"].to_string()).collect()
}

fn note(world: &mut World, record: RecordId, text: &str) {
    let now = world.clock(VOLUNTEER);
    world.phones[VOLUNTEER].client.note(now, record, text, None).expect("a captain may");
}

/// A note was refused, and the one that was written on top of it was said again.
fn refused() -> (World, RecordId) {
    let mut world = connected();
    let record = world.raise(VOLUNTEER, "1幢");
    world.run();
    world.offline(VOLUNTEER);
    note(&mut world, record, "第一句");
    note(&mut world, record, "第二句");
    world.server.whims.push_back(Code::BadValue);
    world.connect(VOLUNTEER);
    assert_eq!(world.phones[VOLUNTEER].client.drafts().expect("readable").len(), 1);
    (world, record)
}

#[test]
fn what_an_administrator_lets_stand_is_a_draft_no_more() {
    let (mut world, record) = refused();
    let draft = world.phones[VOLUNTEER].client.drafts().unwrap().remove(0);
    let pushes = world.server.pushes.len();
    world.release(draft.change);
    world.assert_converged();
    let client = &mut world.phones[VOLUNTEER].client;
    assert!(client.drafts().unwrap().is_empty());
    assert_eq!(client.sync_state(record).unwrap(), SyncState::Durable);
    assert_eq!((client.listed(record).unwrap().drafts, notes(client, record).len()), (0, 2));
    assert_eq!(world.server.pushes.len(), pushes, "nothing is said again for it");
    // And she writes on, on top of both.
    note(&mut world, record, "第三句");
    world.run();
    world.assert_converged();
    assert_eq!(world.server.pushes.len(), pushes + 1);
    assert_eq!(notes(&mut world.phones[SUPERVISOR].client, record).len(), 3);
    let fates = world.phones[VOLUNTEER].client.made_here().unwrap().into_iter().map(|made| made.fate);
    assert_eq!(fates.filter(|fate| matches!(fate, Fate::Accepted(Some(_)))).count(), 4);
}

#[test]
fn what_was_said_again_and_let_stand_stands_twice() {
    for online in [true, false] {
        let (mut world, record) = refused();
        let draft = world.phones[VOLUNTEER].client.drafts().unwrap().remove(0);
        if !online {
            world.offline(VOLUNTEER);
        }
        let now = world.clock(VOLUNTEER);
        world.phones[VOLUNTEER].client.retry(now, draft.id).unwrap();
        world.run();
        world.release(draft.change);
        world.connect(VOLUNTEER);
        world.assert_converged();
        let client = &mut world.phones[VOLUNTEER].client;
        assert!(client.drafts().unwrap().is_empty());
        let mut said = notes(client, record);
        said.sort_unstable();
        assert_eq!(said, ["第一句", "第一句", "第二句"], "online: {online}");
    }
}

#[test]
fn a_record_that_was_made_again_and_let_stand_is_one_record() {
    let mut world = connected();
    world.offline(VOLUNTEER);
    let record = world.raise(VOLUNTEER, "1幢");
    note(&mut world, record, "快来");
    world.server.whims.push_back(Code::MayNotCreate);
    world.connect(VOLUNTEER);
    let drafts = world.phones[VOLUNTEER].client.drafts().unwrap();
    world.offline(VOLUNTEER);
    let now = world.clock(VOLUNTEER);
    for draft in &drafts {
        world.phones[VOLUNTEER].client.retry(now, draft.id).unwrap();
    }
    note(&mut world, record, "还没人来");
    world.release(drafts[0].change);
    world.connect(VOLUNTEER);
    world.assert_converged();
    let client = &mut world.phones[VOLUNTEER].client;
    assert_eq!((client.drafts().unwrap(), client.list(&Filter::default()).unwrap().len()), (vec![], 1));
    let mut said = notes(client, record);
    said.sort_unstable();
    assert_eq!(said, ["快来", "还没人来"]);
}

#[test]
fn a_release_that_crosses_the_refusal_loses_nothing() {
    for messages in 0..12 {
        let mut world = connected();
        let record = world.raise(VOLUNTEER, "1幢");
        world.run();
        world.offline(VOLUNTEER);
        note(&mut world, record, "第一句");
        note(&mut world, record, "第二句");
        let first = world.phones[VOLUNTEER].client.made_here().unwrap()[1].hash;
        world.server.whims.push_back(Code::BadValue);
        // The push may leave and the receipt that refuses it never come.
        world.phones[VOLUNTEER].cut_after = Some(messages);
        world.connect(VOLUNTEER);
        world.offline(VOLUNTEER);
        if world.server.refused.contains_key(&first) {
            world.release(first);
        }
        world.phones[VOLUNTEER].cut_after = None;
        world.connect(VOLUNTEER);
        if world.server.refused.contains_key(&first) {
            world.release(first);
        }
        world.assert_converged();
        let client = &mut world.phones[VOLUNTEER].client;
        assert_eq!((client.drafts().unwrap(), notes(client, record).len()), (vec![], 2), "cut after {messages}");
    }
}

#[test]
fn a_draft_says_in_words_what_why_and_who_could_and_passes_once_the_role_is_back() {
    let mut world = connected();
    let record = world.raise(VOLUNTEER, "1幢");
    let person = world.phones[VOLUNTEER].person;
    let member = |role_name: &str, party: &str| Member {
        person,
        name: "陈阿姨".into(),
        role: role(role_name),
        party: Party::parse(party).unwrap(),
        from: UnixMs(0),
        until: None,
    };
    world.reroster(|roster| roster.members.push(member("specialist", "street")));
    world.offline(VOLUNTEER);
    let now = world.clock(VOLUNTEER);
    let issue = a_move("issue");
    world.phones[VOLUNTEER].client.transition(now, record, &issue, None, None).unwrap();
    let until = world.now;
    world.reroster(|roster| roster.members.last_mut().unwrap().until = Some(until));
    world.connect(VOLUNTEER);
    world.assert_converged();
    let client = &mut world.phones[VOLUNTEER].client;
    let draft = client.drafts().unwrap().remove(0);
    let schema = Schema::built_in();
    assert_eq!(draft.words(&schema)[0].to_string(), "【下发】 [issue]");
    assert_eq!(draft.refusal.code, Code::NotAMember);
    assert_eq!(draft.refusal.zh, "您目前在本小区没有“街道”的身份");
    assert_eq!(draft.who_could(&schema).unwrap().to_string(), "监理、小区专员 supervisor, community specialist");
    assert_eq!(client.retry(now, draft.id).unwrap_err().code(), Some(Code::NotAMember));
    assert_eq!(client.drafts().unwrap().len(), 1, "still there");
    world.reroster(|roster| roster.members.last_mut().unwrap().until = None);
    let now = world.clock(VOLUNTEER);
    world.phones[VOLUNTEER].client.retry(now, draft.id).unwrap();
    world.run();
    world.assert_converged();
    let client = &mut world.phones[VOLUNTEER].client;
    assert_eq!((client.drafts().unwrap(), client.listed(record).unwrap().state.as_str()), (vec![], "issued"));
}
