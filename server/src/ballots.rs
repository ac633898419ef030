//! The count of a motion: its ballots out of the private feed, counted by [`renolog_protocol::tally`].

mod text;

use renolog_protocol::id::{FeedId, RecordId};
use renolog_protocol::record::RecordView;
use renolog_protocol::schema::{Schema, StateName, Value};
use renolog_protocol::tally::{Ballot, Choice, Class, Question, Tally, tally};
use serde::Serialize;

use crate::figures::Scope;
use crate::store::{Column, FactRow, Read, RecordRow, StoreError};

pub use text::render;

/// Voting is over in these states of a motion.
const CLOSED: [&str; 4] = ["counting", "passed", "failed", "publicised"];

/// The count of one motion.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Counted {
    /// The motion.
    pub motion: RecordId,
    /// Its state.
    pub state: StateName,
    /// What kind of matter it is; nothing if the motion does not say.
    pub class: Option<Class>,
    /// Units in all; nothing if the motion does not say.
    pub units: Option<u64>,
    /// Exclusive area in all; nothing if the motion does not say.
    pub area_cm2: Option<u64>,
    /// Whether voting is over.
    pub closed: bool,
    /// Ballots handed in, void ones left out.
    pub ballots: u64,
    /// Fields of the motion in which people disagree: the count is by the value shown first.
    pub conflicts: u64,
    /// The count; nothing while the motion does not say what the whole is.
    pub tally: Option<Tally>,
}

/// Where a motion's ballots are; nothing if the schema has none.
pub fn feed_of_ballots(schema: &Schema, motion: &RecordRow) -> Option<FeedId> {
    let audience = schema.kinds.get("ballot")?.audience;
    Some(FeedId { community: motion.feed.community, audience })
}

/// Counts a motion; nothing if the record is none.
///
/// # Errors
/// [`StoreError`].
pub fn count<S: Read + ?Sized>(store: &S, schema: &Schema, motion: &RecordRow) -> Result<Option<Counted>, StoreError> {
    let (Some(kind), Some(feed)) = (schema.kinds.get("ballot"), feed_of_ballots(schema, motion)) else { return Ok(None) };
    if motion.kind != *"motion" {
        return Ok(None);
    }
    let view = motion.read_view()?;
    let mut ballots = Vec::new();
    for fact in Scope::Feeds([feed].into()).facts(store, kind)? {
        ballots.extend(ballot(store, motion.id, &fact)?);
    }
    let class = match view.value("class") {
        Some(Value::Text(class)) if class == "major" => Some(Class::Major),
        Some(Value::Text(class)) if class == "ordinary" => Some(Class::Ordinary),
        _ => None,
    };
    let (units, area_cm2) = (whole(&view, "units"), whole(&view, "area_cm2"));
    let closed = CLOSED.contains(&motion.state.as_str());
    let question = match (class, units, area_cm2) {
        (Some(class), Some(units), Some(area_cm2)) => Some(Question { class, units, area_cm2, closed }),
        _ => None,
    };
    Ok(Some(Counted {
        motion: motion.id,
        state: motion.state.clone(),
        class,
        units,
        area_cm2,
        closed,
        ballots: ballots.len() as u64,
        conflicts: motion.conflicts,
        tally: question.map(|question| tally(&question, &ballots)),
    }))
}

/// The ballot that a record is, if it is one on this motion that was not declared void.
fn ballot<S: Read + ?Sized>(store: &S, motion: RecordId, fact: &FactRow) -> Result<Option<Ballot>, StoreError> {
    if fact.state.as_str() == "void" {
        return Ok(None);
    }
    let row: RecordRow = store.get(&[fact.id.to_cell()])?.ok_or(StoreError::Damaged("records"))?;
    let view = row.read_view()?;
    let is_on_it = text(&view, "motion").and_then(|id| id.parse().ok()) == Some(motion);
    let choice = match text(&view, "choice") {
        Some("agree") => Choice::Agree,
        Some("disagree") => Choice::Disagree,
        Some("abstain") => Choice::Abstain,
        _ => return Ok(None),
    };
    let (Some(unit), Some(area_cm2), true) = (text(&view, "unit"), whole(&view, "area_cm2"), is_on_it) else { return Ok(None) };
    let owner = text(&view, "owner").map(str::trim).filter(|owner| !owner.is_empty()).map(str::to_owned);
    let disputed = fact.state.as_str() == "disputed";
    Ok(Some(Ballot { unit: crate::figures::same_place(unit), owner, area_cm2, choice, disputed }))
}

