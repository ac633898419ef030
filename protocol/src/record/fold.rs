//! From the moves people made to the state of a record.
//!
//! State is never a register: two people closing a matter apart would then leave one of them unseen, and with Automerge's
//! tie-break even the *earlier* one could win. Moves are kept in a map that only grows, each naming the moves it follows;
//! the state is this pure function of that map. Every device computes the same, in any order of arrival, with or without
//! a server.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::EntryId;
use crate::schema::{Kind, MoveName, StateName, Weight};
use crate::sorted::SortedMap;

/// A move as it stands in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Which move of the schema.
    pub name: MoveName,
    /// The moves its writer saw as the latest.
    pub follows: BTreeSet<EntryId>,
    /// Why.
    pub reason: Option<String>,
}

/// Whether a move counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Standing {
    /// It took the record to its state.
    Stands,
    /// A parallel move took the record elsewhere first. Kept and shown; nobody's word is lost.
    Superseded,
    /// This schema has no such move. A newer one may.
    Unknown,
}

/// The outcome of the fold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// The state the record is in.
    pub state: StateName,
    /// Every move in the order it was taken, the state it found, and whether it counts.
    pub path: Vec<Step>,
}

/// One move in the order of the fold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub id: EntryId,
    /// The state the record was in when its turn came.
    pub found: StateName,
    /// Whether it counts.
    pub standing: Standing,
}

/// Folds `moves` by the rules of `kind`.
///
/// Moves are taken after everything they follow; among those that could be next, the heavier first, then the smaller id.
/// A move counts if the schema allows it from the state it finds *and* its writer meant it from there: everything it
/// follows counts, or the state it finds is the one its writer saw. Who moved on from a consensus that did not come about
/// did not mean this; who saw two dispatches, one of them overtaken, and reported in, did. Stopping work, sending back and
/// escalating need only the first: they act on whatever the state is.
pub fn fold(kind: &Kind, moves: &SortedMap<EntryId, Moved>) -> Folded {
    Folding { kind, moves, seen: BTreeMap::new() }.fold(moves.keys().collect())
}

/// A fold, and those of pasts that it asks for: one for each set of moves that someone followed of which not all count.
struct Folding<'a> {
    kind: &'a Kind,
    moves: &'a SortedMap<EntryId, Moved>,
    seen: BTreeMap<&'a BTreeSet<EntryId>, StateName>,
}

impl<'a> Folding<'a> {
    fn fold(&mut self, among: BTreeSet<&'a EntryId>) -> Folded {
        let mut waiting: BTreeMap<&EntryId, usize> = BTreeMap::new();
        let mut followed_by: BTreeMap<&EntryId, Vec<&'a EntryId>> = BTreeMap::new();
        for id in &among {
            let known = self.moves[*id].follows.iter().filter(|earlier| among.contains(earlier));
            waiting.insert(id, known.clone().count());
            known.for_each(|earlier| followed_by.entry(earlier).or_default().push(id));
        }
        let mut ready: BTreeSet<_> = waiting.iter().filter(|(_, count)| **count == 0).map(|(id, _)| self.turn(id)).collect();
        let mut folded = Folded { state: self.kind.initial.clone(), path: Vec::with_capacity(among.len()) };
        let mut standing: BTreeSet<EntryId> = BTreeSet::new();
        while let Some((_, id)) = ready.pop_first() {
            let found = folded.state.clone();
            let outcome = self.outcome(&self.moves[&id], &found, &standing);
            if outcome == Standing::Stands {
                folded.state = self.kind.moves[&self.moves[&id].name].to.clone();
                standing.insert(id.clone());
            }
            for later in followed_by.remove(&id).unwrap_or_default() {
                let left = waiting.get_mut(later).expect("every move is waited for once");
                *left -= 1;
                if *left == 0 {
                    ready.insert(self.turn(later));
                }
            }
            folded.path.push(Step { id, found, standing: outcome });
        }
        folded
    }

    fn turn(&self, id: &EntryId) -> (std::cmp::Reverse<Weight>, EntryId) {
        let weight = self.kind.moves.get(&self.moves[id].name).map_or(Weight::Close, |rule| rule.weight);
        (std::cmp::Reverse(weight), id.clone())
    }

