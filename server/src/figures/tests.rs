//! The figures of the article, loaded as people would write them.

use renolog_protocol::calendar::Calendar;
use renolog_protocol::id::{Audience, CommunityId, FeedId};
use renolog_protocol::schema::{Schema, Value};
use renolog_protocol::time::SpanMs;

use super::*;
use crate::testing::{District as Desk, HOUR, Member, buildings};

fn figure(desk: &Desk, scope: &Scope, name: &str) -> Figure {
    let (schema, district, calendar) = (Schema::built_in(), District::built_in(), Calendar::built_in());
    let known = Known { schema: &schema, district: &district, calendar: &calendar, now: desk.now };
    let found = named(desk.ingest.store(), scope, known, name).expect("memory");
    let among_all = all(desk.ingest.store(), scope, known).expect("memory").into_iter().find(|figure| figure.name == name);
    assert_eq!(found, among_all, "alone and among all the figures");
    found.unwrap_or_else(|| panic!("there is no figure {name}"))
}

/// Value and unknown in one line.
fn said(desk: &Desk, name: &str) -> String {
    let figure = figure(desk, &Scope::Everything, name);
    let value = figure.value.as_ref().map_or("unknown".into(), |value| value.words(figure.unit));
    if figure.unknown == 0 { value } else { format!("{value}, {} unknown", figure.unknown) }
}

struct Published {
    slug: &'static str,
    street: &'static str,
    buildings: usize,
    area_m2: i64,
    households: Option<i64>,
}

const FIVE: [Published; 5] = [
    Published { slug: "desheng", street: "大关街道", buildings: 105, area_m2: 225_000, households: None },
    Published { slug: "liushui", street: "文晖街道", buildings: 9, area_m2: 44_800, households: None },
    Published { slug: "yeqing", street: "米市巷街道", buildings: 4, area_m2: 19_000, households: Some(211) },
    Published { slug: "gongyuan", street: "长庆街道", buildings: 11, area_m2: 31_000, households: None },
    Published { slug: "qinfeng", street: "米市巷街道", buildings: 10, area_m2: 28_000, households: Some(474) },
];

fn load(desk: &mut Desk, street: &Member, community: CommunityId, published: &Published) -> RecordId {
    let mut values: Vec<(&str, Value)> =
        vec![("name", published.slug.into()), ("street", published.street.into()), ("area_m2", published.area_m2.into())];
    values.extend(published.households.map(|households| ("households", Value::from(households))));
    desk.make(street, community, "community", &values, buildings(published.buildings))
}

fn five() -> (Desk, Vec<CommunityId>, Member) {
    let mut desk = Desk::new();
    let communities: Vec<CommunityId> = FIVE.iter().map(|published| desk.community(published.slug)).collect();
    let street = desk.member(&communities, "street");
    for (published, community) in FIVE.iter().zip(&communities) {
        load(&mut desk, &street, *community, published);
    }
    (desk, communities, street)
}

#[test]
fn the_five_communities() {
    let (desk, ..) = five();
    assert_eq!(said(&desk, "buildings"), "139");
    assert_eq!(said(&desk, "area_m2"), "347800");
    assert_eq!(said(&desk, "households"), "685, 3 unknown");
    assert_eq!(said(&desk, "communities.planned"), "5");
    assert_eq!(said(&desk, "communities.started"), "0/5 = 0.0 %");
    assert_eq!(said(&desk, "communities.street.米市巷街道"), "2");
    assert_eq!(said(&desk, "claims.desheng"), "0/105 = 0.0 %", "as many as there are buildings can be claimed");
    let households = figure(&desk, &Scope::Everything, "households");
    assert_eq!((households.records.len(), households.silent.len()), (2, 3), "which records say, and which do not");
}

#[test]
fn the_plan_of_the_district() {
    let mut desk = Desk::new();
    let communities: Vec<CommunityId> = (0..225).map(|number| desk.community(&format!("c{number}"))).collect();
    let street = desk.member(&communities, "street");
    for (number, community) in communities.iter().enumerate() {
        // 91,900 = 225 × 408 + 100.
        let households = if number < 100 { 409_i64 } else { 408 };
        let values = [("name", "小区".into()), ("households", households.into())];
        let record = desk.make(&street, *community, "community", &values, Vec::new());
        if number < 220 {
            desk.go(&street, record, "start");
        }
        if number < 147 {
            desk.go(&street, record, "complete");
        }
        if number < 20 {
            desk.go(&street, record, "hand_over");
        }
    }
    assert_eq!(said(&desk, "communities.planned"), "225");
    assert_eq!(said(&desk, "communities.started"), "220/225 = 97.8 %");
    assert_eq!(said(&desk, "communities.completed"), "147/225 = 65.3 %");
    assert_eq!(said(&desk, "communities.step.long_term"), "20");
    assert_eq!(said(&desk, "households"), "91900");
    assert_eq!(said(&desk, "households.share"), "91900/145400 = 63.2 %");
    assert_eq!(said(&desk, "buildings"), "unknown, 225 unknown", "not 0");
    assert_eq!(figure(&desk, &Scope::Everything, "communities.completed").records.len(), 147);

    desk.community("one-more");
    assert_eq!(said(&desk, "communities.started"), "220/226 = 97.3 %, 1 unknown", "no record of it yet");
}

