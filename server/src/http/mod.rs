//! The HTTP API. The whole of it can be read in [`router`].

mod admin;
mod attempts;
mod auth;
mod communities;
mod disputes;
mod enrol;
mod evidence;
mod extract;
mod figures;
mod headers;
mod import;
mod overdue;
mod peer;
mod problem;
mod quarantine;
mod records;
mod scope;
mod sign_in;
mod sync;
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

/// Every route. All but `/healthz` and `/api/v1/sign-in` need a bearer token or its cookie; `/api/v1/enrol` takes the one-time
/// code as one.
pub fn router(app: App) -> Router {
    let api = Router::new()
        .route("/enrol", post(enrol::enrol).layer(from_fn_with_state(app.clone(), attempts::counted)))
        .route(
            "/sign-in",
            get(sign_in::challenge).post(sign_in::sign_in).layer(from_fn_with_state(app.clone(), attempts::counted)),
        )
        .nest("/admin", admin::routes())
        .route("/communities", get(communities::list))
        .route("/communities/{community}", get(communities::show))
        .route("/communities/{community}/records", get(records::list))
        .route("/communities/{community}/history", get(communities::history))
        .route("/communities/{community}/refused", get(quarantine::list))
        .route("/refused/{change}", get(quarantine::show).post(quarantine::settle))
        .route("/communities/{community}/conflicts", get(disputes::conflicts))
        .route("/communities/{community}/overdue", get(overdue::of_community))
        .route("/communities/{community}/evidence", get(evidence::bundle))
        .route("/overdue", get(overdue::of_district))
        .route("/figures", get(figures::list))
        .route("/figures/{name}/records", get(figures::records))
        .route("/records/{record}", get(records::show))
        .route("/records/{record}/tally", get(disputes::tally))
        .route("/records/{record}/history", get(records::history))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, ANSWER_WITHIN))
        .layer(RequestBodyLimitLayer::new(limits::FRAME_BYTES))
        .layer(from_fn(typed::answers));
    // A roster of twenty thousand rows is a longer request than any other.
    let import = post(import::import)
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, IMPORT_WITHIN))
        .layer(from_fn(typed::answers));
    // A device is held to its own pace by what it pushes, and may wait for that.
    let visits = Router::new()
        .route("/api/v1/sync", post(sync::visit))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, VISIT_WITHIN))
        .layer(RequestBodyLimitLayer::new(limits::FRAME_BYTES))
        .layer(from_fn(typed::answers));
    Router::new()
        .route("/healthz", get(healthz))
        .route("/api/v1/admin/import", import)
        .route("/api/v1/sync", get(sync::upgrade))
        .merge(visits)
        .nest("/api/v1", api)
        .layer(from_fn_with_state(app.clone(), attempts::failures))
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(from_fn_with_state(app.clone(), headers::guard))
        .with_state(app)
}

/// Answers as long as the process does.
async fn healthz() -> &'static str {
    "ok\n"
}
