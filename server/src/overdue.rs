//! What is overdue: the clocks of open records, run on the moments the server received what it was told.
//!
//! Computed when it is asked for and never stored; only records in a state that some deadline is about are looked at.

use std::collections::{BTreeSet, HashMap};

use renolog_protocol::calendar::Calendar;
use renolog_protocol::deadlines;
use renolog_protocol::id::{ChangeHash, FeedId, RecordId};
use renolog_protocol::record::RecordView;
use renolog_protocol::schema::{Kind, KindName, Label, Party, Role, Schema, StateName, built_in};
use renolog_protocol::time::{SpanMs, UnixMs};
use serde::{Deserialize, Serialize};

use crate::figures::Scope;
use crate::store::{BatchRow, ChangeRow, Column, FactRow, Read, RecordRow, StoreError};

/// One rule that one record has overrun.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overdue {
    /// Which record.
    pub record: RecordId,
    /// Its feed.
    pub feed: FeedId,
    /// What kind.
    pub kind: KindName,
    /// What stands for it in a list.
    pub title: String,
    /// The state it waits in.
    pub state: StateName,
    /// The rule in words.
    pub rule: Label,
    /// Since when its clock runs.
    pub since: UnixMs,
    /// When it was due.
    pub due: UnixMs,
    /// For how long it has been overdue.
    pub overdue: SpanMs,
    /// Who has been told by now, step by step.
    pub escalated: Vec<Role>,
    /// The roles that can take it on from its state.
    pub waits_for: BTreeSet<Role>,
    /// The parties they speak for.
    pub waits_for_parties: BTreeSet<Party>,
}

/// Which of them are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Filter {
    /// Those that wait for this party.
    pub party: Option<Party>,
    /// Those that wait for this role, or have been escalated to it.
    pub role: Option<Role>,
}

/// Everything overdue within a scope, the longest first.
///
/// # Errors
/// [`StoreError`].
pub fn list<S: Read + ?Sized>(
    store: &S,
    scope: &Scope,
    schema: &Schema,
    calendar: &Calendar,
    now: UnixMs,
    filter: &Filter,
) -> Result<Vec<Overdue>, StoreError> {
    let mut found = Vec::new();
    for kind in schema.kinds.values().filter(|kind| !kind.deadlines.is_empty()) {
        let states: BTreeSet<&StateName> = kind.deadlines.iter().flat_map(|rule| &rule.states).collect();
        for fact in scope.facts(store, kind)?.into_iter().filter(|fact| fact.closed.is_none() && states.contains(&fact.state)) {
            found.extend(of_record(store, schema, kind, &fact, calendar, now)?);
        }
    }
    found.retain(|late| filter.fits(late));
    found.sort_by_key(|late| (std::cmp::Reverse(late.overdue), late.record));
    Ok(found)
}

impl Filter {
    fn fits(&self, late: &Overdue) -> bool {
        self.party.as_ref().is_none_or(|party| late.waits_for_parties.contains(party))
            && self.role.as_ref().is_none_or(|role| late.waits_for.contains(role) || late.escalated.contains(role))
    }
}

fn of_record<S: Read + ?Sized>(
    store: &S,
    schema: &Schema,
    kind: &Kind,
    fact: &FactRow,
    calendar: &Calendar,
    now: UnixMs,
) -> Result<Vec<Overdue>, StoreError> {
    let row: RecordRow = store.get(&[fact.id.to_cell()])?.ok_or(StoreError::Damaged("records"))?;
    let view = row.read_view()?;
    let received = received(store, &view)?;
    let waits_for = waits_for(kind, &fact.state);
    let parties: BTreeSet<Party> = waits_for.iter().filter_map(|role| Some(schema.roles.get(role)?.party.clone())).collect();
    let late = |due: deadlines::Due| {
        Some(Overdue {
            record: fact.id,
            feed: fact.feed,
            kind: kind.name.clone(),
            title: row.title.clone(),
            state: fact.state.clone(),
            rule: due.rule,
            since: due.since,
            due: due.due,
            overdue: due.overdue?,
            escalated: due.escalated,
            waits_for: waits_for.clone(),
            waits_for_parties: parties.clone(),
        })
    };
    let clocks = deadlines::due(kind, &view, Some(fact.opened), |change| received.get(&change).copied(), calendar, now);
    Ok(clocks.into_iter().filter_map(late).collect())
}

