//! Packs, on logs as people write them: they unfold to the exact bytes, they are small, and whatever was altered in one is
//! turned away.

use std::collections::BTreeMap;
use std::convert::Infallible;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use renolog_protocol::batch::RawBatch;
use renolog_protocol::change::Change;
use renolog_protocol::codec::{
    BadPack, Chunk, DICTIONARIES, Known, NEWEST, Nothing, Unread, actor_of, pack_chunk, pack_items, pack_push, unpack_chunk,
    unpack_items, unpack_push,
};
use renolog_protocol::id::{ActorId, ChangeHash, RecordId, Seq};
use renolog_protocol::schema::Schema;
use renolog_protocol::session::server::to_items;
use renolog_protocol::wire::{Content, Frame, Item, Items, PackedItems, Place, Push, Visit};
use renolog_server::reception::page;
use renolog_server::snapshot;
use renolog_server::store::{ALL, FeedRow, Read};
use renolog_tests::play::Play;
use renolog_tests::world::World;

/// Every feed of a world in stretches of at most so many entries, in order.
fn stretches(world: &World, together: usize) -> Vec<Items> {
    let feeds: Vec<FeedRow> = world.store().list(&[], None, ALL).unwrap();
    let mut all = Vec::new();
    for FeedRow { feed, head, .. } in feeds {
        let mut after = Seq(0);
        while after < head {
            let mut entries = page(world.store(), &Schema::built_in(), feed, after).unwrap();
            entries.truncate(together);
            let end = entries.last().unwrap().clone();
            all.push(to_items(feed, after, &end, entries.into_iter()));
            after = end.seq;
        }
    }
    all
}

/// A reader that has what it read.
#[derive(Default)]
struct Reader(BTreeMap<ChangeHash, (RecordId, ActorId)>);

impl Known for Reader {
    type Error = Infallible;

    fn begins(&self, prefix: &[u8]) -> Result<Option<(ChangeHash, RecordId)>, Infallible> {
        let mut found = self.0.iter().filter(|(hash, _)| hash.0.starts_with(prefix));
        Ok(found.next().filter(|_| found.next().is_none()).map(|(hash, (record, _))| (*hash, *record)))
    }

    fn actors(&self, record: RecordId) -> Result<Vec<ActorId>, Infallible> {
        Ok(self.0.values().filter(|(of, _)| *of == record).map(|(_, actor)| *actor).collect())
    }
}

/// One that is told wrong names or records.
struct Misled<'a>(&'a Reader, fn(ChangeHash, RecordId) -> (ChangeHash, RecordId));

impl Known for Misled<'_> {
    type Error = Infallible;

    fn begins(&self, prefix: &[u8]) -> Result<Option<(ChangeHash, RecordId)>, Infallible> {
        Ok(self.0.begins(prefix)?.map(|(hash, record)| self.1(hash, record)))
    }

    fn actors(&self, record: RecordId) -> Result<Vec<ActorId>, Infallible> {
        match self.0.actors(record)? {
            none if none.is_empty() => Ok(self.0.0.values().map(|(_, actor)| *actor).collect()),
            some => Ok(some),
        }
    }
}

impl Reader {
    fn read(&mut self, items: &Items) {
        for item in items.items.iter() {
            if let Content::Change(bytes) = &item.content {
                self.0.insert(Change::name_of(bytes), (item.record, actor_of(bytes).unwrap()));
            }
        }
    }
}

fn changes_in(items: &Items) -> usize {
    items.items.iter().filter(|item| matches!(item.content, Content::Change(_))).count()
}

#[test]
fn every_stretch_of_a_feed_unfolds_to_what_was_packed() {
    let world = Play::of(6, 400);
    for (together, per_cent) in [(1, 65), (20, 45), (512, 40)] {
        let (mut reader, mut plain, mut packed_bytes, mut changes) = (Reader::default(), 0, 0, 0);
        for items in stretches(&world, together) {
            let packed = pack_items(&items, NEWEST).unwrap();
            assert_eq!(unpack_items(&packed, &reader).unwrap(), items);
            plain += Frame::from(items.clone()).encode().len();
            packed_bytes += Frame::from(packed).encode().len();
            changes += changes_in(&items);
            reader.read(&items);
        }
        println!("{together} together: {changes} changes, {} → {} bytes each", plain / changes, packed_bytes / changes);
        assert!(packed_bytes * 100 <= plain * per_cent, "{together} together");
    }
}

