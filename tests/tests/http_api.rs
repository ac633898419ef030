//! The HTTP API as its callers see it: the answers to one small story, for an operator and for people of that story.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use renolog_protocol::schema::Schema;
use renolog_protocol::time::UnixMs;
use renolog_server::app::{App, Handle};
use renolog_server::clock::Clock;
use renolog_server::command::{Command, IssueToken};
use renolog_server::data_dir::{DataDir, database};
use renolog_server::evidence::verify;
use renolog_server::http::router;
use renolog_server::secret::token_hash;
use renolog_server::store::Sqlite;
use renolog_tests::names::Names;
use renolog_tests::story::{LATER, Told, tell};
use renolog_tests::world::{MORNING, World};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

const OPERATOR: &str = "the-operators-token";

/// A clock that stands still.
struct Standing(UnixMs);

impl Clock for Standing {
    fn now(&self) -> UnixMs {
        self.0
    }
}

/// Times since the story began and spans of time, to the minute: what a message takes does not matter here.
fn in_minutes(value: Value) -> Value {
    const TIMES: [&str; 3] = ["device_time", "corrected", "received"];
    const SPANS: [&str; 2] = ["offline", "skew"];
    let one = |(key, value): (String, Value)| {
        let value = match value.as_i64() {
            Some(time) if TIMES.contains(&key.as_str()) => json!(format!("minute {}", (time - MORNING.0).div_euclid(60_000))),
            Some(span) if SPANS.contains(&key.as_str()) => json!(format!("{} minutes", (span + 30_000).div_euclid(60_000))),
            _ => in_minutes(value),
        };
        (key, value)
    };
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(in_minutes).collect()),
        Value::Object(map) => Value::Object(map.into_iter().map(one).collect()),
        other => other,
    }
}

/// A server that has the story on its disk, and those who may ask it.
struct Asked {
    runtime: tokio::runtime::Runtime,
    app: App,
    told: Told,
    names: Names,
    chen: String,
    wang: String,
    street: String,
    _handle: Handle,
    _directory: TempDir,
}

fn asked() -> Asked {
    let directory = tempfile::tempdir().unwrap();
    let mut world = World::on(Sqlite::open(&database(directory.path()), None).unwrap(), 70);
    let told = tell(&mut world);
    let expires = UnixMs(LATER.0 + 1);
    let issue = IssueToken { token_hash: token_hash(OPERATOR), label: "看板".into(), expires };
    world.operate(Command::IssueToken(issue)).unwrap();
    let mut names = Names::new();
    let devices = [told.chen, told.wang, told.street].map(|phone| {
        let device = world.client(phone).device();
        names.call(device, &format!("{}'s phone", world.name(phone)));
        device
    });
    for phone in [told.chen, told.wang, told.li, told.street] {
        let (person, name) = (world.client(phone).enrolment().unwrap().person, world.name(phone).to_owned());
        names.call(person, &name);
    }
    names.call(told.desheng, "desheng");
    names.call(told.qinfeng, "qinfeng");
    names.call(told.leak, "leak");
    names.call(told.parking, "parking");
    drop(world);
    let data = DataDir::hold(directory.path()).unwrap();
    let (app, handle) = App::start(data, Schema::built_in(), Arc::new(Standing(LATER)), None).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let [chen, wang, street] = devices.map(|device| app.tickets.token(device, LATER));
    Asked { runtime, app, told, names, chen, wang, street, _handle: handle, _directory: directory }
}

