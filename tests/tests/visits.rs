//! Devices that cannot keep a websocket, or want none: one request up, one answer down, with the same frames.

use std::time::Duration;

use renolog_client_core::Device;
use renolog_client_core::client::Client;
use renolog_protocol::id::{ActorId, Audience, CommunityId, DeviceId, Epoch, FeedId, RecordId, Seq};
use renolog_protocol::schema::{FieldName, KindName, Value};
use renolog_protocol::wire::{Cursor, Frame, Hello, Push, SEQUENCE, ShortHello, Stand, split};
use renolog_tests::sockets::{Breaks, Enrolled, InProcess, Peer, Relay};
use tempfile::TempDir;

/// A server, a relay before it, and people who enrol over it.
struct Street {
    room: TempDir,
    server: InProcess,
    relay: Relay,
}

impl Street {
    async fn open() -> Self {
        let room = tempfile::tempdir().unwrap();
        let server = InProcess::start(&room.path().join("data"), None).await;
        let relay = Relay::to(server.address).await;
        let office = server.office.clone();
        tokio::task::spawn_blocking(move || office.add_community("desheng", "德胜新村")).await.unwrap();
        Self { room, server, relay }
    }

    async fn enrol(&self, name: &'static str) -> (Device, CommunityId) {
        let office = self.server.office.clone();
        let code = tokio::task::spawn_blocking(move || office.invite("desheng", "captain", name)).await.unwrap();
        let device = Device::open(self.room.path().join(name)).unwrap();
        let enrolment = device.enrol(&self.relay.url(), &code, name).await.unwrap();
        (device, enrolment.communities[0].id)
    }

    /// What an administrator reads of a device's changes that did not come through, as soon as it is this.
    async fn reads_unsent(&self, device: DeviceId, unsent: Option<u64>) {
        let office = self.server.office.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let told = |_| {
                let (_, told) = office.get("/api/v1/admin/devices");
                let devices = told["items"].as_array()?;
                devices.iter().find(|told| told["id"] == device.to_string()).map(|told| told["unsent"].as_u64())
            };
            (0..10_000).filter_map(told).any(|told| told == unsent)
        });
        assert!(asked.await.unwrap(), "{unsent:?}");
    }
}

fn raise(device: &Device, community: CommunityId, location: &str) -> RecordId {
    let field = |name| FieldName::parse(name).unwrap();
    let values = vec![(field("item"), Value::from("safety")), (field("location"), Value::from(location))];
    device.create(community, &KindName::parse("rectification").unwrap(), values).unwrap()
}

