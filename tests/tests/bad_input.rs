//! What a server makes of everything that it should not be sent: a typed answer, nothing stored, and nobody else any the
//! worse for it.

use std::path::Path;
use std::sync::Arc;

use automerge::transaction::{CommitOptions, Transactable};
use renolog_protocol::change::Change;
use renolog_protocol::id::{ActorId, Audience, CommunityId, DeviceId, FeedId, RecordId};
use renolog_protocol::limits;
use renolog_protocol::refusal::Code;
use renolog_protocol::schema::Schema;
use renolog_protocol::time::UnixMs;
use renolog_protocol::wire::{Frame, Ping, Push, Ruling};
use renolog_server::app::{App, StartError};
use renolog_server::clock::SystemClock;
use renolog_server::command::{Command, Guest, Invite};
use renolog_server::data_dir::{self, DataDir, DataDirError};
use renolog_server::secret;
use renolog_server::serve::{self, ServeError};
use renolog_server::store::{Dumped, OpenError, dump};
use renolog_tests::sockets::{Enrolled, InProcess, Office, Peer, request};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// A server, two people on it, and what its store held when they had arrived.
struct House {
    directory: tempfile::TempDir,
    server: InProcess,
    chen: Enrolled,
    liu: Enrolled,
    before: Vec<Dumped>,
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("it returns")
}

impl House {
    async fn open() -> Self {
        Self::open_with(None).await
    }

    async fn open_with(max_store_bytes: Option<u64>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let server = InProcess::start(directory.path(), max_store_bytes).await;
        let office = server.office.clone();
        let (chen, liu) = blocking(move || {
            office.add_community("desheng", "德胜新村");
            let enrol = |name, seed| Enrolled::with_code(&office, &office.invite("desheng", "captain", name), seed);
            (enrol("陈阿姨", 1), enrol("刘叔", 2))
        })
        .await;
        let before = tables(directory.path());
        Self { directory, server, chen, liu, before }
    }

    fn office(&self) -> &Office {
        &self.server.office
    }

    async fn peer(&self) -> Peer {
        Peer::greet(self.office(), &self.chen).await
    }

    /// Nothing was stored, and someone else's session on the same server goes on.
    async fn none_the_worse(self, mut other: Peer) {
        assert_eq!(tables(self.directory.path()), self.before, "nothing was stored");
        other.say(Ping { number: 7 }).await;
        other.until(|frame| matches!(frame, Frame::Pong(pong) if pong.number == 7)).await;
        let (record, change) = self.liu.rectification(ActorId([22; 16]), 9);
        let receipt = other.push(&self.liu.batch(1, self.liu.feed(), vec![(record, change)])).await;
        assert!(matches!(receipt.rulings[0].ruling, Ruling::Accepted(..)), "{receipt:?}");
        self.server.stop().await;
    }
}

fn tables(data: &Path) -> Vec<Dumped> {
    dump(&data_dir::reader(data).expect("the database")).expect("every table")
}

/// What a peer is told after it has sent these bytes.
async fn farewell_after(bytes: Vec<u8>) -> String {
    let house = House::open().await;
    let other = Peer::greet(house.office(), &house.liu).await;
    let mut peer = house.peer().await;
    peer.bytes(bytes).await;
    let code = peer.farewell().await.code;
    house.none_the_worse(other).await;
    code
}

#[tokio::test]
async fn truncated_cbor() {
    let whole = Frame::from(Ping { number: 1_000_000 }).encode();
    assert_eq!(farewell_after(whole[..whole.len() - 1].to_vec()).await, "bad_frame");
}

#[tokio::test]
async fn a_frame_too_long() {
    assert_eq!(farewell_after(vec![0; limits::FRAME_BYTES + 1]).await, "bad_frame");
}

#[tokio::test]
async fn text_where_frames_are_binary() {
    let house = House::open().await;
    let other = Peer::greet(house.office(), &house.liu).await;
    let mut peer = house.peer().await;
    peer.message(Message::text("hello")).await;
    assert_eq!(peer.farewell().await.code, "bad_frame");
    house.none_the_worse(other).await;
}

