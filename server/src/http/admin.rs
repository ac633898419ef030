//! `/api/v1/admin/…`: what is asked for at a console, each an [`Order`], and the lists to ask from.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Body, Query};
use super::openapi::order;
use super::{Caller, Problem, tags};
use crate::app::App;
use crate::link::{Link, PublicUrl};
use crate::office::{
    Administration, Assignment, Code, Desk, Ending, Erasure, Invitation, NewCommunity, NewToken, Order, Organisation, Person,
    Reach, Revocation, Suspension, TokenEnd, Withdrawal,
};
use crate::roll;

/// Every order and every list.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(order::<Organisation>())
        .routes(order::<Person>())
        .routes(order::<NewCommunity>())
        .routes(order::<Assignment>())
        .routes(order::<NewToken>())
        .routes(order::<Administration>())
        .routes(order::<Suspension>())
        .routes(order::<Ending>())
        .routes(order::<Revocation>())
        .routes(order::<Withdrawal>())
        .routes(order::<TokenEnd>())
        .routes(order::<Erasure>())
        .routes(routes!(invite))
        .routes(routes!(organisations))
        .routes(routes!(people))
        .routes(routes!(roles))
        .routes(routes!(devices))
        .routes(routes!(invites))
        .routes(routes!(tokens))
        .routes(routes!(audit))
}

pub(super) async fn take<O: Order>(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(asked): Body<O>,
) -> Result<Json<O::Made>, Problem> {
    taken(app, caller, &headers, asked).await.map(Json)
}

/// A one-time code, and the same as a link and a picture of it, where it is known how others reach this server.
#[derive(Serialize, utoipa::ToSchema)]
struct Invited {
    #[serde(flatten)]
    code: Code,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    qr_svg: Option<String>,
}

/// A one-time code; of an administrator, its link leads to the console.
#[utoipa::path(post, path = "/invites", operation_id = "invite", tag = "admin", request_body = Invitation,
    responses((status = OK, body = Invited), super::openapi::Refused))]
async fn invite(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(asked): Body<Invitation>,
) -> Result<Json<Invited>, Problem> {
    let (public_url, administrator) = (app.public_url.as_deref().cloned(), asked.administrator);
    let code = taken(app, caller, &headers, asked).await?;
    let url = public_url.or_else(|| where_the_page_stands(&headers));
    let link = url.map(|url| if administrator { url.console(&code.code) } else { url.invitation(&code.code) });
    let qr_svg = link.as_ref().map(Link::svg);
    Ok(Json(Invited { code, link, qr_svg }))
}

/// Where the asker's browser found the page, which it says with everything that it sends from there: a server that listens on
/// every address of its machine does not know by which of them it is known.
fn where_the_page_stands(headers: &HeaderMap) -> Option<PublicUrl> {
    headers.get(header::ORIGIN)?.to_str().ok()?.parse().ok()
}

async fn taken<O: Order>(app: App, caller: Caller, headers: &HeaderMap, asked: O) -> Result<O::Made, Problem> {
    let (person, shared, read) = (caller.person(), app.clone(), headers.get(header::IF_MATCH).cloned());
    let checked = app.readers.ask(move |store| {
        let desk = Desk { store, schema: &shared.schema, now: shared.clock.now() };
        let reach = asked.reach(&desk);
        // Whoever may not ask is not told what is there and what is not.
        if !caller.reaches(&shared, store, reach.as_ref().unwrap_or(&Reach::District))? {
            return Ok(Err(forbidden()));
        }
        let fits = reach.and_then(|_| asked.alters(&desk)).map_err(Problem::from);
        Ok(fits.and_then(|now| tags::must_be(read.as_ref(), now.as_ref())).map(|()| asked))
    });
    let asked = checked.await??;
    Ok(app.take(person, asked).await?)
}

fn forbidden() -> Problem {
    Problem::forbidden("this is for administrators, or for the street and district of the communities concerned")
}

