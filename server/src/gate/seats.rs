//! Seats for connections: so many in all, so many for one origin. A seat is free again when it is dropped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Origin;

/// See the module.
#[derive(Debug)]
pub struct Seats {
    in_all: usize,
    per_origin: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    in_all: usize,
    by_origin: HashMap<Origin, usize>,
}

/// Holds a seat until it is dropped.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    origin: Option<Origin>,
}

impl Seats {
    /// Seats that are free.
    pub fn new(in_all: usize, per_origin: usize) -> Self {
        Self { in_all, per_origin, taken: Mutex::default() }
    }

    /// A seat, if there is one; without an origin, any number of those there are.
    pub fn take(self: &Arc<Self>, origin: Option<Origin>) -> Option<Seat> {
        let mut taken = self.lock();
        if taken.in_all >= self.in_all {
            return None;
        }
        if let Some(origin) = origin {
            let theirs = taken.by_origin.entry(origin).or_default();
            if *theirs >= self.per_origin {
                return None;
            }
            *theirs += 1;
        }
        taken.in_all += 1;
        Some(Seat { seats: self.clone(), origin })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        taken.in_all -= 1;
        let Some(origin) = self.origin else { return };
        if let Some(theirs) = taken.by_origin.get_mut(&origin) {
            *theirs -= 1;
            if *theirs == 0 {
                taken.by_origin.remove(&origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(number: u8) -> Option<Origin> {
        Some(Origin::of([192, 0, 2, number].into()))
    }

    #[test]
    fn seats_run_out_for_one_and_for_all_and_come_back() {
        let seats = Arc::new(Seats::new(3, 2));
        let first = seats.take(origin(1)).expect("a seat");
        let second = seats.take(origin(1)).expect("a seat");
        assert!(seats.take(origin(1)).is_none(), "two are enough for one");
        let proxy = seats.take(None).expect("others have room");
        assert!(seats.take(origin(2)).is_none() && seats.take(None).is_none(), "three are all");
        drop(first);
        let other = seats.take(origin(2)).expect("it is free again");
        drop((second, proxy, other));
        let taken = seats.lock();
        assert_eq!((taken.in_all, taken.by_origin.len()), (0, 0), "nothing is kept of those who left");
    }
}
