//! `GET /api/v1/records…`: records as people see them, and what was said in them.

use axum::Json;
use axum::extract::State;
use renolog_protocol::id::{FeedId, RecordId, Seq};
use renolog_protocol::record::RecordView;
use renolog_protocol::schema::{KindName, StateName};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::communities::{Page, Stretch, no_community};
use super::extract::{Path, Query};
use super::{Caller, Problem};
use crate::app::App;
use crate::history::{self, Entry};
use crate::office::find_community;
use crate::roll::Version;
use crate::store::{Column, Read, Reader, RecordRow, StoreError};

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Listed {
    id: RecordId,
    feed: FeedId,
    kind: KindName,
    state: StateName,
    title: String,
    updated: Seq,
    conflicts: u64,
    superseded: u64,
    /// What it is erased by.
    version: Version,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    kind: Option<KindName>,
    state: Option<StateName>,
    // Not a flattened `Page`: a flattened number in a query cannot be read.
    after: Option<String>,
    limit: Option<usize>,
}

/// Records of a community, in the order of their latest change.
#[utoipa::path(get, path = "/communities/{community}/records", operation_id = "records", tag = "records", params(("community" = String, Path, description = "By id, short name or name"), Filter), 
    responses((status = OK, body = Stretch<Listed>), super::openapi::Refused))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(named): Path<String>,
    Query(filter): Query<Filter>,
) -> Result<Json<Stretch<Listed>>, Problem> {
    let page = Page::new(filter.after.clone(), filter.limit);
    let (limit, after) = (page.limit(), page.position::<ListPosition>()?);
    let (asked, name) = (app.clone(), named.clone());
    let found = app.readers.ask(move |store| {
        let Some(row) = find_community(store, &name)? else { return Ok(None) };
        let audiences = caller.audiences(&asked, store, row.id)?;
        if audiences.is_empty() {
            return Ok(None);
        }
        let feeds = audiences.into_iter().map(|audience| FeedId { community: row.id, audience });
        records(store, feeds, &filter, after, limit).map(Some)
    });
    found.await?.map(Json).ok_or_else(|| no_community(&named))
}

/// Where a list of records goes on: the audience and the update it ended with.
#[derive(Debug, Clone, Copy, Default)]
struct ListPosition {
    audience: u8,
    updated: u64,
}

impl std::str::FromStr for ListPosition {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (audience, updated) = text.split_once('.').ok_or(())?;
        Ok(Self { audience: audience.parse().map_err(drop)?, updated: updated.parse().map_err(drop)? })
    }
}

/// Records feed by feed, in the order of their latest change.
fn records(
    store: &Reader,
    feeds: impl Iterator<Item = FeedId>,
    filter: &Filter,
    after: ListPosition,
    limit: usize,
) -> Result<Stretch<Listed>, StoreError> {
    let mut items = Vec::new();
    for feed in feeds.filter(|feed| feed.audience.code() >= after.audience) {
        let mut from = Seq(if feed.audience.code() == after.audience { after.updated } else { 0 });
        loop {
            let rows: Vec<RecordRow> = store.list_by(RecordRow::BY_FEED, &[feed.to_cell()], Some(&from.to_cell()), limit)?;
            if rows.is_empty() {
                break;
            }
            // No two records of a feed share the position of their latest change.
            for row in rows {
                from = row.updated;
                let fits = filter.kind.as_ref().is_none_or(|kind| *kind == row.kind)
                    && filter.state.as_ref().is_none_or(|state| *state == row.state);
                if fits {
                    items.push(listed(row));
                }
                if items.len() == limit {
                    let next = Some(format!("{}.{from}", feed.audience.code()));
                    return Ok(Stretch { items, next });
                }
            }
        }
    }
    Ok(Stretch { items, next: None })
}

fn listed(row: RecordRow) -> Listed {
    let version = Version::of_row(&row);
    let RecordRow { id, feed, kind, state, title, updated, conflicts, superseded, .. } = row;
    Listed { id, feed, kind, state, title, updated, conflicts, superseded, version }
}

pub(super) fn no_record(record: RecordId) -> Problem {
    Problem::not_found(format!("there is no record {record}, or this token may not see it"))
}

/// The record's row, if the caller may read it.
pub(super) fn readable(app: &App, store: &Reader, caller: &Caller, record: RecordId) -> Result<Option<RecordRow>, StoreError> {
    let Some(row) = store.get::<RecordRow>(&[record.to_cell()])? else { return Ok(None) };
    let audiences = caller.audiences(app, store, row.feed.community)?;
    Ok(audiences.contains(&row.feed.audience).then_some(row))
}

/// A record as it is.
#[utoipa::path(get, path = "/records/{record}", operation_id = "record", tag = "records", params(("record" = RecordId, Path)), 
    responses((status = OK, body = RecordView), super::openapi::Refused))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(record): Path<RecordId>,
) -> Result<Json<Box<RawValue>>, Problem> {
    let asked = app.clone();
    let row = app.readers.ask(move |store| readable(&asked, store, &caller, record)).await?;
    let row = row.ok_or_else(|| no_record(record))?;
    let view = RawValue::from_string(row.view).map_err(|_| StoreError::Damaged("records"))?;
    Ok(Json(view))
}

/// What was said in a record.
#[utoipa::path(get, path = "/records/{record}/history", operation_id = "record_history", tag = "records", params(("record" = RecordId, Path), Page), 
    responses((status = OK, body = Stretch<Entry>), super::openapi::Refused))]
pub(super) async fn history(
    State(app): State<App>,
    caller: Caller,
    Path(record): Path<RecordId>,
    Query(page): Query<Page>,
) -> Result<Json<Stretch<Entry>>, Problem> {
    let (after, limit) = (page.position::<u64>()?, page.limit());
    let asked = app.clone();
    let found = app.readers.ask(move |store| {
        if readable(&asked, store, &caller, record)?.is_none() {
            return Ok(None);
        }
        history::of_record(store, &asked.schema, record, Seq(after), limit).map(Some)
    });
    let items = found.await?.ok_or_else(|| no_record(record))?;
    let last = items.last().and_then(|entry| entry.seq).map(|seq| seq.to_string());
    let next = if items.len() == limit { last } else { None };
    Ok(Json(Stretch { items, next }))
}
