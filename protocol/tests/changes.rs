//! Changes from those who do not go by the rules: written with Automerge itself, or byte by byte. Each is turned away for
//! its own reason, and leaves the record as it was.

use std::num::NonZeroU64;
use std::panic;
use std::sync::Once;
use std::time::{Duration, Instant};

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType};
use automerge::marks::{ExpandMark, Mark};
use automerge::transaction::{CommitOptions, Transactable, Transaction};
use automerge::{Automerge, ExpandedChange, ObjId, ObjType, ROOT, ReadDoc, ScalarValue};
use proptest::prelude::*;
use renolog_protocol::change::{BadChange, Change};
use renolog_protocol::id::{ActorId, Audience};
use renolog_protocol::limits;
use renolog_protocol::record::{Act, VoidTarget};
use renolog_protocol::refusal::Code;
use renolog_protocol::rules::{Author, Objection, judge};
use renolog_protocol::schema::{MoveName, Value};
use sha2::{Digest, Sha256};

use crate::common::{
    Desk, NOON, Who, assert_refused, cases, code, created, entry_id, making, minutes, put, roster, set, who, write,
};

// ── Bytes ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

fn unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn signed(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        let done = (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0);
        out.push(if done { byte } else { byte | 0x80 });
        if done {
            return;
        }
    }
}

/// A chunk of this type around these bytes, with its right checksum.
fn chunk_of(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut hashed = vec![kind];
    unsigned(&mut hashed, body.len() as u64);
    hashed.extend(body);
    let checksum = Sha256::digest(&hashed);
    [&[0x85, 0x6f, 0x4a, 0x83][..], &checksum[..4], &hashed].concat()
}

fn chunk(body: &[u8]) -> Vec<u8> {
    chunk_of(1, body)
}

/// What stands inside a chunk.
fn body_of(chunk: &[u8]) -> &[u8] {
    let length = 1 + chunk[9..].iter().position(|byte| byte & 0x80 == 0).unwrap();
    &chunk[9 + length..]
}

/// The parts of a change that a test may bend.
struct Spelled {
    deps: Vec<[u8; 32]>,
    actor: Vec<u8>,
    message: Vec<u8>,
    others: Vec<Vec<u8>>,
    columns: Vec<(u32, Vec<u8>)>,
    extra: Vec<u8>,
}

impl Spelled {
    /// One operation, `kind = null` at the top.
    fn plain() -> Self {
        let columns = vec![(0x15, b"\x7f\x04kind".to_vec()), (0x34, vec![1]), (0x42, vec![0x7f, 1]), (0x56, vec![0x7f, 0])];
        Self {
            deps: Vec::new(),
            actor: vec![4; 16],
            message: b"volunteers".to_vec(),
            others: Vec::new(),
            columns: [columns, vec![(0x70, vec![0x7f, 0])]].concat(),
            extra: Vec::new(),
        }
    }

    fn with_column(mut self, name: u32, bytes: Vec<u8>) -> Self {
        self.columns.retain(|(other, _)| *other != name);
        self.columns.push((name, bytes));
        self.columns.sort();
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        unsigned(&mut body, self.deps.len() as u64);
        body.extend(self.deps.concat());
        unsigned(&mut body, self.actor.len() as u64);
        body.extend(&self.actor);
        unsigned(&mut body, 1);
        unsigned(&mut body, 1);
        signed(&mut body, NOON.0);
        unsigned(&mut body, self.message.len() as u64);
        body.extend(&self.message);
        unsigned(&mut body, self.others.len() as u64);
        for other in &self.others {
            unsigned(&mut body, other.len() as u64);
            body.extend(other);
        }
        unsigned(&mut body, self.columns.len() as u64);
        for (name, column) in &self.columns {
            unsigned(&mut body, u64::from(*name));
            unsigned(&mut body, column.len() as u64);
        }
        self.columns.iter().for_each(|(_, column)| body.extend(column));
        body.extend(&self.extra);
        chunk(&body)
    }
}

/// A run of `length` times the same value.
fn run(length: i64, value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    signed(&mut bytes, length);
    unsigned(&mut bytes, value);
    bytes
}

/// A run of `length` times nothing.
fn nulls(length: u64) -> Vec<u8> {
    let mut bytes = vec![0];
    unsigned(&mut bytes, length);
    bytes
}

fn captain() -> Who {
    who("captain")
}

/// What Automerge makes when anyone writes with it.
fn loose(message: &str, write: impl FnOnce(&mut Transaction<'_>)) -> automerge::Change {
    let mut doc = Automerge::new().with_actor(automerge::ActorId::from([4; 16]));
    let mut tx = doc.transaction();
    write(&mut tx);
    tx.commit_with(CommitOptions::default().with_message(message).with_time(NOON.0));
    doc.get_last_local_change().unwrap()
}

#[test]
fn a_plain_spelling_is_taken() {
    let change = Change::parse(&Spelled::plain().bytes()).unwrap();
    assert_eq!((change.actor(), change.actor_seq(), change.device_time()), (ActorId([4; 16]), 1, NOON));
    assert_eq!(change.bytes(), Spelled::plain().bytes());
    let loose = loose("volunteers", |tx| tx.put(ROOT, "kind", ScalarValue::Null).unwrap());
    assert_eq!(loose.raw_bytes(), change.bytes(), "and is the one that Automerge writes");
}

#[test]
fn chunks_of_other_types_are_not_looked_at() {
    let mut doc = Automerge::new();
    let mut tx = doc.transaction();
    tx.put(ROOT, "kind", "rectification".repeat(100)).unwrap();
    tx.commit();
    let mut large = doc.get_last_local_change().unwrap();
    let compressed = large.bytes().into_owned();
    assert_eq!(compressed[8], 2, "large enough for Automerge to compress it");
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("a few bytes", vec![0x85, 0x6f, 0x4a]),
        ("a document", doc.save()),
        ("a compressed change", compressed),
        ("a bundle", chunk_of(3, body_of(&Spelled::plain().bytes()))),
        ("a type to come", chunk_of(4, body_of(&Spelled::plain().bytes()))),
        ("a photo", b"\xff\xd8\xff\xe0 and so on".to_vec()),
    ] {
        assert_eq!(Change::parse(&bytes), Err(BadChange::NotAChange), "{what}");
    }
}

