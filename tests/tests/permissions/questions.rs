//! What is asked about a kind, from its schema: may I make one, write this, take this step? Each question has a record of
//! its own, so that no answer depends on what was asked before.

use renolog_protocol::id::RecordId;
use renolog_protocol::record::{Act, Record, VoidTarget};
use renolog_protocol::schema::{FieldName, KeySource, MoveName, Party, Shape, StateName, Value, built_in};

use super::scene::{Scene, Seat};
use super::values::{Which, fill, needed};

/// One row of the table.
pub(crate) struct Question {
    pub(crate) name: String,
    pub(crate) wish: Wish,
}

/// What a person in a seat wants to do.
pub(crate) enum Wish {
    /// Make a record with these values.
    Make(Box<Values>),
    /// Say something in a record as it stands.
    Say(RecordId, Box<Words>),
}

type Values = dyn Fn(&Seat) -> Vec<(FieldName, Value)>;
type Words = dyn Fn(&Seat, &Record) -> Act;

/// Everything there is to ask about the scene's kind.
pub(crate) fn about(scene: &mut Scene<'_>) -> Vec<Question> {
    let mut asked = Questions { scene, list: Vec::new() };
    asked.making();
    asked.fields();
    asked.in_every_record();
    asked.moves();
    asked.list
}

struct Questions<'s, 'k> {
    scene: &'s mut Scene<'k>,
    list: Vec<Question>,
}

impl Questions<'_, '_> {
    fn make(&mut self, name: &str, values: impl Fn(&Seat) -> Vec<(FieldName, Value)> + 'static) {
        self.list.push(Question { name: name.to_owned(), wish: Wish::Make(Box::new(values)) });
    }

    fn say(&mut self, name: impl Into<String>, record: RecordId, act: impl Fn(&Seat, &Record) -> Act + 'static) {
        self.list.push(Question { name: name.into(), wish: Wish::Say(record, Box::new(act)) });
    }

    fn making(&mut self) {
        let kind = self.scene.kind;
        let values = needed(kind);
        self.make("create", move |_| values.clone());
        if !needed(kind).is_empty() {
            self.make("create, empty", |_| Vec::new());
        }
        if let Some(not_by) = kind.not_by.clone() {
            let mut values = needed(kind);
            values.retain(|(name, _)| *name != not_by);
            self.make(&format!("create, {not_by} own party"), move |seat| {
                let own = (not_by.clone(), seat.party.as_str().into());
                values.iter().cloned().chain([own]).collect()
            });
        }
    }

    fn fields(&mut self) {
        let kind = self.scene.kind;
        for (name, field) in &kind.fields {
            if field.writable_in.is_empty() {
                self.field(name, &kind.initial, "");
            } else {
                kind.states.keys().for_each(|state| self.field(name, state, &format!(" ({state})")));
            }
            if let Shape::Log(_) = field.shape {
                let state = field.writable_in.first().unwrap_or(&kind.initial);
                let (record, key) = (self.scene.make_in(state, &[]), self.scene.draw());
                self.scene.say(record, fill(kind, name, key.as_str(), Which::Prepared), None);
                let again = fill(kind, name, key.as_str(), Which::Asked);
                self.say(format!("rewrite in {name}"), record, move |_, _| again.clone());
            }
        }
    }

    fn field(&mut self, name: &FieldName, state: &StateName, when: &str) {
        let kind = self.scene.kind;
        let drawn = self.scene.draw();
        let (what, key) = match &kind.fields[name].shape {
            Shape::Register(_) => ("set", ""),
            Shape::Prose { .. } => ("draft", ""),
            Shape::Log(_) | Shape::Set { key: KeySource::Drawn, .. } => ("add to", drawn.as_str()),
            Shape::Set { key: KeySource::Given, .. } => ("add to", "12"),
            Shape::PerParty(_) => return self.per_party(name, state, when),
        };
        let act = fill(kind, name, key, Which::Asked);
        let record = self.scene.make_in(state, &[]);
        self.say(format!("{what} {name}{when}"), record, move |_, _| act.clone());
    }

