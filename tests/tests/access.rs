//! Who sees what: every kind of caller asks for every route and every feed. The answers stand as tables in ARCHITECTURE.md,
//! so that a change of who sees what shows in review; `RENOLOG_TABLES=write` writes them anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use renolog_protocol::calendar::Calendar;
use renolog_protocol::id::{Audience, ChangeHash, CommunityId, DeviceId, RecordId};
use renolog_protocol::schema::{Role, Schema};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_server::app::{App, Handle};
use renolog_server::clock::Clock;
use renolog_server::command::{Command, EndRole, IssueToken, RevokeDevice, SetAdministrator, SuspendPerson};
use renolog_server::data_dir::{DataDir, database};
use renolog_server::gate::{Gate, Proxies};
use renolog_server::http::{document, router};
use renolog_server::limits::{Limits, Rate};
use renolog_server::reception;
use renolog_server::rosters::Rosters;
use renolog_server::secret::token_hash;
use renolog_server::store::{ALL, ChangeRow, Column, Fate, MemberRow, Read, Sqlite};
use renolog_tests::world::{PhoneId, World};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

const OPERATOR: &str = "the-operators-token";
/// Words that stand in records of one audience only.
const MARKS: [(Audience, &str); 3] =
    [(Audience::Open, "公开内容"), (Audience::Parties, "三方内容"), (Audience::Private, "表决内容")];

struct Standing(UnixMs);

impl Clock for Standing {
    fn now(&self) -> UnixMs {
        self.0
    }
}

/// Somebody who asks.
struct Caller {
    name: String,
    token: Option<String>,
    device: Option<DeviceId>,
}

/// A community with somebody in every role and something in every feed, and others who have no business there.
struct Town {
    runtime: tokio::runtime::Runtime,
    app: App,
    callers: Vec<Caller>,
    community: CommunityId,
    records: BTreeMap<Audience, RecordId>,
    /// The change that made each of them.
    first: BTreeMap<Audience, ChangeHash>,
    refused: BTreeMap<Audience, ChangeHash>,
    motion: RecordId,
    _handle: Handle,
    _room: TempDir,
}

impl Town {
    fn open() -> Self {
        let room = tempfile::tempdir().unwrap();
        let mut world = World::on(Sqlite::open(&database(room.path()), None).unwrap(), 90);
        let (community, elsewhere) = (world.community("desheng", "德胜新村"), world.community("qinfeng", "勤丰小区"));
        let schema = Schema::built_in();
        let mut people: Vec<(String, PhoneId)> =
            schema.roles.keys().map(|role| (role.to_string(), world.enrol(community, role.as_str(), role.as_str()))).collect();
        let strangers = [
            ("administrator", elsewhere, "captain"),
            ("member elsewhere", elsewhere, "street"),
            ("former member", community, "street"),
            ("suspended", community, "street"),
            ("revoked device", community, "street"),
        ];
        for (name, community, role) in strangers {
            people.push((name.to_owned(), world.enrol(community, role, name)));
        }
        world.run_until_quiet();
        let phones: BTreeMap<String, PhoneId> = people.iter().cloned().collect();
        let (records, motion) = something_everywhere(&mut world, community, &phones);
        let first = records.iter().map(|(audience, record)| (*audience, first_change(&world, *record))).collect();
        let refused = refused_everywhere(&mut world, community, &phones, motion);
        some_of_them_leave(&mut world, community, &phones);

        let mut callers = vec![Caller { name: "anybody".into(), token: None, device: None }];
        let now = world.now();
        let issue = IssueToken { token_hash: token_hash(OPERATOR), label: "看板".into(), expires: UnixMs(now.0 + 1) };
        world.operate(Command::IssueToken(issue)).unwrap();
        let devices: Vec<(String, DeviceId)> =
            people.into_iter().map(|(name, phone)| (name, world.client(phone).device())).collect();
        drop(world);
        let data = DataDir::hold(room.path()).unwrap();
        let (app, handle) = App::start(data, schema, Arc::new(Standing(now)), None).unwrap();
        // Whoever asks for everything at once is no rarity here.
        let patient = Rate { burst: u32::MAX, every: SpanMs(1) };
        let limits = Limits { attempts: patient, failures: patient, ..Limits::default() };
        let app = App { gate: Arc::new(Gate::new(limits, Proxies::default())), ..app };
        let holder = |(name, device)| Caller { name, token: Some(app.tickets.token(device, now)), device: Some(device) };
        callers.extend(devices.into_iter().map(holder));
        callers.push(Caller { name: "operator".into(), token: Some(OPERATOR.into()), device: None });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, app, callers, community, records, first, refused, motion, _handle: handle, _room: room }
    }

    fn ask(&self, caller: &Caller, method: &str, path: &str, body: Option<&Value>) -> (u16, String) {
        let mut request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = &caller.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string()))).unwrap();
        self.runtime.block_on(async {
            let answer = router(self.app.clone()).oneshot(request).await.unwrap();
            let status = answer.status().as_u16();
            let stream = answer.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
            if stream {
                // It goes on for as long as its caller listens.
                return (status, String::new());
            }
            let body = to_bytes(answer.into_body(), 1 << 26).await.unwrap();
            (status, String::from_utf8_lossy(&body).into_owned())
        })
    }

    /// The feeds that a caller is given, as a connection learns of them.
    fn feeds(&self, caller: &Caller) -> BTreeSet<Audience> {
        let Some(device) = caller.device else { return BTreeSet::new() };
        let (schema, now) = (self.app.schema.clone(), self.app.clock.now());
        let asked = self
            .app
            .readers
            .ask(move |store| reception::introduce(store, &Rosters::default(), &schema, &Calendar::built_in(), device, &[], now));
        let introduction = self.runtime.block_on(asked).unwrap();
        let granted = introduction.communities.iter().flat_map(|standing| &standing.feeds);
        granted.filter(|(feed, _)| feed.community == self.community).map(|(feed, _)| feed.audience).collect()
    }
}