/// What a change of whatever bytes is turned away with.
fn bad(bytes: &[u8]) -> BadChange {
    Change::parse(bytes).expect_err("it was taken")
}

#[test]
fn damage_is_noticed_at_every_byte() {
    let bytes = Desk::new("rectification").changes[0].bytes().to_vec();
    for at in 9..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(matches!(bad(&damaged), BadChange::Damaged(_)), "byte {at}");
        assert!(matches!(bad(&bytes[..at]), BadChange::Damaged(_)), "cut to {at} bytes");
    }
    for at in 4..8 {
        let mut checksum = bytes.clone();
        checksum[at] ^= 1;
        assert!(matches!(bad(&checksum), BadChange::Damaged(_)), "Automerge does not compare a change's checksum itself");
    }
}

/// A name must not stand for two spellings: the signature is over names.
#[test]
fn a_change_has_one_spelling() {
    let plain = Spelled::plain().bytes();
    let mut trailing = plain.clone();
    trailing.push(0);
    let mut long_length = plain[..9].to_vec();
    long_length.push(plain[9] | 0x80);
    long_length.push(0);
    long_length.extend(&plain[10..]);
    let mut long_count = vec![0x80, 0];
    long_count.extend(&body_of(&plain)[1..]);
    for (what, bytes) in [
        ("bytes after it", trailing),
        ("its length in two bytes for one", long_length),
        ("a count in two bytes for one", chunk(&long_count)),
        ("a count of ten bytes that does not fit", chunk(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])),
        ("a count without an end", chunk(&[0xff; 12])),
        ("dependencies out of order", Spelled { deps: vec![[2; 32], [1; 32]], ..Spelled::plain() }.bytes()),
        ("a dependency twice", Spelled { deps: vec![[2; 32], [2; 32]], ..Spelled::plain() }.bytes()),
        ("actors out of order", Spelled { others: vec![vec![2; 16], vec![1; 16]], ..Spelled::plain() }.bytes()),
        ("an actor twice", Spelled { others: vec![vec![2; 16], vec![2; 16]], ..Spelled::plain() }.bytes()),
        ("its own actor among the others", Spelled { others: vec![vec![4; 16]], ..Spelled::plain() }.bytes()),
        ("a column twice", {
            let mut twice = Spelled::plain();
            twice.columns.insert(2, twice.columns[2].clone());
            twice.bytes()
        }),
        ("columns out of order", {
            let mut swapped = Spelled::plain();
            swapped.columns.swap(0, 1);
            swapped.bytes()
        }),
    ] {
        let why = bad(&bytes);
        assert!(matches!(why, BadChange::Damaged(_)), "{what}: {why:?}");
    }
}

#[test]
fn bytes_that_no_reader_sees_are_turned_away() {
    let deflated = 0x42 | 8;
    for (what, bytes) in [
        ("bytes after the columns", Spelled { extra: vec![1, 2, 3], ..Spelled::plain() }.bytes()),
        ("a column to come", Spelled::plain().with_column(0x102, vec![0x7f, 1]).bytes()),
        ("a compressed column", Spelled::plain().with_column(deflated, vec![0x7f, 1]).bytes()),
        ("marks", {
            let text = |tx: &mut Transaction<'_>| {
                let text = tx.put_object(ROOT, "kind", ObjType::Text).unwrap();
                tx.splice_text(&text, 0, 0, "同意").unwrap();
                let bold = Mark::new("bold".into(), true, 0, 1);
                tx.mark(&text, bold, ExpandMark::Both).unwrap();
            };
            loose("volunteers", text).raw_bytes().to_vec()
        }),
    ] {
        assert_eq!(bad(&bytes), BadChange::Extra, "{what}");
    }
}

#[test]
fn a_change_says_who_writes_and_for_which_party() {
    for (what, actor) in [("none", vec![]), ("short", vec![4; 15]), ("long", vec![4; 17]), ("huge", vec![4; 4000])] {
        assert_eq!(bad(&Spelled { actor, ..Spelled::plain() }.bytes()), BadChange::ForeignActor, "{what}");
    }
    let others = vec![vec![]; 9];
    assert_eq!(bad(&Spelled { others, ..Spelled::plain() }.bytes()), BadChange::ForeignActor);
    for message in ["", "居委会", "Volunteers", "volunteers\n", "a b", "a_party_with_a_name_that_is_longer_than_may_be"] {
        let spelled = Spelled { message: message.into(), ..Spelled::plain() };
        assert_eq!(bad(&spelled.bytes()), BadChange::NoParty, "{message:?}");
    }
    let no_text = Spelled { message: vec![0xff], ..Spelled::plain() };
    assert!(matches!(bad(&no_text.bytes()), BadChange::Damaged(_)));
}

/// Twelve bytes may stand for more operations than there is time to count, or room to hold. Seconds would be a failure
/// here: the test's own time limit is the assertion.
#[test]
fn what_unfolds_without_end_is_turned_away_before_it_unfolds() {
    let many = limits::CHANGE_OPS as i64 + 1;
    let all = |length: i64| {
        Spelled::plain()
            .with_column(0x15, [&run(length, 4)[..], b"kind"].concat())
            .with_column(0x42, run(length, 1))
            .with_column(0x56, run(length, 0))
            .with_column(0x70, run(length, 0))
    };
    let names_twice = |length: i64, actor: Vec<u8>, counter: Vec<u8>| {
        let count = run(1, length as u64);
        Spelled::plain().with_column(0x70, count).with_column(0x71, actor).with_column(0x73, counter).bytes()
    };
    for (what, bytes) in [
        ("one operation too many", all(many).bytes()),
        ("as many as there are numbers", all(i64::MAX).bytes()),
        ("no operation, so many times", Spelled::plain().with_column(0x42, nulls(u64::MAX)).bytes()),
        ("one that replaces as many as there are numbers", names_twice(i64::MAX, run(i64::MAX, 0), run(i64::MAX, 0))),
        ("many that replace many", all(1000).with_column(0x70, run(1000, 1000)).bytes()),
        ("a flag for each of endless operations", Spelled::plain().with_column(0x34, run(63, u64::MAX)[1..].to_vec()).bytes()),
    ] {
        assert_eq!(bad(&bytes), BadChange::TooMany("operations"), "{what}");
    }
    let mut endless = Vec::new();
    signed(&mut endless, i64::MIN);
    endless.push(1);
    let why = bad(&Spelled::plain().with_column(0x42, endless).bytes());
    assert!(matches!(why, BadChange::Damaged(_)), "a list of 2^63 that is not there: {why:?}");
}

