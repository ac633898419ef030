//! Many measurements of one thing.

use std::time::Duration;

/// See the module.
#[derive(Debug, Clone)]
pub struct Spread(Vec<Duration>);

impl Spread {
    /// Of these.
    pub fn of(mut measured: Vec<Duration>) -> Self {
        measured.sort_unstable();
        Self(measured)
    }

    /// The least that so many of a hundred do not exceed; zero of none.
    pub fn percentile(&self, percent: usize) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0.get((self.0.len() * percent / 100).min(last)).copied().unwrap_or_default()
    }

    /// The middle one.
    pub fn median(&self) -> Duration {
        self.percentile(50)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Milliseconds, as a table shows them.
pub fn ms(span: Duration) -> String {
    match span.as_secs_f64() * 1e3 {
        ms if ms < 10.0 => format!("{ms:.2} ms"),
        ms if ms < 10_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1e3),
    }
}

/// Bytes, as a table shows them.
pub fn bytes(bytes: u64) -> String {
    match bytes as f64 {
        small if small < 10_000.0 => format!("{bytes} B"),
        middle if middle < 10e6 => format!("{:.1} kB", middle / 1e3),
        large => format!("{:.1} MB", large / 1e6),
    }
}

/// How many times more.
pub fn times(larger: f64, smaller: f64) -> String {
    if smaller > 0.0 { format!("{:.1}×", larger / smaller) } else { "–".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_words() {
        let spread = Spread::of((1..=200).rev().map(Duration::from_millis).collect());
        assert_eq!([0, 50, 99, 100].map(|percent| spread.percentile(percent).as_millis()), [1, 101, 199, 200]);
        assert_eq!(Spread::of(Vec::new()).median(), Duration::ZERO);
        assert_eq!([1, 12, 60_000].map(|n| ms(Duration::from_millis(n))), ["1.00 ms", "12 ms", "60.0 s"]);
        assert_eq!([999, 12_345, 12_345_678].map(bytes), ["999 B", "12.3 kB", "12.3 MB"]);
    }
}
