//! What the server does for every push, piece by piece: `cargo bench -p renolog-tests`.
//!
//! Time is noisy on a small machine; instructions are not. Each piece is a function that is never inlined, so that callgrind
//! can count it alone: `scripts/counts` does that for all of them, `scripts/counts judged` for one.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use renolog_protocol::batch::{Batch, RawBatch};
use renolog_protocol::codec::{NEWEST, Nothing, pack_items, unpack_items};
use renolog_protocol::id::{Audience, CommunityId, EntryId, RecordId, Seq};
use renolog_protocol::key::PublicKey;
use renolog_protocol::record::{Folded, Moved, Record, RecordView, fold};
use renolog_protocol::roster::Roster;
use renolog_protocol::rules::{Allowed, Author, judge};
use renolog_protocol::schema::{Kind, MoveName, Schema};
use renolog_protocol::session::server::to_items;
use renolog_protocol::sorted::SortedMap;
use renolog_protocol::time::SpanMs;
use renolog_protocol::wire::{Items, PackedItems};
use renolog_server::app;
use renolog_server::clock::SystemClock;
use renolog_server::command::{Command, Push, Stamped};
use renolog_server::data_dir::DataDir;
use renolog_server::ingest::Ingest;
use renolog_server::reception;
use renolog_server::store::Sqlite;
use renolog_tests::bench::edits::Hand;
use renolog_tests::bench::street::{Member, PUSH_EDITS, Street, now};

/// A community on disk, and one of its captains.
struct Scene {
    _directory: tempfile::TempDir,
    ingest: Ingest<Sqlite>,
    community: CommunityId,
    captain: Member,
    hand: Hand,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (community, captain) = runtime.block_on(async {
            let mut street = Street::found(directory.path(), 21).unwrap();
            let community = street.community("log").await.unwrap();
            let members = street.captains(community, 12).await.unwrap();
            street.write(&members, 60, 10).await.unwrap();
            street.close().await.unwrap();
            (community, members[0].clone())
        });
        let store = DataDir::hold(directory.path()).unwrap().store(None).unwrap();
        let ingest = app::found(store, Schema::built_in(), &SystemClock).unwrap();
        Self { _directory: directory, ingest, community, captain, hand: Hand::new(22) }
    }

    fn roster(&self) -> Roster {
        reception::roster(self.ingest.store(), self.community).unwrap()
    }

    /// A page of its feed.
    fn items(&self) -> Items {
        let feed = self.captain.feed();
        let entries = reception::page(self.ingest.store(), &Schema::built_in(), feed, Seq(0)).unwrap();
        let end = entries.last().unwrap().clone();
        to_items(feed, Seq(0), &end, entries.into_iter())
    }
}

/// A new record with nine remarks on it, the record as it stood before the last of them, and all of it signed.
fn pushed(captain: &Member, hand: &mut Hand, number: u64) -> (Record, Batch) {
    let mut record = Record::empty(RecordId::from_parts(now(), hand.bytes()));
    let (mut before, mut changes) = (record.clone(), Vec::new());
    for edit in 0..PUSH_EDITS {
        before = record.clone();
        let said = if edit == 0 { hand.made() } else { hand.remark() };
        changes.push((record.id(), captain.write(&mut record, &said, now()).unwrap()));
    }
    (before, captain.sign(number, now(), changes).unwrap())
}

/// A chain of moves, with one beside each that another overtook.
fn moves(kind: &Kind) -> SortedMap<EntryId, Moved> {
    let id = |number: u8| EntryId::from_random([number, 0, 0, 0, 0]);
    let names: Vec<&MoveName> = kind.moves.keys().collect();
    let moved = |number: u8| {
        let follows = (number > 1).then(|| id((number - 1) & !1)).into_iter().collect();
        (id(number), Moved { name: names[usize::from(number / 2) % names.len()].clone(), follows, reason: None })
    };
    (0..30).map(moved).collect()
}

#[inline(never)]
fn opened(raw: RawBatch, key: &PublicKey) -> Batch {
    Batch::open(raw, key).unwrap()
}

#[inline(never)]
fn judged(schema: &Schema, roster: &Roster, record: &Record, author: Author, batch: &Batch) -> Allowed {
    let (_, _, change) = batch.changes().last().unwrap();
    judge(schema, roster, record, Audience::Open, author, change).unwrap()
}

#[inline(never)]
fn folded(kind: &Kind, moves: &SortedMap<EntryId, Moved>) -> Folded {
    fold(kind, moves)
}

#[inline(never)]
fn shown(record: &Record, schema: &Schema) -> RecordView {
    record.view(schema).unwrap()
}

#[inline(never)]
fn packed(items: &Items) -> PackedItems {
    pack_items(items, NEWEST).unwrap()
}

#[inline(never)]
fn unpacked(items: &PackedItems) -> Items {
    unpack_items(items, &Nothing).unwrap()
}

#[inline(never)]
fn ingested(ingest: &mut Ingest<Sqlite>, batch: Batch) {
    let carrier = batch.device();
    ingest.apply(&Stamped::new(now(), Command::Push(Push { batch, carrier, skew: SpanMs(0) }))).unwrap();
    ingest.commit().unwrap();
}

fn hot_paths(criterion: &mut Criterion) {
    let mut scene = Scene::new();
    let schema = Schema::built_in();
    let (roster, key) = (scene.roster(), scene.captain.key.public());
    let (before, batch) = pushed(&scene.captain, &mut scene.hand, 10_000);
    let raw = batch.to_raw();
    let author = Author { person: scene.captain.person, device: scene.captain.device, at: now() };
    criterion.bench_function("opened: a push of ten edits", |b| {
        b.iter_batched(|| raw.clone(), |raw| opened(raw, &key), BatchSize::SmallInput);
    });
    criterion.bench_function("judged: a remark on a record of nine changes", |b| {
        b.iter(|| judged(&schema, &roster, black_box(&before), author, &batch));
    });
    criterion.bench_function("shown: a record of nine changes", |b| b.iter(|| shown(black_box(&before), &schema)));
    let kind = &schema.kinds["rectification"];
    let moves = moves(kind);
    criterion.bench_function("folded: thirty moves", |b| b.iter(|| folded(kind, black_box(&moves))));
    let items = scene.items();
    criterion.bench_function("packed: a page of a feed", |b| b.iter(|| packed(black_box(&items))));
    let pack = packed(&items);
    criterion.bench_function("unpacked: a page of a feed", |b| b.iter(|| unpacked(black_box(&pack))));
    let Scene { _directory, mut ingest, captain, mut hand, .. } = scene;
    let mut number = 20_000;
    criterion.bench_function("ingested: a push of ten edits, flushed", |b| {
        let push = || {
            number += 1;
            pushed(&captain, &mut hand, number).1
        };
        b.iter_batched(push, |batch| ingested(&mut ingest, batch), BatchSize::PerIteration);
    });
}

criterion_group! { name = all; config = Criterion::default().without_plots().sample_size(50); targets = hot_paths }
criterion_main!(all);
