//! `GET /api/v1/sync`: the websocket on which a device syncs.

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::Response;
use renolog_protocol::limits;
use renolog_protocol::wire::SUBPROTOCOL;

use super::Problem;
use super::auth::Connecting;
use super::peer::Brought;
use crate::app::App;
use crate::live;

/// Each connection keeps this much to read into, and it is wiped with each reading; the usual 128 kB make ten thousand silent
/// phones weigh more than a gigabyte. What devices say seldom is longer, and a push that is takes a few readings.
const READ_BUFFER_BYTES: usize = 1 << 10;

pub(super) async fn upgrade(
    State(app): State<App>,
    Connecting { device, ticket, cookie }: Connecting,
    Brought(seat): Brought,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|error| Problem::bad_request(error.body_text()))?;
    let upgrade = upgrade.protocols([SUBPROTOCOL]).max_message_size(limits::FRAME_BYTES).max_frame_size(limits::FRAME_BYTES);
    let upgrade = upgrade.read_buffer_size(READ_BUFFER_BYTES);
    // A browser's next token comes with the answer to the upgrade, where its scripts do not see it.
    let kept_by_device = (!cookie).then_some(ticket);
    Ok(upgrade.on_upgrade(async move |socket| {
        live::serve(app, device, kept_by_device, socket).await;
        drop(seat);
    }))
}
