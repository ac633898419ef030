//! What the bytes on the link were for.

use renolog_protocol::wire::{Frame, Use};

/// Bytes both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Bytes {
    /// Sent.
    pub up: u64,
    /// Received.
    pub down: u64,
}

/// Bytes since the store was opened, by what they were for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Usage {
    /// To greet each other: positions and versions, members, rules, working days, tokens, farewells.
    pub greeting: Bytes,
    /// What was written here, and receipts.
    pub own_work: Bytes,
    /// What others wrote.
    pub others_work: Bytes,
    /// Whole records for a device that has none.
    pub snapshots: Bytes,
    /// Whether somebody is there, and how far a device has come.
    pub signs_of_life: Bytes,
    /// What is no frame: upgrades, headers, encryption. Nothing where no real link is counted.
    pub overhead: Bytes,
}

impl Usage {
    pub(super) fn sent(&mut self, frame: &[u8]) {
        self.of(frame).up += frame.len() as u64;
    }

    pub(super) fn received(&mut self, frame: &[u8]) {
        self.of(frame).down += frame.len() as u64;
    }

    fn of(&mut self, frame: &[u8]) -> &mut Bytes {
        match Frame::use_of(frame) {
            Use::Greeting => &mut self.greeting,
            Use::OwnWork => &mut self.own_work,
            Use::OthersWork => &mut self.others_work,
            Use::Snapshot => &mut self.snapshots,
            Use::SignOfLife => &mut self.signs_of_life,
        }
    }

    fn frames(&self) -> [Bytes; 5] {
        [self.greeting, self.own_work, self.others_work, self.snapshots, self.signs_of_life]
    }

    /// Bytes of frames.
    pub fn in_frames(&self) -> Bytes {
        let sum = |of: fn(&Bytes) -> u64| self.frames().iter().map(of).sum();
        Bytes { up: sum(|bytes| bytes.up), down: sum(|bytes| bytes.down) }
    }

    /// With what the link counted in all. A browser does not count what its links take.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn of_link(self, up: u64, down: u64) -> Self {
        let frames = self.in_frames();
        let overhead = Bytes { up: up.saturating_sub(frames.up), down: down.saturating_sub(frames.down) };
        Self { overhead, ..self }
    }
}
