//! One direction of a link, without sockets or a clock.
//!
//! # Contract
//! Give it bytes with [`Lane::take`] as far as there is [`Lane::room`], and take with [`Lane::arrived`] what is due. Times
//! count from the beginning of the connection; they never go back. [`Lane::due`] says when something arrives next.

use std::collections::VecDeque;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::shape::LaneShape;

/// What a packet of a mobile network carries.
const PACKET_BYTES: usize = 1_400;

/// See the module.
#[derive(Debug)]
pub struct Lane {
    shape: LaneShape,
    rng: ChaCha8Rng,
    packets: VecDeque<Packet>,
    /// When the last packet taken has left.
    free: Duration,
    /// When the last packet taken arrives.
    last: Duration,
}

#[derive(Debug)]
struct Packet {
    bytes: Vec<u8>,
    leaves: Duration,
    arrives: Duration,
}

impl Lane {
    /// A lane on which nothing leaves before `opens`.
    pub fn new(shape: &LaneShape, seed: u64, opens: Duration) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { shape: shape.clone(), rng, packets: VecDeque::new(), free: opens, last: opens }
    }

    /// How many bytes it takes now. Those on their way need no room, those that wait to leave do.
    pub fn room(&self, now: Duration) -> usize {
        let waiting: usize =
            self.packets.iter().rev().take_while(|packet| packet.leaves > now).map(|packet| packet.bytes.len()).sum();
        self.shape.buffer_bytes.saturating_sub(waiting)
    }

    /// When there is room again, if there is none.
    pub fn room_at(&self, now: Duration) -> Option<Duration> {
        (self.room(now) == 0).then(|| self.packets.iter().map(|packet| packet.leaves).find(|leaves| *leaves > now)).flatten()
    }

    /// Puts bytes on their way.
    pub fn take(&mut self, now: Duration, bytes: &[u8]) {
        for part in bytes.chunks(PACKET_BYTES) {
            let mut begins = self.free.max(now);
            if self.draw() < self.shape.stall_chance {
                begins += self.shape.stall;
            }
            let leaves = begins + self.takes(part.len());
            let late = self.shape.jitter.mul_f64(if self.shape.jitter.is_zero() { 0.0 } else { self.draw() });
            let arrives = (leaves + self.shape.delay + late).max(self.last);
            (self.free, self.last) = (leaves, arrives);
            self.packets.push_back(Packet { bytes: part.to_vec(), leaves, arrives });
        }
    }

    /// The bytes that have arrived by now, in order; none if there are none.
    pub fn arrived(&mut self, now: Duration) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.packets.front().is_some_and(|packet| packet.arrives <= now) {
            bytes.extend(self.packets.pop_front().map(|packet| packet.bytes).unwrap_or_default());
        }
        bytes
    }

    /// When the next bytes arrive, if any are on their way.
    pub fn due(&self) -> Option<Duration> {
        self.packets.front().map(|packet| packet.arrives)
    }

    /// Between 0 and 1.
    fn draw(&mut self) -> f64 {
        f64::from(self.rng.next_u32()) / (f64::from(u32::MAX) + 1.0)
    }

    fn takes(&self, bytes: usize) -> Duration {
        match self.shape.rate {
            Some(rate) => Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64),
            None => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// When each of the bytes arrives that were given at these times, by the lane's own word.
    fn arrivals(shape: &LaneShape, seed: u64, given: &[(u64, usize)]) -> Vec<(u64, usize)> {
        let mut lane = Lane::new(shape, seed, Duration::ZERO);
        given.iter().for_each(|(at, bytes)| lane.take(ms(*at), &vec![0; *bytes]));
        let mut arrivals = Vec::new();
        while let Some(due) = lane.due() {
            arrivals.push((due.as_millis() as u64, lane.arrived(due).len()));
        }
        arrivals
    }

    #[test]
    fn bytes_arrive_when_the_shape_says() {
        let wire = LaneShape::default();
        let far = LaneShape { delay: ms(400), ..wire.clone() };
        let slow = LaneShape { rate: Some(1_000), ..wire.clone() };
        let both = LaneShape { rate: Some(1_400), delay: ms(400), ..wire.clone() };
        let stalls = LaneShape { stall_chance: 1.0, stall: ms(2_000), ..both.clone() };
        for (shape, given, expected) in [
            (&wire, &[(0, 5), (7, 5)][..], &[(0, 5), (7, 5)][..]),
            (&far, &[(0, 5), (7, 5)], &[(400, 5), (407, 5)]),
            // The second waits until the first has left.
            (&slow, &[(0, 1_000), (500, 500)], &[(1_000, 1_000), (1_500, 500)]),
            // A link that was idle owes nothing.
            (&slow, &[(0, 1_000), (9_000, 500)], &[(1_000, 1_000), (9_500, 500)]),
            // What is long arrives in packets.
            (&both, &[(0, 3_500)], &[(1_400, 1_400), (2_400, 1_400), (2_900, 700)]),
            (&stalls, &[(0, 1_400), (0, 1_400)], &[(3_400, 1_400), (6_400, 1_400)]),
            (&wire, &[(0, 0)], &[]),
        ] {
            assert_eq!(arrivals(shape, 1, given), expected, "{shape:?} {given:?}");
        }
    }

    #[test]
    fn jitter_and_stalls_come_from_the_seed_and_never_reorder() {
        let shape = LaneShape { delay: ms(50), jitter: ms(300), stall_chance: 0.2, stall: ms(500), ..LaneShape::default() };
        let given: Vec<(u64, usize)> = (0..200).map(|n| (n * 10, 100)).collect();
        let first = arrivals(&shape, 1, &given);
        assert_eq!(first, arrivals(&shape, 1, &given), "the same seed, the same link");
        assert_ne!(first, arrivals(&shape, 2, &given));
        assert_eq!(first.iter().map(|(_, bytes)| bytes).sum::<usize>(), 20_000);
        assert!(first.iter().all(|(at, _)| *at >= 50), "nothing is faster than the delay");
        // Forty stalls of half a second follow from the chance; the seed may give a few more or less.
        let end = first.last().map(|(at, _)| *at).unwrap_or_default();
        assert!((15_000..26_000).contains(&end), "{end}");
    }

    #[test]
    fn what_waits_to_leave_is_bounded() {
        let shape = LaneShape { rate: Some(1_000), delay: ms(5_000), buffer_bytes: 2_800, ..LaneShape::default() };
        let mut lane = Lane::new(&shape, 1, Duration::ZERO);
        assert_eq!((lane.room(ms(0)), lane.room_at(ms(0))), (2_800, None));
        lane.take(ms(0), &[0; 2_800]);
        assert_eq!((lane.room(ms(0)), lane.room_at(ms(0))), (0, Some(ms(1_400))));
        assert_eq!(lane.room(ms(1_400)), 1_400, "what is under way needs no room");
        assert_eq!(lane.arrived(ms(1_400)).len(), 0, "nor has it arrived");
    }

    #[test]
    fn bytes_stay_in_order() {
        let shape = LaneShape { jitter: ms(90), ..LaneShape::default() };
        let mut lane = Lane::new(&shape, 3, Duration::ZERO);
        let sent: Vec<u8> = (0..9_000u32).map(|n| (n % 251) as u8).collect();
        sent.chunks(77).enumerate().for_each(|(n, part)| lane.take(ms(n as u64), part));
        let mut got = Vec::new();
        while let Some(due) = lane.due() {
            got.extend(lane.arrived(due));
        }
        assert_eq!(got, sent);
    }
}
