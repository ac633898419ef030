//! People work apart, and meet again.

use std::collections::BTreeSet;

use renolog_protocol::id::Audience;
use renolog_protocol::record::Standing;
use renolog_protocol::schema::Schema;
use renolog_server::history::{Entry, Position, Question, of_community};
use renolog_tests::checks::converged;
use renolog_tests::world::World;

use super::together::{Desheng, a_matter_to_be_closed, desheng, hours};

/// The merged history as an administrator reads it.
fn history(world: &World, people: &Desheng) -> Vec<Entry> {
    let audiences: BTreeSet<Audience> = Audience::ALL.into();
    let question = Question { community: people.id, audiences, after: Position::default(), limit: 10_000 };
    of_community(world.store(), &Schema::built_in(), &question).unwrap().0
}

#[test]
fn three_parties_work_offline_for_a_week() {
    let (mut world, people) = desheng(1);
    let Desheng { id, chen, wang, li, street, .. } = people;
    let leak = world.raise(chen, id, "quality", "3幢2单元 屋面渗水");
    let parking = world.open_matter(wang, id, "小区停车位重新划线");
    world.run_until_quiet();

    for who in [chen, wang, li] {
        world.offline(who);
    }
    for day in 1..=7 {
        world.pass(hours(24));
        world.note(chen, leak, &format!("第{day}天 还在漏"));
        world.note(wang, leak, &format!("第{day}天 已联系施工队"));
        world.put(li, parking, "opinions", None, &[("text", format!("第{day}稿：按楼幢分配").as_str().into())]);
        world.note(street, leak, &format!("第{day}天 街道在线查看"));
    }
    let stairs = world.raise(chen, id, "safety", "5幢 楼道堆物");
    world.note(chen, stairs, "堆了两辆电动车");
    world.moves(wang, parking, "discuss", None);
    world.put(wang, parking, "opinions", None, &[("text", "先到先得".into())]);
    assert_eq!(world.client(street).read(leak).unwrap().entries("notes").len(), 7, "the street sees its own notes only");

    for who in [chen, wang, li] {
        world.online(who);
    }
    world.run_until_quiet();
    let summary = converged(&mut world);
    assert_eq!((summary.records, summary.conflicts, summary.refused), (3, 0, 0));
    assert_eq!(world.client(li).read(leak).unwrap().entries("notes").len(), 21);

    let history = history(&world, &people);
    let first = history.iter().find(|entry| entry.words.iter().any(|words| words.zh.contains("第1天 还在漏"))).unwrap();
    assert_eq!(first.name, "陈阿姨");
    assert!(first.offline > hours(143) && first.offline < hours(145), "{}", first.offline);
    assert!((first.corrected - first.device_time).0.abs() < 1000, "her clock is right");
    let online = history.iter().find(|entry| entry.words.iter().any(|words| words.zh.contains("第1天 街道"))).unwrap();
    assert!(online.offline < hours(1));
}

#[test]
fn two_close_one_matter_differently() {
    let (mut world, people) = desheng(2);
    let Desheng { wang, li, .. } = people;
    let matter = a_matter_to_be_closed(&mut world, &people);

    world.offline(wang);
    world.offline(li);
    world.moves(wang, matter, "close", None);
    world.moves(li, matter, "reopen", Some("划线后仍有纠纷"));
    assert_eq!((world.state(wang, matter).as_str(), world.state(li, matter).as_str()), ("closed", "discussing"));
    world.online(wang);
    world.online(li);
    world.run_until_quiet();

    assert_eq!(converged(&mut world).superseded, 1);
    for who in [people.wang, people.li, people.zhao, people.street] {
        let view = world.client(who).read(matter).unwrap();
        let lost: Vec<(String, String)> =
            view.superseded().map(|made| (made.name.to_string(), made.source.party.to_string())).collect();
        assert_eq!(view.state.as_str(), "discussing", "reopening is heavier than closing");
        assert_eq!(lost, [("close".to_owned(), "property_manager".to_owned())]);
    }
    let marked: Vec<bool> =
        history(&world, &people).iter().map(|entry| entry.marks.superseded).filter(|marked| *marked).collect();
    assert_eq!(marked.len(), 1, "the history marks the overtaken move");
}

