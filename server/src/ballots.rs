//! The count of a motion: its ballots out of the private feed, counted by [`renolog_protocol::tally`].

mod text;

use renolog_protocol::id::{FeedId, RecordId};
use renolog_protocol::record::RecordView;
use renolog_protocol::schema::{Schema, StateName, Value};
use renolog_protocol::tally::{self, Ballot, Tally};
use serde::Serialize;

use crate::figures::Scope;
use crate::store::{Column, Read, RecordRow, StoreError};

pub use text::render;

/// The count of one motion.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = BallotCount)]
pub struct Counted {
    /// The motion.
    pub motion: RecordId,
    /// Its state.
    pub state: StateName,
    /// What kind of matter it is; nothing if the motion does not say.
    pub class: Option<String>,
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
    /// The ballots on which the result hangs: those of the units that the count names so.
    pub hangs_on: Vec<RecordId>,
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
    let mut ballots: Vec<(RecordId, Ballot)> = Vec::new();
    for fact in Scope::Feeds([feed].into()).facts(store, kind)? {
        let row: RecordRow = store.get(&[fact.id.to_cell()])?.ok_or(StoreError::Damaged("records"))?;
        ballots.extend(tally::ballots(motion.id, &row.read_view()?).into_iter().map(|ballot| (row.id, ballot)));
    }
    // In whatever order they came, the same is said of them.
    ballots.sort_by_key(|(id, _)| *id);
    let said: Vec<Ballot> = ballots.iter().map(|(_, ballot)| ballot.clone()).collect();
    let counted = tally::question(schema, &view).map(|question| tally::tally(&question, &said));
    let hangs = |ballot: &Ballot| counted.as_ref().is_some_and(|tally| tally.hangs_on.contains(&ballot.unit));
    Ok(Some(Counted {
        motion: motion.id,
        state: motion.state.clone(),
        class: view.value("class").map(ToString::to_string),
        units: whole(&view, "units"),
        area_cm2: whole(&view, "area_cm2"),
        closed: schema.kinds.get("motion").is_some_and(|kind| tally::is_closed(kind, &view)),
        ballots: ballots.len() as u64,
        conflicts: motion.conflicts,
        hangs_on: ballots.iter().filter(|(_, ballot)| hangs(ballot)).map(|(id, _)| *id).collect(),
        tally: counted,
    }))
}

fn whole(view: &RecordView, field: &str) -> Option<u64> {
    match view.value(field)? {
        Value::Whole(number) => (*number).try_into().ok(),
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
        assert_eq!((tally.outcome, tally.certain), (Outcome::Open, false));
        assert_eq!(open.hangs_on, [disputed], "the ballot that can turn it");

        desk.go(&owners, motion, "count");
        assert!(counted(&desk, motion).closed);
        let twice = vote(&mut desk, &owners, motion, "１-１01", "agree");
        assert_eq!(counted(&desk, motion).tally.expect("the whole is known").heads.taking_part, 3, "one household, typed twice");
        desk.act(&committee, twice, &[put("witness", "residents_committee", &[("seen", true.into())])]);
        desk.go(&owners, twice, "void");
        desk.act(&committee, disputed, &[put("witness", "residents_committee", &[("seen", true.into())])]);
        desk.go(&owners, disputed, "verify");
        let tally = counted(&desk, motion).tally.expect("the whole is known");
        assert_eq!((tally.heads.taking_part, tally.outcome), (4, Outcome::Passed));
    }
}