fn whole(view: &RecordView, field: &str) -> Option<u64> {
    match view.value(field)? {
        Value::Whole(number) => (*number).try_into().ok(),
        _ => None,
    }
}

fn text<'a>(view: &'a RecordView, field: &str) -> Option<&'a str> {
    match view.value(field)? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use renolog_protocol::tally::Outcome;

    use super::*;
    use crate::testing::{District, Member, put};

    const UNIT_CM2: i64 = 900_000;

    fn vote(desk: &mut District, owners: &Member, motion: RecordId, unit: &str, choice: &str) -> RecordId {
        let community = desk.community_of(motion);
        let motion = motion.to_string();
        let values = [
            ("motion", motion.as_str().into()),
            ("unit", unit.into()),
            ("area_cm2", UNIT_CM2.into()),
            ("choice", choice.into()),
            ("channel", "door".into()),
        ];
        desk.make(owners, community, "ballot", &values, Vec::new())
    }

    fn counted(desk: &District, motion: RecordId) -> Counted {
        let row = desk.ingest.store().get(&[motion.to_cell()]).expect("memory").expect("it was made");
        count(desk.ingest.store(), &Schema::built_in(), &row).expect("memory").expect("it is a motion")
    }

    #[test]
    fn a_motion_is_counted_from_the_ballots_that_name_it() {
        let mut desk = District::new();
        let community = desk.community("yeqing");
        let owners = desk.member(&[community], "owners_committee");
        let committee = desk.member(&[community], "residents_committee");
        let values = [("text", "加装电梯".into()), ("class", "ordinary".into())];
        let other = desk.make(&owners, community, "motion", &values, Vec::new());
        let unsaid = counted(&desk, other);
        assert_eq!((unsaid.units, unsaid.tally), (None, None), "the whole is not known, and so nothing follows");

        let whole = [("units", 6_i64.into()), ("area_cm2", (6 * UNIT_CM2).into())];
        let motion = desk.make(&owners, community, "motion", &[&values[..], &whole[..]].concat(), Vec::new());
        for name in ["publish", "vote"] {
            desk.go(&owners, motion, name);
        }
        for unit in ["1-101", "1-102", "1-201"] {
            vote(&mut desk, &owners, motion, unit, "agree");
        }
        vote(&mut desk, &owners, other, "1-301", "agree");
        let void = vote(&mut desk, &owners, motion, "1-302", "disagree");
        desk.act(&committee, void, &[put("witness", "residents_committee", &[("seen", true.into())])]);
        desk.go(&owners, void, "void");
        let disputed = vote(&mut desk, &owners, motion, "1-202", "disagree");
        desk.go(&committee, disputed, "dispute");

        let open = counted(&desk, motion);
        let tally = open.tally.expect("the whole is known");
        assert_eq!((open.closed, open.ballots), (false, 4));
        assert_eq!((tally.heads.taking_part, tally.heads.agreeing, tally.heads.quorum), (3, 3, 4));
        assert_eq!(tally.set_aside, ["1-202".to_owned()].into());
        assert_eq!(tally.outcome, Outcome::Open);

        desk.go(&owners, motion, "count");
        assert!(counted(&desk, motion).closed);
        desk.act(&committee, disputed, &[put("witness", "residents_committee", &[("seen", true.into())])]);
        desk.go(&owners, disputed, "verify");
        let tally = counted(&desk, motion).tally.expect("the whole is known");
        assert_eq!((tally.heads.taking_part, tally.outcome), (4, Outcome::Passed));
    }
}
