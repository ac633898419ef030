//! The plan: communities by step and street, households, buildings, area.

use std::collections::{BTreeMap, HashMap};

use renolog_protocol::id::CommunityId;
use renolog_protocol::record::RecordView;
use renolog_protocol::schema::{Label, Value};

use super::{Amount, Counted, Figure, Known, Scope, Unit};
use crate::store::{Column, CommunityRow, FactRow, Read, RecordRow, StoreError};

/// Works are over in these states of a community.
const COMPLETED: [&str; 2] = ["after", "long_term"];

/// A community of the plan and its own record, once it has one.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) row: CommunityRow,
    pub(super) record: Option<(FactRow, RecordView)>,
}

/// The communities within a scope. Where a community's own record was made twice, the first accepted counts.
pub(super) fn read<S: Read + ?Sized>(store: &S, scope: &Scope, facts: Vec<FactRow>) -> Result<Vec<Log>, StoreError> {
    let mut first: HashMap<CommunityId, FactRow> = HashMap::new();
    for fact in facts {
        first.entry(fact.feed.community).or_insert(fact);
    }
    let log = |row: CommunityRow| {
        let Some(fact) = first.remove(&row.id) else { return Ok(Log { row, record: None }) };
        let record: RecordRow = store.get(&[fact.id.to_cell()])?.ok_or(StoreError::Damaged("records"))?;
        Ok(Log { row, record: Some((fact, record.read_view()?)) })
    };
    scope.communities(store)?.into_iter().map(log).collect()
}

impl Log {
    fn state(&self) -> Option<&str> {
        self.record.as_ref().map(|(fact, _)| fact.state.as_str())
    }

    pub(super) fn counted(&self) -> Option<Counted> {
        self.record.as_ref().map(|(fact, _)| Counted::plain(fact))
    }

    fn number(&self, field: &str) -> Option<i64> {
        match self.record.as_ref()?.1.value(field)? {
            Value::Whole(number) => Some(*number),
            _ => None,
        }
    }

    fn street(&self) -> Option<&str> {
        match self.record.as_ref()?.1.value("street")? {
            Value::Text(street) if !street.trim().is_empty() => Some(street.trim()),
            _ => None,
        }
    }

    /// The numbers of its buildings; nothing while none is written down.
    pub(super) fn buildings(&self) -> Option<Vec<&str>> {
        let entries = self.record.as_ref()?.1.entries("buildings");
        let standing: Vec<&str> = entries.iter().filter(|e| e.voided.is_none()).map(|e| e.key.as_str()).collect();
        (!standing.is_empty()).then_some(standing)
    }
}

pub(super) fn figures(logs: &[Log], known: Known<'_>) -> Vec<Figure> {
    let initial = known.schema.kinds.get("community").map(|kind| kind.initial.clone());
    let is_started = |log: &Log| log.state().map(|state| initial.as_ref().is_none_or(|initial| initial.as_str() != state));
    let is_completed = |log: &Log| log.state().map(|state| COMPLETED.contains(&state));
    let planned = Figure::new("communities.planned", "计划改造小区", "communities planned", Unit::Communities);
    let started = Figure::new("communities.started", "已开工小区", "communities started", Unit::Communities);
    let completed = Figure::new("communities.completed", "已完工小区", "communities completed", Unit::Communities);
    let mut figures = vec![
        planned.of(logs.iter().filter_map(Log::counted)).is(Some(Amount::count(logs.len()))),
        share(started, logs, is_started),
        share(completed, logs, is_completed),
    ];
    figures.extend(by_step(logs, known));
    figures.extend(by_street(logs));
    figures.extend(households(logs, known, is_started));
    let buildings = |log: &Log| log.buildings().map(|buildings| i64::try_from(buildings.len()).unwrap_or(i64::MAX));
    figures.push(sum(Figure::new("buildings", "楼幢", "buildings", Unit::Buildings), logs, buildings));
    let area = Figure::new("area_m2", "建筑面积", "floor area", Unit::SquareMetres);
    figures.push(sum(area, logs, |log| log.number("area_m2")));
    figures
}

