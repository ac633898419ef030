//! Things that several records may be about: a building that two people claim, a structure that two people report. Each
//! counts once, by where it is.

use std::collections::{BTreeMap, BTreeSet};

use renolog_protocol::id::CommunityId;
use renolog_protocol::names::as_meant;

use super::communities::Log;
use super::{Amount, Counted, Figure, Mark, Unit};
use crate::store::FactRow;

/// An illegal structure is gone in these states.
const REMOVED: [&str; 2] = ["demolished", "verified"];

/// Buildings that someone looks after, of all buildings: in all, and by community.
pub(super) fn claims(logs: &[Log], claims: Vec<FactRow>) -> Vec<Figure> {
    let mut by_community: BTreeMap<CommunityId, Vec<FactRow>> = BTreeMap::new();
    for claim in claims.into_iter().filter(|claim| claim.state.as_str() != "released") {
        by_community.entry(claim.feed.community).or_default().push(claim);
    }
    let mut all = Covered::default();
    let mut figures = Vec::new();
    for log in logs {
        let claims = by_community.remove(&log.row.id).unwrap_or_default();
        let covered = covered(log, &claims);
        if covered.buildings > 0 || !claims.is_empty() {
            let (zh, en) = (format!("{}认领楼幢", log.row.name), format!("buildings claimed in {}", log.row.slug));
            figures.push(covered.figure(Figure::new(format!("claims.{}", log.row.slug), zh, en, Unit::Buildings)));
        }
        all.add(covered);
    }
    figures.insert(0, all.figure(Figure::new("claims", "认领楼幢", "buildings claimed", Unit::Buildings)));
    figures
}

#[derive(Debug, Default)]
struct Covered {
    covered: i64,
    buildings: i64,
    claims: Vec<Counted>,
    unknown: u64,
    silent: Vec<Counted>,
}

/// The claims come in the order in which they were accepted: the first of a building leads.
fn covered(log: &Log, claims: &[FactRow]) -> Covered {
    let Some(buildings) = log.buildings() else {
        let silent = claims.iter().map(Counted::plain).chain(log.counted()).collect();
        return Covered { unknown: 1, silent, ..Covered::default() };
    };
    let buildings: BTreeSet<String> = buildings.into_iter().map(as_meant).collect();
    let mut result = Covered { buildings: buildings.len() as i64, ..Covered::default() };
    let mut led = BTreeSet::new();
    for claim in claims {
        let building = as_meant(&claim.subject);
        if !buildings.contains(&building) {
            result.unknown += 1;
            result.silent.push(Counted::plain(claim));
            continue;
        }
        let mark = if led.insert(building) { Mark::Primary } else { Mark::CoCaptain };
        result.claims.push(Counted { id: claim.id, mark: Some(mark) });
    }
    result.covered = led.len() as i64;
    result
}

impl Covered {
    fn add(&mut self, other: Self) {
        self.covered += other.covered;
        self.buildings += other.buildings;
        self.unknown += other.unknown;
        self.claims.extend(other.claims);
        self.silent.extend(other.silent);
    }

    fn figure(&self, figure: Figure) -> Figure {
        let value = Amount::share(self.covered, self.buildings);
        figure.of(self.claims.iter().copied()).without(self.unknown, self.silent.iter().copied()).is(value)
    }
}

/// Places with an illegal structure, and those of them where it is gone.
pub(super) fn structures(facts: Vec<FactRow>) -> [Figure; 2] {
    let mut places: BTreeMap<(CommunityId, String), Vec<FactRow>> = BTreeMap::new();
    for fact in facts {
        places.entry((fact.feed.community, as_meant(&fact.subject))).or_default().push(fact);
    }
    let is_removed = |reports: &&Vec<FactRow>| reports.iter().any(|report| REMOVED.contains(&report.state.as_str()));
    let removed: Vec<&Vec<FactRow>> = places.values().filter(is_removed).collect();
    let all: Vec<&Vec<FactRow>> = places.values().collect();
    let figure = |name: &str, zh: &str, en: &str, places: Vec<&Vec<FactRow>>| {
        let count = places.len();
        Figure::new(name, zh, en, Unit::Places).of(places.into_iter().flatten_reports()).is(Some(Amount::count(count)))
    };
    [
        figure("illegal_structures", "违建", "illegal structures", all),
        figure("illegal_structures.removed", "已拆除违建", "illegal structures removed", removed),
    ]
}

trait Reports<'a>: Iterator<Item = &'a Vec<FactRow>> + Sized {
    /// Every report; all but the first of a place are duplicates.
    fn flatten_reports(self) -> impl Iterator<Item = Counted> {
        self.flat_map(|reports| {
            let mark = |number| (number > 0).then_some(Mark::Duplicate);
            reports.iter().enumerate().map(move |(number, report)| Counted { id: report.id, mark: mark(number) })
        })
    }
}

impl<'a, I: Iterator<Item = &'a Vec<FactRow>>> Reports<'a> for I {}
