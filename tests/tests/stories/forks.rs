//! Two phones think they are the same: one was copied, or restored from a backup.

use renolog_client_core::client::Fate;
use renolog_tests::checks::converged;
use renolog_tests::world::{PhoneId, World};

use super::together::{Desheng, desheng};

fn replaced(world: &mut World, phone: PhoneId) -> usize {
    let made = world.client(phone).made_here().unwrap();
    made.iter().filter(|made| matches!(made.fate, Fate::Replaced(_))).count()
}

#[test]
fn a_copied_phone_writes_on_and_nothing_is_lost() {
    let (mut world, people) = desheng(20);
    let Desheng { id, chen, .. } = people;
    let leak = world.raise(chen, id, "quality", "3幢 屋面渗水");
    world.run_until_quiet();
    world.offline(chen);
    let copy = world.back_up(chen);
    let copy = world.restore(copy);
    world.note(chen, leak, "旧手机：五楼也在漏");
    world.note(copy, leak, "新手机：四楼没有漏");
    world.note(copy, leak, "新手机：六楼渗水");
    let stairs = world.raise(copy, id, "safety", "新手机 5幢 楼道堆物");

    world.online(chen);
    world.run_until_quiet();
    world.online(copy);
    world.run_until_quiet();

    let summary = converged(&mut world);
    assert_eq!((summary.changes, summary.records), (5, 2));
    assert_eq!(replaced(&mut world, copy), 2, "what the copy wrote in the record it shares");
    assert_eq!(replaced(&mut world, chen), 0);
    assert_eq!(world.client(people.wang).read(leak).unwrap().entries("notes").len(), 3);
    assert!(world.client(chen).read(stairs).is_ok());

    // From here on each writes as itself.
    world.note(chen, leak, "旧手机：已报修");
    world.note(copy, leak, "新手机：收到");
    world.run_until_quiet();
    assert_eq!(converged(&mut world).forked, summary.forked);
}

#[test]
fn two_copies_work_at_the_same_time() {
    let (mut world, people) = desheng(21);
    let Desheng { id, chen, .. } = people;
    let leak = world.raise(chen, id, "quality", "3幢 屋面渗水");
    world.offline(chen);
    world.note(chen, leak, "还没有发出去的话");
    let copy = world.back_up(chen);
    let copy = world.restore(copy);
    world.online(chen);
    world.online(copy);
    for round in 0..6 {
        world.note(chen, leak, &format!("旧手机 {round}"));
        world.note(copy, leak, &format!("新手机 {round}"));
        world.pass(renolog_protocol::time::SpanMs(90));
    }
    world.run_until_quiet();
    assert_eq!(converged(&mut world).changes, 14);
}

#[test]
fn a_phone_restored_from_an_older_copy_goes_on() {
    let (mut world, people) = desheng(22);
    let Desheng { id, chen, .. } = people;
    let leak = world.raise(chen, id, "quality", "3幢 屋面渗水");
    world.run_until_quiet();
    let backup = world.back_up(chen);
    world.note(chen, leak, "备份之后写的");
    world.set(chen, leak, "location", "3幢2单元 屋面渗水");
    world.run_until_quiet();
    world.lose(chen);

    let restored = world.restore(backup);
    world.note(restored, leak, "恢复之后写的");
    world.online(restored);
    world.run_until_quiet();
    assert_eq!(converged(&mut world).changes, 4);
    assert_eq!(world.client(restored).read(leak).unwrap().entries("notes").len(), 2, "what was acknowledged came back");
    world.note(restored, leak, "又写了一条");
    world.run_until_quiet();
    assert_eq!(converged(&mut world).changes, 5);
}

#[test]
fn a_restored_phone_that_listens_before_it_writes_never_forks() {
    let (mut world, people) = desheng(23);
    let Desheng { id, chen, .. } = people;
    let leak = world.raise(chen, id, "quality", "3幢 屋面渗水");
    world.run_until_quiet();
    let backup = world.back_up(chen);
    world.note(chen, leak, "备份之后写的");
    world.run_until_quiet();
    world.lose(chen);
    let restored = world.restore(backup);
    world.online(restored);
    world.run_until_quiet();
    world.note(restored, leak, "恢复之后写的");
    world.run_until_quiet();
    let summary = converged(&mut world);
    assert_eq!((summary.changes, summary.forked), (3, 0));
}

#[test]
fn a_copy_that_hears_of_the_fork_before_it_hears_the_other_says_everything_again() {
    let (mut world, people) = desheng(24);
    let Desheng { id, chen, street, .. } = people;
    let leak = world.raise(chen, id, "quality", "3幢 屋面渗水");
    world.run_until_quiet();
    let copy = world.back_up(chen);
    let copy = world.restore(copy);
    for round in 0..12 {
        world.note(street, leak, &format!("第{round}次督查：{}", "现场仍在渗水，已拍照留存。".repeat(100)));
    }
    world.run_until_quiet();
    world.note(chen, leak, "旧手机：五楼也在漏");
    world.run_until_quiet();
    for words in ["新手机：一", "新手机：二", "新手机：三"] {
        world.note(copy, leak, words);
    }
    // Her copy has pages to read before it comes to what the other phone wrote; the receipt overtakes them.
    world.slow(copy, 5_000..=5_000);
    world.online(copy);
    world.run_until_quiet();

    let summary = converged(&mut world);
    assert_eq!((summary.changes, summary.forked, summary.refused), (17, 1, 2), "refused: what stood on the forked one");
    assert_eq!(replaced(&mut world, copy), 3);
    assert_eq!(world.client(copy).drafts().unwrap(), [], "nothing of it needs her attention");
}

#[test]
fn what_two_copies_have_in_common_is_said_once() {
    let (mut world, people) = desheng(25);
    let Desheng { id, chen, .. } = people;
    let leak = world.raise(chen, id, "quality", "3幢 屋面渗水");
    world.run_until_quiet();
    let copy = world.back_up(chen);
    let copy = world.restore(copy);
    world.note(chen, leak, "第一部：五楼也在漏");
    world.run_until_quiet();
    world.note(copy, leak, "第二部：四楼没有漏");
    let copy_of_copy = world.back_up(copy);
    let copy_of_copy = world.restore(copy_of_copy);
    world.note(copy_of_copy, leak, "第三部：六楼渗水");
    for phone in [copy, copy_of_copy] {
        world.online(phone);
        world.run_until_quiet();
    }
    assert_eq!(converged(&mut world).changes, 4);
    assert_eq!(world.client(people.wang).read(leak).unwrap().entries("notes").len(), 3);
}

#[test]
fn a_fork_may_end_otherwise_in_another_life_of_the_server() {
    let (mut world, people) = desheng(26);
    let Desheng { id, chen, wang, .. } = people;
    let leak = world.raise(chen, id, "quality", "3幢 屋面渗水");
    world.run_until_quiet();
    let backup = world.back_up_server();
    let copy = world.back_up(chen);
    let copy = world.restore(copy);
    world.note(chen, leak, "旧手机：五楼也在漏");
    world.run_until_quiet();
    world.offline(chen);
    world.restore_server(backup);
    world.note(copy, leak, "新手机：四楼没有漏");
    world.online(copy);
    world.run_until_quiet();
    converged(&mut world);
    let notes = |world: &mut World| world.client(wang).read(leak).unwrap().entries("notes").len();
    assert_eq!(notes(&mut world), 1, "the new phone was first this time");

    world.online(chen);
    world.run_until_quiet();
    assert_eq!(converged(&mut world).changes, 3);
    assert_eq!(notes(&mut world), 2);
}
