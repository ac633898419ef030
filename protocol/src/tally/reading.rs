//! From records to what is counted: motions are questions, ballots say what owners said.

use super::{Ballot, Choice, Question};
use crate::id::RecordId;
use crate::names::as_meant;
use crate::record::{FieldView, RecordView};
use crate::schema::{Kind, Schema, Value};

/// What a motion asks. None while it does not say of what class it is or what the whole is, or if the schema has no
/// majority for that class.
pub fn question(schema: &Schema, motion: &RecordView) -> Option<Question> {
    let kind = schema.kinds.get("motion").filter(|kind| kind.name == motion.created.kind)?;
    let needed = *schema.votes.classes.get(text(motion, "class")?)?;
    let (units, area_cm2) = (whole(motion, "units")?, whole(motion, "area_cm2")?);
    Some(Question { quorum: schema.votes.quorum, needed, units, area_cm2, closed: is_closed(kind, motion) })
}

/// Whether voting on a motion is over: it is from the state `counting` on.
pub fn is_closed(kind: &Kind, motion: &RecordView) -> bool {
    let place = |state: &str| kind.states.get_index_of(state);
    match (place(motion.state.as_str()), place("counting")) {
        (Some(here), Some(counting)) => here >= counting,
        _ => false,
    }
}

/// What a ballot says on `motion`: nothing if it is on another, was struck out or declared void; each thing it says, where it
/// was written apart, since then the count sets its unit aside.
pub fn ballots(motion: RecordId, ballot: &RecordView) -> Vec<Ballot> {
    let counts = ballot.created.kind == *"ballot" && ballot.voided.is_none() && ballot.state.as_str() != "void";
    let is_on_it = text(ballot, "motion").and_then(|id| id.parse().ok()) == Some(motion);
    let (Some(unit), Some(area_cm2), true) = (text(ballot, "unit"), whole(ballot, "area_cm2"), counts && is_on_it) else {
        return Vec::new();
    };
    let Some(FieldView::Values(choices)) = ballot.fields.get("choice") else { return Vec::new() };
    let owner = text(ballot, "owner").map(as_meant).filter(|owner| !owner.is_empty());
    let disputed = ballot.state.as_str() == "disputed";
    let one = |choice| Ballot { unit: as_meant(unit), owner: owner.clone(), area_cm2, choice, disputed };
    choices.iter().filter_map(|said| choice(&said.value)).map(one).collect()
}

fn choice(value: &Value) -> Option<Choice> {
    match value {
        Value::Text(text) if text == "agree" => Some(Choice::Agree),
        Value::Text(text) if text == "disagree" => Some(Choice::Disagree),
        Value::Text(text) if text == "abstain" => Some(Choice::Abstain),
        _ => None,
    }
}

fn text<'a>(view: &'a RecordView, field: &str) -> Option<&'a str> {
    match view.value(field)? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn whole(view: &RecordView, field: &str) -> Option<u64> {
    match view.value(field)? {
        Value::Whole(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}
