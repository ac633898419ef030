//! Resources that partners offer, and how content people are.

use super::{Amount, Counted, Figure, Unit};
use crate::store::FactRow;

pub(super) fn resources(facts: &[FactRow]) -> [Figure; 4] {
    let in_state = |state: &'static str| facts.iter().filter(move |fact| fact.state.as_str() == state).map(Counted::plain);
    let worth = Figure::new("resources.value_yuan", "资源价值", "worth of the resources offered", Unit::Yuan);
    let known = facts.iter().filter(|fact| fact.number.is_some());
    let silent = facts.iter().filter(|fact| fact.number.is_none());
    let total = known.clone().filter_map(|fact| fact.number).reduce(i64::saturating_add);
    [
        Figure::new("resources.offered", "共建资源", "resources offered", Unit::Records)
            .counting(facts.iter().map(Counted::plain)),
        Figure::new("resources.allocated", "已调配资源", "resources allocated", Unit::Records).counting(in_state("allocated")),
        Figure::new("resources.used", "已使用资源", "resources used", Unit::Records).counting(in_state("used")),
        worth
            .of(known.map(Counted::plain))
            .without(silent.clone().count() as u64, silent.map(Counted::plain))
            .is(total.map(Amount::Whole)),
    ]
}

pub(super) fn satisfaction(visits: &[FactRow]) -> [Figure; 2] {
    let scored = visits.iter().filter(|visit| visit.number.is_some());
    let silent = visits.iter().filter(|visit| visit.number.is_none());
    let sum = scored.clone().filter_map(|visit| visit.number).fold(0, i64::saturating_add);
    let count = scored.clone().count();
    let mean = Figure::new("satisfaction", "回访满意度（1–5）", "satisfaction (1–5)", Unit::Points);
    [
        mean.of(scored.clone().map(Counted::plain))
            .without(silent.clone().count() as u64, silent.map(Counted::plain))
            .is(Amount::mean(sum, count)),
        Figure::new("satisfaction.visits", "回访次数", "follow-up visits", Unit::Records)
            .counting(visits.iter().map(Counted::plain)),
    ]
}
