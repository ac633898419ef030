//! Answers that the layers around the routes give, as [`Problem`]s like all others.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use renolog_protocol::limits;

use super::Problem;

/// Around the layers that bound bodies and time.
pub(super) async fn answers(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::too_large(format!("a request's body may have {} bytes", limits::FRAME_BYTES)).into_response()
        }
        StatusCode::GATEWAY_TIMEOUT => {
            Problem::too_slow("the request did not come, or was not answered, in time").into_response()
        }
        _ => response,
    }
}
