//! Somebody new comes to a community with a long log: it reaches their phone as whole records, the open ones first, whatever
//! happens on the way.

use std::collections::BTreeMap;

use renolog_client_core::store::Filter;
use renolog_protocol::id::{Audience, FeedId, RecordId, Seq};
use renolog_protocol::schema::Role;
use renolog_protocol::wire::Begun;
use renolog_server::command::{Command, EndRole, Erase};
use renolog_server::store::{ALL, BatchRow, MemberRow, Read, Store, Write};
use renolog_tests::checks::converged;
use renolog_tests::world::{PhoneId, World};

use super::together::{Desheng, desheng, minutes};

/// Records of the log; with a remark and a correction each, more than a feed may hold to be read by pages.
const RECORDS: usize = 96;

/// A community in which much was written, some of it is done, and something was erased.
fn a_long_log(seed: u64) -> (World, Desheng, Vec<RecordId>) {
    let (mut world, people) = desheng(seed);
    let Desheng { id, chen, wang, .. } = people;
    let mut records = Vec::new();
    for number in 0..RECORDS {
        let record = world.raise(chen, id, "quality", &format!("{number}幢 屋面渗水"));
        world.note(chen, record, &format!("{number}幢五楼也在漏"));
        records.push(record);
        if number % 16 == 15 {
            world.run_until_quiet();
        }
    }
    for (number, record) in records.iter().enumerate() {
        world.set(wang, *record, "location", format!("{number}幢1单元").as_str());
    }
    world.run_until_quiet();
    (world, people, records)
}

fn open(people: &Desheng) -> FeedId {
    FeedId { community: people.id, audience: Audience::Open }
}

/// How far the phone has come in a snapshot of the open feed.
fn begun(world: &mut World, phone: PhoneId, people: &Desheng) -> Option<Begun> {
    world.client(phone).store().begun().unwrap().remove(&open(people))
}

/// Somebody new, whose phone has the first part and no more.
fn with_the_first_part(world: &mut World, people: &Desheng) -> PhoneId {
    let phone = world.enrol(people.id, "captain", "小周");
    world.run_until(|world| begun(world, phone, people).is_some());
    phone
}

fn listed(world: &mut World, phone: PhoneId) -> usize {
    world.client(phone).list(&Filter::default()).unwrap().len()
}

fn everything(world: &mut World, phone: PhoneId) -> BTreeMap<RecordId, String> {
    world.client(phone).state_of_everything().unwrap()
}

#[test]
fn the_latest_open_records_are_there_whole_before_the_rest() {
    let (mut world, people, records) = a_long_log(71);
    let phone = with_the_first_part(&mut world, &people);
    assert!((10..RECORDS).contains(&listed(&mut world, phone)), "a screenful, not all");
    let latest = *records.last().unwrap();
    let known = world.client(people.chen).read(latest).unwrap();
    assert_eq!(world.client(phone).read(latest).unwrap(), known, "whole, remark and correction included");
    assert_eq!(world.client(phone).feeds().find(|state| state.cursor.feed == open(&people)).unwrap().cursor.seq, Seq(0));
    world.run_until_quiet();
    assert_eq!(begun(&mut world, phone, &people), None);
    assert_eq!(everything(&mut world, phone), everything(&mut world, people.chen));
    assert_eq!(world.client(phone).doubts().unwrap(), Vec::new());
    converged(&mut world);
}

#[test]
fn cut_at_every_message_of_a_first_sync() {
    let (mut world, people, _) = a_long_log(72);
    let (log, mut newcomers) = (everything(&mut world, people.chen), Vec::new());
    loop {
        let cut = world.messages() + newcomers.len() as u64;
        world.cut_at_message(cut);
        let phone = world.enrol(people.id, "captain", &format!("小周{}", newcomers.len()));
        world.run_until_quiet();
        assert_eq!(everything(&mut world, phone), log, "cut at message {}", newcomers.len());
        assert_eq!(world.client(phone).doubts().unwrap(), Vec::new(), "cut at message {}", newcomers.len());
        // Out of the way: the next one's messages are to be the same.
        world.offline(phone);
        newcomers.push(phone);
        if world.messages() <= cut {
            break;
        }
    }
    assert!(newcomers.len() > 10, "there was something to cut");
    newcomers.into_iter().for_each(|phone| world.online(phone));
    world.run_until_quiet();
    converged(&mut world);
}

