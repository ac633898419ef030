//! A page in a browser, by hand: how it enrols, comes back, stays signed in and signs out. ARCHITECTURE.md says it in words.

use renolog_protocol::id::{ActorId, DeviceId};
use renolog_protocol::key::DeviceKey;
use renolog_protocol::time::SpanMs;
use renolog_protocol::wire::Ruling;
use renolog_server::clock::{Clock, MovedClock, SystemClock};
use renolog_tests::sockets::{Answer, Enrolled, InProcess, Opening, Peer, exchange, plain};
use serde_json::{Value, json};
use tempfile::TempDir;

const DAY: SpanMs = SpanMs::from_secs(86_400);

/// A browser with a page of the server open: it keeps the cookie and sends it with whatever the page asks.
struct Browser {
    _room: TempDir,
    server: InProcess,
    clock: MovedClock,
    cookie: Option<String>,
    who: Enrolled,
}

impl Browser {
    /// Opens the link of an invitation, makes a key and enrols.
    async fn enrolled() -> Self {
        let (room, clock) = (tempfile::tempdir().unwrap(), MovedClock::default());
        let opening = Opening { clock: clock.clone(), ..Opening::default() };
        let server = InProcess::open(&room.path().join("data"), opening).await;
        let office = server.office.clone();
        let invited = tokio::task::spawn_blocking(move || {
            office.add_community("desheng", "德胜新村");
            office.invite("desheng", "captain", "陈阿姨")
        });
        let code = invited.await.unwrap();
        let (key, device) = (DeviceKey::from_seed([7; 32]), DeviceId::from_parts(SystemClock.now(), [7; 10]));
        let public_key = data_encoding::HEXLOWER.encode(key.public().as_bytes());
        let body = json!({"device": device, "public_key": public_key, "device_name": "浏览器", "cookie": true});
        let asked = ["Content-Type: application/json", &format!("Authorization: Bearer {code}")];
        let answer = exchange(&mut plain(server.address).await, "POST /api/v1/enrol", &asked, &body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(!answer.body.contains("token"), "scripts are not told: {}", answer.body);
        let told: Value = serde_json::from_str(&answer.body).unwrap();
        let id = |value: &Value| value.as_str().unwrap().to_owned();
        let (person, community) = (id(&told["person"]).parse().unwrap(), id(&told["communities"][0]["id"]).parse().unwrap());
        let who = Enrolled { device, key, person, token: String::new(), community };
        let mut browser = Self { _room: room, server, clock, cookie: None, who };
        browser.keep(&answer);
        browser
    }

    fn keep(&mut self, answer: &Answer) {
        let Some(cookie) = answer.header("set-cookie") else { return };
        let pair = cookie.split(';').next().unwrap().to_owned();
        self.cookie = (!cookie.contains("Max-Age=0")).then_some(pair);
    }

    fn cookie(&self) -> String {
        self.cookie.clone().unwrap_or_default()
    }

    /// What the page asks for.
    async fn ask(&mut self, request: &str, body: &str) -> Answer {
        let cookie = format!("Cookie: {}", self.cookie());
        let headers = [&cookie, "Sec-Fetch-Site: same-origin", "Origin: http://localhost", "Content-Type: application/json"];
        let answer = exchange(&mut plain(self.server.address).await, request, &headers, body).await;
        self.keep(&answer);
        answer
    }

    async fn json(&mut self, request: &str, body: &str) -> Value {
        serde_json::from_str(&self.ask(request, body).await.body).unwrap()
    }

    /// A websocket as a browser opens it: it says where it is from, and sends the cookie; nothing else can be added.
    async fn connect(&self) -> (Peer, Option<String>) {
        let (cookie, origin) = (self.cookie(), self.server.office.base());
        let (mut peer, answer) = Peer::connect_with(&self.server.office, &[("Cookie", &cookie), ("Origin", origin)]).await;
        peer.welcomed(&self.who).await;
        (peer, answer.get("set-cookie").map(|cookie| cookie.to_str().unwrap().to_owned()))
    }

    /// Answers a challenge by the key.
    async fn sign_in(&mut self) -> Answer {
        let asked = self.json("GET /api/v1/sign-in", "").await;
        let challenge = asked["challenge"].as_str().unwrap();
        let signature = data_encoding::HEXLOWER.encode(&self.who.key.answer(self.who.device, challenge).0);
        let body = json!({"device": self.who.device, "challenge": challenge, "signature": signature, "cookie": true});
        self.ask("POST /api/v1/sign-in", &body.to_string()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_enrols_reads_and_writes_by_its_cookie_and_signs_out() {
    let mut browser = Browser::enrolled().await;
    let me = browser.json("GET /api/v1/me", "").await;
    assert_eq!((&me["name"], &me["administrator"], &me["operator"]), (&json!("陈阿姨"), &json!(false), &json!(false)));
    assert_eq!((&me["roles"][0]["slug"], &me["roles"][0]["role"]), (&json!("desheng"), &json!("captain")));
    assert_eq!(me["device"], json!(browser.who.device));

    let (mut line, renewed) = browser.connect().await;
    assert_eq!(renewed, None, "its token is fresh");
    let (record, change) = browser.who.rectification(ActorId([7; 16]), 1);
    let receipt = line.push(&browser.who.batch(1, browser.who.feed(), vec![(record, change)])).await;
    assert!(matches!(receipt.rulings[0].ruling, Ruling::Accepted(..)), "{receipt:?}");
    let shown = browser.ask(&format!("GET /api/v1/records/{record}"), "").await;
    assert_eq!((shown.status, shown.header("set-cookie")), (200, None));

    let out = browser.ask("POST /api/v1/sign-out", "").await;
    assert_eq!((out.status, &browser.cookie), (204, &None));
    assert_eq!(browser.ask("GET /api/v1/me", "").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_used_stays_signed_in_and_one_that_was_not_asks_its_key() {
    let mut browser = Browser::enrolled().await;
    let (began, first) = (SystemClock.now(), browser.cookie());
    browser.clock.jump_to(began + DAY + DAY);
    let (_line, renewed) = browser.connect().await;
    let renewed = renewed.expect("with the answer to the upgrade");
    for flag in ["; HttpOnly", "; SameSite=Strict", "; Path=/api"] {
        assert!(renewed.contains(flag), "{renewed}");
    }
    assert_eq!(browser.ask("GET /api/v1/communities", "").await.status, 200);
    assert_ne!(browser.cookie(), first, "and with any other answer");

    browser.clock.jump_to(began + SpanMs(20 * DAY.0));
    // What a browser does not tell of a websocket that failed, a plain question at the same address does.
    for request in ["GET /api/v1/sync", "GET /api/v1/me"] {
        let answer = browser.ask(request, "").await;
        assert!(answer.status == 401 && answer.body.contains("token_expired"), "{answer:?}");
    }
    assert_eq!(browser.sign_in().await.status, 200);
    assert_eq!(browser.ask("GET /api/v1/me", "").await.status, 200);
    assert_eq!(browser.ask("GET /api/v1/sync", "").await.status, 400, "past the door; a websocket was expected");
    browser.connect().await;
}