#[tokio::test]
async fn a_frame_out_of_turn() {
    assert_eq!(farewell_after(Frame::from(renolog_protocol::wire::Pong { number: 1 }).encode()).await, "misbehaved");
}

#[tokio::test]
async fn an_unknown_kind_is_named_and_the_connection_goes_on() {
    let house = House::open().await;
    let other = Peer::greet(house.office(), &house.liu).await;
    let mut peer = house.peer().await;
    peer.say(Frame::Unknown(99)).await;
    peer.until(|frame| matches!(frame, Frame::Sorry(sorry) if sorry.kind == 99)).await;
    peer.say(Ping { number: 3 }).await;
    peer.until(|frame| matches!(frame, Frame::Pong(pong) if pong.number == 3)).await;
    house.none_the_worse(other).await;
}

/// Pushes what `spoil` makes of a good batch; the code of the farewell.
async fn spoilt(spoil: impl FnOnce(&House, &mut Push)) -> String {
    let house = House::open().await;
    let other = Peer::greet(house.office(), &house.liu).await;
    let (record, change) = house.chen.rectification(ActorId([11; 16]), 1);
    let mut push = Push { batch: house.chen.batch(1, house.chen.feed(), vec![(record, change)]).to_raw() };
    spoil(&house, &mut push);
    let mut peer = house.peer().await;
    peer.say(push).await;
    let code = peer.farewell().await.code;
    house.none_the_worse(other).await;
    code
}

#[tokio::test]
async fn a_wrong_signature() {
    assert_eq!(spoilt(|_, push| push.batch.signature.0[5] ^= 1).await, "bad_batch");
    assert_eq!(spoilt(|_, push| push.batch.number += 1).await, "bad_batch", "the number is signed too");
    assert_eq!(spoilt(|house, push| push.batch.device = house.liu.device).await, "bad_batch", "so is the device");
}

#[tokio::test]
async fn a_stranger() {
    let stranger = DeviceId::from_parts(UnixMs(0), [77; 10]);
    assert_eq!(spoilt(|_, push| push.batch.device = stranger).await, "unknown_device");
}

#[tokio::test]
async fn chunks_that_are_no_plain_change() {
    let with_bytes = |bytes: Vec<u8>| {
        spoilt(move |_, push| {
            let mut changes: Vec<_> = push.batch.changes.to_vec();
            changes[0].bytes = bytes;
            push.batch.changes = changes.try_into().expect("one");
        })
    };
    let mut document = automerge::Automerge::new();
    let mut tx = document.transaction();
    tx.put(automerge::ROOT, "text", "x".repeat(4000)).expect("text");
    tx.commit_with(CommitOptions::default().with_message("volunteers"));
    let mut change = document.get_last_local_change().expect("a change");
    for (what, bytes) in [
        ("a document", document.save()),
        ("a compressed change", change.bytes().to_vec()),
        ("half a change", change.raw_bytes()[..100].to_vec()),
        ("nothing", Vec::new()),
        ("noise", vec![0xff; 300]),
    ] {
        assert_eq!(with_bytes(bytes).await, "bad_batch", "{what}");
    }
}

#[tokio::test]
async fn an_unknown_community() {
    let house = House::open().await;
    let other = Peer::greet(house.office(), &house.liu).await;
    let nowhere = FeedId { community: CommunityId::from_parts(UnixMs(0), [5; 10]), audience: Audience::Open };
    let (record, change) = house.chen.rectification(ActorId([11; 16]), 1);
    let mut peer = house.peer().await;
    peer.say(Push { batch: house.chen.batch(1, nowhere, vec![(record, change)]).to_raw() }).await;
    assert_eq!(peer.farewell().await.code, "unknown_community");
    house.none_the_worse(other).await;
}

