//! A phone of a simulation: the real client, a clock of its own, and the place it is in.

use std::ops::RangeInclusive;

use renolog_client_core::client::Client;
use renolog_protocol::id::ChangeHash;
use renolog_protocol::key::DeviceKey;
use renolog_protocol::time::{SpanMs, UnixMs};

use super::network::LinkId;

/// Names a phone of a [`World`](super::World).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PhoneId(pub(super) usize);

/// See the module.
#[derive(Debug)]
pub struct Phone {
    pub(super) name: String,
    pub(super) client: Client,
    /// The key it signs with, where its store does not have it.
    pub(super) keeper: Option<DeviceKey>,
    /// How far its clock is ahead of the true time.
    pub(super) ahead: SpanMs,
    /// Whether there is a network where it is.
    pub(super) covered: bool,
    /// The connection that it has, or is trying to make.
    pub(super) link: Option<LinkId>,
    pub(super) open: bool,
    /// Milliseconds that a message takes from or to it.
    pub(super) delay: RangeInclusive<i64>,
    /// It fell into the river. What was only on it is gone with it.
    pub(super) lost: bool,
    /// Every change its client ever said it made.
    pub(crate) made: Vec<ChangeHash>,
}

impl Phone {
    pub(super) fn new(name: String, client: Client) -> Self {
        Self {
            name,
            client,
            keeper: None,
            ahead: SpanMs(0),
            covered: true,
            link: None,
            open: false,
            delay: 20..=200,
            lost: false,
            made: Vec::new(),
        }
    }

    /// What its clock shows when it is truly `now`.
    pub(super) fn clock(&self, now: UnixMs) -> UnixMs {
        now + self.ahead
    }

    /// When it truly is what its clock will show at its next timeout.
    pub(super) fn wakes_at(&self) -> Option<UnixMs> {
        self.client.poll_timeout().filter(|_| !self.lost).map(|at| at + SpanMs(-self.ahead.0))
    }

    pub(super) fn is_reachable(&self) -> bool {
        self.covered && !self.lost
    }

    /// Whether it is connected, has sent everything it can send, and has everything there is, as far as it
    /// knows.
    pub(super) fn is_settled(&self) -> bool {
        self.client.is_settled().expect("the store works")
    }
}
