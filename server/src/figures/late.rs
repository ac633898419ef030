//! What is overdue, by kind and by the party that is waited for.

use std::collections::{BTreeMap, BTreeSet};

use renolog_protocol::id::RecordId;
use renolog_protocol::schema::{KindName, Label, Party};

use super::{Counted, Figure, Known, Scope, Unit};
use crate::overdue::{self, Filter};
use crate::store::{Read, StoreError};

pub(super) fn figures<S: Read + ?Sized>(store: &S, scope: &Scope, known: Known<'_>) -> Result<Vec<Figure>, StoreError> {
    let mut kinds: BTreeMap<KindName, BTreeSet<RecordId>> = BTreeMap::new();
    let mut parties: BTreeMap<Party, BTreeSet<RecordId>> = BTreeMap::new();
    let mut all = BTreeSet::new();
    for late in overdue::list(store, scope, known.schema, known.calendar, known.now, &Filter::default())? {
        all.insert(late.record);
        kinds.entry(late.kind).or_default().insert(late.record);
        for party in late.waits_for_parties {
            parties.entry(party).or_default().insert(late.record);
        }
    }
    let figure = |name: String, label: Label, records: BTreeSet<RecordId>| {
        let counted = records.into_iter().map(|id| Counted { id, mark: None });
        Figure::new(name, label.zh, label.en, Unit::Records).counting(counted)
    };
    let mut figures = vec![figure("overdue".into(), Label { zh: "超期".into(), en: "overdue".into() }, all)];
    // A kind with deadlines and nothing overdue says so: 0 is known here.
    for kind in known.schema.kinds.values().filter(|kind| kind.deadlines.iter().any(|rule| !rule.earliest)) {
        let label = Label { zh: format!("{}·超期", kind.label.zh), en: format!("{}: overdue", kind.label.en) };
        figures.push(figure(format!("overdue.{}", kind.name), label, kinds.remove(&kind.name).unwrap_or_default()));
    }
    for (party, records) in parties {
        let by = known.schema.party_label(&party);
        let label = Label { zh: format!("超期·待{}办理", by.zh), en: format!("overdue, waiting for the {}", by.en) };
        figures.push(figure(format!("overdue.party.{party}"), label, records));
    }
    Ok(figures)
}
