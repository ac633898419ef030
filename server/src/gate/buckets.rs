//! Token buckets by key, in a table that does not grow: the keys not seen for longest are forgotten, and start afresh.

use std::hash::Hash;
use std::num::NonZeroUsize;

use lru::LruCache;
use renolog_protocol::time::{SpanMs, UnixMs};

use crate::limits::Rate;

/// See the module.
#[derive(Debug)]
pub struct Buckets<K: Hash + Eq> {
    rate: Rate,
    remembered: NonZeroUsize,
    /// Takes room as it fills.
    buckets: LruCache<K, Bucket>,
}

/// What a key has taken and time has not given back yet, as the time that takes.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    owed: SpanMs,
    at: UnixMs,
}

impl<K: Hash + Eq> Buckets<K> {
    /// Full buckets for any key; at most `remembered` that are not full.
    pub fn new(rate: Rate, remembered: NonZeroUsize) -> Self {
        Self { rate, remembered, buckets: LruCache::unbounded() }
    }

    /// Takes `tokens` if there is at least one; what is missing is owed, so that nobody waits for a bucket that could
    /// never hold as much at once.
    ///
    /// # Errors
    /// How long until there is one. Nothing was taken.
    pub fn take(&mut self, key: K, tokens: u32, now: UnixMs) -> Result<(), SpanMs> {
        let owed = self.owed(&key, now);
        let over = owed.0.saturating_add(self.rate.every.0) - self.span(self.rate.burst);
        let taken = if over <= 0 { self.span(tokens) } else { 0 };
        self.remember(key, Bucket { owed: SpanMs(owed.0.saturating_add(taken)), at: now });
        if over <= 0 { Ok(()) } else { Err(SpanMs(over)) }
    }

    /// Gives back what was taken.
    pub fn give_back(&mut self, key: K, tokens: u32, now: UnixMs) {
        let owed = self.owed(&key, now);
        self.remember(key, Bucket { owed: SpanMs((owed.0 - self.span(tokens)).max(0)), at: now });
    }

    fn remember(&mut self, key: K, bucket: Bucket) {
        self.buckets.put(key, bucket);
        if self.buckets.len() > self.remembered.get() {
            self.buckets.pop_lru();
        }
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// A clock that was set back gives nothing for the time that it repeats, and takes nothing away.
    fn owed(&self, key: &K, now: UnixMs) -> SpanMs {
        let bucket = self.buckets.peek(key).copied().unwrap_or_default();
        SpanMs((bucket.owed.0 - (now - bucket.at).0.max(0)).max(0))
    }

    fn span(&self, tokens: u32) -> i64 {
        self.rate.every.0.saturating_mul(tokens.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, every: SpanMs(100) };

    fn buckets(remembered: usize) -> Buckets<u8> {
        Buckets::new(RATE, NonZeroUsize::new(remembered).expect("some"))
    }

    /// Moments, tokens asked for, and what is answered: the wait, or 0.
    fn play(steps: &[(i64, u32, i64)]) {
        let mut buckets = buckets(8);
        for (number, (at, tokens, wait)) in steps.iter().enumerate() {
            let told = buckets.take(1, *tokens, UnixMs(*at)).err().unwrap_or(SpanMs(0));
            assert_eq!(told, SpanMs(*wait), "step {number} of {steps:?}");
        }
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_as_time_goes_on() {
        play(&[(0, 1, 0), (0, 1, 0), (0, 1, 0), (0, 1, 100), (40, 1, 60), (100, 1, 0), (100, 1, 100)]);
        // Asking in vain does not make the wait longer.
        play(&[(0, 3, 0), (10, 1, 90), (20, 1, 80), (30, 1, 70), (100, 1, 0)]);
        // A long absence fills it, and no more than that.
        play(&[(0, 3, 0), (1_000_000, 3, 0), (1_000_000, 1, 100)]);
    }

    #[test]
    fn more_than_a_bucket_holds_is_owed() {
        play(&[(0, 10, 0), (0, 1, 800), (799, 1, 1), (800, 10, 0), (800, 1, 1000)]);
    }

    #[test]
    fn a_clock_that_jumps_locks_nobody_out() {
        play(&[(1_000_000, 3, 0), (5, 1, 100), (105, 1, 0), (105, 1, 100)]);
        play(&[(0, 3, 0), (i64::MAX, 1, 0)]);
    }

    #[test]
    fn what_is_given_back_was_not_taken() {
        let mut buckets = buckets(8);
        for now in [0, 0, 0, 0, 0, 0] {
            buckets.take(1, 1, UnixMs(now)).expect("it was given back");
            buckets.give_back(1, 1, UnixMs(now));
        }
        buckets.give_back(1, 100, UnixMs(0));
        assert_eq!([1, 2, 3, 4].map(|_| buckets.take(1, 1, UnixMs(0)).is_ok()), [true, true, true, false], "no fuller than full");
    }

    #[test]
    fn a_flood_of_keys_takes_no_room_and_forgets_the_oldest() {
        let mut buckets = buckets(4);
        buckets.take(0, 3, UnixMs(0)).expect("it is full");
        for key in 1..=3 {
            buckets.take(key, 1, UnixMs(0)).expect("each has its own");
        }
        assert!(buckets.take(0, 1, UnixMs(0)).is_err(), "it is remembered, and was just seen");
        (4..=250).for_each(|key| buckets.take(key, 1, UnixMs(0)).expect("each has its own"));
        assert_eq!(buckets.len(), 4);
        assert!(buckets.take(0, 1, UnixMs(0)).is_ok(), "it was forgotten");
    }
}
