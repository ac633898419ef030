//! `kill -9` of the server around the moment that matters: between the commit and the receipt, and on both sides of it.
//! Nothing that was acknowledged is lost, nothing is doubled.

use std::collections::BTreeMap;
use std::path::Path;

use renolog_client_core::{Client, Device};
use renolog_protocol::id::{CommunityId, RecordId};
use renolog_protocol::schema::{FieldName, KindName, Value};
use renolog_server::data_dir;
use renolog_server::store::{ALL, Cell, ChangeRow, Fate, Read};
use renolog_tests::sockets::{Killable, Relay};
use tempfile::TempDir;

/// No push is shorter than its signature: when so many bytes have gone up, one is on its way.
const SIGNATURE: u64 = 64;

/// A server in its own process, two volunteers with phones, and a relay in front of each.
struct Street {
    directory: TempDir,
    server: Killable,
    chen: Device,
    chen_link: Relay,
    liu: Device,
    liu_link: Relay,
    community: CommunityId,
}

impl Street {
    async fn open() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let data = directory.path().join("data");
        let server = tokio::task::spawn_blocking(move || Killable::start(&data)).await.expect("a server");
        let (chen_link, liu_link) = (Relay::to(server.address).await, Relay::to(server.address).await);
        let office = server.office.clone();
        let codes = tokio::task::spawn_blocking(move || {
            office.add_community("desheng", "德胜新村");
            (office.invite("desheng", "captain", "陈阿姨"), office.invite("desheng", "captain", "刘叔"))
        });
        let (for_chen, for_liu) = codes.await.expect("codes");
        let (chen, community) = enrol(directory.path(), "chen", &chen_link, &for_chen).await;
        let (liu, _) = enrol(directory.path(), "liu", &liu_link, &for_liu).await;
        Self { directory, server, chen, chen_link, liu, liu_link, community }
    }

    fn data(&self) -> std::path::PathBuf {
        self.directory.path().join("data")
    }

    /// Chen raises a rectification; it is on her phone when this returns.
    fn chen_raises(&self, location: &str) -> RecordId {
        let field = |name| FieldName::parse(name).expect("a field");
        let values = vec![(field("item"), Value::from("safety")), (field("location"), Value::from(location))];
        self.chen.create(self.community, &KindName::parse("rectification").expect("a kind"), values).expect("she may")
    }

    /// The changes on the server's disk, by record.
    fn on_disk(&self) -> BTreeMap<RecordId, usize> {
        let store = data_dir::reader(&self.data()).expect("the database");
        let mut records = BTreeMap::new();
        for row in store.list::<ChangeRow>(&[], None, ALL).expect("changes") {
            assert_eq!(row.fate, Fate::Accepted);
            *records.entry(row.record).or_default() += 1;
        }
        records
    }

    /// Kills the server, starts another on the same directory, and points both links to it.
    async fn kill_and_restart(&mut self) {
        self.server.kill();
        let data = self.data();
        self.server = tokio::task::spawn_blocking(move || Killable::start(&data)).await.expect("a server");
        for link in [&self.chen_link, &self.liu_link] {
            link.hold(false);
            link.point_to(self.server.address);
        }
        self.chen.nudge();
        self.liu.nudge();
    }

    /// Everyone has everything, once.
    async fn all_is_well(&self, records: &[RecordId]) {
        for device in [&self.chen, &self.liu] {
            let wanted = records.to_vec();
            device.until(move |client| Ok(client.is_settled()? && has_all(client, &wanted))).await.expect("it settles");
        }
        let expected: BTreeMap<RecordId, usize> = records.iter().map(|record| (*record, 1)).collect();
        assert_eq!(self.on_disk(), expected, "each change stands once");
        let shown = |device: &Device| device.peek(Client::state_of_everything).expect("records");
        assert_eq!(shown(&self.chen), shown(&self.liu));
        assert_eq!(shown(&self.chen).len(), records.len());
    }
}

fn has_all(client: &mut Client, records: &[RecordId]) -> bool {
    records.iter().all(|record| client.read(*record).is_ok())
}

async fn enrol(directory: &Path, name: &str, link: &Relay, code: &str) -> (Device, CommunityId) {
    let device = Device::open(directory.join(name)).expect("a device");
    let enrolment = device.enrol(&link.url(), code, name).await.expect("the code is good");
    device.start().expect("it is enrolled");
    device.settled().await.expect("it connects");
    (device, enrolment.communities[0].id)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_commit() {
    let mut street = Street::open().await;
    let first = street.chen_raises("3幢2单元");
    street.all_is_well(&[first]).await;

    // Someone holds the database: the server gets the push and can write nothing.
    let database = rusqlite::Connection::open(data_dir::database(&street.data())).expect("the database");
    database.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
    let before = street.chen_link.sent_up();
    let second = street.chen_raises("12幢 顶楼");
    street.chen_link.until_sent_up(before + SIGNATURE).await;
    street.server.kill();
    database.execute_batch("ROLLBACK").expect("it was begun");
    drop(database);

    assert_eq!(street.on_disk(), BTreeMap::from([(first, 1)]), "the push was not committed");
    assert_eq!(street.chen.status().expect("a status").unsent, 1, "and not acknowledged");
    street.kill_and_restart().await;
    street.all_is_well(&[first, second]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_commit_and_the_receipt() {
    let mut street = Street::open().await;
    street.chen_link.hold(true);
    let record = street.chen_raises("3幢2单元");
    // What reaches another phone was committed; the receipt is held on the way to Chen.
    street.liu.until(move |client| Ok(has_all(client, &[record]))).await.expect("it is delivered");
    assert_eq!(street.chen.status().expect("a status").unsent, 1, "not acknowledged");
    street.kill_and_restart().await;
    street.all_is_well(&[record]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_receipt() {
    let mut street = Street::open().await;
    let record = street.chen_raises("3幢2单元");
    street.chen.settled().await.expect("it is acknowledged");
    street.server.kill();
    assert_eq!(street.on_disk(), BTreeMap::from([(record, 1)]), "what was acknowledged is on disk");
    street.kill_and_restart().await;
    street.all_is_well(&[record]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_many_pushes() {
    let mut street = Street::open().await;
    let mut records = Vec::new();
    for round in 0..4 {
        let before = street.chen_link.sent_up();
        for number in 0..10 {
            records.push(street.chen_raises(&format!("{round}-{number}")));
        }
        street.chen_link.until_sent_up(before + SIGNATURE).await;
        street.kill_and_restart().await;
    }
    street.all_is_well(&records).await;
    let store = data_dir::reader(&street.data()).expect("the database");
    let commands = renolog_server::store::dump(&store).expect("every table").into_iter().find(|(name, _)| *name == "commands");
    let ids: Vec<Cell> = commands.expect("a log").1.into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(ids, (1..=ids.len() as i64).map(Cell::Int).collect::<Vec<_>>(), "the log has no gap");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_reads_which_version_a_device_runs() {
    let street = Street::open().await;
    let office = street.server.office.clone();
    // Nobody waits until it is noted, so it is asked for until it is.
    let asked = tokio::task::spawn_blocking(move || {
        (0..10_000).find_map(|_| {
            let (_, told) = office.get("/api/v1/admin/devices");
            let runs = told["items"].as_array()?.iter().map(|device| device["runs"].as_str().map(str::to_owned));
            runs.collect::<Option<Vec<String>>>()
        })
    });
    assert_eq!(asked.await.expect("answers"), Some(vec![env!("CARGO_PKG_VERSION").to_owned(); 2]));
}
