//! A log with everything in it that a log can hold.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use renolog_protocol::id::{CommunityId, DeviceId, PersonId, RecordId};
use renolog_protocol::schema::{Role, Schema};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_server::command::{AddCommunity, Command, Duty, Enrol, Erase, Guest, Invite, IssueToken, Settle, Stamped};
use renolog_server::ingest::Rejection;
use renolog_server::store::{ALL, ChangeRow, CommunityRow, Dumped, Fate, Read, Scan, dump};

use crate::checks::converged;
use crate::play::Play;
use crate::world::World;

/// A log with everything in it that a log can hold, and what it came to.
pub fn a_rich_log() -> (Vec<Stamped>, Vec<Dumped>) {
    let mut world = Play::of(4, 150);
    let settled = an_administrator_settles(&mut world);
    assert_eq!(settled, 2, "something is released and something dismissed");
    two_phones_think_they_are_one(&mut world);
    something_is_held(&mut world, ["7幢 楼道", "堆了三辆车"]);
    some_of_it_is_erased(&mut world);
    something_is_held(&mut world, ["8幢 楼道", "堆了纸箱"]);
    operators_make_mistakes(&mut world);
    let issue = IssueToken { token_hash: vec![7; 32], label: "看板".into(), expires: UnixMs(9_000_000_000_000) };
    world.operate(Command::IssueToken(issue)).unwrap();
    let fates: BTreeSet<Fate> = changes(world.store()).iter().map(|row| row.fate).collect();
    assert_eq!(fates, [Fate::Accepted, Fate::Refused, Fate::Dismissed, Fate::Held, Fate::Forked].into());
    (world.log().to_vec(), dump(world.store()).unwrap())
}

fn changes<S: Scan>(store: &S) -> Vec<ChangeRow> {
    store.list(&[], None, ALL).unwrap()
}

/// Makes some refused work, lets one piece stand after all, and leaves one refused for good.
fn an_administrator_settles(world: &mut World) -> usize {
    let community = CommunityId::from_slice(&first_community(world)).unwrap();
    let captain = world.phones()[0];
    world.set_clock_ahead(captain, SpanMs(0));
    let leak = world.raise(captain, community, "quality", "5幢 屋面");
    world.run_until_quiet();
    world.offline(captain);
    world.takes_itself_for(captain, community, "supervisor");
    for due in ["2026-04-01", "2026-04-02", "2026-04-03"] {
        world.set(captain, leak, "due", due);
    }
    world.online(captain);
    world.run_until_quiet();
    let refused = |world: &World| -> Vec<ChangeRow> {
        changes(world.store()).into_iter().filter(|row| row.fate == Fate::Refused && row.record == leak).collect()
    };
    let mut settled = 0;
    for release in [true, false] {
        for row in refused(world) {
            let settle = Settle { change: row.hash, release, role: Role::parse("street").unwrap(), reason: "经核实".into() };
            if world.operate(Command::Settle(settle)).is_ok() {
                settled += 1;
                break;
            }
        }
    }
    world.run_until_quiet();
    converged(world);
    settled
}

fn first_community(world: &World) -> Vec<u8> {
    let rows: Vec<CommunityRow> = world.store().list(&[], None, ALL).unwrap();
    rows[0].id.as_bytes().to_vec()
}

/// A copied phone writes on, and so does the one it was copied from.
fn two_phones_think_they_are_one(world: &mut World) {
    let community = CommunityId::from_slice(&first_community(world)).unwrap();
    let phone = world.phones()[2];
    let record = world.raise(phone, community, "quality", "9幢 外墙");
    world.run_until_quiet();
    let copy = world.back_up(phone);
    let copy = world.restore(copy);
    world.note(phone, record, "旧手机说");
    world.run_until_quiet();
    world.note(copy, record, "新手机说");
    world.online(copy);
    world.run_until_quiet();
}

/// A batch arrives without the one that it stands on, which never comes.
fn something_is_held(world: &mut World, [location, words]: [&str; 2]) {
    let community = CommunityId::from_slice(&first_community(world)).unwrap();
    let phones = world.phones();
    let (writer, carrier) = (phones[0], phones[1]);
    let before = world.batches_of(writer).len();
    world.cut_at_next_push(writer);
    let record = world.raise(writer, community, "safety", location);
    world.offline(writer);
    world.note(writer, record, words);
    world.online(writer);
    world.cut_at_next_push(writer);
    world.run_until(|world| world.batches_of(writer).len() == before + 2);
    world.offline(writer);
    let batches = world.batches_of(writer);
    world.carry(carrier, &batches[before + 1..]);
    world.carry(carrier, &batches[before + 1..]);
}

/// Records are erased: one that much was said in, one in which something still waits; and one to which more comes after.
fn some_of_it_is_erased(world: &mut World) {
    let rows = changes(world.store());
    let waiting = rows.iter().rev().find(|row| row.fate == Fate::Held).unwrap().record;
    let spoken: Vec<RecordId> = rows.iter().filter(|row| row.fate == Fate::Accepted).map(|row| row.record).collect();
    let talked_about = *spoken.iter().max_by_key(|record| spoken.iter().filter(|other| other == record).count()).unwrap();
    let (community, phone) = (CommunityId::from_slice(&first_community(world)).unwrap(), world.phones()[1]);
    let regretted = world.raise(phone, community, "quality", "10幢 住户姓名");
    world.run_until_quiet();
    world.offline(phone);
    world.note(phone, regretted, "还没听说要删");
    for record in [waiting, talked_about, regretted] {
        let role = Role::parse("district").unwrap();
        let erase = Erase { record, role, reason: "当事人依法要求删除".into(), remains: None };
        world.operate(Command::Erase(erase)).unwrap();
    }
    world.phones().into_iter().for_each(|phone| world.online(phone));
    world.run_until_quiet();
    let came_after = changes(world.store()).into_iter().filter(|row| row.erased.is_some() && row.actor.0 == [0; 16]);
    assert!(came_after.count() >= 2, "somebody had not heard yet");
}

/// Commands that cannot be applied, and must leave no trace.
fn operators_make_mistakes(world: &mut World) {
    let (slug, name) = ("desheng".to_owned(), "另一个".to_owned());
    let add = AddCommunity { id: CommunityId([9; 16]), slug: slug.clone(), name };
    assert_eq!(world.operate(Command::AddCommunity(add)), Err(Rejection::SlugTaken(slug)));
    let role = Role::parse("astronaut").unwrap();
    let party = Schema::built_in().roles["street"].party.clone();
    let duty = Some(Duty { role, party, communities: vec![] });
    let guest = Guest::New("某人".into());
    let invite = Invite { code_hash: vec![1; 32], guest, duty, administrator: false, expires: UnixMs(0) };
    assert!(matches!(world.operate(Command::Invite(invite)), Err(Rejection::UnknownTerm(_))));
    let phone = world.phones()[0];
    let (device, public_key) = (DeviceId([8; 16]), world.client(phone).public_key());
    let person = PersonId([8; 16]);
    let enrol = Enrol { code_hash: vec![2; 32], person, device, public_key, device_name: String::new(), was: None };
    assert_eq!(world.operate(Command::Enrol(enrol)), Err(Rejection::UnknownCode));
}
