//! How long a phone takes with 20,000 records on it:
//! `cargo test --release -p renolog-client-core --test figures -- --ignored --nocapture`

use std::time::Instant;

use renolog_client_core::client::{Client, OverdueFilter};
use renolog_client_core::store::{Enrolled, Filter, Place};
use renolog_protocol::id::{CommunityId, PersonId};
use renolog_protocol::roster::{Member, Roster};
use renolog_protocol::schema::{FieldName, KindName, Party, Role, Value};
use renolog_protocol::time::{SpanMs, UnixMs};

const RECORDS: i64 = 20_000;
const START: UnixMs = UnixMs(1_767_225_600_000);

fn timed<T>(what: &str, times: u32, mut work: impl FnMut() -> T) -> T {
    let begun = Instant::now();
    let mut last = work();
    for _ in 1..times {
        last = work();
    }
    println!("{what:<40} {:>10.3} ms", begun.elapsed().as_secs_f64() * 1000.0 / f64::from(times));
    last
}

fn filled() -> Client {
    let mut client = Client::open(&Place::Memory, [7; 32], START).expect("memory has room");
    let (community, person) = (CommunityId::from_parts(START, [1; 10]), PersonId::from_parts(START, [2; 10]));
    let member = Member {
        person,
        name: "陈阿姨".into(),
        role: Role::parse("captain").expect("a role"),
        party: Party::parse("volunteers").expect("a party"),
        from: UnixMs(0),
        until: None,
    };
    client
        .enrolled(Enrolled { server: "http://sim".into(), person, name: "陈阿姨".into(), token: "t".into() })
        .expect("memory has room");
    client.follow(START, community).expect("memory has room");
    client.set_roster(community, "德胜新村", Roster { version: 1, members: vec![member] }).expect("memory has room");
    let kind = KindName::parse("rectification").expect("a kind");
    let field = |name: &str| FieldName::parse(name).expect("a field");
    let mut begun = Instant::now();
    for number in 0..RECORDS {
        if number % 5_000 == 4_999 {
            println!(
                "{:<40} {:>10.3} ms",
                format!("making a record in memory, by {}", number + 1),
                begun.elapsed().as_secs_f64() / 5.0
            );
            begun = Instant::now();
        }
        let location = format!("{}幢{}单元 {}室", number / 100, number / 10 % 10, number % 1000);
        let values = vec![(field("item"), Value::from("safety")), (field("location"), Value::from(location.as_str()))];
        client.create(START + SpanMs(number), community, &kind, values, None).expect("memory has room");
    }
    client
}

#[test]
#[ignore = "a measurement, not a check"]
fn twenty_thousand_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("phone");
    timed("making 20,000 records in memory", 1, filled).backup(&path).unwrap();
    let now = START + SpanMs::from_secs(86_400);
    let mut client = timed("open", 1, || Client::open(&Place::File(path.clone()), [8; 32], now).unwrap());
    let first = Filter { limit: 50, ..Filter::default() };
    let page = timed("list the first 50, first time", 1, || client.list(&first).unwrap());
    timed("list the first 50", 100, || client.list(&first).unwrap());
    let community = *client.communities().keys().next().unwrap();
    let of = Filter { community: Some(community), kind: Some(page[0].kind.clone()), limit: 50, ..Filter::default() };
    timed("list the first 50 of community and kind", 100, || client.list(&of).unwrap());
    let state = Filter { state: Some(page[0].state.clone()), ..of.clone() };
    timed("list the first 50 in a state", 100, || client.list(&state).unwrap());
    let deep = Filter { after: Some((page[49].updated, page[49].id)), ..first.clone() };
    timed("list the next 50", 100, || client.list(&deep).unwrap());
    let text = Filter { text: Some("没有这样的字".into()), ..first };
    timed("search for what is nowhere", 10, || client.list(&text).unwrap());
    let mut number = 0;
    timed("a durable edit, each in another record", 50, || {
        number += 1;
        client.note(now, page[number % 50].id, &format!("第{number}次"), None).unwrap()
    });
    timed("a durable edit in the same record", 50, || {
        number += 1;
        client.note(now, page[0].id, &format!("第{number}次"), None).unwrap()
    });
    timed("status", 100, || client.status().unwrap());
    timed("a record by the end of its id", 10, || client.record_typed(None, &page[7].id.to_string()[26..]).unwrap());
    timed("overdue", 10, || client.overdue(now, &OverdueFilter::default(), 50).unwrap());
}
