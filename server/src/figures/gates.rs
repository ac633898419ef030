//! 民主决策关: the gate that the owners' decision opens, and the ones that rest on no such decision.
//!
//! The rules see one record at a time, so that a phone and the server cannot differ: they ask that such a gate names its
//! motion. Whether that motion passed stands in another record, which may move after the gate did; so it is counted, for the
//! street to see, rather than refused.

use renolog_protocol::id::RecordId;
use renolog_protocol::record::{RecordView, Standing};
use renolog_protocol::schema::{Kind, MoveName, Schema, Value};

use super::{Counted, Figure, Unit};
use crate::store::{Column, FactRow, Read, RecordRow, StoreError};

/// Decision gates that were submitted or approved while the motion they name has not passed, or is not there.
pub(super) fn unfounded<S: Read + ?Sized>(store: &S, schema: &Schema, gates: &[FactRow]) -> Result<Figure, StoreError> {
    let mut unfounded = Vec::new();
    for gate in gates.iter().filter(|gate| ["submitted", "approved"].contains(&gate.state.as_str())) {
        let row: RecordRow = store.get(&[gate.id.to_cell()])?.ok_or(StoreError::Damaged("records"))?;
        let view = row.read_view()?;
        if view.value("which") == Some(&Value::from("decision")) && !rests_on_a_decision(store, schema, &row, &view)? {
            unfounded.push(Counted::plain(gate));
        }
    }
    let figure =
        Figure::new("unfounded_gates", "未经民主决策通过的决策关", "decision gates without a passed motion", Unit::Records);
    Ok(figure.counting(unfounded))
}

fn rests_on_a_decision<S: Read + ?Sized>(
    store: &S,
    schema: &Schema,
    gate: &RecordRow,
    view: &RecordView,
) -> Result<bool, StoreError> {
    let Some(Value::Text(named)) = view.value("motion") else { return Ok(false) };
    let Ok(named) = named.parse::<RecordId>() else { return Ok(false) };
    let motion: Option<RecordRow> = store.get(&[named.to_cell()])?;
    let motion = motion.filter(|motion| motion.kind == *"motion" && motion.feed.community == gate.feed.community);
    match (motion, schema.kinds.get("motion")) {
        (Some(motion), Some(kind)) => Ok(has_passed(kind, &motion.read_view()?)),
        _ => Ok(false),
    }
}

/// Whether the last count of a motion that stands said yes, and nobody struck the motion out.
fn has_passed(kind: &Kind, motion: &RecordView) -> bool {
    let leads_to = |name: &MoveName| kind.moves.get(name).map(|rule| rule.to.as_str());
    let counts = motion.moves.iter().filter(|step| step.standing == Standing::Stands);
    let verdict = counts.filter_map(|step| leads_to(&step.name)).rfind(|to| ["passed", "failed"].contains(to));
    motion.voided.is_none() && verdict == Some("passed")
}
