//! From a file in TOML to a [`Calendar`].

use std::collections::BTreeSet;

use jiff::tz::Offset;
use serde::Deserialize;

use super::{Calendar, day};
use crate::file::{self, Spanned};
use crate::limits;

/// A calendar file with a mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {words}")]
pub struct BadCalendar {
    /// Line in the file, from 1.
    pub line: usize,
    /// What is wrong.
    pub words: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    utc_offset_hours: i8,
    years: Vec<RawYear>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawYear {
    year: i16,
    rest: Vec<Spanned<String>>,
    work: Vec<Spanned<String>>,
}

impl Calendar {
    /// Reads a calendar file.
    ///
    /// # Errors
    /// [`BadCalendar`], with the line.
    pub fn parse(text: &str) -> Result<Self, BadCalendar> {
        let line_of = |at: usize| text.as_bytes()[..at.min(text.len())].iter().filter(|&&b| b == b'\n').count() + 1;
        if text.len() > limits::CALENDAR_BYTES {
            return Err(BadCalendar { line: 1, words: format!("the file is longer than {} bytes", limits::CALENDAR_BYTES) });
        }
        let raw: Raw = file::read(text).map_err(|wrong| BadCalendar { line: line_of(wrong.start()), words: wrong.words })?;
        let offset = Offset::from_hours(raw.utc_offset_hours)
            .map_err(|_| BadCalendar { line: 1, words: "utc_offset_hours is not an offset".into() })?;
        let mut calendar = Self { zone: offset, rest: BTreeSet::new(), work: BTreeSet::new() };
        for year in raw.years {
            let day = |text: &Spanned<String>| match day(text.get_ref()) {
                Some(day) if day.year() == year.year => Ok(day),
                _ => Err(BadCalendar {
                    line: line_of(text.span().start),
                    words: format!("{:?} is not a day of {}", text.get_ref(), year.year),
                }),
            };
            for text in &year.rest {
                calendar.rest.insert(day(text)?);
            }
            for text in &year.work {
                calendar.work.insert(day(text)?);
            }
        }
        Ok(calendar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_day_names_its_line() {
        let text = "utc_offset_hours = 8\n\n[[years]]\nyear = 2027\nrest = [\"2027-01-01\",\n\"2027-02-30\"]\nwork = []\n";
        assert_eq!(Calendar::parse(text).expect_err("no such day").line, 6);
    }

    #[test]
    fn a_calendar_is_known_by_its_fingerprint_however_its_file_is_written() {
        let fingerprint = |text: &str| Calendar::parse(text).expect("a calendar").fingerprint();
        let plain = fingerprint("utc_offset_hours = 8\nyears = []\n");
        // [28800, [], []]: printf '\x83\x19\x70\x80\x80\x80' | sha256sum | cut -c1-16
        assert_eq!(format!("{plain:016x}"), "e5de84aa5a55c3fd");
        assert_eq!(plain, fingerprint("# eight hours\nutc_offset_hours = 8\nyears = []\n"));
        assert_ne!(plain, fingerprint("utc_offset_hours = 9\nyears = []\n"));
    }

    #[test]
    fn a_text_over_its_bound_is_not_read() {
        let text = format!("utc_offset_hours = 8\nyears = []\n#{}", "-".repeat(limits::CALENDAR_BYTES));
        assert!(Calendar::parse(&text).expect_err("too long").words.contains("longer than"));
    }
}
