//! What the protocol promises: its bytes, what it takes from strangers, how records merge, and how the two ends talk. Who
//! may do what is asked of the two ends themselves, in the workspace's tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod changes;
mod common;
mod frames;
mod golden;
mod merge;
mod session;