#[test]
fn every_push_unfolds_to_what_was_packed_whatever_the_server_has_of_it() {
    let mut world = Play::of(8, 300);
    let mut reader = Reader::default();
    stretches(&world, 512).iter().for_each(|items| reader.read(items));
    let (mut pushes, mut plain, mut by_name, mut in_full) = (0, 0, 0, 0);
    for phone in world.phones() {
        for batch in world.batches_of(phone) {
            let known = pack_push(&batch, &|hash| reader.0.contains_key(hash)).unwrap();
            let unknown = pack_push(&batch, &|_| false).unwrap();
            let open = |push| -> RawBatch { unpack_push(push, &reader).unwrap() };
            assert_eq!((open(known.clone()), open(unknown.clone())), (batch.clone(), batch.clone()));
            plain += Frame::from(Push { batch }).encode().len();
            by_name += Frame::from(known).encode().len();
            in_full += Frame::from(unknown).encode().len();
            pushes += 1;
        }
    }
    println!("{pushes} pushes: {plain} bytes, {by_name} packed, {in_full} where the server has nothing");
    assert!(pushes > 100 && by_name < in_full && in_full < plain * 3 / 4);
}

#[test]
fn what_refers_to_something_unknown_or_ambiguous_is_turned_away() {
    let world = Play::of(10, 120);
    let mut reader = Reader::default();
    let referring = stretches(&world, 5).into_iter().find(|items| {
        let packed = pack_items(items, NEWEST).unwrap();
        let alone = unpack_items(&packed, &Nothing);
        let refers = matches!(alone, Err(Unread::Bad(BadPack::Unknown)));
        if !refers {
            reader.read(items);
        }
        refers
    });
    let packed = pack_items(&referring.unwrap(), NEWEST).unwrap();
    assert!(unpack_items(&packed, &reader).is_ok());
    // Another change that somebody made to begin the same; and one of another record.
    let another = Misled(&reader, |mut hash, record| {
        hash.0[31] ^= 1;
        (hash, record)
    });
    let elsewhere = Misled(&reader, |hash, _| (hash, RecordId([9; 16])));
    for misled in [another, elsewhere] {
        assert!(matches!(unpack_items(&packed, &misled), Err(Unread::Bad(BadPack::Mismatch))));
    }
}

#[test]
fn altered_packs_of_pushes_are_turned_away_or_say_the_same() {
    let seed = 78;
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut world = Play::of(14, 150);
    let mut reader = Reader::default();
    stretches(&world, 512).iter().for_each(|items| reader.read(items));
    let batches: Vec<RawBatch> = world.phones().into_iter().flat_map(|phone| world.batches_of(phone)).collect();
    let mut turned_away = 0;
    for round in 0..4_000 {
        let batch = &batches[rng.next_u32() as usize % batches.len()];
        let mut packed = pack_push(batch, &|hash| reader.0.contains_key(hash)).unwrap();
        alter(&mut packed.pack, round, &mut rng);
        match unpack_push(packed, &reader) {
            Err(_) => turned_away += 1,
            Ok(unfolded) => assert_eq!(unfolded.changes, batch.changes, "round {round}"),
        }
    }
    println!("{turned_away} turned away");
    assert!(turned_away > 3_000);
}

