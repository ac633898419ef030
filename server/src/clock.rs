//! The server's clock, handed in so that a demonstration can play a week in a minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use renolog_protocol::time::{SpanMs, UnixMs};

/// What time it is.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> UnixMs;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMs {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The machine's clock, moved by a span that can be set: time goes on by itself, and jumps when told.
#[derive(Debug, Clone, Default)]
pub struct MovedClock(Arc<AtomicI64>);

impl MovedClock {
    /// Jumps to `moment`; from there time goes on.
    pub fn jump_to(&self, moment: UnixMs) {
        self.0.store((moment - SystemClock.now()).0, Ordering::Relaxed);
    }

    /// Back to the machine's time.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> UnixMs {
        SystemClock.now() + SpanMs(self.0.load(Ordering::Relaxed))
    }
}
