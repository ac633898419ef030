//! Who may do what: every role, every field, every move of the built-in schema, as the rules answer. A change of the rules
//! shows here.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;

use renolog_protocol::id::RecordId;
use renolog_protocol::record::{Act, VoidTarget};
use renolog_protocol::schema::{KeySource, Kind, MoveName, Role, Scalar, Schema, Shape, StateName, Value, built_in};

use crate::common::{Desk, NOON, code, entry_id, field, making, put, sample, who};

#[test]
fn who_may_do_what() {
    let schema = Schema::built_in();
    let mut text = String::new();
    for kind in schema.kinds.values() {
        let readers: Vec<&Role> = schema.roles.keys().filter(|role| schema.may_read(kind.audience, [*role])).collect();
        writeln!(text, "{} {}\n  read: {}", kind.name, kind.label.zh, everyone_or(&readers)).unwrap();
        create(kind, &mut text);
        fields(kind, &mut text);
        moves(kind, &mut text);
    }
    insta::assert_snapshot!(text);
}

fn everyone_or(roles: &[&Role]) -> String {
    if roles.len() == Schema::built_in().roles.len() {
        return "everyone".into();
    }
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" ")
}

/// What each role is told, one answer a line, the permission first.
fn ask(what: &str, text: &mut String, outcome: impl Fn(&Role) -> &'static str) {
    let schema = Schema::built_in();
    let mut answers: BTreeMap<&str, Vec<&Role>> = BTreeMap::new();
    schema.roles.keys().for_each(|role| answers.entry(outcome(role)).or_default().push(role));
    writeln!(text, "  {what}: {}", answers.remove("may").map_or("nobody".into(), |roles| everyone_or(&roles))).unwrap();
    for (code, roles) in answers {
        writeln!(text, "    {code}: {}", everyone_or(&roles)).unwrap();
    }
}

/// A value that fits, and is not what the record was made with: to write that again would be to write nothing.
fn another(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Text { .. } => "7幢".into(),
        Scalar::Choice { choices } => choices.keys().next_back().unwrap().as_str().into(),
        Scalar::Whole { min, .. } if sample(scalar) == Value::Whole(*min) => Value::Whole(min + 1),
        Scalar::Whole { min, .. } => Value::Whole(*min),
        Scalar::Day => "2026-11-23".into(),
        Scalar::YesNo => false.into(),
        Scalar::Person => who("street").person.to_string().as_str().into(),
        Scalar::Party => "street".into(),
        Scalar::Record { .. } => RecordId::from_parts(NOON, [11; 10]).to_string().as_str().into(),
    }
}

fn outcome(desk: &Desk, role: &Role, acts: &[Act]) -> &'static str {
    let by = who(role.as_str());
    let mut copy = desk.clone();
    match copy.does(&by, acts) {
        Ok(_) => "may",
        Err(objection) => code(&objection),
    }
}

fn create(kind: &Kind, text: &mut String) {
    let empty = Desk::empty(kind.name.as_str());
    ask("create", text, |role| outcome(&empty, role, &making(kind.name.as_str(), &who(role.as_str()))));
}

fn fields(kind: &Kind, text: &mut String) {
    let desk = Desk::new(kind.name.as_str());
    let drawn = entry_id(700);
    for (name, rules) in &kind.fields {
        let entry = |key: &str| desk.fill(name, key);
        match &rules.shape {
            Shape::Register(scalar) => {
                let act = [Act::Set { field: name.clone(), value: another(scalar) }];
                ask(&format!("set {name}"), text, |role| outcome(&desk, role, &act));
            }
            Shape::Prose { .. } => {
                let act = [desk.fill(name, "")];
                ask(&format!("draft {name}"), text, |role| outcome(&desk, role, &act));
            }
            Shape::Log(_) | Shape::Set { key: KeySource::Drawn, .. } => {
                ask(&format!("add to {name}"), text, |role| outcome(&desk, role, &[entry(drawn.as_str())]));
            }
            Shape::Set { key: KeySource::Given, .. } => {
                ask(&format!("add to {name}"), text, |role| outcome(&desk, role, &[entry("12")]));
            }
            Shape::PerParty(_) => {
                let own = |role: &Role| outcome(&desk, role, &[entry(who(role.as_str()).party.as_str())]);
                ask(&format!("speak in {name}"), text, own);
                ask(&format!("speak in {name} for another"), text, |role| outcome(&desk, role, &[entry("nobody")]));
            }
        }
    }
    built_in_fields(&desk, text);
}

fn built_in_fields(desk: &Desk, text: &mut String) {
    let id = entry_id(700);
    ask("note", text, |role| outcome(desk, role, &[Act::note(id.clone(), "看过了")]));
    ask("attach", text, |role| outcome(desk, role, &[Act::attach([7; 32], "照片", "image/jpeg")]));
    ask("strike out the record", text, |role| outcome(desk, role, &[Act::void(id.clone(), &VoidTarget::Record, "重复")]));
    let mut noted = desk.clone();
    noted.does(&who("street"), &[put(built_in::NOTES, entry_id(701).as_str(), [("text", "尽快".into())])]).unwrap();
    let target = VoidTarget::Entry { field: field(built_in::NOTES), key: entry_id(701).to_string() };
    let strike = [Act::void(id, &target, "重复")];
    ask("strike out the street's note", text, |role| outcome(&noted, role, &strike));
}

fn moves(kind: &Kind, text: &mut String) {
    for (name, rule) in &kind.moves {
        for from in kind.states.keys().filter(|state| rule.from.contains(*state)) {
            let Some(path) = path_to(kind, from) else { panic!("{} has no way to {from}", kind.name) };
            let mut desk = Desk::new(kind.name.as_str()).moved(&path.iter().map(|name| name.as_str()).collect::<Vec<_>>());
            desk.sign_off(name.as_str());
            assert_eq!(desk.view().state, *from);
            let act = [desk.a_move(name.as_str())];
            ask(&format!("{name} {from} → {}", rule.to), text, |role| outcome(&desk, role, &act));
        }
    }
}

/// The shortest way from the beginning to a state.
fn path_to(kind: &Kind, to: &StateName) -> Option<Vec<MoveName>> {
    let mut paths: VecDeque<(StateName, Vec<MoveName>)> = [(kind.initial.clone(), Vec::new())].into();
    let mut been = vec![kind.initial.clone()];
    while let Some((state, path)) = paths.pop_front() {
        if state == *to {
            return Some(path);
        }
        for (name, rule) in kind.moves.iter().filter(|(_, rule)| rule.from.contains(&state)) {
            if !been.contains(&rule.to) {
                been.push(rule.to.clone());
                paths.push_back((rule.to.clone(), [path.clone(), vec![name.clone()]].concat()));
            }
        }
    }
    None
}
