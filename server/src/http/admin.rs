//! `/api/v1/admin/…`: what is asked for at a console, each an [`Order`], and the lists to ask from.

use axum::extract::State;
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use serde::Serialize;

use super::extract::{Body, Query};
use super::{Caller, Problem};
use crate::app::App;
use crate::link::Link;
use crate::office::{
    Administration, Assignment, Code, Desk, Ending, Erasure, Invitation, NewCommunity, NewToken, Order, Organisation, Person,
    Reach, Revocation, Suspension, TokenEnd, Withdrawal,
};
use crate::roll;

/// Every order and every list.
pub(super) fn routes() -> Router<App> {
    let routes = Router::new()
        .route("/organisations", takes::<Organisation>().merge(get(organisations)))
        .route("/people", takes::<Person>().merge(get(people)))
        .route("/communities", takes::<NewCommunity>())
        .route("/roles", takes::<Assignment>().merge(get(roles)))
        .route("/devices", get(devices))
        .route("/invites", post(invite).merge(get(invites)))
        .route("/tokens", takes::<NewToken>().merge(get(tokens)))
        .route("/administrators", takes::<Administration>())
        .route("/audit", get(audit));
    let routes = order::<Suspension>(routes);
    let routes = order::<Ending>(routes);
    let routes = order::<Revocation>(routes);
    let routes = order::<Withdrawal>(routes);
    let routes = order::<TokenEnd>(routes);
    order::<Erasure>(routes)
}

fn takes<O: Order>() -> MethodRouter<App> {
    post(take::<O>)
}

fn order<O: Order>(routes: Router<App>) -> Router<App> {
    routes.route(&format!("/{}", O::PATH), takes::<O>())
}

async fn take<O: Order>(State(app): State<App>, caller: Caller, Body(asked): Body<O>) -> Result<Json<O::Made>, Problem> {
    taken(app, caller, asked).await.map(Json)
}

/// A one-time code, and the same as a link and a picture of it, where this server knows how others reach it.
#[derive(Serialize)]
struct Invited {
    #[serde(flatten)]
    code: Code,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    qr_svg: Option<String>,
}

async fn invite(State(app): State<App>, caller: Caller, Body(asked): Body<Invitation>) -> Result<Json<impl Serialize>, Problem> {
    let public_url = app.public_url.clone();
    let code = taken(app, caller, asked).await?;
    let link = public_url.map(|url| url.invitation(&code.code));
    let qr_svg = link.as_ref().map(Link::svg);
    Ok(Json(Invited { code, link, qr_svg }))
}

async fn taken<O: Order>(app: App, caller: Caller, asked: O) -> Result<O::Made, Problem> {
    let (person, shared) = (caller.person(), app.clone());
    let checked = app.readers.ask(move |store| {
        let desk = Desk { store, schema: &shared.schema, now: shared.clock.now() };
        let reach = asked.reach(&desk);
        // Whoever may not ask is not told what is there and what is not.
        let allowed = caller.reaches(&shared, store, reach.as_ref().unwrap_or(&Reach::District))?;
        Ok(if allowed { reach.map(|_| asked).map_err(Problem::from) } else { Err(forbidden()) })
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

macro_rules! lists {
    ($($name:ident = $asked:ty => $list:expr;)*) => {
        $(async fn $name(
            State(app): State<App>,
            caller: Caller,
            Query(asked): Query<$asked>,
        ) -> Result<Json<impl Serialize>, Problem> {
            listed(app, caller, move |app, store| $list(app, store, asked)).await
        })*
    };
}

lists! {
    organisations = roll::Page => |_: &App, store, page| roll::organisations(store, &page);
    people = roll::Page => |app: &App, store, page| roll::people(store, app.clock.now(), &page);
    roles = roll::Roles => |app: &App, store, asked: roll::Roles| roll::roles(store, app.clock.now(), &asked);
    devices = roll::Devices => |app: &App, store, asked: roll::Devices| roll::devices(store, &app.hub, &asked);
    invites = roll::Page => |app: &App, store, page| roll::invites(store, app.clock.now(), &page);
    tokens = roll::Page => |_: &App, store, page| roll::tokens(store, &page);
    audit = roll::Page => |_: &App, store, page| roll::audit(store, &page);
}
