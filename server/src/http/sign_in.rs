//! `/api/v1/sign-in`: a device whose token has run out proves that it has its key, and is given another.
//!
//! A program keeps the token itself. A browser asks for a cookie instead, which its scripts cannot read.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER_PERMISSIVE;
use renolog_protocol::id::DeviceId;
use renolog_protocol::key::Signature;
use renolog_protocol::time::UnixMs;
use serde::{Deserialize, Serialize};

use super::extract::Body;
use super::peer::Peer;
use super::{Problem, cookie};
use crate::app::App;
use crate::secret;
use crate::store::{Column, DeviceRow, Read};
use crate::ticket::GOOD_FOR;

/// Something to sign.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Challenge {
    challenge: String,
}

/// Something to sign.
#[utoipa::path(get, path = "/sign-in", operation_id = "challenge", tag = "session", security(()),
    responses((status = OK, body = Challenge), super::openapi::Refused))]
pub(super) async fn challenge(State(app): State<App>) -> Json<Challenge> {
    Json(Challenge { challenge: app.tickets.challenge(app.clock.now(), secret::random()) })
}

/// The answer.
#[derive(Deserialize, utoipa::ToSchema)]
pub(super) struct Answer {
    device: DeviceId,
    challenge: String,
    /// 128 hexadecimal digits.
    signature: String,
    /// Whether the token is to be kept by the browser.
    #[serde(default)]
    cookie: bool,
}

/// Nothing is told besides the token.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Nothing {}

/// What opens the device's next connections.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Ticketed<T> {
    #[serde(flatten)]
    pub(super) told: T,
    /// Absent where the browser keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
    pub(super) expires: UnixMs,
}

/// An answer that brings a token along, in its body or in a cookie.
pub(super) fn with_token<T: Serialize>(app: &App, device: DeviceId, kept_as_cookie: bool, encrypted: bool, told: T) -> Response {
    let now = app.clock.now();
    let (token, expires) = (app.tickets.token(device, now), now + GOOD_FOR);
    if !kept_as_cookie {
        return Json(Ticketed { told, token: Some(token), expires }).into_response();
    }
    let mut response = Json(Ticketed { told, token: None, expires }).into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie::with(&token, encrypted));
    response
}

/// Another token for a device that has its key.
#[utoipa::path(post, path = "/sign-in", operation_id = "sign_in", tag = "session", request_body = Answer, security(()),
    responses((status = OK, body = Ticketed<Nothing>), super::openapi::Refused))]
pub(super) async fn sign_in(State(app): State<App>, peer: Peer, Body(answer): Body<Answer>) -> Result<Response, Problem> {
    if !app.tickets.asked(&answer.challenge, app.clock.now()) {
        return Err(Problem::unauthorized("this challenge is not one of ours, or has run out; ask for another"));
    }
    let bytes = HEXLOWER_PERMISSIVE.decode(answer.signature.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    let signature = Signature(bytes.ok_or_else(|| Problem::bad_request("signature is 128 hexadecimal digits"))?);
    let id = answer.device;
    let found = app.readers.ask(move |store| store.get::<DeviceRow>(&[id.to_cell()])).await?;
    let device = found.ok_or_else(|| Problem::unknown_device(format!("device {id} is not enrolled here")))?;
    if !device.public_key.answers(id, &answer.challenge, &signature) {
        return Err(Problem::unauthorized("this is not that device's signature"));
    }
    Ok(with_token(&app, device.id, answer.cookie, peer.secure, Nothing {}))
}

/// A browser forgets its token: nothing else can make it, since its scripts cannot. The token itself is as good as before
/// for whoever else has it; ending it is the desk's to do.
#[utoipa::path(post, path = "/sign-out", operation_id = "sign_out", tag = "session", security(()),
    responses((status = NO_CONTENT), super::openapi::Refused))]
pub(super) async fn sign_out(peer: Peer) -> impl IntoResponse {
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie::gone(peer.secure))])
}