/// A record in every feed, and a motion to be counted.
fn something_everywhere(
    world: &mut World<Sqlite>,
    community: CommunityId,
    phones: &BTreeMap<String, PhoneId>,
) -> (BTreeMap<Audience, RecordId>, RecordId) {
    let (captain, owners) = (phones["captain"], phones["owners_committee"]);
    let open = world.raise(captain, community, "safety", "3幢 公开内容");
    let parties = world.open_matter(phones["property_manager"], community, "三方内容");
    let motion = world.create(owners, community, "motion", &[("text", "加装电梯"), ("class", "major")]);
    world.run_until_quiet();
    let private = ballot(world, owners, community, motion, "表决内容 101室").unwrap();
    world.run_until_quiet();
    (BTreeMap::from([(Audience::Open, open), (Audience::Parties, parties), (Audience::Private, private)]), motion)
}

fn first_change(world: &World<Sqlite>, record: RecordId) -> ChangeHash {
    let rows: Vec<ChangeRow> = world.store().list_by(ChangeRow::BY_RECORD, &[record.to_cell()], None, 1).unwrap();
    rows[0].hash
}

fn ballot(
    world: &mut World<Sqlite>,
    phone: PhoneId,
    community: CommunityId,
    motion: RecordId,
    unit: &str,
) -> Result<RecordId, renolog_client_core::client::ClientError> {
    use renolog_protocol::schema::{FieldName, KindName, Value};
    let values: [(&str, Value); 5] = [
        ("motion", motion.to_string().as_str().into()),
        ("unit", unit.into()),
        ("area_cm2", Value::Whole(900_000)),
        ("choice", "agree".into()),
        ("channel", "door".into()),
    ];
    let values = values.into_iter().map(|(name, value)| (FieldName::parse(name).unwrap(), value)).collect();
    world.try_to(phone, |client, now| client.create(now, community, &KindName::parse("ballot").unwrap(), values, None))
}

/// Something in quarantine for every feed.
fn refused_everywhere(
    world: &mut World<Sqlite>,
    community: CommunityId,
    phones: &BTreeMap<String, PhoneId>,
    motion: RecordId,
) -> BTreeMap<Audience, ChangeHash> {
    let captain = phones["captain"];
    world.offline(captain);
    world.takes_itself_for(captain, community, "owners_committee");
    world.create(captain, community, "motion", &[("text", "公开内容 未授权"), ("class", "major")]);
    world.open_matter(captain, community, "三方内容 未授权");
    ballot(world, captain, community, motion, "表决内容 未授权").unwrap();
    world.online(captain);
    world.run_until_quiet();
    let rows: Vec<ChangeRow> = world.store().list(&[], None, ALL).unwrap();
    rows.into_iter().filter(|row| row.fate == Fate::Refused).map(|row| (row.feed.audience, row.hash)).collect()
}