#[test]
fn what_is_over_a_limit_is_turned_away() {
    let note = "备".repeat(limits::CHANGE_BYTES / 3);
    let long = loose("volunteers", |tx| tx.put(ROOT, "kind", note).unwrap());
    assert_eq!(bad(long.raw_bytes()), BadChange::TooLong(long.raw_bytes().len()));

    let text = |tx: &mut Transaction<'_>| {
        let text = tx.put_object(ROOT, "kind", ObjType::Text).unwrap();
        tx.splice_text(&text, 0, 0, &"a".repeat(limits::CHANGE_OPS)).unwrap();
    };
    assert_eq!(bad(loose("volunteers", text).raw_bytes()), BadChange::TooMany("operations"));

    let deps = (0..=limits::CHANGE_DEPS as u8).map(|n| [n; 32]).collect();
    assert_eq!(bad(&Spelled { deps, ..Spelled::plain() }.bytes()), BadChange::TooMany("dependencies"));
}

// ── What a change says ────────────────────────────────────────────────────────────────────────────────────────────────

/// A change to the record on the desk that was written with Automerge itself.
fn forged(desk: &Desk, by: &Who, write: impl FnOnce(&mut Transaction<'_>)) -> Change {
    let mut doc = desk.document(by.actor);
    let mut tx = doc.transaction();
    write(&mut tx);
    tx.commit_with(CommitOptions::default().with_message(by.party.as_str()).with_time(NOON.0)).0.expect("something was written");
    Change::parse(doc.get_last_local_change().unwrap().raw_bytes()).unwrap()
}

/// An honest change with something in it altered.
fn altered(change: &Change, alter: impl FnOnce(&mut ExpandedChange)) -> Change {
    let mut expanded = automerge::Change::from_bytes(change.bytes().to_vec()).unwrap().decode();
    alter(&mut expanded);
    Change::parse(automerge::Change::from(expanded).raw_bytes()).unwrap()
}

fn honest(desk: &Desk, by: &Who, acts: &[Act]) -> Change {
    desk.record.compose(acts, &by.stamp(NOON)).unwrap()
}

fn container(tx: &Transaction<'_>, name: &str) -> ObjId {
    tx.get(ROOT, name).unwrap().unwrap().1
}

fn subject(tx: &Transaction<'_>) -> ObjId {
    tx.get(container(tx, "fields"), "subject").unwrap().unwrap().1
}

fn assert_turned_away(desk: &Desk, by: &Who, change: &Change, expected: Code, what: &str) {
    let before = (desk.record.heads(), desk.view());
    match desk.judge(by, change) {
        Err(Objection::Refused(refusal)) => assert_eq!(refusal.code, expected, "{what}: {refusal}"),
        other => panic!("{what}: {other:?}"),
    }
    assert_eq!((desk.record.heads(), desk.view()), before, "{what}");
}

/// A rectification on which several people have worked.
fn worn() -> Desk {
    let mut desk = Desk::new("rectification").moved(&["issue", "fix"]);
    let text = |words: &str| [("text", Value::from(words))];
    desk.does(&captain(), &[put("findings", entry_id(900).as_str(), text("消防通道被占"))]).unwrap();
    desk.does(&who("supervisor"), &[set("due", "2026-12-01"), Act::note(entry_id(901), "尽快")]).unwrap();
    desk
}

/// A matter with text that two people have drafted.
fn drafted() -> Desk {
    let mut desk = Desk::new("matter");
    desk.does(&who("property_manager"), &[write("subject", "停车位，按户分配")]).unwrap();
    desk
}

type Forgery = (&'static str, Code, fn(&mut Transaction<'_>));

