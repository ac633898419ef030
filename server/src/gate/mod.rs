//! Who may come in, and how often: what the [`crate::limits`] say, kept count of.
//!
//! Nothing here knows a socket or looks at a clock: moments are handed in. Addresses are [`Origin`]s, so that a house with
//! 2⁶⁴ addresses counts as one.

mod buckets;
mod network;
mod origin;
mod places;
mod proxies;
mod seats;

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use renolog_protocol::id::DeviceId;
use renolog_protocol::time::{SpanMs, UnixMs};

pub use buckets::Buckets;
pub use network::{BadNetwork, Network};
pub use origin::Origin;
pub use places::{Place, Places};
pub use proxies::{Forwarded, Proxies, Told};
pub use seats::{Seat, Seats};

use crate::limits::Limits;

/// See the module.
#[derive(Debug)]
pub struct Gate {
    limits: Limits,
    proxies: Proxies,
    /// Connections as they come in.
    connections: Arc<Seats>,
    /// Websockets that a proxy brought, by the address that it names: its own says nothing.
    forwarded: Arc<Seats>,
    places: Arc<Places>,
    attempts: Mutex<Buckets<Origin>>,
    failures: Mutex<Buckets<Origin>>,
    pushes: Mutex<Buckets<DeviceId>>,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new(Limits::default(), Proxies::default())
    }
}

impl Gate {
    /// A gate that nobody has passed yet.
    pub fn new(limits: Limits, proxies: Proxies) -> Self {
        let remembered = NonZeroUsize::new(limits.remembered).unwrap_or(NonZeroUsize::MIN);
        let seats = || Arc::new(Seats::new(limits.connections, limits.connections_per_address));
        Self {
            connections: seats(),
            forwarded: seats(),
            places: Arc::new(Places::new(limits.connections_per_device)),
            attempts: Mutex::new(Buckets::new(limits.attempts, remembered)),
            failures: Mutex::new(Buckets::new(limits.failures, remembered)),
            pushes: Mutex::new(Buckets::new(limits.pushes, remembered)),
            limits,
            proxies,
        }
    }

    /// What it goes by.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whose word on other people's addresses is believed.
    pub fn proxies(&self) -> &Proxies {
        &self.proxies
    }

    /// A seat for a connection that just came in, if there is one. A proxy's connections count among all only.
    pub fn admit(&self, address: IpAddr) -> Option<Seat> {
        let counted = (!self.proxies.trust(address)).then(|| Origin::of(address));
        self.connections.take(counted)
    }

    /// A seat for a websocket of `address` that a proxy brought, if there is one.
    pub fn admit_forwarded(&self, address: IpAddr) -> Option<Seat> {
        self.forwarded.take(Some(Origin::of(address)))
    }

    /// A place for a connection of a device, which may cost its oldest connection its own.
    pub fn place(&self, device: DeviceId) -> Place {
        self.places.take(device)
    }

    /// Counts an attempt to enrol or to sign in, before it is looked at: many at once must not slip through together.
    ///
    /// # Errors
    /// How long to wait, if there were too many.
    pub fn attempt(&self, address: IpAddr, now: UnixMs) -> Result<(), SpanMs> {
        lock(&self.attempts).take(Origin::of(address), 1, now)
    }

    /// The attempt was no guess: it does not count.
    pub fn attempt_was_good(&self, address: IpAddr, now: UnixMs) {
        lock(&self.attempts).give_back(Origin::of(address), 1, now);
    }

    /// Counts a request whose token is not one of ours.
    ///
    /// # Errors
    /// How long to wait, if there were too many.
    pub fn failure(&self, address: IpAddr, now: UnixMs) -> Result<(), SpanMs> {
        lock(&self.failures).take(Origin::of(address), 1, now)
    }

    /// Counts a push that weighs as much as `changes`. Whoever has to wait has not been counted, so waiting in vain, on a
    /// link that goes away, costs a device nothing. A push passes whole once there is any room.
    ///
    /// # Errors
    /// How long to wait before asking again.
    pub fn push(&self, device: DeviceId, changes: u32, now: UnixMs) -> Result<(), SpanMs> {
        lock(&self.pushes).take(device, changes, now)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
