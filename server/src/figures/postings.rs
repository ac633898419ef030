//! 一小区一专员: the communities that have their specialist, and just one.

use std::collections::HashMap;

use renolog_protocol::id::CommunityId;
use renolog_protocol::schema::Value;

use super::communities::Log;
use super::{Amount, Counted, Figure, Unit};
use crate::store::{Column, FactRow, Read, RecordRow, StoreError};

/// Communities with exactly one active specialist, of all. Where there are several, nobody can say who it is.
pub(super) fn specialists<S: Read + ?Sized>(store: &S, logs: &[Log], postings: &[FactRow]) -> Result<Figure, StoreError> {
    let mut posted: HashMap<CommunityId, Vec<Counted>> = HashMap::new();
    for posting in postings.iter().filter(|posting| posting.state.as_str() == "active") {
        let row: RecordRow = store.get(&[posting.id.to_cell()])?.ok_or(StoreError::Damaged("records"))?;
        if row.read_view()?.value("role") == Some(&Value::from("specialist")) {
            posted.entry(posting.feed.community).or_default().push(Counted::plain(posting));
        }
    }
    let there: Vec<&Vec<Counted>> = logs.iter().filter_map(|log| posted.get(&log.row.id)).collect();
    let (one, several): (Vec<&Vec<Counted>>, Vec<&Vec<Counted>>) = there.into_iter().partition(|there| there.len() == 1);
    let figure = Figure::new("specialists", "有一名在任专员的小区", "communities with one specialist", Unit::Communities);
    let value = Amount::share(one.len() as i64, logs.len() as i64);
    let unknown = several.len() as u64;
    Ok(figure.of(one.into_iter().flatten().copied()).without(unknown, several.into_iter().flatten().copied()).is(value))
}
