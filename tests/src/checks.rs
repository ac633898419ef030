//! What must be true of a world at rest, whatever happened in it.
//!
//! [`converged`] asks for all of it. Each check reads what phones and server have stored, never what the simulation
//! believes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use renolog_client_core::client::{Client, Fate};
use renolog_protocol::calendar::Calendar;
use renolog_protocol::change::Change;
use renolog_protocol::id::{ChangeHash, FeedId, RecordId, Seq};
use renolog_protocol::record::{Act, Record};
use renolog_protocol::schema::{Schema, Value};
use renolog_server::reception;
use renolog_server::rosters::Rosters;
use renolog_server::store::{
    ALL, ChangeRow, Column, Dumped, Fate as Stored, FeedRow, Read, RecordRow, Scan, Store, TimelineRow, dump,
};

use crate::world::World;

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Changes that stand.
    pub changes: usize,
    /// Records that stand.
    pub records: usize,
    /// Fields in which people disagree.
    pub conflicts: u64,
    /// Moves that a parallel one overtook.
    pub superseded: u64,
    /// Changes in quarantine.
    pub refused: usize,
    /// Changes whose actor and number were taken, said again by others.
    pub forked: usize,
}

/// Checks everything, and says what the run came to.
///
/// # Panics
/// If anything is not as it must be; the words say what, of whom.
pub fn converged<S: Store>(world: &mut World<S>) -> Summary {
    for phone in world.phones() {
        world.note_what_was_made(phone);
    }
    let changes = changes(world.store());
    feeds_have_no_gaps(world.store(), &changes);
    what_was_acknowledged_is_there(world, &changes);
    projections_can_be_rebuilt(world.store(), &changes);
    everyone_agrees(world);
    nothing_is_lost(world, &changes);
    every_word_stands_once(world, &changes);
    summary(world.store(), &changes)
}

/// The tables in which every change leaves a trace, whatever becomes of it.
const TRACES: [&str; 3] = ["batches", "changes", "commands"];

/// Everything that a store holds, but for what came and how it was ruled on: what people can see.
///
/// # Panics
/// If the store does not answer.
pub fn visible(store: &dyn Scan) -> Vec<Dumped> {
    let tables = dump(store).expect("the store works");
    tables.into_iter().filter(|(name, _)| !TRACES.contains(name)).collect()
}

type Changes = BTreeMap<ChangeHash, ChangeRow>;

fn changes<S: Store>(store: &S) -> Changes {
    let rows: Vec<ChangeRow> = store.list(&[], None, ALL).expect("the store works");
    rows.into_iter().map(|row| (row.hash, row)).collect()
}

/// Positions count from 1 to the feed's head, and the timeline tells of each, and of nothing else.
fn feeds_have_no_gaps<S: Store>(store: &S, changes: &Changes) {
    let mut accepted: BTreeMap<FeedId, BTreeMap<Seq, ChangeHash>> = BTreeMap::new();
    for row in changes.values().filter(|row| row.fate == Stored::Accepted) {
        let seq = row.seq.expect("what is accepted has a place");
        let other = accepted.entry(row.feed).or_default().insert(seq, row.hash);
        assert_eq!(other, None, "two changes at {seq} of {}", row.feed);
    }
    let heads: Vec<FeedRow> = store.list(&[], None, ALL).expect("the store works");
    assert_eq!(heads.len(), accepted.len(), "feeds with a head and feeds with changes");
    for FeedRow { feed, head, .. } in heads {
        let seqs: Vec<u64> = accepted[&feed].keys().map(|seq| seq.0).collect();
        assert_eq!(seqs, (1..=head.0).collect::<Vec<_>>(), "positions of {feed}");
        let told: Vec<TimelineRow> = store.list(&[feed.to_cell()], None, ALL).expect("the store works");
        let told: BTreeMap<Seq, ChangeHash> = told.into_iter().map(|row| (row.seq, row.hash)).collect();
        assert_eq!(told, accepted[&feed], "the timeline of {feed}");
    }
}

/// What anyone was told is accepted, is.
fn what_was_acknowledged_is_there<S: Store>(world: &World<S>, changes: &Changes) {
    for hash in &world.acknowledged {
        let fate = changes.get(hash).map(|row| row.fate);
        assert_eq!(fate, Some(Stored::Accepted), "{hash} was acknowledged");
    }
}

/// The records as people see them are what the accepted changes make, applied in the order of the feed.
fn projections_can_be_rebuilt<S: Store>(store: &S, changes: &Changes) {
    let mut records: BTreeMap<RecordId, BTreeMap<Seq, Change>> = BTreeMap::new();
    for row in changes.values() {
        if let Some(seq) = row.seq {
            let change = Change::parse(&row.bytes).expect("what is accepted can be read");
            records.entry(row.record).or_default().insert(seq, change);
        }
    }
    let rows: Vec<RecordRow> = store.list(&[], None, ALL).expect("the store works");
    assert_eq!(rows.iter().map(|row| row.id).collect::<BTreeSet<_>>(), records.keys().copied().collect(), "records");
    for row in rows {
        let record = Record::rebuild(row.id, records[&row.id].values()).expect("accepted changes fit together");
        let view = record.view(&Schema::built_in()).expect("it has changes");
        assert_eq!(serde_json::to_string(&view).expect("plain data"), row.view, "projection of {}", row.id);
        assert_eq!((row.state, row.title), (view.state.clone(), view.title.clone()));
        assert_eq!((row.conflicts, row.superseded), (view.conflicts.len() as u64, view.superseded().count() as u64));
    }
}

