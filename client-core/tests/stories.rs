//! What happens to people's work: stories of phones and a server, told without sockets.

mod elsewhere;
mod holidays;
mod offered;
mod released;
mod story;
mod three_steps;

use renolog_client_core::client::{ClientError, Fate, Mark, SyncState};
use renolog_client_core::store::{Filter, Place, StoreError};
use renolog_protocol::id::Audience;
use renolog_protocol::record::{Act, FieldView, VoidTarget};
use renolog_protocol::refusal::Code;
use renolog_protocol::schema::{Party, Value};
use renolog_protocol::time::{SpanMs, UnixMs};
use story::{World, a_move, field, kind, role};

const VOLUNTEER: usize = 0;
const SUPERVISOR: usize = 1;
const CONTRACTOR: usize = 2;

fn world() -> World {
    World::new(&[("陈阿姨", "captain"), ("王监理", "supervisor"), ("施工队", "contractor")])
}

fn connected() -> World {
    let mut world = world();
    (0..3).for_each(|phone| world.connect(phone));
    world
}

#[test]
fn what_one_raises_the_others_read() {
    let mut world = connected();
    let record = world.raise(VOLUNTEER, "3幢2单元");
    world.run();
    assert_eq!(world.phones[VOLUNTEER].client.sync_state(record).unwrap(), SyncState::Durable);
    let now = world.clock(SUPERVISOR);
    world.phones[SUPERVISOR].client.transition(now, record, &a_move("issue"), None, None).unwrap();
    world.run();
    assert_eq!(world.phones[VOLUNTEER].client.listed(record).unwrap().state.as_str(), "issued");
    world.assert_converged();
    let history = world.phones[CONTRACTOR].client.history(record).unwrap();
    let who: Vec<_> = history.iter().map(|entry| entry.writer.clone().unwrap().name.unwrap()).collect();
    assert_eq!(who, ["陈阿姨", "王监理"]);
    assert_eq!(history[0].words[0].zh, "建立整改单");
}

#[test]
fn an_offline_week_arrives_in_one_flight_and_every_edit_stands() {
    let mut world = connected();
    let shared = world.raise(VOLUNTEER, "1幢");
    world.run();
    (0..3).for_each(|phone| world.offline(phone));
    world.wait(86_400);
    for day in 0..7 {
        world.raise(VOLUNTEER, &format!("{day}幢"));
        let now = world.clock(VOLUNTEER);
        world.phones[VOLUNTEER].client.note(now, shared, "还没人来", None).unwrap();
        world.wait(86_400);
    }
    let now = world.clock(SUPERVISOR);
    world.phones[SUPERVISOR].client.transition(now, shared, &a_move("issue"), None, None).unwrap();
    assert_eq!(world.phones[VOLUNTEER].client.sync_state(shared).unwrap(), SyncState::Local);
    let pushes = world.server.pushes.len();
    (0..3).for_each(|phone| world.connect(phone));
    assert_eq!(world.server.pushes.len() - pushes, 2, "one batch each from the two who wrote");
    world.assert_converged();
    let made = world.phones[VOLUNTEER].client.made_here().unwrap();
    assert!(made.len() == 15 && made.iter().all(|made| matches!(made.fate, Fate::Accepted(Some(_)))));
}

#[test]
fn a_cut_at_every_message_loses_and_doubles_nothing() {
    for messages in 0..14 {
        let mut world = connected();
        let record = world.raise(VOLUNTEER, "1幢");
        world.run();
        world.offline(VOLUNTEER);
        for number in 0..5 {
            let now = world.clock(VOLUNTEER);
            world.phones[VOLUNTEER].client.note(now, record, &format!("第{number}次"), None).unwrap();
            let now = world.clock(CONTRACTOR);
            world.phones[CONTRACTOR].client.note(now, record, &format!("收到{number}"), None).unwrap();
        }
        world.run();
        world.phones[VOLUNTEER].cut_after = Some(messages);
        world.connect(VOLUNTEER);
        for _ in 0..5 {
            world.wait(200);
        }
        world.assert_converged();
        let notes = world.phones[SUPERVISOR].client.read(record).unwrap().entries("notes").len();
        assert_eq!(notes, 10, "cut after {messages} messages");
    }
}