#[test]
fn what_was_there_is_not_sent_again_after_a_restart_of_either_end() {
    let (mut world, people, _) = a_long_log(73);
    let phone = with_the_first_part(&mut world, &people);
    let before = begun(&mut world, phone, &people);
    let records = listed(&mut world, phone);
    world.restart_server();
    world.offline(phone);
    let backup = world.back_up(phone);
    world.lose(phone);
    let phone = world.restore(backup);
    assert_eq!((begun(&mut world, phone, &people), listed(&mut world, phone)), (before, records), "it is on its disk");
    world.online(phone);
    world.run_until(|world| begun(world, phone, &people) != before);
    let now = begun(&mut world, phone, &people);
    let place = |begun: Option<Begun>| begun.unwrap().through;
    assert!(now.is_none() || place(now).last < place(before).last, "it goes on where it was: {now:?}");
    world.run_until_quiet();
    assert_eq!(everything(&mut world, phone), everything(&mut world, people.chen));
    converged(&mut world);
}

#[test]
fn the_log_grows_and_the_newcomer_writes_while_it_comes() {
    let (mut world, people, records) = a_long_log(74);
    let Desheng { id, chen, wang, .. } = people;
    let phone = with_the_first_part(&mut world, &people);
    // In what has come and in what has not, and something new; on the new phone as well.
    world.note(chen, records[0], "复查：仍在漏");
    world.note(chen, records[RECORDS - 1], "复查：已好");
    world.set(wang, records[1], "location", "1幢 顶楼");
    world.note(phone, records[RECORDS - 1], "小周：我去看过");
    let own = world.raise(phone, id, "safety", "门口堆物");
    world.cut(phone);
    world.note(phone, own, "小周：两辆电动车");
    world.run_until_quiet();
    assert_eq!(world.client(phone).doubts().unwrap(), Vec::new());
    assert_eq!(everything(&mut world, phone), everything(&mut world, chen));
    converged(&mut world);
}

#[test]
fn what_is_erased_while_it_comes_is_on_no_phone_in_the_end() {
    for which in [0, RECORDS - 1] {
        let (mut world, people, records) = a_long_log(75);
        let phone = with_the_first_part(&mut world, &people);
        let erase = Erase {
            record: records[which],
            role: Role::parse("street").unwrap(),
            reason: "当事人依法要求删除".into(),
            remains: None,
        };
        world.operate(Command::Erase(erase)).unwrap();
        world.cut(phone);
        world.run_until_quiet();
        assert!(world.client(phone).read(records[which]).is_err(), "record {which}");
        assert_eq!(listed(&mut world, phone), RECORDS - 1);
        assert_eq!(everything(&mut world, phone), everything(&mut world, people.chen));
        assert_eq!(world.client(phone).doubts().unwrap(), Vec::new(), "record {which}");
    }
}

#[test]
fn erased_records_keep_their_places_for_whoever_comes_later() {
    let (mut world, people, records) = a_long_log(76);
    for record in &records[3..6] {
        let erase = Erase { record: *record, role: Role::parse("street").unwrap(), reason: "依法删除".into(), remains: None };
        world.operate(Command::Erase(erase)).unwrap();
    }
    let phone = with_the_first_part(&mut world, &people);
    world.run_until_quiet();
    assert_eq!(listed(&mut world, phone), RECORDS - 3);
    let state = |world: &mut World, phone| *world.client(phone).feeds().find(|state| state.cursor.feed == open(&people)).unwrap();
    assert_eq!(state(&mut world, phone).link, state(&mut world, people.chen).link, "the same past");
    assert_eq!(world.client(phone).doubts().unwrap(), Vec::new());
}

#[test]
fn a_role_that_ends_meanwhile_takes_what_has_come_with_it() {
    let (mut world, people, _) = a_long_log(77);
    let phone = with_the_first_part(&mut world, &people);
    let person = world.client(phone).enrolment().unwrap().person;
    let roles: Vec<MemberRow> = world.store().list(&[], None, ALL).unwrap();
    let number = roles.iter().find(|role| role.person == person).unwrap().number;
    world.operate(Command::EndRole(EndRole { community: people.id, number, at: None })).unwrap();
    world.run_until_quiet();
    assert_eq!((listed(&mut world, phone), begun(&mut world, phone, &people)), (0, None));
    // Appointed again, they are given it from the beginning.
    world.also(phone, people.id, "captain");
    world.run_until_quiet();
    assert_eq!(everything(&mut world, phone), everything(&mut world, people.chen));
    converged(&mut world);
}

#[test]
fn a_newcomer_with_two_audiences_is_given_both() {
    let (mut world, people, _) = a_long_log(78);
    for number in 0..RECORDS {
        let matter = world.open_matter(people.wang, people.id, &format!("{number}号停车位"));
        world.note(people.wang, matter, &format!("{number}号停车位已划线"));
        world.note(people.wang, matter, &format!("{number}号停车位有人占用"));
    }
    world.run_until_quiet();
    let phone = world.enrol(people.id, "specialist", "小周");
    let parties = FeedId { audience: Audience::Parties, ..open(&people) };
    world.run_until(|world| {
        let begun = world.client(phone).store().begun().unwrap();
        begun.contains_key(&parties) && begun.contains_key(&open(&people))
    });
    world.cut(phone);
    world.run_until_quiet();
    assert_eq!(everything(&mut world, phone), everything(&mut world, people.wang));
    converged(&mut world);
}