/// Every phone that has a network shows exactly the records it may read, byte for byte as the server has them.
fn everyone_agrees<S: Store>(world: &mut World<S>) {
    let schema: Arc<Schema> = Schema::built_in();
    let now = world.now();
    for id in world.phones() {
        if !world.is_reachable(id) {
            continue;
        }
        let followed: BTreeSet<FeedId> = world.client(id).feeds().map(|state| state.cursor.feed).collect();
        let device = world.client(id).device();
        let introduction =
            reception::introduce(world.store(), &Rosters::default(), &schema, &Calendar::built_in(), device, &[], now)
                .expect("the store works");
        let readable = introduction.communities.iter().flat_map(|standing| &standing.feeds).map(|(feed, _)| *feed);
        let mut expected: BTreeMap<RecordId, String> = BTreeMap::new();
        for feed in readable.filter(|feed| followed.contains(feed)) {
            let rows: Vec<RecordRow> =
                world.store().list_by(RecordRow::BY_FEED, &[feed.to_cell()], None, ALL).expect("the store works");
            expected.extend(rows.into_iter().map(|row| (row.id, row.view)));
        }
        let shown = world.client(id).state_of_everything().expect("the store works");
        let name = world.name(id).to_owned();
        assert_eq!(shown.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "records that {name} shows");
        for (record, view) in shown {
            assert_eq!(view, expected[&record], "{name} shows {record} otherwise than the server");
        }
    }
}

/// Every change ever made on a phone stands, or is refused and kept, or was said again by another that does.
fn nothing_is_lost<S: Store>(world: &mut World<S>, changes: &Changes) {
    for id in world.phones() {
        if !world.is_reachable(id) {
            continue;
        }
        let name = world.name(id).to_owned();
        let client: &Client = world.client(id);
        let made = client.made_here().expect("the store works");
        let drafts: BTreeSet<ChangeHash> = client.drafts().expect("the store works").iter().map(|draft| draft.change).collect();
        let all: BTreeSet<ChangeHash> = made.iter().map(|made| made.hash).collect();
        for made in made {
            let stored = changes.get(&made.hash);
            let fits = match &made.fate {
                Fate::Accepted(seq) => stored.is_some_and(|row| row.fate == Stored::Accepted && row.seq == *seq),
                Fate::Held => stored.is_some_and(|row| row.fate == Stored::Held),
                Fate::Refused => drafts.contains(&made.hash) || stored.is_some_and(|row| row.fate == Stored::Refused),
                Fate::Replaced(Some(by)) => all.contains(by),
                Fate::Replaced(None) => true,
                Fate::Pending | Fate::Withdrawn => false,
            };
            assert!(fits, "{name} made {} and says {:?}, the server says {:?}", made.hash, made.fate, stored.map(|row| row.fate));
        }
    }
}

/// Each thing that someone said in words of their own stands in exactly one accepted change, or else is kept as refused.
fn every_word_stands_once<S: Store>(world: &mut World<S>, changes: &Changes) {
    let mut standing: BTreeMap<String, usize> = BTreeMap::new();
    for row in changes.values().filter(|row| row.fate == Stored::Accepted) {
        let told: Option<TimelineRow> = world.store().get(&[row.feed.to_cell(), row.seq.to_cell()]).expect("the store works");
        let acts: Vec<Act> = serde_json::from_str(&told.expect("told above").acts).expect("acts");
        words(&acts).for_each(|word| *standing.entry(word).or_default() += 1);
    }
    let mut kept: BTreeSet<String> = BTreeSet::new();
    for id in world.phones() {
        let drafts = world.client(id).drafts().expect("the store works");
        kept.extend(drafts.iter().flat_map(|draft| words(&draft.acts).collect::<Vec<_>>()));
    }
    for (word, by) in world.said.clone() {
        let name = world.name(by).to_owned();
        match standing.get(&word) {
            Some(1) => {}
            None => assert!(kept.contains(&word) || !world.is_reachable(by), "what {name} said is lost: {word}"),
            Some(times) => panic!("what {name} said stands {times} times: {word}"),
        }
    }
}

fn words(acts: &[Act]) -> impl Iterator<Item = String> {
    let texts = acts.iter().filter_map(|act| match act {
        Act::Put { entry, .. } => Some(entry.values().cloned()),
        _ => None,
    });
    texts.flatten().filter_map(|value| if let Value::Text(text) = value { Some(text) } else { None })
}

fn summary<S: Store>(store: &S, changes: &Changes) -> Summary {
    let rows: Vec<RecordRow> = store.list(&[], None, ALL).expect("the store works");
    let with = |fate| changes.values().filter(|row| row.fate == fate).count();
    Summary {
        changes: with(Stored::Accepted),
        records: rows.len(),
        conflicts: rows.iter().map(|row| row.conflicts).sum(),
        superseded: rows.iter().map(|row| row.superseded).sum(),
        refused: with(Stored::Refused),
        forked: with(Stored::Forked),
    }
}
