//! Schema files with mistakes, and what is told of them.

use super::*;

const BUILT_IN: &str = include_str!("../../../schema.toml");

#[test]
fn the_built_in_schema_has_no_mistakes() {
    if let Err(bad) = parse(BUILT_IN) {
        panic!("{bad}");
    }
}

#[test]
fn every_mistake_is_listed_with_its_line() {
    let text = BUILT_IN
        .replacen("party = \"street\"", "party = \"stret\"", 1)
        .replacen("to = \"issued\"", "to = \"isued\"", 1)
        .replacen("by = [\"supervisor\", \"specialist\"]", "by = [\"superviser\"]", 1)
        .replacen("type = \"day\"", "type = \"date\"", 1);
    let BadSchema(mistakes) = parse(&text).expect_err("four mistakes were made");
    let wrong_line = |m: &Mistake| text.lines().nth(m.line - 1).unwrap_or_default().to_owned();
    for word in ["`stret`", "`isued`", "`superviser`", "`date`"] {
        let found = mistakes.iter().find(|m| m.words.contains(word)).unwrap_or_else(|| panic!("{word} in {mistakes:?}"));
        assert!(wrong_line(found).contains(word.trim_matches('`')), "{found}");
    }
    assert_eq!(mistakes.len(), 4, "{mistakes:?}");
}

#[test]
fn what_is_kept_for_a_while_can_be_done_and_for_how_long_makes_sense() {
    let mistakes = |text: &str| match parse(text) {
        Ok(schema) => panic!("no mistake in {:?}", schema.kinds.keys()),
        Err(BadSchema(mistakes)) => mistakes,
    };
    let kept = |years: &str| SMALL.replacen("initial = \"open\"", &format!("initial = \"open\"\nkeep_years = {years}"), 1);
    assert_eq!(parse(&kept("3")).expect("no mistake").kinds["job"].keep_years, Some(3));
    for (text, words) in
        [(kept("0"), "1 to 100"), (kept("101"), "1 to 100"), (kept("3").replace(", done = true", ""), "says `done = true`")]
    {
        let found = mistakes(&text);
        assert!(matches!(&found[..], [one] if one.words.contains(words)), "{found:?}");
        assert!(text.lines().nth(found[0].line - 1).is_some_and(|line| line.starts_with("keep_years")), "{found:?}");
    }
}

#[test]
fn majorities_are_parts_of_a_whole_and_there_is_one_for_each_class() {
    for (right, wrong, words) in [
        ("quorum = { at_least = [2, 3] }", "quorum = { at_least = [4, 3] }", "more than all"),
        ("quorum = { at_least = [2, 3] }", "quorum = { at_least = [2, 0] }", "neither number may be 0"),
        ("major = { at_least = [3, 4] }", "major = { more_than = [4, 4] }", "nothing is more than all"),
        ("major = { at_least = [3, 4] }", "grave = { at_least = [3, 4] }", "of class `major`, but [votes.classes] does not say"),
    ] {
        let text = BUILT_IN.replacen(right, wrong, 1);
        let BadSchema(mistakes) = parse(&text).expect_err(wrong);
        assert!(matches!(&mistakes[..], [one] if one.words.contains(words)), "{wrong}: {mistakes:?}");
    }
    let other = parse(&BUILT_IN.replacen("more_than = [1, 2]", "at_least = [3, 5]", 1)).expect("another law");
    assert_eq!(other.votes.classes["ordinary"].of(10), 6);
    assert_eq!(parse(SMALL).expect("says nothing of votes").votes, Votes::default());
}

/// One kind in which everything that can be referred to is referred to.
const SMALL: &str = r#"version = 1
[parties]
office = { zh = "办", en = "office" }
works = { zh = "工", en = "works" }
[roles]
clerk = { party = "office", zh = "员", en = "clerk" }
builder = { party = "works", zh = "匠", en = "builder" }
[audiences]
parties = ["clerk"]
[kinds.job]
zh = "活"
en = "job"
audience = "parties"
create = ["clerk"]
title = "name"
initial = "open"
not_by = "handler"
[kinds.job.fields]
name = { zh = "名", en = "name", type = "text", needed = true, write = ["clerk"] }
size = { zh = "规模", en = "size", type = "choice", write = ["clerk"], choices = { big = { zh = "大", en = "big" } } }
handler = { zh = "经办", en = "handler", type = "party", write = ["clerk"] }
draft = { zh = "稿", en = "draft", type = "prose", write = ["clerk"] }
signed = { zh = "签", en = "signed", type = "per_party", write = ["anyone"], entry = { yes = { zh = "是", en = "yes", type = "yes_no" } } }
log = { zh = "记", en = "log", type = "log", write = ["clerk"], entry = { yes = { zh = "是", en = "yes", type = "yes_no" } } }
next = { zh = "下", en = "next", type = "record", kind = "job", writable_in = ["open"], write = ["clerk"] }
[kinds.job.states]
open = { zh = "开", en = "open" }
shut = { zh = "关", en = "shut", done = true }
[kinds.job.moves.shut]
zh = "关"
en = "shut"
from = ["open"]
to = "shut"
weight = "close"
by = ["clerk"]
freezes = ["draft"]
needs = [{ field = "signed", parties = ["office"], when = { field = "size", is = "big" } }, { field = "name" }, { field = "log", after = ["shut"] }]
[[kinds.job.deadlines]]
zh = "期"
en = "term"
states = ["open"]
when = { field = "size", not = "big" }
within = { days = 1 }
escalate = ["clerk"]
"#;

