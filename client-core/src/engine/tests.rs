use rand::SeedableRng;
use renolog_protocol::id::{Epoch, PersonId};
use renolog_protocol::sorted::SortedMap;
use renolog_protocol::wire::{Frame, Pong, Receipt, Welcome};

use super::*;

const START: UnixMs = UnixMs(1_767_225_600_000);

fn engine(seed: u64) -> Engine {
    Engine::new(ChaCha8Rng::seed_from_u64(seed))
}

fn greeting() -> Greeting {
    let device = DeviceId::from_parts(START, [1; 10]);
    let person = PersonId::from_parts(START, [1; 10]);
    let (feeds, links, rosters) = (Vec::new(), SortedMap::new(), Vec::new());
    Greeting {
        device,
        person,
        schema: 1,
        calendar: 0,
        device_time: START,
        feeds,
        links,
        rosters,
        dictionary: None,
        snapshots: false,
        begun: Vec::new(),
        open_only: false,
        unsent: 0,
    }
}

fn drain(engine: &mut Engine) -> Vec<&'static str> {
    let name = |output| match output {
        Output::Connect => "connect",
        Output::Send(bytes) => match Frame::decode(&bytes).expect("a frame") {
            Frame::Hello(_) => "hello",
            Frame::Ping(_) => "ping",
            _ => "other",
        },
        Output::Disconnect => "disconnect",
        Output::Deliver(_) => "deliver",
        Output::Fill => "fill",
    };
    std::iter::from_fn(|| engine.poll_output()).map(name).collect()
}

fn welcome() -> Vec<u8> {
    let feeds = Vec::new().try_into().expect("none");
    Frame::from(Welcome { version: 1, server_time: START, epoch: Epoch(1), schema: 1, feeds, past: None }).encode()
}

fn receipt() -> Vec<u8> {
    let (device, rulings) = (DeviceId::from_parts(START, [1; 10]), Vec::new().try_into().expect("none"));
    Frame::from(Receipt { device, number: 1, rulings, received: START, skew: SpanMs(0), mark: None }).encode()
}

fn open(engine: &mut Engine, now: UnixMs) {
    engine.handle(now, Input::Start);
    engine.handle(now, Input::Connected(greeting()));
    engine.handle(now, Input::Frame(&welcome()));
    drain(engine);
}

fn secs(secs: i64) -> SpanMs {
    SpanMs::from_secs(secs)
}

#[test]
fn the_greeting_leaves_first_and_pushes_follow_at_once() {
    let mut engine = engine(1);
    engine.handle(START, Input::Start);
    assert_eq!(drain(&mut engine), ["connect"]);
    engine.handle(START, Input::Connected(greeting()));
    assert_eq!(drain(&mut engine), ["hello", "fill"]);
    assert_eq!(engine.room(), limits::PUSHES_IN_FLIGHT);
}

#[test]
fn waits_double_up_to_a_bound_and_are_spread() {
    let mut longest = [0; 12];
    for seed in 0..200 {
        let mut engine = engine(seed);
        engine.handle(START, Input::Start);
        let mut now = START;
        for (attempt, longest) in longest.iter_mut().enumerate() {
            engine.handle(now, Input::Disconnected);
            let until = engine.poll_timeout().expect("a next attempt");
            let bound = (limits::BACKOFF_FIRST.0 << attempt).min(limits::BACKOFF_MAX.0);
            assert!((0..=bound).contains(&(until - now).0), "attempt {attempt}");
            *longest = (until - now).0.max(*longest);
            now = until;
            drain(&mut engine);
            engine.handle(now, Input::Timeout);
            assert_eq!(drain(&mut engine), ["connect"]);
        }
    }
    assert!(longest[0] > 900 && longest[11] > 110_000, "{longest:?}");
}

#[test]
fn a_connection_that_bore_fruit_is_missed_only_for_a_moment() {
    let mut engine = engine(3);
    engine.handle(START, Input::Start);
    for _ in 0..10 {
        engine.handle(START, Input::Disconnected);
        engine.handle(START + secs(200), Input::Timeout);
    }
    engine.handle(START, Input::Connected(greeting()));
    engine.handle(START, Input::Frame(&welcome()));
    engine.handle(START, Input::Frame(&receipt()));
    engine.handle(START, Input::Disconnected);
    assert!(engine.poll_timeout().expect("soon") - START <= limits::BACKOFF_FIRST);
}

#[test]
fn a_silent_link_is_asked_and_then_given_up() {
    let mut engine = engine(4);
    open(&mut engine, START);
    assert_eq!(engine.poll_timeout(), Some(START + limits::QUIET));
    engine.handle(START + limits::QUIET, Input::Timeout);
    assert_eq!(drain(&mut engine), ["ping"]);
    let end = START + limits::QUIET + limits::SILENT;
    assert_eq!(engine.poll_timeout(), Some(end));
    engine.handle(end, Input::Timeout);
    assert_eq!(drain(&mut engine), ["disconnect"]);
    assert!(!engine.is_connected());
}

