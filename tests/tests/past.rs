//! The past as a console asks for it: onward and back, at a moment, what changed, and who knew.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use renolog_protocol::schema::Schema;
use renolog_protocol::time::UnixMs;
use renolog_server::app::{App, Handle};
use renolog_server::clock::Clock;
use renolog_server::command::{Command, IssueToken};
use renolog_server::data_dir::{DataDir, database};
use renolog_server::http::router;
use renolog_server::secret::token_hash;
use renolog_server::store::Sqlite;
use renolog_tests::story::{LATER, Told, tell};
use renolog_tests::world::World;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

const OPERATOR: &str = "the-operators-token";

struct Standing(UnixMs);

impl Clock for Standing {
    fn now(&self) -> UnixMs {
        self.0
    }
}

/// The story on a server, and an operator who asks about it.
struct Desk {
    runtime: tokio::runtime::Runtime,
    app: App,
    told: Told,
    _handle: Handle,
    _directory: TempDir,
}

impl Desk {
    fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut world = World::on(Sqlite::open(&database(directory.path()), None).unwrap(), 71);
        let told = tell(&mut world);
        let issue = IssueToken { token_hash: token_hash(OPERATOR), label: "看板".into(), expires: UnixMs(LATER.0 + 1) };
        world.operate(Command::IssueToken(issue)).unwrap();
        drop(world);
        let data = DataDir::hold(directory.path()).unwrap();
        let (app, handle) = App::start(data, Schema::built_in(), Arc::new(Standing(LATER)), None).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, app, told, _handle: handle, _directory: directory }
    }

    fn ask(&self, path: &str) -> (u16, Value) {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {OPERATOR}")).body(Body::empty()).unwrap();
        self.runtime.block_on(async {
            let answer = router(self.app.clone()).oneshot(request).await.unwrap();
            let status = answer.status().as_u16();
            let body = to_bytes(answer.into_body(), 1 << 24).await.unwrap();
            (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
        })
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(path);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// The changes of a history that is asked for with `query`, read in stretches.
    fn changes(&self, query: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut after = String::new();
        for _ in 0..500 {
            let page = self.get(&format!("/api/v1/communities/desheng/history?{query}{after}"));
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return items,
            }
        }
        panic!("{query} does not end");
    }
}

fn names(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["change"].as_str().unwrap()).collect()
}

fn of_feed<'a>(entries: &'a [Value], audience: &str) -> Vec<&'a str> {
    let fitting = entries.iter().filter(|entry| entry["feed"]["audience"] == audience);
    fitting.map(|entry| entry["change"].as_str().unwrap()).collect()
}

#[test]
fn read_back_it_is_the_same_history() {
    let desk = Desk::open();
    let onward = desk.changes("limit=500");
    assert!(onward.len() > 10, "{}", onward.len());
    for limit in [1, 3, 500] {
        let mut back = desk.changes(&format!("newest=true&limit={limit}"));
        back.reverse();
        // What was received together in two feeds may stand either way about; in one feed nothing may.
        for audience in ["open", "parties", "private"] {
            assert_eq!(of_feed(&back, audience), of_feed(&onward, audience), "in stretches of {limit}");
        }
        assert_eq!(names(&desk.changes(&format!("limit={limit}"))), names(&onward));
    }
}

#[test]
fn a_moment_parts_it_in_two() {
    let desk = Desk::open();
    let all = desk.changes("limit=500");
    let mut moments: Vec<i64> = all.iter().map(|entry| entry["received"].as_i64().unwrap()).collect();
    moments.dedup();
    for at in moments.into_iter().step_by(2) {
        let before = desk.changes(&format!("newest=true&limit=2&at={at}"));
        let after = desk.changes(&format!("limit=2&at={at}"));
        assert_eq!(before.len() + after.len(), all.len(), "at {at}");
        assert!(before.iter().all(|entry| entry["received"].as_i64().unwrap() <= at), "at {at}");
        assert!(after.iter().all(|entry| entry["received"].as_i64().unwrap() > at), "at {at}");
    }
}

#[test]
fn a_filter_leaves_what_fits_it_and_nothing_else() {
    let desk = Desk::open();
    let all = desk.changes("limit=500");
    let (leak, person) = (desk.told.leak.to_string(), all[0]["person"].as_str().unwrap().to_owned());
    let middle = all[all.len() / 2]["received"].as_i64().unwrap();
    type Fits = Box<dyn Fn(&Value) -> bool>;
    let filters: Vec<(String, Fits)> = vec![
        ("party=volunteers".into(), Box::new(|entry| entry["party"] == "volunteers")),
        ("kind=matter".into(), Box::new(|entry| entry["kind"] == "matter")),
        (format!("record={leak}"), Box::new(move |entry| entry["record"] == leak.as_str())),
        (format!("person={person}"), Box::new(move |entry| entry["person"] == person.as_str())),
        (format!("from={middle}"), Box::new(move |entry| entry["received"].as_i64().unwrap() >= middle)),
        (format!("until={middle}"), Box::new(move |entry| entry["received"].as_i64().unwrap() < middle)),
        ("marked=true".into(), Box::new(|entry| entry["marks"]["superseded"] == true || entry["marks"]["conflicting"] == true)),
        ("party=district&kind=whistle".into(), Box::new(|_| false)),
    ];
    for (query, fits) in filters {
        let mut expected: Vec<&str> =
            names(&all).into_iter().zip(&all).filter(|(_, entry)| fits(entry)).map(|(name, _)| name).collect();
        expected.sort_unstable();
        for direction in ["", "&newest=true"] {
            let found = desk.changes(&format!("limit=2&{query}{direction}"));
            let mut found = names(&found);
            found.sort_unstable();
            assert_eq!(found, expected, "{query}{direction}");
        }
    }
}