#[test]
fn operations_that_no_act_is_made_of_are_turned_away() {
    let nested = |tx: &mut Transaction<'_>| {
        let mut object = tx.put_object(container(tx, "fields"), "location", ObjType::Map).unwrap();
        for _ in 0..1000 {
            object = tx.put_object(&object, "location", ObjType::Map).unwrap();
        }
    };
    let forgeries: &[Forgery] = &[
        ("deletes a field", Code::Deletes, |tx| tx.delete(container(tx, "fields"), "location").unwrap()),
        ("deletes a finding", Code::Deletes, |tx| {
            let path = format!("findings/{}", entry_id(900));
            tx.delete(container(tx, "entries"), path).unwrap();
        }),
        ("deletes a move", Code::Deletes, |tx| tx.delete(container(tx, "moves"), entry_id(1).as_str()).unwrap()),
        ("deletes all fields", Code::Deletes, |tx| tx.delete(ROOT, "fields").unwrap()),
        ("a counter", Code::Retypes, |tx| tx.put(container(tx, "fields"), "due", ScalarValue::counter(1)).unwrap()),
        ("bytes", Code::Retypes, |tx| tx.put(container(tx, "fields"), "due", vec![1, 2]).unwrap()),
        ("a float", Code::Retypes, |tx| tx.put(container(tx, "fields"), "due", 0.1).unwrap()),
        ("a float that is no number", Code::Retypes, |tx| tx.put(container(tx, "fields"), "due", f64::NAN).unwrap()),
        ("a number without a sign", Code::Retypes, |tx| tx.put(container(tx, "fields"), "due", 7_u64).unwrap()),
        ("a moment", Code::Retypes, |tx| tx.put(container(tx, "fields"), "due", ScalarValue::Timestamp(7)).unwrap()),
        ("a list", Code::Retypes, |tx| drop(tx.put_object(container(tx, "fields"), "due", ObjType::List))),
        ("a table", Code::Retypes, |tx| drop(tx.put_object(container(tx, "fields"), "due", ObjType::Table))),
        ("a map in a map, a thousand deep", Code::TooDeep, nested),
        ("an object inside an entry", Code::TooDeep, |tx| {
            let entry = tx.put_object(container(tx, "entries"), "notes/aaaaaaaa", ObjType::Map).unwrap();
            tx.put_object(entry, "text", ObjType::Map).unwrap();
        }),
        ("an object inside somebody's finding", Code::TooDeep, |tx| {
            let path = format!("findings/{}", entry_id(900));
            let finding = tx.get(container(tx, "entries"), path).unwrap().unwrap().1;
            tx.put_object(finding, "text", ObjType::Map).unwrap();
        }),
        ("a value as an entry", Code::Retypes, |tx| tx.put(container(tx, "entries"), "notes/aaaaaaaa", "尽快").unwrap()),
        ("an entry of no field", Code::NotAnAct, |tx| drop(tx.put_object(container(tx, "entries"), "notes", ObjType::Map))),
        ("an entry without a key", Code::NotAnAct, |tx| drop(tx.put_object(container(tx, "entries"), "notes/", ObjType::Map))),
        ("an entry whose key is no line", Code::NotAnAct, |tx| {
            drop(tx.put_object(container(tx, "entries"), "attachments/a\nb", ObjType::Map));
        }),
        ("a value as a move", Code::Retypes, |tx| tx.put(container(tx, "moves"), "aaaaaaaa", "submit").unwrap()),
        ("a move that says nothing", Code::NotAnAct, |tx| {
            drop(tx.put_object(container(tx, "moves"), "aaaaaaaa", ObjType::Map));
        }),
        ("a move that says something more", Code::NotAnAct, |tx| {
            let object = tx.put_object(container(tx, "moves"), "aaaaaaaa", ObjType::Map).unwrap();
            tx.put(object, "weight", "stop_work").unwrap();
        }),
        ("a finding rewritten from inside", Code::RewritesHistory, |tx| {
            let path = format!("findings/{}", entry_id(900));
            let finding = tx.get(container(tx, "entries"), path).unwrap().unwrap().1;
            tx.put(finding, "text", "没有问题").unwrap();
        }),
        ("a move rewritten from inside", Code::RewritesHistory, |tx| {
            let made = tx.get(container(tx, "moves"), entry_id(1).as_str()).unwrap().unwrap().1;
            tx.put(made, "move", "verify").unwrap();
        }),
        ("who made it", Code::RewritesHistory, |tx| tx.put(container(tx, "created"), "party", "street").unwrap()),
        ("another kind", Code::RewritesHistory, |tx| tx.put(ROOT, "kind", "community").unwrap()),
        ("another schema", Code::RewritesHistory, |tx| tx.put(ROOT, "schema", 9).unwrap()),
        ("another beginning", Code::RewritesHistory, |tx| drop(tx.put_object(ROOT, "created", ObjType::Map))),
        ("other fields", Code::RewritesHistory, |tx| drop(tx.put_object(ROOT, "fields", ObjType::Map))),
        ("other moves", Code::RewritesHistory, |tx| drop(tx.put_object(ROOT, "moves", ObjType::Map))),
        ("something new at the top", Code::RewritesHistory, |tx| tx.put(ROOT, "surprise", 1).unwrap()),
        ("a move over a move", Code::RewritesHistory, |tx| {
            let object = tx.put_object(container(tx, "moves"), entry_id(1).as_str(), ObjType::Map).unwrap();
            tx.put(&object, "move", "issue").unwrap();
            tx.put(&object, "follows", "").unwrap();
        }),
    ];
    let desk = worn();
    for (what, expected, forge) in forgeries {
        assert_turned_away(&desk, &captain(), &forged(&desk, &captain(), forge), *expected, what);
    }
}

#[test]
fn text_is_typed_and_nothing_else() {
    let forgeries: &[Forgery] = &[
        ("a new text in the place of the old", Code::RewritesHistory, |tx| {
            let text = tx.put_object(container(tx, "fields"), "subject", ObjType::Text).unwrap();
            tx.splice_text(text, 0, 0, "没有停车位").unwrap();
        }),
        ("a value in the place of text", Code::Retypes, |tx| {
            tx.put(container(tx, "fields"), "subject", "没有停车位").unwrap();
        }),
        ("a number among the letters", Code::NotAnAct, |tx| {
            let text = subject(tx);
            tx.insert(text, 1, 7).unwrap();
        }),
        ("a map among the letters", Code::TooDeep, |tx| {
            let text = subject(tx);
            tx.insert_object(text, 1, ObjType::Map).unwrap();
        }),
        ("a word in the place of a letter", Code::NotAnAct, |tx| {
            let text = subject(tx);
            tx.insert(text, 1, "不同意").unwrap();
        }),
        ("a letter over a letter", Code::NotAnAct, |tx| {
            let text = subject(tx);
            tx.put(text, 1, "无").unwrap();
        }),
        ("all of it gone", Code::Needed, |tx| {
            let text = subject(tx);
            tx.update_text(&text, "").unwrap();
        }),
        ("more than fits", Code::BadValue, |tx| {
            let text = subject(tx);
            tx.splice_text(&text, 0, 0, &"长".repeat(4_000)).unwrap();
        }),
    ];
    let desk = drafted();
    for (what, expected, forge) in forgeries {
        let by = who("owners_committee");
        assert_turned_away(&desk, &by, &forged(&desk, &by, forge), *expected, what);
    }
}

/// Automerge applies letters beside letters that are not there, and puts them wherever it likes.
#[test]
fn letters_stand_beside_letters_that_their_writer_saw() {
    let desk = drafted();
    let by = who("owners_committee");
    let typed = honest(&desk, &by, &[write("subject", "停车位，按户分配。")]);
    let deleted = honest(&desk, &by, &[write("subject", "车位，按户分配")]);
    let unseen = {
        let mut other = desk.clone();
        other.does(&who("residents_committee"), &[write("subject", "停车位，按户抽签分配")]).unwrap()
    };
    let foreign = |seq: u64| OpId::new(seq, &automerge::ActorId::from(who("property_manager").actor.0));
    let place = |change: &Change, at: OpId| altered(change, |c| c.operations[0].key = Key::Seq(ElementId::Id(at)));
    let mut both = desk.clone();
    both.takes(&who("residents_committee"), &unseen).unwrap();
    let nowhere = OpId::new(3_000_000_000, &automerge::ActorId::from(by.actor.0));
    let name = Key::Map("x".into());
    for (desk, what, change, expected) in [
        (&desk, "beside a letter that is not there", place(&typed, nowhere), Code::Inconsistent),
        (&desk, "beside something that is no letter", place(&typed, foreign(1)), Code::Inconsistent),
        (&both, "beside a letter typed meanwhile", place(&typed, automerge_op(&unseen)), Code::Inconsistent),
        (&both, "over a letter typed meanwhile", place(&deleted, automerge_op(&unseen)), Code::Inconsistent),
        (&desk, "deleting without saying what", altered(&deleted, |c| c.operations[0].pred = no_ops()), Code::NotAnAct),
        (
            &desk,
            "deleting what stands elsewhere",
            altered(&deleted, |c| c.operations[0].pred = vec![foreign(2)].into_iter().collect()),
            Code::NotAnAct,
        ),
        (&desk, "deleting a letter twice", altered(&deleted, |c| c.operations.push(c.operations[0].clone())), Code::Inconsistent),
        (&desk, "the head of the text", altered(&deleted, |c| c.operations[0].key = Key::Seq(ElementId::Head)), Code::NotAnAct),
        (&desk, "a name among letters", altered(&typed, |c| c.operations[0].key = name), Code::NotAnAct),
        (&desk, "replacing while inserting", altered(&typed, |c| c.operations[0].pred = replaced(&deleted)), Code::NotAnAct),
        (&desk, "writing without inserting", altered(&typed, |c| c.operations[0].insert = false), Code::NotAnAct),
    ] {
        assert_turned_away(desk, &by, &change, expected, what);
    }
    for change in [typed, deleted] {
        both.judge(&by, &change).expect("as it was before it was altered");
    }
}

