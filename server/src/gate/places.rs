//! Places for the connections of one device: a few, and the newest are kept. A phone that lost its link comes back before
//! the server has noticed; turning the new connection away for the sake of one that is dead would be the wrong way round.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use renolog_protocol::id::DeviceId;
use tokio::sync::Notify;

/// See the module.
#[derive(Debug)]
pub struct Places {
    per_device: NonZeroUsize,
    /// The oldest first. As many as there are connections.
    taken: Mutex<HashMap<DeviceId, VecDeque<Arc<Notify>>>>,
}

/// Holds a place until it is dropped, or lost to a newer connection.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    device: DeviceId,
    lost: Arc<Notify>,
}

impl Places {
    /// So many for each device.
    pub fn new(per_device: NonZeroUsize) -> Self {
        Self { per_device, taken: Mutex::default() }
    }

    /// A place for a connection of `device`; its oldest loses its own if there are too many.
    pub fn take(self: &Arc<Self>, device: DeviceId) -> Place {
        let lost = Arc::new(Notify::new());
        let mut taken = self.lock();
        let theirs = taken.entry(device).or_default();
        if theirs.len() >= self.per_device.get()
            && let Some(oldest) = theirs.pop_front()
        {
            oldest.notify_one();
        }
        theirs.push_back(lost.clone());
        Place { places: self.clone(), device, lost }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DeviceId, VecDeque<Arc<Notify>>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits until a newer connection has taken the place.
    pub async fn lost(&self) {
        self.lost.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        let Some(theirs) = taken.get_mut(&self.device) else { return };
        theirs.retain(|place| !Arc::ptr_eq(place, &self.lost));
        if theirs.is_empty() {
            taken.remove(&self.device);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use renolog_protocol::time::UnixMs;

    use super::*;

    fn is_lost(place: &Place) -> bool {
        pin!(place.lost()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn the_oldest_makes_room_for_the_newest() {
        let places = Arc::new(Places::new(NonZeroUsize::new(2).expect("some")));
        let [chen, liu] = [1, 2].map(|number| DeviceId::from_parts(UnixMs(0), [number; 10]));
        let (first, second, other) = (places.take(chen), places.take(chen), places.take(liu));
        assert!(![&first, &second, &other].into_iter().any(is_lost));
        let third = places.take(chen);
        assert_eq!([&first, &second, &third, &other].map(is_lost), [true, false, false, false]);
        // One that left makes room by itself.
        drop(second);
        let fourth = places.take(chen);
        assert_eq!([&third, &fourth].map(is_lost), [false, false]);
        drop((first, third, fourth, other));
        assert!(places.lock().is_empty(), "nothing is kept of those who left");
    }
}