#[test]
fn two_close_one_matter_alike() {
    let (mut world, people) = desheng(3);
    let matter = a_matter_to_be_closed(&mut world, &people);
    for who in [people.wang, people.zhao] {
        world.offline(who);
        world.moves(who, matter, "close", None);
    }
    world.online(people.zhao);
    world.online(people.wang);
    world.run_until_quiet();
    assert_eq!(converged(&mut world).superseded, 1);
    let view = world.client(people.li).read(matter).unwrap();
    assert_eq!(view.state.as_str(), "closed");
    let standing: Vec<Standing> =
        view.moves.iter().filter(|made| made.name.as_str() == "close").map(|made| made.standing).collect();
    assert_eq!(standing, [Standing::Stands, Standing::Superseded]);
}

#[test]
fn what_two_wrote_apart_is_shown_until_someone_settles_it() {
    let (mut world, people) = desheng(4);
    let Desheng { id, chen, wang, street, .. } = people;
    let leak = world.raise(chen, id, "quality", "3幢 屋面");
    world.run_until_quiet();
    world.offline(chen);
    world.offline(wang);
    world.set(chen, leak, "location", "3幢2单元 屋面");
    world.set(wang, leak, "location", "3幢 西侧屋面");
    world.online(wang);
    world.online(chen);
    world.run_until_quiet();

    assert_eq!(converged(&mut world).conflicts, 1);
    let conflicts = world.client(street).conflicts().unwrap();
    let said: BTreeSet<&str> = conflicts[0].fields[0].values.iter().map(|said| said.value.as_str()).collect();
    assert_eq!(said, ["3幢2单元 屋面", "3幢 西侧屋面"].into());

    world.set(chen, leak, "location", "3幢2单元 西侧屋面");
    world.run_until_quiet();
    assert_eq!(converged(&mut world).conflicts, 0);
    assert_eq!(world.client(wang).read(leak).unwrap().value("location"), Some(&"3幢2单元 西侧屋面".into()));
}

#[test]
fn a_new_role_opens_what_was_closed_before() {
    let (mut world, people) = desheng(5);
    let Desheng { id, chen, wang, .. } = people;
    let matter = world.open_matter(wang, id, "物业费调整");
    world.note(wang, matter, "附上去年的收支");
    world.run_until_quiet();
    assert!(world.client(chen).read(matter).is_err(), "a captain does not read what the three parties say");

    world.also(chen, id, "residents_committee");
    world.run_until_quiet();
    assert_eq!(world.client(chen).read(matter).unwrap().entries("notes").len(), 1);
    world.put(chen, matter, "opinions", None, &[("text", "先公示再调整".into())]);
    world.run_until_quiet();
    converged(&mut world);
}

#[test]
fn one_phone_works_in_two_communities() {
    let (mut world, people) = desheng(6);
    let Desheng { id, chen, street, .. } = people;
    let qinfeng = world.community("qinfeng", "勤丰小区");
    let zhou = world.enrol(qinfeng, "captain", "周师傅");
    world.also(street, qinfeng, "street");
    world.run_until_quiet();
    for who in [street, zhou] {
        world.offline(who);
    }
    let here = world.create(street, id, "community", &[("name", "德胜新村")]);
    let there = world.create(street, qinfeng, "community", &[("name", "勤丰小区")]);
    world.note(street, here, "下周一开工");
    world.note(street, there, "违建已拆除85处");
    let stairs = world.raise(zhou, qinfeng, "safety", "2幢 楼道");
    for who in [zhou, street] {
        world.online(who);
    }
    world.run_until_quiet();
    assert_eq!(converged(&mut world).records, 3);
    assert!(world.client(chen).read(there).is_err() && world.client(zhou).read(here).is_err(), "neighbours do not mix");
    assert!(world.client(street).read(stairs).is_ok());
}
