//! A bad link between any two programs: a TCP proxy that shapes rate, delay and jitter, stalls, cuts and goes silent, and
//! counts what passes.
//!
//! The kernel of a test machine can seldom be told to lose packets; this needs nothing of it. What it does is what TCP
//! shows to a program on such a link: bytes come late, slowly, in fits, never out of order, and sometimes not at all.
//!
//! - [`shape`]: what a link is like. Every draw comes from its seed.
//! - [`lane`]: one direction, without sockets or a clock: which bytes may leave when.
//! - [`pipe`]: one connection: two lanes, what ends them, and what was counted.
//! - [`proxy`]: the same between real sockets. The program `link` is its command line.
//!
//! # Example
//! A kilobyte on a link of 8 kbit/s with half a second of delay arrives within one and a half seconds, no sooner.
//! ```
//! use std::time::Duration;
//!
//! use renolog_tests::link::{Lane, LaneShape};
//!
//! let shape = LaneShape { rate: Some(1_000), delay: Duration::from_millis(500), ..LaneShape::default() };
//! let mut lane = Lane::new(&shape, 7, Duration::ZERO);
//! lane.take(Duration::ZERO, &[0; 1_000]);
//! assert_eq!(lane.due(), Some(Duration::from_millis(1_500)));
//! ```

pub mod lane;
pub mod pipe;
pub mod proxy;
pub mod shape;

pub use lane::Lane;
pub use pipe::{Counts, Output, Passed, Pipe, Way};
pub use proxy::{Link, Totals};
pub use shape::{Fault, LaneShape, Shape, When};