/// These are well-formed and signed, so they are judged: refused with a code, kept in quarantine, and in no record.
#[tokio::test]
async fn well_formed_and_hostile() {
    let house = House::open().await;
    let mut liu = Peer::greet(house.office(), &house.liu).await;
    let mut chen = house.peer().await;
    let (record, change) = house.chen.rectification(ActorId([11; 16]), 1);
    chen.push(&house.chen.batch(1, house.chen.feed(), vec![(record, change.clone())])).await;

    // Liu signs a change by Chen's actor.
    let (another, foreign) = house.liu.rectification(ActorId([11; 16]), 2);
    let receipt = liu.push(&house.liu.batch(1, house.liu.feed(), vec![(another, foreign)])).await;
    let Ruling::Refused(refusal) = &receipt.rulings[0].ruling else { panic!("{receipt:?}") };
    assert_eq!(refusal.code, Code::ForeignActor);

    // Chen's own phone deletes a field and retypes another: a valid chunk that no device of ours writes.
    for (number, code, hostile) in [(2, Code::Deletes, deleting(&change)), (3, Code::TooDeep, nesting(&change))] {
        let receipt = chen.push(&house.chen.batch(number, house.chen.feed(), vec![(record, hostile)])).await;
        let Ruling::Refused(refusal) = &receipt.rulings[0].ruling else { panic!("{receipt:?}") };
        assert_eq!(refusal.code, code);
    }
    let office = house.office().clone();
    let (status, shown) = blocking(move || office.get(&format!("/api/v1/records/{record}"))).await;
    assert_eq!((status, &shown["heads"]), (200, &json!([change.hash()])), "the record is as it was");
    let office = house.office().clone();
    let (_, refused) = blocking(move || office.get("/api/v1/communities/desheng/refused")).await;
    assert_eq!(refused["items"].as_array().map(Vec::len), Some(3), "{refused}");
    house.server.stop().await;
}

/// A document that holds `change`, for a hostile hand to go on in with the same phone's other actor.
fn opened(change: &Change) -> automerge::Automerge {
    let mut document = automerge::Automerge::new().with_actor(automerge::ActorId::from([12; 16]));
    let raw = automerge::Change::from_bytes(change.bytes().to_vec()).expect("a change");
    document.apply_changes([raw]).expect("it fits");
    document
}

fn fields(document: &automerge::Automerge) -> automerge::ObjId {
    automerge::ReadDoc::get(document, automerge::ROOT, "fields").expect("readable").expect("a map").1
}

