//! What a table's cell can hold, and how the types of the domain fit into cells.

use std::str::FromStr;

use renolog_protocol::id::{
    ActorId, Audience, ChangeHash, CommunityId, DeviceId, Epoch, FeedId, Link, OrganisationId, PersonId, RecordId, Seq,
};
use renolog_protocol::key::{PublicKey, Signature};
use renolog_protocol::refusal::Code;
use renolog_protocol::schema::{KindName, Party, Role, StateName};
use renolog_protocol::time::{SpanMs, UnixMs};

/// One cell of a table. The order is the one SQLite sorts by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A number.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// A type that fits into one cell.
pub trait Column: Sized {
    /// As stored.
    fn to_cell(&self) -> Cell;
    /// As read back; `None` when the cell holds something else.
    fn from_cell(cell: Cell) -> Option<Self>;
}

impl Column for Vec<u8> {
    fn to_cell(&self) -> Cell {
        Cell::Blob(self.clone())
    }

    fn from_cell(cell: Cell) -> Option<Self> {
        match cell {
            Cell::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl Column for String {
    fn to_cell(&self) -> Cell {
        Cell::Text(self.clone())
    }

    fn from_cell(cell: Cell) -> Option<Self> {
        match cell {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Column for i64 {
    fn to_cell(&self) -> Cell {
        Cell::Int(*self)
    }

    fn from_cell(cell: Cell) -> Option<Self> {
        match cell {
            Cell::Int(number) => Some(number),
            _ => None,
        }
    }
}

/// Counts and positions; SQLite's integers end at 2⁶³ − 1, and so do ours.
impl Column for u64 {
    fn to_cell(&self) -> Cell {
        Cell::Int(i64::try_from(*self).unwrap_or(i64::MAX))
    }

    fn from_cell(cell: Cell) -> Option<Self> {
        i64::from_cell(cell).and_then(|number| number.try_into().ok())
    }
}

impl<T: Column> Column for Option<T> {
    fn to_cell(&self) -> Cell {
        self.as_ref().map_or(Cell::Null, T::to_cell)
    }

    fn from_cell(cell: Cell) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            cell => T::from_cell(cell).map(Some),
        }
    }
}

macro_rules! bytes_columns {
    ($($name:ty => $from:expr, $to:expr;)*) => {
        $(impl Column for $name {
            fn to_cell(&self) -> Cell {
                let to: fn(&Self) -> Vec<u8> = $to;
                Cell::Blob(to(self))
            }

            fn from_cell(cell: Cell) -> Option<Self> {
                let from: fn(&[u8]) -> Option<Self> = $from;
                Vec::from_cell(cell).and_then(|bytes| from(&bytes))
            }
        })*
    };
}

bytes_columns! {
    CommunityId => Self::from_slice, |id| id.as_bytes().to_vec();
    RecordId => Self::from_slice, |id| id.as_bytes().to_vec();
    PersonId => Self::from_slice, |id| id.as_bytes().to_vec();
    DeviceId => Self::from_slice, |id| id.as_bytes().to_vec();
    ActorId => Self::from_slice, |id| id.as_bytes().to_vec();
    OrganisationId => Self::from_slice, |id| id.as_bytes().to_vec();
    ChangeHash => Self::from_slice, |id| id.as_bytes().to_vec();
    Link => Self::from_slice, |id| id.as_bytes().to_vec();
    PublicKey => |bytes| Self::from_bytes(bytes).ok(), |key| key.as_bytes().to_vec();
    Signature => |bytes| bytes.try_into().ok().map(Self), |signature| signature.0.to_vec();
    FeedId => feed_from_bytes, feed_to_bytes;
}

/// A feed in one cell: the community's 16 bytes, then the audience's number, so that a community's feeds lie together.
fn feed_to_bytes(feed: &FeedId) -> Vec<u8> {
    let mut bytes = feed.community.as_bytes().to_vec();
    bytes.push(feed.audience.code());
    bytes
}

fn feed_from_bytes(bytes: &[u8]) -> Option<FeedId> {
    let (audience, community) = bytes.split_last()?;
    Some(FeedId { community: CommunityId::from_slice(community)?, audience: Audience::from_code(*audience)? })
}

macro_rules! text_columns {
    ($($name:ty)*) => {
        $(impl Column for $name {
            fn to_cell(&self) -> Cell {
                Cell::Text(self.to_string())
            }

            fn from_cell(cell: Cell) -> Option<Self> {
                String::from_cell(cell).and_then(|text| <$name>::from_str(&text).ok())
            }
        })*
    };
}

text_columns! { Role Party KindName StateName }

impl Column for Code {
    fn to_cell(&self) -> Cell {
        Cell::Text(self.as_str().to_owned())
    }

    fn from_cell(cell: Cell) -> Option<Self> {
        String::from_cell(cell).map(|name| Self::from_name(&name))
    }
}

macro_rules! number_columns {
    ($($name:ident($number:ty))*) => {
        $(impl Column for $name {
            fn to_cell(&self) -> Cell {
                self.0.to_cell()
            }

            fn from_cell(cell: Cell) -> Option<Self> {
                <$number>::from_cell(cell).map(Self)
            }
        })*
    };
}

number_columns! { UnixMs(i64) SpanMs(i64) Seq(u64) Epoch(u64) }