#[test]
fn a_structure_counts_once_however_often_it_is_reported() {
    let (mut desk, communities, street) = five();
    let qinfeng = communities[4];
    let group = desk.member(&[qinfeng], "group");
    for number in 1..=85 {
        let place = format!("{}幢-1-{}", number % 10 + 1, 100 + number);
        let record = desk.make(&street, qinfeng, "illegal_structure", &[("location", place.as_str().into())], Vec::new());
        for name in ["notify", "agree", "demolish"] {
            desk.go(&street, record, name);
        }
    }
    desk.make(&group, qinfeng, "illegal_structure", &[("location", "１０幢－１ －109".into())], Vec::new());
    desk.make(&group, qinfeng, "illegal_structure", &[("location", "3幢-1-102".into())], Vec::new());
    assert_eq!(said(&desk, "illegal_structures.removed"), "85");
    assert_eq!(said(&desk, "illegal_structures"), "85");
    let removed = figure(&desk, &Scope::of_community(qinfeng), "illegal_structures.removed");
    assert_eq!(removed.records.len(), 87, "every report can be looked up");
    assert_eq!(removed.records.iter().filter(|counted| counted.mark == Some(Mark::Duplicate)).count(), 2);
    desk.make(&group, qinfeng, "illegal_structure", &[("location", "9幢-9-999".into())], Vec::new());
    assert_eq!((said(&desk, "illegal_structures.removed"), said(&desk, "illegal_structures")), ("85".into(), "86".into()));
    assert_eq!(figure(&desk, &Scope::of_community(communities[0]), "illegal_structures").value, Some(Amount::Whole(0)));
}

#[test]
fn two_claims_of_a_building_count_once_and_the_first_leads() {
    let (mut desk, communities, _) = five();
    let liushui = communities[1];
    let captains = [desk.member(&[liushui], "captain"), desk.member(&[liushui], "captain")];
    let claim = |desk: &mut Desk, who: usize, building: &str| {
        let person = captains[who].person.to_string();
        let values = [("building", building.into()), ("person", person.as_str().into())];
        desk.make(&captains[who], liushui, "claim", &values, Vec::new())
    };
    let first = claim(&mut desk, 0, "3幢");
    let second = claim(&mut desk, 1, "３幢");
    claim(&mut desk, 1, "12幢");
    assert_eq!(said(&desk, "claims.liushui"), "1/9 = 11.1 %, 1 unknown", "there is no building 12");
    let claims = figure(&desk, &Scope::Everything, "claims.liushui");
    let marks = [(first, Mark::Primary), (second, Mark::CoCaptain)];
    assert_eq!(claims.records, marks.map(|(id, mark)| Counted { id, mark: Some(mark) }));
    for number in [1, 2, 4, 5, 6, 7, 8, 9] {
        claim(&mut desk, 0, &format!("{number}幢"));
    }
    assert_eq!(said(&desk, "claims.liushui"), "9/9 = 100.0 %, 1 unknown");
    assert_eq!(said(&desk, "claims"), "9/139 = 6.5 %, 1 unknown");
    desk.go(&captains[0], first, "release");
    assert_eq!(said(&desk, "claims.liushui"), "9/9 = 100.0 %, 1 unknown", "the second looks after it still");
}

#[test]
fn a_community_has_one_specialist() {
    let (mut desk, communities, street) = five();
    let posted = |desk: &mut Desk, community: CommunityId, role: &str| {
        let values = [("name", "周专员".into()), ("role", role.into()), ("from", "2026-03-01".into())];
        desk.make(&street, community, "posting", &values, Vec::new())
    };
    assert_eq!(said(&desk, "specialists"), "0/5 = 0.0 %");
    let alone = posted(&mut desk, communities[0], "specialist");
    posted(&mut desk, communities[0], "official");
    let several = [posted(&mut desk, communities[1], "specialist"), posted(&mut desk, communities[1], "specialist")];
    assert_eq!(said(&desk, "specialists"), "1/5 = 20.0 %, 1 unknown");
    let specialists = figure(&desk, &Scope::Everything, "specialists");
    let ids = |counted: &[Counted]| counted.iter().map(|counted| counted.id).collect::<Vec<_>>();
    assert_eq!((ids(&specialists.records), ids(&specialists.silent)), (vec![alone], several.to_vec()));
    desk.go(&street, several[0], "end");
    assert_eq!(said(&desk, "specialists"), "2/5 = 40.0 %");
}

