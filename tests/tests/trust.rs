//! Who may come in, and who may not any more, on real sockets: lost phones, stolen tokens, members who left, frames sent
//! twice, words that the law wants gone, and a server that comes back from a backup.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use renolog_client_core::store::Draft;
use renolog_client_core::{Client, Device};
use renolog_protocol::id::{ActorId, CommunityId, Epoch, PersonId, RecordId, Seq};
use renolog_protocol::key::DeviceKey;
use renolog_protocol::record::Act;
use renolog_protocol::refusal::Code;
use renolog_protocol::schema::{FieldName, KindName, Value};
use renolog_protocol::time::SpanMs;
use renolog_protocol::wire::{Cursor, Follow, Frame, Ping, Push, Ruling};
use renolog_server::clock::{Clock, MovedClock, SystemClock};
use renolog_server::data_dir;
use renolog_server::store::{ALL, ChangeRow, CommandRow, Fate, Read, Sqlite, dump};
use renolog_server::upkeep::backup::back_up;
use renolog_server::upkeep::restore::restore;
use renolog_server::upkeep::verify::verify;
use renolog_tests::sockets::{Enrolled, InProcess, Opening, Peer, request};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

/// How soon an ending is felt.
const AT_ONCE: Duration = Duration::from_secs(1);

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// 德胜新村 on a server of its own.
struct Desheng {
    room: TempDir,
    server: InProcess,
    clock: MovedClock,
}

impl Desheng {
    async fn open() -> Self {
        let (room, clock) = (tempfile::tempdir().unwrap(), MovedClock::default());
        let opening = Opening { clock: clock.clone(), ..Opening::default() };
        let server = InProcess::open(&room.path().join("data"), opening).await;
        let office = server.office.clone();
        blocking(move || office.add_community("desheng", "德胜新村")).await;
        Self { room, server, clock }
    }

    fn data(&self) -> PathBuf {
        self.room.path().join("data")
    }

    async fn code(&self, role: &'static str, name: &'static str) -> String {
        let office = self.server.office.clone();
        blocking(move || office.invite("desheng", role, name)).await
    }

    /// Somebody with a phone, connected.
    async fn phone(&self, role: &'static str, name: &'static str) -> (Device, CommunityId) {
        let device = Device::open(self.room.path().join(name)).unwrap();
        let enrolled = device.enrol(self.server.office.base(), &self.code(role, name).await, name).await.unwrap();
        device.start().unwrap();
        device.settled().await.unwrap();
        (device, enrolled.communities[0].id)
    }

    /// Somebody by hand.
    async fn peer(&self, name: &'static str, seed: u8) -> Enrolled {
        let (office, code) = (self.server.office.clone(), self.code("captain", name).await);
        blocking(move || Enrolled::with_code(&office, &code, seed)).await
    }