#[test]
fn a_link_that_moves_a_byte_is_alive() {
    let mut engine = engine(5);
    open(&mut engine, START);
    let mut now = START;
    // Ten minutes of a link so slow that a byte takes 59 seconds, and no frame ever ends.
    for _ in 0..10 {
        now = now + secs(59);
        engine.handle(now, Input::Timeout);
        engine.handle(now, Input::LinkMoved);
    }
    assert!(engine.is_connected());
    assert!(!drain(&mut engine).contains(&"disconnect"));
}

#[test]
fn an_answer_to_the_ping_ends_the_worry() {
    let mut engine = engine(6);
    open(&mut engine, START);
    let asked = START + limits::QUIET;
    engine.handle(asked, Input::Timeout);
    engine.handle(asked + secs(59), Input::Frame(&Frame::from(Pong { number: 1 }).encode()));
    engine.handle(asked + limits::SILENT, Input::Timeout);
    assert_eq!(drain(&mut engine), ["ping"]);
    assert!(engine.is_connected());
}

#[test]
fn a_nudge_connects_at_once_and_asks_a_standing_link() {
    let mut engine = engine(7);
    engine.handle(START, Input::Start);
    for _ in 0..8 {
        engine.handle(START, Input::Disconnected);
        engine.handle(START + secs(200), Input::Timeout);
    }
    engine.handle(START, Input::Disconnected);
    drain(&mut engine);
    engine.handle(START, Input::Nudge);
    assert_eq!(drain(&mut engine), ["connect"]);
    engine.handle(START, Input::Connected(greeting()));
    drain(&mut engine);
    engine.handle(START, Input::Nudge);
    assert_eq!(drain(&mut engine), ["ping"]);
    engine.handle(START + NUDGED_PATIENCE, Input::Timeout);
    assert_eq!(drain(&mut engine), ["disconnect"]);
}

#[test]
fn a_farewell_is_heeded() {
    for (code, least, most) in [
        (ByeCode::NotAllowed, TURNED_AWAY, TURNED_AWAY),
        (ByeCode::Incompatible, TURNED_AWAY, TURNED_AWAY),
        (ByeCode::StorageFull, secs(60), secs(61)),
        (ByeCode::GoingAway, secs(5), secs(6)),
        (ByeCode::Misbehaved, secs(0), secs(1)),
    ] {
        let mut engine = engine(8);
        open(&mut engine, START);
        engine.handle(START, Input::Frame(&Frame::from(code.bye("so")).encode()));
        assert_eq!(drain(&mut engine), ["deliver", "disconnect"]);
        let wait = engine.poll_timeout().expect("again some time") - START;
        assert!(least <= wait && wait <= most, "{code:?}: {wait}");
        assert_eq!(engine.last_bye().expect("visible").code, code.as_str());
    }
}

#[test]
fn nonsense_ends_the_connection_and_nothing_else() {
    let mut engine = engine(9);
    open(&mut engine, START);
    engine.handle(START, Input::Frame(&[0xff; 40]));
    assert_eq!(drain(&mut engine), ["disconnect"]);
    assert!(engine.is_on());
}

#[test]
fn a_clock_set_back_does_not_keep_the_device_silent() {
    let mut engine = engine(10);
    open(&mut engine, START);
    let back = START + secs(-7 * 86_400);
    engine.handle(back, Input::Timeout);
    assert_eq!(engine.poll_timeout(), Some(back + limits::QUIET));
    engine.handle(back, Input::Disconnected);
    engine.handle(back + secs(-86_400), Input::Timeout);
    assert_eq!(drain(&mut engine), ["connect"]);
}

#[test]
fn off_is_off() {
    let mut engine = engine(11);
    open(&mut engine, START);
    engine.handle(START, Input::Stop);
    assert_eq!(drain(&mut engine), ["disconnect"]);
    for input in [Input::Nudge, Input::Timeout, Input::Disconnected, Input::LinkMoved, Input::OutboxGrew] {
        engine.handle(START, input);
    }
    assert!(drain(&mut engine).is_empty() && engine.poll_timeout().is_none());
}

#[test]
fn between_two_visits_it_rests_unless_there_is_something_to_send() {
    let mut engine = engine(3);
    open(&mut engine, START);
    engine.handle(START, Input::Visited);
    assert_eq!(drain(&mut engine), Vec::<&str>::new());
    assert!(engine.is_caught_up() && !engine.is_connected());
    let due = engine.poll_timeout().expect("it comes again");
    assert!((START + VISIT_AGAIN..START + VISIT_AGAIN + VISIT_AGAIN).contains(&due));
    engine.handle(due, Input::Timeout);
    assert_eq!(drain(&mut engine), ["connect"]);

    engine.handle(due, Input::Connected(greeting()));
    engine.handle(due, Input::Frame(&welcome()));
    engine.handle(due, Input::Visited);
    drain(&mut engine);
    engine.handle(due, Input::OutboxGrew);
    assert_eq!(drain(&mut engine), ["connect"], "an edit does not wait");
    assert!(!engine.is_caught_up());

    engine.handle(due, Input::Connected(greeting()));
    drain(&mut engine);
    engine.handle(due, Input::Visited);
    assert_eq!(drain(&mut engine), Vec::<&str>::new(), "no answer is no reason to come again at once");
    assert!(engine.poll_timeout().is_some_and(|due| due > START) && !engine.is_caught_up());
}
