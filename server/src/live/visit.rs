//! One visit: a device's frames in one request, the answers in one response. For background tasks, which have seconds, and
//! for networks that break websockets.
//!
//! The conversation is the same as on a websocket, with the same session behind it, the same checks and the same pace. It
//! is over when everything that was brought is answered and everything that is new is told, or when the answer is as long
//! as one may be; the device then comes again from where it is.

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use renolog_protocol::limits;
use renolog_protocol::session::server::{Input, Output};

use super::{Connection, chunk, judge, note_unsent};
use crate::app::App;
use crate::store::DeviceRow;
use crate::ticket::Ticket;

/// Answers a device's frames; `ticket` is what opened the visit, where the device keeps it itself.
pub async fn answer(app: App, device: DeviceRow, ticket: Option<Ticket>, frames: Vec<&[u8]>) -> Vec<u8> {
    let mut connection = Connection::begin(app, device, ticket);
    let answer = talk(&mut connection, frames).await;
    note_unsent(&connection);
    answer
}

async fn talk(connection: &mut Connection, frames: Vec<&[u8]>) -> Vec<u8> {
    frames.iter().for_each(|frame| connection.session.handle(Input::Frame(frame)));
    let mut judging = FuturesUnordered::new();
    let mut answer = Vec::new();
    loop {
        while let Some(output) = connection.session.poll_output() {
            match output {
                Output::Send(bytes) => answer.extend(bytes),
                Output::Share(bytes) => answer.extend(&bytes[..]),
                Output::Introduce { device_time, cursors } => connection.introduce(device_time, cursors).await,
                Output::Submit(parcel) => {
                    let (app, signer) = (connection.app.clone(), connection.signer());
                    judging.push(judge(app, connection.stay.pace(), signer, connection.skew, parcel));
                }
                Output::Read { .. } if answer.len() >= limits::VISIT_BYTES => {}
                Output::Read { feed, after } => match connection.app.hub.tail(feed, after) {
                    Some(stretch) => connection.session.handle(Input::Stretch(stretch)),
                    None => connection.read(feed, after).await,
                },
                Output::ReadChunk { .. } if answer.len() >= limits::VISIT_BYTES => {}
                Output::ReadChunk { feed, of, after } => {
                    let packed = chunk(connection.app.clone(), feed, of, after).await;
                    connection.packed(packed);
                }
                Output::Saw { feed, upto } => connection.saw(feed, upto),
                Output::Close => return answer,
            }
        }
        let Some(judged) = judging.next().await else { return answer };
        let grown = judged.as_ref().ok().and_then(|pushed| Some((pushed.feed, pushed.grown.last()?.seq)));
        connection.judged(judged);
        // What the push put into the feed: the device learns that it has come so far. The hub may say it later only.
        if let Some((feed, upto)) = grown {
            connection.session.handle(Input::Grew(feed, upto));
        }
        if let Some(news) = connection.wake.news().now_or_never()
            && connection.news(news)
        {
            connection.standings().await;
        }
    }
}
