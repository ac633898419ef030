//! `GET /api/v1/sync`: the websocket on which a device syncs; `POST`: the same frames in one request.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use renolog_protocol::limits;
use renolog_protocol::wire::{SEQUENCE, SUBPROTOCOL, split};

use super::Problem;
use super::auth::Connecting;
use super::peer::{Brought, Peer};
use super::sign_in::set_cookie;
use crate::app::App;
use crate::live;
use crate::store::DeviceRow;
use crate::ticket::Ticket;

/// Each connection keeps this much to read into, and it is wiped with each reading; the usual 128 kB make ten thousand silent
/// phones weigh more than a gigabyte. What devices say seldom is longer, and a push that is takes a few readings.
const READ_BUFFER_BYTES: usize = 1 << 10;

pub(super) async fn upgrade(
    State(app): State<App>,
    Connecting { device, ticket, cookie }: Connecting,
    peer: Peer,
    Brought(seat): Brought,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|error| Problem::bad_request(error.body_text()))?;
    let upgrade = upgrade.protocols([SUBPROTOCOL]).max_message_size(limits::FRAME_BYTES).max_frame_size(limits::FRAME_BYTES);
    let upgrade = upgrade.read_buffer_size(READ_BUFFER_BYTES);
    let renewed = renewed(&app, &device, ticket, cookie, &peer);
    let kept_by_device = (!cookie).then_some(ticket);
    let mut response = upgrade.on_upgrade(async move |socket| {
        live::serve(app, device, kept_by_device, socket).await;
        drop(seat);
    });
    if let Some(cookie) = renewed {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// A visit: frames one after the other as the body, and those that answer them as the answer's.
pub(super) async fn visit(
    State(app): State<App>,
    Connecting { device, ticket, cookie }: Connecting,
    peer: Peer,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = body.map_err(|why| match why.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(why.body_text()),
        _ => Problem::bad_request(why.body_text()),
    })?;
    let frames = split(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    let mut headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(SEQUENCE))]);
    headers.extend(renewed(&app, &device, ticket, cookie, &peer).map(|cookie| (header::SET_COOKIE, cookie)));
    let answer = live::visit::answer(app, device, (!cookie).then_some(ticket), frames).await;
    Ok((headers, answer).into_response())
}

/// A browser is given its next token with the answer, where its scripts do not see it.
fn renewed(app: &App, device: &DeviceRow, ticket: Ticket, cookie: bool, peer: &Peer) -> Option<HeaderValue> {
    let now = app.clock.now();
    (cookie && ticket.is_stale_at(now)).then(|| set_cookie(&app.tickets.token(device.id, now), peer.secure))
}