/// When the server received the changes that start and stop a record's clocks.
fn received<S: Read + ?Sized>(store: &S, view: &RecordView) -> Result<HashMap<ChangeHash, UnixMs>, StoreError> {
    let moves = view.moves.iter().map(|step| step.source.change);
    let pauses = view.entries(built_in::PAUSES).iter().flat_map(|entry| &entry.values).map(|said| said.source.change);
    let mut received = HashMap::new();
    for change in moves.chain(pauses) {
        let Some(row) = store.get::<ChangeRow>(&[change.to_cell()])? else { continue };
        if let Some(batch) = store.get::<BatchRow>(&[row.batch.to_cell()])? {
            received.insert(change, batch.received);
        }
    }
    Ok(received)
}

/// Who can take a record on from a state by an ordinary step.
fn waits_for(kind: &Kind, state: &StateName) -> BTreeSet<Role> {
    let ordinary = kind.moves.values().filter(|rule| rule.from.contains(state) && !rule.weight.overrules());
    ordinary.flat_map(|rule| rule.by.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{District, HOUR, MONDAY};

    fn names(found: &[Overdue]) -> Vec<&str> {
        found.iter().map(|late| late.rule.en.as_str()).collect()
    }

    #[test]
    fn a_whistle_that_nobody_answers_goes_up_step_by_step() {
        let mut desk = District::new();
        let community = desk.community("desheng");
        let committee = desk.member(&[community], "residents_committee");
        let street = desk.member(&[community], "street");
        let values = [("need", "污水管返水".into()), ("urgency", "urgent".into())];
        let whistle = desk.make(&committee, community, "whistle", &values, Vec::new());
        let (schema, calendar) = (Schema::built_in(), Calendar::built_in());
        let at = |desk: &District, hours: i64, filter: &Filter| {
            let now = MONDAY + SpanMs(hours * HOUR.0);
            list(desk.ingest.store(), &Scope::Everything, &schema, &calendar, now, filter).expect("memory")
        };
        let role = |name: &str| Filter { role: Role::parse(name).ok(), ..Filter::default() };
        let party = |name: &str| Filter { party: Party::parse(name).ok(), ..Filter::default() };

        assert!(at(&desk, 3, &Filter::default()).is_empty(), "there is time");
        let late = at(&desk, 5, &Filter::default());
        assert_eq!(names(&late), ["dispatched within 4 hours"]);
        assert_eq!((late[0].since, late[0].overdue), (MONDAY, HOUR));
        assert_eq!(late[0].escalated, [Role::parse("street").expect("a role")]);
        assert_eq!(at(&desk, 8, &Filter::default())[0].escalated.len(), 2, "street, then district");
        assert_eq!((at(&desk, 5, &party("street")).len(), at(&desk, 5, &party("builders")).len()), (1, 0));
        assert_eq!((at(&desk, 5, &role("district")).len(), at(&desk, 8, &role("district")).len()), (0, 1), "once it got there");

        desk.now = MONDAY + SpanMs(5 * HOUR.0);
        desk.go(&street, whistle, "dispatch");
        assert!(at(&desk, 6, &Filter::default()).is_empty(), "the next clock has begun");
        let late = at(&desk, 8, &Filter::default());
        assert_eq!(names(&late), ["an urgent whistle is answered within 2 hours"]);
        assert_eq!(late[0].since, desk.now, "from receipt, not from the device's clock");
        assert_eq!(late[0].waits_for_parties, BTreeSet::from([Party::parse("departments").expect("a party")]));
    }
}
