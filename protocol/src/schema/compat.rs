//! Whether one schema may follow another on the same records.
//!
//! Adding is always well; so are labels, help, deadlines, bounds, and who may do what. What records were written by must
//! stay: a device that has the old schema and a record of years ago must both still make sense, and no record may come to
//! be in another state than the one people left it in.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::{Entry, Field, FieldName, Kind, Scalar, Schema, Shape};

/// What of `old` is missing in `new` or means something else there, a sentence each; nothing if `new` may follow.
pub fn incompatibilities(old: &Schema, new: &Schema) -> Vec<String> {
    let mut found = Vec::new();
    missing(&mut found, "party", &old.parties, &new.parties);
    missing(&mut found, "role", &old.roles, &new.roles);
    missing(&mut found, "kind", &old.kinds, &new.kinds);
    for (name, before) in &old.kinds {
        if let Some(now) = new.kinds.get(name) {
            let mut of_kind = Vec::new();
            kind(&mut of_kind, before, now);
            found.extend(of_kind.into_iter().map(|words| format!("kind `{name}`: {words}")));
        }
    }
    found
}

fn missing<Name, Was, Is>(found: &mut Vec<String>, what: &str, old: &IndexMap<Name, Was>, new: &IndexMap<Name, Is>)
where
    Name: std::fmt::Display + Eq + std::hash::Hash,
{
    found.extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| format!("{what} `{name}` was removed")));
}

fn kind(found: &mut Vec<String>, old: &Kind, new: &Kind) {
    if old.audience != new.audience {
        found.push(format!(
            "its audience was `{}` and is `{}`; records stay with whom they were made for",
            old.audience, new.audience
        ));
    }
    if old.initial != new.initial {
        found.push(format!("new records began as `{}` and would begin as `{}`", old.initial, new.initial));
    }
    missing(found, "field", &old.fields, &new.fields);
    missing(found, "state", &old.states, &new.states);
    missing(found, "move", &old.moves, &new.moves);
    for (name, before) in &old.fields {
        if let Some(now) = new.fields.get(name) {
            field(found, name, before, now);
        }
    }
    for (name, before) in &old.moves {
        let Some(now) = new.moves.get(name) else { continue };
        if before.to != now.to {
            found.push(format!("move `{name}` led to `{}` and would lead to `{}`", before.to, now.to));
        }
        if before.weight != now.weight {
            found.push(format!("move `{name}` has another weight"));
        }
        // A state that is gone is named already.
        let gone = before.from.difference(&now.from).filter(|state| new.states.contains_key(*state));
        found.extend(gone.map(|state| format!("move `{name}` could be made from `{state}`, and could not any more")));
    }
}

fn field(found: &mut Vec<String>, name: &FieldName, old: &Field, new: &Field) {
    match (&old.shape, &new.shape) {
        (Shape::Register(before), Shape::Register(now)) => scalar(found, &format!("field `{name}`"), before, now),
        (Shape::Prose { .. }, Shape::Prose { .. }) => {}
        (Shape::Set { key: before, entry: old_entry }, Shape::Set { key: now, entry: new_entry }) if before == now => {
            entry(found, name, old_entry, new_entry);
        }
        (Shape::Log(before), Shape::Log(now)) | (Shape::PerParty(before), Shape::PerParty(now)) => {
            entry(found, name, before, now)
        }
        _ => found.push(format!("field `{name}` has another type")),
    }
}

fn entry(found: &mut Vec<String>, name: &FieldName, old: &Entry, new: &Entry) {
    for (part, before) in &old.parts {
        match new.parts.get(part) {
            None => found.push(format!("part `{part}` of field `{name}` was removed")),
            Some(now) => scalar(found, &format!("part `{part}` of field `{name}`"), &before.scalar, &now.scalar),
        }
    }
}