    fn outcome(&mut self, moved: &'a Moved, found: &StateName, standing: &BTreeSet<EntryId>) -> Standing {
        let Some(rule) = self.kind.moves.get(&moved.name) else { return Standing::Unknown };
        let meant = |folding: &mut Self| {
            rule.weight.overrules() || moved.follows.is_subset(standing) || folding.seen_after(&moved.follows) == *found
        };
        if rule.from.contains(found) && meant(self) { Standing::Stands } else { Standing::Superseded }
    }

    /// The state that someone saw who followed these.
    fn seen_after(&mut self, follows: &'a BTreeSet<EntryId>) -> StateName {
        if let Some(state) = self.seen.get(follows) {
            return state.clone();
        }
        let mut past: BTreeSet<&EntryId> = BTreeSet::new();
        let mut next: Vec<&EntryId> = follows.iter().collect();
        while let Some(id) = next.pop() {
            if let Some((id, moved)) = self.moves.get_key_value(id)
                && past.insert(id)
            {
                next.extend(&moved.follows);
            }
        }
        let state = self.fold(past).state;
        self.seen.insert(follows, state.clone());
        state
    }
}

/// The latest moves: those that no other follows.
pub fn latest(moves: &SortedMap<EntryId, Moved>) -> BTreeSet<EntryId> {
    let followed: BTreeSet<&EntryId> = moves.values().flat_map(|moved| &moved.follows).collect();
    moves.keys().filter(|id| !followed.contains(id)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Schema;

    fn id(n: u8) -> EntryId {
        EntryId::from_random([n, 0, 0, 0, 0])
    }

    /// `1 issue < -; 2 fix < 1` and so on.
    fn folded(kind: &str, script: &str) -> String {
        let schema = Schema::built_in();
        let kind = &schema.kinds[kind];
        let mut moves = SortedMap::new();
        for line in script.split(';') {
            let words: Vec<&str> = line.split_whitespace().collect();
            let number = |word: &str| id(word.parse().expect("a number"));
            let follows = words[3..].iter().map(|w| number(w)).collect();
            let name = MoveName::parse(words[1]).expect("a move");
            moves.insert(number(words[0]), Moved { name, follows, reason: None });
        }
        let folded = fold(kind, &moves);
        let lost: Vec<&str> =
            folded.path.iter().filter(|s| s.standing != Standing::Stands).map(|s| moves[&s.id].name.as_str()).collect();
        format!("{} | {}", folded.state, lost.join(" "))
    }

    #[test]
    fn parallel_moves_fall_into_one_order() {
        for (kind, script, outcome) in [
            ("rectification", "1 issue <; 2 fix < 1; 3 submit < 2; 4 verify < 3", "verified | "),
            // Two verify apart: the second finds the matter closed.
            ("rectification", "1 issue <; 2 fix < 1; 3 submit < 2; 4 verify < 3; 5 verify < 3", "verified | verify"),
            // One verifies, one rejects: rejecting is heavier.
            ("rectification", "1 issue <; 2 fix < 1; 3 submit < 2; 4 verify < 3; 5 reject < 3", "rejected | verify"),
            // Work is stopped while the contractor goes on: nothing of theirs is lost, nothing of it counts.
            ("rectification", "1 issue <; 2 fix < 1; 3 submit < 2; 9 stop_work < 1", "stopped | fix submit"),
            // Whoever follows a superseded move is superseded too …
            ("matter", "1 discuss <; 2 agree < 1; 3 act < 2; 4 disagree < 1", "no_consensus | agree act"),
            // … unless it overrules.
            ("whistle", "1 dispatch <; 2 dispatch <; 3 escalate < 2", "dispatched | dispatch"),
            // Who reports in to the dispatch that was overtaken reports in …
            ("whistle", "1 dispatch <; 2 dispatch <; 3 report_in < 2", "reported_in | dispatch"),
            // … and whoever saw both dispatches goes on from them.
            ("whistle", "1 dispatch <; 2 dispatch <; 3 report_in < 1 2; 4 act < 3", "acting | dispatch"),
            // Work goes on after a stop that overtook what was done meanwhile.
            (
                "rectification",
                "1 issue <; 2 fix < 1; 3 submit < 2; 4 verify < 3; 9 stop_work < 2; 5 resume < 4 9",
                "fixing | submit verify",
            ),
            ("matter", "1 sing <", "opened | sing"),
        ] {
            assert_eq!(folded(kind, script), outcome, "{script}");
        }
    }

    #[test]
    fn moves_that_follow_each_other_in_a_ring_never_count() {
        assert_eq!(folded("matter", "1 discuss < 2; 2 agree < 1"), "opened | ");
    }
}
