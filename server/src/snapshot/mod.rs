//! A feed as whole records, for devices that have nothing of it: see [`renolog_protocol::wire::Begun`].
//!
//! What a snapshot holds and in which order follows from the feed up to its position ([`plan()`]), so a device goes on with
//! it on another connection, or after the server was restarted. A part is made when the first device comes to it
//! ([`chunk()`]), of that part's records alone, and kept for the others ([`Shelf`]): a thousand new phones cost what one
//! does. Nothing of it is durable; nothing here knows a socket.

mod chunk;
mod plan;
mod shelf;

pub use chunk::chunk;
pub use plan::{Plan, plan};
pub use shelf::Shelf;