/// The name of a change's first operation.
fn automerge_op(change: &Change) -> OpId {
    let inner = automerge::Change::from_bytes(change.bytes().to_vec()).unwrap();
    OpId::new(inner.start_op().get(), inner.actor_id())
}

fn no_ops() -> automerge::legacy::SortedVec<OpId> {
    Vec::new().into_iter().collect()
}

fn replaced(change: &Change) -> automerge::legacy::SortedVec<OpId> {
    let inner = automerge::Change::from_bytes(change.bytes().to_vec()).unwrap();
    inner.decode().operations[0].pred.clone()
}

#[test]
fn a_change_continues_what_it_says_it_continues() {
    let desk = worn();
    let by = who("street");
    let change = honest(&desk, &by, &[set("due", "2026-12-24")]);
    let own = who("supervisor");
    let next = honest(&desk, &own, &[set("due", "2026-12-24")]);
    let nobody = automerge::ActorId::from([99; 16]);
    let start = |number: u64| NonZeroU64::new(number).unwrap();
    let op = |alter: fn(&mut Op)| move |change: &mut ExpandedChange| alter(&mut change.operations[0]);
    let meanwhile = {
        let mut other = desk.clone();
        other.does(&own, &[set("due", "2026-12-12")]).unwrap()
    };
    let mut both = desk.clone();
    both.takes(&own, &meanwhile).unwrap();
    for (what, desk, by, change, expected) in [
        ("a number left out", &desk, &by, altered(&change, |c| c.seq = 2), "inconsistent"),
        ("a number far off", &desk, &by, altered(&change, |c| c.seq = u64::MAX), "inconsistent"),
        ("a number already taken", &both, &own, altered(&next, |c| c.time += 1), "forked"),
        ("number nought", &desk, &own, altered(&next, |c| c.seq = 0), "forked"),
        ("operations numbered from further on", &desk, &by, altered(&change, |c| c.start_op = start(1_000)), "inconsistent"),
        ("operations numbered from before", &desk, &by, altered(&change, |c| c.start_op = start(2)), "inconsistent"),
        ("operations numbered to the end", &desk, &by, altered(&change, |c| c.start_op = start(u32::MAX.into())), "inconsistent"),
        ("no dependencies", &desk, &by, altered(&change, |c| c.deps.clear()), "rewrites_history"),
        (
            "a dependency that is nowhere",
            &desk,
            &by,
            altered(&change, |c| c.deps.push(automerge::ChangeHash([7; 32]))),
            "missing",
        ),
        (
            "a dependency on its own second change before its first",
            &desk,
            &own,
            altered(&next, |c| c.deps = vec![desk.changes[0].hash().into()]),
            "inconsistent",
        ),
        (
            "a value its writer did not see",
            &both,
            &by,
            altered(&change, |c| c.operations[0].pred = vec![automerge_op(&meanwhile)].into_iter().collect()),
            "inconsistent",
        ),
        ("a value that is nowhere", &desk, &by, altered(&change, op(|op| op.pred = one_op(7, 7))), "inconsistent"),
        ("a value put beside what is there", &desk, &by, altered(&change, op(|op| op.pred = no_ops())), "inconsistent"),
        (
            "the same value replaced twice",
            &desk,
            &by,
            altered(
                &change,
                op(|op| op.pred = [op.pred.clone(), op.pred.clone()].iter().flat_map(|p| p.iter().cloned()).collect()),
            ),
            "inconsistent",
        ),
        (
            "an object that is not there",
            &desk,
            &by,
            altered(&change, op(|op| op.obj = ObjectId::Id(OpId::new(7, &automerge::ActorId::from([7; 16]))))),
            "not_an_act",
        ),
        (
            "an object that is not one",
            &desk,
            &by,
            altered(&change, |c| c.operations[0].obj = ObjectId::Id(automerge_op(&meanwhile))),
            "not_an_act",
        ),
        ("a name inserted as into a list", &desk, &by, altered(&change, op(|op| op.insert = true)), "not_an_act"),
        (
            "a position where a name belongs",
            &desk,
            &by,
            altered(&change, op(|op| op.key = Key::Seq(ElementId::Head))),
            "not_an_act",
        ),
        ("one key twice", &desk, &by, altered(&change, |c| c.operations.push(c.operations[0].clone())), "not_an_act"),
        ("something added up", &desk, &by, altered(&change, op(|op| op.action = OpType::Increment(1))), "not_an_act"),
        ("nothing at all", &desk, &by, altered(&change, |c| c.operations.clear()), "not_an_act"),
        (
            "a writer who never was",
            &desk,
            &by,
            altered(&change, |c| c.operations[0].pred = vec![OpId::new(1, &nobody)].into_iter().collect()),
            "inconsistent",
        ),
    ] {
        let before = (desk.record.heads(), desk.view());
        let objection = desk.judge(by, &change).expect_err(what);
        assert_eq!(code(&objection), expected, "{what}: {objection:?}");
        assert_eq!((desk.record.heads(), desk.view()), before, "{what}");
    }
    desk.judge(&by, &change).expect("as it was before it was altered");
    desk.judge(&own, &next).expect("as it was before it was altered");
}

