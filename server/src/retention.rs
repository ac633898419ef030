//! Records are kept as long as the rules say, and no longer.
//!
//! A kind may say for how many years after it was done a record is kept (`keep_years`). A record past that is erased like
//! any other, by an order that stands in the audit with its reason; so the ledger tells that it was there, and why it went.
//! Nothing is erased that is still open.

use std::time::Duration;

use renolog_protocol::calendar::Calendar;
use renolog_protocol::schema::{Kind, Schema};
use renolog_protocol::time::UnixMs;

use crate::app::App;
use crate::office::{Erasure, NotDone};
use crate::store::{Column, FactRow, Read, StoreError};

/// How often somebody looks. Days more or less do not matter where years are counted.
const LOOK_EVERY: Duration = Duration::from_secs(6 * 3600);
/// Most records that one look erases, so that it keeps nobody waiting; the next look takes the rest.
const AT_ONCE: usize = 200;
/// Facts read at once.
const PAGE: usize = 512;

/// Records past the time for which they are to be kept, at most `limit` of them, oldest kinds of the schema first.
///
/// # Errors
/// [`StoreError`].
pub fn past_keeping<S: Read + ?Sized>(
    store: &S,
    schema: &Schema,
    calendar: &Calendar,
    now: UnixMs,
    limit: usize,
) -> Result<Vec<Erasure>, StoreError> {
    let mut found = Vec::new();
    for (kind, years) in schema.kinds.values().filter_map(|kind| Some((kind, kind.keep_years?))) {
        for (state, _) in kind.states.iter().filter(|(_, state)| state.done) {
            let mut after = None;
            loop {
                let prefix = [kind.name.to_cell(), state.to_cell()];
                let facts: Vec<FactRow> = store.list_by(FactRow::BY_KIND, &prefix, after.as_ref(), PAGE)?;
                let Some(last) = facts.last() else { break };
                after = Some(last.id.to_cell());
                let past = facts.iter().filter(|fact| is_past(fact, calendar, years, now));
                found.extend(past.map(|fact| Erasure { record: fact.id, reason: reason(kind, years) }));
                if found.len() >= limit {
                    found.truncate(limit);
                    return Ok(found);
                }
            }
        }
    }
    Ok(found)
}

fn is_past(fact: &FactRow, calendar: &Calendar, years: u32, now: UnixMs) -> bool {
    fact.closed.and_then(|closed| calendar.years_after(closed, years)).is_some_and(|end| end <= now)
}

fn reason(kind: &Kind, years: u32) -> String {
    format!("“{}”的保存期 {years} 年已满 kept for the {years} years that the rules ask for", kind.label.zh)
}

/// Erases what is past its time; how much that was.
///
/// # Errors
/// [`NotDone`]; what was erased before it stays erased, and the next sweep goes on.
pub async fn sweep(app: &App) -> Result<usize, NotDone> {
    let (schema, calendar, now) = (app.schema.clone(), app.calendar.clone(), app.clock.now());
    let found = app.readers.ask(move |store| past_keeping(store, &schema, &calendar, now, AT_ONCE));
    let found = found.await.map_err(crate::office::Unfit::from)?;
    let count = found.len();
    for erasure in found {
        tracing::info!(record = %erasure.record, "past its time");
        app.take(None, erasure).await?;
    }
    Ok(count)
}

/// Sweeps now and then, until the server goes down.
pub async fn look_after(app: App) {
    let mut stopping = app.stopping.clone();
    loop {
        let wait = match sweep(&app).await {
            // There may be more.
            Ok(AT_ONCE) => continue,
            Ok(_) => LOOK_EVERY,
            Err(error) => {
                tracing::error!(%error, "records past their time could not be erased; trying again later");
                LOOK_EVERY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use renolog_protocol::id::RecordId;
    use renolog_protocol::schema::Value;

    use super::*;
    use crate::command::Command;
    use crate::office::{Desk, Order};
    use crate::store::{ErasureRow, RecordRow};
    use crate::testing::District;

    fn past(district: &District, limit: usize) -> Vec<RecordId> {
        let (store, schema) = (district.ingest.store(), district.ingest.schema());
        let found = past_keeping(store, schema, &Calendar::built_in(), district.now, limit).expect("memory");
        found.into_iter().map(|erasure| erasure.record).collect()
    }

    fn at(day: &str) -> UnixMs {
        Calendar::built_in().start_of_day(day).expect("a day")
    }

    #[test]
    fn a_visit_goes_after_its_years_and_an_open_record_stays() {
        let mut district = District::new();
        district.now = at("2026-02-28");
        let community = district.community("desheng");
        let street = district.member(&[community], "street");
        let captain = district.member(&[community], "captain");
        let asked =
            |who: &str| [("respondent", who.into()), ("handled_by", "property_manager".into()), ("score", Value::Whole(4))];
        let first = district.make(&street, community, "visit", &asked("王家"), Vec::new());
        district.now = at("2026-03-02");
        let second = district.make(&street, community, "visit", &asked("李家"), Vec::new());
        let open = [("item", "safety".into()), ("location", "3幢".into())];
        let open = district.make(&captain, community, "rectification", &open, Vec::new());

        for (day, gone) in [
            ("2031-02-27", vec![]),
            ("2031-02-28", vec![first]),
            ("2031-03-01", vec![first]),
            ("2031-03-02", vec![first, second]),
        ] {
            district.now = at(day);
            assert_eq!(past(&district, 10), gone, "{day}");
        }
        assert_eq!(past(&district, 1), [first]);

        let found = past_keeping(district.ingest.store(), &Schema::built_in(), &Calendar::built_in(), district.now, 10);
        for erasure in found.expect("memory") {
            let desk = Desk { store: district.ingest.store(), schema: district.ingest.schema(), now: district.now };
            let (command, _) = erasure.command(&desk).expect("it is there");
            assert!(matches!(&command, Command::Erase(erase) if erase.reason.contains("5 年")), "{command:?}");
            district.command(command).expect("it can be erased");
        }
        assert_eq!(past(&district, 10), []);
        let left: Vec<RecordRow> = district.ingest.store().list(&[], None, 10).expect("memory");
        assert_eq!(left.iter().map(|row| row.id).collect::<Vec<_>>(), [open]);
        let told: Vec<ErasureRow> = district.ingest.store().list(&[], None, 10).expect("memory");
        assert_eq!(told.len(), 2, "that they were there stays");
    }
}