#[test]
fn refused_work_becomes_a_draft_and_what_was_written_on_it_is_said_again() {
    let mut world = connected();
    let record = world.raise(VOLUNTEER, "1幢");
    world.run();
    world.offline(VOLUNTEER);
    let now = world.clock(VOLUNTEER);
    let client = &mut world.phones[VOLUNTEER].client;
    client.note(now, record, "第一句", None).unwrap();
    client.note(now, record, "第二句", None).unwrap();
    client.set(now, record, &field("location"), "2幢".into()).unwrap();
    world.server.whims.push_back(Code::BadValue);
    world.connect(VOLUNTEER);
    world.assert_converged();
    let client = &mut world.phones[VOLUNTEER].client;
    let drafts = client.drafts().unwrap();
    assert_eq!(drafts.len(), 1);
    assert!(matches!(&drafts[0].acts[0], Act::Put { entry, .. } if entry[&field("text")] == "第一句".into()));
    assert!(matches!(client.sync_state(record).unwrap(), SyncState::Refused(refusal) if refusal.code == Code::BadValue));
    let view = client.read(record).unwrap();
    assert_eq!((view.entries("notes").len(), view.title.as_str()), (1, "2幢"));
    let fates: Vec<_> = client.made_here().unwrap().into_iter().map(|made| made.fate).collect();
    assert!(matches!(fates[1], Fate::Refused), "{fates:?}");
    assert!(matches!((&fates[2], &fates[3]), (Fate::Replaced(Some(_)), Fate::Replaced(Some(_)))), "{fates:?}");
    // Said again, it may pass.
    client.retry(now, drafts[0].id).unwrap();
    world.run();
    world.assert_converged();
    let client = &mut world.phones[VOLUNTEER].client;
    assert_eq!(client.read(record).unwrap().entries("notes").len(), 2);
    assert_eq!((client.drafts().unwrap().len(), client.sync_state(record).unwrap()), (0, SyncState::Durable));
}

#[test]
fn a_refused_creation_takes_the_record_along_and_loses_no_word() {
    let mut world = connected();
    world.offline(VOLUNTEER);
    let record = world.raise(VOLUNTEER, "1幢");
    let now = world.clock(VOLUNTEER);
    world.phones[VOLUNTEER].client.note(now, record, "快来", None).unwrap();
    world.server.whims.push_back(Code::MayNotCreate);
    world.connect(VOLUNTEER);
    world.assert_converged();
    let client = &mut world.phones[VOLUNTEER].client;
    assert!(client.list(&Filter::default()).unwrap().is_empty());
    let drafts = client.drafts().unwrap();
    assert_eq!(drafts.iter().map(|d| d.refusal.code).collect::<Vec<_>>(), [Code::MayNotCreate, Code::DependsOnRefused]);
    assert_eq!(client.history(record).unwrap().len(), 2);
    client.retry(now, drafts[0].id).unwrap();
    client.retry(now, drafts[1].id).unwrap();
    world.run();
    world.assert_converged();
    assert_eq!(world.phones[SUPERVISOR].client.read(record).unwrap().entries("notes").len(), 1);
}

#[test]
fn what_was_replayed_does_not_overwrite_what_others_wrote_meanwhile() {
    let mut world = connected();
    let record = world.raise(VOLUNTEER, "1幢");
    world.run();
    world.offline(VOLUNTEER);
    let now = world.clock(VOLUNTEER);
    let client = &mut world.phones[VOLUNTEER].client;
    client.note(now, record, "会被拒绝", None).unwrap();
    client.set(now, record, &field("location"), "2幢".into()).unwrap();
    let now = world.clock(CONTRACTOR);
    world.phones[CONTRACTOR].client.set(now, record, &field("location"), "3幢".into()).unwrap();
    world.run();
    world.server.whims.push_back(Code::BadValue);
    world.connect(VOLUNTEER);
    world.assert_converged();
    let conflicts = world.phones[SUPERVISOR].client.conflicts().unwrap();
    assert_eq!(conflicts[0].fields[0].values.len(), 2, "both values are kept");
    let history = world.phones[SUPERVISOR].client.history(record).unwrap();
    assert_eq!(history.iter().filter(|entry| entry.marks.iter().any(|m| matches!(m, Mark::Conflict { .. }))).count(), 2);
}