fn some_of_them_leave(world: &mut World<Sqlite>, community: CommunityId, phones: &BTreeMap<String, PhoneId>) {
    let person = |world: &mut World<Sqlite>, name: &str| world.client(phones[name]).enrolment().unwrap().person;
    let (administrator, former, suspended) =
        (person(world, "administrator"), person(world, "former member"), person(world, "suspended"));
    let device = world.client(phones["revoked device"]).device();
    let roles: Vec<MemberRow> = world.store().list(&[], None, ALL).unwrap();
    let number = roles.iter().find(|role| role.person == former).unwrap().number;
    let reason = String::from("测试");
    for command in [
        Command::SetAdministrator(SetAdministrator { person: administrator, administrator: true }),
        Command::EndRole(EndRole { community, number, at: None }),
        Command::SuspendPerson(SuspendPerson { person: suspended, suspended: true, reason: reason.clone() }),
        Command::RevokeDevice(RevokeDevice { device, reason }),
    ] {
        world.operate(command).unwrap();
    }
    world.run_until_quiet();
}

/// A question: what the router calls its path, what of it is asked for, and how.
struct Asked {
    method: &'static str,
    route: &'static str,
    about: String,
    path: String,
    body: Option<Value>,
}

fn question(method: &'static str, route: &'static str, about: &str, path: String, body: Option<Value>) -> Asked {
    Asked { method, route, about: about.to_owned(), path, body }
}