/// Whoever may ask for what touches everyone.
pub(super) async fn for_administrators(app: &App, caller: Caller) -> Result<(), Problem> {
    let shared = app.clone();
    let allowed = app.readers.ask(move |store| caller.reaches(&shared, store, &Reach::District)).await?;
    if allowed { Ok(()) } else { Err(forbidden()) }
}

/// A list that only those may read who may ask for everything.
async fn listed<T, F>(app: App, caller: Caller, list: F) -> Result<Json<T>, Problem>
where
    T: Serialize + Send + 'static,
    F: FnOnce(&App, &crate::store::Reader) -> Result<T, crate::store::StoreError> + Send + 'static,
{
    let shared = app.clone();
    let answer = app.readers.ask(move |store| {
        if !caller.reaches(&shared, store, &Reach::District)? {
            return Ok(Err(forbidden()));
        }
        list(&shared, store).map(Ok)
    });
    Ok(Json(answer.await??))
}

/// Organisations that people belong to.
#[utoipa::path(get, path = "/organisations", operation_id = "organisations", tag = "admin", params(roll::Page),
    responses((status = OK, body = roll::Stretch<roll::Organisation>), super::openapi::Refused))]
async fn organisations(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<roll::Page>,
) -> Result<Json<roll::Stretch<roll::Organisation>>, Problem> {
    listed(app, caller, move |_, store| roll::organisations(store, &asked)).await
}

/// People, what they are where, and their devices.
#[utoipa::path(get, path = "/people", operation_id = "people", tag = "admin", params(roll::Page),
    responses((status = OK, body = roll::Stretch<roll::Person>), super::openapi::Refused))]
async fn people(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<roll::Page>,
) -> Result<Json<roll::Stretch<roll::Person>>, Problem> {
    listed(app, caller, move |app, store| roll::people(store, app.clock.now(), &asked)).await
}

/// Roles, of a community or a person.
#[utoipa::path(get, path = "/roles", operation_id = "roles", tag = "admin", params(roll::Roles),
    responses((status = OK, body = roll::Stretch<roll::Held>), super::openapi::Refused))]
async fn roles(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<roll::Roles>,
) -> Result<Json<roll::Stretch<roll::Held>>, Problem> {
    listed(app, caller, move |app, store| roll::roles(store, app.clock.now(), &asked)).await
}

/// Devices, and when they were seen last.
#[utoipa::path(get, path = "/devices", operation_id = "devices", tag = "admin", params(roll::Devices),
    responses((status = OK, body = roll::Stretch<roll::Device>), super::openapi::Refused))]
async fn devices(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<roll::Devices>,
) -> Result<Json<roll::Stretch<roll::Device>>, Problem> {
    listed(app, caller, move |app, store| roll::devices(store, &app.hub, &asked)).await
}

/// One-time codes by what they are called; never the codes.
#[utoipa::path(get, path = "/invites", operation_id = "invites", tag = "admin", params(roll::Page),
    responses((status = OK, body = roll::Stretch<roll::Invite>), super::openapi::Refused))]
async fn invites(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<roll::Page>,
) -> Result<Json<roll::Stretch<roll::Invite>>, Problem> {
    listed(app, caller, move |app, store| roll::invites(store, app.clock.now(), &asked)).await
}

/// Tokens of programs by what they are called; never the tokens.
#[utoipa::path(get, path = "/tokens", operation_id = "tokens", tag = "admin", params(roll::Page),
    responses((status = OK, body = roll::Stretch<roll::Token>), super::openapi::Refused))]
async fn tokens(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<roll::Page>,
) -> Result<Json<roll::Stretch<roll::Token>>, Problem> {
    listed(app, caller, move |_, store| roll::tokens(store, &asked)).await
}

/// What administrators did, the first first.
#[utoipa::path(get, path = "/audit", operation_id = "audit", tag = "admin", params(roll::Page),
    responses((status = OK, body = roll::Stretch<roll::Deed>), super::openapi::Refused))]
async fn audit(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<roll::Page>,
) -> Result<Json<roll::Stretch<roll::Deed>>, Problem> {
    listed(app, caller, move |_, store| roll::audit(store, &asked)).await
}
