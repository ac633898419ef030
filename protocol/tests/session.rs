//! The conversation, with both ends and a small server between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use renolog_protocol::batch::{Batch, RawBatch, RawChange};
use renolog_protocol::calendar::Calendar;
use renolog_protocol::chain::{Brought, Mark};
use renolog_protocol::change::Change;
use renolog_protocol::codec::{Known, NEWEST, Nothing, actor_of, unpack_items};
use renolog_protocol::id::{ActorId, Audience, ChangeHash, DeviceId, Epoch, FeedId, Link as LinkId, RecordId, Seq};
use renolog_protocol::key::{DeviceKey, Signature};
use renolog_protocol::limits;
use renolog_protocol::record::{Act, Record};
use renolog_protocol::schema::Schema;
use renolog_protocol::session::device::{DeviceSession, Event, Greeting};
use renolog_protocol::session::server::{Body, CommunityStanding, FeedEntry, Input, Introduction, Output, ServerSession};
use renolog_protocol::session::{ByeCode, PeerError};
use renolog_protocol::time::SpanMs;
use renolog_protocol::wire::{
    Bye, Content, Cursor, Frame, Grant, Grants, Hello, Item, Items, Ping, Push, Receipt, Ruled, Ruling, Seen, Senseless,
    ShortPush, ShortReceipt, ShortSeen, Sorry, Visit,
};

use crate::common::{NOON, Who, community, entry_id, feed, making, roster, who};

const EPOCH: Epoch = Epoch(5);

/// What a server keeps: feeds. It accepts everything.
struct Store {
    feeds: BTreeMap<FeedId, Vec<FeedEntry>>,
    page: usize,
    seen: Vec<(FeedId, Seq)>,
}

impl Store {
    fn new() -> Self {
        let feeds = [Audience::Open, Audience::Parties].map(|audience| (feed(audience), Vec::new()));
        Self { feeds: feeds.into_iter().collect(), page: 2, seen: Vec::new() }
    }

    fn head(&self, feed: FeedId) -> Seq {
        Seq(self.feeds[&feed].len() as u64)
    }

    fn standing(&self) -> CommunityStanding {
        CommunityStanding {
            community: community(),
            name: "德胜新村".into(),
            roster: Arc::new(roster()),
            feeds: self.feeds.keys().map(|feed| (*feed, self.head(*feed))).collect(),
        }
    }

    fn introduction(&self) -> Introduction {
        Introduction {
            server_time: NOON,
            epoch: EPOCH,
            schema: Schema::built_in(),
            calendar: Calendar::built_in(),
            communities: vec![self.standing()],
            links: Default::default(),
        }
    }

    fn accept(&mut self, batch: &RawBatch) -> Receipt {
        let Who { role, party, person, .. } = who("captain");
        let (received, skew) = (NOON, SpanMs(0));
        let visit = Visit { device: batch.device, person, role: role.clone(), party, received, skew };
        let start = LinkId::start(batch.feed);
        let entries = self.feeds.get_mut(&batch.feed).unwrap();
        let ruled = batch.changes.iter().map(|raw| {
            let hash = Change::parse(&raw.bytes).unwrap().hash();
            let seq = Seq(entries.len() as u64 + 1);
            let link = entries.last().map_or(start, |entry| entry.link).then(seq, hash, &Brought::from(&visit));
            let body = Body::Change(raw.bytes.as_slice().into());
            entries.push(FeedEntry { seq, record: raw.record, hash, body, visit: visit.clone(), link });
            Ruled { hash, ruling: Ruling::Accepted(seq, role.clone()) }
        });
        let rulings = ruled.collect::<Vec<_>>().try_into().unwrap();
        let mark = self.feeds[&batch.feed].last().map(|entry| Mark { seq: entry.seq, link: entry.link });
        Receipt { device: batch.device, number: batch.number, rulings, received, skew, mark }
    }