#[test]
fn a_mistake_is_told_once_and_not_by_all_that_refers_to_it() {
    if let Err(bad) = parse(SMALL) {
        panic!("{bad}");
    }
    for (right, wrong, told) in [
        // A field that is wrong in itself was declared all the same.
        ("\"choice\"", "\"chioce\"", &["no type `chioce`"][..]),
        (", choices = { big = { zh = \"大\", en = \"big\" } }", "", &["a choice needs choices"]),
        ("type = \"party\"", "type = \"lane\"", &["no type `lane`"]),
        ("type = \"prose\"", "type = \"prose\", max = 0", &["max must be between"]),
        ("type = \"prose\"", "type = \"prosa\"", &["no type `prosa`"]),
        ("type = \"yes_no\"", "type = \"maybe\"", &["no type `maybe`"]),
        ("type = \"text\"", "type = \"txt\"", &["no type `txt`"]),
        ("needed = true, write = [\"clerk\"]", "needed = true, write = [\"clark\"]", &["no role `clark`"]),
        ("needed = true, write = [\"clerk\"]", "needed = true", &["say who may write `name`"]),
        ("type = \"party\", write = [\"clerk\"]", "type = \"lane\"", &["say who may write", "no type `lane`"]),
        ("writable_in = [\"open\"]", "writable_in = [\"opened\"]", &["no state `opened`"]),
        // So were a role, a kind, a party and a move.
        ("party = \"office\"", "party = \"offices\"", &["no party `offices`"]),
        ("kind = \"job\"", "kind = \"jobs\"", &["no kind `jobs`"]),
        ("title = \"name\"", "title = \"names\"", &["no field `names`"]),
        ("parties = [\"office\"]", "parties = [\"offices\"]", &["no party `offices`"]),
        ("to = \"shut\"", "to = \"shutt\"", &["no state `shutt`"]),
        ("parties = [\"clerk\"]", "parties = [\"clark\"]", &["no role `clark`"]),
        // One mistake hides no other.
        ("not_by = \"handler\"", "not_by = \"handlers\"", &["no field `handlers`"]),
        ("title = \"name\"\ninitial = \"open\"", "title = \"x\"\ninitial = \"y\"", &["no field `x`", "no state `y`"]),
        ("parties = [\"clerk\"]\n", "", &["[audiences] does not say"]),
        ("is = \"big\"", "is = \"huge\"", &["`size` has no choice `huge`"]),
        ("freezes = [\"draft\"]", "freezes = [\"name\"]", &["no drafted text `name`"]),
        ("{ field = \"name\" }", "{ field = \"nam\" }", &["no field `nam`"]),
        ("after = [\"shut\"]", "after = [\"shutt\"]", &["no move `shutt`"]),
        ("{ field = \"log\", ", "{ field = \"name\", ", &["only entries are made anew"]),
        ("parties = [\"office\"], ", "", &["name the parties whose `signed`"]),
        ("create = [\"clerk\"]", "create = [\"anyone\"]", &["builder may make one, but not write `name`"]),
    ] {
        let text = SMALL.replacen(right, wrong, 1);
        let BadSchema(mistakes) = parse(&text).expect_err(wrong);
        let words: Vec<&str> = mistakes.iter().map(|mistake| mistake.words.as_str()).collect();
        let as_told = words.len() == told.len() && words.iter().zip(told).all(|(words, told)| words.contains(told));
        assert!(as_told, "{right} -> {wrong}: {words:#?}");
    }
}

#[test]
fn broken_toml_names_its_line() {
    let BadSchema(mistakes) = parse("version = 1\nparties = [").expect_err("broken");
    assert_eq!(mistakes[0].line, 2);
    let BadSchema(mistakes) = parse("version = 1\n\nsurprise = 1\n").expect_err("unknown key");
    assert!(mistakes[0].words.contains("surprise"), "{mistakes:?}");
}

#[test]
fn what_is_short_in_a_file_and_long_in_its_pack_is_refused() {
    let more = |count: usize| {
        let role = |number| format!("{:a<36}{number:04} = {{ party = \"street\", zh = \"丁\", en = \"d\" }}\n", "");
        let roles: String = (0..count).map(role).collect();
        BUILT_IN.replacen("[roles]\n", &format!("[roles]\n{roles}"), 1)
    };
    parse(&more(100)).expect("that many fit");
    let many = more(3_500);
    assert!(many.len() < limits::SCHEMA_BYTES, "the file itself is not too long");
    let BadSchema(mistakes) = parse(&many).expect_err("too long for a frame");
    assert!(matches!(&mistakes[..], [one] if one.words.contains("handed")), "{mistakes:?}");
}
