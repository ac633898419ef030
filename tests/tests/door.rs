//! The door, on real sockets: encryption, proxies, and what it does with those who come too often, too many, or never say
//! what they want.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use renolog_client_core::{AskError, Device, DeviceError, Settings};
use renolog_protocol::id::ActorId;
use renolog_protocol::schema::{FieldName, KindName, Value};
use renolog_protocol::time::SpanMs;
use renolog_protocol::wire::{Frame, Ping, Push};
use renolog_server::cli::{self, Cli};
use renolog_server::door::{Certificate, CertificateError};
use renolog_server::gate::Proxies;
use renolog_server::limits::{Limits, Rate};
use renolog_tests::sockets::{Answer, Authority, Enrolled, InProcess, Killable, Office, Opening, Peer, exchange, plain, shown};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const NEVER: SpanMs = SpanMs::from_secs(1_000_000);

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("it returns")
}

async fn open(opening: Opening) -> (TempDir, InProcess) {
    let directory = tempfile::tempdir().expect("a directory");
    let server = InProcess::open(&directory.path().join("data"), opening).await;
    (directory, server)
}

async fn limited(limits: Limits) -> (TempDir, InProcess) {
    open(Opening { limits, ..Opening::default() }).await
}

/// This machine is a proxy that is believed.
fn behind_a_proxy() -> Proxies {
    Proxies::new(vec!["127.0.0.1".parse().expect("an address")])
}

async fn invited(office: &Office, name: &'static str) -> String {
    let office = office.clone();
    blocking(move || {
        if office.get("/api/v1/communities/desheng").0 != 200 {
            office.add_community("desheng", "德胜新村");
        }
        office.invite("desheng", "captain", name)
    })
    .await
}

async fn enrolled(office: &Office) -> Enrolled {
    let (code, office) = (invited(office, "陈阿姨").await, office.clone());
    blocking(move || Enrolled::with_code(&office, &code, 1)).await
}

