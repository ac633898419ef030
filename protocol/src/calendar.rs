//! Working days: data, not code. A district lists its holidays and make-up days in a file (`protocol/calendar.toml` is the
//! one built in, with China's 2026). The server hands its own to devices, which count by it from then on, offline too.

#[cfg(feature = "files")]
mod load;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::Offset;
use minicbor::Decoder;
use minicbor::decode::Error;
use sha2::{Digest, Sha256};

#[cfg(feature = "files")]
pub use load::BadCalendar;

use crate::packed::{self, Done, Packed, Packer, Unreadable, begin, end};
use crate::schema::Within;
use crate::time::{SpanMs, UnixMs};

/// Longest run of days on which nobody works that is believed; a file that lists more is wrong.
const LONGEST_REST: usize = 60;

/// Which days are worked, and where midnight is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    zone: Offset,
    rest: BTreeSet<Date>,
    work: BTreeSet<Date>,
}

/// The offset from UTC in seconds, the days of rest, the days that are worked after all; a day as `20261122`.
impl Packed for Calendar {
    fn pack(&self, to: &mut Packer) -> Done {
        let days = |days: &BTreeSet<Date>| days.iter().map(|day| number(*day)).collect::<Vec<u32>>();
        to.array(3)?.i32(self.zone.seconds())?;
        days(&self.rest).pack(to)?;
        days(&self.work).pack(to)
    }

    fn unpack(from: &mut Decoder<'_>) -> Result<Self, Error> {
        let more = begin(from, 3)?;
        let zone = Offset::from_seconds(from.i32()?).map_err(|_| Error::message("no offset"))?;
        let days = |from: &mut Decoder<'_>| Vec::unpack(from)?.into_iter().map(day_of).collect::<Result<_, Error>>();
        let calendar = Self { zone, rest: days(from)?, work: days(from)? };
        end(from, more)?;
        Ok(calendar)
    }
}

fn number(day: Date) -> u32 {
    u32::from(day.year().unsigned_abs()) * 10_000
        + u32::from(day.month().unsigned_abs()) * 100
        + u32::from(day.day().unsigned_abs())
}

fn day_of(number: u32) -> Result<Date, Error> {
    let (year, month, day) = (i16::try_from(number / 10_000), i8::try_from(number / 100 % 100), i8::try_from(number % 100));
    let day = year.ok().zip(month.ok()).zip(day.ok()).and_then(|((year, month), day)| Date::new(year, month, day).ok());
    day.ok_or_else(|| Error::message("no such day"))
}

static BUILT_IN: LazyLock<Arc<Calendar>> = LazyLock::new(|| {
    #[cfg(feature = "files")]
    let read = Calendar::parse(include_str!("../calendar.toml"));
    #[cfg(not(feature = "files"))]
    let read = Calendar::unpack(include_bytes!("../calendar.packed"));
    Arc::new(read.expect("the built-in calendar is checked by a test"))
});

impl Calendar {
    /// The calendar this build carries.
    pub fn built_in() -> Arc<Self> {
        BUILT_IN.clone()
    }

    /// To hand to devices.
    pub fn packed(&self) -> Vec<u8> {
        packed::packed(self)
    }

    /// One that was handed over.
    ///
    /// # Errors
    /// [`Unreadable`]: damaged, or of a build that packs otherwise.
    pub fn unpack(bytes: &[u8]) -> Result<Self, Unreadable> {
        packed::unpacked(bytes)
    }

