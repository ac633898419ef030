//! What a field can hold, and whether a value fits a field.

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::term::{KindName, Label, Party};
use crate::id::{PersonId, RecordId};

/// A value of a register or of one part of an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Value {
    /// Cleared, or never known. Unknown is not 0.
    Nothing,
    /// Text, a choice or a day.
    Text(String),
    /// A whole number; the field says of what.
    Whole(i64),
    /// Yes or no.
    YesNo(bool),
}

impl Value {
    pub(crate) fn to_scalar(&self) -> automerge::ScalarValue {
        match self {
            Self::Nothing => automerge::ScalarValue::Null,
            Self::Text(text) => text.as_str().into(),
            Self::Whole(number) => automerge::ScalarValue::Int(*number),
            Self::YesNo(yes) => automerge::ScalarValue::Boolean(*yes),
        }
    }

    /// The value in a document, unless it is of a type that no field has.
    pub(crate) fn from_scalar(scalar: &automerge::ScalarValue) -> Option<Self> {
        Some(match scalar {
            automerge::ScalarValue::Null => Self::Nothing,
            automerge::ScalarValue::Str(text) => Self::Text(text.to_string()),
            automerge::ScalarValue::Int(number) => Self::Whole(*number),
            automerge::ScalarValue::Boolean(yes) => Self::YesNo(*yes),
            _ => return None,
        })
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::YesNo(yes)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("—"),
            Self::Text(text) => f.write_str(text),
            Self::Whole(number) => number.fmt(f),
            Self::YesNo(yes) => f.write_str(if *yes { "是 yes" } else { "否 no" }),
        }
    }
}

/// The type of a register, or of one part of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Scalar {
    /// Text of at most `max` characters.
    Text {
        /// Characters.
        max: usize,
    },
    /// A whole number between two bounds, both included.
    Whole {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A calendar day, `2026-11-22`.
    Day,
    /// Yes or no.
    YesNo,
    /// A person on the roster, by id.
    Person,
    /// A party, by name.
    Party,
    /// Another record, by id.
    Record {
        /// Of this kind.
        kind: KindName,
    },
    /// One of a few, by name.
    Choice {
        /// What may be chosen, in the order shown.
        choices: IndexMap<String, Label>,
    },
}

/// Why a value does not fit its field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Another type of value.
    #[error("expected {0}")]
    Type(&'static str),
    /// Text over its bound.
    #[error("longer than {0} characters")]
    TooLong(usize),
    /// A number out of its bounds.
    #[error("not between {min} and {max}")]
    OutOfBounds {
        /// Smallest allowed.
        min: i64,
        /// Largest allowed.
        max: i64,
    },
    /// Not one of the choices.
    #[error("not one of: {0}")]
    NoSuchChoice(String),
}

impl Scalar {
    /// Whether `value` may stand in a field of this type. [`Value::Nothing`] always may: whether a field may be left
    /// empty is asked elsewhere.
    ///
    /// # Errors
    /// [`Misfit`], in words for the person who typed it.
    pub fn check(&self, value: &Value) -> Result<(), Misfit> {
        match (self, value) {
            (_, Value::Nothing) => Ok(()),
            (Self::Text { max }, Value::Text(text)) if text.chars().count() > *max => Err(Misfit::TooLong(*max)),
            (Self::Text { .. }, Value::Text(_)) => Ok(()),
            (Self::Whole { min, max }, Value::Whole(number)) if !(min..=max).contains(&number) => {
                Err(Misfit::OutOfBounds { min: *min, max: *max })
            }
            (Self::Whole { .. }, Value::Whole(_)) | (Self::YesNo, Value::YesNo(_)) => Ok(()),
            (Self::Day, Value::Text(text)) if is_day(text) => Ok(()),
            (Self::Person, Value::Text(text)) if text.parse::<PersonId>().is_ok() => Ok(()),
            (Self::Record { .. }, Value::Text(text)) if text.parse::<RecordId>().is_ok() => Ok(()),
            (Self::Party, Value::Text(text)) if Party::parse(text).is_ok() => Ok(()),
            (Self::Choice { choices }, Value::Text(text)) if choices.contains_key(text) => Ok(()),
            (Self::Choice { choices }, _) => {
                Err(Misfit::NoSuchChoice(choices.keys().map(String::as_str).collect::<Vec<_>>().join(", ")))
            }
            (Self::Text { .. }, _) => Err(Misfit::Type("text")),
            (Self::Whole { .. }, _) => Err(Misfit::Type("a whole number")),
            (Self::Day, _) => Err(Misfit::Type("a day such as 2026-11-22")),
            (Self::Person, _) => Err(Misfit::Type("a person's id")),
            (Self::Record { .. }, _) => Err(Misfit::Type("a record's id")),
            (Self::Party, _) => Err(Misfit::Type("a party's name")),
            (Self::YesNo, _) => Err(Misfit::Type("yes or no")),
        }
    }

    /// Whether `value` is written as values of this type are, whether or not it fits.
    pub fn is_of_type(&self, value: &Value) -> bool {
        match value {
            Value::Nothing => true,
            Value::Whole(_) => matches!(self, Self::Whole { .. }),
            Value::YesNo(_) => matches!(self, Self::YesNo),
            Value::Text(_) => !matches!(self, Self::Whole { .. } | Self::YesNo),
        }
    }

    /// What a person typed, as a value of this type. Empty text is [`Value::Nothing`].
    ///
    /// # Errors
    /// [`Misfit`], in words for the person who typed it.
    pub fn parse(&self, typed: &str) -> Result<Value, Misfit> {
        let typed = typed.trim();
        let value = match self {
            _ if typed.is_empty() => Value::Nothing,
            Self::Whole { .. } => Value::Whole(typed.parse().map_err(|_| Misfit::Type("a whole number"))?),
            Self::YesNo => match typed {
                "yes" | "是" => Value::YesNo(true),
                "no" | "否" => Value::YesNo(false),
                _ => return Err(Misfit::Type("yes or no")),
            },
            _ => Value::Text(typed.to_owned()),
        };
        self.check(&value).map(|()| value)
    }
}

/// Whether `text` is a day of the Gregorian calendar, written `YYYY-MM-DD`.
fn is_day(text: &str) -> bool {
    crate::calendar::day(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_days() {
        for (text, real) in [
            ("2024-02-29", true),
            ("2026-02-29", false),
            ("1900-02-29", false),
            ("2026-12-31", true),
            ("2026-13-01", false),
            ("2026-1-1", false),
            ("", false),
            ("2026-00-10", false),
            ("+026-01-10", false),
        ] {
            assert_eq!(is_day(text), real, "{text}");
        }
    }

    #[test]
    fn typed_text_becomes_a_value_or_a_reason() {
        let age = Scalar::Whole { min: 1, max: 9 };
        assert_eq!(age.parse(" 7 "), Ok(Value::Whole(7)));
        assert_eq!(age.parse(""), Ok(Value::Nothing));
        assert_eq!(age.parse("12"), Err(Misfit::OutOfBounds { min: 1, max: 9 }));
        assert_eq!(age.parse("many"), Err(Misfit::Type("a whole number")));
        assert_eq!(Scalar::YesNo.parse("是"), Ok(Value::YesNo(true)));
        assert_eq!(Scalar::Text { max: 2 }.parse("整改单"), Err(Misfit::TooLong(2)));
    }
}
