//! A device whose key is kept where it cannot be read, as browsers do: signatures are asked for, and come later.

use renolog_client_core::client::{Client, ClientError, Input, Output, SyncState};
use renolog_client_core::store::Place;
use renolog_protocol::key::{DeviceKey, Signature};

use crate::story::{START, World};
use crate::world;

fn key() -> DeviceKey {
    DeviceKey::from_seed([42; 32])
}

/// The usual three, and the volunteer's browser.
fn with_a_browser(place: &Place) -> (World, usize) {
    let mut world = world();
    let person = world.phones[0].person;
    let browser = world.add_phone_with_key_elsewhere(person, "陈阿姨", key(), place);
    (0..=browser).for_each(|phone| world.connect(phone));
    (world, browser)
}

#[test]
fn what_it_writes_is_signed_elsewhere_and_stands() {
    let (mut world, browser) = with_a_browser(&Place::Memory);
    let record = world.raise(browser, "3幢2单元");
    world.run();
    assert_eq!(world.phones[browser].client.sync_state(record).unwrap(), SyncState::Durable);
    world.assert_converged();
}

#[test]
fn an_offline_week_is_signed_when_it_connects() {
    let (mut world, browser) = with_a_browser(&Place::Memory);
    world.offline(browser);
    let before = world.server.pushes.len();
    let records: Vec<_> = (0..7).map(|day| world.raise(browser, &format!("{day}幢"))).collect();
    world.connect(browser);
    assert_eq!(world.server.pushes.len() - before, 1, "one batch");
    for record in records {
        assert_eq!(world.phones[browser].client.sync_state(record).unwrap(), SyncState::Durable);
    }
    world.assert_converged();
}

#[test]
fn while_nobody_signs_it_stays_on_the_device_and_leaves_later_as_it_was_formed() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::File(folder.path().join("browser.db"));
    let (mut world, browser) = with_a_browser(&place);
    world.phones[browser].keeper_is_away = true;
    let record = world.raise(browser, "3幢");
    world.run();
    assert_eq!(world.phones[browser].client.sync_state(record).unwrap(), SyncState::Local);
    assert!(world.server.pushes.is_empty(), "nothing leaves without a signature");

    // The tab is killed and opened again; the key is there as before.
    let formed = world.now;
    world.wait(3_600);
    let phone = world.phones.remove(browser);
    let person = phone.person;
    drop(phone);
    let browser = world.add_phone_with_key_elsewhere(person, "陈阿姨", key(), &place);
    world.connect(browser);
    assert_eq!(world.phones[browser].client.sync_state(record).unwrap(), SyncState::Durable);
    assert_eq!(world.server.pushes.len(), 1);
    assert_eq!(world.server.pushes[0].device_time, formed, "as it was put together, not anew");
    world.assert_converged();
}

#[test]
fn a_signed_batch_is_sent_again_byte_for_byte() {
    for messages in 0..8 {
        let (mut world, browser) = with_a_browser(&Place::Memory);
        world.offline(browser);
        let record = world.raise(browser, "3幢");
        world.phones[browser].cut_after = Some(messages);
        world.connect(browser);
        world.phones[browser].cut_after = None;
        world.wait(300);
        world.wait(300);
        assert_eq!(world.phones[browser].client.sync_state(record).unwrap(), SyncState::Durable, "cut after {messages}");
        let first = &world.server.pushes[0];
        assert!(world.server.pushes.iter().all(|push| push == first), "cut after {messages}");
        world.assert_converged();
    }
}

#[test]
fn a_signature_that_does_not_fit_is_not_sent() {
    let (mut world, browser) = with_a_browser(&Place::Memory);
    world.phones[browser].keeper_is_away = true;
    let record = world.raise(browser, "3幢");
    let now = world.clock(browser);
    let client = &mut world.phones[browser].client;
    let asked = std::iter::from_fn(|| client.poll_output()).find_map(|output| match output {
        Output::Sign { number, text } => Some((number, text)),
        _ => None,
    });
    let (number, text) = asked.expect("it asks to have it signed");
    client.handle(now, Input::Signed(number, Signature([7; 64]))).unwrap();
    client.handle(now, Input::Signed(number + 9, key().sign(&text))).unwrap();
    world.run();
    assert!(world.server.pushes.is_empty());
    assert_eq!(world.phones[browser].client.drafts().unwrap(), [], "nothing is wrong with the work");
    // The next connection asks again.
    world.phones[browser].keeper_is_away = false;
    world.cut(browser);
    world.wait(300);
    assert_eq!(world.phones[browser].client.sync_state(record).unwrap(), SyncState::Durable);
}

#[test]
fn a_store_is_of_no_use_with_another_key() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::File(folder.path().join("browser.db"));
    let device = Client::open_with_key_elsewhere(&place, key().public(), [1; 32], START).unwrap().device();
    let other = DeviceKey::from_seed([43; 32]);
    let opened = Client::open_with_key_elsewhere(&place, other.public(), [1; 32], START);
    assert!(matches!(opened, Err(ClientError::AnotherKey)), "{opened:?}");
    let again = Client::open_with_key_elsewhere(&place, key().public(), [1; 32], START).unwrap();
    assert_eq!((again.device(), again.public_key()), (device, key().public()));
}

#[test]
fn a_key_that_is_lost_costs_no_words() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::File(folder.path().join("browser.db"));
    let (mut world, browser) = with_a_browser(&place);
    let shared = world.raise(browser, "1幢");
    world.run();
    world.offline(browser);
    let written = world.raise(browser, "2幢");
    let now = world.clock(browser);
    world.phones[browser].client.note(now, shared, "还没人来", None).unwrap();
    let person = world.phones[browser].person;
    let phone = world.phones.remove(browser);
    let was = phone.client.device();
    drop(phone);

    let other = DeviceKey::from_seed([43; 32]);
    let mut client = Client::open_with_key_lost(&place, other.public(), [78; 32], world.now).unwrap();
    assert_ne!(client.device(), was);
    assert_eq!((client.enrolment(), client.before().unwrap().person), (None, person));
    assert_eq!(client.status().unwrap().unsent, 2);
    assert_eq!(client.read(written).unwrap().created.device, client.device(), "whoever signs it made it");
    drop(client);

    let browser = world.add_phone_with_key_elsewhere(person, "陈阿姨", other, &place);
    assert!(world.phones[browser].client.before().is_none());
    world.connect(browser);
    for record in [shared, written] {
        assert_eq!(world.phones[browser].client.sync_state(record).unwrap(), SyncState::Durable);
    }
    assert_eq!(world.phones[0].client.read(shared).unwrap().entries("notes").len(), 1);
    world.assert_converged();
}

#[test]
fn somebody_elses_words_do_not_go_out_under_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::File(folder.path().join("browser.db"));
    let (mut world, browser) = with_a_browser(&place);
    world.offline(browser);
    world.raise(browser, "2幢");
    drop(world.phones.remove(browser));
    let other = DeviceKey::from_seed([43; 32]);
    drop(Client::open_with_key_lost(&place, other.public(), [78; 32], world.now).unwrap());
    let pushes = world.server.pushes.len();

    let supervisor = world.phones[1].person;
    let browser = world.add_phone_with_key_elsewhere(supervisor, "王监理", other, &place);
    world.connect(browser);
    assert_eq!(world.server.pushes.len(), pushes);
    let drafts = world.phones[browser].client.drafts().unwrap();
    assert_eq!(drafts.len(), 1);
    assert!(drafts[0].refusal.zh.contains("陈阿姨"));
}