/// Every route, with everything in it that is for some and not for others. Orders are given such that nothing comes of them:
/// whoever may give them is told what is wrong with them.
fn questions(town: &Town) -> Vec<Asked> {
    let mut all = Vec::new();
    let mut get = |route: &'static str, about: &str, path: String| all.push(question("GET", route, about, path, None));
    get("/healthz", "", "/healthz".into());
    for page in ["/", "/enrol", "/console"] {
        get(page, "", page.into());
    }
    get("/api/v1/sign-in", "", "/api/v1/sign-in".into());
    get("/api/v1/sync", "", "/api/v1/sync".into());
    for route in ["/api/v1/openapi.json", "/api/v1/session", "/api/v1/schema", "/api/v1/live"] {
        get(route, "", route.into());
    }
    for route in ["/api/v1/me", "/api/v1/communities", "/api/v1/overdue", "/api/v1/figures"] {
        get(route, "", route.into());
    }
    get("/api/v1/figures/{name}/records", "", "/api/v1/figures/records.ballot/records".into());
    for list in ["", "/records", "/history", "/history/outline", "/conflicts", "/overdue", "/refused", "/evidence"] {
        let route = Box::leak(format!("/api/v1/communities/{{community}}{list}").into_boxed_str());
        get(route, "", format!("/api/v1/communities/desheng{list}"));
    }
    for (audience, record) in &town.records {
        get("/api/v1/records/{record}", &format!("{audience}"), format!("/api/v1/records/{record}"));
        get("/api/v1/records/{record}/history", &format!("{audience}"), format!("/api/v1/records/{record}/history"));
        let (at, first) = (format!("/api/v1/records/{record}"), town.first[audience]);
        get("/api/v1/records/{record}/at", &format!("{audience}"), format!("{at}/at"));
        get("/api/v1/records/{record}/difference", &format!("{audience}"), format!("{at}/difference?received_from=0"));
        get("/api/v1/records/{record}/knowledge", &format!("{audience}"), format!("{at}/knowledge?change={first}"));
    }
    get("/api/v1/records/{record}/tally", "", format!("/api/v1/records/{}/tally", town.motion));
    for (audience, change) in &town.refused {
        get("/api/v1/refused/{change}", &format!("{audience}"), format!("/api/v1/refused/{change}"));
    }
    for list in ["organisations", "people", "roles", "devices", "invites", "tokens", "audit"] {
        let route = Box::leak(format!("/api/v1/admin/{list}").into_boxed_str());
        get(route, "", route.to_owned());
    }

    let mut post = |route: &'static str, about: &str, path: String, body: Value| {
        all.push(question("POST", route, about, path, Some(body)));
    };
    post("/api/v1/sync", "", "/api/v1/sync".into(), json!({}));
    post("/api/v1/enrol", "", "/api/v1/enrol".into(), json!({}));
    post("/api/v1/sign-in", "", "/api/v1/sign-in".into(), json!({}));
    post("/api/v1/session", "", "/api/v1/session".into(), json!({}));
    post("/api/v1/sign-out", "", "/api/v1/sign-out".into(), json!({}));
    for (audience, change) in &town.refused {
        let decision = json!({"release": false, "reason": ""});
        post("/api/v1/refused/{change}", &format!("{audience}"), format!("/api/v1/refused/{change}"), decision);
    }
    all.push(question("DELETE", "/api/v1/session", "", "/api/v1/session".into(), None));
    let mut post = |route: &'static str, about: &str, path: String, body: Value| {
        all.push(question("POST", route, about, path, Some(body)));
    };
    let nobody = "00000000-0000-7000-8000-000000000000";
    let role = |role: &str| json!({"person": nobody, "role": role, "communities": ["desheng"]});
    let guest = |role: &str| json!({"name": "", "role": role, "communities": ["desheng"], "hours": 1});
    for (order, about, body) in [
        ("organisations", "", json!({"name": ""})),
        ("people", "", json!({"name": ""})),
        ("people/suspend", "", json!({"person": nobody, "suspended": true, "reason": ""})),
        ("administrators", "", json!({"person": nobody, "administrator": true})),
        ("communities", "", json!({"slug": "!", "name": ""})),
        ("roles", "captain", role("captain")),
        ("roles", "street", role("street")),
        ("roles/end", "captain", json!({"community": "desheng", "number": 1, "at": -1})),
        ("roles/end", "nobody's", json!({"community": "desheng", "number": 999})),
        ("devices/revoke", "", json!({"device": nobody, "reason": ""})),
        ("invites", "captain", guest("captain")),
        ("invites", "street", guest("street")),
        ("invites/withdraw", "", json!({"invite": "00"})),
        ("tokens", "", json!({"label": "", "days": 0})),
        ("tokens/revoke", "", json!({"name": "00"})),
        ("records/erase", "", json!({"record": town.records[&Audience::Open], "reason": ""})),
        ("import", "", json!("no roster")),
    ] {
        let route = Box::leak(format!("/api/v1/admin/{order}").into_boxed_str());
        post(route, about, route.to_owned(), body);
    }
    all
}

/// What a caller gets: nothing, or something; and of which audiences the words are in it.
fn cell(town: &Town, caller: &Caller, asked: &Asked) -> String {
    let (status, answer) = town.ask(caller, asked.method, &asked.path, asked.body.as_ref());
    assert!(status < 500, "{} of {}: {answer}", caller.name, asked.path);
    assert!(status != 429, "{} of {}", caller.name, asked.path);
    // Whoever may give an order is told that it names nothing that is there.
    let hidden = if asked.route.contains("/admin/") { &[401, 403][..] } else { &[401, 403, 404] };
    if hidden.contains(&status) {
        return "–".into();
    }
    let found: Vec<String> =
        MARKS.iter().filter(|(_, mark)| answer.contains(mark)).map(|(audience, _)| audience.to_string()).collect();
    if found.is_empty() { "yes".into() } else { found.join(" ") }
}

/// A table with one column for all callers that get the same everywhere.
fn table(callers: &[Caller], heads: [&str; 2], rows: &[([String; 2], Vec<String>)]) -> String {
    let mut columns: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
    for (index, caller) in callers.iter().enumerate() {
        let cells: Vec<&str> = rows.iter().map(|(_, cells)| cells[index].as_str()).collect();
        match columns.iter_mut().find(|(_, known)| *known == cells) {
            Some((names, _)) => names.push(&caller.name),
            None => columns.push((vec![&caller.name], cells)),
        }
    }
    let names: Vec<String> = columns.iter().map(|(names, _)| names.join(", ")).collect();
    let mut text = format!("| {} | {} | {} |\n|{}\n", heads[0], heads[1], names.join(" | "), "---|".repeat(columns.len() + 2));
    for (row, (head, _)) in rows.iter().enumerate() {
        let cells: Vec<&str> = columns.iter().map(|(_, cells)| cells[row]).collect();
        text += &format!("| {} | {} | {} |\n", head[0], head[1], cells.join(" | "));
    }
    text
}