    async fn order(&self, path: &'static str, body: Json) -> Json {
        let office = self.server.office.clone();
        let (status, answer) = blocking(move || office.post(&format!("/api/v1/admin/{path}"), &body)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The number of somebody's role.
    async fn role_of(&self, person: PersonId) -> Json {
        let roles = self.get("/api/v1/admin/roles?community=desheng".into(), self.server.office.token()).await.1;
        let his = roles["items"].as_array().unwrap().iter().find(|role| role["person"] == json!(person));
        his.unwrap()["number"].clone()
    }

    async fn get(&self, path: String, token: &str) -> (u16, Json) {
        let (url, token) = (format!("{}{path}", self.server.office.base()), token.to_owned());
        blocking(move || request("GET", &url, Some(&token), None)).await
    }

    fn changes(&self) -> Vec<ChangeRow> {
        data_dir::reader(&self.data()).unwrap().list(&[], None, ALL).unwrap()
    }
}

fn field(name: &str) -> FieldName {
    FieldName::parse(name).unwrap()
}

fn raise(device: &Device, community: CommunityId, location: &str) -> RecordId {
    let values = vec![(field("item"), Value::from("safety")), (field("location"), Value::from(location))];
    device.create(community, &KindName::parse("rectification").unwrap(), values).unwrap()
}

async fn within<T>(span: Duration, what: &str, done: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let done = tokio::time::timeout(span, done).await.unwrap_or_else(|_| panic!("not within {span:?}: {what}"));
    println!("{what}: {:?}", began.elapsed());
    done
}

/// Whether this answer lets somebody read on, if it is one about their feed.
fn granted(frame: &Frame, who: &Enrolled) -> Option<bool> {
    let Frame::Grants(grants) = frame else { return None };
    grants.feeds.iter().find(|grant| grant.feed == who.feed()).map(|grant| grant.head.is_some())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_phone_hears_nothing_more_and_what_it_says_goes_to_quarantine() {
    let desheng = Desheng::open().await;
    let (chen, community) = desheng.phone("captain", "陈阿姨").await;
    let lost = desheng.peer("刘叔", 7).await;
    let mut line = Peer::greet(&desheng.server.office, &lost).await;
    let from = Cursor { feed: lost.feed(), epoch: Epoch(0), seq: Seq(0) };
    line.say(Follow { from, begun: None }).await;
    line.until(|frame| granted(frame, &lost) == Some(true)).await;

    desheng.order("devices/revoke", json!({"device": lost.device, "reason": "手机遗失"})).await;
    within(AT_ONCE, "told that it reads nothing any more", line.until(|frame| granted(frame, &lost) == Some(false))).await;

    raise(&chen, community, "3幢2单元");
    chen.settled().await.unwrap();
    let (record, change) = lost.rectification(ActorId([7; 16]), 1);
    line.say(Push { batch: lost.batch(1, lost.feed(), vec![(record, change)]).to_raw() }).await;
    // Everything up to the receipt is what was said since: nothing of what Chen wrote is among it.
    let receipt = loop {
        match line.next().await {
            Some(Frame::Receipt(receipt)) => break receipt,
            Some(Frame::Items(items)) => panic!("it still hears: {items:?}"),
            Some(_) => {}
            None => panic!("it was to be told what became of its work"),
        }
    };
    assert!(matches!(&receipt.rulings[0].ruling, Ruling::Refused(refusal) if refusal.code == Code::DeviceRevoked));
    let kept: Vec<ChangeRow> = desheng.changes().into_iter().filter(|row| row.record == record).collect();
    assert!(matches!(&kept[..], [row] if row.fate == Fate::Refused && !row.bytes.is_empty()), "kept for the office to see");
    assert_eq!(desheng.get("/api/v1/communities".into(), &lost.token).await.0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_shut_out_is_told_within_a_second_by_whichever_order() {
    let desheng = Desheng::open().await;
    for (seed, name, order) in [(7, "陈阿姨", "devices/revoke"), (8, "刘叔", "people/suspend"), (9, "李工", "roles/end")] {
        let who = desheng.peer(name, seed).await;
        let mut line = Peer::greet(&desheng.server.office, &who).await;
        line.say(Follow { from: Cursor { feed: who.feed(), epoch: Epoch(0), seq: Seq(0) }, begun: None }).await;
        line.until(|frame| granted(frame, &who) == Some(true)).await;
        let body = match order {
            "devices/revoke" => json!({"device": who.device, "reason": "手机遗失"}),
            "people/suspend" => json!({"person": who.person, "suspended": true, "reason": "合同到期"}),
            _ => json!({"community": "desheng", "number": desheng.role_of(who.person).await}),
        };
        desheng.order(order, body).await;
        within(AT_ONCE, order, line.until(|frame| granted(frame, &who) == Some(false))).await;

        let (record, change) = who.rectification(ActorId([seed; 16]), seed);
        let receipt = line.push(&who.batch(1, who.feed(), vec![(record, change)])).await;
        assert!(matches!(receipt.rulings[0].ruling, Ruling::Refused(_)), "{order}: {receipt:?}");
        let kept: Vec<ChangeRow> = desheng.changes().into_iter().filter(|row| row.record == record).collect();
        assert!(matches!(&kept[..], [row] if row.fate == Fate::Refused), "{order}: in quarantine");
        line.say(Follow { from: Cursor { feed: who.feed(), epoch: Epoch(0), seq: Seq(0) }, begun: None }).await;
        line.until(|frame| granted(frame, &who) == Some(false)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_edits_of_a_member_who_was_removed_meanwhile_are_kept_twice_and_stand_nowhere() {
    let desheng = Desheng::open().await;
    let (chen, community) = desheng.phone("captain", "陈阿姨").await;
    let (liu, _) = desheng.phone("captain", "刘叔").await;
    let leak = raise(&chen, community, "3幢 屋面");
    chen.settled().await.unwrap();
    liu.until(|client| Ok(client.read(leak).is_ok())).await.unwrap();

    liu.go_offline();
    let words: Vec<String> = (1..=30).map(|number| format!("第{number}次查看，仍在漏水")).collect();
    for text in &words {
        liu.note(leak, text).unwrap();
    }
    let person = liu.peek(|client| client.enrolment().unwrap().person);
    desheng.order("roles/end", json!({"community": "desheng", "number": desheng.role_of(person).await})).await;
    liu.go_online().unwrap();
    liu.until(|client| Ok(client.status()?.drafts == 30)).await.unwrap();

    let drafts: Vec<Draft> = liu.peek(|client| client.drafts()).unwrap();
    let said: Vec<String> = drafts.iter().flat_map(|draft| &draft.acts).filter_map(text_of).collect();
    assert_eq!(said, words, "on his phone, in his order");
    // The phone hears that it reads nothing here any more before the server has ruled on what came with its greeting.
    let path = "/api/v1/communities/desheng/refused";
    within(10 * AT_ONCE, "and for the office to see", async {
        while desheng.get(path.into(), desheng.server.office.token()).await.1["items"].as_array().unwrap().len() < 30 {}
    })
    .await;
    let kept = desheng.changes().into_iter().filter(|row| row.fate == Fate::Refused && !row.bytes.is_empty()).count();
    assert_eq!(kept, 30);
    let (_, record) = desheng.get(format!("/api/v1/records/{leak}"), desheng.server.office.token()).await;
    assert!(!record.to_string().contains("仍在漏水"));
}

fn text_of(act: &Act) -> Option<String> {
    match act {
        Act::Put { entry, .. } => {
            entry.values().find_map(|value| if let Value::Text(text) = value { Some(text.clone()) } else { None })
        }
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_given_new_tokens_while_it_connects_and_signs_in_by_its_key_after_a_fortnight() {
    let desheng = Desheng::open().await;
    let (chen, community) = desheng.phone("captain", "陈阿姨").await;
    let token = |device: &Device| device.peek(|client| client.enrolment().unwrap().token.clone());
    let first = token(&chen);
    let began = SystemClock.now();
    chen.stop().await;
    desheng.clock.jump_to(began + SpanMs::from_secs(25 * 3600));
    chen.start().unwrap();
    chen.until(|client| Ok(client.enrolment().unwrap().token != first)).await.unwrap();
    let second = token(&chen);

    chen.stop().await;
    raise(&chen, community, "3幢2单元");
    desheng.clock.jump_to(began + SpanMs::from_secs(15 * 86_400));
    assert_eq!(desheng.get("/api/v1/communities".into(), &second).await.1["code"], "token_expired");
    chen.start().unwrap();
    chen.settled().await.unwrap();
    assert_eq!(desheng.changes().len(), 1);
    assert!(token(&chen) != second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_token_reads_until_it_is_ended_and_never_writes() {
    let desheng = Desheng::open().await;
    let owner = desheng.peer("陈阿姨", 7).await;
    let thief = Enrolled { key: DeviceKey::from_seed([66; 32]), ..owner.clone() };
    assert_eq!(desheng.get("/api/v1/communities/desheng/records".into(), &thief.token).await.0, 200);

    let mut line = Peer::greet(&desheng.server.office, &thief).await;
    let (record, change) = thief.rectification(ActorId([9; 16]), 1);
    line.say(Push { batch: thief.batch(1, thief.feed(), vec![(record, change)]).to_raw() }).await;
    let bye = line.until(|frame| matches!(frame, Frame::Bye(_))).await;
    assert!(matches!(&bye, Frame::Bye(bye) if bye.code.as_str() == "bad_batch"), "{bye:?}");
    assert!(desheng.changes().is_empty(), "nothing is kept of it");

    // Nor can it be made to last: another token is given to whoever has the key.
    let (office, device) = (desheng.server.office.clone(), thief.device);
    let refused = blocking(move || {
        let url = format!("{}/api/v1/sign-in", office.base());
        let (_, asked) = request("GET", &url, None, None);
        let challenge = asked["challenge"].as_str().unwrap().to_owned();
        let signature = data_encoding::HEXLOWER.encode(&thief.key.answer(device, &challenge).0);
        request("POST", &url, None, Some(&json!({"device": device, "challenge": challenge, "signature": signature}))).0
    });
    assert_eq!(refused.await, 401);
    desheng.order("devices/revoke", json!({"device": device, "reason": "令牌外泄"})).await;
    assert_eq!(desheng.get("/api/v1/communities/desheng/records".into(), &owner.token).await.0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_token_is_renewed_for_a_month_and_no_longer() {
    let desheng = Desheng::open().await;
    let mut thief = desheng.peer("陈阿姨", 7).await;
    let began = SystemClock.now();
    let mut days = 0;
    loop {
        days += 1;
        desheng.clock.jump_to(began + SpanMs::from_secs(days * 86_400 + days));
        if desheng.get("/api/v1/communities".into(), &thief.token).await.0 == 401 {
            break;
        }
        let mut line = Peer::greet(&desheng.server.office, &thief).await;
        line.say(Ping { number: 1 }).await;
        while let Some(frame) = line.next().await {
            match frame {
                Frame::Token(token) => thief.token = token.token,
                Frame::Pong(_) => break,
                _ => {}
            }
        }
    }
    assert!((35..=37).contains(&days), "it opened doors for {days} days");
}

/// A long feed is read page by page, and what happens meanwhile comes before the next page: what the device says, and what
/// its person may know.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_catches_up_is_heard_between_two_pages() {
    let desheng = Desheng::open().await;
    let chen = desheng.peer("陈阿姨", 7).await;
    let mut line = Peer::greet(&desheng.server.office, &chen).await;
    for number in 0..8 {
        let changes = (0..100).map(|seed| chen.rectification(ActorId([100 + number; 16]), seed)).collect();
        line.push(&chen.batch(1 + u64::from(number), chen.feed(), changes)).await;
    }
    let liu = desheng.peer("刘叔", 8).await;
    let mut line = Peer::greet(&desheng.server.office, &liu).await;
    let from = Cursor { feed: liu.feed(), epoch: Epoch(0), seq: Seq(0) };
    line.say(Follow { from, begun: None }).await;
    line.say(Ping { number: 7 }).await;
    let (mut pages, mut before_the_answer) = (0, None);
    loop {
        match line.next().await.unwrap() {
            Frame::Items(items) => {
                pages += 1;
                if items.upto == Seq(800) {
                    break;
                }
            }
            Frame::Pong(_) => before_the_answer = Some(pages),
            _ => {}
        }
    }
    assert!(pages >= 3 && before_the_answer.is_some_and(|before| before < pages), "{before_the_answer:?} of {pages}");
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_recorded_and_sent_again_change_nothing() {
    let desheng = Desheng::open().await;
    let chen = desheng.peer("陈阿姨", 7).await;
    let (record, change) = chen.rectification(ActorId([7; 16]), 1);
    let batch = chen.batch(1, chen.feed(), vec![(record, change)]);
    let mut line = Peer::greet(&desheng.server.office, &chen).await;
    let receipt = line.push(&batch).await;
    let before = dump(&data_dir::reader(&desheng.data()).unwrap()).unwrap();

    let mut again = Peer::greet(&desheng.server.office, &chen).await;
    for _ in 0..3 {
        let repeated = again.push(&batch).await;
        assert_eq!(repeated.rulings, receipt.rulings);
    }
    assert_eq!(dump(&data_dir::reader(&desheng.data()).unwrap()).unwrap(), before);

    // Under another number it is not what was signed.
    let mut raw = batch.to_raw();
    raw.number += 1;
    again.say(Push { batch: raw }).await;
    let bye = again.until(|frame| matches!(frame, Frame::Bye(_))).await;
    assert!(matches!(&bye, Frame::Bye(bye) if bye.code.as_str() == "bad_batch"), "{bye:?}");
}

/// The files under a folder in which these words stand, as UTF-8.
fn containing(folder: &Path, words: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(containing(&path, words));
        } else if std::fs::read(&path).unwrap().windows(words.len()).any(|window| window == words.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_law_wants_gone_is_in_no_file_any_more() {
    let desheng = Desheng::open().await;
    let (chen, community) = desheng.phone("captain", "chen").await;
    let (liu, _) = desheng.phone("captain", "liu").await;
    let (words, others) = ("住户张建国的病历号是四四一七", "三单元的灯坏了");
    let (private, lamp) = (raise(&chen, community, "3幢"), raise(&chen, community, "4幢"));
    chen.note(private, words).unwrap();
    chen.note(lamp, others).unwrap();
    chen.settled().await.unwrap();
    liu.until(|client| Ok(client.read(lamp).is_ok_and(|view| view.entries("notes").len() == 1))).await.unwrap();
    // Changes are kept as they were written, not compressed; so a search can find them.
    assert!(!containing(&desheng.data(), words).is_empty(), "the words can be found where they are");

    desheng.order("records/erase", json!({"record": private, "reason": "当事人依法要求删除"})).await;
    for device in [&chen, &liu] {
        device.until(|client| Ok(client.read(private).is_err())).await.unwrap();
        device.stop().await;
    }
    assert_eq!(containing(&desheng.data(), words), Vec::<String>::new());
    let backup = desheng.room.path().join("backup");
    back_up(&desheng.data(), &backup, SystemClock.now(), &mut |_, _| {}).unwrap();
    drop((chen, liu));
    assert_eq!(containing(desheng.room.path(), words), Vec::<String>::new(), "nor in the backup, nor on the phones");
    assert!(containing(desheng.room.path(), others).len() >= 4, "and nothing else is gone");

    let token = desheng.server.office.token().to_owned();
    let (_, audit) = desheng.get("/api/v1/admin/audit".into(), &token).await;
    assert!(audit.to_string().contains("当事人依法要求删除"), "what was done, and why, stays");
    let scratch = Sqlite::open(&desheng.room.path().join("scratch"), None).unwrap();
    let report = verify(data_dir::reader(&desheng.data()).unwrap(), scratch, &mut |_, _| {}).unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_from_a_backup_is_healed_by_phones_that_sign_in_to_it() {
    let desheng = Desheng::open().await;
    let (chen, community) = desheng.phone("captain", "陈阿姨").await;
    let leak = raise(&chen, community, "3幢 屋面");
    chen.settled().await.unwrap();
    let backup = desheng.room.path().join("backup");
    back_up(&desheng.data(), &backup, SystemClock.now(), &mut |_, _| {}).unwrap();
    chen.note(leak, "五楼也在漏").unwrap();
    chen.settled().await.unwrap();
    let stood: Vec<_> = desheng.changes().into_iter().map(|row| (row.hash, row.seq, row.role, row.party)).collect();
    chen.stop().await;
    let Desheng { room, server, .. } = desheng;
    server.stop().await;

    // Another machine: another address, and another key under which tokens are made.
    let data = room.path().join("another");
    restore(&backup, &data, &SystemClock, &mut |_, _| {}).unwrap();
    let server = InProcess::start(&data, None).await;
    chen.set_server(server.office.base()).unwrap();
    chen.start().unwrap();
    chen.until(|client| Ok(client.status()?.caught_up && client.is_settled()?)).await.unwrap();
    let reader = data_dir::reader(&data).unwrap();
    let stands: Vec<ChangeRow> = reader.list(&[], None, ALL).unwrap();
    assert_eq!(stands.into_iter().map(|row| (row.hash, row.seq, row.role, row.party)).collect::<Vec<_>>(), stood);
    let commands: Vec<CommandRow> = reader.list(&[], None, ALL).unwrap();
    assert!(commands.len() > 4);
    assert!(chen.peek(|client| client.doubts()).unwrap().is_empty(), "another life is no lie");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_enrolled_after_the_backup_is_told_so_and_brings_everything_back() {
    let desheng = Desheng::open().await;
    let backup = desheng.room.path().join("backup");
    back_up(&desheng.data(), &backup, SystemClock.now(), &mut |_, _| {}).unwrap();
    let (liu, community) = desheng.phone("captain", "刘叔").await;
    let leak = raise(&liu, community, "3幢 屋面");
    liu.note(leak, "五楼也在漏").unwrap();
    liu.settled().await.unwrap();
    let stood: Vec<_> = desheng.changes().into_iter().map(|row| (row.hash, row.seq, row.role, row.party)).collect();
    liu.stop().await;
    let Desheng { room, server, .. } = desheng;
    server.stop().await;

    let data = room.path().join("another");
    restore(&backup, &data, &SystemClock, &mut |_, _| {}).unwrap();
    let server = InProcess::start(&data, None).await;
    liu.set_server(server.office.base()).unwrap();
    liu.start().unwrap();
    let told = |client: &mut Client| Ok(client.status()?.last_bye.is_some_and(|bye| bye.code == "unknown_device"));
    liu.until(told).await.unwrap();
    let bye = liu.status().unwrap().last_bye.unwrap();
    assert!(bye.zh.contains("邀请码") && bye.zh.contains("保留"), "{bye:?}");
    liu.note(leak, "还在等人来修").unwrap();

    let office = server.office.clone();
    let code = blocking(move || office.invite("desheng", "captain", "刘叔")).await;
    liu.enrol(server.office.base(), &code, "手机").await.unwrap();
    liu.until(|client| Ok(client.status()?.caught_up && client.is_settled()?)).await.unwrap();
    let stands: Vec<ChangeRow> = data_dir::reader(&data).unwrap().list(&[], None, ALL).unwrap();
    let mut stands: Vec<_> = stands.into_iter().map(|row| (row.hash, row.seq, row.role, row.party)).collect();
    stands.sort_by_key(|(_, seq, ..)| *seq);
    assert_eq!(stands.len(), 3);
    for row in &stood {
        assert!(stands.contains(row), "{row:?} under its signature, in its place");
    }
    assert_eq!(liu.status().unwrap().drafts, 0);
}
