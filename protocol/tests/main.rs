//! What the protocol promises: its bytes, what it takes from strangers, how records merge, who may do what, and how the
//! two ends talk.

mod common;
mod frames;
mod golden;
mod session;
