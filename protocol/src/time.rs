//! Moments and spans, in milliseconds. The crate never asks what time it is: every moment is handed in.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01 UTC by some clock; which clock, the field that holds it says.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, minicbor::Encode, minicbor::Decode,
)]
#[cbor(transparent)]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnixMs(#[n(0)] pub i64);

/// A span in milliseconds; negative when the later clock is behind.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, minicbor::Encode, minicbor::Decode,
)]
#[cbor(transparent)]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SpanMs(#[n(0)] pub i64);

impl SpanMs {
    /// A span of whole seconds.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * 1000)
    }
}

impl Sub for UnixMs {
    type Output = SpanMs;

    /// Saturating: a device may claim any moment at all.
    fn sub(self, earlier: Self) -> SpanMs {
        SpanMs(self.0.saturating_sub(earlier.0))
    }
}

impl Add<SpanMs> for UnixMs {
    type Output = Self;

    fn add(self, span: SpanMs) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

/// Two figures at most, for people: `3d 4h`, `25min`, `40s`.
impl fmt::Display for SpanMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let secs = self.0.unsigned_abs() / 1000;
        let (days, hours, mins) = (secs / 86_400, secs / 3600 % 24, secs / 60 % 60);
        match (days, hours, mins) {
            (0, 0, 0) => write!(f, "{sign}{secs}s"),
            (0, 0, m) => write!(f, "{sign}{m}min"),
            (0, h, m) => write!(f, "{sign}{h}h {m}min"),
            (d, h, _) => write!(f, "{sign}{d}d {h}h"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_say_them() {
        for (ms, words) in [(0, "0s"), (40_000, "40s"), (-90_000, "-1min"), (8_100_000, "2h 15min"), (273_600_000, "3d 4h")] {
            assert_eq!(SpanMs(ms).to_string(), words);
        }
    }

    #[test]
    fn impossible_clocks_do_not_overflow() {
        assert_eq!(UnixMs(i64::MAX) - UnixMs(i64::MIN), SpanMs(i64::MAX));
        assert_eq!(UnixMs(i64::MAX) + SpanMs(1), UnixMs(i64::MAX));
    }
}