    fn page(&self, feed: FeedId, after: Seq) -> Input<'static> {
        let entries = self.feeds[&feed].iter().filter(|entry| entry.seq > after).take(self.page).cloned().collect();
        Input::Page { feed, entries, head: self.head(feed) }
    }

    /// Does what the session asks until it asks no more; what it sends comes back.
    fn serve(&mut self, session: &mut ServerSession) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        while let Some(output) = session.poll_output() {
            match output {
                Output::Send(bytes) => sent.push(bytes),
                Output::Share(bytes) => sent.push(bytes.to_vec()),
                Output::Introduce { .. } => session.handle(Input::Introduced(self.introduction())),
                Output::Submit(parcel) => {
                    let batch = parcel.open(&Nothing).unwrap();
                    let before = self.head(batch.feed);
                    let receipt = self.accept(&batch);
                    let placed = (before.0 + 1..=self.head(batch.feed).0).map(Seq).collect();
                    session.handle(Input::Judged { receipt, placed });
                    session.handle(Input::Grew(batch.feed, self.head(batch.feed)));
                }
                Output::Read { feed, after } => session.handle(self.page(feed, after)),
                Output::ReadChunk { feed, .. } => session.handle(Input::Chunk { feed, chunk: None }),
                Output::Saw { feed, upto } => self.seen.push((feed, upto)),
                Output::Close => {}
            }
        }
        sent
    }
}

/// One connection, with both ends of it.
struct Link {
    device: DeviceSession,
    server: ServerSession,
    /// What the server said, in bytes.
    bytes: usize,
}

fn cursor(audience: Audience, seq: u64) -> Cursor {
    Cursor { feed: feed(audience), epoch: EPOCH, seq: Seq(seq) }
}

fn hello(device: DeviceId, feeds: Vec<Cursor>) -> Greeting {
    let (schema, calendar) = (Schema::built_in().version, Calendar::built_in().fingerprint());
    let person = who("captain").person;
    let links = feeds.iter().filter(|cursor| cursor.seq.0 == 0).map(|from| (from.feed, LinkId::start(from.feed))).collect();
    Greeting {
        device,
        person,
        schema,
        calendar,
        device_time: NOON,
        feeds,
        links,
        rosters: Vec::new(),
        dictionary: None,
        snapshots: false,
        begun: Vec::new(),
        open_only: false,
        unsent: 0,
    }
}

impl Link {
    fn open(device: DeviceId, feeds: Vec<Cursor>) -> Self {
        Self::greeted(hello(device, feeds))
    }

    fn greeted(greeting: Greeting) -> Self {
        let device = greeting.device;
        let (device_end, bytes) = DeviceSession::open(greeting);
        let mut server = ServerSession::new(device);
        server.handle(Input::Frame(&bytes));
        Self { device: device_end, server, bytes: 0 }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.server.handle(Input::Frame(bytes));
    }

    fn push(&mut self, batch: &Batch) {
        let bytes = self.device.push(batch).unwrap();
        self.send(&bytes);
    }

    /// Lets the server answer, and the device read the answers.
    fn settle(&mut self, store: &mut Store) -> Vec<Event> {
        let sent = store.serve(&mut self.server);
        self.bytes += sent.iter().map(Vec::len).sum::<usize>();
        sent.iter().flat_map(|bytes| self.hear(store, bytes)).collect()
    }

    fn hear(&mut self, store: &Store, bytes: &[u8]) -> Vec<Event> {
        match self.device.in_full(Frame::decode(bytes).unwrap()).unwrap() {
            Frame::PackedItems(packed) => {
                let items = unpack_items(&packed, store).unwrap();
                self.device.handle(&Frame::from(items).encode()).unwrap()
            }
            _ => self.device.handle(bytes).unwrap(),
        }
    }
}

/// A device of these feeds has them up to there, and all the server has.
impl Known for Store {
    type Error = std::convert::Infallible;

    fn begins(&self, prefix: &[u8]) -> Result<Option<(ChangeHash, RecordId)>, Self::Error> {
        let found = self.feeds.values().flatten().find(|entry| entry.hash.0.starts_with(prefix));
        Ok(found.map(|entry| (entry.hash, entry.record)))
    }

    fn actors(&self, record: RecordId) -> Result<Vec<ActorId>, Self::Error> {
        let of_record = self.feeds.values().flatten().filter(|entry| entry.record == record);
        let actor = |entry: &FeedEntry| if let Body::Change(bytes) = &entry.body { actor_of(bytes) } else { None };
        Ok(of_record.filter_map(actor).collect())
    }
}

/// Batches of one device, each of one new remark.
struct Pen {
    who: Who,
    record: Record,
    number: u64,
}

impl Pen {
    fn new(who: Who) -> Self {
        let record = Record::empty(RecordId::from_parts(NOON, [who.actor.0[0]; 10]));
        Self { who, record, number: 0 }
    }

