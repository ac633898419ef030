//! `GET /api/v1/sync`: the websocket on which a device syncs.

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::Response;
use renolog_protocol::limits;
use renolog_protocol::wire::SUBPROTOCOL;

use super::{Caller, Problem};
use crate::app::App;
use crate::live;

pub(super) async fn upgrade(
    State(app): State<App>,
    caller: Caller,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let Caller::Device(device) = caller else {
        return Err(Problem::forbidden("only an enrolled device syncs; this is an operator's token"));
    };
    let upgrade = upgrade.map_err(|error| Problem::bad_request(error.body_text()))?;
    let upgrade = upgrade.protocols([SUBPROTOCOL]).max_message_size(limits::FRAME_BYTES).max_frame_size(limits::FRAME_BYTES);
    Ok(upgrade.on_upgrade(move |socket| live::serve(app, device, socket)))
}
