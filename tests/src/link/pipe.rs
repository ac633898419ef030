//! One connection of a link, without sockets or a clock: two lanes, what ends them, and what was counted.

use std::collections::VecDeque;
use std::time::Duration;

use super::lane::Lane;
use super::shape::{Fault, LaneShape, Shape, When};

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From whoever connected.
    Up,
    /// To whoever connected.
    Down,
}

impl Way {
    fn back(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }
}

/// What passed one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    /// TCP payload taken in: everything there is but the packets' headers.
    pub bytes: u64,
    /// How often something was taken in.
    pub chunks: u64,
}

/// What a connection was seen to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Up.
    pub up: Passed,
    /// Down.
    pub down: Passed,
    /// Round trips: the longest chain of words each said only after the one before was heard. The handshake of TCP is
    /// not among them.
    pub round_trips: u64,
}

/// What to do next in one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Hand these bytes over.
    Deliver(Vec<u8>),
    /// The sender has finished, and everything it said was handed over.
    Finish,
    /// Hang up on both sides.
    Cut,
    /// Nothing before this moment, unless more is taken in.
    Wait(Duration),
    /// Nothing, unless more is taken in.
    Idle,
}

/// See the module. Times count from its beginning.
#[derive(Debug)]
pub struct Pipe {
    up: Direction,
    down: Direction,
    fault: Option<Fault>,
    silent: bool,
    arrived: u64,
    round_trips: u64,
}

#[derive(Debug)]
struct Direction {
    lane: Lane,
    passed: Passed,
    finished: bool,
    /// The longest chain of words that ends in what was last taken in, and in what was last handed over.
    said: u64,
    heard: u64,
    /// Chains of what is on its way: when it was taken in, in bytes of the lane, and how long its chain is.
    chains: VecDeque<(u64, u64)>,
    delivered: u64,
}

impl Direction {
    fn new(shape: &LaneShape, seed: u64, opens: Duration) -> Self {
        let (lane, passed) = (Lane::new(shape, seed, opens), Passed::default());
        Self { lane, passed, finished: false, said: 0, heard: 0, chains: VecDeque::new(), delivered: 0 }
    }
}