    fn change(&mut self) -> Change {
        self.number += 1;
        let remark = Act::note(entry_id(u16::try_from(self.number).unwrap()), "看过了");
        let acts = if self.record.is_empty() { making("rectification", &self.who) } else { vec![remark] };
        self.record.write(&acts, &self.who.stamp(NOON)).unwrap()
    }

    fn batch(&mut self, feed: FeedId) -> Batch {
        let changes = vec![(self.record.id(), self.change())];
        Batch::sign(&DeviceKey::from_seed([1; 32]), self.who.device, self.number, feed, NOON, changes).unwrap()
    }
}

fn arrived(events: &[Event]) -> Vec<(Audience, Vec<u64>, u64)> {
    let stretch = |event: &Event| match event {
        Event::Items { upto, items, .. } => Some((upto.feed.audience, items.iter().map(|item| item.seq.0).collect(), upto.seq.0)),
        _ => None,
    };
    events.iter().filter_map(stretch).collect()
}

fn receipts(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Receipt { .. })).count()
}

fn farewell(store: &mut Store, server: &mut ServerSession) -> Bye {
    let sent = store.serve(server);
    assert!(server.is_closed());
    match Frame::decode(sent.last().expect("a farewell")) {
        Ok(Frame::Bye(bye)) => bye,
        other => panic!("{other:?}"),
    }
}

#[test]
fn greeting_and_pushes_travel_in_one_flight() {
    let mut store = Store::new();
    let mut chen = Pen::new(who("captain"));
    let mut link = Link::open(chen.who.device, vec![cursor(Audience::Open, 0)]);
    link.push(&chen.batch(feed(Audience::Open)));
    link.push(&chen.batch(feed(Audience::Open)));
    let events = link.settle(&mut store);

    assert!(matches!(events[0], Event::Roster { .. }), "who is welcomed knows the members: {events:?}");
    assert!(matches!(events[1], Event::Welcomed { epoch: EPOCH, .. }), "{events:?}");
    assert!(matches!(events[2], Event::Granted { from: Some(_), .. }), "{events:?}");
    assert_eq!(receipts(&events), 2);
    assert_eq!(link.device.room(), limits::PUSHES_IN_FLIGHT);
    assert_eq!(store.head(feed(Audience::Open)), Seq(2));
}

/// Everything above in one conversation: said in full and in short, it means the same.
#[test]
fn a_conversation_in_short_means_the_same() {
    let open = feed(Audience::Open);
    let converse = |dictionary: Option<u32>| {
        let mut store = Store::new();
        let (mut chen, mut li) = (Pen::new(who("captain")), Pen::new(who("resident")));
        store.accept(&li.batch(open).to_raw());
        let greeting = hello(chen.who.device, Audience::ALL.map(|audience| cursor(audience, 0)).to_vec());
        let mut link = Link::greeted(Greeting { dictionary, ..greeting });
        link.push(&chen.batch(open));
        let mut events = link.settle(&mut store);
        store.accept(&li.batch(open).to_raw());
        link.push(&chen.batch(open));
        let seen = link.device.seen(cursor(Audience::Open, 2));
        link.send(&seen);
        // A batch of somebody else's, of which the receipt says whose it is.
        link.push(&li.batch(open));
        events.extend(link.settle(&mut store));
        let late = store.accept(&chen.batch(open).to_raw());
        link.server.handle(Input::JudgedLate(late));
        link.server.handle(Input::Grew(open, store.head(open)));
        events.extend(link.settle(&mut store));
        assert_eq!(store.seen, [(open, Seq(2))]);
        (events, link.bytes)
    };
    let ((in_full, long), (in_short, short)) = (converse(None), converse(Some(NEWEST)));
    assert_eq!(in_full, in_short);
    assert!(receipts(&in_full) == 4 && short < long, "{short} bytes instead of {long}");
}

