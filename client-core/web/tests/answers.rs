//! What a page is told, question by question. The answers are kept as TypeScript in `server/web/src/device/samples.ts`,
//! where the compiler holds them against the types that the page is written by: a type that differs from what is really
//! said does not build. `RENOLOG_SAMPLES=write cargo test -p renolog-client-web` renews them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write;
use std::path::Path;

use renolog_client_core::client::Client;
use renolog_client_core::store::{Enrolled, Place};
use renolog_client_web::{Problem, Request, answer};
use renolog_protocol::id::{CommunityId, PersonId};
use renolog_protocol::roster::{Member, Roster};
use renolog_protocol::schema::{Party, Role};
use renolog_protocol::time::{SpanMs, UnixMs};
use serde_json::{Value, json};

const NOW: UnixMs = UnixMs(1_793_581_200_000);

struct Page {
    client: Client,
    now: UnixMs,
    community: CommunityId,
}

impl Page {
    fn new() -> Self {
        let mut client = Client::open(&Place::Memory, [7; 32], NOW).unwrap();
        let (community, person) = (CommunityId::from_parts(NOW, [1; 10]), PersonId::from_parts(NOW, [2; 10]));
        let member = |person, name: &str, role: &str, party: &str| Member {
            person,
            name: name.into(),
            role: Role::parse(role).unwrap(),
            party: Party::parse(party).unwrap(),
            from: UnixMs(0),
            until: None,
        };
        let other = PersonId::from_parts(NOW, [3; 10]);
        let members = vec![
            member(person, "王监理", "supervisor", "builders"),
            member(person, "王监理", "street", "street"),
            member(other, "陈阿姨", "captain", "volunteers"),
        ];
        client
            .enrolled(Enrolled { server: "https://log.example".into(), person, name: "王监理".into(), token: String::new() })
            .unwrap();
        client.follow(NOW, community).unwrap();
        client.set_roster(community, "德胜新村", Roster { version: 1, members }).unwrap();
        Self { client, now: NOW, community }
    }

    fn asks(&mut self, request: &Value) -> Result<Value, Problem> {
        self.now = self.now + SpanMs(1000);
        let request: Request = serde_json::from_value(in_core_words(request)).unwrap_or_else(|why| panic!("{request}: {why}"));
        answer(&mut self.client, self.now, request).map(|told| serde_json::from_str(&told).unwrap())
    }

    fn told(&mut self, request: Value) -> Value {
        self.asks(&request).unwrap_or_else(|problem| panic!("{request}: {problem:?}"))
    }
}

/// A request as the page's worker puts it to the core (`owner.ts`).
fn in_core_words(request: &Value) -> Value {
    let mut what = request.as_object().unwrap().clone();
    let ask = what.remove("ask").unwrap();
    if what.is_empty() { ask } else { json!({ ask.as_str().unwrap(): what }) }
}

