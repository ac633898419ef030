//! Which parties must act next. A record may wait for several, and then counts with each of them.

use std::collections::{BTreeMap, BTreeSet};

use renolog_protocol::schema::{Kind, Party, Schema, StateName};

use crate::overdue::waits_for_parties;
use crate::store::FactRow;

/// The parties that a kind's records wait for, by state; those that are done wait for nobody.
pub(super) struct Waiting(BTreeMap<StateName, BTreeSet<Party>>);

impl Waiting {
    pub(super) fn new(schema: &Schema, kind: &Kind) -> Self {
        let open = kind.states.iter().filter(|(_, state)| !state.done).map(|(name, _)| name);
        Self(open.map(|state| (state.clone(), waits_for_parties(schema, kind, state))).collect())
    }

    /// Only of what waits in some states.
    pub(super) fn only(mut self, states: &BTreeSet<&StateName>) -> Self {
        self.0.retain(|state, _| states.contains(state));
        self
    }

    /// Every party that a record of the kind may wait for, some more than once.
    pub(super) fn parties(&self) -> impl Iterator<Item = &Party> {
        self.0.values().flatten()
    }

    pub(super) fn is_for(&self, party: &Party, fact: &FactRow) -> bool {
        self.0.get(&fact.state).is_some_and(|parties| parties.contains(party))
    }
}