impl Pipe {
    /// A connection that was just accepted. Nothing passes before a handshake could have.
    pub fn new(shape: &Shape, number: u64) -> Self {
        let opens = shape.up.delay + shape.down.delay;
        let seed = shape.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number * 2);
        Self {
            up: Direction::new(&shape.up, seed, opens),
            down: Direction::new(&shape.down, seed + 1, opens),
            fault: shape.fault,
            silent: false,
            arrived: 0,
            round_trips: 0,
        }
    }

    /// How many bytes may be taken in. A link gone silent takes everything.
    pub fn room(&self, now: Duration, way: Way) -> usize {
        if self.silent { usize::MAX } else { self.direction(way).lane.room(now) }
    }

    /// Takes in bytes.
    pub fn take(&mut self, now: Duration, way: Way, bytes: &[u8]) {
        let heard = self.direction(way.back()).heard;
        let silent = self.silent;
        let direction = self.direction_mut(way);
        direction.passed.bytes += bytes.len() as u64;
        direction.passed.chunks += 1;
        // What goes up begins another round; what comes down belongs to the one that it answers.
        direction.said = direction.said.max(match way {
            Way::Up => heard + 1,
            Way::Down => heard,
        });
        if !silent {
            direction.chains.push_back((direction.passed.bytes, direction.said));
            direction.lane.take(now, bytes);
        }
    }

    /// The sender has finished.
    pub fn finish(&mut self, way: Way) {
        self.direction_mut(way).finished = true;
    }

    /// What to do now in one direction.
    pub fn poll(&mut self, now: Duration, way: Way) -> Output {
        match self.fault {
            Some(Fault::Cut(when)) if self.is_come(when, now) => return Output::Cut,
            Some(Fault::Silence(when)) if self.is_come(when, now) => self.silent = true,
            _ => {}
        }
        if self.silent {
            return Output::Idle;
        }
        let left = self.bytes_left();
        let mut bytes = self.direction_mut(way).lane.arrived(now);
        if !bytes.is_empty() {
            bytes.truncate(left);
            self.delivered(way, bytes.len() as u64);
            return Output::Deliver(bytes);
        }
        let direction = self.direction(way);
        match (direction.lane.due(), self.fault_due()) {
            (None, _) if direction.finished => Output::Finish,
            (None, None) => Output::Idle,
            (due, fault) => Output::Wait(due.into_iter().chain(fault).chain(direction.lane.room_at(now)).min().unwrap_or(now)),
        }
    }

    /// What was seen so far.
    pub fn counts(&self) -> Counts {
        Counts { up: self.up.passed, down: self.down.passed, round_trips: self.round_trips }
    }

    fn delivered(&mut self, way: Way, bytes: u64) {
        self.arrived += bytes;
        let direction = self.direction_mut(way);
        direction.delivered += bytes;
        while let Some((end, chain)) = direction.chains.front().copied()
            && end <= direction.delivered
        {
            direction.heard = direction.heard.max(chain);
            direction.chains.pop_front();
        }
        if way == Way::Down {
            self.round_trips = self.round_trips.max(self.down.heard);
        }
    }

    fn direction(&self, way: Way) -> &Direction {
        match way {
            Way::Up => &self.up,
            Way::Down => &self.down,
        }
    }

    fn direction_mut(&mut self, way: Way) -> &mut Direction {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }

    fn is_come(&self, when: When, now: Duration) -> bool {
        match when {
            When::Bytes(bytes) => self.arrived >= bytes,
            When::After(after) => now >= after,
        }
    }

    /// Bytes that may still arrive before the fault.
    fn bytes_left(&self) -> usize {
        match self.fault {
            Some(Fault::Cut(When::Bytes(bytes)) | Fault::Silence(When::Bytes(bytes))) => {
                usize::try_from(bytes.saturating_sub(self.arrived)).unwrap_or(usize::MAX)
            }
            _ => usize::MAX,
        }
    }

    fn fault_due(&self) -> Option<Duration> {
        match self.fault {
            Some(Fault::Cut(When::After(after)) | Fault::Silence(When::After(after))) => Some(after),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn far() -> Shape {
        Shape::even(LaneShape { delay: ms(100), ..LaneShape::default() })
    }

    /// Does what the pipe asks in one direction until it waits; what was handed over, and what it said last.
    fn drain(pipe: &mut Pipe, now: u64, way: Way) -> (usize, Output) {
        let mut bytes = 0;
        loop {
            match pipe.poll(ms(now), way) {
                Output::Deliver(part) => bytes += part.len(),
                last => return (bytes, last),
            }
        }
    }

    #[test]
    fn round_trips_are_chains_of_answers() {
        let mut pipe = Pipe::new(&far(), 0);
        // The handshake takes 200 ms; then a question and, before its answer is there, a second one.
        pipe.take(ms(0), Way::Up, b"first");
        pipe.take(ms(250), Way::Up, b"second");
        assert_eq!(drain(&mut pipe, 299, Way::Up), (0, Output::Wait(ms(300))));
        assert_eq!(drain(&mut pipe, 350, Way::Up).0, 11);
        pipe.take(ms(351), Way::Down, b"answer to both");
        assert_eq!(pipe.counts().round_trips, 0, "nobody has heard it");
        assert_eq!(drain(&mut pipe, 451, Way::Down).0, 14);
        assert_eq!(pipe.counts().round_trips, 1);
        // Said after the answer was heard: perhaps because of it.
        pipe.take(ms(460), Way::Up, b"third");
        pipe.take(ms(470), Way::Down, b"by itself");
        assert_eq!((drain(&mut pipe, 570, Way::Up).0, drain(&mut pipe, 570, Way::Down).0), (5, 9));
        assert_eq!(pipe.counts().round_trips, 1, "what was said without having heard the third does not answer it");
        pipe.take(ms(580), Way::Down, b"answer");
        assert_eq!(drain(&mut pipe, 680, Way::Down).0, 6);
        let counts = pipe.counts();
        assert_eq!(counts.round_trips, 2);
        assert_eq!((counts.up, counts.down), (Passed { bytes: 16, chunks: 3 }, Passed { bytes: 29, chunks: 3 }));
    }

    #[test]
    fn it_ends_as_it_was_told() {
        let fault = |fault| Shape { fault: Some(fault), ..far() };
        for (shape, at, passed, last) in [
            (far(), 400, 50, Output::Idle),
            (fault(Fault::Cut(When::Bytes(20))), 400, 20, Output::Cut),
            (fault(Fault::Cut(When::Bytes(50))), 400, 50, Output::Cut),
            (fault(Fault::Cut(When::Bytes(51))), 400, 50, Output::Idle),
            (fault(Fault::Cut(When::After(ms(350)))), 349, 50, Output::Wait(ms(350))),
            (fault(Fault::Cut(When::After(ms(350)))), 350, 0, Output::Cut),
            (fault(Fault::Silence(When::Bytes(20))), 400, 20, Output::Idle),
            (fault(Fault::Silence(When::Bytes(0))), 400, 0, Output::Idle),
            (fault(Fault::Silence(When::After(ms(350)))), 349, 50, Output::Wait(ms(350))),
            (fault(Fault::Silence(When::After(ms(350)))), 350, 0, Output::Idle),
        ] {
            let mut pipe = Pipe::new(&shape, 0);
            pipe.take(ms(0), Way::Up, &[0; 50]);
            assert_eq!(drain(&mut pipe, at, Way::Up), (passed, last), "{shape:?} at {at}");
        }
    }

    #[test]
    fn silence_takes_everything_and_says_nothing() {
        let mut pipe = Pipe::new(&Shape { fault: Some(Fault::Silence(When::Bytes(0))), ..far() }, 0);
        assert_eq!(pipe.poll(ms(0), Way::Up), Output::Idle);
        assert_eq!(pipe.room(ms(0), Way::Up), usize::MAX);
        pipe.take(ms(1), Way::Up, &[0; 100_000]);
        pipe.finish(Way::Up);
        assert_eq!(pipe.poll(ms(9_000), Way::Up), Output::Idle, "nor does it say that anybody left");
        assert_eq!(pipe.counts().up.bytes, 100_000);
    }

    #[test]
    fn the_end_comes_after_the_last_byte() {
        let mut pipe = Pipe::new(&far(), 0);
        pipe.take(ms(0), Way::Down, b"bye");
        pipe.finish(Way::Down);
        assert_eq!(pipe.poll(ms(0), Way::Down), Output::Wait(ms(300)));
        assert_eq!(pipe.poll(ms(300), Way::Down), Output::Deliver(b"bye".to_vec()));
        assert_eq!(pipe.poll(ms(300), Way::Down), Output::Finish);
        assert_eq!(pipe.poll(ms(300), Way::Up), Output::Idle, "the other way stays open");
    }
}
