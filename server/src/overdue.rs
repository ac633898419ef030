//! What is overdue: the clocks of open records, run on the moments the server received what it was told.
//!
//! Computed when it is asked for and never stored; only records in a state that some deadline is about are looked at.

use std::collections::{BTreeSet, HashMap};

use renolog_protocol::calendar::Calendar;
use renolog_protocol::deadlines;
use renolog_protocol::id::{ChangeHash, CommunityId, FeedId, PersonId, RecordId};
use renolog_protocol::record::RecordView;
use renolog_protocol::schema::{Kind, KindName, Label, Party, Role, Schema, StateName, Value, built_in};
use renolog_protocol::time::{SpanMs, UnixMs};
use serde::{Deserialize, Serialize};

use crate::figures::Scope;
use crate::store::{ALL, BatchRow, ChangeRow, Column, FactRow, MemberRow, Read, RecordRow, StoreError};

/// One rule that one record has overrun.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
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
    /// Those that wait for a role of this person where the record belongs, or have been escalated to one.
    pub person: Option<PersonId>,
    /// Those of the communities of this street.
    pub street: Option<String>,
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
    let filter = Narrowed::by(store, scope, schema, now, filter)?;
    let mut found = Vec::new();
    for kind in schema.kinds.values().filter(|kind| !kind.deadlines.is_empty()) {
        let states: BTreeSet<&StateName> = kind.deadlines.iter().flat_map(|rule| &rule.states).collect();
        for fact in scope.facts(store, kind)?.into_iter().filter(|fact| fact.closed.is_none() && states.contains(&fact.state)) {
            found.extend(of_record(store, schema, kind, &fact, calendar, now)?);
        }
    }
    found.retain(|late| filter.fits(late));
    found.sort_by_key(|late| (late.due, late.record));
    Ok(found)
}

/// A filter with what it needs to know looked up.
struct Narrowed<'a> {
    filter: &'a Filter,
    /// The person's roles, by community.
    roles: HashMap<CommunityId, BTreeSet<Role>>,
    /// The street's communities.
    street: BTreeSet<CommunityId>,
}

impl<'a> Narrowed<'a> {
    fn by<S: Read + ?Sized>(
        store: &S,
        scope: &Scope,
        schema: &Schema,
        now: UnixMs,
        filter: &'a Filter,
    ) -> Result<Self, StoreError> {
        let mut roles: HashMap<CommunityId, BTreeSet<Role>> = HashMap::new();
        if let Some(person) = &filter.person {
            let members: Vec<MemberRow> = store.list_by(MemberRow::BY_PERSON, &[person.to_cell()], None, ALL)?;
            for member in members.into_iter().filter(|m| m.since <= now && m.until.is_none_or(|until| now < until)) {
                roles.entry(member.community).or_default().insert(member.role);
            }
        }
        let street = filter.street.as_deref().map_or(Ok(BTreeSet::new()), |street| on_street(store, scope, schema, street))?;
        Ok(Self { filter, roles, street })
    }

    fn fits(&self, late: &Overdue) -> bool {
        let concerns = |role: &Role| late.waits_for.contains(role) || late.escalated.contains(role);
        let community = late.feed.community;
        let of_person = || self.roles.get(&community).is_some_and(|roles| roles.iter().any(concerns));
        self.filter.party.as_ref().is_none_or(|party| late.waits_for_parties.contains(party))
            && self.filter.role.as_ref().is_none_or(concerns)
            && (self.filter.person.is_none() || of_person())
            && (self.filter.street.is_none() || self.street.contains(&community))
    }
}

/// The communities whose own record names this street.
fn on_street<S: Read + ?Sized>(
    store: &S,
    scope: &Scope,
    schema: &Schema,
    street: &str,
) -> Result<BTreeSet<CommunityId>, StoreError> {
    let Some(kind) = schema.kinds.get("community") else { return Ok(BTreeSet::new()) };
    let mut found = BTreeSet::new();
    for fact in scope.facts(store, kind)? {
        let row: RecordRow = store.get(&[fact.id.to_cell()])?.ok_or(StoreError::Damaged("records"))?;
        if row.read_view()?.value("street") == Some(&Value::Text(street.to_owned())) {
            found.insert(fact.feed.community);
        }
    }
    Ok(found)
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
    let parties = parties(schema, &waits_for);
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

/// The parties that can take a record on from a state by an ordinary step.
pub fn waits_for_parties(schema: &Schema, kind: &Kind, state: &StateName) -> BTreeSet<Party> {
    parties(schema, &waits_for(kind, state))
}

fn parties(schema: &Schema, roles: &BTreeSet<Role>) -> BTreeSet<Party> {
    roles.iter().filter_map(|role| Some(schema.roles.get(role)?.party.clone())).collect()
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

    #[test]
    fn everyone_sees_what_waits_for_them_and_each_street_its_own() {
        let mut desk = District::new();
        let (desheng, liushui) = (desk.community("desheng"), desk.community("liushui"));
        let office = desk.member(&[desheng, liushui], "street");
        let elsewhere = desk.member(&[liushui], "residents_committee");
        for (community, street) in [(desheng, "大关街道"), (liushui, "文晖街道")] {
            desk.make(&office, community, "community", &[("name", "小区".into()), ("street", street.into())], Vec::new());
        }
        let committee = desk.member(&[desheng], "residents_committee");
        desk.make(&committee, desheng, "whistle", &[("need", "污水管返水".into()), ("urgency", "urgent".into())], Vec::new());
        let late = |filter: Filter| {
            let (now, calendar) = (MONDAY + SpanMs(5 * HOUR.0), Calendar::built_in());
            let found = list(desk.ingest.store(), &Scope::Everything, &Schema::built_in(), &calendar, now, &filter);
            found.expect("memory").len()
        };
        let person = |who: &crate::testing::Member| Filter { person: Some(who.person), ..Filter::default() };
        let street = |name: &str| Filter { street: Some(name.into()), ..Filter::default() };
        assert_eq!((late(person(&office)), late(person(&committee)), late(person(&elsewhere))), (1, 0, 0));
        assert_eq!((late(street("大关街道")), late(street("文晖街道")), late(street("没有的街道"))), (1, 0, 0));
    }
}
