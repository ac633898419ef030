//! The working days that the server counts by reach the phones, and stay with them.

use renolog_client_core::client::{Client, Input, OverdueFilter};
use renolog_client_core::store::Place;
use renolog_protocol::calendar::Calendar;
use renolog_protocol::id::RecordId;
use renolog_protocol::schema::Value;
use renolog_protocol::session::server::ServerSession;
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::{CalendarFrame, Frame};

use crate::story::{START, World, field, kind};
use crate::{VOLUNTEER, connected};

const DAY: SpanMs = SpanMs::from_secs(86_400);
/// Monday, 2026-01-05, 8 o'clock where the work is.
const MONDAY: UnixMs = UnixMs(START.0 + 4 * DAY.0);

/// Rests on the Tuesday after [`MONDAY`].
fn tuesday_off() -> Calendar {
    let text = "utc_offset_hours = 8\n[[years]]\nyear = 2026\nrest = [\"2026-01-06\"]\nwork = []\n";
    Calendar::parse(text).expect("a calendar")
}

/// A fault in quality is to be mended within three working days.
fn raise(world: &mut World, phone: usize) -> RecordId {
    let (now, community) = (world.clock(phone), world.community);
    let values = vec![(field("item"), Value::from("quality")), (field("location"), Value::from("1幢"))];
    let record = world.phones[phone].client.create(now, community, &kind("rectification"), values, None).expect("may raise");
    world.run();
    record
}

fn due(client: &mut Client, now: UnixMs, record: RecordId) -> UnixMs {
    client.due(now, record).expect("it is here")[0].due
}

fn overdue(client: &mut Client, now: UnixMs) -> Vec<RecordId> {
    let found = client.overdue(now, &OverdueFilter::default(), 0).expect("readable");
    found.into_iter().map(|overdue| overdue.record.id).collect()
}

#[test]
fn a_holiday_that_the_server_knows_moves_what_is_due_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::File(folder.path().join("phone"));
    let mut world = connected();
    world.now = MONDAY;
    let person = world.phones[VOLUNTEER].person;
    let phone = world.add_phone(person, "陈阿姨", [50; 32], &place);
    world.connect(phone);
    let record = raise(&mut world, phone);
    assert_eq!(due(&mut world.phones[phone].client, MONDAY, record), MONDAY + SpanMs(3 * DAY.0));

    world.offline(phone);
    world.server.calendar = Some(tuesday_off().into());
    world.connect(phone);
    let moved = MONDAY + SpanMs(4 * DAY.0);
    assert_eq!(due(&mut world.phones[phone].client, MONDAY, record), moved);

    world.offline(phone);
    assert_eq!(due(&mut world.phones[phone].client, MONDAY, record), moved, "offline too");

    drop(world.phones.remove(phone));
    let phone = world.add_phone(person, "陈阿姨", [50; 32], &place);
    let client = &mut world.phones[phone].client;
    assert_eq!(**client.calendar(), tuesday_off());
    assert_eq!(due(client, MONDAY, record), moved, "and after a restart");
    assert!(overdue(client, moved + SpanMs(-1)).is_empty());
    assert_eq!(overdue(client, moved + SpanMs(1)), [record]);
}

/// The list of what is overdue begins at an index: a day that is worked after all must move what stands there.
#[test]
fn what_is_due_earlier_by_the_servers_days_is_found_as_overdue() {
    let mut world = connected();
    world.now = MONDAY;
    world.server.calendar = Some(tuesday_off().into());
    world.offline(VOLUNTEER);
    world.connect(VOLUNTEER);
    let record = raise(&mut world, VOLUNTEER);
    let thursday = MONDAY + SpanMs(3 * DAY.0) + SpanMs(1);
    assert!(overdue(&mut world.phones[VOLUNTEER].client, thursday).is_empty());

    world.offline(VOLUNTEER);
    world.server.calendar = None;
    world.connect(VOLUNTEER);
    assert_eq!(overdue(&mut world.phones[VOLUNTEER].client, thursday), [record]);
}

#[test]
fn a_calendar_that_cannot_be_read_leaves_the_last_good_one() {
    let mut world = connected();
    world.server.calendar = Some(tuesday_off().into());
    world.offline(VOLUNTEER);
    world.connect(VOLUNTEER);
    let (now, phone) = (world.clock(VOLUNTEER), &mut world.phones[VOLUNTEER]);
    let bad = Frame::from(CalendarFrame { days: b"eight".to_vec() }).encode();
    phone.client.handle(now, Input::Frame(&bad)).expect("taken, and put aside");
    assert_eq!(**phone.client.calendar(), tuesday_off());
    assert!(phone.session.as_ref().is_some_and(|session: &ServerSession| !session.is_closed()));
}
