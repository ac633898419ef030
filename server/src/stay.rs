//! What one device's connection is held to while it lasts: to say hello in time, to make room for a newer connection of the
//! same device, and to push no faster than its share.

use std::sync::Arc;
use std::time::Duration;

use renolog_protocol::codec::Parcel;
use renolog_protocol::id::DeviceId;
use renolog_protocol::session::ByeCode;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, sleep, sleep_until};

use crate::app::App;
use crate::clock::Clock;
use crate::gate::{Gate, Place};
use crate::limits::BYTES_PER_CHANGE;

/// See the module.
#[derive(Debug)]
pub(crate) struct Stay {
    place: Place,
    hello_by: Option<Instant>,
    pace: Arc<Pace>,
}

impl Stay {
    /// A connection of `device` that begins now.
    pub(crate) fn begin(app: &App, device: DeviceId) -> Self {
        let (gate, clock) = (app.gate.clone(), app.clock.clone());
        Self {
            place: gate.place(device),
            hello_by: Some(Instant::now() + gate.limits().hello_within),
            pace: Arc::new(Pace { gate, clock, device, turn: Arc::default() }),
        }
    }

    /// The device has said hello.
    pub(crate) fn greeted(&mut self) {
        self.hello_by = None;
    }

    /// Waits until the connection has to end, and says why.
    pub(crate) async fn over(&self) -> (ByeCode, &'static str) {
        tokio::select! {
            () = self.place.lost() => (ByeCode::Busy, "the device has newer connections"),
            () = due(self.hello_by) => (ByeCode::Misbehaved, "the device did not say hello in time"),
        }
    }

    /// The pace at which the device may push.
    pub(crate) fn pace(&self) -> Arc<Pace> {
        self.pace.clone()
    }
}

async fn due(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// See [`Stay::pace`].
pub(crate) struct Pace {
    gate: Arc<Gate>,
    clock: Arc<dyn Clock>,
    device: DeviceId,
    /// Batches wait one behind the other, so that they are judged in the order in which they came.
    turn: Arc<Mutex<()>>,
}

/// A batch's turn; the connection's next waits until it is over.
pub(crate) struct Turn(#[expect(dead_code, reason = "held, not read")] OwnedMutexGuard<()>);

impl std::fmt::Debug for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pace").field("device", &self.device).finish_non_exhaustive()
    }
}

impl Pace {
    /// Waits until it is this batch's turn. The session takes a few batches at a time only, so a device that pushes too
    /// fast waits for its receipts, and nothing is refused.
    pub(crate) async fn turn(&self, parcel: &Parcel) -> Turn {
        let turn = self.turn.clone().lock_owned().await;
        let weight = weight(parcel.sizes());
        while let Err(wait) = self.gate.push(self.device, weight, self.clock.now()) {
            sleep(Duration::from_millis(wait.0.max(1).unsigned_abs())).await;
        }
        Turn(turn)
    }

    /// Whether something may be noted that nobody waits for and the device will say again: it weighs as much as a change,
    /// and is let go where a change would wait.
    pub(crate) fn may_note(&self) -> bool {
        self.gate.push(self.device, 1, self.clock.now()).is_ok()
    }
}

/// What changes of so many bytes weigh: each one, and a long one as many as it is long.
fn weight(lengths: impl Iterator<Item = usize>) -> u32 {
    let weights = lengths.map(|bytes| u32::try_from(bytes.div_ceil(BYTES_PER_CHANGE)).unwrap_or(u32::MAX).max(1));
    weights.fold(0, u32::saturating_add)
}

#[cfg(test)]
mod tests {
    use renolog_protocol::time::{SpanMs, UnixMs};

    use super::*;
    use crate::clock::SystemClock;
    use crate::gate::Proxies;
    use crate::limits::{Limits, Rate};

    #[test]
    fn a_flood_of_notes_is_let_go() {
        let pushes = Rate { burst: 2, every: SpanMs::from_secs(1_000_000) };
        let gate = Arc::new(Gate::new(Limits { pushes, ..Limits::default() }, Proxies::default()));
        let device = DeviceId::from_parts(UnixMs(0), [1; 10]);
        let pace = Pace { gate, clock: Arc::new(SystemClock), device, turn: Arc::default() };
        assert_eq!([(); 4].map(|()| pace.may_note()), [true, true, false, false]);
    }

    #[test]
    fn a_long_change_weighs_as_many_short_ones() {
        for (lengths, expected) in
            [(vec![], 0), (vec![0], 1), (vec![300; 5], 5), (vec![BYTES_PER_CHANGE], 1), (vec![300, BYTES_PER_CHANGE + 1], 3)]
        {
            assert_eq!(weight(lengths.iter().copied()), expected, "{lengths:?}");
        }
    }
}
