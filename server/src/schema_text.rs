//! A schema as people read it: what a check found, a kind as a table, its states as a Mermaid diagram.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use renolog_protocol::schema::{
    Deadline, Entry, Field, KeySource, Kind, Label, Move, Role, Scalar, Schema, Shape, Weight, When, Within,
};

use crate::columns::table;

/// What a schema holds, in one sentence.
pub fn summary(schema: &Schema) -> String {
    let kinds = schema.kinds.values();
    let fields: usize = kinds.clone().map(|kind| kind.fields.len()).sum();
    let moves: usize = kinds.clone().map(|kind| kind.moves.len()).sum();
    let deadlines: usize = kinds.map(|kind| kind.deadlines.len()).sum();
    format!(
        "没有错误 no mistakes: version {}, {} kinds, {fields} fields, {moves} moves, {deadlines} deadlines, {} roles, {} parties",
        schema.version,
        schema.kinds.len(),
        schema.roles.len(),
        schema.parties.len(),
    )
}

/// Every kind in a line.
pub fn kinds(schema: &Schema) -> String {
    let mut rows = vec![cells(["种类 kind", "", "", "范围 audience", "谁可新建 made by"])];
    rows.extend(schema.kinds.values().map(|kind| {
        let Label { zh, en } = &kind.label;
        vec![kind.name.to_string(), zh.clone(), en.clone(), kind.audience.to_string(), who(schema, &kind.create)]
    }));
    table(&rows)
}

/// One kind: its fields, moves and deadlines.
pub fn kind(schema: &Schema, kind: &Kind) -> String {
    let mut text = format!("{} {}\n", kind.name, kind.label);
    if let Some(help) = &kind.help {
        let _ = writeln!(text, "{}\n{}", help.zh, help.en);
    }
    let _ = writeln!(text, "范围 audience: {}   谁可新建 made by: {}", audience(schema, kind), who(schema, &kind.create));
    if let Some(field) = &kind.not_by {
        let _ = writeln!(text, "不得由“{field}”所指的一方新建 never made by the party in `{field}`");
    }
    if let Some(years) = kind.keep_years {
        let _ = writeln!(text, "办结 {years} 年后依法删除 erased {years} years after it is done");
    }
    let mut fields = vec![cells(["字段 field", "", "类型 type", "规则 rules", "谁可填写 written by"])];
    fields.extend(kind.fields.iter().map(|(name, field)| {
        vec![name.to_string(), field.label.to_string(), shape(&field.shape), rules(field), who(schema, &field.write)]
    }));
    let _ = write!(text, "\n{}", table(&fields));
    if !kind.moves.is_empty() {
        let mut moves = vec![cells(["办理 move", "", "从 from", "到 to", "规则 rules", "谁可办理 made by"])];
        moves.extend(kind.moves.iter().map(|(name, rule)| {
            let from = rule.from.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let label = rule.label.to_string();
            vec![name.to_string(), label, from, rule.to.to_string(), move_rules(rule), who(schema, &rule.by)]
        }));
        let _ = write!(text, "\n{}", table(&moves));
    }
    if !kind.deadlines.is_empty() {
        let mut deadlines = vec![cells(["期限 deadline", "状态 states", "多久 within", "逐级上报 escalated to"])];
        deadlines.extend(kind.deadlines.iter().map(|rule| deadline(schema, rule)));
        let _ = write!(text, "\n{}", table(&deadlines));
    }
    text
}

/// The states of a kind and the moves between them.
pub fn mermaid(kind: &Kind) -> String {
    let mut text = "stateDiagram-v2\n".to_owned();
    for (name, state) in &kind.states {
        let _ = writeln!(text, "    {name} : {}", state.label);
    }
    let _ = writeln!(text, "    [*] --> {}", kind.initial);
    for rule in kind.moves.values() {
        for from in kind.states.keys().filter(|state| rule.from.contains(*state)) {
            let _ = writeln!(text, "    {from} --> {} : {}", rule.to, rule.label);
        }
    }
    for (name, _) in kind.states.iter().filter(|(_, state)| state.done) {
        let _ = writeln!(text, "    {name} --> [*]");
    }
    text
}

fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).into()
}

fn who(schema: &Schema, roles: &BTreeSet<Role>) -> String {
    if roles.len() == schema.roles.len() {
        return "anyone".into();
    }
    let in_order = schema.roles.keys().filter(|role| roles.contains(*role));
    in_order.map(Role::as_str).collect::<Vec<_>>().join(", ")
}

fn audience(schema: &Schema, kind: &Kind) -> String {
    match schema.audiences.get(&kind.audience) {
        Some(readers) => format!("{} ({})", kind.audience, who(schema, readers)),
        None => kind.audience.to_string(),
    }
}

