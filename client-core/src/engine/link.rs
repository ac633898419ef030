//! One standing connection: what moved on it, and what is to be said next.

use std::collections::VecDeque;

use renolog_protocol::id::FeedId;
use renolog_protocol::limits;
use renolog_protocol::session::device::DeviceSession;
use renolog_protocol::sorted::SortedMap;
use renolog_protocol::time::UnixMs;
use renolog_protocol::wire::Cursor;

use super::Output;

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) session: DeviceSession,
    pub(super) last_moved: UnixMs,
    /// When the link is given up, if a sign of life was asked for and is outstanding.
    pub(super) give_up_at: Option<UnixMs>,
    pub(super) pings: u64,
    /// Whether anything came of the connection; then a cut is bad luck and not a reason to wait longer.
    pub(super) fruitful: bool,
    /// Feeds that moved and of which the server has not been told, and when it will be.
    pub(super) unseen: SortedMap<FeedId, Cursor>,
    pub(super) tell_at: Option<UnixMs>,
}

impl Connection {
    pub(super) fn new(session: DeviceSession, now: UnixMs) -> Self {
        Self { session, last_moved: now, give_up_at: None, pings: 0, fruitful: false, unseen: SortedMap::new(), tell_at: None }
    }

    /// When the link is asked for a sign of life or, asked already, given up.
    pub(super) fn deadline(&self) -> UnixMs {
        self.give_up_at.unwrap_or(self.last_moved + limits::QUIET)
    }

    /// A clock set back by hours must not leave a dead link open for hours.
    pub(super) fn mind_the_clock(&mut self, now: UnixMs) {
        self.last_moved = self.last_moved.min(now);
        self.give_up_at = self.give_up_at.map(|at| at.min(now + limits::SILENT));
    }

    pub(super) fn ask(&mut self, out: &mut VecDeque<Output>) {
        self.pings += 1;
        out.push_back(Output::Send(self.session.ping(self.pings)));
    }

    pub(super) fn tell(&mut self, out: &mut VecDeque<Output>) {
        self.tell_at = None;
        for upto in std::mem::take(&mut self.unseen).into_values() {
            out.push_back(Output::Send(self.session.seen(upto)));
        }
    }
}
