//! The cookie in which a browser keeps its device's token: no script reads it, and no other site's page sends it.

use axum::extract::{Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::Peer;
use crate::app::App;
use crate::ticket::GOOD_FOR;

const NAME: &str = "renolog";

/// The token that a request brings as a cookie.
pub(super) fn of(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
    cookies.filter_map(|cookie| cookie.trim().split_once('=')).find(|(name, _)| *name == NAME).map(|(_, token)| token.into())
}

/// The cookie with a token; only for encrypted links where it was given over one.
pub(super) fn with(token: &str, encrypted: bool) -> HeaderValue {
    written(token, GOOD_FOR.0 / 1000, encrypted)
}

/// What takes the place of the cookie and is gone at once.
pub(super) fn gone(encrypted: bool) -> HeaderValue {
    written("", 0, encrypted)
}

fn written(token: &str, seconds: i64, encrypted: bool) -> HeaderValue {
    let secure = if encrypted { "; Secure" } else { "" };
    let text = format!("{NAME}={token}; Path=/api; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    HeaderValue::try_from(text).expect("a token is made of letters and digits")
}

/// Around every route that takes a cookie: a browser whose token is a day old is given the next with the answer, be it the
/// answer to an upgrade. So a page that is used now and then stays signed in and never waits for it.
pub(super) async fn renewed(State(app): State<App>, peer: Peer, request: Request, next: Next) -> Response {
    let ticket = of(request.headers()).and_then(|token| app.tickets.read(&token));
    let mut response = next.run(request).await;
    let let_in = response.status().is_success() || response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let now = app.clock.now();
    if let Some(ticket) = ticket.filter(|ticket| let_in && ticket.is_good_at(now))
        && !response.headers().contains_key(SET_COOKIE)
        && let Some(token) = app.tickets.renewed(ticket, now)
    {
        response.headers_mut().insert(SET_COOKIE, with(&token, peer.secure));
    }
    response
}
