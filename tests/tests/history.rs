//! The merged history as a person reads it in a terminal.

use renolog_protocol::id::{Audience, FeedId, Seq};
use renolog_protocol::schema::Schema;
use renolog_server::history::{Entry, Position, Question, of_community, of_record, refused, render};
use renolog_server::store::Memory;
use renolog_tests::checks::converged;
use renolog_tests::names::Names;
use renolog_tests::story::{Told, tell};
use renolog_tests::world::World;

fn told() -> (World<Memory>, Told, Vec<Entry>, Vec<Entry>) {
    let mut world = World::new(70);
    let told = tell(&mut world);
    converged(&mut world);
    let schema = Schema::built_in();
    let question = Question { community: told.desheng, audiences: Audience::ALL.into(), after: Position::default(), limit: 1000 };
    let (entries, _) = of_community(world.store(), &schema, &question).unwrap();
    let feeds = Audience::ALL.map(|audience| FeedId { community: told.desheng, audience });
    let refused = feeds.iter().flat_map(|feed| refused(world.store(), &schema, *feed, 1000).unwrap()).collect();
    (world, told, entries, refused)
}

#[test]
fn the_merged_history_of_a_community() {
    let (_, _, entries, refused) = told();
    insta::assert_snapshot!(render(&Schema::built_in(), "德胜新村", &entries, &refused));
}

#[test]
fn the_history_of_one_record() {
    let (world, told, ..) = told();
    let entries = of_record(world.store(), &Schema::built_in(), told.parking, Seq(0), 1000).unwrap();
    insta::assert_snapshot!(Names::new().hide_text(&render(&Schema::built_in(), "停车位", &entries, &[])));
}

#[test]
fn each_mark_stands_where_it_belongs() {
    let (_, told, entries, refused) = told();
    let marked = |mark: fn(&Entry) -> bool| -> Vec<&str> {
        entries.iter().filter(|entry| mark(entry)).map(|entry| entry.name.as_str()).collect()
    };
    assert_eq!(marked(|entry| entry.marks.superseded), ["王经理"], "closing was overtaken by reopening");
    assert_eq!(marked(|entry| entry.marks.conflicting), ["王经理", "陈阿姨"], "two locations");
    assert_eq!(marked(|entry| entry.carrier.is_some()), ["陈阿姨", "陈阿姨"], "two batches that another phone brought");
    assert!(marked(|entry| entry.skew.0.abs() > 3_600_000).iter().all(|name| *name == "李主任"));
    assert!(!marked(|entry| entry.skew.0.abs() > 3_600_000).is_empty());
    assert_eq!(refused.len(), 1);
    assert_eq!((refused[0].record, refused[0].seq), (told.leak, None));
    assert!(refused[0].marks.refused.is_some());
}