#[test]
fn a_short_frame_that_refers_to_nothing_ends_the_connection() {
    let captain = who("captain").device;
    let greeting = || Greeting { dictionary: Some(NEWEST), ..hello(captain, vec![cursor(Audience::Open, 0)]) };
    let push = ShortPush { number: 1, feed: 1, signed: SpanMs(0), signature: Signature([0; 64]), pack: Vec::new() };
    let short = |frame: &Frame| {
        let mut link = Link::greeted(greeting());
        link.settle(&mut Store::new());
        link.send(&frame.encode());
        farewell(&mut Store::new(), &mut link.server).code
    };
    assert_eq!(short(&push.clone().into()), ByeCode::Misbehaved.as_str(), "a push to a feed that was not named");
    assert_eq!(short(&ShortSeen { feed: 1, upto: Seq(1) }.into()), ByeCode::Misbehaved.as_str());

    let mut long = Link::open(captain, vec![cursor(Audience::Open, 0)]);
    long.settle(&mut Store::new());
    long.send(&Frame::from(ShortPush { feed: 0, ..push }).encode());
    let bye = farewell(&mut Store::new(), &mut long.server);
    assert_eq!(bye.code, ByeCode::Misbehaved.as_str(), "after a long hello");

    let mut device = Link::greeted(greeting());
    device.settle(&mut Store::new());
    let receipt = ShortReceipt { number: 1, runs: Default::default(), received: SpanMs(0), skew: None, mark: None };
    assert_eq!(device.device.handle(&Frame::from(receipt).encode()), Err(PeerError::Senseless(Senseless)));
}

#[test]
fn a_device_learns_that_a_server_knows_no_short_hello() {
    let greeting = Greeting { dictionary: Some(NEWEST), ..hello(who("captain").device, vec![cursor(Audience::Open, 0)]) };
    let (mut device, bytes) = DeviceSession::open(greeting);
    let kind = Frame::decode(&bytes).unwrap().kind();
    assert_eq!(device.handle(&Frame::from(Sorry { kind }).encode()), Ok(vec![Event::NotUnderstood(kind)]));
}

#[test]
fn own_changes_come_back_only_on_another_connection() {
    let mut store = Store::new();
    let (mut chen, mut li) = (Pen::new(who("captain")), Pen::new(who("resident")));
    let open = feed(Audience::Open);
    store.accept(&li.batch(open).to_raw());
    let mut link = Link::open(chen.who.device, vec![cursor(Audience::Open, 0)]);
    link.push(&chen.batch(open));
    store.accept(&li.batch(open).to_raw());
    let events = link.settle(&mut store);
    // 1 and 2 are Li's; 3 is Chen's own, and the stretch passes over it.
    assert_eq!(arrived(&events), [(Audience::Open, vec![1, 2], 2), (Audience::Open, vec![], 3)]);

    let mut again = Link::open(chen.who.device, vec![cursor(Audience::Open, 2)]);
    assert_eq!(arrived(&again.settle(&mut store)), [(Audience::Open, vec![3], 3)]);
}

#[test]
fn a_batch_carried_for_another_phone_comes_back_as_news() {
    let mut store = Store::new();
    let (chen, mut li) = (who("captain"), Pen::new(who("resident")));
    let mut link = Link::open(chen.device, vec![cursor(Audience::Open, 0)]);
    link.push(&li.batch(feed(Audience::Open)));
    let events = link.settle(&mut store);
    assert_eq!(receipts(&events), 1);
    assert_eq!(arrived(&events), [(Audience::Open, vec![1], 1)]);
}

#[test]
fn no_receipt_overtakes_the_welcome() {
    let mut store = Store::new();
    let mut chen = Pen::new(who("captain"));
    let mut link = Link::open(chen.who.device, vec![]);
    link.push(&chen.batch(feed(Audience::Open)));
    let late = store.accept(&chen.batch(feed(Audience::Open)).to_raw());
    link.server.handle(Input::JudgedLate(late));
    let asked = link.server.poll_output();
    assert!(matches!(asked, Some(Output::Introduce { .. })), "{asked:?}");
    assert_eq!(link.server.poll_output(), None, "nothing leaves before the introduction");
    link.server.handle(Input::Introduced(store.introduction()));
    let events = link.settle(&mut store);
    let welcomed = events.iter().position(|event| matches!(event, Event::Welcomed { .. })).unwrap();
    assert_eq!(receipts(&events[..welcomed]), 0);
    assert_eq!(receipts(&events[welcomed..]), 2);
}

