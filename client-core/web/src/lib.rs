//! client-core in a browser: the same engine, rules and store as on a phone, behind a face that converts and never decides.
//!
//! A worker of the page holds one `browser::Core` and asks it in JSON: a [`Request`] in, its answer or a [`Problem`]
//! out. What it wants done with the link it asks for step by step, as every client does; sockets, timers, the clock and
//! the key belong to the worker. Everything but `browser` is plain Rust and is tested as such.
//!
//! ```text
//!   tabs ──► worker (server/web/src/device) ──► Core ──► Client ──► SQLite in the browser's file system
//! ```

mod answer;
#[cfg(target_family = "wasm")]
pub mod browser;
mod problem;
mod request;

pub use answer::answer;
pub use problem::Problem;
pub use request::{Listing, Request};