#[test]
fn a_decision_gate_rests_on_a_motion_that_passed() {
    let (mut desk, communities, street) = five();
    let yeqing = communities[2];
    let owners = desk.member(&[yeqing], "owners_committee");
    let specialist = desk.member(&[yeqing], "specialist");
    let committee = desk.member(&[yeqing], "residents_committee");
    let motion = desk.make(&owners, yeqing, "motion", &[("text", "加装电梯".into()), ("class", "major".into())], Vec::new());
    let gate = |desk: &mut Desk, which: &str, motion: Option<RecordId>| {
        let named = motion.map(|motion| motion.to_string());
        let mut values = vec![("which", Value::from(which))];
        values.extend(named.as_deref().map(|named| ("motion", named.into())));
        let gate = desk.make(&specialist, yeqing, "gate", &values, Vec::new());
        desk.go(&committee, gate, "submit");
        gate
    };
    assert_eq!(said(&desk, "unfounded_gates"), "0");
    gate(&mut desk, "standards", None);
    let early = gate(&mut desk, "decision", Some(motion));
    let astray = gate(&mut desk, "decision", Some(early));
    let behind = |desk: &Desk| -> Vec<RecordId> {
        figure(desk, &Scope::Everything, "unfounded_gates").records.iter().map(|counted| counted.id).collect()
    };
    assert_eq!(behind(&desk), [early, astray], "one rests on a motion nobody voted on, one on a gate");
    for name in ["publish", "vote", "count", "pass"] {
        desk.go(&owners, motion, name);
    }
    assert_eq!(behind(&desk), [astray]);
    desk.go(&owners, motion, "publicise");
    desk.go(&street, early, "approve");
    assert_eq!(behind(&desk), [astray], "made public, it is still passed");

    let failed = desk.make(&owners, yeqing, "motion", &[("text", "封闭管理".into()), ("class", "ordinary".into())], Vec::new());
    let hasty = gate(&mut desk, "decision", Some(failed));
    for name in ["publish", "vote", "count", "fail", "publicise"] {
        desk.go(&owners, failed, name);
    }
    assert_eq!(behind(&desk), [astray, hasty], "a motion that failed is made public too");
}

#[test]
fn open_and_done_and_how_long_it_took() {
    let (mut desk, communities, street) = five();
    let (community, start) = (communities[0], desk.now);
    let committee = desk.member(&[community], "residents_committee");
    let department = desk.member(&[community], "department");
    for hours in [1, 2, 30] {
        desk.now = start;
        let values = [("need", "诉求".into()), ("urgency", "normal".into())];
        let whistle = desk.make(&committee, community, "whistle", &values, Vec::new());
        for (who, name) in [(&street, "dispatch"), (&department, "report_in"), (&department, "act"), (&department, "finish")] {
            desk.now = desk.now + HOUR;
            desk.go(who, whistle, name);
        }
        desk.now = start + SpanMs::from_secs(hours * 36_000);
        desk.go(&committee, whistle, "check");
        if hours < 30 {
            desk.go(&street, whistle, "close");
        }
    }
    assert_eq!(said(&desk, "records.whistle"), "3");
    assert_eq!((said(&desk, "records.whistle.open"), said(&desk, "records.whistle.done")), ("1".into(), "2".into()));
    assert_eq!(said(&desk, "records.whistle.open.residents_committee"), "1");
    assert_eq!(said(&desk, "records.whistle.response.median"), "1h 0min");
    assert_eq!(said(&desk, "records.whistle.closing.median"), "10h 0min, 1 unknown");
    assert_eq!(said(&desk, "records.whistle.closing.p90"), "20h 0min, 1 unknown");
    assert_eq!(said(&desk, "records.whistle.closing.median.street"), "10h 0min, 1 unknown", "the third waits for the street");
    assert_eq!((said(&desk, "overdue.whistle"), said(&desk, "overdue.whistle.departments")), ("0".into(), "0".into()));
}

