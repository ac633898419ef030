//! What has to be settled: conflicts of a community, and the count of a motion.

use axum::Json;
use axum::extract::State;
use renolog_protocol::id::{FeedId, RecordId};
use serde::Deserialize;

use super::communities::{MOST, Stretch, USUAL, no_community};
use super::extract::{Path, Query};
use super::records::{no_record, readable};
use super::{Caller, Problem};
use crate::app::App;
use crate::ballots::{self, Counted};
use crate::conflicts::{self, Disagreement};
use crate::office::find_community;

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    after: Option<RecordId>,
    limit: Option<usize>,
}

/// What people wrote against each other, and moves that were overtaken.
#[utoipa::path(get, path = "/communities/{community}/conflicts", operation_id = "conflicts", tag = "desk", params(("community" = String, Path, description = "By id, short name or name"), Page), 
    responses((status = OK, body = Stretch<Disagreement>), super::openapi::Refused))]
pub(super) async fn conflicts(
    State(app): State<App>,
    caller: Caller,
    Path(named): Path<String>,
    Query(page): Query<Page>,
) -> Result<Json<Stretch<Disagreement>>, Problem> {
    let limit = page.limit.unwrap_or(USUAL).clamp(1, MOST);
    let (asked, name) = (app.clone(), named.clone());
    let found = app.readers.ask(move |store| {
        let Some(row) = find_community(store, &name)? else { return Ok(None) };
        let audiences = caller.audiences(&asked, store, row.id)?;
        if audiences.is_empty() {
            return Ok(None);
        }
        let feeds = audiences.into_iter().map(|audience| FeedId { community: row.id, audience });
        conflicts::list(store, &asked.schema, feeds, page.after, limit).map(Some)
    });
    let items = found.await?.ok_or_else(|| no_community(&named))?;
    let next = if items.len() == limit { items.last().map(|item| item.record.to_string()) } else { None };
    Ok(Json(Stretch { items, next }))
}

/// The count of a motion's ballots.
#[utoipa::path(get, path = "/records/{record}/tally", operation_id = "tally", tag = "records", params(("record" = RecordId, Path)), 
    responses((status = OK, body = Counted), super::openapi::Refused))]
pub(super) async fn tally(
    State(app): State<App>,
    caller: Caller,
    Path(record): Path<RecordId>,
) -> Result<Json<Counted>, Problem> {
    let asked = app.clone();
    let found = app.readers.ask(move |store| {
        let Some(motion) = readable(&asked, store, &caller, record)? else { return Ok(Err(no_record(record))) };
        let audiences = caller.audiences(&asked, store, motion.feed.community)?;
        match ballots::feed_of_ballots(&asked.schema, &motion) {
            Some(feed) if audiences.contains(&feed.audience) => {}
            _ => return Ok(Err(Problem::forbidden("the count shows who voted; it is for those who may read ballots"))),
        }
        let counted = ballots::count(store, &asked.schema, &motion)?;
        Ok(counted.ok_or_else(|| Problem::bad_request(format!("record {record} is a {}, not a motion", motion.kind))))
    });
    found.await?.map(Json)
}
