//! What is open and done of each kind, by the party that made it, and how long an answer and the whole take.

use std::collections::BTreeMap;

use renolog_protocol::schema::{Kind, Label, Party, Schema};

use super::{Amount, Counted, Figure, Unit};
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
    let (done, open): (Vec<&FactRow>, Vec<&FactRow>) = facts.iter().partition(|fact| fact.closed.is_some());
    figures.extend(by_party(schema, kind, "open", ("未办结", "open"), &open));
    figures.extend(by_party(schema, kind, "done", ("已办结", "done"), &done));
    figures.extend(spans(kind, "response", ("首次办理用时", "until the first step"), facts, |fact| fact.answered));
    figures.extend(spans(kind, "closing", ("办结用时", "until done"), facts, |fact| fact.closed));
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

/// Median and nine tenths of a span from receipt; those where it has not ended yet are unknown.
fn spans(
    kind: &Kind,
    what: &str,
    words: (&str, &str),
    facts: &[FactRow],
    end: impl Fn(&FactRow) -> Option<renolog_protocol::time::UnixMs>,
) -> [Figure; 2] {
    let (ended, running): (Vec<&FactRow>, Vec<&FactRow>) = facts.iter().partition(|fact| end(fact).is_some());
    let mut spans: Vec<i64> = ended.iter().filter_map(|fact| Some((end(fact)? - fact.opened).0)).collect();
    spans.sort_unstable();
    let figure = |which: &str, zh: &str, en: &str, tenths| {
        let name = format!("records.{}.{what}.{which}", kind.name);
        let zh = format!("{}·{}（{zh}）", kind.label.zh, words.0);
        let en = format!("{}: {} ({en})", kind.label.en, words.1);
        Figure::new(name, zh, en, Unit::Milliseconds)
            .of(ended.iter().map(|fact| Counted::plain(fact)))
            .without(running.len() as u64, running.iter().map(|fact| Counted::plain(fact)))
            .is(nearest_rank(&spans, tenths).map(Amount::Whole))
    };
    [figure("median", "中位数", "median", 5), figure("p90", "九成以内", "nine in ten", 9)]
}

/// The least of `sorted` that so many tenths of them do not exceed.
fn nearest_rank(sorted: &[i64], tenths: usize) -> Option<i64> {
    let rank = (sorted.len() * tenths).div_ceil(10);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_values_that_were_there() {
        assert_eq!(nearest_rank(&[], 5), None);
        assert_eq!((nearest_rank(&[7], 5), nearest_rank(&[7], 9)), (Some(7), Some(7)));
        let ten: Vec<i64> = (1..=10).collect();
        assert_eq!((nearest_rank(&ten, 5), nearest_rank(&ten, 9)), (Some(5), Some(9)));
        assert_eq!((nearest_rank(&[1, 2, 9], 5), nearest_rank(&[1, 2, 9], 9)), (Some(2), Some(9)));
    }
}
