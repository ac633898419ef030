//! `POST /api/v1/admin/import`: a roster from a spreadsheet, as the body. See [`crate::import`].

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use futures_util::future::try_join_all;
use renolog_protocol::id::PersonId;
use renolog_protocol::time::UnixMs;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::extract::Query;
use super::{Caller, Problem, admin};
use crate::app::App;
use crate::import::{self, Carried, Clerk, FILE_BYTES, Plan, Sheet, SheetError, There, carry_out, plan};
use crate::link::Link;
use crate::office::{Desk, NotDone, Order};
use crate::writer::WriteError;

#[derive(Debug, Clone, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Only says what would come of it.
    #[serde(default)]
    dry_run: bool,
    /// Does what can be done, and leaves out rows with problems.
    #[serde(default)]
    skip_problems: bool,
    /// Makes a one-time code for each new person, good for so many hours.
    code_hours: Option<u32>,
}

/// What came of a roster, or would.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Report {
    /// Whether anything was written.
    carried_out: bool,
    rows: usize,
    organisations: usize,
    people: usize,
    roles: usize,
    there: Vec<There>,
    #[schema(value_type = Vec<import::RowProblem>)]
    problems: Vec<import::Problem>,
    /// Headings that were left out.
    ignored: Vec<String>,
    /// Headings of telephone numbers, which are not stored.
    not_stored: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    codes: Vec<Issued>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Issued {
    row: u32,
    name: String,
    code: String,
    expires: UnixMs,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<Link>,
}

/// A roster, XLSX or CSV as the body: every problem by row and column, and what is made of the rest.
#[utoipa::path(post, path = "/admin/import", operation_id = "import_roster", tag = "admin", params(Asked),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = OK, body = Report), super::openapi::Refused))]
pub(super) async fn import(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<Asked>,
    request: Request,
) -> Result<Json<Report>, Problem> {
    let by = caller.person();
    // Whoever may not ask need not send the file.
    admin::for_administrators(&app, caller).await?;
    let bytes = to_bytes(request.into_body(), FILE_BYTES).await;
    let bytes = bytes.map_err(|_| Problem::too_large(SheetError::TooLarge.to_string()))?;
    // A task of its own: it ends as it should when nobody waits for its answer any more.
    let task = tokio::spawn(async move {
        // One at a time, so that two that bring the same people find them.
        let turn = app.importing.clone().lock_owned().await;
        let report = imported(app, by, asked, bytes.into()).await;
        drop(turn);
        report
    });
    task.await.unwrap_or_else(|why| Err(Problem::storage_failing(why.to_string()))).map(Json)
}

async fn imported(app: App, by: Option<PersonId>, asked: Asked, bytes: Vec<u8>) -> Result<Report, Problem> {
    let read = tokio::task::spawn_blocking(move || Sheet::read(&bytes)).await;
    let read = read.unwrap_or_else(|why| Err(SheetError::Damaged(why.to_string())));
    let sheet = read.map_err(|error| Problem::bad_request(error.to_string()))?;
    let shared = app.clone();
    let planned = app.readers.ask(move |store| {
        let desk = Desk { store, schema: &shared.schema, now: shared.clock.now() };
        plan(&sheet, &desk, &shared.calendar)
    });
    let plan = planned.await?;
    if asked.dry_run {
        return Ok(report(&app, plan, None));
    }
    if let (Some(first), false) = (plan.problems.first(), asked.skip_problems) {
        let (count, row, column) = (plan.problems.len(), first.row, first.column);
        return Err(Problem::roster_problems(format!(
            "there are {count} problems, the first in row {row}, {column}: {}. Nothing was written. `dry_run=true` lists all of \
             them, `skip_problems=true` leaves those rows out",
            first.wrong.en()
        )));
    }
    let mut clerk = OfServer { app: app.clone(), by, runtime: Handle::current() };
    let carrying = tokio::task::spawn_blocking(move || {
        let carried = carry_out(&plan, asked.code_hours, &mut clerk, |_, _| {});
        carried.map(|carried| (plan, carried))
    });
    let (plan, carried) = carrying.await.map_err(|why| Problem::storage_failing(why.to_string()))??;
    Ok(report(&app, plan, Some(carried)))
}

fn report(app: &App, plan: Plan, carried: Option<Carried>) -> Report {
    let carried_out = carried.is_some();
    let issued = carried.map(|carried| carried.codes).unwrap_or_default().into_iter().map(|issued| Issued {
        row: issued.row,
        name: issued.name,
        link: app.public_url.as_ref().map(|url| url.invitation(&issued.code.code)),
        code: issued.code.code,
        expires: issued.code.expires,
    });
    Report {
        carried_out,
        rows: plan.rows,
        organisations: plan.organisations.len(),
        people: plan.newcomers.len(),
        roles: plan.grants.len(),
        codes: issued.collect(),
        there: plan.there,
        problems: plan.problems,
        ignored: plan.ignored,
        not_stored: plan.telephones,
    }
}

/// Gives orders for whoever asked, many under one flush.
struct OfServer {
    app: App,
    by: Option<PersonId>,
    runtime: Handle,
}

impl Clerk for OfServer {
    type Error = NotDone;

    fn take_all<O: Order>(&mut self, orders: Vec<O>) -> Result<Vec<O::Made>, NotDone> {
        if *self.app.stopping.borrow() {
            return Err(WriteError::Stopping.into());
        }
        self.runtime.block_on(try_join_all(orders.into_iter().map(|order| self.app.take(self.by, order))))
    }
}
