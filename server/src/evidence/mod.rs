//! Evidence: what was said in a community, in one file that anyone can check without the server.
//!
//! A bundle holds **facts** (`facts`: signed batches, changes, the places in the feeds with everything their chain hashes,
//! keys and roles, what was refused, the schema) and what **follows** from them (`compose`: records, timeline, a page to
//! read, the manifest). Both ends run the same function: whoever makes a bundle gathers the facts from a store (`gather`)
//! and composes; whoever checks one ([`verify()`]) reads the facts out of it, checks signatures, hashes and links, composes
//! again and compares byte for byte. So nothing in a bundle can be altered alone, and the same question to the same store
//! gives the same bytes.
//!
//! ```text
//!   store ─ gather ─► facts ─ compose ─► files ─ container ─► bundle.zip
//!                       ▲                  │ compare                │
//!                       └───── read ───── files ◄──── container ────┘
//! ```
//!
//! Nothing here but `gather` knows a store of the server's, and nothing knows a file or a clock.

mod checksum;
mod compose;
mod container;
mod csv;
mod facts;
mod files;
mod finding;
mod gather;
mod html;
mod ledger;
mod manifest;
mod readme;
mod signed;
mod timeline;
mod verify;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use renolog_protocol::id::{Audience, CommunityId, RecordId};
use renolog_protocol::schema::Schema;
use renolog_protocol::time::UnixMs;
use serde::{Deserialize, Serialize};

use crate::store::Read;

pub use container::{pack, unpack};
pub use files::Files;
pub use finding::{Fault, Finding};
pub use gather::NotGathered;
pub use verify::{Checked, Head, Span, verify};

/// Most entries of feeds in one bundle: at some 400 bytes each, a file that a spreadsheet still opens.
pub const ENTRIES: usize = 100_000;
/// Most changes with their bytes in one bundle: the container counts files in 16 bits.
pub const CHANGES: usize = 60_000;
/// Most bytes of changes in one bundle. A bundle is made in memory, and takes some five times as much there.
pub const BYTES: usize = 64 << 20;

/// What evidence is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Of which community.
    pub community: CommunityId,
    /// Of which of its feeds: those that whoever asks may read.
    pub audiences: BTreeSet<Audience>,
    /// Of this record only.
    pub record: Option<RecordId>,
    /// From the beginning of this day, by receipt.
    pub from: Option<Day>,
    /// To the end of this day, by receipt.
    pub to: Option<Day>,
}

impl Question {
    /// Everything that was ever said in a community.
    pub fn whole(community: CommunityId) -> Self {
        Self { community, audiences: Audience::ALL.into(), record: None, from: None, to: None }
    }
}

/// A day in China, which has one time zone and no summer time: `2026-03-02`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Day(Date);

/// Text that is no day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a day such as 2026-03-02")]
pub struct NotADay(String);

impl Day {
    /// Its first moment.
    pub fn begins(self) -> UnixMs {
        let zone = TimeZone::fixed(Offset::constant(8));
        UnixMs(self.0.to_zoned(zone).map_or(i64::MAX, |zoned| zoned.timestamp().as_millisecond()))
    }

    /// The first moment after it.
    pub fn ends(self) -> UnixMs {
        self.0.tomorrow().map_or(UnixMs(i64::MAX), |next| Self(next).begins())
    }
}

impl FromStr for Day {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Self, NotADay> {
        let day: Date = text.parse().map_err(|_| NotADay(text.chars().take(40).collect()))?;
        // The parser takes more than one way to write a day.
        if day.to_string() == text { Ok(Self(day)) } else { Err(NotADay(text.chars().take(40).collect())) }
    }
}

impl TryFrom<String> for Day {
    type Error = NotADay;

    fn try_from(text: String) -> Result<Self, NotADay> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The answer to a question, as a file. `progress` is told how many entries were read, and how many may
/// have to be.
///
/// # Errors
/// [`NotGathered`]: there is no such thing, it is too much for one bundle, or the store fails.
pub fn bundle<S: Read + ?Sized>(
    store: &S,
    schema: &Schema,
    question: &Question,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<u8>, NotGathered> {
    let facts = gather::gather(store, schema, question, progress)?;
    Ok(pack(&compose::compose(&facts)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_day_in_china() {
        let day: Day = "2026-03-02".parse().expect("a day");
        assert_eq!((day.begins(), day.ends()), (UnixMs(1_772_380_800_000), UnixMs(1_772_467_200_000)));
        for text in ["", "2026-3-2", "20260302", "2026-02-30", "2026-03-02T00:00", "yesterday"] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }
}
