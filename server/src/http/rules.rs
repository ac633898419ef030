//! `GET /api/v1/schema`: the rules as data, from which forms, tables and diagrams are drawn.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use renolog_protocol::schema::Schema;

use super::Caller;
use crate::app::App;

/// The rules by which this server judges.
#[utoipa::path(get, path = "/schema", operation_id = "schema", tag = "rules",
    responses((status = OK, body = Schema), super::openapi::Refused))]
pub(super) async fn schema(State(app): State<App>, _: Caller) -> impl IntoResponse {
    let schema: Arc<Schema> = app.schema;
    Json((*schema).clone())
}
