//! The bytes of every kind of frame, for good. A golden that no longer fits is a phone that no longer talks to the server:
//! change the code, not `golden.txt`.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use renolog_protocol::batch::{BadBatch, Batch, RawBatch, RawChange};
use renolog_protocol::calendar::Calendar;
use renolog_protocol::chain::Mark;
use renolog_protocol::change::Change;
use renolog_protocol::codec::{
    BadPack, Chunk, DICTIONARIES, NEWEST, Nothing, Unread, pack_chunk, pack_items, pack_push, unpack_chunk, unpack_items,
    unpack_push,
};
use renolog_protocol::id::{Audience, ChangeHash, Epoch, Link, Seq};
use renolog_protocol::key::DeviceKey;
use renolog_protocol::record::{Act, Record};
use renolog_protocol::refusal::{Code, Refusal};
use renolog_protocol::schema::Schema;
use renolog_protocol::session::ByeCode;
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::{
    Begun, CalendarFrame, ChunkFrame, Common, Content, Cursor, Follow, Frame, Grant, Grants, Hello, Item, Items, PackedItems,
    PackedPush, Ping, Place, Pong, Push, Receipt, RosterFrame, RosterVersion, Ruled, Ruling, SchemaFrame, Seen, Senseless,
    ShortHello, ShortItems, ShortPush, ShortSeen, Sorry, TokenFrame, Unfollow, Visit, Welcome,
};

use sha2::{Digest, Sha256};

use crate::common::{NOON, Who, community, entry_id, feed, making, minutes, roster, who};

const GOLDEN: &str = include_str!("golden.txt");
const CDDL: &str = include_str!("../renolog.cddl");

pub(crate) fn goldens() -> BTreeMap<&'static str, Vec<u8>> {
    let lines = GOLDEN.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split_once(' ').unwrap()).map(|(name, hex)| (name, HEXLOWER.decode(hex.as_bytes()).unwrap())).collect()
}

fn key() -> DeviceKey {
    DeviceKey::from_seed([7; 32])
}

fn captain() -> Who {
    who("captain")
}

/// A rectification raised, and a remark on it.
fn changes() -> Vec<Change> {
    let mut record = Record::empty(record_id());
    let raised = record.write(&making("rectification", &captain()), &captain().stamp(NOON)).unwrap();
    let remark = record.write(&[Act::note(entry_id(1), "消防通道被占")], &captain().stamp(NOON + minutes(3))).unwrap();
    vec![raised, remark]
}

fn record_id() -> renolog_protocol::id::RecordId {
    renolog_protocol::id::RecordId::from_parts(NOON, [9; 10])
}

fn batch() -> Batch {
    let changes = changes().into_iter().map(|change| (record_id(), change)).collect();
    Batch::sign(&key(), captain().device, 3, feed(Audience::Open), NOON + minutes(5), changes).unwrap()
}

fn cursor() -> Cursor {
    Cursor { feed: feed(Audience::Open), epoch: Epoch(77), seq: Seq(300) }
}

fn list<T: std::fmt::Debug, const MAX: usize>(items: Vec<T>) -> renolog_protocol::wire::List<T, MAX> {
    items.try_into().unwrap()
}

fn receipt() -> Receipt {
    let refusal = Refusal::new(Code::MayNotMove, "“下发”由监理办理", "to issue is for: supervisor");
    let rulings = [
        Ruling::Accepted(Seq(301), captain().role),
        Ruling::Refused(refusal),
        Ruling::Held(list(vec![ChangeHash([3; 32])])),
        Ruling::Forked,
    ];
    let ruled = rulings.into_iter().zip(1..).map(|(ruling, n)| Ruled { hash: ChangeHash([n; 32]), ruling });
    let mark = Some(Mark { seq: Seq(301), link: Link([5; 32]) });
    let (device, received, skew) = (captain().device, NOON + minutes(6), SpanMs(-1500));
    Receipt { device, number: 3, rulings: list(ruled.collect()), received, skew, mark }
}

fn items() -> Items {
    let Who { role, party, person, device, .. } = captain();
    let visit = Visit { device, person, role, party, received: NOON + minutes(6), skew: SpanMs(-1500) };
    let said = changes().into_iter().map(|change| Content::Change(change.bytes().to_vec()));
    let gone = [Content::Gone(ChangeHash([6; 32])), Content::Erasure("错误录入了住户的病历".into())];
    let item = |(content, seq)| Item { seq: Seq(seq), visit: 0, record: record_id(), content };
    let items = list(said.chain(gone).zip([301, 303, 304, 305]).map(item).collect());
    let (feed, visits, link) = (feed(Audience::Open), list(vec![visit]), Some(Link([5; 32])));
    Items { feed, after: Seq(300), upto: Seq(305), visits, items, link }
}