fn has(record: RecordId) -> impl Fn(&mut Client) -> Result<bool, renolog_client_core::client::ClientError> {
    move |client| Ok(client.read(record).is_ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_proxy_breaks_websockets_the_device_visits_and_goes_back_when_it_can() {
    for breaks in [Breaks::Upgrades, Breaks::FirstWord] {
        let street = Street::open().await;
        let (chen, community) = street.enrol("陈阿姨").await;
        let (liu, _) = street.enrol("刘叔").await;
        liu.start().unwrap();
        liu.settled().await.unwrap();

        street.relay.break_websockets(breaks);
        chen.start().unwrap();
        chen.settled().await.unwrap();
        assert!(chen.is_visiting(), "{breaks:?}");
        // An edit does not wait for the next look at what is new.
        let first = raise(&chen, community, "3幢2单元");
        liu.until(has(first)).await.unwrap();
        chen.settled().await.unwrap();

        street.relay.break_websockets(Breaks::Nothing);
        let second = raise(&liu, community, "12幢 顶楼");
        liu.settled().await.unwrap();
        // The person walked out of the building, into another network.
        chen.nudge();
        chen.until(has(second)).await.unwrap();
        chen.until(|client| Ok(client.status()?.connected && client.is_settled()?)).await.unwrap();
        assert!(!chen.is_visiting(), "{breaks:?}");
        let state = |device: &Device| device.peek(Client::state_of_everything).unwrap();
        assert_eq!(state(&chen), state(&liu));
        chen.stop().await;
        liu.stop().await;
        street.server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_task_brings_and_fetches_everything_in_visits() {
    let street = Street::open().await;
    let (chen, community) = street.enrol("陈阿姨").await;
    let (liu, _) = street.enrol("刘叔").await;
    let within = Duration::from_secs(120);
    assert!(liu.visit(within).await.unwrap(), "who is who");
    assert!(chen.visit(within).await.unwrap());
    // More than one answer holds.
    let many: Vec<RecordId> = (0..800).map(|n| raise(&liu, community, &format!("{n} {}", "堆放杂物".repeat(n % 25)))).collect();
    assert!(liu.visit(within).await.unwrap(), "everything is brought");
    assert_eq!(liu.status().unwrap().unsent, 0);
    let mine = raise(&chen, community, "3幢2单元");
    assert!(chen.visit(within).await.unwrap(), "and fetched");
    assert!(many.iter().all(|record| chen.read(*record).is_ok()));
    let status = chen.status().unwrap();
    assert!(!status.on && !status.connected, "it is offline again");
    let usage = &status.usage;
    // Eight hundred records come whole, to a device that had none.
    assert!(usage.own_work.up > 0 && usage.snapshots.down > usage.own_work.down, "{usage:?}");

    assert!(liu.visit(within).await.unwrap());
    assert!(liu.read(mine).is_ok());
    street.server.stop().await;
    assert!(!chen.visit(Duration::from_millis(300)).await.unwrap(), "nobody is there");
}

/// What a visit answers is what a websocket would say.
#[tokio::test(flavor = "multi_thread")]
async fn a_visit_is_held_to_what_a_connection_is_held_to() {
    let street = Street::open().await;
    let (chen, community) = street.enrol("陈阿姨").await;
    let token = chen.peek(|client| client.enrolment().unwrap().token.clone());
    let url = format!("http://{}/api/v1/sync", street.server.address);
    let visit = |token: Option<String>, body: Vec<u8>| {
        let url = url.clone();
        tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let mut request = agent.post(url).content_type(SEQUENCE);
            if let Some(token) = token {
                request = request.header("Authorization", format!("Bearer {token}"));
            }
            let mut answer = request.send(&body[..]).unwrap();
            (answer.status().as_u16(), answer.body_mut().read_to_vec().unwrap())
        })
    };
    let kinds = |answer: &[u8]| -> Vec<u32> { split(answer).unwrap().iter().map(|f| Frame::decode(f).unwrap().kind()).collect() };

    let stand = Stand { community, positions: vec![Some(Seq(0))].try_into().unwrap(), roster: None };
    let hello = ShortHello {
        schema: 1000,
        device_time: renolog_protocol::time::UnixMs(0),
        dictionary: 1,
        calendar: 0,
        epoch: None,
        communities: vec![stand].try_into().unwrap(),
        snapshots: None,
        open_only: None,
        unsent: None,
    };
    let hello = Frame::from(hello).encode();
    let ping = Frame::from(renolog_protocol::wire::Ping { number: 1 }).encode();
    let (status, answer) = visit(Some(token.clone()), [&hello[..], &ping].concat()).await.unwrap();
    assert_eq!((status, kinds(&answer)), (200, vec![22, 25, 19, 29]), "a pong, the calendar, the roster, the welcome");
    assert_eq!(visit(None, hello.clone()).await.unwrap().0, 401);
    assert_eq!(visit(Some("x".into()), hello.clone()).await.unwrap().0, 401);
    let cut = hello[..hello.len() - 1].to_vec();
    assert_eq!(visit(Some(token.clone()), cut).await.unwrap().0, 400, "a frame that is cut short");
    let (status, answer) = visit(Some(token.clone()), Vec::new()).await.unwrap();
    assert_eq!((status, answer.len()), (200, 0), "nothing said, nothing answered");
    let feed = FeedId { community, audience: Audience::Open };
    let out_of_turn = Frame::from(renolog_protocol::wire::Seen { upto: Cursor { feed, epoch: Epoch(1), seq: Seq(1) } }).encode();
    let (status, answer) = visit(Some(token), out_of_turn).await.unwrap();
    assert_eq!((status, kinds(&answer)), (200, vec![21]), "a farewell, with its reason");
    street.server.stop().await;
}

/// Somebody fetches a long log over a bad link and writes something meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_while_a_long_log_comes_is_answered_between_its_pages() {
    let street = Street::open().await;
    let (liu, community) = street.enrol("刘叔").await;
    assert!(liu.visit(Duration::from_secs(120)).await.unwrap(), "who is who");
    for n in 0..20 {
        let record = raise(&liu, community, &format!("{n}幢"));
        for day in 0..20 {
            liu.note(record, &format!("第{day}天：{}", "楼道堆放杂物，".repeat(500))).unwrap();
        }
    }
    assert!(liu.visit(Duration::from_secs(120)).await.unwrap());

    let office = street.server.office.clone();
    let chen = tokio::task::spawn_blocking(move || {
        let code = office.invite("desheng", "captain", "陈阿姨");
        Enrolled::with_code(&office, &code, 7)
    });
    let chen = chen.await.unwrap();
    let mut peer = Peer::connect(&street.server.office, &chen).await;
    let from_the_beginning = Cursor { feed: chen.feed(), epoch: Epoch(0), seq: Seq(0) };
    peer.hello(&chen, vec![from_the_beginning]).await;
    peer.until(|frame| matches!(frame, Frame::Welcome(_))).await;
    // The pages come; nobody takes them, until the server can send no more.
    let change = chen.rectification(ActorId([7; 16]), 1);
    peer.say(Push { batch: chen.batch(1, chen.feed(), vec![change]).to_raw() }).await;
    let (mut before, mut after, mut answered, mut upto) = (0, 0, false, Seq(0));
    while upto < Seq(421) {
        match peer.next().await.unwrap() {
            Frame::Items(items) => {
                *(if answered { &mut after } else { &mut before }) += 1;
                upto = items.upto;
            }
            Frame::Receipt(_) => answered = true,
            other => panic!("{other:?}"),
        }
    }
    println!("{before} pages before the receipt, {after} after");
    assert!(answered && after > before, "{before} pages before the receipt, {after} after");
    street.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_reads_how_much_did_not_come_through() {
    let street = Street::open().await;
    let office = street.server.office.clone();
    let chen =
        tokio::task::spawn_blocking(move || Enrolled::with_code(&office, &office.invite("desheng", "captain", "陈阿姨"), 7));
    let chen = chen.await.unwrap();
    let changes = [1, 2].map(|number| chen.rectification(ActorId([7; 16]), number)).to_vec();
    let hello = async |unsent| {
        let mut peer = Peer::connect(&street.server.office, &chen).await;
        peer.say(Hello { unsent, ..chen.hello(Vec::new()) }).await;
        peer.until(|frame| matches!(frame, Frame::Welcome(_))).await;
        // It sends what it has.
        street.reads_unsent(chen.device, None).await;
        peer
    };
    let mut first = hello(Some(3)).await;
    first.push(&chen.batch(1, chen.feed(), changes)).await;
    drop(first);
    street.reads_unsent(chen.device, Some(1)).await;
    drop(hello(None).await);
    street.reads_unsent(chen.device, Some(0)).await;
    street.server.stop().await;
}
