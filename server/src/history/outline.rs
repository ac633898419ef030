//! A community's history from afar: how much was said when, by receipt and by the clocks of those who wrote, in each lane.

use std::collections::{BTreeMap, HashMap};

use renolog_protocol::id::FeedId;
use renolog_protocol::schema::Party;
use renolog_protocol::time::UnixMs;
use serde::Serialize;

use super::Question;
use crate::store::{BatchRow, ChangeRow, Column, Read, StoreError, TimelineRow};

/// Rows read at once.
const PAGE: usize = 1_000;

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Outline {
    /// How many entries there are.
    pub entries: u64,
    /// When the first was received.
    pub received_from: Option<UnixMs>,
    /// When the last was received.
    pub received_until: Option<UnixMs>,
    /// When the first was written, by clocks as corrected.
    pub written_from: Option<UnixMs>,
    /// When the last was written.
    pub written_until: Option<UnixMs>,
    /// The lanes in which something was said.
    pub lanes: Vec<Lane>,
}

/// What was said for one party.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Lane {
    /// Which.
    pub party: Party,
    /// How many entries.
    pub entries: u64,
    /// How many in each equal part of the time from the first receipt to the last.
    pub received: Vec<u32>,
    /// How many in each equal part of the time from the first writing to the last.
    pub written: Vec<u32>,
}

struct Dot {
    party: Party,
    received: UnixMs,
    written: UnixMs,
}

/// The outline of a community's history in so many parts of its time.
///
/// # Errors
/// [`StoreError`].
pub fn outline<S: Read + ?Sized>(store: &S, question: &Question, parts: usize) -> Result<Outline, StoreError> {
    let mut dots = Vec::new();
    for audience in &question.audiences {
        gather(store, FeedId { community: question.community, audience: *audience }, &mut dots)?;
    }
    let span = |of: fn(&Dot) -> UnixMs| (dots.iter().map(of).min(), dots.iter().map(of).max());
    let (received, written) = (span(|dot| dot.received), span(|dot| dot.written));
    let mut lanes: BTreeMap<Party, Lane> = BTreeMap::new();
    for dot in &dots {
        let lane = lanes.entry(dot.party.clone()).or_insert_with(|| Lane {
            party: dot.party.clone(),
            entries: 0,
            received: vec![0; parts],
            written: vec![0; parts],
        });
        lane.entries += 1;
        lane.received[part(dot.received, received, parts)] += 1;
        lane.written[part(dot.written, written, parts)] += 1;
    }
    Ok(Outline {
        entries: u64::try_from(dots.len()).unwrap_or(u64::MAX),
        received_from: received.0,
        received_until: received.1,
        written_from: written.0,
        written_until: written.1,
        lanes: lanes.into_values().collect(),
    })
}

fn gather<S: Read + ?Sized>(store: &S, feed: FeedId, dots: &mut Vec<Dot>) -> Result<(), StoreError> {
    let mut batches: HashMap<u64, (UnixMs, renolog_protocol::time::SpanMs)> = HashMap::new();
    let mut after = renolog_protocol::id::Seq(0);
    loop {
        let rows: Vec<TimelineRow> = store.list(&[feed.to_cell()], Some(&after.to_cell()), PAGE)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.seq;
        for row in rows {
            let (received, skew) = match batches.get(&row.batch) {
                Some(known) => *known,
                None => {
                    let batch: BatchRow = store.get(&[row.batch.to_cell()])?.ok_or(StoreError::Damaged("batches"))?;
                    *batches.entry(row.batch).or_insert((batch.received, batch.skew))
                }
            };
            let change: ChangeRow = store.get(&[row.hash.to_cell()])?.ok_or(StoreError::Damaged("changes"))?;
            dots.push(Dot { party: change.party, received, written: row.device_time + skew });
        }
    }
}

/// In which of so many equal parts of a span a moment lies.
fn part(at: UnixMs, (from, until): (Option<UnixMs>, Option<UnixMs>), parts: usize) -> usize {
    let (Some(from), Some(until)) = (from, until) else { return 0 };
    let (into, whole) = (i128::from(at.0) - i128::from(from.0), i128::from(until.0) - i128::from(from.0) + 1);
    let index = into * i128::try_from(parts).unwrap_or(1) / whole;
    usize::try_from(index).unwrap_or(0).min(parts.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_lies_in_one_part() {
        let span = (Some(UnixMs(0)), Some(UnixMs(99)));
        for (at, expected) in [(0, 0), (9, 0), (10, 1), (99, 9)] {
            assert_eq!(part(UnixMs(at), span, 10), expected, "{at}");
        }
        let wild = (Some(UnixMs(i64::MIN)), Some(UnixMs(i64::MAX)));
        assert_eq!((part(UnixMs(i64::MIN), wild, 10), part(UnixMs(i64::MAX), wild, 10)), (0, 9));
        assert_eq!(part(UnixMs(5), (Some(UnixMs(5)), Some(UnixMs(5))), 10), 0);
    }
}