#[test]
fn a_snapshot_that_is_not_the_feeds_past_is_a_doubt() {
    let (mut world, people, _) = a_long_log(79);
    let phone = with_the_first_part(&mut world, &people);
    // Whoever runs the server says another time of receipt of what was said first, and leaves the links as they were.
    let mut copy = world.back_up_server();
    let first: BatchRow = copy.list(&[], None, 1).unwrap().remove(0);
    copy.put(&BatchRow { received: first.received + minutes(1), ..first }).unwrap();
    copy.commit().unwrap();
    world.rewrite_server(copy);
    world.run_until_quiet();
    assert_eq!(world.client(phone).doubts().unwrap().len(), 1);
}

/// A long log in which rounds were done, too, and somebody new who saves data and has what they are given.
fn with_the_open_records(seed: u64) -> (World, Desheng, PhoneId, Vec<RecordId>) {
    let (mut world, people, _) = a_long_log(seed);
    let mut rounds = Vec::new();
    for day in 1..=28 {
        let round = world.create(people.wang, people.id, "steward_round", &[("day", &format!("2026-10-{day:02}"))]);
        world.moves(people.wang, round, "finish", None);
        rounds.push(round);
    }
    world.run_until_quiet();
    let phone = world.enrol(people.id, "captain", "小周");
    world.with(phone, |client, now| client.save_data(now, true)).unwrap();
    world.run_until_quiet();
    (world, people, phone, rounds)
}

#[test]
fn who_saves_data_is_given_the_open_records_and_what_is_new_and_the_rest_when_they_want_it() {
    let (mut world, people, phone, rounds) = with_the_open_records(80);
    assert_eq!(listed(&mut world, phone), RECORDS, "what is open");
    let status = world.client(phone).status().unwrap();
    assert!(status.caught_up && status.saves_data && status.left_out == 1, "and it says that there is more: {status:?}");

    // Life goes on: something new, a word on an open record, one on a record that is not here, and something of their own.
    let raised = world.raise(people.chen, people.id, "safety", "门口堆物");
    world.note(people.wang, rounds[3], "补记：保安缺岗");
    let own = world.raise(phone, people.id, "quality", "小周：顶楼渗水");
    world.run_until_quiet();
    let on_phone = |world: &mut World, record| world.client(phone).read(record).ok();
    assert_eq!(on_phone(&mut world, raised), Some(world.client(people.chen).read(raised).unwrap()));
    assert!(on_phone(&mut world, own).is_some() && on_phone(&mut world, rounds[0]).is_none());
    world.restart_server();
    world.cut(phone);
    world.run_until_quiet();
    let before = world.client(phone).status().unwrap();
    assert_eq!(before.left_out, 1, "whatever happens to the link");

    // At home, on a network that costs nothing.
    world.with(phone, |client, now| client.save_data(now, false)).unwrap();
    world.run_until_quiet();
    let after = world.client(phone).status().unwrap();
    assert_eq!((after.left_out, after.saves_data), (0, false));
    assert_eq!(everything(&mut world, phone), everything(&mut world, people.chen));
    assert_eq!(world.client(phone).doubts().unwrap(), Vec::new(), "the links over all of it are the server's");
    let fetched = after.usage.snapshots.down - before.usage.snapshots.down;
    assert!(fetched < before.usage.snapshots.down / 2, "only the rest: {fetched} after {}", before.usage.snapshots.down);
    converged(&mut world);
}

#[test]
fn who_saves_data_is_served_by_a_restored_server_as_anyone_is() {
    let (mut world, people, phone, _) = with_the_open_records(81);
    let backup = world.back_up_server();
    let raised = world.raise(people.chen, people.id, "safety", "门口堆物");
    world.run_until_quiet();
    world.restore_server(backup);
    world.run_until_quiet();
    assert_eq!(world.client(phone).read(raised).ok(), world.client(people.chen).read(raised).ok());
    assert_eq!(world.client(phone).status().unwrap().left_out, 1);
    world.with(phone, |client, now| client.save_data(now, false)).unwrap();
    world.run_until_quiet();
    assert_eq!(everything(&mut world, phone), everything(&mut world, people.chen));
    assert_eq!(world.client(phone).doubts().unwrap(), Vec::new());
    converged(&mut world);
}
