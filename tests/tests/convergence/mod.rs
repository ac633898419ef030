//! Any interleaving, any grouping into pushes, and any repetition of the same edits gives the same state, the same fold, the
//! same conflicts and the same count of a vote: on the server and on every device. What is refused alters none of it.

mod matter;
mod vote;
mod writers;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use renolog_protocol::change::Change;
use renolog_protocol::id::{Audience, FeedId, RecordId};
use renolog_protocol::record::{Record, RecordView};
use renolog_protocol::schema::Schema;
use renolog_protocol::wire::Ruling;
use renolog_server::ballots::{self, Counted};
use renolog_server::conflicts::{self, Disagreement};
use renolog_server::ingest::Ingest;
use renolog_server::store::{ALL, ChangeRow, Fate, Memory, Read, RecordRow};
use renolog_tests::checks::visible;

use writers::{COMMUNITY, Writers, Written, grouped, push};

/// What someone tries next, and whose words they have read before.
#[derive(Debug, Clone)]
struct Try<W> {
    who: usize,
    reads: Option<usize>,
    what: W,
}

/// So many tries by people of whom there are so many.
fn tries<W: std::fmt::Debug + Clone>(
    people: usize,
    what: impl Strategy<Value = W>,
    count: std::ops::Range<usize>,
) -> impl Strategy<Value = Vec<Try<W>>> {
    let one = (0..people, prop::option::of(0..people), what).prop_map(|(who, reads, what)| Try { who, reads, what });
    prop::collection::vec(one, count)
}

/// In which order, in which pushes, and how often the server hears of it.
#[derive(Debug, Clone)]
struct Way {
    keys: Vec<u32>,
    cuts: Vec<bool>,
}

fn ways() -> impl Strategy<Value = Way> {
    let keys = prop::collection::vec(any::<u32>(), 32);
    let cuts = prop::collection::vec(any::<bool>(), 32);
    (keys, cuts).prop_map(|(keys, cuts)| Way { keys, cuts })
}

/// Everything that people are shown of a community.
#[derive(Debug, PartialEq)]
struct Shown {
    records: BTreeMap<RecordId, String>,
    disagreements: Vec<Disagreement>,
    counts: Vec<Counted>,
}

impl Shown {
    fn by(ingest: &Ingest<Memory>) -> Self {
        let (store, schema) = (ingest.store(), Schema::built_in());
        let rows: Vec<RecordRow> = store.list(&[], None, ALL).unwrap();
        let feeds = Audience::ALL.map(|audience| FeedId { community: COMMUNITY, audience });
        let counts = rows.iter().filter_map(|row| ballots::count(store, &schema, row).unwrap()).collect();
        let disagreements = conflicts::list(store, &schema, feeds, None, ALL).unwrap();
        Self { records: rows.into_iter().map(|row| (row.id, row.view)).collect(), disagreements, counts }
    }
}

/// Tells one server as it was written and another in this way, and holds what they show against each other and against what
/// devices show.
fn converges(writers: &Writers, way: &Way) -> Result<(), TestCaseError> {
    let mut as_written = writers.server();
    for (number, written) in (1..).zip(&writers.stands) {
        push(&mut as_written, writers.sign(number, std::slice::from_ref(written)));
    }
    let expected = Shown::by(&as_written);

    let told = told_in_this_way(writers, way)?;
    prop_assert_eq!(&Shown::by(&told), &expected, "the server");

    let rows: Vec<ChangeRow> = told.store().list(&[], None, ALL).unwrap();
    let fate = |fate| rows.iter().filter(|row| row.fate == fate).map(|row| row.hash).collect::<BTreeSet<_>>();
    let hashes = |written: &[Written]| written.iter().map(|written| written.change.hash()).collect::<BTreeSet<_>>();
    prop_assert_eq!(fate(Fate::Accepted), hashes(&writers.stands));
    prop_assert_eq!(rows.len(), fate(Fate::Accepted).len() + fate(Fate::Refused).len(), "nothing waits for ever");

    let mut by_seq: Vec<&ChangeRow> = rows.iter().filter(|row| row.seq.is_some()).collect();
    by_seq.sort_by_key(|row| (row.feed, row.seq));
    let in_feeds = by_seq.into_iter().map(|row| (row.record, Change::parse(&row.bytes).unwrap())).collect();
    prop_assert_eq!(&shown_after(in_feeds), &expected.records, "a device that reads the feeds");
    let anyhow = grouped(&writers.stands, &way.keys, &[true]).into_iter().flatten();
    let anyhow = anyhow.map(|written| (written.record, written.change)).collect();
    prop_assert_eq!(&shown_after(anyhow), &expected.records, "a device that hears them anyhow");
    Ok(())
}

fn told_in_this_way(writers: &Writers, way: &Way) -> Result<Ingest<Memory>, TestCaseError> {
    let mut ingest = writers.server();
    let mut number = 0;
    let mut next = || {
        number += 1;
        number
    };
    let mut refused = writers.refused.iter();
    for (group, chance) in grouped(&writers.stands, &way.keys, &way.cuts).into_iter().zip(way.keys.iter().cycle()) {
        let batch = writers.sign(next(), &group);
        push(&mut ingest, batch.clone());
        if chance % 3 == 0 {
            // Cut between commit and receipt: the same push again.
            push(&mut ingest, batch);
        }
        if chance % 5 == 0 {
            // A phone restored from a copy: the same changes, in another push.
            push(&mut ingest, writers.sign(next(), &group));
        }
        if chance % 2 == 0
            && let Some(bad) = refused.next()
        {
            refuses(&mut ingest, writers, next(), bad)?;
        }
    }
    for bad in refused {
        refuses(&mut ingest, writers, next(), bad)?;
    }
    Ok(ingest)
}

/// Whether it is refused at once or waits for what it rests on, nobody sees anything of it; refused, not even the store does.
fn refuses(ingest: &mut Ingest<Memory>, writers: &Writers, number: u64, bad: &Written) -> Result<(), TestCaseError> {
    let before = (visible(ingest.store()), Shown::by(ingest));
    let pushed = push(ingest, writers.sign(number, std::slice::from_ref(bad)));
    let rulings: Vec<&Ruling> = pushed.receipt.rulings.iter().map(|ruled| &ruled.ruling).collect();
    let left_alone = match rulings[..] {
        [Ruling::Refused(_)] => visible(ingest.store()) == before.0,
        [Ruling::Held(_)] => Shown::by(ingest) == before.1,
        _ => false,
    };
    prop_assert!(left_alone, "it shows, or was ruled otherwise: {rulings:?}");
    Ok(())
}

/// The records as a device shows them that received the changes in this order, each as soon as it fits.
fn shown_after(mut waiting: Vec<(RecordId, Change)>) -> BTreeMap<RecordId, String> {
    let mut records: BTreeMap<RecordId, Record> = BTreeMap::new();
    while !waiting.is_empty() {
        let fits =
            |(id, change): &(RecordId, Change)| change.deps().all(|dep| records.get(id).is_some_and(|record| record.holds(dep)));
        let next = waiting.iter().position(fits).unwrap();
        let (id, change) = waiting.remove(next);
        records.entry(id).or_insert_with(|| Record::empty(id)).apply(&change).unwrap();
    }
    let view = |record: &Record| -> RecordView { record.view(&Schema::built_in()).unwrap() };
    records.iter().map(|(id, record)| (*id, serde_json::to_string(&view(record)).unwrap())).collect()
}