fn architecture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md")
}

/// Holds a table against the one in ARCHITECTURE.md, or writes it there.
fn stands_in_architecture(name: &str, table: &str) {
    let text = std::fs::read_to_string(architecture()).unwrap();
    let (begin, end) = (format!("<!-- {name}: written by a test -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("there is no place for {name} in ARCHITECTURE.md"));
    let (stands, after) = rest.split_once(&end).unwrap();
    if stands != table && std::env::var("RENOLOG_TABLES").is_ok_and(|what| what == "write") {
        std::fs::write(architecture(), format!("{before}{begin}{table}{end}{after}")).unwrap();
        return;
    }
    assert!(stands == table, "{name} in ARCHITECTURE.md says otherwise; RENOLOG_TABLES=write writes this there:\n{table}");
}

#[test]
fn every_caller_gets_from_every_route_what_the_table_says() {
    let town = Town::open();
    let questions = questions(&town);
    let mut rows = Vec::new();
    for asked in &questions {
        let cells = town.callers.iter().map(|caller| cell(&town, caller, asked)).collect();
        rows.push(([format!("`{} {}`", asked.method, asked.route), asked.about.clone()], cells));
    }
    stands_in_architecture("routes", &table(&town.callers, ["route", "of"], &rows));
}

#[test]
fn every_caller_is_given_the_feeds_that_the_table_says() {
    let town = Town::open();
    let rows: Vec<([String; 2], Vec<String>)> = Audience::ALL
        .into_iter()
        .map(|audience| {
            let given = |caller: &Caller| if town.feeds(caller).contains(&audience) { "yes" } else { "–" }.to_owned();
            ([audience.to_string(), String::new()], town.callers.iter().map(given).collect())
        })
        .collect();
    stands_in_architecture("feeds", &table(&town.callers, ["feed", ""], &rows));
}

/// Whatever the tables say: nobody hears words of an audience that the rules do not let them hear, by any route.
#[test]
fn no_answer_carries_a_word_that_the_rules_keep_from_its_caller() {
    let town = Town::open();
    let schema = Schema::built_in();
    let mut heard = 0;
    for caller in &town.callers {
        let role = match caller.name.as_str() {
            "operator" => continue,
            // By the API alone; an administrator of the district reads what its office does.
            "administrator" => Some("district"),
            name => schema.roles.contains_key(name).then_some(name),
        };
        let roles: Vec<Role> = role.into_iter().map(|role| Role::parse(role).unwrap()).collect();
        for asked in questions(&town) {
            let (_, answer) = town.ask(caller, asked.method, &asked.path, asked.body.as_ref());
            for (audience, mark) in MARKS {
                let hears = answer.contains(mark);
                heard += usize::from(hears);
                let may = !roles.is_empty() && schema.may_read(audience, &roles);
                assert!(!hears || may, "{} hears {mark} from {}", caller.name, asked.path);
            }
        }
    }
    assert!(heard > 100, "there is much to be heard: {heard}");
}

/// What the API says of itself is made of its routes; the few others are no part of it.
#[test]
fn no_route_is_left_out() {
    let document = serde_json::to_value(document()).unwrap();
    let mut routes: BTreeSet<String> =
        ["GET /healthz", "GET /", "GET /enrol", "GET /console", "GET /api/v1/sync", "POST /api/v1/sync"]
            .map(str::to_owned)
            .into();
    for (path, methods) in document["paths"].as_object().unwrap() {
        routes.extend(methods.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())));
    }
    let town = Town::open();
    let asked: BTreeSet<String> = questions(&town).into_iter().map(|asked| format!("{} {}", asked.method, asked.route)).collect();
    assert_eq!(asked, routes);
    assert!(routes.len() > 50, "{}", routes.len());
}
