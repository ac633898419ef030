//! The server's disk is lost, and it comes back from a week-old backup; or it comes back with another past, and says nothing.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use renolog_protocol::id::{ActorId, ChangeHash, CommunityId, FeedId, RecordId};
use renolog_server::store::{ALL, ChangeRow, Fate, Read};
use renolog_tests::checks::converged;
use renolog_tests::world::{PhoneId, World};

use super::together::{Desheng, desheng};

const ROLES: [&str; 7] =
    ["captain", "property_manager", "owners_committee", "residents_committee", "supervisor", "contractor", "street"];

/// Everything that stands, which is everything that came, and in which order each actor said it.
fn what_stands(world: &World) -> BTreeMap<(FeedId, ActorId), Vec<ChangeHash>> {
    let rows: Vec<ChangeRow> = world.store().list(&[], None, ALL).unwrap();
    assert!(rows.iter().all(|row| row.fate == Fate::Accepted), "honest people, with their roles");
    what_was_accepted(world)
}

fn what_was_accepted(world: &World) -> BTreeMap<(FeedId, ActorId), Vec<ChangeHash>> {
    let rows: Vec<ChangeRow> = world.store().list(&[], None, ALL).unwrap();
    let rows: Vec<ChangeRow> = rows.into_iter().filter(|row| row.fate == Fate::Accepted).collect();
    let mut said: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in &rows {
        said.entry((row.feed, row.actor)).or_default().push((row.seq.unwrap(), row.hash));
    }
    let in_order = said.into_iter().map(|(who, mut said)| {
        said.sort();
        (who, said.into_iter().map(|(_, hash)| hash).collect())
    });
    in_order.collect()
}

/// Each writes in their own and in each other's records, in turns, some without a network.
fn a_week_of_work(world: &mut World, community: CommunityId, phones: &[PhoneId], records: &mut Vec<RecordId>, week: u32) {
    for (turn, phone) in phones.iter().enumerate() {
        if turn % 3 == 0 {
            world.offline(*phone);
        }
        let location = format!("{}幢 第{week}周", turn + 1);
        if turn % 7 < 2 {
            records.push(world.raise(*phone, community, "quality", &location));
        }
        if turn % 4 == 3 {
            world.run_until_quiet();
        }
    }
    phones.iter().for_each(|phone| world.online(*phone));
    world.run_until_quiet();
    for (turn, phone) in phones.iter().enumerate() {
        let record = records[(turn * 5 + week as usize) % records.len()];
        world.note(*phone, record, &format!("第{week}周，{}号看过", turn + 1));
        world.note(*phone, record, &format!("第{week}周，{}号又看过", turn + 1));
    }
    world.run_until_quiet();
}

#[test]
fn after_a_week_old_backup_twenty_phones_bring_back_all_that_was() {
    for seed in [81, 82, 83] {
        let mut world = World::new(seed);
        let community = world.community("desheng", "德胜新村");
        let mut phones: Vec<PhoneId> =
            (0..20).map(|number| world.enrol(community, ROLES[number % 7], &format!("{number}号"))).collect();
        world.run_until_quiet();
        let mut records = Vec::new();
        a_week_of_work(&mut world, community, &phones, &mut records, 1);
        let backup = world.back_up_server();
        let in_the_backup = what_stands(&world);
        a_week_of_work(&mut world, community, &phones, &mut records, 2);
        let stood = what_stands(&world);
        let many = |stands: &BTreeMap<_, Vec<ChangeHash>>| stands.values().map(Vec::len).sum::<usize>();
        assert!(many(&stood) >= many(&in_the_backup) + 40, "there is a week to be lost");

        phones.iter().for_each(|phone| world.offline(*phone));
        world.restore_server(backup);
        phones.shuffle(world.rng());
        for phone in phones {
            world.online(phone);
            world.run_until_quiet();
        }
        assert_eq!(what_stands(&world), stood, "seed {seed}");
        assert_eq!(converged(&mut world).changes, many(&stood));
        assert!(
            world.phones().into_iter().all(|phone| world.client(phone).doubts().unwrap().is_empty()),
            "and nobody was lied to"
        );
    }
}

#[test]
fn a_server_that_rewrites_its_past_is_found_out_by_whoever_knew_it() {
    let (mut world, people) = desheng(84);
    let Desheng { id, chen, wang, street, .. } = people;
    let leak = world.raise(chen, id, "quality", "3幢 屋面");
    world.run_until_quiet();
    let before = world.back_up_server();
    world.note(wang, leak, "已经修好了");
    world.run_until_quiet();

    // Wang's word is taken out, and the log goes on as if it had never been said.
    world.offline(wang);
    world.offline(street);
    world.rewrite_server(before);
    world.run_until_quiet();
    world.note(chen, leak, "还是没有人来");
    world.run_until_quiet();
    world.note(chen, leak, "第二天也没有人来");
    world.run_until_quiet();
    world.online(street);
    world.run_until_quiet();
    for who in [chen, street] {
        assert!(!world.client(who).doubts().unwrap().is_empty(), "{} knew better", world.name(who));
    }
}

#[test]
fn what_was_said_in_a_role_that_the_backup_lacks_waits_until_the_role_is_given_again() {
    let (mut world, people) = desheng(85);
    let Desheng { chen, .. } = people;
    let liushui = world.community("liushui", "流水北苑");
    let liu = world.enrol(liushui, "captain", "刘叔");
    world.run_until_quiet();
    let leak = world.raise(liu, liushui, "quality", "1幢 屋面");
    world.run_until_quiet();
    let backup = world.back_up_server();
    world.also(chen, liushui, "captain");
    world.run_until_quiet();
    let stairs = world.raise(chen, liushui, "safety", "2幢 楼道堆物");
    world.note(chen, leak, "来看过了，确实在漏");
    world.run_until_quiet();
    world.note(liu, stairs, "已经清走");
    world.run_until_quiet();
    let stood = what_stands(&world);

    let phones = world.phones();
    phones.iter().for_each(|phone| world.offline(*phone));
    world.restore_server(backup);
    world.online(chen);
    world.run_until_quiet();
    assert!(
        world.client(chen).read(leak).is_err() && world.client(chen).read(stairs).is_err(),
        "not hers to read, for all it knows"
    );
    phones.iter().for_each(|phone| world.online(*phone));
    world.run_until_quiet();
    assert_ne!(what_was_accepted(&world), stood, "what she said is on her phone alone");
    world.also(chen, liushui, "captain");
    world.run_until_quiet();
    assert_eq!(what_stands(&world), stood, "each under its signature of then");
    converged(&mut world);
    assert_eq!(world.client(chen).read(stairs).unwrap().entries("notes").len(), 1);
    assert_eq!(world.client(chen).drafts().unwrap(), []);
}
