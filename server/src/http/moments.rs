//! `GET /api/v1/records/{record}/at`, `/difference`, `/knowledge`: a record's past, as it stood, what changed, and who knew.

use axum::Json;
use axum::extract::State;
use renolog_protocol::id::{ChangeHash, RecordId};
use renolog_protocol::time::UnixMs;
use serde::Deserialize;

use super::extract::{Path, Query};
use super::records::{no_record, readable};
use super::{Caller, Problem};
use crate::app::App;
use crate::history::{self, Difference, Knowledge, Moment, Stood};
use crate::store::{Reader, StoreError};

/// A point in a record's past; as it is where nothing is said.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct At {
    /// With what the server had received by this moment.
    received: Option<UnixMs>,
    /// With what had been written by this moment, by the writers' clocks as corrected, wherever it was.
    written: Option<UnixMs>,
    /// As the writer of this change saw it before they wrote.
    seen_by: Option<ChangeHash>,
}

/// Two points in a record's past, by receipt or by the writers' clocks; as it is where the second is not said.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Between {
    /// From what the server had received by this moment.
    received_from: Option<UnixMs>,
    /// To what it had received by this one.
    received_until: Option<UnixMs>,
    /// From what had been written by this moment.
    written_from: Option<UnixMs>,
    /// To what had been written by this one.
    written_until: Option<UnixMs>,
}

/// A change of the record.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Decision {
    /// Which.
    change: ChangeHash,
}

/// The one moment that was named; the other ways to name one must be left out.
fn one(ways: [Option<Moment>; 3], otherwise: Option<Moment>) -> Result<Moment, Problem> {
    let mut named = ways.into_iter().flatten();
    match (named.next(), named.next()) {
        (Some(moment), None) => Ok(moment),
        (None, _) => otherwise.ok_or_else(|| Problem::bad_request("say from which moment: `received_from` or `written_from`")),
        (Some(_), Some(_)) => Err(Problem::bad_request("name one moment in one way: by receipt, by writing, or by a change")),
    }
}

/// A record as it stood.
#[utoipa::path(get, path = "/records/{record}/at", operation_id = "record_at", tag = "records",
    params(("record" = RecordId, Path), At), responses((status = OK, body = Stood), super::openapi::Refused))]
pub(super) async fn at(
    State(app): State<App>,
    caller: Caller,
    Path(record): Path<RecordId>,
    Query(At { received, written, seen_by }): Query<At>,
) -> Result<Json<Stood>, Problem> {
    let ways = [received.map(Moment::Received), written.map(Moment::Written), seen_by.map(Moment::SeenBy)];
    let moment = one(ways, Some(Moment::Now))?;
    let schema = app.schema.clone();
    let found = asked(&app, caller, record, move |store| history::stood(store, &schema, record, moment)).await?;
    found.map(Json).ok_or_else(|| no_change(record))
}

/// What changed in a record between two moments.
#[utoipa::path(get, path = "/records/{record}/difference", operation_id = "record_difference", tag = "records",
    params(("record" = RecordId, Path), Between), responses((status = OK, body = Difference), super::openapi::Refused))]
pub(super) async fn difference(
    State(app): State<App>,
    caller: Caller,
    Path(record): Path<RecordId>,
    Query(asked_for): Query<Between>,
) -> Result<Json<Difference>, Problem> {
    let Between { received_from, received_until, written_from, written_until } = asked_for;
    let from = one([received_from.map(Moment::Received), written_from.map(Moment::Written), None], None)?;
    let until = one([received_until.map(Moment::Received), written_until.map(Moment::Written), None], Some(Moment::Now))?;
    let schema = app.schema.clone();
    let found = asked(&app, caller, record, move |store| {
        let view = |moment| Ok::<_, StoreError>(history::stood(store, &schema, record, moment)?.and_then(|stood| stood.view));
        let (before, after) = (view(from)?, view(until)?);
        Ok(history::difference(&schema, before.as_ref(), after.as_ref()))
    });
    found.await.map(Json)
}

/// Who knew what when a change of a record was made.
#[utoipa::path(get, path = "/records/{record}/knowledge", operation_id = "record_knowledge", tag = "records",
    params(("record" = RecordId, Path), Decision), responses((status = OK, body = Knowledge), super::openapi::Refused))]
pub(super) async fn knowledge(
    State(app): State<App>,
    caller: Caller,
    Path(record): Path<RecordId>,
    Query(Decision { change }): Query<Decision>,
) -> Result<Json<Knowledge>, Problem> {
    let schema = app.schema.clone();
    let found = asked(&app, caller, record, move |store| history::knowledge(store, &schema, record, change)).await?;
    found.map(Json).ok_or_else(|| no_change(record))
}

fn no_change(record: RecordId) -> Problem {
    Problem::not_found(format!("record {record} holds no such change"))
}

/// Asks for something of a record that the caller may read.
async fn asked<T, F>(app: &App, caller: Caller, record: RecordId, ask: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
{
    let shared = app.clone();
    let found = app.readers.ask(move |store| match readable(&shared, store, &caller, record)? {
        Some(_) => ask(store).map(Some),
        None => Ok(None),
    });
    found.await?.ok_or_else(|| no_record(record))
}