#[test]
fn the_outline_counts_every_entry_once() {
    let desk = Desk::open();
    let outline = desk.get("/api/v1/communities/desheng/history/outline?parts=7");
    let all = desk.changes("limit=500").len() as u64;
    assert_eq!(outline["entries"].as_u64(), Some(all));
    for by in ["received", "written"] {
        let lanes = outline["lanes"].as_array().unwrap();
        let counted = lanes.iter().flat_map(|lane| lane[by].as_array().unwrap()).map(|count| count.as_u64().unwrap());
        assert_eq!(counted.sum::<u64>(), all, "{by}");
    }
}

#[test]
fn a_record_as_it_stood_grows_with_what_came() {
    let desk = Desk::open();
    for record in [desk.told.leak, desk.told.parking] {
        let entries = desk.get(&format!("/api/v1/records/{record}/history?limit=500"))["items"].as_array().unwrap().clone();
        let first = entries[0]["received"].as_i64().unwrap();
        let before = desk.get(&format!("/api/v1/records/{record}/at?received={}", first - 1));
        assert_eq!((&before["view"], &before["changes"]), (&Value::Null, &Value::from(0)));
        for (index, entry) in entries.iter().enumerate() {
            let (at, change) = (entry["received"].as_i64().unwrap(), entry["change"].as_str().unwrap());
            let stood = desk.get(&format!("/api/v1/records/{record}/at?received={at}"));
            assert!(stood["changes"].as_u64().unwrap() > index as u64, "{stood}");
            let seen = desk.get(&format!("/api/v1/records/{record}/at?seen_by={change}"));
            assert!(seen["changes"].as_u64().unwrap() <= index as u64, "a writer saw at most what stands before");
        }
        let (now, is) = (desk.get(&format!("/api/v1/records/{record}/at")), desk.get(&format!("/api/v1/records/{record}")));
        assert_eq!(now["view"], is, "as it is");
        let far = i64::MAX / 2;
        for query in [format!("received={far}"), format!("written={far}")] {
            assert_eq!(desk.get(&format!("/api/v1/records/{record}/at?{query}"))["view"], is, "{query}");
        }
        let difference = desk.get(&format!("/api/v1/records/{record}/difference?received_from={far}"));
        assert_eq!(difference["altered"], Value::Array(Vec::new()), "nothing changed since");
        let difference = desk.get(&format!("/api/v1/records/{record}/difference?received_from=0"));
        assert!(!difference["altered"].as_array().unwrap().is_empty() && difference["state_before"].is_null());
    }
}

#[test]
fn who_knew_what_is_told_of_every_change() {
    let desk = Desk::open();
    let record = desk.told.parking;
    let entries = desk.get(&format!("/api/v1/records/{record}/history?limit=500"))["items"].as_array().unwrap().clone();
    for (index, entry) in entries.iter().enumerate() {
        let change = entry["change"].as_str().unwrap();
        let known = desk.get(&format!("/api/v1/records/{record}/knowledge?change={change}"));
        assert_eq!(known["entries"].as_u64(), Some(index as u64));
        let knowers = known["knowers"].as_array().unwrap();
        assert!(knowers.iter().all(|knower| knower["knew"].as_u64().unwrap() <= index as u64), "{known}");
        let writers: Vec<&Value> = knowers.iter().filter(|knower| knower["writer"] == true).collect();
        assert!(writers.iter().all(|writer| writer["device"] == entry["device"]) && writers.len() <= 1);
        let unseen = known["unseen"].as_array().unwrap().len() as u64;
        let seen = desk.get(&format!("/api/v1/records/{record}/at?seen_by={change}"))["changes"].as_u64().unwrap();
        assert_eq!(unseen + seen, index as u64, "each earlier entry was seen or was not");
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_words() {
    let desk = Desk::open();
    let record = desk.told.leak;
    let nothing = "0".repeat(64);
    for (path, status) in [
        (format!("/api/v1/records/{record}/at?received=1&written=1"), 400),
        (format!("/api/v1/records/{record}/at?seen_by={nothing}"), 404),
        (format!("/api/v1/records/{record}/at?received=soon"), 400),
        (format!("/api/v1/records/{record}/difference"), 400),
        (format!("/api/v1/records/{record}/knowledge?change={nothing}"), 404),
        (format!("/api/v1/records/{record}/knowledge"), 400),
        ("/api/v1/communities/desheng/history?after=1.2".into(), 400),
        ("/api/v1/communities/desheng/history?party=Nobody".into(), 400),
        ("/api/v1/communities/nowhere/history/outline".into(), 404),
    ] {
        let (answered, problem) = desk.ask(&path);
        assert_eq!(answered, status, "{path}: {problem}");
        assert!(problem["zh"].as_str().is_some_and(|zh| !zh.is_empty()), "{path}");
    }
}

#[test]
fn what_was_read_is_not_sent_again() {
    let desk = Desk::open();
    let ask = |known: Option<&str>| {
        let mut request = Request::get("/api/v1/communities").header(header::AUTHORIZATION, format!("Bearer {OPERATOR}"));
        if let Some(known) = known {
            request = request.header(header::IF_NONE_MATCH, known);
        }
        let answer = router(desk.app.clone()).oneshot(request.body(Body::empty()).unwrap());
        let answer = desk.runtime.block_on(answer).unwrap();
        (answer.status().as_u16(), answer.headers()[header::ETAG].to_str().unwrap().to_owned())
    };
    let (status, tag) = ask(None);
    assert_eq!((status, ask(Some(&tag))), (200, (304, tag.clone())));
    assert_eq!(ask(Some("\"other\"")).0, 200);
}
