//! `GET /api/v1/communities/{community}/evidence`: what was said there, with its signatures, as a file that anyone can check.

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use renolog_protocol::id::RecordId;
use serde::Deserialize;

use super::communities::no_community;
use super::extract::{Path, Query};
use super::{Caller, Problem};
use crate::app::App;
use crate::evidence::{self, Day, NotGathered, Question};
use crate::office::find_community;
use crate::store::StoreError;

/// Of which record, and from when until when.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    record: Option<RecordId>,
    /// From the beginning of this day, in China: `2026-03-02`.
    #[param(value_type = Option<String>, format = "date")]
    from: Option<Day>,
    /// To the end of this day.
    #[param(value_type = Option<String>, format = "date")]
    to: Option<Day>,
}

/// For those who administer the community; of the feeds that they may read.
/// What was said in a community, with its signatures, as a file that anyone can check.
#[utoipa::path(get, path = "/communities/{community}/evidence", operation_id = "evidence", tag = "history",
    params(("community" = String, Path, description = "By id, short name or name"), Asked),
    responses((status = OK, body = Vec<u8>, content_type = "application/zip"), super::openapi::Refused))]
pub(super) async fn bundle(
    State(app): State<App>,
    caller: Caller,
    Path(named): Path<String>,
    Query(Asked { record, from, to }): Query<Asked>,
) -> Result<Response, Problem> {
    let (asked, name) = (app.clone(), named.clone());
    let found = app.readers.ask(move |store| {
        let Some(row) = find_community(store, &name)? else { return Ok(Err(no_community(&name))) };
        let audiences = caller.audiences(&asked, store, row.id)?;
        if audiences.is_empty() {
            return Ok(Err(no_community(&name)));
        }
        if caller.administers(&asked, store, row.id)?.is_none() {
            return Ok(Err(Problem::forbidden("evidence is for the street and the district")));
        }
        let question = Question { community: row.id, audiences, record, from, to };
        match evidence::bundle(store, &asked.schema, &question, &mut |_, _| {}) {
            Ok(bytes) => Ok(Ok((row.slug, bytes))),
            Err(NotGathered::Store(error)) => Err(error),
            Err(why @ (NotGathered::Damaged(_) | NotGathered::Broken(_))) => Err(StoreError::Failing(why.to_string())),
            Err(why @ (NotGathered::NoCommunity(_) | NotGathered::NoRecord(_))) => Ok(Err(Problem::not_found(why.to_string()))),
            Err(why @ (NotGathered::NoPeriod | NotGathered::TooMuch { .. })) => Ok(Err(Problem::bad_request(why.to_string()))),
        }
    });
    let (slug, bytes) = found.await??;
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"evidence-{slug}.zip\"")),
    ];
    Ok((StatusCode::OK, headers, Body::from(bytes)).into_response())
}