#[test]
fn a_name_that_was_taken_is_drawn_again() {
    let mut world = connected();
    let record = world.raise(VOLUNTEER, "1幢");
    world.run();
    world.server.whims.push_back(Code::TakenName);
    let now = world.clock(VOLUNTEER);
    world.phones[VOLUNTEER].client.note(now, record, "一句话", None).unwrap();
    world.run();
    world.assert_converged();
    assert!(world.phones[VOLUNTEER].client.drafts().unwrap().is_empty());
    assert_eq!(world.phones[SUPERVISOR].client.read(record).unwrap().entries("notes").len(), 1);
}

#[test]
fn a_phone_restored_from_a_backup_writes_on_as_another() {
    let folder = tempfile::tempdir().unwrap();
    let (old, copy) = (folder.path().join("old"), folder.path().join("copy"));
    let mut world = connected();
    let record = world.raise(SUPERVISOR, "1幢");
    let person = world.phones[VOLUNTEER].person;
    let first = world.add_phone(person, "陈阿姨", [77; 32], &Place::File(old));
    world.connect(first);
    let now = world.clock(first);
    world.phones[first].client.note(now, record, "备份之前", None).unwrap();
    world.run();
    world.phones[first].client.backup(&copy).unwrap();
    world.phones[first].client.note(now, record, "备份之后", None).unwrap();
    world.run();
    world.offline(first);

    // The copy writes before it hears of what its other life wrote.
    let second = world.add_phone(person, "陈阿姨", [78; 32], &Place::File(copy));
    let now = world.clock(second);
    let client = &mut world.phones[second].client;
    client.note(now, record, "新手机一", None).unwrap();
    client.transition(now, record, &a_move("issue"), None, None).expect_err("a captain may not");
    client.note(now, record, "新手机二", None).unwrap();
    world.connect(second);
    // And the old one is still alive.
    world.connect(first);
    let now = world.clock(first);
    world.phones[first].client.note(now, record, "旧手机还在", None).unwrap();
    world.run();
    world.assert_converged();
    assert_eq!(world.phones[SUPERVISOR].client.read(record).unwrap().entries("notes").len(), 5);
}

#[test]
fn a_server_restored_from_a_backup_is_healed_by_the_phones() {
    let mut world = connected();
    let record = world.raise(VOLUNTEER, "1幢");
    world.run();
    for text in ["一", "二", "三"] {
        let now = world.clock(CONTRACTOR);
        world.phones[CONTRACTOR].client.note(now, record, text, None).unwrap();
        world.run();
    }
    (0..3).for_each(|phone| world.offline(phone));
    world.restore_backup(2);
    let pushes = world.server.pushes.len();
    (0..3).for_each(|phone| world.connect(phone));
    world.assert_converged();
    assert_eq!(world.phones[VOLUNTEER].client.read(record).unwrap().entries("notes").len(), 3);
    let resent: usize = world.server.pushes[pushes..].iter().map(|batch| batch.changes.len()).sum();
    assert_eq!(resent, 2, "only what the server lacked");
}

#[test]
fn a_change_that_waits_for_another_phone_is_held_and_then_stands() {
    let mut world = connected();
    let record = world.raise(VOLUNTEER, "1幢");
    world.run();
    let now = world.clock(VOLUNTEER);
    world.phones[VOLUNTEER].client.note(now, record, "一", None).unwrap();
    world.run();
    let now = world.clock(CONTRACTOR);
    world.phones[CONTRACTOR].client.note(now, record, "二", None).unwrap();
    world.run();
    (0..3).for_each(|phone| world.offline(phone));
    world.restore_backup(1);
    world.connect(CONTRACTOR);
    // Packed, it refers to what this life of the server never had; on the next connection it comes as it is.
    world.wait(5);
    assert!(
        matches!(world.phones[CONTRACTOR].client.sync_state(record).unwrap(), SyncState::Held { missing } if missing.len() == 1)
    );
    world.connect(VOLUNTEER);
    world.cut(CONTRACTOR);
    world.wait(200);
    world.connect(SUPERVISOR);
    world.assert_converged();
    assert_eq!(world.phones[CONTRACTOR].client.sync_state(record).unwrap(), SyncState::Durable);
}