fn one_op(seq: u64, actor: u8) -> automerge::legacy::SortedVec<OpId> {
    vec![OpId::new(seq, &automerge::ActorId::from([actor; 16]))].into_iter().collect()
}

#[test]
fn the_same_change_again_is_a_change_with_a_taken_number() {
    let mut desk = Desk::new("rectification");
    let change = desk.does(&captain(), &[Act::note(entry_id(1), "尽快")]).unwrap();
    assert_eq!(desk.judge(&captain(), &change), Err(Objection::Forked), "its feed knows it by name before it is judged");
}

#[test]
fn a_record_begins_whole() {
    let maker = captain();
    let desk = Desk::empty("rectification");
    let change = honest(&desk, &maker, &making("rectification", &maker));
    let without = |name: &'static str| {
        altered(&change, move |c| {
            let keep = |op: &Op| !matches!(&op.key, Key::Map(key) if key == name);
            let names: Vec<OpId> = (c.start_op.get()..)
                .zip(&c.operations)
                .filter(|(_, op)| !keep(op))
                .map(|(n, _)| OpId::new(n, &c.actor_id))
                .collect();
            c.operations.retain(|op| keep(op) && !matches!(&op.obj, ObjectId::Id(id) if names.contains(id)));
        })
    };
    // Names of objects shift when an operation before them goes, so what is left out must be the last that is made.
    let twice = altered(&change, |c| c.operations.push(c.operations[0].clone()));
    for (what, change) in [("no moves", without("moves")), ("its kind twice", twice)] {
        let objection = desk.judge(&maker, &change).expect_err(what);
        assert!(["not_an_act", "rewrites_history"].contains(&code(&objection)), "{what}: {objection:?}");
    }
    let remark = forged_first(|tx| drop(tx.put_object(ROOT, "entries", ObjType::Map)));
    assert_refused(desk.judge(&maker, &remark), Code::NotAnAct);
    desk.judge(&maker, &change).expect("as it was before it was altered");

    let remark = honest(&Desk::new("rectification"), &maker, &[Act::note(entry_id(1), "尽快")]);
    assert!(matches!(desk.judge(&maker, &remark), Err(Objection::Missing(missing)) if missing.len() == 1));
}

fn forged_first(write: impl FnOnce(&mut Transaction<'_>)) -> Change {
    Change::parse(loose("volunteers", write).raw_bytes()).unwrap()
}

#[test]
fn who_made_it_where_and_when_is_who_wrote_it_where_and_when() {
    let maker = captain();
    let desk = Desk::empty("rectification");
    let made = |alter: &dyn Fn(&mut renolog_protocol::record::Created)| {
        let mut acts = making("rectification", &maker);
        let Act::Create(created) = &mut acts[0] else { panic!("a making begins with it") };
        alter(created);
        honest(&desk, &maker, &acts)
    };
    for (what, change) in [
        ("back-dated", made(&|created| created.device_time = NOON + minutes(-1))),
        ("in someone else's name", made(&|created| created.person = who("resident").person)),
        ("on another device", made(&|created| created.device = who("resident").device)),
        ("for another party", made(&|created| created.party = who("street").party)),
    ] {
        assert_refused(desk.judge(&maker, &change), Code::CreatedForged);
        assert!(desk.record.is_empty(), "{what}");
    }
    assert_refused(desk.judge(&maker, &made(&|c| c.kind = created("whistle", &maker).kind)), Code::MayNotCreate);
    let unheard_of = renolog_protocol::schema::KindName::parse("miracle").unwrap();
    assert_refused(desk.judge(&maker, &made(&move |c| c.kind = unheard_of.clone())), Code::UnknownKind);
}

// ── Rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn the_rules_hold_whatever_the_device_allowed() {
    let matter = {
        let mut desk = Desk::new("matter").moved(&["discuss", "agree", "act"]);
        let opinion = put("opinions", "property_manager", [("text", "同意".into())]);
        desk.does(&who("property_manager"), &[opinion]).unwrap();
        desk
    };
    let rectification = worn();
    let text = |words: &str| [("text", Value::from(words))];
    let a_move = |id: u16, name: &str, desk: &Desk, reason: Option<&str>| Act::Move {
        id: entry_id(id),
        name: MoveName::parse(name).unwrap(),
        follows: desk.record.latest_moves(),
        reason: reason.map(str::to_owned),
    };
    let astray =
        Act::Move { id: entry_id(800), name: MoveName::parse("submit").unwrap(), follows: [entry_id(1)].into(), reason: None };
    let record = VoidTarget::Record;
    let entry = |field: &str, key: &str| VoidTarget::Entry { field: crate::common::field(field), key: key.into() };
    let (captain, owners, contractor) = (captain(), who("owners_committee"), who("contractor"));
    for (what, desk, by, act, expected) in [
        ("another's opinion", &matter, &owners, put("opinions", "property_manager", text("不同意")), Code::OtherParty),
        ("another's sign-off", &matter, &owners, put("sign_offs", "street", [("agreed", true.into())]), Code::OtherParty),
        ("an opinion of nobody", &matter, &owners, put("opinions", "nobody", text("同意")), Code::OtherParty),
        ("an opinion without a role", &matter, &who("street"), put("opinions", "street", text("同意")), Code::MayNotWrite),
        (
            "another's opinion struck out",
            &matter,
            &owners,
            Act::void(entry_id(800), &entry("opinions", "property_manager"), "错"),
            Code::OtherParty,
        ),
        ("a closing without sign-offs", &matter, &owners, a_move(800, "close", &matter, None), Code::SignOffsMissing),
        ("a reopening without a reason", &matter, &owners, a_move(800, "reopen", &matter, None), Code::Needed),
        ("a reopening with an empty reason", &matter, &owners, a_move(800, "reopen", &matter, Some(" ")), Code::Needed),
        ("a reason without an end", &matter, &owners, a_move(800, "reopen", &matter, Some(&"长".repeat(4001))), Code::BadValue),
        ("a step from elsewhere", &matter, &owners, a_move(800, "agree", &matter, None), Code::NotFromThisState),
        ("a step by the wrong people", &rectification, &captain, a_move(800, "submit", &rectification, None), Code::MayNotMove),
        ("a step that is none", &rectification, &contractor, a_move(800, "celebrate", &rectification, None), Code::UnknownMove),
        ("a step from earlier on", &rectification, &contractor, astray, Code::WrongFollows),
        (
            "a step named like another",
            &rectification,
            &contractor,
            a_move(1, "submit", &rectification, None),
            Code::RewritesHistory,
        ),
        ("a finding rewritten", &rectification, &captain, put("findings", entry_id(900).as_str(), text("没有")), Code::WriteOnce),
        ("a remark rewritten", &rectification, &captain, put("notes", entry_id(901).as_str(), text("不急")), Code::TakenName),
        ("a remark with a name of its own", &rectification, &captain, put("notes", "尽快", text("尽快")), Code::BadValue),
        ("an empty remark", &rectification, &captain, put("notes", entry_id(800).as_str(), text("")), Code::Needed),
        ("a remark without words", &rectification, &captain, put("notes", entry_id(800).as_str(), []), Code::Needed),
        (
            "a remark too long",
            &rectification,
            &captain,
            put("notes", entry_id(800).as_str(), text(&"长".repeat(4001))),
            Code::BadValue,
        ),
        (
            "a remark with a number",
            &rectification,
            &captain,
            put("notes", entry_id(800).as_str(), [("text", 7.into())]),
            Code::Retypes,
        ),
        (
            "a remark with more",
            &rectification,
            &captain,
            put("notes", entry_id(800).as_str(), [("text", "尽快".into()), ("mood", "bad".into())]),
            Code::UnknownField,
        ),
        (
            "a photo without its hash",
            &rectification,
            &captain,
            put("attachments", "photo.jpg", [("name", "照片".into()), ("type", "image/jpeg".into())]),
            Code::BadValue,
        ),
        ("an entry of a register", &rectification, &captain, put("due", "7", text("明天")), Code::Retypes),
        ("a register of entries", &rectification, &captain, set("findings", "没有"), Code::Retypes),
        ("a built-in as a register", &rectification, &captain, set("notes", "没有"), Code::UnknownField),
        ("a field that is none", &rectification, &captain, set("colour", "red"), Code::UnknownField),
        ("a text that is none", &rectification, &captain, write("location", "三幢"), Code::Retypes),
        ("a day that is none", &rectification, &who("street"), set("due", "2026-02-30"), Code::BadValue),
        ("a choice that is none", &rectification, &captain, set("item", "weather"), Code::BadValue),
        ("a needed field emptied", &rectification, &captain, set("location", Value::Nothing), Code::Needed),
        ("a field of others", &rectification, &captain, set("due", "2026-12-31"), Code::MayNotWrite),
        (
            "striking out what is not there",
            &rectification,
            &captain,
            Act::void(entry_id(800), &entry("findings", "zzzzzzzz"), "错"),
            Code::BadValue,
        ),
        (
            "striking out nothing",
            &rectification,
            &captain,
            put("voids", entry_id(800).as_str(), [("target", "everything".into()), ("reason", "错".into())]),
            Code::BadValue,
        ),
        ("striking out without a reason", &rectification, &captain, Act::void(entry_id(800), &record, ""), Code::Needed),
        (
            "striking out another's remark",
            &rectification,
            &captain,
            Act::void(entry_id(800), &entry("notes", entry_id(901).as_str()), "错"),
            Code::OtherParty,
        ),
    ] {
        assert_turned_away(desk, by, &honest(desk, by, &[act]), expected, what);
    }
    let twice = [a_move(800, "submit", &rectification, None), a_move(801, "submit", &rectification, None)];
    assert_refused(rectification.judge(&contractor, &honest(&rectification, &contractor, &twice)), Code::WrongFollows);
}

