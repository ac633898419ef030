//! Amounts as exact numbers, and how they read. Rounding happens in the last step only, half away from zero.

use std::fmt;

use renolog_protocol::time::SpanMs;
use serde::Serialize;

/// The value of a figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[derive(utoipa::ToSchema)]
pub enum Amount {
    /// A number of what the figure's unit says.
    Whole(i64),
    /// So many of so many.
    Share {
        /// Of these …
        numerator: i64,
        /// … out of these; never 0.
        denominator: i64,
        /// The same with one decimal: `97.8`.
        percent: String,
    },
    /// A sum over so many.
    Mean {
        /// The sum.
        numerator: i64,
        /// Over so many; never 0.
        denominator: i64,
        /// The same with one decimal.
        mean: String,
    },
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[derive(utoipa::ToSchema)]
pub enum Unit {
    /// 小区.
    Communities,
    /// 户.
    Households,
    /// 幢.
    Buildings,
    /// 平方米.
    SquareMetres,
    /// Records of the log.
    Records,
    /// Places, each once.
    Places,
    /// 元.
    Yuan,
    /// Points of a score.
    Points,
    /// A span.
    Milliseconds,
}

impl Amount {
    /// A number of things.
    pub fn count(count: usize) -> Self {
        Self::Whole(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// So many of so many; nothing of nothing is unknown.
    pub fn share(numerator: i64, denominator: i64) -> Option<Self> {
        (denominator > 0).then(|| Self::Share { numerator, denominator, percent: percent(numerator, denominator) })
    }

    /// A mean; of nothing, it is unknown.
    pub fn mean(sum: i64, count: usize) -> Option<Self> {
        let denominator = i64::try_from(count).unwrap_or(i64::MAX);
        let mean = || one_decimal(scaled(sum, 10, denominator));
        (denominator > 0).then(|| Self::Mean { numerator: sum, denominator, mean: mean() })
    }

    /// For people, with its unit.
    pub fn words(&self, unit: Unit) -> String {
        match (self, unit) {
            (Self::Whole(ms), Unit::Milliseconds) => SpanMs(*ms).to_string(),
            (Self::Share { numerator, denominator, percent }, _) => format!("{numerator}/{denominator} = {percent} %"),
            (Self::Mean { mean, denominator, .. }, _) => format!("{mean} ({denominator})"),
            (Self::Whole(number), _) => number.to_string(),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(Unit::Records))
    }
}

/// `numerator` of `denominator` in per cent with one decimal: `97.8`. The denominator is above 0.
pub fn percent(numerator: i64, denominator: i64) -> String {
    one_decimal(scaled(numerator, 1000, denominator))
}

fn scaled(numerator: i64, by: i128, denominator: i64) -> i128 {
    let (numerator, denominator) = (i128::from(numerator) * by, i128::from(denominator));
    let half = if numerator < 0 { -denominator } else { denominator };
    (2 * numerator + half) / (2 * denominator)
}

fn one_decimal(tenths: i128) -> String {
    let sign = if tenths < 0 { "-" } else { "" };
    format!("{sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_rounded_once_from_whole_numbers() {
        for (numerator, denominator, words) in [
            (220, 225, "97.8"),
            (147, 225, "65.3"),
            (91_900, 145_400, "63.2"),
            (0, 7, "0.0"),
            (7, 7, "100.0"),
            (1, 2000, "0.1"),
            (1, 2001, "0.0"),
            (i64::MAX, i64::MAX, "100.0"),
        ] {
            assert_eq!(percent(numerator, denominator), words, "{numerator} of {denominator}");
        }
        assert_eq!(Amount::share(0, 0), None, "nothing of nothing");
        assert_eq!(Amount::mean(14, 3).map(|mean| mean.to_string()), Some("4.7 (3)".into()));
    }
}