fn scalar(found: &mut Vec<String>, what: &str, old: &Scalar, new: &Scalar) {
    match (old, new) {
        (Scalar::Choice { choices: before }, Scalar::Choice { choices: now }) => {
            let gone: BTreeSet<&String> = before.keys().filter(|choice| !now.contains_key(*choice)).collect();
            found.extend(gone.into_iter().map(|choice| format!("choice `{choice}` of {what} was removed")));
        }
        (Scalar::Record { kind: before }, Scalar::Record { kind: now }) if before != now => {
            found.push(format!("{what} named a `{before}` and would name a `{now}`"));
        }
        _ if std::mem::discriminant(old) == std::mem::discriminant(new) => {}
        _ => found.push(format!("{what} has another type")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT_IN: &str = include_str!("../../schema.toml");

    /// What the built-in schema says about itself with some of its text put otherwise.
    fn after(changes: &[(&str, &str)]) -> Vec<String> {
        let text = changes.iter().fold(BUILT_IN.to_owned(), |text, (was, is)| {
            assert!(text.contains(was), "{was}");
            text.replacen(was, is, 1)
        });
        let new = Schema::parse(&text).unwrap_or_else(|bad| panic!("{bad}"));
        incompatibilities(&Schema::built_in(), &new)
    }

    #[test]
    fn what_may_follow() {
        for (words, was, is) in [
            ("nothing changed", "version = 1", "version = 1"),
            ("a label", "zh = \"整改单\"", "zh = \"整改通知单\""),
            ("a help text", "从提出到复核通过。", "从提出到复核。"),
            ("a new choice", "quality = { zh", "cost = { zh = \"造价\", en = \"cost\" }, quality = { zh"),
            (
                "a new field",
                "due = { zh = \"整改期限\"",
                "cause = { zh = \"原因\", en = \"cause\", type = \"text\", write = [\"anyone\"] }\ndue = { zh = \"整改期限\"",
            ),
            (
                "a new state",
                "stopped = { zh = \"停工\"",
                "parked = { zh = \"搁置\", en = \"parked\" }\nstopped = { zh = \"停工\"",
            ),
            ("a longer term", "within = { hours = 24 }", "within = { hours = 48 }"),
            (
                "a wider bound",
                "type = \"text\", max = 120, needed = true, write = [\"anyone\"]",
                "type = \"text\", max = 200, needed = true, write = [\"anyone\"]",
            ),
            ("fewer who may", "by = [\"supervisor\", \"specialist\"]", "by = [\"supervisor\"]"),
            (
                "a move from one state more",
                "from = [\"raised\"], to = \"issued\"",
                "from = [\"raised\", \"rejected\"], to = \"issued\"",
            ),
        ] {
            assert_eq!(after(&[(was, is)]), [""; 0], "{words}");
        }
    }

    #[test]
    fn what_may_not() {
        for (was, is, words) in [
            (
                "type = \"day\", write = [\"supervisor\", \"specialist\", \"street\"]",
                "type = \"text\", write = [\"supervisor\", \"specialist\", \"street\"]",
                "kind `rectification`: field `due` has another type",
            ),
            ("findings = { zh = \"情况\"", "discoveries = { zh = \"情况\"", "kind `rectification`: field `findings` was removed"),
            (
                ", progress = { zh = \"进度\", en = \"progress\" }",
                "",
                "kind `rectification`: choice `progress` of field `item` was removed",
            ),
            (
                "title = \"location\"\ninitial = \"raised\"",
                "title = \"location\"\ninitial = \"issued\"",
                "kind `rectification`: new records began as `raised` and would begin as `issued`",
            ),
            ("resume = { zh", "restart = { zh", "kind `rectification`: move `resume` was removed"),
            (
                "to = \"fixing\", weight = \"progress\", by = [\"supervisor\"]",
                "to = \"issued\", weight = \"progress\", by = [\"supervisor\"]",
                "kind `rectification`: move `resume` led to `fixing` and would lead to `issued`",
            ),
            (
                "from = [\"submitted\"], to = \"verified\", weight = \"close\"",
                "from = [\"submitted\"], to = \"verified\", weight = \"progress\"",
                "kind `rectification`: move `verify` has another weight",
            ),
            (
                "from = [\"issued\", \"rejected\"]",
                "from = [\"issued\"]",
                "kind `rectification`: move `fix` could be made from `rejected`, and could not any more",
            ),
            (
                "entry = { name = { zh = \"名称\", en = \"name\", type = \"text\", max = 60 } }",
                "entry = { title = { zh = \"名称\", en = \"name\", type = \"text\", max = 60 } }",
                "kind `community`: part `name` of field `buildings` was removed",
            ),
            (
                "type = \"record\", kind = \"demand\"",
                "type = \"record\", kind = \"matter\"",
                "kind `demand`: field `into` named a `demand` and would name a `matter`",
            ),
        ] {
            assert_eq!(after(&[(was, is)]), [words]);
        }
    }

    #[test]
    fn what_is_gone_altogether() {
        let whistle = BUILT_IN.find("[kinds.whistle]").expect("it is there");
        let matter = BUILT_IN.find("[kinds.matter]").expect("it is there");
        let without = format!("{}{}", &BUILT_IN[..whistle], &BUILT_IN[matter..]);
        let new = Schema::parse(&without).unwrap_or_else(|bad| panic!("{bad}"));
        assert_eq!(incompatibilities(&Schema::built_in(), &new), ["kind `whistle` was removed"]);
        assert_eq!(incompatibilities(&new, &Schema::built_in()), [""; 0], "a new kind may come");

        let seen_by_fewer = BUILT_IN.replacen("audience = \"parties\"", "audience = \"private\"", 1);
        let new = Schema::parse(&seen_by_fewer).unwrap_or_else(|bad| panic!("{bad}"));
        let found = incompatibilities(&Schema::built_in(), &new);
        assert!(found.len() == 1 && found[0].starts_with("kind `matter`: its audience was `parties`"), "{found:?}");
    }
}