#[test]
fn answers_are_of_the_types_that_the_page_is_written_by() {
    let mut page = Page::new();
    let community = page.community;
    let values = json!([["item", "safety"], ["location", "3幢2单元"]]);
    let create = json!({ "ask": "create", "community": community, "kind": "rectification", "values": values, "party": null });
    let record = page.told(create);
    page.told(
        json!({ "ask": "put", "record": record, "field": "findings", "key": null, "entry": { "text": "堆物" }, "party": null }),
    );
    page.told(json!({ "ask": "note", "record": record, "text": "还没人来", "party": "builders" }));
    page.told(json!({ "ask": "set", "record": record, "field": "due", "value": "2026-12-01" }));
    let moved = json!({ "ask": "transition", "record": record, "name": "issue", "reason": null, "party": null });
    page.told(moved.clone());
    page.told(json!({ "ask": "pause", "record": record, "untilDay": "2026-12-05", "reason": "等配件", "party": null }));
    page.told(json!({ "ask": "keep_unfinished", "form": "note", "typed": "{\"text\":\"电梯\"}" }));
    let act = json!({ "act": "set", "field": "location", "value": "3幢" });
    page.told(json!({ "ask": "edit", "record": record, "acts": [act], "party": null }));

    let mut samples = String::from(
        "// Real answers, written by client-core/web/tests/answers.rs. The compiler holds them against the page's types.\n\
         import type * as views from './views'\n\nexport const samples = {\n",
    );
    let of = |ask: &str| json!({ "ask": ask, "record": record });
    for (name, kind, request) in [
        ("me", "views.Me | null", json!({ "ask": "me" })),
        ("communities", "views.Community[]", json!({ "ask": "communities" })),
        ("status", "views.Status", json!({ "ask": "status" })),
        ("list", "views.ListedRecord[]", json!({ "ask": "list", "filter": { "kind": "rectification", "limit": 10 } })),
        ("read", "views.RecordView", of("read")),
        ("writers", "Record<string, views.Writer>", of("writers")),
        ("history", "views.HistoryEntry[]", of("history")),
        ("syncState", "views.SyncState", of("sync_state")),
        ("due", "views.Due[]", of("due")),
        ("overdue", "views.Overdue[]", json!({ "ask": "overdue", "community": null, "role": null, "party": null, "limit": 5 })),
        ("waiting", "views.ListedRecord[]", json!({ "ask": "waiting", "limit": 5 })),
        ("conflicts", "views.Conflict[]", json!({ "ask": "conflicts" })),
        ("tally", "views.Tally | null", json!({ "ask": "tally", "motion": record })),
        ("offers", "views.Offers[]", of("offers")),
        ("creatable", "Record<string, string[]>", json!({ "ask": "creatable", "community": community })),
        ("changedSince", "[string, number][]", json!({ "ask": "changed_since", "revision": 0, "limit": 5 })),
        ("drafts", "views.Draft[]", json!({ "ask": "drafts" })),
        ("unfinished", "views.Unfinished[]", json!({ "ask": "unfinished" })),
        ("schema", "views.Schema", json!({ "ask": "schema" })),
    ] {
        let told = serde_json::to_string(&page.told(request)).unwrap();
        writeln!(samples, "{name}: {told} satisfies {kind},").unwrap();
    }
    samples.push_str("}\n");

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../server/web/src/device/samples.ts");
    if std::env::var("RENOLOG_SAMPLES").is_ok_and(|wish| wish == "write") {
        std::fs::write(&path, samples).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(kept == samples, "answers have changed: renew them with RENOLOG_SAMPLES=write, and see what tsc says of them");
}

#[test]
fn what_a_page_may_not_do_is_said_in_words() {
    let mut page = Page::new();
    let community = page.community;
    let values = json!([["item", "safety"]]);
    let problem =
        page.asks(&json!({ "ask": "create", "community": community, "kind": "rectification", "values": values, "party": null }));
    let problem = problem.unwrap_err();
    assert_eq!((problem.code, problem.zh.as_str()), ("refused", "“位置”不能为空"));
    assert_eq!(problem.refusal.unwrap().code.as_str(), "needed");
    let nobody = "00000000-0000-0000-0000-000000000000";
    assert_eq!(page.asks(&json!({ "ask": "read", "record": nobody })).unwrap_err().code, "no_such_record");
    let problem = page.asks(&json!({ "ask": "invitation", "link": "https://log.example/enrol" })).unwrap_err();
    assert_eq!((problem.code, problem.zh.as_str()), ("bad_invitation", "缺少邀请码，链接可能不完整"));
    let typed =
        json!({ "ask": "typed", "community": community, "kind": "rectification", "field": "item", "part": null, "text": "安全" });
    assert_eq!(page.told(typed), json!("safety"));
}

#[test]
fn what_is_no_request_is_not_understood() {
    for nonsense in [
        json!({}),
        json!({ "delete": { "record": "00000000-0000-0000-0000-000000000000" } }),
        json!({ "read": { "record": "not an id" } }),
        json!({ "list": { "filter": { "colour": "red" } } }),
        json!({ "set": { "record": "00000000-0000-0000-0000-000000000000", "field": "Bad Name", "value": 1 } }),
    ] {
        assert!(serde_json::from_value::<Request>(nonsense.clone()).is_err(), "{nonsense}");
    }
    // Whoever wants all of them need not say so.
    assert!(serde_json::from_value::<Request>(json!({ "list": { "filter": {} } })).is_ok());
}
