//! How long an answer and the whole take, of each kind and of each party.
//!
//! A record is answered by its first move that counts, and closed by the move with which it became done; spans run from the
//! receipt of the record to the receipt of that move. With a party are counted those that it answered or closed itself;
//! unknown are those that still wait for it.

use std::collections::BTreeSet;

use renolog_protocol::schema::{Kind, Label, Party, Schema};
use renolog_protocol::time::UnixMs;

use super::waiting::Waiting;
use super::{Amount, Counted, Figure, Unit};
use crate::store::FactRow;

/// A span that begins with the receipt of a record.
struct Span {
    name: &'static str,
    zh: &'static str,
    en: &'static str,
    /// When it ended.
    end: fn(&FactRow) -> Option<UnixMs>,
    /// Who ended it.
    by: fn(&FactRow) -> Option<&Party>,
}

const SPANS: [Span; 2] = [
    Span {
        name: "response",
        zh: "首次办理用时",
        en: "until the first step",
        end: |fact| fact.answered,
        by: |fact| fact.answered_by.as_ref(),
    },
    Span { name: "closing", zh: "办结用时", en: "until done", end: |fact| fact.closed, by: |fact| fact.closed_by.as_ref() },
];

pub(super) fn figures(schema: &Schema, kind: &Kind, waiting: &Waiting, facts: &[FactRow]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for span in &SPANS {
        let (ended, running): (Vec<&FactRow>, Vec<&FactRow>) = facts.iter().partition(|fact| (span.end)(fact).is_some());
        figures.extend(span.figures(kind, None, &ended, &running));
        let parties = waiting.parties().filter(|party| running.iter().any(|fact| waiting.is_for(party, fact)));
        let parties: BTreeSet<&Party> = ended.iter().filter_map(|fact| (span.by)(fact)).chain(parties).collect();
        for party in parties {
            let ended: Vec<&FactRow> = ended.iter().copied().filter(|fact| (span.by)(fact) == Some(party)).collect();
            let running: Vec<&FactRow> = running.iter().copied().filter(|fact| waiting.is_for(party, fact)).collect();
            figures.extend(span.figures(kind, Some((party, schema.party_label(party))), &ended, &running));
        }
    }
    figures
}

impl Span {
    /// Median and nine tenths; those where it has not ended yet are unknown.
    fn figures(&self, kind: &Kind, party: Option<(&Party, Label)>, ended: &[&FactRow], running: &[&FactRow]) -> [Figure; 2] {
        // Moments of receipt may be some milliseconds out of order, or more where the server's clock was set back.
        let mut spans: Vec<i64> = ended.iter().filter_map(|fact| Some(((self.end)(fact)? - fact.opened).0.max(0))).collect();
        spans.sort_unstable();
        let (of, by_zh, by_en) = match party {
            Some((party, label)) => (format!(".{party}"), format!("，{}", label.zh), format!(", by the {}", label.en)),
            None => Default::default(),
        };
        let figure = |which: &str, zh: &str, en: &str, tenths| {
            let name = format!("records.{}.{}.{which}{of}", kind.name, self.name);
            let zh = format!("{}·{}（{zh}{by_zh}）", kind.label.zh, self.zh);
            let en = format!("{}: {} ({en}{by_en})", kind.label.en, self.en);
            Figure::new(name, zh, en, Unit::Milliseconds)
                .of(ended.iter().map(|fact| Counted::plain(fact)))
                .without(running.len() as u64, running.iter().map(|fact| Counted::plain(fact)))
                .is(nearest_rank(&spans, tenths).map(Amount::Whole))
        };
        [figure("median", "中位数", "median", 5), figure("p90", "九成以内", "nine in ten", 9)]
    }
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