    /// Tells it from any other: the first 8 bytes of the SHA-256 of its pack, as a big-endian number.
    pub fn fingerprint(&self) -> u64 {
        let digest = Sha256::digest(self.packed());
        digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// Whether people work on this day.
    fn is_worked(&self, day: Date) -> bool {
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        self.work.contains(&day) || (!weekend && !self.rest.contains(&day))
    }

    /// The first worked day after `day`.
    fn next_worked(&self, day: Date) -> Date {
        let later = |day: &Date| day.tomorrow().ok();
        let mut next = std::iter::successors(later(&day), later).take(LONGEST_REST);
        next.find(|day| self.is_worked(*day)).or_else(|| later(&day)).unwrap_or(day)
    }

    /// When a span that begins at `start` ends. A span of working days begins with the first worked moment, and ends at the
    /// same time of day so many worked days later: what comes in on a Saturday counts from Monday's midnight.
    pub fn end_of(&self, start: UnixMs, within: Within) -> UnixMs {
        let hours = |hours: u32| start + SpanMs::from_secs(i64::from(hours) * 3600);
        let days = match within {
            Within::Hours(count) => return hours(count),
            Within::Days(count) => return hours(count.saturating_mul(24)),
            Within::WorkingDays(days) => days,
        };
        let Some(begun) = self.local(start) else { return start };
        let first = if self.is_worked(begun.date()) { begun } else { DateTime::from(self.next_worked(begun.date())) };
        let last = (0..days).fold(first.date(), |day, _| self.next_worked(day));
        self.moment(DateTime::from_parts(last, first.time())).unwrap_or(start)
    }

    /// The same day and time so many years later.
    pub fn years_after(&self, moment: UnixMs, years: u32) -> Option<UnixMs> {
        let local = self.local(moment)?;
        let year = i16::try_from(i64::from(local.year()) + i64::from(years)).ok()?;
        let month = Date::new(year, local.month(), 1).ok()?;
        // A 29th of February becomes the 28th.
        let day = Date::new(year, local.month(), local.day().min(month.days_in_month())).ok()?;
        self.moment(DateTime::from_parts(day, local.time()))
    }

    /// The end of a day, `2026-11-22`; nothing if it is no day.
    pub fn end_of_day(&self, day: &str) -> Option<UnixMs> {
        self.moment(DateTime::from(self::day(day)?.tomorrow().ok()?))
    }

    /// The beginning of a day, `2026-11-22`; nothing if it is no day.
    pub fn start_of_day(&self, day: &str) -> Option<UnixMs> {
        self.moment(DateTime::from(self::day(day)?))
    }

    /// A moment as people of the district write it: `2026-11-22 15:00`. Nothing if it is beyond all calendars.
    pub fn written(&self, moment: UnixMs) -> Option<String> {
        let at = self.local(moment)?;
        Some(format!("{:04}-{:02}-{:02} {:02}:{:02}", at.year(), at.month(), at.day(), at.hour(), at.minute()))
    }

    fn local(&self, moment: UnixMs) -> Option<DateTime> {
        Some(self.zone.to_datetime(jiff::Timestamp::from_millisecond(moment.0).ok()?))
    }

    fn moment(&self, local: DateTime) -> Option<UnixMs> {
        Some(UnixMs(self.zone.to_timestamp(local).ok()?.as_millisecond()))
    }
}

/// A day of the Gregorian calendar, written `2026-11-22`. Read without jiff's parser, which knows every way to write a moment:
/// a phone downloads this.
pub(crate) fn day(text: &str) -> Option<Date> {
    let digits = text.as_bytes();
    let &[_, _, _, _, b'-', _, _, b'-', _, _] = digits else { return None };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_i16, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i16::from(digit - b'0')))
    };
    let short = |digits| i8::try_from(number(digits)?).ok();
    Date::new(number(&digits[..4])?, short(&digits[5..7])?, short(&digits[8..])?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixMs {
        Calendar::built_in().moment(text.parse().expect("a moment")).expect("a moment of that zone")
    }

    #[test]
    fn working_days_skip_holidays_and_keep_make_up_days() {
        for (start, within, end) in [
            ("2026-11-20T15:00", Within::Hours(24), "2026-11-21T15:00"),
            ("2026-11-20T15:00", Within::Days(3), "2026-11-23T15:00"),
            ("2026-11-19T15:00", Within::WorkingDays(1), "2026-11-20T15:00"),
            // Friday to Monday.
            ("2026-11-20T15:00", Within::WorkingDays(1), "2026-11-23T15:00"),
            // Saturday counts from Monday's midnight.
            ("2026-11-21T15:00", Within::WorkingDays(1), "2026-11-24T00:00"),
            // Spring Festival: the 14th is worked, the 15th to the 23rd are not.
            ("2026-02-13T09:00", Within::WorkingDays(2), "2026-02-24T09:00"),
            // National Day: from the last of September over seven days of rest; the 10th, a Saturday, is worked.
            ("2026-09-30T17:00", Within::WorkingDays(3), "2026-10-10T17:00"),
        ] {
            assert_eq!(Calendar::built_in().end_of(at(start), within), at(end), "{start} {within:?}");
        }
    }

    #[test]
    fn years_later_is_the_same_day_or_the_last_of_february() {
        for (start, years, end) in [
            ("2024-02-29T10:30", 1, "2025-02-28T10:30"),
            ("2024-02-29T10:30", 4, "2028-02-29T10:30"),
            ("2026-12-31T23:59", 3, "2029-12-31T23:59"),
        ] {
            assert_eq!(Calendar::built_in().years_after(at(start), years), Some(at(end)), "{start} {years}");
        }
        assert_eq!(Calendar::built_in().years_after(at("2026-01-01T00:00"), 9000), None, "beyond all calendars");
        assert_eq!(Calendar::built_in().years_after(at("2026-01-01T00:00"), u32::MAX), None);
    }

    #[test]
    fn days_begin_at_midnight_of_the_district_and_are_written_as_people_do() {
        let calendar = Calendar::built_in();
        assert_eq!(calendar.start_of_day("2026-11-22"), Some(at("2026-11-22T00:00")));
        assert_eq!(calendar.end_of_day("2026-12-31"), Some(at("2027-01-01T00:00")));
        assert_eq!(calendar.written(at("2026-03-04T05:06")).as_deref(), Some("2026-03-04 05:06"));
        for text in ["2026-02-29", "2026-13-01", "2026-1-01", "20261122", "2026-11-22T00:00", "２026-11-22", ""] {
            assert_eq!((calendar.start_of_day(text), calendar.end_of_day(text)), (None, None), "{text}");
        }
    }
}