impl Asked {
    /// Status, content type and body of an answer.
    fn ask(&self, method: &str, path: &str, token: Option<&str>) -> (u16, String, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = if method == "POST" { Body::from(r#"{"label": "看板", "days": 1}"#) } else { Body::empty() };
        let request = request.header(header::CONTENT_TYPE, "application/json").body(body).unwrap();
        let answer = router(self.app.clone()).oneshot(request);
        self.runtime.block_on(async {
            let answer = answer.await.unwrap();
            let content_type = answer.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
            let status = answer.status().as_u16();
            let body = to_bytes(answer.into_body(), 1 << 24).await.unwrap();
            let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
            (status, content_type, serde_json::from_slice(&body).unwrap_or_else(|_| text()))
        })
    }

    fn get(&self, path: &str, token: &str) -> Value {
        let (status, content_type, body) = self.ask("GET", path, Some(token));
        assert_eq!((status, content_type.as_str()), (200, "application/json"), "{path}: {body}");
        body
    }

    /// What an operator gets, with names for ids.
    fn shown(&mut self, path: &str) -> Value {
        let body = self.get(path, OPERATOR);
        self.names.hide(in_minutes(body))
    }

    /// A whole list, read in stretches of `limit`.
    fn in_stretches(&self, path: &str, token: &str, limit: usize) -> Vec<Value> {
        let mut items = Vec::new();
        let mut after = String::new();
        for _ in 0..1000 {
            let joint = if path.contains('?') { '&' } else { '?' };
            let stretch = self.get(&format!("{path}{joint}limit={limit}{after}"), token);
            let page = stretch["items"].as_array().unwrap();
            assert!(page.len() <= limit, "{path} in stretches of {limit}");
            items.extend(page.iter().cloned());
            match stretch["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return items,
            }
        }
        panic!("{path} in stretches of {limit} does not end");
    }
}

#[test]
fn the_answers_to_an_operator() {
    let mut asked = asked();
    let (leak, parking) = (asked.told.leak, asked.told.parking);
    insta::assert_json_snapshot!("communities", asked.shown("/api/v1/communities"));
    insta::assert_json_snapshot!("community", asked.shown("/api/v1/communities/desheng"));
    insta::assert_json_snapshot!("records", asked.shown("/api/v1/communities/desheng/records"));
    insta::assert_json_snapshot!("record", asked.shown(&format!("/api/v1/records/{leak}")));
    insta::assert_json_snapshot!("record_history", asked.shown(&format!("/api/v1/records/{parking}/history")));
    insta::assert_json_snapshot!("history", asked.shown("/api/v1/communities/desheng/history?limit=2"));
    insta::assert_json_snapshot!("refused", asked.shown("/api/v1/communities/desheng/refused"));
}

#[test]
fn records_can_be_asked_for_by_kind_and_state() {
    let asked = asked();
    let titles = |filter: &str| -> Vec<String> {
        let body = asked.get(&format!("/api/v1/communities/desheng/records?{filter}"), OPERATOR);
        body["items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(titles("kind=matter"), ["小区停车位重新划线", "物业费调整"]);
    assert_eq!(titles("kind=matter&state=discussing"), ["小区停车位重新划线"]);
    assert_eq!(titles("kind=whistle"), [""; 0]);
}

#[test]
fn a_device_reads_what_its_person_may_read() {
    let asked = asked();
    let Told { leak, parking, .. } = asked.told;
    let kinds = |token: &str| -> Vec<String> {
        let body = asked.get("/api/v1/communities/desheng/records", token);
        body["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&asked.chen), ["rectification", "rectification"]);
    assert_eq!(kinds(&asked.wang), ["rectification", "rectification", "matter", "matter"]);
    let feeds = |token: &str| asked.get("/api/v1/communities", token)["items"][0]["feeds"].as_array().unwrap().len();
    assert_eq!((feeds(&asked.chen), feeds(&asked.wang), feeds(OPERATOR)), (1, 2, 3));
    let audiences = |token: &str| -> Vec<String> {
        let entries = asked.in_stretches("/api/v1/communities/desheng/history", token, 500);
        let mut audiences: Vec<String> = entries.iter().map(|entry| entry["feed"]["audience"].as_str().unwrap().into()).collect();
        audiences.sort();
        audiences.dedup();
        audiences
    };
    assert_eq!(audiences(&asked.chen), ["open"]);
    assert_eq!(audiences(&asked.wang), ["open", "parties"]);

    for (path, chen, wang) in [
        (format!("/api/v1/records/{leak}"), 200, 200),
        (format!("/api/v1/records/{parking}"), 404, 200),
        (format!("/api/v1/records/{leak}/history"), 200, 200),
        (format!("/api/v1/records/{parking}/history"), 404, 200),
        ("/api/v1/communities/desheng".into(), 200, 200),
        ("/api/v1/communities/qinfeng".into(), 404, 404),
        ("/api/v1/communities/qinfeng/records".into(), 404, 404),
        ("/api/v1/communities/qinfeng/history".into(), 404, 404),
        ("/api/v1/communities/desheng/refused".into(), 403, 403),
    ] {
        let status = |token: &str| asked.ask("GET", &path, Some(token)).0;
        assert_eq!((status(&asked.chen), status(&asked.wang)), (chen, wang), "{path}");
        assert_eq!(status(OPERATOR), 200, "{path}");
    }
}

#[test]
fn evidence_is_for_those_who_administer_and_holds_what_they_may_read() {
    let asked = asked();
    let bundle = |query: &str, token: &str| {
        let path = format!("/api/v1/communities/desheng/evidence{query}");
        let request = Request::builder().uri(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        let answer = router(asked.app.clone()).oneshot(request.body(Body::empty()).unwrap());
        asked.runtime.block_on(async {
            let answer = answer.await.unwrap();
            let status = answer.status().as_u16();
            (status, to_bytes(answer.into_body(), 1 << 24).await.unwrap())
        })
    };
    for token in [OPERATOR, &asked.street] {
        let (status, bytes) = bundle("", token);
        assert_eq!(status, 200);
        assert_eq!(verify(&bytes, &[]).unwrap().spans.len(), 3, "every feed");
        assert!(bundle("", token).1 == bytes, "the same question, the same bytes");
    }
    let (_, bytes) = bundle(&format!("?record={}&from=2026-03-01&to=2026-03-31", asked.told.leak), &asked.street);
    assert_eq!(verify(&bytes, &[]).unwrap().spans.len(), 1);
    assert_eq!((bundle("", &asked.chen).0, bundle("", &asked.wang).0), (403, 403));
    for (query, status) in [("?from=yesterday", 400), ("?from=2026-03-09&to=2026-03-08", 400), ("?record=x", 400)] {
        assert_eq!(bundle(query, OPERATOR).0, status, "{query}");
    }
    assert_eq!(bundle("?record=019cac0f-28db-7d07-b8bd-37853cc7edae", OPERATOR).0, 404);
    assert_eq!(asked.ask("GET", "/api/v1/communities/nowhere/evidence", Some(OPERATOR)).0, 404);
}

#[test]
fn lists_are_the_same_in_stretches_of_any_length() {
    let asked = asked();
    let Told { leak, parking, .. } = asked.told;
    for path in [
        "/api/v1/communities/desheng/records".to_owned(),
        "/api/v1/communities/desheng/records?kind=rectification".to_owned(),
        "/api/v1/communities/desheng/history".to_owned(),
        format!("/api/v1/records/{leak}/history"),
        format!("/api/v1/records/{parking}/history"),
    ] {
        for token in [OPERATOR, &asked.chen] {
            if asked.ask("GET", &path, Some(token)).0 == 404 {
                continue;
            }
            let names = |limit| -> Vec<String> {
                let items = asked.in_stretches(&path, token, limit);
                items.iter().map(|item| format!("{} {}", item["change"], item["id"])).collect()
            };
            let whole = names(500);
            assert!(whole.len() > 1, "{path}");
            for limit in 1..=5 {
                assert_eq!(names(limit), whole, "{path} in stretches of {limit}");
            }
        }
    }
}

#[test]
fn problems_say_what_is_wrong() {
    let asked = asked();
    let unknown = "019cac0f-28db-7d07-b8bd-37853cc7edae";
    let cases = [
        ("GET", "/api/v1/communities".to_owned(), None),
        ("GET", "/api/v1/communities".to_owned(), Some("not-a-token")),
        ("GET", "/api/v1/communities/nowhere".to_owned(), Some(OPERATOR)),
        ("GET", format!("/api/v1/records/{unknown}"), Some(OPERATOR)),
        ("GET", "/api/v1/communities/desheng/history?after=yesterday".to_owned(), Some(OPERATOR)),
        ("GET", "/api/v1/communities/desheng/records?after=1".to_owned(), Some(OPERATOR)),
        ("POST", "/api/v1/admin/tokens".to_owned(), Some(asked.chen.as_str())),
        ("GET", "/api/v1/nothing".to_owned(), Some(OPERATOR)),
        ("DELETE", "/api/v1/communities".to_owned(), Some(OPERATOR)),
        ("GET", "/api/v1/sync".to_owned(), Some(OPERATOR)),
    ];
    let answers: Vec<Value> = cases
        .iter()
        .map(|(method, path, token)| {
            let (status, content_type, body) = asked.ask(method, path, *token);
            assert_eq!(content_type, "application/problem+json", "{method} {path}");
            assert_eq!(body["status"], status, "{method} {path}");
            let who = token.map_or("nobody", |token| if token == OPERATOR { "the operator" } else { "someone else" });
            json!({ "asked": format!("{method} {path} by {who}"), "answer": body })
        })
        .collect();
    insta::assert_json_snapshot!("problems", answers);
}

#[test]
fn anyone_may_ask_whether_it_lives() {
    let (status, _, body) = asked().ask("GET", "/healthz", None);
    assert_eq!((status, body), (200, json!("ok\n")));
}