#[test]
fn whose_turn_it_is_and_who_took_how_long() {
    let (mut desk, communities, street) = five();
    let community = communities[0];
    let [committee, department, district] =
        ["residents_committee", "department", "district"].map(|role| desk.member(&[community], role));
    let mut blow = |need: &str| {
        let values = [("need", need.into()), ("urgency", "urgent".into())];
        desk.make(&committee, community, "whistle", &values, Vec::new())
    };
    let (unheard, sent, raised, solved) = (blow("无人派单"), blow("已派单"), blow("已升级"), blow("已报到"));
    desk.now = desk.now + HOUR;
    desk.go(&street, sent, "dispatch");
    desk.go(&street, solved, "dispatch");
    desk.now = desk.now + HOUR;
    desk.go(&district, raised, "escalate");
    desk.go(&department, solved, "report_in");
    desk.now = desk.now + SpanMs(3 * HOUR.0);

    let behind = |name: &str| {
        let figure = figure(&desk, &Scope::Everything, name);
        let ids = |counted: Vec<Counted>| counted.into_iter().map(|counted| counted.id).collect::<Vec<_>>();
        (ids(figure.records), ids(figure.silent))
    };
    for (name, value, records, silent) in [
        ("records.whistle.open", "4", vec![unheard, sent, raised, solved], vec![]),
        ("records.whistle.waiting.street", "1", vec![unheard], vec![]),
        ("records.whistle.waiting.departments", "3", vec![sent, raised, solved], vec![]),
        ("records.whistle.waiting.residents_committee", "0", vec![], vec![]),
        ("records.whistle.response.median", "1h 0min, 1 unknown", vec![sent, raised, solved], vec![unheard]),
        ("records.whistle.response.median.street", "1h 0min, 1 unknown", vec![sent, solved], vec![unheard]),
        ("records.whistle.response.p90.district", "2h 0min", vec![raised], vec![]),
        ("records.whistle.closing.median.departments", "unknown, 3 unknown", vec![], vec![sent, raised, solved]),
        ("overdue.whistle", "3", vec![unheard, sent, raised], vec![]),
        ("overdue.whistle.street", "1", vec![unheard], vec![]),
        ("overdue.whistle.departments", "2", vec![sent, raised], vec![]),
        ("overdue.party.departments", "2", vec![sent, raised], vec![]),
        ("overdue.rectification.builders", "0", vec![], vec![]),
    ] {
        assert_eq!((said(&desk, name).as_str(), behind(name)), (value, (records, silent)), "{name}");
    }
    assert_eq!(
        figure(&desk, &Scope::of_community(communities[1]), "overdue.whistle.street").value,
        Some(Amount::Whole(0)),
        "elsewhere"
    );

    for name in ["act", "finish"] {
        desk.go(&department, solved, name);
    }
    desk.go(&committee, solved, "check");
    desk.go(&street, solved, "close");
    assert_eq!(said(&desk, "records.whistle.closing.median.street"), "5h 0min, 1 unknown");
    desk.go(&street, solved, "reopen");
    assert_eq!(said(&desk, "records.whistle.closing.median.street"), "unknown, 1 unknown", "it is open again");
    assert_eq!(said(&desk, "records.whistle.waiting.departments"), "3");
}

#[test]
fn a_record_that_was_struck_out_counts_nowhere() {
    let (mut desk, communities, street) = five();
    let values = [("offer", "会议室".into()), ("owner", "杭高".into()), ("value_yuan", 5000_i64.into())];
    let resource = desk.make(&street, communities[3], "resource", &values, Vec::new());
    desk.make(&street, communities[3], "resource", &values[..2], Vec::new());
    assert_eq!((said(&desk, "resources.offered"), said(&desk, "resources.used")), ("2".into(), "0".into()));
    assert_eq!(said(&desk, "resources.value_yuan"), "5000, 1 unknown");
    let id = renolog_protocol::id::EntryId::from_random(desk.draw());
    let void = renolog_protocol::record::Act::void(id, &renolog_protocol::record::VoidTarget::Record, "重复登记");
    desk.act(&street, resource, &[void]);
    assert_eq!(said(&desk, "resources.offered"), "1");
    assert_eq!(said(&desk, "resources.value_yuan"), "unknown, 1 unknown");
}

#[test]
fn satisfaction_is_a_mean_of_what_was_said() {
    let (mut desk, communities, street) = five();
    assert_eq!(said(&desk, "satisfaction"), "unknown");
    for score in [5_i64, 4, 5] {
        let values = [("handled_by", "builders".into()), ("score", score.into()), ("respondent", "王阿姨".into())];
        desk.make(&street, communities[0], "visit", &values, Vec::new());
    }
    assert_eq!(said(&desk, "satisfaction"), "4.7 (3)");
    let open_only = Scope::Feeds([FeedId { community: communities[0], audience: Audience::Open }].into());
    assert_eq!(figure(&desk, &open_only, "satisfaction").value, None, "visits are for the parties");
}