fn committed(mut document: automerge::Automerge, work: impl FnOnce(&mut automerge::transaction::Transaction<'_>)) -> Change {
    let mut tx = document.transaction();
    work(&mut tx);
    tx.commit_with(CommitOptions::default().with_message("volunteers").with_time(1));
    Change::parse(document.get_last_local_change().expect("a change").raw_bytes()).expect("well-formed")
}

fn deleting(change: &Change) -> Change {
    let document = opened(change);
    let fields = fields(&document);
    committed(document, |tx| tx.delete(&fields, "location").expect("it is there"))
}

fn nesting(change: &Change) -> Change {
    let document = opened(change);
    let mut inside = fields(&document);
    committed(document, |tx| {
        for _ in 0..1000 {
            inside = tx.put_object(&inside, "deeper", automerge::ObjType::Map).expect("a map");
        }
    })
}

#[tokio::test]
async fn one_time_codes() {
    let house = House::open().await;
    let office = house.office().clone();
    let expired = secret::new_code();
    let (code_hash, guest) = (secret::code_hash(&expired), Guest::New("何婶".into()));
    let invite = Invite { code_hash, guest, duty: None, administrator: true, expires: UnixMs(0) };
    house.server.app.writer.submit(Command::Invite(invite)).await.expect("it is written down");
    let answers = blocking(move || {
        let url = format!("{}/api/v1/enrol", office.base());
        let key = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29";
        let body = |device: DeviceId| json!({"device": device, "public_key": key, "device_name": "x"});
        let device = |seed| DeviceId::from_parts(UnixMs(0), [seed; 10]);
        let used = office.invite("desheng", "captain", "何婶");
        assert_eq!(request("POST", &url, Some(&used), Some(&body(device(31)))).0, 200);
        [
            request("POST", &url, Some("AAAA-BBBB-CCCC-DDDD"), Some(&body(device(32)))),
            request("POST", &url, Some(&expired), Some(&body(device(32)))),
            request("POST", &url, Some(&used), Some(&body(device(32)))),
            request("POST", &url, None, Some(&body(device(32)))),
            request("POST", &url, Some(&used), Some(&json!({"device": "me"}))),
            request("POST", &url, Some(&used), Some(&json!({"device": device(32), "public_key": "00", "device_name": ""}))),
        ]
    });
    let told: Vec<(u16, String)> =
        answers.await.into_iter().map(|(status, body)| (status, body["code"].as_str().unwrap_or_default().to_owned())).collect();
    let expected = [
        (401, "unknown_code"),
        (410, "expired_code"),
        (409, "used_code"),
        (401, "unauthorized"),
        (400, "bad_request"),
        (400, "bad_request"),
    ];
    assert_eq!(told, expected.map(|(status, code)| (status, code.to_owned())));
    house.server.stop().await;
}

#[tokio::test]
async fn every_route_needs_a_token() {
    let house = House::open().await;
    let base = house.office().base().to_owned();
    let routes = [
        ("GET", "/api/v1/communities"),
        ("POST", "/api/v1/admin/communities"),
        ("GET", "/api/v1/communities/desheng"),
        ("GET", "/api/v1/communities/desheng/records"),
        ("GET", "/api/v1/communities/desheng/history"),
        ("GET", "/api/v1/communities/desheng/refused"),
        ("GET", "/api/v1/communities/desheng/conflicts"),
        ("GET", "/api/v1/communities/desheng/overdue"),
        ("GET", "/api/v1/overdue"),
        ("GET", "/api/v1/figures"),
        ("GET", "/api/v1/figures/communities_planned/records"),
        ("GET", "/api/v1/refused/8d12cf9f8d12cf9f8d12cf9f8d12cf9f8d12cf9f8d12cf9f8d12cf9f8d12cf9f"),
        ("POST", "/api/v1/refused/8d12cf9f8d12cf9f8d12cf9f8d12cf9f8d12cf9f8d12cf9f8d12cf9f8d12cf9f"),
        ("GET", "/api/v1/records/018bcfe5-6800-7707-8707-070707070707/tally"),
        ("GET", "/api/v1/records/018bcfe5-6800-7707-8707-070707070707"),
        ("GET", "/api/v1/records/018bcfe5-6800-7707-8707-070707070707/history"),
        ("POST", "/api/v1/admin/invites"),
        ("POST", "/api/v1/admin/tokens"),
        ("POST", "/api/v1/enrol"),
        ("GET", "/api/v1/sync"),
        ("POST", "/api/v1/sync"),
    ];
    blocking(move || {
        for (method, path) in routes {
            for token in [None, Some("not-a-token")] {
                // A made-up token is a made-up one-time code to the one route that takes those.
                let body =
                    json!({"device": DeviceId::from_parts(UnixMs(0), [1; 10]), "public_key": "0".repeat(64), "device_name": ""});
                let (status, problem) = request(method, &format!("{base}{path}"), token, (method == "POST").then_some(&body));
                let refused = status == 401 || (path == "/api/v1/enrol" && token.is_some() && status == 400);
                assert!(refused, "{method} {path} with {token:?}: {status} {problem}");
                assert!(problem["code"].is_string() && problem["zh"].is_string(), "{problem}");
            }
        }
        assert_eq!(request("GET", &format!("{base}/healthz"), None, None).0, 200);
    })
    .await;
    house.server.stop().await;
}

#[tokio::test]
async fn problems_say_that_they_are_problems() {
    let house = House::open().await;
    let office = house.office().clone();
    let answers = blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let asked = |path: &str| {
            let url = format!("{}{path}", office.base());
            let answer = agent.get(url).header("Authorization", format!("Bearer {}", office.token())).call().expect("an answer");
            (answer.status().as_u16(), answer.headers()["content-type"].to_str().expect("text").to_owned())
        };
        [
            "/api/v1/nothing",
            "/api/v1/records/nonsense",
            "/api/v1/refused/12",
            "/api/v1/communities/desheng/records?limit=many",
            "/api/v1/communities/desheng/history?after=yesterday",
            "/api/v1/overdue?after=yesterday",
            "/api/v1/communities/nowhere",
            "/api/v1/admin/tokens/revoke",
        ]
        .map(asked)
    });
    let problem = |status: u16| (status, "application/problem+json".to_owned());
    assert_eq!(answers.await, [404, 400, 400, 400, 400, 400, 404, 405].map(problem));
    house.server.stop().await;
}