/// As zstd squeezed it then; a build that squeezes otherwise must still read this.
fn packed_push() -> PackedPush {
    packed_push_by(1, "packed_push")
}

fn packed_push_by(dictionary: u32, name: &str) -> PackedPush {
    let now = || pack_push(&batch().to_raw(), &|_| false).unwrap().pack;
    let batch = RawBatch { changes: list(Vec::new()), ..batch().to_raw() };
    PackedPush { batch, dictionary, pack: pack(name).unwrap_or_else(now) }
}

fn packed_items() -> PackedItems {
    packed_items_by(1, "packed_items")
}

fn packed_items_by(dictionary: u32, name: &str) -> PackedItems {
    let now = || pack_items(&items(), NEWEST).unwrap().pack;
    let Items { feed, after, upto, link, .. } = items();
    PackedItems { feed, after, upto, link, dictionary, pack: pack(name).unwrap_or_else(now) }
}

fn begun() -> Begun {
    let through = Place { pass: 1, last: Seq(280), upto: Seq(275) };
    Begun { feed: feed(Audience::Open), epoch: Epoch(77), mark: Mark { seq: Seq(300), link: Link([5; 32]) }, through }
}

/// As zstd squeezes it today; a build that squeezes otherwise must still read this.
fn chunk() -> ChunkFrame {
    let Begun { feed, mark, through, .. } = begun();
    ChunkFrame {
        feed,
        mark,
        after: Place::START,
        through,
        last: false,
        coding: 1,
        pack: pack("chunk").expect("a golden"),
        left_out: None,
    }
}

/// What is in it.
fn whole() -> Chunk {
    let Items { visits, items, .. } = items();
    Chunk { visits: visits.into_iter().collect(), items: items.into_iter().collect() }
}