#[test]
fn a_gap_in_a_feed_is_noticed() {
    let mut store = Store::new();
    let mut chen = Pen::new(who("captain"));
    store.accept(&chen.batch(feed(Audience::Open)).to_raw());
    let mut link = Link::open(who("resident").device, vec![cursor(Audience::Open, 0)]);
    link.settle(&mut store);

    let stretch = |after: u64, upto: u64, positions: &[u64]| {
        let entry = &store.feeds[&feed(Audience::Open)][0];
        let content = Content::Gone(entry.hash);
        let item = |seq: &u64| Item { seq: Seq(*seq), visit: 0, record: entry.record, content: content.clone() };
        let items = positions.iter().map(item).collect::<Vec<_>>().try_into().unwrap();
        let visits = vec![entry.visit.clone()].try_into().unwrap();
        let frame = Items { feed: feed(Audience::Open), after: Seq(after), upto: Seq(upto), visits, items, link: None };
        Frame::from(frame).encode()
    };
    let gap = Err(PeerError::Gap { feed: feed(Audience::Open) });
    for (what, frame) in [
        ("a position left out", stretch(2, 3, &[3])),
        ("a stretch sent twice", stretch(0, 1, &[1])),
        ("a stretch that ends before it begins", stretch(1, 0, &[])),
        ("an item outside", stretch(1, 3, &[4])),
        ("an item before", stretch(1, 3, &[1])),
        ("items out of order", stretch(1, 3, &[3, 2])),
        ("an item twice", stretch(1, 3, &[2, 2])),
    ] {
        assert_eq!(link.device.handle(&frame), gap, "{what}");
    }
    assert!(link.device.handle(&stretch(1, 3, &[2, 3])).is_ok());
}

#[test]
fn an_item_that_refers_to_nobody_is_noticed() {
    let mut store = Store::new();
    let mut link = Link::open(who("resident").device, vec![cursor(Audience::Open, 0)]);
    link.settle(&mut store);
    let (record, content) = (RecordId::from_parts(NOON, [1; 10]), Content::Change(Vec::new()));
    let items = vec![Item { seq: Seq(1), visit: 0, record, content }].try_into().unwrap();
    let frame = Items { feed: feed(Audience::Open), after: Seq(0), upto: Seq(1), visits: Default::default(), items, link: None };
    assert_eq!(link.device.handle(&Frame::from(frame).encode()), Err(PeerError::Dangling));
}

#[test]
fn a_kind_of_a_later_build_is_answered_and_the_connection_goes_on() {
    let mut store = Store::new();
    let mut link = Link::open(who("captain").device, vec![]);
    link.settle(&mut store);
    link.send(&Frame::Unknown(99).encode());
    assert_eq!(store.serve(&mut link.server), [Frame::from(Sorry { kind: 99 }).encode()]);
    link.send(&link.device.ping(4));
    let pong = store.serve(&mut link.server);
    assert_eq!(Frame::decode(&pong[0]).unwrap().kind(), 22);

    assert_eq!(link.device.handle(&Frame::Unknown(99).encode()), Ok(Vec::new()));
}

#[test]
fn too_many_pushes_at_once_end_the_connection() {
    let mut store = Store::new();
    let mut chen = Pen::new(who("captain"));
    let mut link = Link::open(chen.who.device, vec![]);
    for _ in 0..limits::PUSHES_IN_FLIGHT {
        link.push(&chen.batch(feed(Audience::Open)));
    }
    let one_more = chen.batch(feed(Audience::Open));
    assert_eq!(link.device.room(), 0);
    assert_eq!(link.device.push(&one_more), None, "a device of ours waits");
    link.send(&Frame::from(Push { batch: one_more.to_raw() }).encode());
    assert_eq!(farewell(&mut store, &mut link.server).code, ByeCode::Misbehaved.as_str());
    assert_eq!(store.head(feed(Audience::Open)), Seq(0), "nothing of it is judged");
}

