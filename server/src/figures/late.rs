//! What is overdue: by kind, by the party that is waited for, and by both.

use std::collections::{BTreeMap, BTreeSet};

use renolog_protocol::id::RecordId;
use renolog_protocol::schema::{Kind, KindName, Label, Party, StateName};

use super::waiting::Waiting;
use super::{Counted, Figure, Known, Scope, Unit};
use crate::overdue::{self, Filter};
use crate::store::{Read, StoreError};

type Records = BTreeSet<RecordId>;

pub(super) fn figures<S: Read + ?Sized>(store: &S, scope: &Scope, known: Known<'_>) -> Result<Vec<Figure>, StoreError> {
    let mut all = Records::new();
    let mut kinds: BTreeMap<KindName, Records> = BTreeMap::new();
    let mut parties: BTreeMap<Party, Records> = BTreeMap::new();
    let mut both: BTreeMap<(KindName, Party), Records> = BTreeMap::new();
    for late in overdue::list(store, scope, known.schema, known.calendar, known.now, &Filter::default())? {
        all.insert(late.record);
        for party in late.waits_for_parties {
            parties.entry(party.clone()).or_default().insert(late.record);
            both.entry((late.kind.clone(), party)).or_default().insert(late.record);
        }
        kinds.entry(late.kind).or_default().insert(late.record);
    }
    let mut figures = vec![figure("overdue".into(), Label { zh: "超期".into(), en: "overdue".into() }, all)];
    // A kind with deadlines and nothing overdue says so: 0 is known here.
    for kind in
        known.schema.kinds.values().filter(|kind| scope.reads(kind.audience) && kind.deadlines.iter().any(|rule| !rule.earliest))
    {
        let label = Label { zh: format!("{}·超期", kind.label.zh), en: format!("{}: overdue", kind.label.en) };
        figures.push(figure(format!("overdue.{}", kind.name), label, kinds.remove(&kind.name).unwrap_or_default()));
        for party in may_be_late(known, kind) {
            let by = known.schema.party_label(&party);
            let zh = format!("{}·超期（待{}办理）", kind.label.zh, by.zh);
            let en = format!("{}: overdue, waiting for the {}", kind.label.en, by.en);
            let name = format!("overdue.{}.{party}", kind.name);
            let records = both.remove(&(kind.name.clone(), party)).unwrap_or_default();
            figures.push(figure(name, Label { zh, en }, records));
        }
    }
    for (party, records) in parties {
        let by = known.schema.party_label(&party);
        let label = Label { zh: format!("超期·待{}办理", by.zh), en: format!("overdue, waiting for the {}", by.en) };
        figures.push(figure(format!("overdue.party.{party}"), label, records));
    }
    Ok(figures)
}

fn figure(name: String, label: Label, records: Records) -> Figure {
    let counted = records.into_iter().map(|id| Counted { id, mark: None });
    Figure::new(name, label.zh, label.en, Unit::Records).counting(counted)
}

/// The parties that a record of the kind waits for where it may be overdue.
fn may_be_late(known: Known<'_>, kind: &Kind) -> BTreeSet<Party> {
    let rules = kind.deadlines.iter().filter(|rule| !rule.earliest);
    let states: BTreeSet<&StateName> = rules.flat_map(|rule| &rule.states).collect();
    Waiting::new(known.schema, kind).only(&states).parties().cloned().collect()
}
