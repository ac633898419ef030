//! What the server says of work: held, carried, refused.

use renolog_client_core::client::{ClientError, SyncState};
use renolog_protocol::refusal::Code;
use renolog_protocol::schema::Role;
use renolog_protocol::wire::{Frame, Receipt, Ruling};
use renolog_server::command::{Command, Settle};
use renolog_server::store::{ALL, BatchRow, ChangeRow, Fate, Read};
use renolog_tests::checks::converged;
use renolog_tests::world::World;

use super::together::{Desheng, desheng, hours};

fn receipts(frames: Vec<Frame>) -> Vec<Receipt> {
    frames.into_iter().filter_map(|frame| if let Frame::Receipt(receipt) = frame { Some(receipt) } else { None }).collect()
}

/// Two batches of a phone, the second on top of the first, both signed and neither arrived.
fn two_batches_under_way(world: &mut World, people: &Desheng) -> Vec<renolog_protocol::batch::RawBatch> {
    let Desheng { id, chen, .. } = *people;
    world.cut_at_next_push(chen);
    let leak = world.raise(chen, id, "quality", "3幢 屋面渗水");
    world.offline(chen);
    world.pass(hours(1));
    world.note(chen, leak, "五楼也在漏");
    world.online(chen);
    world.cut_at_next_push(chen);
    world.run_until(|world| world.batches_of(chen).len() == 2);
    world.offline(chen);
    world.batches_of(chen)
}

#[test]
fn a_batch_that_comes_before_what_it_stands_on_is_held_and_released() {
    let (mut world, people) = desheng(30);
    let Desheng { chen, wang, .. } = people;
    let batches = two_batches_under_way(&mut world, &people);

    let held = receipts(world.carry(wang, &batches[1..]));
    let first = batches[0].changes[0].clone();
    let Ruling::Held(missing) = &held[0].rulings[0].ruling else { panic!("{held:?}") };
    assert_eq!(missing.len(), 1);
    world.run_until_quiet();
    assert!(world.client(wang).read(first.record).is_err(), "nobody is shown half a record");

    // She is back: her first batch releases the second, and both rulings reach her.
    world.online(chen);
    world.run_until_quiet();
    assert_eq!(world.client(chen).sync_state(first.record).unwrap(), SyncState::Durable);
    assert_eq!(converged(&mut world).changes, 2);
    assert_eq!(world.client(wang).read(first.record).unwrap().entries("notes").len(), 1);
}

#[test]
fn a_late_ruling_names_the_batch_that_was_held() {
    let (mut world, people) = desheng(31);
    let batches = two_batches_under_way(&mut world, &people);
    world.carry(people.wang, &batches[1..]);
    // Anyone who is connected as her device when the first batch comes hears of both.
    let rulings: Vec<(u64, bool)> = receipts(world.carry(people.chen, &batches[..1]))
        .iter()
        .map(|receipt| (receipt.number, matches!(receipt.rulings[0].ruling, Ruling::Accepted(..))))
        .collect();
    assert_eq!(rulings, [(batches[0].number, true), (batches[1].number, true)]);
    world.online(people.chen);
    world.run_until_quiet();
    converged(&mut world);
}

#[test]
fn a_batch_carried_by_another_phone_keeps_its_author() {
    let (mut world, people) = desheng(32);
    let Desheng { chen, wang, .. } = people;
    let batches = two_batches_under_way(&mut world, &people);
    world.carry(wang, &batches);
    world.run_until_quiet();

    let rows: Vec<BatchRow> = world.store().list(&[], None, ALL).unwrap();
    let (author, carrier) = (world.client(chen).device(), world.client(wang).device());
    assert_eq!(rows.iter().map(|row| (row.device, row.carrier)).collect::<Vec<_>>(), [(author, Some(carrier)); 2]);
    let record = batches[0].changes[0].record;
    let history = world.client(wang).history(record).unwrap();
    let writers: Vec<&str> = history.iter().map(|entry| entry.writer.as_ref().unwrap().name.as_deref().unwrap()).collect();
    assert_eq!(writers, ["陈阿姨", "陈阿姨"]);

    world.online(chen);
    world.run_until_quiet();
    assert_eq!(converged(&mut world).changes, 2);
    assert_eq!(world.store().list::<BatchRow>(&[], None, ALL).unwrap(), rows, "bringing them herself changes nothing");
}