#[test]
fn what_breaks_the_order_or_a_bound_ends_the_connection() {
    let chen = who("captain");
    let mut pen = Pen::new(chen.clone());
    let batch = pen.batch(feed(Audience::Open)).to_raw();
    let push = |batch: RawBatch| Frame::from(Push { batch }).encode();
    let heavy = {
        let raw = RawChange { record: RecordId::from_parts(NOON, [1; 10]), bytes: vec![0; limits::BATCH_BYTES / 4 + 1] };
        RawBatch { changes: vec![raw; 4].try_into().unwrap(), ..batch.clone() }
    };
    let greeting = |device, oldest, newest| {
        let hello = Hello {
            oldest,
            newest,
            device,
            schema: 1,
            device_time: NOON,
            feeds: Default::default(),
            rosters: Default::default(),
            calendar: None,
            dictionary: None,
            snapshots: None,
            begun: None,
            open_only: None,
            unsent: None,
        };
        Frame::from(hello).encode()
    };
    let hello = greeting(chen.device, 1, 1);
    for (what, code, frames) in [
        ("a push before the greeting", ByeCode::Misbehaved, vec![push(batch.clone())]),
        ("a second greeting", ByeCode::Misbehaved, vec![hello.clone(), hello.clone()]),
        ("a server's frame", ByeCode::Misbehaved, vec![hello.clone(), Frame::from(Sorry { kind: 1 }).encode()]),
        ("the same push twice", ByeCode::Misbehaved, vec![hello.clone(), push(batch.clone()), push(batch.clone())]),
        ("a push too heavy", ByeCode::Misbehaved, vec![hello.clone(), push(heavy)]),
        ("no frame at all", ByeCode::BadFrame, vec![hello.clone(), vec![0xff]]),
        ("another device", ByeCode::NotAllowed, vec![greeting(who("resident").device, 1, 1)]),
        ("a protocol to come", ByeCode::Incompatible, vec![greeting(chen.device, 2, 3)]),
        ("a protocol of the past", ByeCode::Incompatible, vec![greeting(chen.device, 0, 0)]),
    ] {
        let mut store = Store::new();
        let mut session = ServerSession::new(chen.device);
        frames.iter().for_each(|frame| session.handle(Input::Frame(frame)));
        assert_eq!(farewell(&mut store, &mut session).code, code.as_str(), "{what}");
        assert_eq!(store.head(feed(Audience::Open)), Seq(0), "{what}");

        session.handle(Input::Frame(&Frame::from(Ping { number: 1 }).encode()));
        assert_eq!(session.poll_output(), None, "{what}: nothing comes after the farewell");
    }
}

#[test]
fn a_later_range_that_holds_our_version_is_fine() {
    let chen = who("captain");
    let hello = Hello {
        oldest: 0,
        newest: 7,
        device: chen.device,
        schema: 0,
        device_time: NOON,
        feeds: Default::default(),
        rosters: Default::default(),
        calendar: None,
        dictionary: None,
        snapshots: None,
        begun: None,
        open_only: None,
        unsent: None,
    };
    let mut session = ServerSession::new(chen.device);
    session.handle(Input::Frame(&Frame::from(hello).encode()));
    let sent = Store::new().serve(&mut session);
    let kinds: Vec<u32> = sent.iter().map(|bytes| Frame::decode(bytes).unwrap().kind()).collect();
    assert_eq!(kinds, [20, 19, 16], "the newer schema, the roster, the welcome");
}

#[test]
fn a_calendar_comes_before_the_welcome_where_the_device_has_another() {
    let (device, theirs) = (who("captain").device, Calendar::parse("utc_offset_hours = 8\nyears = []\n").unwrap());
    for (what, known, comes) in [
        ("the same", Some(Calendar::built_in().fingerprint()), false),
        ("another", Some(theirs.fingerprint()), true),
        ("an older phone", None, false),
    ] {
        let (mut device_end, bytes) = DeviceSession::open(hello(device, Vec::new()));
        let Ok(Frame::Hello(said)) = Frame::decode(&bytes) else { panic!("no hello") };
        let mut server = ServerSession::new(device);
        server.handle(Input::Frame(&Frame::from(Hello { calendar: known, ..said }).encode()));
        let sent = Store::new().serve(&mut server);
        let events: Vec<Event> = sent.iter().flat_map(|bytes| device_end.handle(bytes).unwrap()).collect();
        assert!(matches!(events.last(), Some(Event::Welcomed { .. })), "{what}: {events:?}");
        let given = events.iter().find_map(|event| if let Event::Calendar(days) = event { Some(days) } else { None });
        assert_eq!(given, comes.then(|| Calendar::built_in().packed()).as_ref(), "{what}");
    }
}