/// A phone that trusts an authority of our own.
fn phone(path: &Path, root: Option<String>) -> Device {
    Device::open_with(path, Settings { roots: root, ..Settings::default() }).expect("a device")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_syncs_over_tls() {
    let (authority, directory) = (Authority::default(), tempfile::tempdir().expect("a directory"));
    let certificate = Certificate::load(authority.issue_to(directory.path())).expect("it is whole");
    let (_data, server) = open(Opening { certificate: Some(Arc::new(certificate)), ..Opening::default() }).await;
    assert_ne!(server.office.base(), format!("http://{}", server.address), "the operator has a door of its own");
    let url = format!("https://localhost:{}", server.address.port());

    let stranger = phone(&directory.path().join("stranger"), None);
    let told =
        stranger.enrol(&url, &invited(&server.office, "刘叔").await, "手机").await.expect_err("it knows no such authority");
    assert!(matches!(told, DeviceError::Enrol(AskError::Unreachable(_))), "{told}");

    let chen = phone(&directory.path().join("chen"), Some(authority.root()));
    let enrolment = chen.enrol(&url, &invited(&server.office, "陈阿姨").await, "手机").await.expect("the code is good");
    chen.start().expect("it is enrolled");
    chen.settled().await.expect("it connects");
    let field = |name| FieldName::parse(name).expect("a field");
    let values = vec![(field("item"), Value::from("safety")), (field("location"), Value::from("3幢2单元"))];
    let kind = KindName::parse("rectification").expect("a kind");
    chen.create(enrolment.communities[0].id, &kind, values).expect("she may");
    chen.settled().await.expect("it is acknowledged");
    assert_eq!(chen.status().expect("a status").unsent, 0);
    chen.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections() {
    let (authority, directory) = (Authority::default(), tempfile::tempdir().expect("a directory"));
    let files = authority.issue_to(directory.path());
    let certificate = Arc::new(Certificate::load(files.clone()).expect("it is whole"));
    let (_data, server) = open(Opening { certificate: Some(certificate.clone()), ..Opening::default() }).await;
    let mut standing = authority.connect(server.address).await;
    assert_eq!(exchange(&mut standing, "GET /healthz", &[], "").await.status, 200);

    let (renewed, key) = authority.issue();
    std::fs::write(&files.certificate, renewed).expect("a file");
    assert!(matches!(certificate.reload(), Err(CertificateError::Mismatch(_))), "the key is still the old one's");
    let mut meanwhile = authority.connect(server.address).await;
    assert_eq!(shown(&meanwhile), shown(&standing), "half a renewal changes nothing");

    std::fs::write(&files.key, key).expect("a file");
    certificate.reload().expect("now it is whole");
    let mut after = authority.connect(server.address).await;
    assert_ne!(shown(&after), shown(&standing));
    for stream in [&mut standing, &mut meanwhile, &mut after] {
        assert_eq!(exchange(stream, "GET /healthz", &[], "").await.status, 200, "every connection goes on");
    }
    drop((standing, meanwhile, after));
    server.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_reads_its_certificate_again_when_told() {
    let (authority, directory) = (Authority::default(), tempfile::tempdir().expect("a directory"));
    let files = authority.issue_to(directory.path());
    let words = ["--tls-cert", files.certificate.to_str().expect("text"), "--tls-key", files.key.to_str().expect("text")];
    let (data, words) = (directory.path().join("data"), words.map(str::to_owned));
    let server = blocking(move || Killable::start_with(&data, &words.each_ref().map(String::as_str))).await;
    let office = server.office.clone();
    blocking(move || office.add_community("desheng", "德胜新村")).await;

    let first = shown(&authority.connect(server.address).await);
    authority.issue_to(directory.path());
    server.hang_up();
    while shown(&authority.connect(server.address).await) == first {}
}

#[test]
fn plain_text_for_everyone_is_refused_with_words() {
    use clap::Parser;
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().to_str().expect("text");
    let serve = ["renolog", "serve", "--data", data, "--listen", "0.0.0.0:0"];
    let told = cli::run(Cli::parse_from(serve)).expect_err("anyone could read it").to_string();
    for words in ["other machines", "--tls-cert", "--plain-text-to-the-network", "127.0.0.1"] {
        assert!(told.contains(words), "{told}");
    }
    let key = directory.path().join("key.pem");
    std::fs::write(&key, Authority::default().issue().1).expect("a file");
    let key = key.to_str().expect("text");
    let told = cli::run(Cli::parse_from(serve.into_iter().chain(["--tls-cert", key, "--tls-key", key])));
    assert!(told.expect_err("it is no certificate").to_string().contains("holds no certificate"));
}

/// Somebody tries a code that is none, by way of a proxy or not.
async fn guess(server: &InProcess, headers: &[&str]) -> Answer {
    let headers: Vec<&str> = headers.iter().copied().chain(["Authorization: Bearer AAAA-AAAA"]).collect();
    exchange(&mut plain(server.address).await, "POST /api/v1/enrol", &headers, "{}").await
}

const FEW_ATTEMPTS: Rate = Rate { burst: 3, every: NEVER };

#[tokio::test]
async fn who_guesses_too_often_waits_and_nobody_else() {
    let limits = Limits { attempts: FEW_ATTEMPTS, ..Limits::default() };
    let (_data, server) = open(Opening { limits, proxies: behind_a_proxy(), ..Opening::default() }).await;
    for _ in 0..3 {
        assert_eq!(guess(&server, &["X-Forwarded-For: 198.51.100.1"]).await.status, 400);
    }
    let refused = guess(&server, &["X-Forwarded-For: 198.51.100.1"]).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1000000")));
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    assert!(refused.body.contains(r#""code":"too_many_requests""#), "{}", refused.body);
    // The standard's header says the same; what stands left of the client is its own.
    assert_eq!(guess(&server, &["Forwarded: for=198.51.100.7, for=198.51.100.1"]).await.status, 429);
    assert_eq!(guess(&server, &["X-Forwarded-For: 198.51.100.2"]).await.status, 400);
    // What is good does not count, however often.
    for seed in 1..=5 {
        let (code, office) = (invited(&server.office, "刘叔").await, server.office.clone());
        blocking(move || Enrolled::with_code(&office, &code, seed)).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn who_is_no_proxy_speaks_for_nobody() {
    let (_data, server) = limited(Limits { attempts: FEW_ATTEMPTS, ..Limits::default() }).await;
    let mut statuses = Vec::new();
    for number in 1..=4 {
        let forged = [format!("X-Forwarded-For: 198.51.100.{number}"), format!("Forwarded: for=198.51.100.{number}")];
        statuses.push(guess(&server, &forged.each_ref().map(String::as_str)).await.status);
    }
    assert_eq!(statuses, [400, 400, 400, 429]);
    server.stop().await;
}

#[tokio::test]
async fn a_good_token_passes_whatever_others_bring() {
    let (_data, server) = limited(Limits { failures: FEW_ATTEMPTS, ..Limits::default() }).await;
    let good = format!("Authorization: Bearer {}", server.office.token());
    let mut stream = plain(server.address).await;
    let mut statuses = Vec::new();
    for token in ["Authorization: Bearer stale", &good].into_iter().cycle().take(10) {
        statuses.push(exchange(&mut stream, "GET /api/v1/communities", &[token], "").await.status);
    }
    assert_eq!(statuses, [401, 200, 401, 200, 401, 200, 429, 200, 429, 200]);
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do() {
    let (_data, server) = open(Opening { proxies: behind_a_proxy(), ..Opening::default() }).await;
    let mut stream = plain(server.address).await;
    for (path, status) in [("/healthz", 200), ("/api/v1/communities", 401), ("/nothing", 404)] {
        let answer = exchange(&mut stream, &format!("GET {path}"), &[], "").await;
        assert_eq!(answer.status, status);
        assert!(answer.header("content-security-policy").is_some_and(|policy| policy.contains("frame-ancestors 'none'")));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("strict-transport-security"), None, "not to be promised in plain text");
    }
    let forwarded = ["X-Forwarded-For: 198.51.100.1", "X-Forwarded-Proto: https"];
    let answer = exchange(&mut stream, "GET /healthz", &forwarded, "").await;
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
    let answer = exchange(&mut stream, "POST /api/v1/enrol", &["Authorization: Bearer A"], &"x".repeat(1 << 21)).await;
    assert!(answer.status == 413 && answer.body.contains("too_large"), "{answer:?}");
    drop(stream);
    server.stop().await;
}

/// Whether somebody who comes is served.
async fn is_served(server: &InProcess) -> bool {
    exchange(&mut plain(server.address).await, "GET /healthz", &["Connection: close"], "").await.status == 200
}

#[tokio::test]
async fn too_many_from_one_address_and_not_for_ever() {
    let (_data, server) = limited(Limits { connections_per_address: 2, ..Limits::default() }).await;
    let who = enrolled(&server.office).await;
    // The test's own first steps may still be leaving.
    let mut idle = plain(server.address).await;
    while exchange(&mut idle, "GET /healthz", &[], "").await.status != 200 {
        idle = plain(server.address).await;
    }
    let mut live = plain(server.address).await;
    while websocket(&mut live, &who, "X-Anything: at all").await.status != 101 {
        live = plain(server.address).await;
    }
    assert!(!is_served(&server).await, "two are enough");
    drop(live);
    while !is_served(&server).await {}
    drop(idle);
    server.stop().await;
}

/// Asks for a websocket in somebody's name.
async fn websocket(stream: &mut tokio::net::TcpStream, who: &Enrolled, forwarded: &str) -> Answer {
    let token = format!("Authorization: Bearer {}", who.token);
    let upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
    let more = ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: renolog.v1", &token, forwarded];
    let headers: Vec<&str> = upgrade.into_iter().chain(more).collect();
    exchange(stream, "GET /api/v1/sync", &headers, "").await
}

#[tokio::test]
async fn what_a_proxy_brings_is_counted_by_whom_it_brings() {
    let limits = Limits { connections_per_address: 1, ..Limits::default() };
    let (_data, server) = open(Opening { limits, proxies: behind_a_proxy(), ..Opening::default() }).await;
    let who = enrolled(&server.office).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(plain(server.address).await);
    }
    let (first, second) = ("X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 198.51.100.2");
    assert_eq!(websocket(&mut streams[0], &who, first).await.status, 101);
    let refused = websocket(&mut streams[1], &who, first).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("30")));
    assert_eq!(websocket(&mut streams[2], &who, second).await.status, 101);
    drop(streams.remove(0));
    while websocket(&mut streams[0], &who, first).await.status == 429 {}
    drop(streams);
    server.stop().await;
}

#[tokio::test]
async fn who_never_says_what_they_want_is_let_go() {
    let (authority, directory) = (Authority::default(), tempfile::tempdir().expect("a directory"));
    let limits = Limits {
        connections_per_address: 1,
        handshake_within: Duration::from_millis(50),
        header_within: Duration::from_millis(50),
        ..Limits::default()
    };
    let certificate = Certificate::load(authority.issue_to(directory.path())).expect("it is whole");
    let certificate = Some(Arc::new(certificate));
    let (_data, encrypted) = open(Opening { limits: limits.clone(), certificate, ..Opening::default() }).await;
    let (_other, open) = limited(limits).await;
    // The first bytes of a handshake, and of a request; and nothing at all.
    for (server, begun) in [(&encrypted, "\x16\x03\x01"), (&encrypted, ""), (&open, "GET /healthz HT"), (&open, "")] {
        let mut stream = plain(server.address).await;
        stream.write_all(begun.as_bytes()).await.expect("somebody is there");
        drop(stream.read_to_end(&mut Vec::new()).await);
    }
    // One that was answered, and asks nothing more.
    let mut idle = plain(open.address).await;
    while exchange(&mut idle, "GET /healthz", &[], "").await.status != 200 {
        idle = plain(open.address).await;
    }
    assert_eq!(idle.read(&mut [0; 8]).await.expect("an orderly end"), 0);
    while !is_served(&open).await {}
    encrypted.stop().await;
    open.stop().await;
}

#[tokio::test]
async fn who_never_says_hello_is_let_go() {
    let (_data, server) = limited(Limits { hello_within: Duration::from_millis(50), ..Limits::default() }).await;
    let who = enrolled(&server.office).await;
    let mut silent = Peer::connect(&server.office, &who).await;
    assert_eq!(silent.farewell().await.code, "misbehaved");
    server.stop().await;
}

#[tokio::test]
async fn a_device_keeps_its_newest_connections() {
    let (_data, server) =
        limited(Limits { connections_per_device: NonZeroUsize::new(2).expect("some"), ..Limits::default() }).await;
    let who = enrolled(&server.office).await;
    let mut oldest = Peer::greet(&server.office, &who).await;
    let mut others = [Peer::greet(&server.office, &who).await, Peer::greet(&server.office, &who).await];
    assert_eq!(oldest.farewell().await.code, "busy");
    for peer in &mut others {
        peer.say(Ping { number: 7 }).await;
        peer.until(|frame| matches!(frame, Frame::Pong(pong) if pong.number == 7)).await;
    }
    drop(others);
    server.stop().await;
}

#[tokio::test]
async fn who_pushes_too_fast_waits_for_the_receipt() {
    let (_data, server) = limited(Limits { pushes: Rate { burst: 1, every: NEVER }, ..Limits::default() }).await;
    let who = enrolled(&server.office).await;
    let mut peer = Peer::greet(&server.office, &who).await;
    let batch = |number| {
        let (record, change) = who.rectification(ActorId([number; 16]), number);
        who.batch(number.into(), who.feed(), vec![(record, change)])
    };
    peer.push(&batch(1)).await;
    peer.say(Push { batch: batch(2).to_raw() }).await;
    // The connection goes on, and others push as ever.
    for number in 0..20 {
        peer.say(Ping { number }).await;
        let next = peer.until(|frame| matches!(frame, Frame::Pong(_) | Frame::Receipt(_))).await;
        assert!(matches!(next, Frame::Pong(_)), "{next:?}");
    }
    drop(peer);
    server.stop().await;
}

#[tokio::test]
async fn a_cookie_is_of_use_to_the_page_itself_only() {
    let (_data, server) = open(Opening { proxies: behind_a_proxy(), ..Opening::default() }).await;
    let code = invited(&server.office, "陈阿姨").await;
    let office = server.office.clone();
    let chen = blocking(move || Enrolled::with_code(&office, &code, 7)).await;
    let mut stream = plain(server.address).await;
    let json = "Content-Type: application/json";

    // By a key, as a browser that has been here before.
    let asked = exchange(&mut stream, "GET /api/v1/sign-in", &[], "").await.body;
    let challenge = asked.split('"').nth(3).expect("a challenge");
    let signature: String = chen.key.answer(chen.device, challenge).0.iter().map(|byte| format!("{byte:02x}")).collect();
    let (device, answer) = (chen.device, r#""cookie":true"#);
    let body = format!(r#"{{"device":"{device}","challenge":"{challenge}","signature":"{signature}",{answer}}}"#);
    let over_tls = ["X-Forwarded-For: 198.51.100.1", "X-Forwarded-Proto: https", json];
    let given = exchange(&mut stream, "POST /api/v1/sign-in", &over_tls, &body).await;
    let cookie = given.header("set-cookie").expect("a cookie").to_owned();
    for flag in ["; HttpOnly", "; SameSite=Strict", "; Secure", "; Path=/api", "; Max-Age="] {
        assert!(cookie.contains(flag), "{cookie}");
    }
    assert!(!given.body.contains("token"), "scripts are not told: {}", given.body);

    let cookie = format!("Cookie: {}", cookie.split(';').next().expect("a name and a value"));
    let upgrade =
        ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="];
    let websocket = |origin: &'static str| [&upgrade[..], &[origin, "Sec-WebSocket-Protocol: renolog.v1"]].concat();
    for (request, headers, status) in [
        ("GET /api/v1/communities", vec![], 200),
        ("GET /api/v1/communities", vec!["Sec-Fetch-Site: same-origin"], 200),
        ("GET /api/v1/communities", vec!["Sec-Fetch-Site: cross-site"], 403),
        ("GET /api/v1/communities", vec!["Origin: http://elsewhere.example"], 403),
        ("POST /api/v1/admin/tokens", vec![json], 403),
        ("POST /api/v1/admin/tokens", vec![json, "Origin: http://elsewhere.example"], 403),
        ("GET /api/v1/sync", websocket("Origin: http://elsewhere.example"), 403),
        ("GET /api/v1/sync", websocket("Origin: http://localhost"), 101),
    ] {
        let mut stream = plain(server.address).await;
        let answer = exchange(&mut stream, request, &[&headers[..], &[cookie.as_str()]].concat(), "{}").await;
        assert_eq!(answer.status, status, "{request} {headers:?}: {}", answer.body);
    }
    drop(stream);
    server.stop().await;
}