/// Those of all communities for which something holds; a community that does not say is unknown.
fn share(figure: Figure, logs: &[Log], holds: impl Fn(&Log) -> Option<bool>) -> Figure {
    let those: Vec<Counted> = logs.iter().filter(|log| holds(log) == Some(true)).filter_map(Log::counted).collect();
    let unknown = logs.iter().filter(|log| holds(log).is_none()).count() as u64;
    let value = Amount::share(those.len() as i64, logs.len() as i64);
    figure.of(those).without(unknown, []).is(value)
}

/// What communities say, added up; nothing while none says anything.
fn sum(figure: Figure, logs: &[Log], number: impl Fn(&Log) -> Option<i64>) -> Figure {
    let said = logs.iter().filter(|log| number(log).is_some());
    let silent = logs.iter().filter(|log| number(log).is_none());
    let unknown = silent.clone().count() as u64;
    let total = said.clone().filter_map(&number).reduce(i64::saturating_add);
    figure.of(said.filter_map(Log::counted)).without(unknown, silent.filter_map(Log::counted)).is(total.map(Amount::Whole))
}

fn by_step(logs: &[Log], known: Known<'_>) -> Vec<Figure> {
    let Some(kind) = known.schema.kinds.get("community") else { return Vec::new() };
    let unknown = logs.iter().filter(|log| log.record.is_none()).count() as u64;
    let step = |(state, rules): (&renolog_protocol::schema::StateName, &renolog_protocol::schema::State)| {
        let Label { zh, en } = &rules.label;
        let name = format!("communities.step.{state}");
        let there = logs.iter().filter(|log| log.state() == Some(state.as_str())).filter_map(Log::counted);
        let figure = Figure::new(name, format!("{zh}的小区"), format!("communities: {en}"), Unit::Communities);
        figure.counting(there).without(unknown, [])
    };
    kind.states.iter().map(step).collect()
}

fn by_street(logs: &[Log]) -> Vec<Figure> {
    let mut streets: BTreeMap<&str, Vec<Counted>> = BTreeMap::new();
    for log in logs {
        if let (Some(street), Some(counted)) = (log.street(), log.counted()) {
            streets.entry(street).or_default().push(counted);
        }
    }
    let silent: Vec<&Log> = logs.iter().filter(|log| log.street().is_none()).collect();
    let figure = |(street, those): (&str, Vec<Counted>)| {
        let name = format!("communities.street.{street}");
        let figure = Figure::new(name, format!("{street}的小区"), format!("communities of {street}"), Unit::Communities);
        figure.counting(those).without(silent.len() as u64, silent.iter().filter_map(|log| log.counted()))
    };
    streets.into_iter().map(figure).collect()
}

fn households(logs: &[Log], known: Known<'_>, is_started: impl Fn(&Log) -> Option<bool>) -> [Figure; 3] {
    let plain = Figure::new("households", "惠及户数", "households in the plan", Unit::Households);
    let plain = sum(plain, logs, |log| log.number("households"));
    let share = match (&plain.value, known.district.total_households) {
        (Some(Amount::Whole(served)), Some(all)) => Amount::share(*served, all.into()),
        _ => None,
    };
    let share = Figure {
        name: "households.share".into(),
        label: Label {
            zh: "惠及户数占全域老旧小区居民".into(), en: "households in the plan, of all in old communities".into()
        },
        value: share,
        ..plain.clone()
    };
    let (begun, not): (Vec<&Log>, Vec<&Log>) = logs.iter().partition(|log| is_started(log) == Some(true));
    drop(not);
    let known_of: Vec<&&Log> = begun.iter().filter(|log| log.number("households").is_some()).collect();
    let total = known_of.iter().filter_map(|log| log.number("households")).reduce(i64::saturating_add);
    let silent = begun.iter().filter(|log| log.number("households").is_none());
    let started = Figure::new("households.started", "已开工小区户数", "households where works have started", Unit::Households)
        .of(known_of.iter().filter_map(|log| log.counted()))
        .without(silent.clone().count() as u64, silent.filter_map(|log| log.counted()))
        .is(total.map(Amount::Whole));
    [plain, share, started]
}