#[test]
fn whoever_has_no_standing_says_nothing() {
    let desk = worn();
    let by = captain();
    let remark = honest(&desk, &by, &[Act::note(entry_id(800), "尽快")]);
    let judged = |roster: &renolog_protocol::roster::Roster, audience, author: Author| {
        judge(&desk.schema, roster, &desk.record, audience, author, &remark)
    };
    assert!(judged(&roster(), Audience::Open, by.author()).is_ok());
    let mut ended = roster();
    ended.members.iter_mut().for_each(|member| member.until = Some(NOON));
    let mut to_come = roster();
    to_come.members.iter_mut().for_each(|member| member.from = NOON + minutes(1));
    let stranger = Author { person: renolog_protocol::id::PersonId::from_parts(NOON, [77; 10]), ..by.author() };
    let of_another_party = Author { person: who("street").person, ..by.author() };
    for outcome in [
        judged(&Default::default(), Audience::Open, by.author()),
        judged(&ended, Audience::Open, by.author()),
        judged(&to_come, Audience::Open, by.author()),
        judged(&roster(), Audience::Open, stranger),
        judged(&roster(), Audience::Open, of_another_party),
    ] {
        assert_refused(outcome, Code::NotAMember);
    }
    assert_refused(judged(&roster(), Audience::Parties, by.author()), Code::WrongAudience);
}

#[test]
fn nothing_is_added_to_a_record_that_was_struck_out() {
    let mut desk = worn();
    desk.does(&captain(), &[Act::void(entry_id(800), &VoidTarget::Record, "重复上报")]).unwrap();
    assert_refused(desk.does(&who("street"), &[set("due", "2026-12-31")]), Code::Voided);
}