/// A pack that says more than it may is not unfolded, whatever it says of its length.
#[test]
fn what_unfolds_without_end_is_turned_away() {
    let items = stretches(&Play::of(16, 60), 5).remove(0);
    let packed = pack_items(&items, NEWEST).unwrap();
    let number = |mut number: u64| {
        let mut bytes = Vec::new();
        while number > 0x7f {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    };
    let bomb = |length: usize| {
        let mut squeezer = zstd::bulk::Compressor::with_dictionary(19, DICTIONARIES[NEWEST as usize - 1]).unwrap();
        squeezer.include_magicbytes(false).unwrap();
        squeezer.include_dictid(false).unwrap();
        squeezer.compress(&vec![0; length]).unwrap()
    };
    let (small, large) = (bomb(1 << 10), bomb(64 << 20));
    assert!(large.len() < 16 << 10, "{} bytes for 64 MB", large.len());
    for (what, lengths, squeezed, expected) in [
        ("as long as it says, which is too long", [0, 0, 64 << 20], &large, BadPack::TooMuch),
        ("both lengths together are too long", [0, 1 << 20, 1], &large, BadPack::TooMuch),
        ("longer than it says", [0, 0, 1 << 20], &large, BadPack::Senseless),
        ("longer than it says, and short", [0, 0, 1 << 9], &small, BadPack::Senseless),
        ("shorter than it says", [0, 0, 1 << 11], &small, BadPack::Senseless),
        ("a length beyond all numbers", [u64::MAX, 0, 0], &small, BadPack::TooMuch),
    ] {
        let pack = lengths.into_iter().flat_map(number).chain(squeezed.iter().copied()).collect();
        let bad = unpack_items(&PackedItems { pack, ..packed.clone() }, &Nothing).unwrap_err();
        assert!(matches!(&bad, Unread::Bad(bad) if *bad == expected), "{what}: {bad:?}");
    }
}

fn alter(pack: &mut Vec<u8>, round: u32, rng: &mut ChaCha8Rng) {
    let at = rng.next_u32() as usize % pack.len();
    match round % 4 {
        0 => pack[at] ^= 1 << (rng.next_u32() % 8),
        1 => pack.truncate(at),
        2 => drop(pack.splice(at..at, [rng.next_u32() as u8])),
        _ => rng.fill_bytes(&mut pack[..at]),
    }
}

#[test]
fn altered_packs_and_garbage_are_turned_away_or_say_the_same() {
    let seed = 77;
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let world = Play::of(12, 150);
    let mut reader = Reader::default();
    let all = stretches(&world, 25);
    all.iter().for_each(|items| reader.read(items));
    let (mut turned_away, mut told_apart) = (0, 0);
    for round in 0..4_000 {
        let items = &all[rng.next_u32() as usize % all.len()];
        let mut packed = pack_items(items, NEWEST).unwrap();
        alter(&mut packed.pack, round, &mut rng);
        match unpack_items(&packed, &reader) {
            Err(_) => turned_away += 1,
            // What a change says and where it belongs is held by the check; places and visits by the chain of the feed.
            Ok(unfolded) => {
                let said = |items: &Items| items.items.iter().map(|item| (item.record, item.content.clone())).collect::<Vec<_>>();
                let changes = |all: Vec<(RecordId, Content)>| {
                    all.into_iter().filter(|(_, content)| matches!(content, Content::Change(_))).collect::<Vec<_>>()
                };
                assert_eq!(changes(said(&unfolded)), changes(said(items)), "round {round}");
                told_apart += 1;
            }
        }
    }
    println!("{turned_away} turned away, {told_apart} say the same of every change");
    assert!(turned_away > 3_500);
}

/// Entries by their places, each with who brought it.
type Entries = BTreeMap<Seq, (Visit, Item)>;

/// A feed's snapshot, part by part, and its entries as pages bring them.
fn snapshot_of(world: &World, feed: renolog_protocol::id::FeedId, head: Seq) -> (Vec<Vec<u8>>, Entries) {
    let schema = Schema::built_in();
    let plan = snapshot::plan(world.store(), &schema, feed, head).unwrap().unwrap();
    let (mut packs, mut after) = (Vec::new(), Place::START);
    loop {
        let packed = snapshot::chunk(world.store(), &schema, &plan, after).unwrap();
        packs.push(packed.pack);
        after = packed.through;
        if packed.last {
            break;
        }
    }
    (packs, entries(&stretches(world, 512).into_iter().filter(|items| items.feed == feed).collect::<Vec<_>>()))
}

fn entries(all: &[Items]) -> Entries {
    let of = |items: &Items| -> Vec<(Seq, (Visit, Item))> {
        let with = |item: &Item| (item.seq, (items.visits[item.visit as usize].clone(), Item { visit: 0, ..item.clone() }));
        items.items.iter().map(with).collect()
    };
    all.iter().flat_map(of).collect()
}

#[test]
fn every_snapshot_unfolds_to_what_its_feed_holds() {
    let world = Play::of(14, 500);
    let feeds: Vec<FeedRow> = world.store().list(&[], None, ALL).unwrap();
    for FeedRow { feed, head, .. } in feeds {
        let (packs, pages) = snapshot_of(&world, feed, head);
        let mut told = BTreeMap::new();
        for pack in &packs {
            let Chunk { visits, items } = unpack_chunk(pack).unwrap();
            told.extend(
                items.into_iter().map(|item| (item.seq, (visits[item.visit as usize].clone(), Item { visit: 0, ..item }))),
            );
        }
        assert_eq!(told, pages, "{feed}");
        let bytes: usize = packs.iter().map(Vec::len).sum();
        println!("{feed}: {} entries in {} parts, {} bytes each", pages.len(), packs.len(), bytes / pages.len().max(1));
    }
}

#[test]
fn altered_chunks_and_garbage_are_turned_away_or_say_the_same() {
    let seed = 78;
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let world = Play::of(12, 150);
    let feeds: Vec<FeedRow> = world.store().list(&[], None, ALL).unwrap();
    let packs: Vec<Vec<u8>> = feeds.iter().flat_map(|row| snapshot_of(&world, row.feed, row.head).0).collect();
    let said = |chunk: Chunk| chunk.items.into_iter().map(|item| (item.record, item.content)).collect::<Vec<_>>();
    let (mut turned_away, mut told_apart) = (0, 0);
    for round in 0..3_000 {
        let whole = &packs[rng.next_u32() as usize % packs.len()];
        let mut pack = whole.clone();
        let at = rng.next_u32() as usize % pack.len();
        match round % 4 {
            0 => pack[at] ^= 1 << (rng.next_u32() % 8),
            1 => pack.truncate(at),
            2 => drop(pack.splice(at..at, [rng.next_u32() as u8])),
            _ => rng.fill_bytes(&mut pack[..at]),
        }
        match unpack_chunk(&pack) {
            Err(_) => turned_away += 1,
            Ok(chunk) => {
                assert_eq!(said(chunk), said(unpack_chunk(whole).unwrap()), "round {round}");
                told_apart += 1;
            }
        }
    }
    println!("{turned_away} turned away, {told_apart} say the same of every entry");
    assert!(turned_away > 2_500);
}

/// Streams that are sound to zstd and mean anything at all: what is behind the squeezing is met, not the squeezing.
#[test]
fn what_unfolds_to_nonsense_is_turned_away() {
    let seed = 79;
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let world = Play::of(12, 150);
    let feeds: Vec<FeedRow> = world.store().list(&[], None, ALL).unwrap();
    let packs: Vec<Vec<u8>> = feeds.iter().flat_map(|row| snapshot_of(&world, row.feed, row.head).0).collect();
    let mut turned_away = 0;
    for _ in 0..3_000 {
        let whole = &packs[rng.next_u32() as usize % packs.len()];
        let (head, mut together) = unfolded(whole);
        let times = 1 + rng.next_u32() as usize % 3;
        for _ in 0..times {
            let at = rng.next_u32() as usize % together.len();
            together[at] = match rng.next_u32() % 3 {
                0 => 0xff,
                1 => rng.next_u32() as u8,
                _ => together[at] ^ 1,
            };
        }
        let pack = [head, zstd::bulk::compress(&together, 1).unwrap()].concat();
        if unpack_chunk(&pack).is_err() {
            turned_away += 1;
        }
    }
    println!("{turned_away} turned away");
    assert!(turned_away > 2_500);
}

/// What stands before the squeezed part of a pack, and that part unfolded.
fn unfolded(pack: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let number = |at: &mut usize| {
        let (mut number, mut shift) = (0usize, 0);
        loop {
            let byte = pack[*at];
            *at += 1;
            number |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return number;
            }
        }
    };
    let mut at = 0;
    let length = number(&mut at);
    let ids = number(&mut at);
    let (head, squeezed) = pack.split_at(at + ids);
    (head.to_vec(), zstd::bulk::decompress(squeezed, length).unwrap())
}

#[test]
fn a_chunk_that_unfolds_without_end_is_turned_away() {
    let length = renolog_protocol::limits::CHUNK_UNFOLDED + 1;
    let mut pack = Vec::new();
    for mut number in [length, 0] {
        while number > 0x7f {
            pack.push(number as u8 | 0x80);
            number >>= 7;
        }
        pack.push(number as u8);
    }
    pack.extend(zstd::bulk::compress(&vec![0; length], 1).unwrap());
    assert_eq!(unpack_chunk(&pack), Err(BadPack::TooMuch));
    assert_eq!(unpack_chunk(&[]), Err(BadPack::CutShort));
    let nothing = pack_chunk(&Chunk::default()).unwrap();
    assert_eq!(unpack_chunk(&nothing), Ok(Chunk::default()));
}
