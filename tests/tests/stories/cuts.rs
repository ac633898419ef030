//! Links are cut, servers die, and messages come late or twice: no work is lost, and none is doubled.

use renolog_protocol::wire::{Frame, Receipt};
use renolog_server::store::{ALL, BatchRow, Read};
use renolog_tests::checks::converged;
use renolog_tests::world::{Crash, World};

use super::together::{Desheng, a_matter_to_be_closed, desheng, minutes};

/// Two phones come back with work on the same records, while a third works online.
fn a_busy_afternoon(world: &mut World, people: &Desheng) {
    let Desheng { id, chen, wang, li, .. } = *people;
    let stairs = world.raise(chen, id, "safety", "5幢 楼道堆物");
    world.run_until_quiet();
    world.offline(chen);
    world.offline(wang);
    world.note(chen, stairs, "堆了两辆电动车");
    let leak = world.raise(chen, id, "quality", "3幢 屋面渗水");
    world.note(chen, leak, "五楼也在漏");
    world.note(wang, stairs, "已通知业主");
    world.set(wang, stairs, "location", "5幢1单元 楼道");
    world.set(chen, stairs, "location", "5幢 一楼");
    let parking = world.open_matter(wang, id, "停车位");
    world.put(wang, parking, "opinions", None, &[("text", "先到先得".into())]);
    world.online(chen);
    world.online(wang);
    world.note(li, stairs, "请尽快清理");
    world.run_until_quiet();
}

fn quiet_afternoon() -> (u64, u64, renolog_tests::checks::Summary) {
    let (mut world, people) = desheng(10);
    a_busy_afternoon(&mut world, &people);
    let summary = converged(&mut world);
    (world.messages(), world.commits(), summary)
}

#[test]
fn cut_at_every_message() {
    let (messages, _, undisturbed) = quiet_afternoon();
    let mut number = desheng(10).0.messages();
    assert!(messages > number + 20, "there is something to cut");
    loop {
        let (mut world, people) = desheng(10);
        world.cut_at_message(number);
        a_busy_afternoon(&mut world, &people);
        assert_eq!(converged(&mut world), undisturbed, "cut at message {number}");
        if world.messages() <= number {
            break;
        }
        number += 1;
    }
    assert!(number >= messages, "the last run had no cut");
}

#[test]
fn the_server_dies_at_every_commit() {
    let (_, commits, undisturbed) = quiet_afternoon();
    let before = desheng(10).0.commits();
    assert!(commits > before + 4, "there is something to break");
    for crash in [Crash::BeforeTheCommit, Crash::AfterTheCommit] {
        for number in before..commits {
            let (mut world, people) = desheng(10);
            world.crash_at_commit(number, crash);
            a_busy_afternoon(&mut world, &people);
            assert_eq!(converged(&mut world), undisturbed, "{crash:?} {number}");
        }
    }
}

#[test]
fn a_push_that_comes_late_and_again_is_taken_once() {
    let (mut world, people) = desheng(11);
    let Desheng { id, chen, .. } = people;
    let leak = world.raise(chen, id, "quality", "3幢 屋面渗水");
    world.note(chen, leak, "五楼也在漏");
    // What she sent waits in some buffer for ten minutes; she has long sent it again.
    world.cut_and_deliver_late(chen, minutes(10));
    world.run_until(|world| world.client(chen).is_settled().unwrap());
    let before = ledger(&world);
    world.pass(minutes(20));
    assert_eq!(ledger(&world), before, "the late copies left no trace");
    world.run_until_quiet();
    assert_eq!(converged(&mut world).changes, 2);
}

fn ledger(world: &World) -> Vec<BatchRow> {
    world.store().list(&[], None, ALL).unwrap()
}

#[test]
fn the_same_batch_gets_the_same_receipt_as_often_as_it_comes() {
    let (mut world, people) = desheng(12);
    let Desheng { id, chen, wang, .. } = people;
    let leak = world.raise(chen, id, "quality", "3幢 屋面渗水");
    world.note(chen, leak, "五楼也在漏");
    world.run_until_quiet();
    let batches = world.batches_of(chen);
    let receipts = |frames: Vec<Frame>| -> Vec<Receipt> {
        let receipt = |frame| if let Frame::Receipt(receipt) = frame { Some(receipt) } else { None };
        frames.into_iter().filter_map(receipt).collect()
    };
    let (ledger_before, first) = (ledger(&world), receipts(world.carry(wang, &batches)));
    let again = receipts(world.carry(chen, &batches));
    assert_eq!(first.iter().map(|receipt| receipt.rulings.len()).sum::<usize>(), 2);
    assert_eq!(first, again);
    assert_eq!(ledger(&world), ledger_before);
    converged(&mut world);
}

#[test]
fn the_server_restarts_while_everyone_is_talking() {
    let (mut world, people) = desheng(13);
    let matter = a_matter_to_be_closed(&mut world, &people);
    for round in 0..5 {
        for (who, name) in [(people.wang, "王"), (people.li, "李"), (people.zhao, "赵")] {
            world.note(who, matter, &format!("{name} 第{round}次发言"));
        }
        world.pass(renolog_protocol::time::SpanMs(150));
        world.restart_server();
    }
    world.run_until_quiet();
    converged(&mut world);
    assert_eq!(world.client(people.street).read(matter).unwrap().entries("notes").len(), 15);
}

#[test]
fn a_server_restored_from_an_older_copy_is_healed_by_its_phones() {
    let (mut world, people) = desheng(14);
    let Desheng { id, chen, wang, street, .. } = people;
    let leak = world.raise(chen, id, "quality", "3幢 屋面渗水");
    world.run_until_quiet();
    let copy = world.back_up_server();
    world.note(wang, leak, "明天上午派人来看");
    let stairs = world.raise(chen, id, "safety", "5幢 楼道堆物");
    world.run_until_quiet();
    world.note(street, stairs, "请物业跟进");
    world.run_until_quiet();
    world.offline(chen);
    world.note(chen, leak, "五楼也在漏");

    world.restore_server(copy);
    world.pass(minutes(30));
    world.online(chen);
    world.run_until_quiet();
    assert_eq!(converged(&mut world).changes, 5);
    assert_eq!(world.client(wang).read(stairs).unwrap().entries("notes").len(), 1);
}
