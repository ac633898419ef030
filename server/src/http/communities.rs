//! `GET /api/v1/communities…`: the communities a caller knows, and their merged histories.

use axum::Json;
use axum::extract::State;
use renolog_protocol::id::{Audience, CommunityId, FeedId, Seq};
use serde::{Deserialize, Serialize};

use super::extract::Path;
use super::{Caller, Problem};
use crate::app::App;
use crate::ingest;
use crate::office::find_community;
use crate::store::{ALL, CommunityRow, Read, Reader, StoreError};

/// Most entries in one answer.
pub(super) const MOST: usize = 500;
pub(super) const USUAL: usize = 100;

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Community {
    id: CommunityId,
    slug: String,
    name: String,
    feeds: Vec<Feed>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct Feed {
    audience: Audience,
    head: Seq,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// What an earlier answer gave as `next`.
    after: Option<String>,
    /// At most so many; 100 where nothing is said, and never more than 500.
    limit: Option<usize>,
}

impl Page {
    pub(super) fn new(after: Option<String>, limit: Option<usize>) -> Self {
        Self { after, limit }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(USUAL).clamp(1, MOST)
    }

    /// The position to go on from; the beginning where none is named.
    pub(super) fn position<P: std::str::FromStr + Default>(&self) -> Result<P, Problem> {
        let Some(text) = &self.after else { return Ok(P::default()) };
        text.parse().map_err(|_| Problem::bad_request("`after` is what an earlier answer gave as `next`"))
    }
}

/// A stretch of a list, and where the rest begins.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Stretch<T> {
    pub(super) items: Vec<T>,
    /// Give it as `after` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// The communities that the caller knows.
#[utoipa::path(get, path = "/communities", operation_id = "communities", tag = "history", 
    responses((status = OK, body = Stretch<Community>), super::openapi::Refused))]
pub(super) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Stretch<Community>>, Problem> {
    let asked = app.clone();
    let items = app.readers.ask(move |store| {
        let rows: Vec<CommunityRow> = store.list(&[], None, ALL)?;
        let described = rows.into_iter().map(|row| describe(&asked, store, &caller, row));
        Ok(described.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    });
    Ok(Json(Stretch { items: items.await?, next: None }))
}

/// A community as this caller knows it; `None` if they are nobody there.
fn describe(app: &App, store: &Reader, caller: &Caller, row: CommunityRow) -> Result<Option<Community>, StoreError> {
    let audiences = caller.audiences(app, store, row.id)?;
    if audiences.is_empty() {
        return Ok(None);
    }
    let feed = |audience| {
        let head = ingest::head(store, FeedId { community: row.id, audience })?;
        Ok(Feed { audience, head })
    };
    let feeds = audiences.into_iter().map(feed).collect::<Result<_, StoreError>>()?;
    Ok(Some(Community { id: row.id, slug: row.slug, name: row.name, feeds }))
}

pub(super) fn no_community(named: &str) -> Problem {
    Problem::not_found(format!("there is no community {named:?}, or this token may not see it"))
}

/// One of them.
#[utoipa::path(get, path = "/communities/{community}", operation_id = "community", tag = "history", params(("community" = String, Path, description = "By id, short name or name")), 
    responses((status = OK, body = Community), super::openapi::Refused))]
pub(super) async fn show(State(app): State<App>, caller: Caller, Path(named): Path<String>) -> Result<Json<Community>, Problem> {
    let (asked, name) = (app.clone(), named.clone());
    let found = app.readers.ask(move |store| match find_community(store, &name)? {
        Some(row) => describe(&asked, store, &caller, row),
        None => Ok(None),
    });
    found.await?.map(Json).ok_or_else(|| no_community(&named))
}