#[test]
fn a_position_of_another_life_starts_from_the_beginning() {
    let mut store = Store::new();
    let mut li = Pen::new(who("resident"));
    for _ in 0..3 {
        store.accept(&li.batch(feed(Audience::Open)).to_raw());
    }
    for (what, from) in [
        ("another epoch", Cursor { epoch: Epoch(4), ..cursor(Audience::Open, 3) }),
        ("a position that is not there yet", cursor(Audience::Open, 9)),
    ] {
        let mut link = Link::open(who("captain").device, vec![from]);
        let events = link.settle(&mut store);
        let granted = Event::Granted { feed: feed(Audience::Open), from: Some(cursor(Audience::Open, 0)) };
        assert!(events.contains(&granted), "{what}: {events:?}");
        assert_eq!(arrived(&events), [(Audience::Open, vec![1, 2], 2), (Audience::Open, vec![3], 3)], "{what}");
    }
}

#[test]
fn a_feed_that_may_not_be_read_is_not_granted() {
    let mut store = Store::new();
    let mut link = Link::open(who("captain").device, vec![cursor(Audience::Private, 3)]);
    let events = link.settle(&mut store);
    assert!(events.contains(&Event::Granted { feed: feed(Audience::Private), from: None }), "{events:?}");

    let bytes = link.device.follow(cursor(Audience::Private, 0), None);
    link.send(&bytes);
    let sent = store.serve(&mut link.server);
    let grant = Grant { feed: feed(Audience::Private), head: None };
    assert_eq!(sent, [Frame::from(Grants { feeds: vec![grant].try_into().unwrap() }).encode()]);
    link.server.handle(Input::Grew(feed(Audience::Private), Seq(9)));
    assert_eq!(link.server.poll_output(), None, "and it is not read");
}

#[test]
fn who_loses_a_role_loses_the_feed() {
    let mut store = Store::new();
    let mut link = Link::open(who("captain").device, vec![cursor(Audience::Open, 0), cursor(Audience::Parties, 0)]);
    link.settle(&mut store);
    let mut less = store.standing();
    less.feeds.retain(|(feed, _)| feed.audience == Audience::Open);
    link.server.handle(Input::Standings(vec![less]));
    let events = link.settle(&mut store);
    assert!(events.contains(&Event::Granted { feed: feed(Audience::Parties), from: None }), "{events:?}");
    assert_eq!(link.server.followed().collect::<Vec<_>>(), [feed(Audience::Open)]);
}

#[test]
fn feeds_are_read_in_turn_one_page_at_a_time() {
    let mut store = Store::new();
    let mut li = Pen::new(who("resident"));
    for audience in [Audience::Open, Audience::Parties] {
        for _ in 0..5 {
            store.accept(&li.batch(feed(audience)).to_raw());
        }
    }
    let mut link = Link::open(who("captain").device, vec![cursor(Audience::Open, 0), cursor(Audience::Parties, 0)]);
    let mut pages = Vec::new();
    let mut reading = None;
    loop {
        match link.server.poll_output() {
            Some(Output::Read { feed, after }) => {
                assert_eq!(reading.replace((feed, after)), None, "one page at a time");
                // Growing while a page is read asks for no second one.
                link.server.handle(Input::Grew(feed, Seq(5)));
            }
            Some(Output::Introduce { .. }) => link.server.handle(Input::Introduced(store.introduction())),
            Some(Output::Send(bytes)) => pages.extend(arrived(&link.device.handle(&bytes).unwrap())),
            Some(other) => panic!("{other:?}"),
            None => match reading.take() {
                Some((feed, after)) => link.server.handle(store.page(feed, after)),
                None => break,
            },
        }
    }
    let order: Vec<(Audience, u64)> = pages.iter().map(|(audience, _, upto)| (*audience, *upto)).collect();
    let (open, parties) = (Audience::Open, Audience::Parties);
    assert_eq!(order, [(open, 2), (parties, 2), (open, 4), (parties, 4), (open, 5), (parties, 5)]);
}