fn shape(shape: &Shape) -> String {
    match shape {
        Shape::Register(kind) => scalar(kind),
        Shape::Prose { max } => format!("drafted text ≤ {max}"),
        Shape::Log(holds) => format!("log of {{{}}}", parts(holds)),
        Shape::Set { key: KeySource::Given, entry } => format!("set by name of {{{}}}", parts(entry)),
        Shape::Set { key: KeySource::Drawn, entry } => format!("set of {{{}}}", parts(entry)),
        Shape::PerParty(holds) => format!("one a party of {{{}}}", parts(holds)),
    }
}

fn parts(entry: &Entry) -> String {
    let part = |(name, part): (&renolog_protocol::schema::FieldName, &renolog_protocol::schema::Part)| {
        format!("{name}{}: {}", if part.needed { "" } else { "?" }, scalar(&part.scalar))
    };
    entry.parts.iter().map(part).collect::<Vec<_>>().join("; ")
}

fn scalar(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Text { max } => format!("text ≤ {max}"),
        Scalar::Whole { min: i64::MIN, max: i64::MAX } => "whole number".into(),
        Scalar::Whole { min, max: i64::MAX } => format!("whole number ≥ {min}"),
        Scalar::Whole { min: i64::MIN, max } => format!("whole number ≤ {max}"),
        Scalar::Whole { min, max } => format!("whole number {min} to {max}"),
        Scalar::Day => "day".into(),
        Scalar::YesNo => "yes or no".into(),
        Scalar::Person => "person".into(),
        Scalar::Party => "party".into(),
        Scalar::Record { kind } => format!("a {kind}"),
        Scalar::Choice { choices } => choices.keys().map(String::as_str).collect::<Vec<_>>().join(" | "),
    }
}

fn rules(field: &Field) -> String {
    let states = field.writable_in.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let rules = [
        field.needed.then(|| "needed".to_owned()),
        field.once.then(|| "once".to_owned()),
        (!states.is_empty()).then(|| format!("only while {states}")),
    ];
    rules.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn move_rules(rule: &Move) -> String {
    let mut rules = Vec::new();
    rules.extend((rule.weight != Weight::Progress).then(|| weight(rule.weight).to_owned()));
    rules.extend(rule.reason.then(|| "reason".to_owned()));
    for needs in &rule.needs {
        let parties = needs.parties.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let of = if parties.is_empty() { String::new() } else { format!(" of {parties}") };
        let moves = needs.after.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        let after = if moves.is_empty() { String::new() } else { format!(" anew after {moves}") };
        rules.push(format!("needs {}{of}{after}{}", needs.field, when(needs.when.as_ref())));
    }
    rules.extend(rule.freezes.iter().map(|field| format!("freezes {field}")));
    rules.join("; ")
}

fn weight(weight: Weight) -> &'static str {
    match weight {
        Weight::Close => "closes",
        Weight::Progress => "goes on",
        Weight::Escalate => "escalates",
        Weight::Reject => "sends back",
        Weight::StopWork => "stops work",
    }
}

fn when(condition: Option<&When>) -> String {
    match condition {
        None => String::new(),
        Some(When { field, choice, is: true }) => format!(" when {field} is {choice}"),
        Some(When { field, choice, is: false }) => format!(" when {field} is not {choice}"),
    }
}

fn deadline(schema: &Schema, rule: &Deadline) -> Vec<String> {
    let states = rule.states.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let span = match rule.within {
        Within::Hours(count) => format!("{count} h"),
        Within::Days(count) => format!("{count} d"),
        Within::WorkingDays(count) => format!("{count} working days"),
    };
    let side = if rule.earliest { "not before" } else { "within" };
    let known = rule.escalate.iter().filter(|role| schema.roles.contains_key(*role));
    let steps = known.map(Role::as_str).collect::<Vec<_>>().join(" → ");
    vec![rule.label.to_string(), states, format!("{side} {span}{}", when(rule.when.as_ref())), steps]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_as_a_table() {
        let schema = Schema::built_in();
        insta::assert_snapshot!(kind(&schema, &schema.kinds["whistle"]));
    }

    #[test]
    fn a_kind_with_everything_a_move_can_ask() {
        let schema = Schema::built_in();
        insta::assert_snapshot!(kind(&schema, &schema.kinds["motion"]));
    }

    #[test]
    fn the_states_of_a_kind() {
        let drawn = mermaid(&Schema::built_in().kinds["resource"]);
        insta::assert_snapshot!(drawn, @r"
        stateDiagram-v2
            offered : 可用 offered
            allocated : 已调配 allocated
            used : 已使用 used
            [*] --> offered
            offered --> allocated : 调配 allocate
            allocated --> offered : 退回 give back
            allocated --> used : 使用 use
            used --> [*]
        ");
    }

    #[test]
    fn all_kinds_and_what_they_come_to() {
        let schema = Schema::built_in();
        let kinds_said = format!("{} kinds", schema.kinds.len());
        assert!(summary(&schema).contains(&kinds_said), "{}", summary(&schema));
        assert_eq!(kinds(&schema).lines().count(), schema.kinds.len() + 1);
    }
}
