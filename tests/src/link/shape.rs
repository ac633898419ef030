//! What a link is like.

use std::time::Duration;

/// What a link is like; the default is a wire: nothing is held up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shape {
    /// From whoever connects to whoever is connected to.
    pub up: LaneShape,
    /// The other way.
    pub down: LaneShape,
    /// How it ends, if not by itself.
    pub fault: Option<Fault>,
    /// What every draw comes from, with the number of the connection.
    pub seed: u64,
}

/// One direction of a link.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneShape {
    /// Bytes a second; without bound if not said.
    pub rate: Option<u64>,
    /// How long a byte is under way once it has left.
    pub delay: Duration,
    /// How much longer it may be, drawn for each packet. Packets never overtake each other.
    pub jitter: Duration,
    /// How likely a packet waits for [`LaneShape::stall`] before it leaves, and all after it: what a lost packet looks like
    /// from above TCP. Between 0 and 1.
    pub stall_chance: f64,
    /// How long a stall lasts.
    pub stall: Duration,
    /// Bytes that may wait to leave; whoever sends more is made to wait.
    pub buffer_bytes: usize,
}

impl Default for LaneShape {
    fn default() -> Self {
        Self {
            rate: None,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            stall_chance: 0.0,
            stall: Duration::ZERO,
            // What a home router or a base station keeps for one phone, roughly.
            buffer_bytes: 64 << 10,
        }
    }
}

/// How a connection comes to an end that neither side wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Both sides are hung up on.
    Cut(When),
    /// Half open: both sides may talk, neither hears anything any more, nor that the other has gone.
    Silence(When),
}

/// The moment of a [`Fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// After so many bytes have arrived, both ways together.
    Bytes(u64),
    /// So long after the connection began.
    After(Duration),
}

impl Shape {
    /// A link that is the same both ways.
    pub fn even(lane: LaneShape) -> Self {
        Self { up: lane.clone(), down: lane, ..Self::default() }
    }

    /// A basement: 64 kbit/s, 800 ms there and back, one packet in a hundred is lost and comes a second later.
    pub fn basement(seed: u64) -> Self {
        let lane = LaneShape {
            rate: Some(8_000),
            delay: Duration::from_millis(400),
            stall_chance: 0.01,
            stall: Duration::from_secs(1),
            ..LaneShape::default()
        };
        Self { seed, ..Self::even(lane) }
    }
}