#[test]
fn refused_work_becomes_a_draft_and_what_came_after_it_is_said_again() {
    let (mut world, people) = desheng(33);
    let Desheng { id, chen, wang, .. } = people;
    let leak = world.raise(chen, id, "quality", "3幢 屋面渗水");
    world.run_until_quiet();

    world.offline(chen);
    world.takes_itself_for(chen, id, "supervisor");
    world.note(chen, leak, "先说一句");
    world.moves(chen, leak, "issue", None);
    world.note(chen, leak, "再说一句");
    world.set(chen, leak, "location", "3幢2单元 屋面渗水");
    assert_eq!(world.state(chen, leak), "issued");
    world.online(chen);
    world.run_until_quiet();

    let summary = converged(&mut world);
    assert_eq!(world.state(chen, leak), "raised");
    assert_eq!(world.client(wang).read(leak).unwrap().entries("notes").len(), 2);
    assert_eq!(world.client(wang).read(leak).unwrap().value("location"), Some(&"3幢2单元 屋面渗水".into()));
    let drafts = world.client(chen).drafts().unwrap();
    assert_eq!(drafts.len(), 1);
    assert_eq!(drafts[0].refusal.code, Code::NotAMember);
    assert!(summary.refused >= 1, "and the server keeps it in quarantine");

    // Trying again without the role is refused at once; letting go is hers to decide.
    let again = world.try_to(chen, |client, now| client.retry(now, drafts[0].id));
    assert!(matches!(again, Err(ClientError::Refused(_))), "{again:?}");
    assert_eq!(world.client(chen).drafts().unwrap().len(), 1);
}

#[test]
fn a_record_that_may_not_be_made_is_kept_with_everything_said_in_it() {
    let (mut world, people) = desheng(34);
    let Desheng { id, chen, wang, .. } = people;
    world.offline(chen);
    world.takes_itself_for(chen, id, "residents_committee");
    let whistle = world.create(chen, id, "whistle", &[("need", "消防通道被占"), ("urgency", "urgent")]);
    world.note(chen, whistle, "请街道尽快派单");
    world.online(chen);
    world.run_until_quiet();

    assert_eq!(converged(&mut world).records, 0);
    assert!(world.client(wang).read(whistle).is_err());
    let drafts = world.client(chen).drafts().unwrap();
    assert_eq!(drafts.iter().map(|draft| draft.acts.len()).collect::<Vec<_>>(), [3, 1], "the record, and the note");

    // Given the role, she says it again, and it stands.
    world.also(chen, id, "residents_committee");
    world.run_until_quiet();
    for draft in drafts {
        world.try_to(chen, |client, now| client.retry(now, draft.id)).unwrap();
    }
    world.run_until_quiet();
    assert_eq!(converged(&mut world).records, 1);
    assert_eq!(world.client(wang).list(&Default::default()).unwrap().len(), 1);
}

/// An administrator's word on everything in quarantine.
fn settle(world: &mut World, release: bool) {
    let rows: Vec<ChangeRow> = world.store().list(&[], None, ALL).unwrap();
    for row in rows.into_iter().filter(|row| row.fate == Fate::Refused) {
        let (role, reason) = (Role::parse("street").unwrap(), "经核实".to_owned());
        let settle = Settle { change: row.hash, release, role, reason };
        world.operate(Command::Settle(settle)).unwrap();
    }
}

#[test]
fn what_an_administrator_releases_stands_on_every_phone() {
    let (mut world, people) = desheng(35);
    let Desheng { id, chen, wang, .. } = people;
    let leak = world.raise(chen, id, "quality", "3幢 屋面渗水");
    world.run_until_quiet();
    world.offline(chen);
    world.takes_itself_for(chen, id, "supervisor");
    world.set(chen, leak, "due", "2026-03-20");
    world.online(chen);
    world.run_until_quiet();
    assert_eq!(world.client(chen).drafts().unwrap().len(), 1);

    settle(&mut world, true);
    world.run_until_quiet();
    let summary = converged(&mut world);
    assert_eq!((summary.changes, summary.refused), (2, 0));
    assert_eq!(world.client(wang).read(leak).unwrap().value("due"), Some(&"2026-03-20".into()));
    assert_eq!(world.client(chen).drafts().unwrap(), [], "her draft has become true");
}

#[test]
fn what_an_administrator_dismisses_stays_refused_for_good() {
    let (mut world, people) = desheng(36);
    let Desheng { id, chen, wang, .. } = people;
    let leak = world.raise(chen, id, "quality", "3幢 屋面渗水");
    world.run_until_quiet();
    world.offline(chen);
    world.takes_itself_for(chen, id, "supervisor");
    world.set(chen, leak, "due", "2026-03-20");
    world.online(chen);
    world.run_until_quiet();
    let batches = world.batches_of(chen);

    settle(&mut world, false);
    let again = receipts(world.carry(wang, &batches));
    let rulings: Vec<&Ruling> = again.iter().flat_map(|receipt| receipt.rulings.iter().map(|ruled| &ruled.ruling)).collect();
    assert!(matches!(rulings[..], [Ruling::Accepted(..), Ruling::Refused(_)]), "{rulings:?}");
    world.note(chen, leak, "五楼也在漏");
    world.run_until_quiet();
    assert_eq!(converged(&mut world).changes, 2);
    assert_eq!(world.client(chen).drafts().unwrap().len(), 1, "her words are hers to keep");
}
