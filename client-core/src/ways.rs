//! Which way a device connects next: by a websocket that stays, or by visits where websockets break.
//!
//! Some networks let a websocket be opened and pass nothing on it, some do not let it be opened. After [`FAILURES`] in a row
//! of which nothing was heard, a visit is tried; where it is answered, the device goes on with visits and tries the
//! websocket again now and then. It knows no sockets and no clock.

use std::time::Duration;

/// Websockets in a row of which nothing was heard before a visit is tried.
const FAILURES: u32 = 2;
/// How long a device that visits waits before it first tries a websocket again: a server that was restarted is no network
/// that breaks them. Doubled with each try in vain …
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// … up to this.
const AGAIN_AFTER_MOST: Duration = Duration::from_secs(30 * 60);
/// A websocket that was given up earlier than this, with nothing heard of it, may have had no time.
pub(crate) const TIME_ENOUGH: Duration = Duration::from_secs(10);

/// How to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By a websocket, which stays.
    Websocket,
    /// By one request and its answer.
    Visit,
}

/// See the module. Moments are spans since any one moment that never changes.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    failures: u32,
    /// While the device visits: when it tries a websocket again, and how long it waits after that.
    visiting: Option<(Duration, Duration)>,
    /// Whether only a visit is wanted.
    pub(crate) only_visits: bool,
}

impl Ways {
    /// The way to take at `now`.
    pub(crate) fn next(&self, now: Duration) -> Way {
        let visit = match self.visiting {
            Some((again_at, _)) => now < again_at,
            None => self.failures >= FAILURES,
        };
        if visit || self.only_visits { Way::Visit } else { Way::Websocket }
    }

    /// A way was taken: the server was heard, or will not be any more.
    pub(crate) fn taken(&mut self, way: Way, heard: bool, now: Duration) {
        match (way, heard) {
            (Way::Websocket, true) => (self.failures, self.visiting) = (0, None),
            (Way::Websocket, false) => {
                self.failures = self.failures.saturating_add(1);
                self.visiting = self.visiting.map(|(_, wait)| (now + wait, (wait * 2).min(AGAIN_AFTER_MOST)));
            }
            (Way::Visit, true) => {
                let first = (now + AGAIN_AFTER, AGAIN_AFTER * 2);
                self.visiting = Some(self.visiting.unwrap_or(first));
            }
            // There is no network at all: whatever there is next may be another one.
            (Way::Visit, false) => (self.failures, self.visiting) = (FAILURES - 1, None),
        }
    }

    /// The network may be another one, or somebody is waiting: a websocket is worth a try.
    pub(crate) fn nudged(&mut self, now: Duration) {
        self.visiting = self.visiting.map(|(_, wait)| (now, wait));
    }

    /// Whether the device visits.
    pub(crate) fn is_visiting(&self) -> bool {
        self.visiting.is_some() || self.only_visits
    }
}

#[cfg(test)]
mod tests {
    use Way::{Visit, Websocket};

    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// Connects at these moments, and says by which way, where each way works or does not.
    fn taken(ways: &mut Ways, moments: &[u64], works: [bool; 2]) -> Vec<Way> {
        let connect = |now: &u64| {
            let way = ways.next(secs(*now));
            ways.taken(way, works[usize::from(way == Visit)], secs(*now));
            way
        };
        moments.iter().map(connect).collect()
    }

    #[test]
    fn where_websockets_break_it_visits_and_tries_them_again_ever_less_often() {
        let mut ways = Ways::default();
        let moments = [0, 1, 2, 30, 61, 62, 63, 181, 182, 183, 421, 423, 424];
        let taken = taken(&mut ways, &moments, [false, true]);
        let expected =
            [Websocket, Websocket, Visit, Visit, Visit, Websocket, Visit, Visit, Websocket, Visit, Visit, Websocket, Visit];
        assert_eq!(taken, expected);
        ways.nudged(secs(500));
        assert_eq!(ways.next(secs(500)), Websocket, "somebody waits");
    }

    #[test]
    fn where_they_work_again_it_stays_with_them() {
        let mut ways = Ways::default();
        taken(&mut ways, &[0, 1, 2], [false, true]);
        assert!(ways.is_visiting());
        assert_eq!(taken(&mut ways, &[70, 71, 72], [true, true]), [Websocket; 3]);
        assert!(!ways.is_visiting());
        assert_eq!(taken(&mut ways, &[80, 81, 82], [false, true]), [Websocket, Websocket, Visit]);
    }

    #[test]
    fn without_a_network_both_are_tried_in_turn() {
        let mut ways = Ways::default();
        assert_eq!(
            taken(&mut ways, &[0, 1, 2, 3, 4, 5], [false, false]),
            [Websocket, Websocket, Visit, Websocket, Visit, Websocket]
        );
        assert_eq!(taken(&mut ways, &[6, 7], [true, true]), [Visit, Visit], "whichever answers first");
        assert_eq!(taken(&mut ways, &[70], [true, true]), [Websocket]);
    }

    #[test]
    fn who_wants_only_visits_gets_no_other_way() {
        let mut ways = Ways { only_visits: true, ..Ways::default() };
        assert_eq!(taken(&mut ways, &[0, 1, 2, 3], [true, false]), [Visit; 4]);
    }
}
