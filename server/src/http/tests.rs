//! Who is answered what: the district's questions asked by an operator, a street office and a captain.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use renolog_protocol::id::{CommunityId, DeviceId, PersonId};
use renolog_protocol::key::DeviceKey;
use renolog_protocol::schema::{Role, Schema};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::app::App;
use crate::clock::SystemClock;
use crate::command::{Command, Duty, Enrol, Guest, Invite};
use crate::data_dir::DataDir;
use crate::office::{NewCommunity, NewToken};
use crate::secret;

async fn ask(app: &App, token: &str, path: &str) -> (u16, Value) {
    let uri = format!("/api/v1/{path}");
    let request = Request::get(uri).header("Authorization", format!("Bearer {token}")).body(Body::empty()).expect("a request");
    let response = super::router(app.clone()).oneshot(request).await.expect("it answers");
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a short answer");
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

async fn community(app: &App, slug: &str) -> CommunityId {
    let asked = NewCommunity { slug: slug.into(), name: slug.into() };
    app.take(None, asked).await.expect("it is new").id
}

/// Someone in a role, by the token of their device.
async fn member(app: &App, communities: &[CommunityId], role: &str) -> String {
    let role = Role::parse(role).expect("a role");
    let (now, code) = (app.clock.now(), secret::new_code());
    let device = DeviceId::from_parts(now, secret::random());
    let (party, name, code_hash) = (app.schema.roles[&role].party.clone(), role.to_string(), secret::code_hash(&code));
    let expires = now + renolog_protocol::time::SpanMs::from_secs(60);
    let duty = Some(Duty { role, party, communities: communities.to_vec() });
    let invite = Invite { code_hash: code_hash.clone(), guest: Guest::New(name), duty, administrator: false, expires };
    app.writer.submit(Command::Invite(invite)).await.expect("a role of the schema");
    let enrol = Enrol {
        code_hash,
        person: PersonId::from_parts(now, secret::random()),
        device,
        public_key: DeviceKey::from_seed(secret::random()).public(),
        device_name: "手机".into(),
        was: None,
    };
    app.writer.submit(Command::Enrol(enrol)).await.expect("a good code");
    app.tickets.token(device, now)
}

async fn bring(app: &App, token: &str, query: &str, roster: impl Into<Body>) -> (u16, Value) {
    let request = Request::post(format!("/api/v1/admin/import{query}")).header("Authorization", format!("Bearer {token}"));
    let request = request.body(roster.into()).expect("a request");
    let response = super::router(app.clone()).oneshot(request).await.expect("it answers");
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a short answer");
    (status, serde_json::from_slice(&body).expect("JSON"))
}

/// Gives an order, with what a browser says beside it.
async fn order(app: &App, token: &str, path: &str, headers: &[(&str, &str)], asked: &Value) -> (u16, Value) {
    let request = Request::post(format!("/api/v1/admin/{path}")).header("Authorization", format!("Bearer {token}"));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let request = request.header("Content-Type", "application/json").body(Body::from(asked.to_string())).expect("a request");
    let response = super::router(app.clone()).oneshot(request).await.expect("it answers");
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a short answer");
    (status, serde_json::from_slice(&body).expect("JSON"))
}

fn planned(figures: &Value) -> i64 {
    let figures = figures["figures"].as_array().expect("a list");
    let planned = figures.iter().find(|figure| figure["name"] == "communities.planned").expect("it is among them");
    planned["value"].as_i64().expect("a number")
}

#[tokio::test]
async fn the_district_is_answered_as_far_as_the_asker_reaches() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = DataDir::hold(directory.path()).expect("it is new");
    let (app, _handle) = App::start(data, Schema::built_in(), Arc::new(SystemClock), None).expect("it is new");
    let operator = app.take(None, NewToken { label: "test".into(), days: 1 }).await.expect("it can be written");
    let all = [community(&app, "desheng").await, community(&app, "liushui").await, community(&app, "qinfeng").await];
    let (street, captain) = (member(&app, &all[..2], "street").await, member(&app, &all[..1], "captain").await);

    assert_eq!(planned(&ask(&app, &operator.token, "figures").await.1), 3);
    assert_eq!(planned(&ask(&app, &street, "figures").await.1), 2, "its own communities");
    assert_eq!(planned(&ask(&app, &operator.token, "figures?community=qinfeng").await.1), 1);
    for (token, path, status) in [
        (&captain, "figures", 403),
        (&captain, "overdue", 403),
        (&captain, "figures/communities.planned/records", 403),
        (&captain, "communities/desheng/overdue", 200),
        (&captain, "communities/liushui/overdue", 404),
        (&captain, "communities/desheng/conflicts", 200),
        (&captain, "communities/qinfeng/conflicts", 404),
        (&captain, "communities/desheng/records?limit=2", 200),
        (&street, "overdue?party=departments&role=street", 200),
        (&street, "figures?community=qinfeng", 404),
        (&street, "figures/communities.planned/records?limit=1&unknown=true", 200),
        (&street, "figures/records.whistle.waiting.departments/records", 200),
        (&street, "figures/overdue.whistle.street/records", 200),
        (&street, "figures/no_such/records", 404),
        (&operator.token, "records/018bcfe5-6800-7707-8707-070707070707/tally", 404),
    ] {
        assert_eq!(ask(&app, token, path).await.0, status, "{path}");
    }
}

