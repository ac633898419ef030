//! Who may do what: every kind of the built-in schema, every field, every move, in every role, asked of a real device before
//! the edit is stored, and of a real server when the very same change arrives under the device's signature. The two never
//! disagree, what is refused alters nothing, and a change of the rules shows in the snapshot.

mod gates;
mod questions;
mod scene;
mod table;
mod values;

use std::collections::BTreeSet;
use std::thread;

use renolog_protocol::schema::{Kind, Schema, Shape};

use gates::Gates;
use scene::Scene;
use table::{Table, YES};

#[test]
fn a_device_and_a_server_give_one_answer() {
    let schema = Schema::built_in();
    let kinds: Vec<&Kind> = schema.kinds.values().collect();
    let share = kinds.len().div_ceil(thread::available_parallelism().map_or(1, usize::from));
    let tables: Vec<Table> = thread::scope(|scope| {
        let ask = |kinds: &[&Kind]| kinds.iter().copied().map(ask_everything).collect::<Vec<Table>>();
        let asking: Vec<_> = kinds.chunks(share).map(|kinds| scope.spawn(move || ask(kinds))).collect();
        asking.into_iter().flat_map(|share| share.join().unwrap()).collect()
    });

    // One seat a role, one for a role that speaks for another party than its own, two for a person who speaks for two.
    let seats = schema.roles.len() + 3;
    for (kind, table) in schema.kinds.values().zip(&tables) {
        assert_eq!(table.asked(), questions_of(kind) * seats, "questions about a {}", kind.name);
    }
    let told: BTreeSet<&str> = tables.iter().flat_map(Table::cells).collect();
    let refusals = ["may_not_create", "may_not_write", "may_not_move", "other_party", "write_once", "frozen", "needed", "voided"];
    for answer in refusals.into_iter().chain(["sign_offs_missing", "handled_by_own_party", "not_from_this_state", YES]) {
        assert!(told.contains(answer), "nobody was told {answer:?}");
    }
    let who_may_do_what = tables.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!("who_may_do_what", who_may_do_what);
}

fn ask_everything(kind: &Kind) -> Table {
    let mut scene = Scene::set(kind);
    let questions = questions::about(&mut scene);
    scene.everyone_takes_their_seat();
    let mut table = Table::new(kind, &scene);
    let mut gates = Gates::of(&mut scene);
    table.readers(&(0..gates.seats()).map(|seat| gates.reads(seat)).collect::<Vec<&str>>());
    for question in &questions {
        let told = gates.ask(question);
        let told: Vec<&str> = told.iter().map(|told| told.as_ref().map_or_else(|why| why.code.as_str(), |_| YES)).collect();
        table.add(&question.name, &told);
    }
    table
}

/// How many questions there are about a kind, counted by its schema.
fn questions_of(kind: &Kind) -> usize {
    let makes = 1 + usize::from(kind.fields.values().any(|field| field.needed)) + usize::from(kind.not_by.is_some());
    let fields = kind.fields.values().map(|field| {
        let states = if field.writable_in.is_empty() { 1 } else { kind.states.len() };
        match field.shape {
            Shape::PerParty(_) => 2 * states,
            Shape::Log(_) => states + 1,
            Shape::Register(_) | Shape::Prose { .. } | Shape::Set { .. } => states,
        }
    });
    // From every state, those in which it may not be made included.
    let moves =
        kind.moves.values().map(|rule| kind.states.len() + usize::from(rule.reason) + usize::from(!rule.needs.is_empty()));
    let in_every_record = 6;
    makes + fields.sum::<usize>() + in_every_record + moves.sum::<usize>()
}