#[test]
fn who_loses_a_role_keeps_their_unsent_words_and_drops_the_rest() {
    let mut world = World::new(&[("居委会", "residents_committee"), ("业委会", "owners_committee")]);
    (0..2).for_each(|phone| world.connect(phone));
    let now = world.clock(0);
    let values = vec![(field("subject"), Value::from("停车位"))];
    let community = world.community;
    let record = world.phones[0].client.create(now, community, &kind("matter"), values, None).unwrap();
    world.run();
    assert_eq!(world.phones[1].client.read(record).unwrap().title, "停车位");
    world.offline(1);
    let opinion = [(field("text"), Value::from("同意"))].into();
    world.phones[1].client.put(now, record, &field("opinions"), None, opinion, None).unwrap();
    let until = world.now;
    world.reroster(|roster| roster.members[1].until = Some(until));
    world.connect(1);
    let client = &mut world.phones[1].client;
    assert!(client.read(record).is_err() && client.list(&Filter::default()).unwrap().is_empty());
    assert_eq!(client.drafts().unwrap().len(), 1);
    // The role comes back, and with it the record.
    world.reroster(|roster| roster.members[1].until = None);
    assert_eq!(world.phones[1].client.read(record).unwrap().title, "停车位");
    let draft = world.phones[1].client.drafts().unwrap()[0].id;
    let now = world.clock(1);
    world.phones[1].client.retry(now, draft).unwrap();
    world.run();
    world.assert_converged();
    assert_eq!(world.phones[0].client.read(record).unwrap().entries("opinions").len(), 1);
}

#[test]
fn two_close_one_matter_differently_and_both_are_seen() {
    let mut world = connected();
    let record = world.raise(VOLUNTEER, "1幢");
    world.run();
    for (phone, step) in [(SUPERVISOR, "issue"), (CONTRACTOR, "fix"), (CONTRACTOR, "submit")] {
        let now = world.clock(phone);
        world.phones[phone].client.transition(now, record, &a_move(step), None, None).unwrap();
        world.run();
    }
    let person = world.phones[VOLUNTEER].person;
    let groups = Party::parse("volunteers").unwrap();
    world.reroster(|roster| {
        roster.members.push(renolog_protocol::roster::Member {
            person,
            name: "陈阿姨".into(),
            role: role("group"),
            party: groups,
            from: UnixMs(0),
            until: None,
        });
    });
    world.offline(VOLUNTEER);
    world.offline(SUPERVISOR);
    let now = world.clock(VOLUNTEER);
    world.phones[VOLUNTEER].client.transition(now, record, &a_move("verify"), None, None).unwrap();
    world.phones[SUPERVISOR].client.transition(now, record, &a_move("reject"), Some("还在漏水"), None).unwrap();
    world.connect(VOLUNTEER);
    world.connect(SUPERVISOR);
    world.assert_converged();
    let listed = world.phones[CONTRACTOR].client.listed(record).unwrap();
    assert_eq!((listed.state.as_str(), listed.superseded), ("rejected", 1));
    let history = world.phones[CONTRACTOR].client.history(record).unwrap();
    assert!(history.iter().any(|entry| entry.marks == [Mark::Superseded]));
}

#[test]
fn a_clock_that_is_years_off_works_and_is_corrected() {
    let mut world = world();
    world.phones[VOLUNTEER].skew = SpanMs::from_secs(-6 * 365 * 86_400);
    (0..3).for_each(|phone| world.connect(phone));
    let record = world.raise(VOLUNTEER, "1幢");
    world.run();
    world.assert_converged();
    let history = world.phones[SUPERVISOR].client.history(record).unwrap();
    assert_eq!(history[0].corrected, Some(world.now));
    let own = world.phones[VOLUNTEER].client.history(record).unwrap();
    assert_eq!((own[0].corrected, own[0].received), (Some(world.now), Some(world.now)));
}

