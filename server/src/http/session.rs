//! `/api/v1/session`: who the caller is, and how a browser comes to keep a token for the console and loses it again.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use renolog_protocol::id::{Audience, CommunityId, DeviceId, PersonId};
use renolog_protocol::schema::Role;
use renolog_protocol::time::{SpanMs, UnixMs};
use serde::{Deserialize, Serialize};

use super::extract::Body;
use super::peer::Peer;
use super::{Caller, Problem};
use crate::app::App;
use crate::figures::Place;
use crate::reception;
use crate::store::{ALL, Column, CommunityRow, PersonRow, Read, Reader, StoreError};

/// The cookie in which a browser keeps the console's token: scripts do not read it, other sites' pages do not send it, and the
/// field face has another.
const NAME: &str = "renolog_console";
/// How long a browser keeps a token that does not end of itself.
const A_WEEK: SpanMs = SpanMs::from_secs(7 * 86_400);

/// Who asks, and how far they reach.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Session {
    reach: Reach,
    /// The person; nobody for an operator's token.
    person: Option<PersonId>,
    /// Their name; empty for an operator's token.
    name: String,
    /// The device that asks; none for an operator's token.
    device: Option<DeviceId>,
    /// The communities that they know.
    communities: Vec<Known>,
    /// The server's clock.
    now: UnixMs,
}

/// How far a caller reaches.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum Reach {
    /// Everything.
    Operator,
    /// The whole district, as its office.
    Administrator,
    /// What their roles reach.
    Member,
}

/// A community as the caller knows it.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = KnownCommunity)]
struct Known {
    id: CommunityId,
    slug: String,
    name: String,
    /// What they are there now.
    roles: Vec<Role>,
    /// Whether they administer it.
    administers: bool,
    /// What they read there.
    audiences: Vec<Audience>,
    /// Where it lies, if the district says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
}

/// Who asks.
#[utoipa::path(get, path = "/session", operation_id = "session", tag = "session",
    responses((status = OK, body = Session), super::openapi::Refused))]
pub(super) async fn show(State(app): State<App>, caller: Caller) -> Result<Json<Session>, Problem> {
    told(&app, caller).await.map(Json)
}

async fn told(app: &App, caller: Caller) -> Result<Session, Problem> {
    let shared = app.clone();
    Ok(app.readers.ask(move |store| session(&shared, store, &caller)).await?)
}

fn session(app: &App, store: &Reader, caller: &Caller) -> Result<Session, StoreError> {
    let person = caller.person();
    let name = match person {
        Some(id) => store.get::<PersonRow>(&[id.to_cell()])?.map(|row| row.name).unwrap_or_default(),
        None => String::new(),
    };
    let (reach, device) = match caller {
        Caller::Operator => (Reach::Operator, None),
        Caller::Administrator(device) => (Reach::Administrator, Some(device.id)),
        Caller::Device(device) => (Reach::Member, Some(device.id)),
    };
    let rows: Vec<CommunityRow> = store.list(&[], None, ALL)?;
    let mut communities = Vec::new();
    for row in rows {
        communities.extend(known(app, store, caller, row)?);
    }
    Ok(Session { reach, person, name, device, communities, now: app.clock.now() })
}

fn known(app: &App, store: &Reader, caller: &Caller, row: CommunityRow) -> Result<Option<Known>, StoreError> {
    let audiences = caller.audiences(app, store, row.id)?;
    if audiences.is_empty() {
        return Ok(None);
    }
    let roles = match caller.person() {
        Some(person) => {
            let roster = reception::roster(store, row.id)?;
            roster.roles_of(person, app.clock.now()).map(|member| member.role.clone()).collect()
        }
        None => Vec::new(),
    };
    let administers = caller.administers(app, store, row.id)?.is_some();
    let audiences = audiences.into_iter().collect();
    let place = app.district.places.get(&row.slug).copied();
    Ok(Some(Known { id: row.id, slug: row.slug, name: row.name, roles, administers, audiences, place }))
}

/// A token that a person has at hand.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = PastedToken)]
pub(super) struct Pasted {
    /// A bearer token, as `renolog token` prints one.
    token: String,
}

/// Has the browser keep a token for the console, where no script reads it.
#[utoipa::path(post, path = "/session", operation_id = "begin_session", tag = "session", request_body = Pasted,
    responses((status = OK, body = Session), super::openapi::Refused), security(()))]
pub(super) async fn begin(State(app): State<App>, peer: Peer, Body(pasted): Body<Pasted>) -> Result<Response, Problem> {
    let token = pasted.token.trim();
    let (caller, expires) = Caller::of_secret(&app, token).await?;
    let now = app.clock.now();
    let good_for = expires.map_or(A_WEEK, |expires| expires - now);
    let session = told(&app, caller).await?;
    let keep = cookie(token, good_for, peer.secure);
    Ok(([(header::SET_COOKIE, keep)], Json(session)).into_response())
}

/// Has the browser forget the console's token. The token itself stays good until it ends or is ended.
#[utoipa::path(delete, path = "/session", operation_id = "end_session", tag = "session",
    responses((status = NO_CONTENT), super::openapi::Refused), security(()))]
pub(super) async fn end(peer: Peer) -> Response {
    let forget = cookie("", SpanMs(0), peer.secure);
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, forget)]).into_response()
}

/// The console's token, where the browser keeps one.
pub(super) fn kept(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|text| text.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME).map(|(_, token)| token.to_owned())
}

fn cookie(token: &str, good_for: SpanMs, encrypted: bool) -> HeaderValue {
    let secure = if encrypted { "; Secure" } else { "" };
    let seconds = good_for.0.max(0) / 1000;
    let text = format!("{NAME}={token}; Path=/api; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    HeaderValue::try_from(text).expect("a token is made of letters and digits")
}
