//! From the moves people made to the state of a record.
//!
//! State is never a register: two people closing a matter apart would then leave one of them unseen, and with Automerge's
//! tie-break even the *earlier* one could win. Moves are kept in a map that only grows, each naming the moves it follows;
//! the state is this pure function of that map. Every device computes the same, in any order of arrival, with or without
//! a server.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::id::EntryId;
use crate::schema::{Kind, MoveName, StateName, Weight};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
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
/// A move counts if the schema allows it from the state it finds *and* everything it follows counts: who moved on from a
/// consensus that did not come about did not mean this. Stopping work, sending back and escalating need only the first:
/// they act on whatever the state is.
pub fn fold(kind: &Kind, moves: &BTreeMap<EntryId, Moved>) -> Folded {
    let mut waiting: BTreeMap<&EntryId, usize> = BTreeMap::new();
    let mut followed_by: BTreeMap<&EntryId, Vec<&EntryId>> = BTreeMap::new();
    for (id, moved) in moves {
        let known = moved.follows.iter().filter(|earlier| moves.contains_key(*earlier));
        waiting.insert(id, known.clone().count());
        known.for_each(|earlier| followed_by.entry(earlier).or_default().push(id));
    }
    let turn = |id: &EntryId| (std::cmp::Reverse(weight(kind, &moves[id])), id.clone());
    let mut ready: BTreeSet<_> = waiting.iter().filter(|(_, count)| **count == 0).map(|(id, _)| turn(id)).collect();
    let mut folded = Folded { state: kind.initial.clone(), path: Vec::with_capacity(moves.len()) };
    let mut standing: BTreeSet<EntryId> = BTreeSet::new();
    while let Some((_, id)) = ready.pop_first() {
        let moved = &moves[&id];
        let found = folded.state.clone();
        let outcome = match kind.moves.get(&moved.name) {
            None => Standing::Unknown,
            Some(rule) if !rule.from.contains(&found) => Standing::Superseded,
            Some(rule) if !rule.weight.overrules() && !moved.follows.is_subset(&standing) => Standing::Superseded,
            Some(rule) => {
                folded.state = rule.to.clone();
                standing.insert(id.clone());
                Standing::Stands
            }
        };
        for later in followed_by.remove(&id).unwrap_or_default() {
            let left = waiting.get_mut(later).expect("every move is waited for once");
            *left -= 1;
            if *left == 0 {
                ready.insert(turn(later));
            }
        }
        folded.path.push(Step { id, found, standing: outcome });
    }
    folded
}

/// The latest moves: those that no other follows.
pub fn latest(moves: &BTreeMap<EntryId, Moved>) -> BTreeSet<EntryId> {
    let followed: BTreeSet<&EntryId> = moves.values().flat_map(|moved| &moved.follows).collect();
    moves.keys().filter(|id| !followed.contains(id)).cloned().collect()
}

fn weight(kind: &Kind, moved: &Moved) -> Weight {
    kind.moves.get(&moved.name).map_or(Weight::Close, |rule| rule.weight)
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
        let mut moves = BTreeMap::new();
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