#[test]
fn the_store_of_a_phone_that_died_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::File(folder.path().join("phone"));
    let mut world = connected();
    let person = world.phones[VOLUNTEER].person;
    let phone = world.add_phone(person, "陈阿姨", [50; 32], &place);
    world.connect(phone);
    world.offline(phone);
    let record = world.raise(phone, "1幢");
    let before = world.phones[phone].client.state_of_everything().unwrap();
    drop(world.phones.remove(phone));
    let phone = world.add_phone(person, "陈阿姨", [50; 32], &place);
    assert_eq!(world.phones[phone].client.state_of_everything().unwrap(), before);
    assert_eq!(world.phones[phone].client.sync_state(record).unwrap(), SyncState::Local);
    let another = world.raise(phone, "2幢");
    assert_ne!(another, record);
    world.connect(phone);
    world.assert_converged();
}

#[test]
fn the_same_batch_is_sent_again_byte_for_byte() {
    let mut world = world();
    world.connect(VOLUNTEER);
    world.offline(VOLUNTEER);
    world.raise(VOLUNTEER, "1幢");
    // Greeting and push leave, the receipt does not come.
    world.phones[VOLUNTEER].cut_after = Some(3);
    world.connect(VOLUNTEER);
    for _ in 0..5 {
        world.wait(200);
    }
    let pushes = &world.server.pushes;
    assert!(pushes.len() >= 2 && pushes.iter().all(|push| *push == pushes[0]), "{}", pushes.len());
    (1..3).for_each(|phone| world.connect(phone));
    world.assert_converged();
}

#[test]
fn rules_answer_at_once_and_store_nothing() {
    let mut world = connected();
    let record = world.raise(VOLUNTEER, "1幢");
    world.run();
    world.offline(VOLUNTEER);
    let now = world.clock(VOLUNTEER);
    let client = &mut world.phones[VOLUNTEER].client;
    let revision = client.revision();
    let refused = client.transition(now, record, &a_move("issue"), None, None).unwrap_err();
    assert_eq!(refused.code(), Some(Code::MayNotMove));
    assert_eq!(client.set(now, record, &field("location"), Value::Nothing).unwrap_err().code(), Some(Code::Needed));
    assert!(client.set(now, record, &field("location"), "1幢".into()).is_err(), "it is so already");
    assert_eq!(client.revision(), revision);
    assert_eq!(client.status().unwrap().unsent, 0);
    client.void(now, record, &VoidTarget::Record, "重复", None).unwrap();
    assert_eq!(client.note(now, record, "又一句", None).unwrap_err().code(), Some(Code::Voided));
}

#[test]
fn a_watcher_asks_for_what_it_missed() {
    let mut world = connected();
    let mut seen = world.phones[SUPERVISOR].client.revision();
    let mut records: Vec<_> = (0..5).map(|n| world.raise(VOLUNTEER, &format!("{n}幢"))).collect();
    world.run();
    let mut told = Vec::new();
    loop {
        let page = world.phones[SUPERVISOR].client.changed_since(seen, 2).unwrap();
        let Some((_, last)) = page.last() else { break };
        seen = *last;
        told.extend(page.into_iter().map(|(record, _)| record));
    }
    told.sort_unstable();
    records.sort_unstable();
    assert_eq!(told, records);
}

#[test]
fn a_list_is_filtered_searched_and_paged() {
    let mut world = connected();
    for number in 0..7 {
        world.wait(1);
        world.raise(VOLUNTEER, &format!("{number}幢"));
        world.run();
    }
    let client = &mut world.phones[SUPERVISOR].client;
    let all = client.list(&Filter::default()).unwrap();
    let titles = |list: &[renolog_client_core::store::ListedRecord]| list.iter().map(|r| r.title.clone()).collect::<Vec<_>>();
    assert_eq!(titles(&all), ["6幢", "5幢", "4幢", "3幢", "2幢", "1幢", "0幢"]);
    let last = &all[2];
    let page = Filter { after: Some((last.updated, last.id)), limit: 2, ..Filter::default() };
    assert_eq!(titles(&client.list(&page).unwrap()), ["3幢", "2幢"]);
    let found = Filter { text: Some("4幢".into()), kind: Some(kind("rectification")), ..Filter::default() };
    assert_eq!(titles(&client.list(&found).unwrap()), ["4幢"]);
}

