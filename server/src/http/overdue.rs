//! `GET /api/v1/overdue` and `GET /api/v1/communities/{community}/overdue`: what is over its time, the longest first.

use axum::Json;
use axum::extract::{Path, Query, State};

use super::communities::Stretch;
use super::scope;
use super::{Caller, Problem};
use crate::app::App;
use crate::overdue::{self, Filter, Overdue};

pub(super) async fn of_district(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<Filter>,
) -> Result<Json<Stretch<Overdue>>, Problem> {
    list(app, caller, None, filter).await
}

pub(super) async fn of_community(
    State(app): State<App>,
    caller: Caller,
    Path(named): Path<String>,
    Query(filter): Query<Filter>,
) -> Result<Json<Stretch<Overdue>>, Problem> {
    list(app, caller, Some(named), filter).await
}

async fn list(app: App, caller: Caller, named: Option<String>, filter: Filter) -> Result<Json<Stretch<Overdue>>, Problem> {
    let asked = app.clone();
    let found = app.readers.ask(move |store| {
        let scope = match &named {
            Some(named) => scope::of_community(&asked, store, &caller, named)?,
            None => scope::of_district(&asked, store, &caller, None)?,
        };
        match scope {
            Ok(scope) => overdue::list(store, &scope, &asked.schema, &asked.calendar, asked.clock.now(), &filter).map(Ok),
            Err(problem) => Ok(Err(problem)),
        }
    });
    found.await?.map(|items| Json(Stretch { items, next: None }))
}
