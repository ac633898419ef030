//! Whoever keeps bringing credentials that are not ours is told to wait.
//!
//! A route becomes an attempt by `.layer(from_fn_with_state(app.clone(), attempts::counted))` around its methods.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use super::{Peer, Problem};
use crate::app::App;

/// Around routes that exchange a code or a password for more: too many in vain, and the next is not even looked at.
/// What succeeds, or fails through no fault of the asker, does not count.
pub(super) async fn counted(State(app): State<App>, peer: Peer, request: Request, next: Next) -> Result<Response, Problem> {
    app.gate.attempt(peer.address, app.clock.now()).map_err(Problem::wait)?;
    let response = next.run(request).await;
    if response.status().is_success() || response.status().is_server_error() {
        app.gate.attempt_was_good(peer.address, app.clock.now());
    }
    Ok(response)
}

/// Around everything that asks for a token. A token is looked at first and refused after: 128 bits are not guessed, and a
/// good one must pass whatever others behind the same address do.
pub(super) async fn failures(State(app): State<App>, peer: Peer, request: Request, next: Next) -> Result<Response, Problem> {
    let response = next.run(request).await;
    if response.status() == StatusCode::UNAUTHORIZED {
        app.gate.failure(peer.address, app.clock.now()).map_err(Problem::wait)?;
    }
    Ok(response)
}