#[test]
fn text_drafted_together_merges() {
    let mut world = World::new(&[("居委会", "residents_committee"), ("业委会", "owners_committee")]);
    (0..2).for_each(|phone| world.connect(phone));
    let (now, community) = (world.now, world.community);
    let values = vec![(field("subject"), Value::from("北门路灯"))];
    let record = world.phones[0].client.create(now, community, &kind("matter"), values, None).unwrap();
    world.run();
    (0..2).for_each(|phone| world.offline(phone));
    world.phones[0].client.set(now, record, &field("subject"), "关于北门路灯".into()).unwrap();
    world.phones[1].client.set(now, record, &field("subject"), "北门路灯的更换".into()).unwrap();
    (0..2).for_each(|phone| world.connect(phone));
    world.assert_converged();
    let view = world.phones[0].client.read(record).unwrap();
    assert!(matches!(&view.fields["subject"], FieldView::Text(texts) if texts[0].value == "关于北门路灯的更换"));
    assert_eq!(world.feed(Audience::Parties).audience, Audience::Parties);
}

#[test]
fn a_full_disk_says_so_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = connected();
    let person = world.phones[VOLUNTEER].person;
    let phone = world.add_phone(person, "陈阿姨", [60; 32], &Place::File(folder.path().join("phone")));
    world.connect(phone);
    world.offline(phone);
    let record = world.raise(phone, "1幢");
    let now = world.clock(phone);
    world.phones[phone].client.store().limit_bytes(Some(1)).unwrap();
    let client = &mut world.phones[phone].client;
    let mut written = 0;
    let full = loop {
        match client.note(now, record, &"满".repeat(300), None) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 10_000, "the disk never fills");
    };
    assert!(matches!(full, ClientError::Store(StoreError::Full)), "{full}");
    // What was said before stands, in memory and on disk, and what failed left nothing.
    assert_eq!(client.read(record).unwrap().entries("notes").len(), written);
    assert_eq!(client.status().unwrap().unsent, written as u64 + 1);
    // What others send cannot be stored either; the link ends, and it comes again later.
    let mut others = 0;
    while others < 200 {
        let now = world.clock(CONTRACTOR);
        world.phones[CONTRACTOR]
            .client
            .create(
                now,
                world.community,
                &kind("rectification"),
                vec![(field("item"), Value::from("quality")), (field("location"), Value::from("很长的位置".repeat(20).as_str()))],
                None,
            )
            .unwrap();
        others += 1;
    }
    world.run();
    world.failing = true;
    world.connect(phone);
    assert!(!world.phones[phone].client.status().unwrap().caught_up);
    world.phones[phone].client.store().limit_bytes(None).unwrap();
    world.failing = false;
    for _ in 0..3 {
        world.wait(200);
    }
    world.assert_converged();
    assert_eq!(world.phones[SUPERVISOR].client.read(record).unwrap().entries("notes").len(), written);
}

#[test]
fn a_batch_that_the_server_cannot_take_does_not_keep_the_others_at_home() {
    let mut world = connected();
    (0..3).for_each(|phone| world.offline(phone));
    let open = world.raise(VOLUNTEER, "1幢");
    // Signed while the server is away, then the server cannot take this one.
    world.phones[VOLUNTEER].cut_after = Some(0);
    world.connect(VOLUNTEER);
    world.offline(VOLUNTEER);
    let good = world.raise(VOLUNTEER, "2幢");
    world.server.not_taken.insert(1);
    world.connect(VOLUNTEER);
    for _ in 0..6 {
        world.wait(200);
    }
    (1..3).for_each(|phone| world.connect(phone));
    world.assert_converged();
    assert_eq!(world.phones[SUPERVISOR].client.read(good).unwrap().title, "2幢");
    let client = &mut world.phones[VOLUNTEER].client;
    assert!(matches!(client.sync_state(open).unwrap(), SyncState::Refused(_)));
    assert_eq!(client.drafts().unwrap().len(), 1);
}
