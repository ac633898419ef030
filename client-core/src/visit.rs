//! One visit: frames up in one HTTP request, frames down in its answer. For background tasks, and for networks that break
//! websockets. It decides nothing.

use std::io::Read;

use renolog_protocol::wire::{SEQUENCE, first_end};
use ureq::http::Response;

use crate::asking::Asking;
use crate::transport::{Traffic, VERSION};
use crate::trust::Trust;

/// How much of an answer is read at a time.
const READ_BYTES: usize = 4 << 10;

/// Why a visit brought nothing, or not all of it.
#[derive(Debug)]
pub(crate) enum Missed {
    /// The server would not, and said why.
    Refused(Box<Response<Option<Vec<u8>>>>),
    /// The link is gone, or what answered is no Renolog server.
    Broken(String),
}

/// Brings `flight`, and hands each frame of the answer to `heard` as it comes, until that wants no more. Waits for it all.
///
/// # Errors
/// [`Missed`]; what was heard before counts.
pub(crate) fn visit(
    (trust, server, token): (&Trust, &str, &str),
    flight: &[u8],
    traffic: &Traffic,
    heard: &mut dyn FnMut(Vec<u8>) -> bool,
) -> Result<(), Missed> {
    let address = format!("sync?version={VERSION}");
    let answered = Asking::patiently(trust, server).bring(&address, token, SEQUENCE, flight).map_err(broken)?;
    traffic.went_up(flight.len());
    if !answered.status().is_success() {
        let (head, mut body) = answered.into_parts();
        return Err(Missed::Refused(Box::new(Response::from_parts(head, body.read_to_vec().ok()))));
    }
    let mut body = answered.into_body().into_reader();
    let (mut buffer, mut waiting) = (vec![0; READ_BYTES], Vec::new());
    loop {
        let read = body.read(&mut buffer).map_err(broken)?;
        if read == 0 {
            return if waiting.is_empty() { Ok(()) } else { Err(broken("the answer is cut short")) };
        }
        traffic.came_down(read);
        waiting.extend(&buffer[..read]);
        while !waiting.is_empty()
            && let Some(end) = first_end(&waiting).map_err(broken)?
        {
            let rest = waiting.split_off(end);
            if !heard(std::mem::replace(&mut waiting, rest)) {
                return Ok(());
            }
        }
    }
}

fn broken(why: impl ToString) -> Missed {
    Missed::Broken(why.to_string())
}
