//! Clocks that lie, links that crawl, links that die without a word.

use renolog_protocol::limits;
use renolog_protocol::time::SpanMs;
use renolog_server::store::{ALL, BatchRow, ChangeRow, Read, SeenRow};
use renolog_tests::checks::converged;

use super::together::{Desheng, desheng, hours, minutes};

#[test]
fn a_clock_that_is_years_off_does_no_harm() {
    const YEARS: i64 = 365 * 24;
    for (seed, off) in [(40, 3 * YEARS), (41, -7 * YEARS), (42, -60 * YEARS)] {
        let (mut world, people) = desheng(seed);
        let Desheng { id, chen, wang, .. } = people;
        world.offline(chen);
        world.set_clock_ahead(chen, hours(off));
        let leak = world.raise(chen, id, "quality", "3幢 屋面渗水");
        world.pass(hours(2));
        world.note(chen, leak, "五楼也在漏");
        world.online(chen);
        world.run_until_quiet();
        world.note(wang, leak, "明天上午派人来看");
        world.run_until_quiet();
        assert_eq!(converged(&mut world).changes, 3);

        let her_device = world.client(chen).device();
        let ledger: Vec<BatchRow> = world.store().list(&[], None, ALL).unwrap();
        let hers: Vec<&BatchRow> = ledger.iter().filter(|row| row.device == her_device).collect();
        assert!(hers.iter().all(|row| (row.skew.0 + hours(off).0).abs() < minutes(1).0), "{hers:?}");
        let history = world.client(wang).history(leak).unwrap();
        let offline = history[0].offline.unwrap();
        assert!((offline.0 - hours(2).0).abs() < minutes(1).0, "two hours offline, not {offline}");
    }
}

#[test]
fn a_clock_that_jumps_while_connected_does_no_harm() {
    let (mut world, people) = desheng(43);
    let Desheng { id, chen, wang, .. } = people;
    let leak = world.raise(chen, id, "quality", "3幢 屋面渗水");
    world.run_until_quiet();
    for (round, off) in [9000, -9000, 1, -400, 0].into_iter().enumerate() {
        world.set_clock_ahead(chen, hours(off));
        world.note(chen, leak, &format!("她说 {round}"));
        world.note(wang, leak, &format!("他说 {round}"));
        world.pass(minutes(7));
        assert_eq!(world.client(chen).read(leak).unwrap().entries("notes").len(), 2 * (round + 1), "clock {off} hours ahead");
    }
    world.run_until_quiet();
    converged(&mut world);
}

#[test]
fn a_slow_reader_gets_a_long_feed_in_pages() {
    let (mut world, people) = desheng(44);
    let Desheng { id, chen, wang, li, .. } = people;
    world.offline(li);
    for number in 0..40 {
        let leak = world.raise(chen, id, "quality", &format!("{number}幢 屋面渗水"));
        world.run_until_quiet();
        for round in 0..6 {
            world.note(wang, leak, &format!("{number}幢 第{round}次查看：{}", "仍在渗水，已拍照。".repeat(20)));
        }
    }
    world.run_until_quiet();

    // A message takes twenty seconds each way: forty kilobytes on a link of two kilobytes a second.
    world.slow(li, 20_000..=20_000);
    let before = world.client(li).status().unwrap().bytes_down;
    let started = world.now();
    world.online(li);
    world.run_until_quiet();
    let bytes = world.client(li).status().unwrap().bytes_down - before;
    let changes: Vec<ChangeRow> = world.store().list(&[], None, ALL).unwrap();
    let needed: usize = changes.iter().map(|row| row.bytes.len()).sum();
    let pages = needed.div_ceil(limits::PAGE_BYTES) as i64;
    assert!(pages >= 3, "{needed} bytes are more than a page or two");
    assert!(bytes < needed as u64 * 5 / 4, "{bytes} bytes for {needed} bytes of changes: nothing is sent twice");
    assert!(world.now() - started < SpanMs((2 * pages + 6) * 20_000), "{} for {pages} pages", world.now() - started);
    converged(&mut world);
}

#[test]
fn a_reader_too_slow_for_the_tail_reads_on_from_the_store() {
    let (mut world, people) = desheng(45);
    let Desheng { id, chen, li, .. } = people;
    let leaks: Vec<_> = (1..=30).map(|number| world.raise(chen, id, "quality", &format!("{number}幢 屋面渗水"))).collect();
    world.run_until_quiet();
    world.slow(li, 12_000..=12_000);
    for number in 0..10 {
        for leak in &leaks {
            world.note(chen, *leak, &format!("第{number}次查看 {leak}"));
        }
        world.pass(SpanMs(250));
    }
    world.run_until_quiet();
    converged(&mut world);
    assert_eq!(world.client(li).read(leaks[7]).unwrap().entries("notes").len(), 10);
}

#[test]
fn a_link_that_died_without_a_word_is_noticed_and_replaced() {
    let (mut world, people) = desheng(46);
    let Desheng { id, chen, wang, .. } = people;
    let leak = world.raise(chen, id, "quality", "3幢 屋面渗水");
    world.run_until_quiet();
    world.link_dies_silently(chen);
    world.note(chen, leak, "五楼也在漏");
    world.note(wang, leak, "明天上午派人来看");
    world.pass(SpanMs(limits::QUIET.0 - 10_000));
    assert_eq!(world.client(wang).read(leak).unwrap().entries("notes").len(), 1, "nothing came through");
    assert!(world.client(chen).status().unwrap().connected, "and the phone does not know yet");

    world.pass(SpanMs(limits::SILENT.0 + 20_000));
    world.run_until_quiet();
    assert_eq!(world.client(wang).read(leak).unwrap().entries("notes").len(), 2);
    converged(&mut world);
}

#[test]
fn a_link_with_nothing_to_say_is_kept_alive() {
    let (mut world, people) = desheng(47);
    let messages = world.messages();
    world.pass(hours(2));
    let each = (world.messages() - messages) / 5;
    assert!(world.client(people.chen).status().unwrap().connected);
    assert!((100..=400).contains(&each), "{each} messages a phone in two hours: a ping and a pong each 45 s of quiet");
    converged(&mut world);
}

#[test]
fn the_ledger_learns_how_far_each_phone_has_come() {
    let (mut world, people) = desheng(48);
    let Desheng { id, chen, wang, .. } = people;
    world.raise(chen, id, "quality", "3幢 屋面渗水");
    world.run_until_quiet();
    world.pass(minutes(1));
    let device = world.client(wang).device();
    let seen: Vec<SeenRow> = world.store().list(&[renolog_server::store::Column::to_cell(&device)], None, ALL).unwrap();
    assert_eq!(seen.iter().map(|row| row.upto.0).collect::<Vec<_>>(), [1]);
}
