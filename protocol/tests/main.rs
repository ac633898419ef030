//! What the protocol promises: its bytes, what it takes from strangers, how records merge, who may do what, and how the
//! two ends talk.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod changes;
mod common;
mod frames;
mod golden;
mod matrix;
mod merge;
mod session;