    fn per_party(&mut self, name: &FieldName, state: &StateName, when: &str) {
        let (kind, parties) = (self.scene.kind.clone(), self.scene.schema.parties.clone());
        let speak = {
            let (kind, name) = (kind.clone(), name.clone());
            move |party: &Party| fill(&kind, &name, party.as_str(), Which::Asked)
        };
        let (record, own) = (self.scene.make_in(state, &[]), speak.clone());
        self.say(format!("speak in {name}{when}"), record, move |seat, _| own(&seat.party));
        let record = self.scene.make_in(state, &[]);
        let other = move |seat: &Seat| parties.keys().find(|party| **party != seat.party).cloned().unwrap();
        self.say(format!("speak in {name} for another{when}"), record, move |seat, _| speak(&other(seat)));
    }

    fn in_every_record(&mut self) {
        let (id, initial) = (self.scene.draw(), self.scene.kind.initial.clone());
        let [noted, attached, paused, struck, of_the_street, gone] = [(); 6].map(|()| self.scene.make_in(&initial, &[]));
        let note = Act::note(id.clone(), "看过了");
        self.say("note", noted, {
            let note = note.clone();
            move |_, _| note.clone()
        });
        self.say("attach", attached, |_, _| Act::attach([7; 32], "照片", "image/jpeg"));

        let named = |name| FieldName::parse(name).unwrap();
        let entry = [(named("until"), "2026-11-22".into()), (named("reason"), "等待材料".into())].into();
        let pause = Act::Put { field: named(built_in::PAUSES), key: id.to_string(), entry };
        self.say("pause", paused, move |_, _| pause.clone());

        let strike = Act::void(id.clone(), &VoidTarget::Record, "重复");
        self.say("strike out the record", struck, {
            let strike = strike.clone();
            move |_, _| strike.clone()
        });
        let key = self.scene.draw();
        self.scene.say(of_the_street, Act::note(key.clone(), "尽快"), Some(&Party::parse("street").unwrap()));
        let target = VoidTarget::Entry { field: named(built_in::NOTES), key: key.to_string() };
        let strike_note = Act::void(id, &target, "重复");
        self.say("strike out the street's note", of_the_street, move |_, _| strike_note.clone());

        self.scene.say(gone, strike, None);
        self.say("note, struck out", gone, move |_, _| note.clone());
    }

    fn moves(&mut self) {
        let kind = self.scene.kind;
        for (name, rule) in &kind.moves {
            let from: Vec<&StateName> = kind.states.keys().filter(|state| rule.from.contains(*state)).collect();
            for state in &from {
                let record = self.scene.make_in(state, &[]);
                self.scene.fulfil(record, name);
                self.step(format!("{name} {state} → {}", rule.to), record, name, rule.reason);
            }
            // Under one name, so that they come to one line: the answer is the same wherever else a record stands.
            for state in kind.states.keys().filter(|state| !rule.from.contains(*state)) {
                let record = self.scene.make_in(state, &[]);
                self.step(format!("{name} from any other state"), record, name, rule.reason);
            }
            if rule.reason {
                let record = self.scene.make_in(from[0], &[]);
                self.scene.fulfil(record, name);
                self.step(format!("{name}, no reason"), record, name, false);
            }
            if !rule.needs.is_empty() {
                // What it waits for, it may wait for in some records only.
                let when = rule.needs.iter().filter_map(|needs| needs.when.as_ref()).filter(|when| when.is);
                let instead: Vec<_> = when.map(|when| (when.field.clone(), when.choice.as_str().into())).collect();
                let record = self.scene.make_in(from[0], &instead);
                self.step(format!("{name}, needs missing"), record, name, rule.reason);
            }
        }
    }

    fn step(&mut self, title: String, record: RecordId, name: &MoveName, reasoned: bool) {
        let (id, name) = (self.scene.draw(), name.clone());
        self.say(title, record, move |_, record| Act::Move {
            id: id.clone(),
            name: name.clone(),
            follows: record.latest_moves(),
            reason: reasoned.then(|| "现场情况".to_owned()),
        });
    }
}