/// A page that was asked for from another position must not be passed off as the continuation of this one.
#[test]
fn following_anew_while_a_page_is_read_loses_nothing() {
    let mut store = Store::new();
    let mut li = Pen::new(who("resident"));
    for _ in 0..4 {
        store.accept(&li.batch(feed(Audience::Open)).to_raw());
    }
    let mut link = Link::open(who("captain").device, vec![cursor(Audience::Open, 2)]);
    let introduce = link.server.poll_output();
    assert!(matches!(introduce, Some(Output::Introduce { .. })));
    link.server.handle(Input::Introduced(store.introduction()));
    let mut read = None;
    while let Some(output) = link.server.poll_output() {
        match output {
            Output::Read { feed, after } => read = Some((feed, after)),
            Output::Send(bytes) => drop(link.device.handle(&bytes).unwrap()),
            Output::Saw { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(read, Some((feed(Audience::Open), Seq(2))));

    let unfollow = link.device.unfollow(feed(Audience::Open));
    link.send(&unfollow);
    let follow = link.device.follow(cursor(Audience::Open, 0), None);
    link.send(&follow);
    link.server.handle(store.page(feed(Audience::Open), Seq(2)));
    let events = link.settle(&mut store);
    assert_eq!(arrived(&events), [(Audience::Open, vec![1, 2], 2), (Audience::Open, vec![3, 4], 4)]);
}

#[test]
fn a_feed_that_promised_more_than_it_has_is_not_asked_for_ever() {
    let mut store = Store::new();
    let mut link = Link::open(who("captain").device, vec![cursor(Audience::Open, 0)]);
    link.settle(&mut store);
    link.server.handle(Input::Grew(feed(Audience::Open), Seq(10)));
    assert_eq!(store.serve(&mut link.server), Vec::<Vec<u8>>::new());
}

#[test]
fn how_far_a_device_has_stored_a_feed_is_noted_if_it_can_be_true() {
    let mut store = Store::new();
    let mut li = Pen::new(who("resident"));
    store.accept(&li.batch(feed(Audience::Open)).to_raw());
    let mut link = Link::open(who("captain").device, vec![cursor(Audience::Open, 0)]);
    link.settle(&mut store);
    for upto in [
        cursor(Audience::Open, 1),
        cursor(Audience::Open, 2),
        Cursor { epoch: Epoch(1), ..cursor(Audience::Open, 1) },
        cursor(Audience::Private, 1),
    ] {
        link.send(&Frame::from(Seen { upto }).encode());
    }
    link.settle(&mut store);
    assert_eq!(store.seen, [(feed(Audience::Open), Seq(1))]);
}

#[test]
fn nobody_follows_more_feeds_than_there_may_be() {
    let feeds: Vec<FeedId> = (0..=limits::FEEDS as u32)
        .map(|number| {
            let mut random = [0; 10];
            random[..4].copy_from_slice(&number.to_be_bytes());
            FeedId { community: renolog_protocol::id::CommunityId::from_parts(NOON, random), audience: Audience::Open }
        })
        .collect();
    let mut introduction = Store::new().introduction();
    introduction.communities[0].feeds = feeds.iter().map(|feed| (*feed, Seq(0))).collect();
    let from = |feed: &FeedId| Cursor { feed: *feed, epoch: EPOCH, seq: Seq(0) };
    let mut link = Link::open(who("district").device, feeds[1..].iter().map(from).collect());
    link.server.handle(Input::Introduced(introduction));
    let again = link.device.follow(from(&feeds[1]), None);
    link.send(&again);
    assert!(!link.server.is_closed(), "one of those it follows");
    let one_more = link.device.follow(from(&feeds[0]), None);
    link.send(&one_more);
    assert!(link.server.is_closed());
}

#[test]
fn a_device_takes_no_nonsense_from_a_server() {
    let welcome = |store: &mut Store| {
        let mut link = Link::open(who("captain").device, vec![]);
        link.settle(store);
        link.device
    };
    let mut store = Store::new();
    let grants = Frame::from(Grants { feeds: Default::default() }).encode();
    let (mut unwelcomed, _) = DeviceSession::open(hello(who("captain").device, vec![]));
    assert!(matches!(unwelcomed.handle(&grants), Err(PeerError::OutOfTurn(_))));
    assert!(!unwelcomed.is_welcomed());
    let mut device = welcome(&mut store);
    assert!(matches!(device.handle(&Frame::from(Ping { number: 1 }).encode()), Err(PeerError::OutOfTurn(_))));
    assert!(matches!(device.handle(&[0xff]), Err(PeerError::BadFrame(_))));
    let bye = ByeCode::GoingAway.bye("restarting");
    assert_eq!(device.handle(&Frame::from(bye.clone()).encode()), Ok(vec![Event::Bye(bye.clone())]));
    assert_eq!(bye.retry_after, Some(SpanMs::from_secs(5)));
}