/// The work of judging grows with the change, not with the change times the record: once it took 82 s for this one.
#[test]
fn many_remarks_on_a_long_record_are_judged_in_no_time() {
    let mut desk = Desk::new("rectification");
    for number in 0..1_500 {
        let change = desk.record.write(&[Act::note(entry_id(number), "看")], &captain().stamp(NOON)).unwrap();
        desk.changes.push(change);
    }
    let remarks: Vec<Act> = (0..1_900).map(|number| Act::note(entry_id(20_000 + number), "看")).collect();
    let change = honest(&desk, &who("resident"), &remarks);
    desk.does(&who("street"), &[Act::note(entry_id(40_000), "看")]).unwrap();
    let begun = Instant::now();
    assert_eq!(desk.judge(&who("resident"), &change).unwrap().understood.acts.len(), remarks.len());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

/// More moves made apart than one may name must not leave a record that nobody can move.
#[test]
fn many_moves_made_apart_do_not_wedge_a_record() {
    let desk = Desk::new("rectification");
    let mut merged = desk.clone();
    let issuers = (0..limits::FOLLOWS as u8 + 3).map(|number| who("supervisor").on_device(100 + number));
    for (number, issuer) in issuers.enumerate() {
        let issue = Act::Move {
            id: entry_id(500 + number as u16),
            name: MoveName::parse("issue").unwrap(),
            follows: Default::default(),
            reason: None,
        };
        let change = honest(&desk, &issuer, &[issue]);
        merged.takes(&issuer, &change).unwrap();
    }
    for (mover, name, state) in
        [("contractor", "fix", "fixing"), ("contractor", "submit", "submitted"), ("group", "verify", "verified")]
    {
        let act = merged.a_move(name);
        merged.does(&who(mover), &[act]).unwrap();
        assert_eq!(merged.view().state.as_str(), state);
    }
}

// ── Mutations ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Automerge may panic on what it finds inconsistent, and that is caught; its words need not fill the test's output.
fn quiet() {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let ours = info.location().is_some_and(|at| at.file().contains("protocol/"));
            if ours {
                loud(info);
            }
        }));
    });
}

/// Honest changes to mutate, each with the desk it was written at.
fn seeds() -> Vec<(Desk, Who, Change)> {
    let (worn, drafted) = (worn(), drafted());
    let text = |words: &str| [("text", Value::from(words))];
    let mut matter = Desk::new("matter").moved(&["discuss"]);
    let agree = matter.a_move("agree");
    let empty = Desk::empty("matter");
    let acts: Vec<(Desk, Who, Vec<Act>)> = vec![
        (empty, who("property_manager"), making("matter", &who("property_manager"))),
        (worn.clone(), who("street"), vec![set("due", "2026-12-31")]),
        (worn.clone(), captain(), vec![Act::note(entry_id(800), "尽快"), set("item", "quality"), set("location", "七幢")]),
        (worn, who("supervisor"), vec![put("findings", entry_id(801).as_str(), text("已清理"))]),
        (drafted.clone(), who("residents_committee"), vec![write("subject", "停车位，抽签分配，先到先得")]),
        (drafted, who("property_manager"), vec![write("subject", "停车"), put("opinions", "property_manager", text("同意"))]),
        (matter, who("owners_committee"), vec![agree]),
    ];
    acts.into_iter().map(|(desk, by, acts)| (desk.clone(), by.clone(), honest(&desk, &by, &acts))).collect()
}

/// Takes the whole way that bytes from a stranger take. A change that is turned away must not be seen; one that is allowed
/// must apply, and alter nothing but what it says.
fn take(desk: &Desk, by: &Who, bytes: &[u8]) {
    let Ok(change) = Change::parse(bytes) else { return };
    assert_eq!(change.bytes(), bytes);
    let before = desk.record.view(&desk.schema);
    let mut record = desk.record.clone();
    match judge(&desk.schema, &roster(), &record, desk.kind.audience, by.author(), &change) {
        Err(_) => assert_eq!(record.view(&desk.schema), before),
        Ok(allowed) => {
            record.apply(&change).expect("what is allowed applies");
            let after = record.view(&desk.schema).unwrap();
            let Some(before) = before else { return };
            let touched: Vec<&str> = allowed.understood.acts.iter().filter_map(touches).collect();
            for (name, value) in &before.fields {
                let same = after.fields.get(name) == Some(value);
                assert!(same || touched.contains(&name.as_str()), "{name} was altered by {:?}", allowed.understood.acts);
            }
            let moved = allowed.understood.acts.iter().filter(|act| matches!(act, Act::Move { .. })).count();
            assert_eq!(after.moves.len(), before.moves.len() + moved);
            assert_eq!((after.created, after.id), (before.created, before.id));
        }
    }
}

fn touches(act: &Act) -> Option<&str> {
    match act {
        Act::Set { field, .. } | Act::Write { field, .. } | Act::Put { field, .. } => Some(field.as_str()),
        // A strike-out shows where it strikes; none is among the seeds.
        Act::Create(_) | Act::Move { .. } => None,
    }
}

proptest! {
    #![proptest_config(cases(2000))]

    /// Bytes altered anywhere behind the header, the checksum made to fit.
    #[test]
    fn mutated_changes_never_get_past_the_rules(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..5),
    ) {
        quiet();
        let seeds = SEEDS.with(Clone::clone);
        let (desk, by, change) = &seeds[which.index(seeds.len())];
        let mut body = body_of(change.bytes()).to_vec();
        for (at, byte, how) in damage {
            let at = at.index(body.len());
            match how {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => drop(body.remove(at)),
            }
        }
        take(desk, by, &chunk(&body));
    }

    /// Operations altered one by one and encoded again: nearer to what may pass than bytes at random.
    #[test]
    fn mutated_operations_never_get_past_the_rules(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        how in 0..10_u8,
        number in 0..60_u64,
    ) {
        quiet();
        let seeds = SEEDS.with(Clone::clone);
        let (desk, by, change) = &seeds[which.index(seeds.len())];
        let mut expanded = automerge::Change::from_bytes(change.bytes().to_vec()).unwrap().decode();
        let count = expanded.operations.len();
        let (at, other) = (at.index(count), other.index(count));
        let known = OpId::new(number, &automerge::ActorId::from(who("residents_committee").actor.0));
        match how {
            0 => expanded.operations.swap(at, other),
            1 => drop(expanded.operations.remove(at)),
            2 => expanded.operations.insert(other, expanded.operations[at].clone()),
            3 => expanded.operations[at].obj = ObjectId::Id(known),
            4 => expanded.operations[at].obj = expanded.operations[other].obj.clone(),
            5 => expanded.operations[at].key = Key::Seq(ElementId::Id(known)),
            6 => expanded.operations[at].key = expanded.operations[other].key.clone(),
            7 => expanded.operations[at].pred = vec![known].into_iter().collect(),
            8 => expanded.operations[at].insert ^= true,
            _ => expanded.operations[at].action = expanded.operations[other].action.clone(),
        }
        take(desk, by, automerge::Change::from(expanded).raw_bytes());
    }
}

thread_local! {
    static SEEDS: std::rc::Rc<Vec<(Desk, Who, Change)>> = std::rc::Rc::new(seeds());
}