#[tokio::test]
async fn a_roster_is_brought_by_those_who_may_and_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = DataDir::hold(directory.path()).expect("it is new");
    let (app, _handle) = App::start(data, Schema::built_in(), Arc::new(SystemClock), None).expect("it is new");
    let app = App { public_url: Some(Arc::new("https://log.example.cn".parse().expect("an address"))), ..app };
    let operator = app.take(None, NewToken { label: "test".into(), days: 1 }).await.expect("it can be written").token;
    let desheng = [community(&app, "desheng").await];
    let street = member(&app, &desheng, "street").await;
    let rows: String = (1..=300).map(|n| format!("居民{n},desheng,居民,德胜社区\n")).collect();
    let roster = format!("姓名,小区,角色,单位,电话\n{rows}陈阿姨,景芳,居民,,13800000000\n");

    let (status, problem) = bring(&app, &street, "", roster.clone()).await;
    assert_eq!((status, &problem["code"]), (403, &Value::from("forbidden")), "for administrators");
    let (status, report) = bring(&app, &operator, "?dry_run=true", roster.clone()).await;
    assert_eq!((status, &report["carried_out"], &report["people"]), (200, &Value::from(false), &Value::from(300)));
    assert_eq!(report["problems"][0]["row"], 302);
    assert_eq!(report["problems"][0]["code"], "unknown_community");
    assert_eq!(report["not_stored"][0], "电话");
    let (status, problem) = bring(&app, &operator, "", roster.clone()).await;
    assert_eq!((status, &problem["code"]), (422, &Value::from("roster_problems")), "{problem}");
    let people = ask(&app, &operator, "admin/people?limit=500").await.1["items"].as_array().expect("a list").len();
    assert_eq!(people, 1, "the street's own and nobody else: nothing was written");

    let (status, report) = bring(&app, &operator, "?skip_problems=true&code_hours=24", roster.clone()).await;
    assert_eq!((status, &report["carried_out"], &report["roles"]), (200, &Value::from(true), &Value::from(300)), "{report}");
    let codes = report["codes"].as_array().expect("codes");
    let link = codes[0]["link"].as_str().expect("a link");
    assert_eq!(link, format!("https://log.example.cn/enrol#{}", codes[0]["code"].as_str().expect("a code")));
    assert_eq!(codes.len(), 300);
    let (_, again) = bring(&app, &operator, "?skip_problems=true", roster).await;
    assert_eq!((&again["people"], again["there"].as_array().map(Vec::len)), (&Value::from(0), Some(300)));

    for (roster, status, code) in [
        (Body::from("各位邻居"), 400, "bad_request"),
        (Body::from(vec![0; 100]), 400, "bad_request"),
        (Body::from(vec![b'a'; crate::import::FILE_BYTES + 1]), 413, "too_large"),
    ] {
        let (answered, problem) = bring(&app, &operator, "", roster).await;
        assert_eq!((answered, &problem["code"]), (status, &Value::from(code)), "{problem}");
    }
}

#[tokio::test]
async fn an_order_about_what_was_altered_meanwhile_is_not_carried_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = DataDir::hold(directory.path()).expect("it is new");
    let (app, _handle) = App::start(data, Schema::built_in(), Arc::new(SystemClock), None).expect("it is new");
    let operator = app.take(None, NewToken { label: "test".into(), days: 1 }).await.expect("it can be written").token;
    let desheng = [community(&app, "desheng").await];
    member(&app, &desheng, "captain").await;
    let people = ask(&app, &operator, "admin/people").await.1;
    let (person, read) = (&people["items"][0]["id"], people["items"][0]["version"].as_str().expect("a version"));
    let suspend = |suspended: bool| json!({"person": person, "suspended": suspended, "reason": "试用"});

    assert_eq!(order(&app, &operator, "people/suspend", &[("If-Match", read)], &suspend(true)).await.0, 200);
    let (status, problem) = order(&app, &operator, "people/suspend", &[("If-Match", read)], &suspend(false)).await;
    assert_eq!((status, &problem["code"]), (412, &Value::from("changed_meanwhile")));
    let made = order(&app, &operator, "organisations", &[("If-Match", read)], &json!({"name": "施工单位"})).await;
    assert_eq!(made.0, 412, "nothing that stands is what was read of what is new");
    assert_eq!(order(&app, &operator, "people/suspend", &[("If-Match", "*")], &suspend(false)).await.0, 200);
    assert_eq!(order(&app, &operator, "people/suspend", &[], &suspend(true)).await.0, 200, "who says nothing insists on nothing");
}

#[tokio::test]
async fn an_invitation_leads_to_where_its_maker_found_the_page() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = DataDir::hold(directory.path()).expect("it is new");
    let (app, _handle) = App::start(data, Schema::built_in(), Arc::new(SystemClock), None).expect("it is new");
    let operator = app.take(None, NewToken { label: "test".into(), days: 1 }).await.expect("it can be written").token;
    community(&app, "desheng").await;
    let asked = json!({"name": "陈阿姨", "role": "captain", "communities": ["desheng"], "hours": 1});
    let found = [("Origin", "https://log.example.cn:8443")];

    let told = order(&app, &operator, "invites", &found, &asked).await.1;
    let code = told["code"].as_str().expect("a code");
    assert_eq!(told["link"], format!("https://log.example.cn:8443/enrol#{code}"));
    assert!(told["qr_svg"].as_str().is_some_and(|picture| picture.contains("<svg")));
    let told = order(&app, &operator, "invites", &[], &asked).await.1;
    assert_eq!((&told["link"], &told["qr_svg"]), (&Value::Null, &Value::Null), "nobody knows");
    let known = App { public_url: Some(Arc::new("https://log.example.cn".parse().expect("an address"))), ..app };
    let told = order(&known, &operator, "invites", &found, &asked).await.1;
    assert!(
        told["link"].as_str().is_some_and(|link| link.starts_with("https://log.example.cn/enrol#")),
        "who was told knows best"
    );
}