#[tokio::test]
async fn a_second_server_on_the_same_directory() {
    let house = House::open().await;
    let other = Peer::greet(house.office(), &house.liu).await;
    assert!(matches!(DataDir::hold(house.directory.path()), Err(DataDirError::InUse(_))));
    house.none_the_worse(other).await;
}

#[test]
fn a_directory_of_a_newer_build() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = || {
        let data = DataDir::hold(directory.path()).expect("it is free");
        App::start(data, Schema::built_in(), Arc::new(SystemClock), None).map(drop)
    };
    start().expect("a new directory");
    let database = data_dir::database(directory.path());
    rusqlite::Connection::open(&database).expect("it is there").pragma_update(None, "user_version", 999).expect("it is ours");
    let before = std::fs::read(&database).expect("it is there");
    let told = start().expect_err("it is newer");
    assert!(matches!(told, StartError::DataDir(DataDirError::Store(OpenError::Newer { found: 999, .. }))), "{told}");
    assert_eq!(std::fs::read(&database).expect("it is there"), before);
}

#[tokio::test]
async fn a_port_in_use_and_an_address_for_everyone() {
    let taken = serve::listen("127.0.0.1:0".parse().expect("an address"), false).await.expect("a free port");
    let address = taken.local_addr().expect("it is bound");
    assert!(matches!(serve::listen(address, false).await, Err(ServeError::Listen { .. })));
    let everyone = "0.0.0.0:0".parse().expect("an address");
    assert!(matches!(serve::listen(everyone, false).await, Err(ServeError::Exposed(_))));
}

#[tokio::test]
async fn a_full_disk() {
    let house = House::open_with(Some(512 << 10)).await;
    let mut other = Peer::greet(house.office(), &house.liu).await;
    let mut peer = house.peer().await;
    let mut accepted: Vec<RecordId> = Vec::new();
    // Push until nothing fits any more; each record is a few hundred bytes, so this ends.
    let code = loop {
        let number = accepted.len() as u64 + 1;
        let actor = ActorId(*uuid_like(number).as_bytes().first_chunk().expect("16 bytes"));
        let (record, change) = house.chen.rectification(actor, (number % 250) as u8);
        peer.say(Push { batch: house.chen.batch(number, house.chen.feed(), vec![(record, change)]).to_raw() }).await;
        match peer.until(|frame| matches!(frame, Frame::Receipt(_) | Frame::Bye(_))).await {
            Frame::Bye(bye) => {
                assert!(bye.retry_after.is_some(), "trying again later helps");
                break bye.code;
            }
            _ => accepted.push(record),
        }
        assert!(number < 10_000, "the disk never fills");
    };
    assert_eq!(code, "storage_full");
    assert!(!accepted.is_empty());

    // Others stay connected; reading goes on; writing over the API says the same.
    other.say(Ping { number: 1 }).await;
    other.until(|frame| matches!(frame, Frame::Pong(_))).await;
    let (office, last) = (house.office().clone(), *accepted.last().expect("some"));
    let (read, written) = blocking(move || {
        let asked = json!({"slug": "x".repeat(40), "name": "新".repeat(100)});
        let mut written = (0, Value::Null);
        for _ in 0..200 {
            let slug = format!("c{}", secret::new_code().to_lowercase());
            let mut asked = asked.clone();
            asked["slug"] = slug.into();
            written = office.post("/api/v1/admin/communities", &asked);
            if written.0 != 200 {
                break;
            }
        }
        (office.get(&format!("/api/v1/records/{last}")).0, written)
    })
    .await;
    assert_eq!(read, 200);
    assert_eq!((written.0, written.1["code"].as_str()), (507, Some("storage_full")));
    house.server.stop().await;
}

/// Sixteen letters that differ by number.
fn uuid_like(number: u64) -> String {
    format!("{number:016x}")
}
