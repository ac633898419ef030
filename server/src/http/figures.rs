//! `GET /api/v1/figures…`: the district's figures, and the records behind each.

use axum::Json;
use axum::extract::State;
use renolog_protocol::id::{FeedId, RecordId};
use renolog_protocol::schema::{KindName, Label, StateName};
use renolog_protocol::time::UnixMs;
use serde::{Deserialize, Serialize};

use super::communities::{MOST, Stretch, USUAL};
use super::extract::{Path, Query};
use super::scope;
use super::{Caller, Problem};
use crate::app::App;
use crate::figures::{self, Counted, Figure, Known, Mark};
use crate::store::{Column, Read, Reader, RecordRow, StoreError};

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    /// Only this community, by id, short name or name.
    community: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Figures {
    district: Label,
    as_of: UnixMs,
    figures: Vec<Figure>,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Behind {
    community: Option<String>,
    after: Option<RecordId>,
    limit: Option<usize>,
    /// The records that do not say, instead of those that are counted.
    #[serde(default)]
    unknown: bool,
}

/// A record behind a figure.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = CountedRecord)]
pub(super) struct Item {
    id: RecordId,
    feed: FeedId,
    kind: KindName,
    state: StateName,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<Mark>,
}

fn known(app: &App) -> Known<'_> {
    Known { schema: &app.schema, district: &app.district, calendar: &app.calendar, now: app.clock.now() }
}

/// The district's figures.
#[utoipa::path(get, path = "/figures", operation_id = "figures", tag = "figures", params(Part), 
    responses((status = OK, body = Figures), super::openapi::Refused))]
pub(super) async fn list(State(app): State<App>, caller: Caller, Query(part): Query<Part>) -> Result<Json<Figures>, Problem> {
    let asked = app.clone();
    let found = app.readers.ask(move |store| {
        let scope = match scope::of_district(&asked, store, &caller, part.community.as_deref())? {
            Ok(scope) => scope,
            Err(problem) => return Ok(Err(problem)),
        };
        let known = known(&asked);
        let figures = figures::all(store, &scope, known)?;
        Ok(Ok(Figures { district: known.district.name.clone(), as_of: known.now, figures }))
    });
    found.await?.map(Json)
}

/// The records behind a figure.
#[utoipa::path(get, path = "/figures/{name}/records", operation_id = "figure_records", tag = "figures", params(("name" = String, Path), Behind), 
    responses((status = OK, body = Stretch<Item>), super::openapi::Refused))]
pub(super) async fn records(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Query(behind): Query<Behind>,
) -> Result<Json<Stretch<Item>>, Problem> {
    let asked = app.clone();
    let found = app.readers.ask(move |store| {
        let scope = match scope::of_district(&asked, store, &caller, behind.community.as_deref())? {
            Ok(scope) => scope,
            Err(problem) => return Ok(Err(problem)),
        };
        let Some(figure) = figures::named(store, &scope, known(&asked), &name)? else {
            return Ok(Err(Problem::not_found(format!("there is no figure {name:?} here; /api/v1/figures lists them"))));
        };
        stretch(store, &figure, &behind).map(Ok)
    });
    found.await?.map(Json)
}

fn stretch(store: &Reader, figure: &Figure, behind: &Behind) -> Result<Stretch<Item>, StoreError> {
    let counted = if behind.unknown { &figure.silent } else { &figure.records };
    let limit = behind.limit.unwrap_or(USUAL).clamp(1, MOST);
    let rest = counted.iter().filter(|counted| behind.after.is_none_or(|after| counted.id > after));
    let page: Vec<&Counted> = rest.take(limit + 1).collect();
    let next = page.get(limit).and(page.get(limit - 1)).map(|last| last.id.to_string());
    let items = page.into_iter().take(limit).map(|counted| item(store, counted)).collect::<Result<_, _>>()?;
    Ok(Stretch { items, next })
}

fn item(store: &Reader, counted: &Counted) -> Result<Item, StoreError> {
    let row: RecordRow = store.get(&[counted.id.to_cell()])?.ok_or(StoreError::Damaged("records"))?;
    let RecordRow { id, feed, kind, state, title, .. } = row;
    Ok(Item { id, feed, kind, state, title, mark: counted.mark })
}
