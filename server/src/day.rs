//! Days and moments as people type them, at a terminal or in a spreadsheet.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use renolog_protocol::calendar::Calendar;
use renolog_protocol::time::UnixMs;

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day(Date);

/// What is no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("请写成 2026-12-01 这样的日期 write a day as 2026-12-01")]
pub struct NoDay;

impl Day {
    /// A day of the years in which roles can be held.
    pub fn new(year: i16, month: i8, day: i8) -> Option<Self> {
        let date = Date::new(year, month, day).ok()?;
        (1900..=2200).contains(&year).then_some(Self(date))
    }

    /// Its first moment.
    pub fn begins(self, calendar: &Calendar) -> Option<UnixMs> {
        calendar.start_of_day(&self.to_string())
    }

    /// The first moment after it.
    pub fn ends(self, calendar: &Calendar) -> Option<UnixMs> {
        calendar.end_of_day(&self.to_string())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Day {
    type Err = NoDay;

    /// `2026-12-01`, `2026/12/1`, `2026.12.1`, `2026年12月1日`.
    fn from_str(text: &str) -> Result<Self, NoDay> {
        let text = text.trim();
        let text = text.strip_suffix('日').or_else(|| text.strip_suffix('号')).unwrap_or(text);
        let parts: Vec<&str> = text.split(['-', '/', '.', '年', '月']).collect();
        let [year, month, day] = parts[..] else { return Err(NoDay) };
        if year.len() != 4 {
            return Err(NoDay);
        }
        let (year, month, day) = (year.parse(), month.parse(), day.parse());
        let (Ok(year), Ok(month), Ok(day)) = (year, month, day) else { return Err(NoDay) };
        Self::new(year, month, day).ok_or(NoDay)
    }
}

/// A day, or a moment of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A whole day.
    Day(Day),
    /// A moment.
    Moment(UnixMs),
}

/// What is neither a day nor a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("请写日期 2026-12-01，或带时区的时刻 write a day, or a moment with its offset: 2026-12-01T08:00:00+08:00")]
pub struct NoMoment;

impl FromStr for When {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Self, NoMoment> {
        if let Ok(day) = text.parse() {
            return Ok(Self::Day(day));
        }
        let moment: Timestamp = text.trim().parse().map_err(|_| NoMoment)?;
        Ok(Self::Moment(UnixMs(moment.as_millisecond())))
    }
}

impl When {
    /// The moment from which something holds that begins then.
    pub fn begins(self, calendar: &Calendar) -> Option<UnixMs> {
        match self {
            Self::Day(day) => day.begins(calendar),
            Self::Moment(moment) => Some(moment),
        }
    }

    /// The moment from which something holds no more that ends then: a last day is held to its end.
    pub fn ends(self, calendar: &Calendar) -> Option<UnixMs> {
        match self {
            Self::Day(day) => day.ends(calendar),
            Self::Moment(moment) => Some(moment),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_people_write_them() {
        for (text, day) in [
            ("2026-12-01", Some("2026-12-01")),
            (" 2026/12/1 ", Some("2026-12-01")),
            ("2026.2.28", Some("2026-02-28")),
            ("2026年12月1日", Some("2026-12-01")),
            ("2026年12月1号", Some("2026-12-01")),
            ("2026-02-30", None),
            ("2026-12", None),
            ("26-12-01", None),
            ("1-12-2026", None),
            ("9999-12-31", None),
            ("明天", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<Day>().ok().map(|day| day.to_string()).as_deref(), day, "{text:?}");
        }
    }

    #[test]
    fn a_last_day_is_held_to_its_end_and_a_moment_is_itself() {
        let calendar = Calendar::built_in();
        let at = |text: &str| UnixMs(text.parse::<Timestamp>().expect("a moment").as_millisecond());
        let day: When = "2026-12-01".parse().expect("a day");
        assert_eq!(day.begins(&calendar), Some(at("2026-12-01T00:00:00+08:00")));
        assert_eq!(day.ends(&calendar), Some(at("2026-12-02T00:00:00+08:00")));
        let moment: When = "2026-12-01T08:30:00+08:00".parse().expect("a moment");
        assert_eq!(
            (moment.begins(&calendar), moment.ends(&calendar)),
            (Some(at("2026-12-01T00:30:00Z")), Some(at("2026-12-01T00:30:00Z")))
        );
        assert_eq!("2026-12-01T08:30:00".parse::<When>(), Err(NoMoment), "of which place?");
    }
}