/// The pack of a frame, from the golden bytes themselves.
fn pack(name: &str) -> Option<Vec<u8>> {
    match Frame::decode(goldens().get(name)?) {
        Ok(Frame::Chunk(chunk)) => Some(chunk.pack),
        Ok(Frame::PackedPush(push)) => Some(push.pack),
        Ok(Frame::PackedItems(items)) => Some(items.pack),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn packs_of_every_dictionary_stay_readable() {
    assert_eq!(unpack_push(packed_push(), &Nothing).unwrap(), batch().to_raw());
    assert_eq!(unpack_items(&packed_items(), &Nothing).unwrap(), items());
    assert_eq!(unpack_push(packed_push_by(2, "packed_push_2"), &Nothing).unwrap(), batch().to_raw());
    assert_eq!(unpack_items(&packed_items_by(2, "packed_items_2"), &Nothing).unwrap(), items());
    // And what is packed today.
    assert_eq!(unpack_push(pack_push(&batch().to_raw(), &|_| false).unwrap(), &Nothing).unwrap(), batch().to_raw());
    assert_eq!(unpack_items(&pack_items(&items(), NEWEST).unwrap(), &Nothing).unwrap(), items());
    let known: Vec<String> = DICTIONARIES.iter().map(|dictionary| HEXLOWER.encode(&Sha256::digest(dictionary)[..8])).collect();
    assert_eq!(known, ["edea8e250f22742c", "f4ec85b3240bf8cb"], "a dictionary that a phone may have is never altered");
    let unknown = PackedItems { dictionary: 99, ..packed_items() };
    assert!(matches!(unpack_items(&unknown, &Nothing), Err(Unread::Bad(BadPack::UnknownDictionary(99)))));
}

#[test]
fn chunks_of_every_coding_stay_readable() {
    assert_eq!(unpack_chunk(&chunk().pack).unwrap(), whole());
    assert_eq!(unpack_chunk(&pack_chunk(&whole()).unwrap()).unwrap(), whole());
}

fn small_roster() -> renolog_protocol::roster::Roster {
    let mut roster = roster();
    roster.members.truncate(2);
    roster.members[1].until = Some(NOON);
    roster
}

/// One of each kind, and a second where a body has two shapes.
fn frames() -> Vec<(&'static str, Frame)> {
    let grants =
        vec![Grant { feed: feed(Audience::Open), head: Some(Seq(300)) }, Grant { feed: feed(Audience::Private), head: None }];
    let rosters = list(vec![RosterVersion { community: community(), version: 4 }]);
    let (oldest, newest, device) = (1, 1, captain().device);
    let (device_time, feeds) = (NOON, list(vec![cursor()]));
    // As a phone says it that knows nothing of calendars.
    let hello = Hello {
        oldest,
        newest,
        device,
        schema: 1,
        device_time,
        feeds,
        rosters,
        calendar: None,
        dictionary: None,
        snapshots: None,
        begun: None,
        open_only: None,
        unsent: None,
    };
    let (version, server_time, epoch, feeds) = (1, NOON, Epoch(77), list(grants.clone()));
    let welcome = Welcome { version, server_time, epoch, schema: 1, feeds, past: None };
    vec![
        ("hello", hello.clone().into()),
        ("hello_with_calendar", Hello { calendar: Some(0x0102_0304_0506_0708), ..hello.clone() }.into()),
        ("hello_with_dictionary", Hello { dictionary: Some(1), ..hello.clone() }.into()),
        ("hello_with_snapshots", Hello { snapshots: Some(1), begun: Some(list(vec![begun()])), ..hello.clone() }.into()),
        ("hello_saving_data", Hello { snapshots: Some(1), open_only: Some(true), ..hello.clone() }.into()),
        ("hello_with_unsent", Hello { unsent: Some(3), ..hello }.into()),
        ("push", Push { batch: batch().to_raw() }.into()),
        ("packed_push", packed_push().into()),
        ("follow", Follow { from: cursor(), begun: None }.into()),
        ("follow_begun", Follow { from: Cursor { seq: Seq(0), ..cursor() }, begun: Some(begun()) }.into()),
        ("unfollow", Unfollow { feed: feed(Audience::Parties) }.into()),
        ("seen", Seen { upto: cursor() }.into()),
        ("ping", Ping { number: 5 }.into()),
        ("welcome", welcome.clone().into()),
        ("welcome_with_past", Welcome { past: Some(0x0102_0304_0506_0708), ..welcome }.into()),
        ("receipt", receipt().into()),
        ("items", items().into()),
        ("packed_items", packed_items().into()),
        ("chunk", chunk().into()),
        ("chunk_without_the_rest", ChunkFrame { left_out: Some(true), ..chunk() }.into()),
        ("packed_push_2", packed_push_by(2, "packed_push_2").into()),
        ("packed_items_2", packed_items_by(2, "packed_items_2").into()),
        ("roster", RosterFrame { community: community(), name: "德胜新村".into(), roster: small_roster() }.into()),
        ("schema", SchemaFrame { rules: vec![0x86, 2] }.into()),
        ("calendar", CalendarFrame { days: vec![0x83, 0x19, 0x70, 0x80, 0x80, 0x80] }.into()),
        ("token", TokenFrame { token: "c2VjcmV0".into(), expires: NOON }.into()),
        ("bye", ByeCode::Busy.bye("too many devices at once").into()),
        ("bye_for_good", ByeCode::NotAllowed.bye("the device was signed off").into()),
        ("pong", Pong { number: 5 }.into()),
        ("sorry", Sorry { kind: 99 }.into()),
        ("grants", Grants { feeds: list(grants) }.into()),
        ("unknown", Frame::Unknown(99)),
    ]
    .into_iter()
    .chain(short_frames())
    .collect()
}

/// What the long frames above come to where both ends have greeted each other in short.
fn short_frames() -> Vec<(&'static str, Frame)> {
    let feeds = list([Audience::Open, Audience::Private].map(|audience| Cursor { feed: feed(audience), ..cursor() }).to_vec());
    let rosters = list(vec![RosterVersion { community: community(), version: 4 }]);
    let (calendar, dictionary) = (Some(0x0102_0304_0506_0708), Some(1));
    let (oldest, newest, device, device_time) = (1, 1, captain().device, NOON);
    let hello = Hello {
        oldest,
        newest,
        device,
        schema: 1,
        device_time,
        feeds,
        rosters,
        calendar,
        dictionary,
        snapshots: None,
        begun: None,
        open_only: None,
        unsent: None,
    };
    let short = ShortHello::of(&hello).unwrap();
    let calendar = Some(0x0102_0304_0000_0000);
    assert_eq!(short.in_full(device), Some(Hello { calendar, ..hello.clone() }), "but for half of the calendar");

    let grants =
        vec![Grant { feed: feed(Audience::Open), head: Some(Seq(305)) }, Grant { feed: feed(Audience::Private), head: None }];
    let (version, server_time, past) = (1, NOON + minutes(6), Some(0x0102_0304_0506_0708));
    let welcome = Welcome { version, server_time, epoch: Epoch(77), schema: 1, feeds: list(grants), past };
    let quiet = hello.feeds.iter().map(|cursor| Grant { feed: cursor.feed, head: Some(cursor.seq) }).collect();
    let quiet = Welcome { feeds: list(quiet), ..welcome.clone() };
    let mut common = Common::of(&hello);
    let said = |common: &mut Common, welcome: &Welcome| {
        let frame = common.welcome(welcome.clone());
        let Frame::ShortWelcome(short) = frame.clone() else { panic!("{frame:?}") };
        assert_eq!(common.welcomed(short).as_ref(), Ok(welcome));
        frame
    };
    let nothing_new = said(&mut common, &quiet);
    let welcome = said(&mut common, &welcome);
    vec![
        ("short_hello", short.into()),
        ("short_hello_with_snapshots", ShortHello::of(&Hello { snapshots: Some(1), ..hello.clone() }).unwrap().into()),
        ("short_hello_saving_data", ShortHello::of(&Hello { open_only: Some(true), ..hello.clone() }).unwrap().into()),
        ("short_hello_with_unsent", ShortHello::of(&Hello { unsent: Some(3), ..hello }).unwrap().into()),
        ("short_welcome", welcome),
        ("short_welcome_to_nothing_new", nothing_new),
        ("short_push", common.push(packed_push())),
        ("short_seen", common.see(Seen { upto: cursor() })),
        ("short_receipt", common.receipt(Receipt { received: server_time, ..receipt() })),
        ("short_items", ShortItems::of(common.place(packed_items().feed, 1).unwrap(), packed_items()).into()),
    ]
}

#[test]
fn short_frames_mean_what_the_long_ones_do() {
    let frames: BTreeMap<&str, Frame> = frames().into_iter().collect();
    let feeds = list([Audience::Open, Audience::Private].map(|audience| Cursor { feed: feed(audience), ..cursor() }).to_vec());
    let Frame::ShortHello(hello) = frames["short_hello"].clone() else { panic!("no hello") };
    let hello = hello.in_full(captain().device).unwrap();
    assert_eq!(hello.feeds, feeds);
    let mut common = Common::of(&hello);
    assert_eq!(common.seen(ShortSeen { feed: 0, upto: Seq(1) }), Err(Senseless), "before the welcome");
    let Frame::ShortWelcome(welcome) = frames["short_welcome"].clone() else { panic!("no welcome") };
    common.welcomed(welcome).unwrap();

    let (Frame::ShortPush(push), Frame::ShortSeen(seen)) = (frames["short_push"].clone(), frames["short_seen"].clone()) else {
        panic!("a push and how far it is seen")
    };
    assert_eq!(common.pushed(push.clone()), Ok(packed_push()));
    assert_eq!(common.seen(seen), Ok(Seen { upto: cursor() }));
    let (Frame::ShortReceipt(short), Frame::ShortItems(items)) = (frames["short_receipt"].clone(), frames["short_items"].clone())
    else {
        panic!("a receipt and items")
    };
    let names: Vec<ChangeHash> = receipt().rulings.iter().map(|ruled| ruled.hash).collect();
    assert_eq!(common.received(short.clone(), &names), Ok(Receipt { received: NOON + minutes(6), ..receipt() }));
    assert_eq!(common.arrived(items.clone(), |_| Some(Seq(300))), Ok(packed_items()));

    assert_eq!(common.received(short.clone(), &names[1..]), Err(Senseless), "more rulings than changes");
    assert_eq!(common.received(short, &[&names[..], &names[..1]].concat()), Err(Senseless), "fewer");
    assert_eq!(common.pushed(ShortPush { feed: 2, ..push }), Err(Senseless), "a feed that was not named");
    assert_eq!(common.arrived(ShortItems { length: u64::MAX, ..items }, |_| Some(Seq(300))), Err(Senseless));
}

#[test]
fn what_cannot_be_said_in_short_is_said_in_full() {
    let Frame::ShortHello(short) = short_frames().remove(0).1 else { panic!("no hello") };
    let hello = short.in_full(captain().device).unwrap();
    assert!(ShortHello::of(&hello).is_some());
    let mut feeds = hello.feeds.to_vec();
    feeds[1].epoch = Epoch(78);
    let reversed = hello.feeds.iter().rev().copied().collect();
    for (what, hello) in [
        ("two epochs", Hello { feeds: list(feeds), ..hello.clone() }),
        ("feeds in another order", Hello { feeds: list(reversed), ..hello.clone() }),
        ("another version", Hello { newest: 2, ..hello.clone() }),
        ("no calendar", Hello { calendar: None, ..hello.clone() }),
        ("no packs", Hello { dictionary: None, ..hello.clone() }),
        ("part of a snapshot", Hello { begun: Some(list(vec![begun()])), ..hello.clone() }),
    ] {
        assert_eq!(ShortHello::of(&hello), None, "{what}");
    }
    let mut common = Common::of(&hello);
    let batch = |batch: RawBatch| common.push(PackedPush { batch, ..packed_push() });
    for (what, frame) in [
        ("another's batch", batch(RawBatch { device: who("resident").device, ..packed_push().batch })),
        ("a feed that was not named", batch(RawBatch { feed: feed(Audience::Parties), ..packed_push().batch })),
        ("a clock beyond reason", batch(RawBatch { device_time: UnixMs(i64::MIN), ..packed_push().batch })),
        ("part of a batch", batch(RawBatch { absent: Some(list(Vec::new())), ..packed_push().batch })),
    ] {
        assert!(matches!(frame, Frame::PackedPush(_)), "{what}: {frame:?}");
    }
    assert!(matches!(common.receipt(receipt()), Frame::Receipt(_)), "before the welcome");
    let (version, epoch, schema, feeds) = (1, Epoch(77), 1, Default::default());
    let of_no_feed = common.welcome(Welcome { version, server_time: NOON, epoch, schema, feeds, past: None });
    assert!(matches!(of_no_feed, Frame::Welcome(_)), "{of_no_feed:?}");
}

#[test]
fn every_frame_has_its_bytes() {
    let mut goldens = goldens();
    let mut differ = String::new();
    for (name, frame) in frames() {
        let golden = goldens.remove(name).unwrap_or_default();
        if frame.encode() != golden {
            differ += &format!("{name} {}\n", HEXLOWER.encode(&frame.encode()));
        } else {
            assert_eq!(Frame::decode(&golden).as_ref(), Ok(&frame), "{name}");
        }
    }
    assert!(differ.is_empty(), "these frames have other bytes now:\n{differ}");
    assert!(goldens.is_empty(), "goldens of no frame: {:?}", goldens.keys());
}

#[test]
fn the_specification_describes_every_golden() {
    for (name, golden) in goldens() {
        let rule = if name == "unknown" { "unknown-frame" } else { "frame" };
        if let Err(error) = cddl_cat::validate_cbor_bytes(rule, CDDL, &golden) {
            panic!("{name} is not as renolog.cddl says: {error}");
        }
    }
}

#[test]
fn the_specification_describes_what_is_handed_out_of_rules_and_working_days() {
    for (rule, pack) in [("schema", Schema::built_in().packed()), ("calendar", Calendar::built_in().packed())] {
        if let Err(error) = cddl_cat::validate_cbor_bytes(rule, CDDL, &pack) {
            panic!("a {rule} is not as renolog.cddl says: {error}");
        }
    }
}

#[test]
fn the_specification_names_every_code() {
    for code in Code::ALL.iter().map(|code| code.as_str()).chain(ByeCode::ALL.iter().map(|code| code.as_str())) {
        assert!(CDDL.contains(code), "{code}");
    }
}

#[test]
fn the_specification_turns_down_what_is_no_frame() {
    for (what, hex) in [
        ("a map", "a0"),
        ("a body that is a list", "820580"),
        ("a ping without its number", "8205a0"),
        ("a ping with a text for a number", "8205a1006135"),
        ("an audience that is not there", "8203a10082501111111111111111111111111111111107"),
    ] {
        let bytes = HEXLOWER.decode(hex.as_bytes()).unwrap();
        assert!(cddl_cat::validate_cbor_bytes("frame", CDDL, &bytes).is_err(), "the specification takes {what}");
        assert!(Frame::decode(&bytes).is_err(), "the code takes {what}");
    }
}

#[test]
fn a_batch_is_opened_with_its_key_only() {
    let raw = batch().to_raw();
    assert_eq!(Batch::open(raw.clone(), &key().public()), Ok(batch()));
    assert_eq!(Batch::open(raw.clone(), &DeviceKey::from_seed([8; 32]).public()), Err(BadBatch::Signature));

    let mut other_feed = raw.clone();
    other_feed.feed = feed(Audience::Private);
    let mut other_number = raw.clone();
    other_number.number += 1;
    let mut other_time = raw.clone();
    other_time.device_time = UnixMs(0);
    let mut fewer = raw.clone();
    fewer.changes = list(raw.changes[..1].to_vec());
    let mut other_record = raw.clone();
    other_record.changes = list(raw.changes.iter().cloned().map(|c| RawChange { record: id_of_another_record(), ..c }).collect());
    for altered in [other_feed, other_number, other_time, fewer, other_record] {
        assert_eq!(Batch::open(altered, &key().public()), Err(BadBatch::Signature));
    }
}

fn id_of_another_record() -> renolog_protocol::id::RecordId {
    renolog_protocol::id::RecordId::from_parts(NOON, [8; 10])
}

#[test]
fn a_batch_holds_something_and_nothing_twice() {
    let empty = Batch::sign(&key(), captain().device, 1, feed(Audience::Open), NOON, Vec::new());
    assert_eq!(empty, Err(BadBatch::Empty));
    let change = changes().remove(0);
    let twice = vec![(record_id(), change.clone()), (record_id(), change.clone())];
    let twice = Batch::sign(&key(), captain().device, 1, feed(Audience::Open), NOON, twice);
    assert_eq!(twice, Err(BadBatch::Twice(change.hash())));

    let mut raw = batch().to_raw();
    let mut damaged = raw.changes.to_vec();
    damaged[1].bytes[20] ^= 1;
    raw.changes = list(damaged);
    let opened = Batch::open(raw, &key().public());
    assert!(matches!(opened, Err(BadBatch::Change { position: 1, .. })), "{opened:?}");
}

/// `{0: 5, 9: {1: [h'', "later"]}}` where a ping holds `{0: 5}`.
#[test]
fn keys_of_later_builds_are_skipped() {
    let later = HEXLOWER.decode(b"8205a2000509a1018240656c61746572").unwrap();
    assert_eq!(Frame::decode(&later), Ok(Ping { number: 5 }.into()));
}

#[test]
fn kinds_and_codes_of_later_builds_are_named() {
    assert_eq!(Frame::decode(&HEXLOWER.decode(b"821863a1006161").unwrap()), Ok(Frame::Unknown(99)));
    let bytes = minicbor::to_vec(Refusal::new(Code::Deletes, "", "")).unwrap();
    let newer = HEXLOWER.encode(&bytes).replace(&HEXLOWER.encode(b"deletes"), &HEXLOWER.encode(b"mutters"));
    let refusal: Refusal = minicbor::decode(&HEXLOWER.decode(newer.as_bytes()).unwrap()).unwrap();
    assert_eq!(refusal.code, Code::Other);
    for code in Code::ALL {
        assert_eq!(Code::from_name(code.as_str()), *code);
    }
}

/// What a device signs, byte for byte: see `signed-text` in the specification.
#[test]
fn the_signed_text_is_as_specified() {
    use ed25519_dalek::{Signature, VerifyingKey};
    let raw = batch().to_raw();
    let mut text = b"renolog batch 1\n".to_vec();
    let mut e = minicbor::Encoder::new(&mut text);
    e.array(5).unwrap().bytes(raw.device.as_bytes()).unwrap().u64(raw.number).unwrap();
    e.array(2).unwrap().bytes(raw.feed.community.as_bytes()).unwrap().u8(raw.feed.audience.code()).unwrap();
    e.i64(raw.device_time.0).unwrap().array(raw.changes.len() as u64).unwrap();
    for (change, raw) in changes().iter().zip(raw.changes.iter()) {
        e.array(2).unwrap().bytes(raw.record.as_bytes()).unwrap().bytes(change.hash().as_bytes()).unwrap();
    }
    let key = VerifyingKey::from_bytes(key().public().as_bytes()).unwrap();
    key.verify_strict(&text, &Signature::from_bytes(&raw.signature.0)).unwrap();

    let body = text.strip_prefix(b"renolog batch 1\n").unwrap();
    cddl_cat::validate_cbor_bytes("signed-text", CDDL, body).unwrap();
}
