//! `GET /api/v1/communities/{community}/history…`: the merged history, read onward or back from anywhere in it, and seen
//! from afar.

use axum::Json;
use axum::extract::State;
use renolog_protocol::id::{PersonId, RecordId};
use renolog_protocol::schema::{KindName, Party};
use renolog_protocol::time::UnixMs;
use serde::Deserialize;

use super::communities::{Page, Stretch, no_community};
use super::extract::{Path, Query};
use super::{Caller, Problem};
use crate::app::App;
use crate::history::{self, Entry, Filter, Outline, Position, Question};
use crate::office::find_community;
use crate::store::{Reader, StoreError};

/// Parts of an outline.
const MOST_PARTS: usize = 1_000;
const USUAL_PARTS: usize = 120;

/// Which entries, from where, in which direction.
#[derive(Debug, Clone, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// What an earlier answer gave as `next`.
    after: Option<String>,
    /// At most so many; 100 where nothing is said, and never more than 500. A page may hold fewer and go on.
    limit: Option<usize>,
    /// From the latest back, instead of from the first onward.
    #[serde(default)]
    newest: bool,
    /// Where reading begins: what the server had received by this moment lies before it.
    at: Option<UnixMs>,
    /// Only what speaks for this party.
    party: Option<Party>,
    /// Only what this person said.
    person: Option<PersonId>,
    /// Only records of this kind.
    kind: Option<KindName>,
    /// Only this record.
    record: Option<RecordId>,
    /// Only what was overtaken, is in conflict, was released, or was erased.
    #[serde(default)]
    marked: bool,
    /// Only what was received at this moment or later.
    from: Option<UnixMs>,
    /// Only what was received before this moment.
    until: Option<UnixMs>,
}

impl Asked {
    fn filter(&self) -> Filter {
        Filter {
            party: self.party.clone(),
            person: self.person,
            kind: self.kind.clone(),
            record: self.record,
            marked: self.marked,
            from: self.from,
            until: self.until,
        }
    }

    /// Where reading begins if no earlier answer says so: at its moment, else where the period begins in that direction.
    fn begins(&self) -> Option<Option<UnixMs>> {
        // What was received at the very moment belongs to the period.
        let just_before = |at: UnixMs| UnixMs(at.0.saturating_sub(1));
        match (self.at, self.newest) {
            (Some(at), _) => Some(Some(at)),
            (None, true) => Some(self.until.map(just_before)),
            (None, false) => self.from.map(|from| Some(just_before(from))),
        }
    }
}

/// The merged history of a community, in the order of receipt.
#[utoipa::path(get, path = "/communities/{community}/history", operation_id = "history", tag = "history",
    params(("community" = String, Path, description = "By id, short name or name"), Asked),
    responses((status = OK, body = Stretch<Entry>), super::openapi::Refused))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(named): Path<String>,
    Query(wanted): Query<Asked>,
) -> Result<Json<Stretch<Entry>>, Problem> {
    let page = Page::new(wanted.after.clone(), wanted.limit);
    let (after, limit) = (page.position::<Position>()?, page.limit());
    let shared = app.clone();
    let found = asked(&app, caller, named, move |store, mut question| {
        (question.after, question.limit) = (after, limit);
        if wanted.after.is_none()
            && let Some(at) = wanted.begins()
        {
            question.after = history::position_at(store, &question, at)?;
        }
        history::page(store, &shared.schema, &question, &wanted.filter(), wanted.newest)
    });
    let page = found.await?;
    Ok(Json(Stretch { items: page.entries, next: page.next.map(|next| next.to_string()) }))
}

/// In how many parts.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parts {
    /// Equal parts of the time from the first entry to the last; 120 where nothing is said, and never more than 1,000.
    parts: Option<usize>,
}

/// How much was said when, by receipt and by the writers' clocks, in each lane.
#[utoipa::path(get, path = "/communities/{community}/history/outline", operation_id = "history_outline", tag = "history",
    params(("community" = String, Path, description = "By id, short name or name"), Parts),
    responses((status = OK, body = Outline), super::openapi::Refused))]
pub(super) async fn outline(
    State(app): State<App>,
    caller: Caller,
    Path(named): Path<String>,
    Query(Parts { parts }): Query<Parts>,
) -> Result<Json<Outline>, Problem> {
    let parts = parts.unwrap_or(USUAL_PARTS).clamp(1, MOST_PARTS);
    asked(&app, caller, named, move |store, question| history::outline(store, &question, parts)).await.map(Json)
}

/// Asks for something of what the caller may read of a community's history.
async fn asked<T, F>(app: &App, caller: Caller, named: String, ask: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: FnOnce(&Reader, Question) -> Result<T, StoreError> + Send + 'static,
{
    let (shared, name) = (app.clone(), named.clone());
    let found = app.readers.ask(move |store| {
        let Some(row) = find_community(store, &name)? else { return Ok(None) };
        let audiences = caller.audiences(&shared, store, row.id)?;
        if audiences.is_empty() {
            return Ok(None);
        }
        ask(store, Question { community: row.id, audiences, after: Position::default(), limit: 0 }).map(Some)
    });
    found.await?.ok_or_else(|| no_community(&named))
}
