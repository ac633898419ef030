//! `GET /api/v1/overdue` and `GET /api/v1/communities/{community}/overdue`: what is over its time, the longest first.

use axum::Json;
use axum::extract::State;
use renolog_protocol::id::{PersonId, RecordId};
use renolog_protocol::schema::{Party, Role};
use renolog_protocol::time::UnixMs;
use serde::Deserialize;

use super::communities::{MOST, Stretch, USUAL};
use super::extract::{Path, Query};
use super::scope;
use super::{Caller, Problem};
use crate::app::App;
use crate::overdue::{self, Filter, Overdue};

/// Which of them, and from where.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    party: Option<Party>,
    role: Option<Role>,
    person: Option<PersonId>,
    street: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// What is overdue in the district, the longest first.
#[utoipa::path(get, path = "/overdue", operation_id = "overdue", tag = "figures", params(Asked), 
    responses((status = OK, body = Stretch<Overdue>), super::openapi::Refused))]
pub(super) async fn of_district(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Stretch<Overdue>>, Problem> {
    list(app, caller, None, asked).await
}

/// What is overdue in a community.
#[utoipa::path(get, path = "/communities/{community}/overdue", operation_id = "community_overdue", tag = "figures", params(("community" = String, Path, description = "By id, short name or name"), Asked), 
    responses((status = OK, body = Stretch<Overdue>), super::openapi::Refused))]
pub(super) async fn of_community(
    State(app): State<App>,
    caller: Caller,
    Path(named): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<Stretch<Overdue>>, Problem> {
    list(app, caller, Some(named), asked).await
}

/// Where the list goes on: after this moment, and of several due at it, after this record.
fn position(text: &str) -> Option<(UnixMs, RecordId)> {
    let (due, record) = text.split_once('.')?;
    Some((UnixMs(due.parse().ok()?), record.parse().ok()?))
}

async fn list(app: App, caller: Caller, named: Option<String>, asked: Asked) -> Result<Json<Stretch<Overdue>>, Problem> {
    let after = match asked.after.as_deref().map(position) {
        Some(None) => return Err(Problem::bad_request("`after` is what an earlier answer gave as `next`")),
        Some(Some(after)) => after,
        None => (UnixMs(i64::MIN), RecordId([0; 16])),
    };
    let limit = asked.limit.unwrap_or(USUAL).clamp(1, MOST);
    let filter = Filter { party: asked.party, role: asked.role, person: asked.person, street: asked.street };
    let house = app.clone();
    let found = app.readers.ask(move |store| {
        let scope = match &named {
            Some(named) => scope::of_community(&house, store, &caller, named)?,
            None => scope::of_district(&house, store, &caller, None)?,
        };
        match scope {
            Ok(scope) => overdue::list(store, &scope, &house.schema, &house.calendar, house.clock.now(), &filter).map(Ok),
            Err(problem) => Ok(Err(problem)),
        }
    });
    let rest = found.await??.into_iter().filter(|late| (late.due, late.record) > after);
    let mut items: Vec<Overdue> = rest.take(limit + 1).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| format!("{}.{}", last.due.0, last.record));
    Ok(Json(Stretch { items, next }))
}
