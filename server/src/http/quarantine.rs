//! What was refused: listed, shown in words, released or dismissed by street or district, with a reason.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use renolog_protocol::id::{ChangeHash, FeedId};
use renolog_protocol::limits;
use renolog_protocol::schema::Role;
use serde::Serialize;

use super::communities::{MOST, Stretch, no_community};
use super::extract::{Body, Path};
use super::{Caller, Problem, tags};
use crate::app::App;
use crate::command::{Command, Settle};
use crate::history::{self, Entry};
use crate::office::{Decision, find_community};

const NOT_YOURS: &str = "this is for the street and the district";

/// What was refused and waits in quarantine.
#[utoipa::path(get, path = "/communities/{community}/refused", operation_id = "refused_list", tag = "desk", params(("community" = String, Path, description = "By id, short name or name")), 
    responses((status = OK, body = Stretch<Entry>), super::openapi::Refused))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(named): Path<String>,
) -> Result<Json<Stretch<Entry>>, Problem> {
    let (asked, name) = (app.clone(), named.clone());
    let found = app.readers.ask(move |store| {
        let Some(row) = find_community(store, &name)? else { return Ok(None) };
        if caller.administers(&asked, store, row.id)?.is_none() {
            return Ok(Some(Err(Problem::forbidden(NOT_YOURS))));
        }
        let mut items = Vec::new();
        // What was meant for few ears is not for more of them because it was refused.
        for audience in caller.audiences(&asked, store, row.id)? {
            let feed = FeedId { community: row.id, audience };
            items.extend(history::refused(store, &asked.schema, feed, MOST)?);
        }
        Ok(Some(Ok(items)))
    });
    let items = found.await?.ok_or_else(|| no_community(&named))??;
    Ok(Json(Stretch { items, next: None }))
}

/// The entry of a change in quarantine, and the role in which the caller may settle it.
async fn administered(app: &App, caller: &Caller, change: ChangeHash) -> Result<(Entry, Role), Problem> {
    let (asked, caller) = (app.clone(), caller.clone());
    let found = app.readers.ask(move |store| {
        let Some(entry) = history::in_quarantine(store, &asked.schema, change)? else { return Ok(None) };
        let reads = caller.audiences(&asked, store, entry.feed.community)?.contains(&entry.feed.audience);
        let role = caller.administers(&asked, store, entry.feed.community)?;
        Ok(reads.then_some((entry, role)))
    });
    let (entry, role) = found.await?.ok_or_else(|| Problem::not_found(format!("change {change} is not in quarantine")))?;
    Ok((entry, role.ok_or_else(|| Problem::forbidden(NOT_YOURS))?))
}

/// One of them.
#[utoipa::path(get, path = "/refused/{change}", operation_id = "refused", tag = "desk", params(("change" = ChangeHash, Path)), 
    responses((status = OK, body = Entry), super::openapi::Refused))]
pub(super) async fn show(State(app): State<App>, caller: Caller, Path(change): Path<ChangeHash>) -> Result<Json<Entry>, Problem> {
    Ok(Json(administered(&app, &caller, change).await?.0))
}

/// What became of it.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Settled {
    change: ChangeHash,
    released: bool,
}

/// Releases it or dismisses it, with a reason.
#[utoipa::path(post, path = "/refused/{change}", operation_id = "settle_refused", tag = "desk", params(("change" = ChangeHash, Path)), request_body = Decision,
    responses((status = OK, body = Settled), super::openapi::Refused))]
pub(super) async fn settle(
    State(app): State<App>,
    caller: Caller,
    Path(change): Path<ChangeHash>,
    headers: HeaderMap,
    Body(decision): Body<Decision>,
) -> Result<Json<Settled>, Problem> {
    let (entry, role) = administered(&app, &caller, change).await?;
    tags::must_match(&headers, &entry)?;
    let reason = decision.reason.trim();
    if reason.is_empty() || reason.chars().count() > limits::SENTENCE_CHARS {
        return Err(Problem::bad_request(format!("say why, in at most {} characters", limits::SENTENCE_CHARS)));
    }
    let (release, reason) = (decision.release, reason.to_owned());
    let settle = Settle { change, release, role, reason };
    app.writer.submit_for(caller.person(), Command::Settle(settle)).await?;
    Ok(Json(Settled { change, released: release }))
}
