//! `GET /api/v1/sync`: the websocket on which a device syncs; `POST`: the same frames in one request.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use renolog_protocol::limits;
use renolog_protocol::wire::{SEQUENCE, SUBPROTOCOL, split};

use super::Problem;
use super::auth::Connecting;
use super::peer::Brought;
use crate::app::App;
use crate::live;

/// Each connection keeps this much to read into, and it is wiped with each reading; the usual 128 kB make ten thousand silent
/// phones weigh more than a gigabyte. What devices say seldom is longer, and a push that is takes a few readings.
const READ_BUFFER_BYTES: usize = 1 << 10;

/// Longest name of a version that is noted.
const VERSION_CHARS: usize = 40;

/// What a device says of itself in the address it connects to.
#[derive(serde::Deserialize)]
pub(super) struct Itself {
    /// The version of its program.
    version: Option<String>,
}

/// The version, if one is said that can be one.
fn version(said: Result<Query<Itself>, QueryRejection>) -> Option<String> {
    let version = said.ok()?.0.version?;
    (version.len() <= VERSION_CHARS && !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_graphic()))
        .then_some(version)
}

pub(super) async fn upgrade(
    State(app): State<App>,
    Connecting { device, ticket, cookie }: Connecting,
    Brought(seat): Brought,
    said: Result<Query<Itself>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|error| Problem::bad_request(error.body_text()))?;
    let upgrade = upgrade.protocols([SUBPROTOCOL]).max_message_size(limits::FRAME_BYTES).max_frame_size(limits::FRAME_BYTES);
    let upgrade = upgrade.read_buffer_size(READ_BUFFER_BYTES);
    // A browser's next token comes with the answer to the upgrade, where its scripts do not see it.
    let kept_by_device = (!cookie).then_some(ticket);
    live::note_version(&app, &device, version(said));
    Ok(upgrade.on_upgrade(async move |socket| {
        live::serve(app, device, kept_by_device, socket).await;
        drop(seat);
    }))
}

/// A visit: frames one after the other as the body, and those that answer them as the answer's.
pub(super) async fn visit(
    State(app): State<App>,
    Connecting { device, ticket, cookie }: Connecting,
    said: Result<Query<Itself>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = body.map_err(|why| match why.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(why.body_text()),
        _ => Problem::bad_request(why.body_text()),
    })?;
    let frames = split(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    live::note_version(&app, &device, version(said));
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(SEQUENCE))]);
    let answer = live::visit::answer(app, device, (!cookie).then_some(ticket), frames).await;
    Ok((headers, answer).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_short_word_or_nothing() {
        for (said, noted) in [
            ("", None),
            ("version=0.1.0", Some("0.1.0")),
            ("version=2.0.0-rc.1%2Bbuild", Some("2.0.0-rc.1+build")),
            ("version=", None),
            ("version=one%20two", None),
            ("version=%E4%B8%80", None),
            ("version=0.1.0&version=0.2.0", None),
            (&format!("version={}", "1".repeat(VERSION_CHARS + 1)), None),
        ] {
            let uri = format!("/api/v1/sync?{said}").parse().unwrap_or_else(|why| panic!("{said}: {why}"));
            assert_eq!(version(Query::try_from_uri(&uri)).as_deref(), noted, "{said}");
        }
    }
}
