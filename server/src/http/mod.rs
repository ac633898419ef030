//! The HTTP API. The whole of it can be read in [`router`].

mod admin;
mod attempts;
mod auth;
mod communities;
mod cookie;
mod disputes;
mod enrol;
mod evidence;
mod extract;
mod figures;
mod headers;
mod history;
mod import;
mod live;
mod me;
mod moments;
mod openapi;
mod overdue;
mod page;
mod peer;
mod problem;
mod quarantine;
mod records;
mod rules;
mod scope;
mod session;
mod sign_in;
mod sync;
mod tags;
#[cfg(test)]
mod tests;
mod typed;

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use renolog_protocol::limits;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use auth::Caller;
pub use peer::Peer;
pub use problem::Problem;

use crate::app::App;

/// No question to the store takes longer on a healthy disk.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A visit's pushes over a slow link, and their receipts.
const VISIT_WITHIN: Duration = Duration::from_secs(120);

/// A roster as long as may be, over a slow link, on a slow disk.
const IMPORT_WITHIN: Duration = Duration::from_secs(600);

/// Every route. All but the page's files, `/healthz`, `/api/v1/sign-in`, `/api/v1/sign-out` and `/api/v1/openapi.json` need a
/// bearer token or its cookie; `/api/v1/enrol` takes the one-time code as one.
pub fn router(app: App) -> Router {
    let attempts = attempts().layer(from_fn_with_state(app.clone(), attempts::counted));
    let (api, _) = api(attempts).split_for_parts();
    // A device is held to its own pace by what it pushes, and may wait for that.
    let visits = Router::new()
        .route("/api/v1/sync", post(sync::visit))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, VISIT_WITHIN))
        .layer(RequestBodyLimitLayer::new(limits::FRAME_BYTES))
        .layer(from_fn(typed::answers));
    Router::new()
        .route("/healthz", get(healthz))
        .route("/api/v1/sync", get(sync::upgrade))
        .merge(visits)
        .merge(api)
        .layer(from_fn_with_state(app.clone(), cookie::renewed))
        .layer(from_fn_with_state(app.clone(), attempts::failures))
        .route("/", get(page::field))
        .route("/enrol", get(page::field))
        .route("/console", get(page::console))
        .route("/enrol/", get(page::without_slash))
        .route("/console/", get(page::without_slash))
        .fallback(page::other)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(from_fn_with_state(app.clone(), headers::guard))
        .with_state(app)
}

/// The API as a document. What it says of a route stands at its handler.
pub fn document() -> OpenApi {
    api(attempts()).into_openapi()
}

/// What exchanges a code or a signature for more: too many in vain, and whoever asks has to wait.
fn attempts() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(enrol::enrol))
        .routes(routes!(sign_in::challenge, sign_in::sign_in))
        .routes(routes!(session::begin))
}

fn api(attempts: OpenApiRouter<App>) -> OpenApiRouter<App> {
    let questions = OpenApiRouter::new()
        .merge(attempts)
        .routes(routes!(sign_in::sign_out))
        .routes(routes!(me::me))
        .nest("/admin", admin::routes())
        .routes(routes!(session::show, session::end))
        .routes(routes!(communities::list))
        .routes(routes!(communities::show))
        .routes(routes!(records::list))
        .routes(routes!(history::list))
        .routes(routes!(history::outline))
        .routes(routes!(quarantine::list))
        .routes(routes!(quarantine::show, quarantine::settle))
        .routes(routes!(disputes::conflicts))
        .routes(routes!(overdue::of_community))
        .routes(routes!(evidence::bundle))
        .routes(routes!(overdue::of_district))
        .routes(routes!(figures::list))
        .routes(routes!(figures::records))
        .routes(routes!(records::show))
        .routes(routes!(disputes::tally))
        .routes(routes!(records::history))
        .routes(routes!(moments::at))
        .routes(routes!(moments::difference))
        .routes(routes!(moments::knowledge))
        .routes(routes!(rules::schema))
        .routes(routes!(openapi::show))
        .routes(routes!(live::live))
        .layer(from_fn(tags::tagged))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, ANSWER_WITHIN))
        .layer(RequestBodyLimitLayer::new(limits::FRAME_BYTES))
        .layer(from_fn(typed::answers));
    // A roster of twenty thousand rows is a longer request than any other.
    let import = OpenApiRouter::new()
        .routes(routes!(import::import))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, IMPORT_WITHIN))
        .layer(from_fn(typed::answers));
    OpenApiRouter::with_openapi(openapi::beginning()).nest("/api/v1", questions.merge(import))
}

/// Answers as long as the process does.
async fn healthz() -> &'static str {
    "ok\n"
}
