//! What is open and done of each kind: by the party that made it, and by the parties it waits for.

use std::collections::{BTreeMap, BTreeSet};

use renolog_protocol::schema::{Kind, Label, Party, Schema};

use super::waiting::Waiting;
use super::{Counted, Figure, Unit, spans};
use crate::store::FactRow;

pub(super) fn figures(schema: &Schema, kind: &Kind, facts: &[FactRow]) -> Vec<Figure> {
    let Label { zh, en } = &kind.label;
    let name = format!("records.{}", kind.name);
    let all = Figure::new(name.clone(), zh.clone(), en.clone(), Unit::Records);
    let mut figures = vec![all.counting(facts.iter().map(Counted::plain))];
    let ends = kind.states.values().any(|state| state.done);
    let made_done = kind.states.get(&kind.initial).is_some_and(|state| state.done);
    if !ends || made_done {
        return figures;
    }
    let waiting = Waiting::new(schema, kind);
    let (done, open): (Vec<&FactRow>, Vec<&FactRow>) = facts.iter().partition(|fact| fact.closed.is_some());
    figures.extend(by_party(schema, kind, "open", ("未办结", "open"), &open));
    figures.extend(by_party(schema, kind, "done", ("已办结", "done"), &done));
    figures.extend(waiting_for(schema, kind, &waiting, &open));
    figures.extend(spans::figures(schema, kind, &waiting, facts));
    figures
}

fn by_party(schema: &Schema, kind: &Kind, what: &str, words: (&str, &str), facts: &[&FactRow]) -> Vec<Figure> {
    let name = format!("records.{}.{what}", kind.name);
    let (zh, en) = (format!("{}·{}", kind.label.zh, words.0), format!("{}: {}", kind.label.en, words.1));
    let mut parties: BTreeMap<&Party, Vec<Counted>> = BTreeMap::new();
    for fact in facts {
        parties.entry(&fact.party).or_default().push(Counted::plain(fact));
    }
    let all = Figure::new(name.clone(), zh.clone(), en.clone(), Unit::Records);
    let of_party = |(party, those): (&Party, Vec<Counted>)| {
        let by = schema.party_label(party);
        let figure = Figure::new(
            format!("{name}.{party}"),
            format!("{zh}（{}提出）", by.zh),
            format!("{en}, made by the {}", by.en),
            Unit::Records,
        );
        figure.counting(those)
    };
    let all = all.counting(facts.iter().map(|fact| Counted::plain(fact)));
    std::iter::once(all).chain(parties.into_iter().map(of_party)).collect()
}

/// Open ones by the party that must act next. A party that none waits for says so: 0 is known here.
fn waiting_for(schema: &Schema, kind: &Kind, waiting: &Waiting, open: &[&FactRow]) -> Vec<Figure> {
    let parties: BTreeSet<&Party> = waiting.parties().collect();
    let of_party = |party: &Party| {
        let by = schema.party_label(party);
        let zh = format!("{}·未办结（待{}办理）", kind.label.zh, by.zh);
        let en = format!("{}: open, waiting for the {}", kind.label.en, by.en);
        let those = open.iter().filter(|fact| waiting.is_for(party, fact)).map(|fact| Counted::plain(fact));
        Figure::new(format!("records.{}.waiting.{party}", kind.name), zh, en, Unit::Records).counting(those)
    };
    parties.into_iter().map(of_party).collect()
}
