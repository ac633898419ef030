//! Names of things: communities, records, people, devices, actors, changes and feeds.
//!
//! Every id is a newtype, so that a person can never be passed where a device is meant. None of them is drawn here:
//! the crate has no randomness, callers hand it in.

use std::fmt;
use std::str::FromStr;

use minicbor::bytes::ByteArray;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::digits;
use crate::time::UnixMs;

/// Text that is not the id it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not {expected}")]
pub struct NotAnId {
    /// What was given, cut to 80 characters.
    pub text: String,
    /// What was expected, in words.
    pub expected: &'static str,
}

impl NotAnId {
    fn new(text: &str, expected: &'static str) -> Self {
        Self { text: text.chars().take(80).collect(), expected }
    }
}

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Its bytes, as stored and sent.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// The id held in `bytes`, if they have the right length.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(
                d: &mut minicbor::Decoder<'b>,
                ctx: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                ByteArray::<$len>::decode(d, ctx).map(|bytes| Self(*bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        byte_id!(
            $(#[$doc])*
            #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, format = "uuid"))]
            $name, 16
        );

        impl $name {
            /// A UUID version 7 made of a time and ten random bytes that the caller draws.
            pub fn from_parts(at: UnixMs, random: [u8; 10]) -> Self {
                let millis = u64::try_from(at.0).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().into_bytes())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                uuid::Uuid::from_bytes(self.0).fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                uuid::Uuid::try_parse(text)
                    .map(|uuid| Self(uuid.into_bytes()))
                    .map_err(|_| NotAnId::new(text, "a UUID"))
            }
        }
    };
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $len:literal, $words:literal) => {
        byte_id!(
            $(#[$doc])*
            #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, pattern = "^([0-9a-f]{2})+$"))]
            $name, $len
        );

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&digits::hex(&self.0))
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                digits::unhex(text)
                    .and_then(|bytes| Self::from_slice(&bytes))
                    .ok_or_else(|| NotAnId::new(text, $words))
            }
        }
    };
}

uuid_id!(
    /// A residential community (小区) under renovation.
    CommunityId
);
uuid_id!(
    /// One record of a community's log: a rectification order, a whistle, a matter …
    RecordId
);
uuid_id!(
    /// A person on the roster.
    PersonId
);
uuid_id!(
    /// A phone, tablet or browser, with a key of its own.
    DeviceId
);
hex_id!(
    /// The writer of a chain of changes inside records: random per device database, never derived from a person or key,
    /// so that a phone restored from a backup can take a new one.
    ActorId, 16, "32 hexadecimal digits"
);
uuid_id!(
    /// An organisation that people belong to: a street office, a property company, a contractor.
    OrganisationId
);
hex_id!(
    /// A link of the [chain](crate::chain) over a feed.
    Link, 32, "64 hexadecimal digits"
);
hex_id!(
    /// SHA-256 of a change, as Automerge computes it. A change's name everywhere.
    ChangeHash, 32, "64 hexadecimal digits"
);

impl From<&automerge::ChangeHash> for ChangeHash {
    fn from(hash: &automerge::ChangeHash) -> Self {
        Self(hash.0)
    }
}

impl From<ChangeHash> for automerge::ChangeHash {
    fn from(hash: ChangeHash) -> Self {
        Self(hash.0)
    }
}

impl ActorId {
    /// The actor of a change, if it is one of ours: Automerge allows any length, we draw 16 bytes.
    pub fn of(actor: &automerge::ActorId) -> Option<Self> {
        Self::from_slice(actor.to_bytes())
    }

    pub(crate) fn to_automerge(self) -> automerge::ActorId {
        automerge::ActorId::from(self.0)
    }
}

/// Names an entry inside one record: a move, a note, a finding. Eight characters (40 bits), drawn at random or
/// [following](Self::following) from where they are said first: two devices adding a thousand entries each to the same record
/// while apart collide once in a million such records, and then the server refuses the second and the device draws again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, pattern = "^[a-z2-7]{8}$"))]
pub struct EntryId(String);

impl EntryId {
    /// From five random bytes that the caller draws.
    pub fn from_random(random: [u8; 5]) -> Self {
        Self(digits::base32(random))
    }

    /// What stands in the place of a name that is not known yet.
    pub const BLANK: &str = "aaaaaaaa";

    /// The name of an entry that `actor` adds in `record` on top of `heads`, in any order, with a change of which `columns` are
    /// the columns while the name is [`Self::BLANK`]. As good as drawn: it is another one for whatever else is said, there or
    /// by a copy of the phone. And whoever has the rest of the change need not be told.
    pub fn following(record: RecordId, actor: ActorId, heads: &[ChangeHash], columns: &[u8]) -> Self {
        let mut heads = heads.to_vec();
        heads.sort_unstable();
        let mut digest = Sha256::new_with_prefix(b"renolog entry 1\n");
        digest.update(record.as_bytes());
        digest.update(actor.as_bytes());
        heads.iter().for_each(|head| digest.update(head.as_bytes()));
        digest.update(columns);
        let [a, b, c, d, e, ..]: [u8; 32] = digest.finalize().into();
        Self::from_random([a, b, c, d, e])
    }

    /// As written in a record.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for EntryId {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Self, NotAnId> {
        text.parse()
    }
}

impl FromStr for EntryId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let drawn = text.len() == 8 && text.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b));
        drawn.then(|| Self(text.to_owned())).ok_or_else(|| NotAnId::new(text, "an entry id of eight characters"))
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who may read a record, fixed when it is created. One feed per community and audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Audience {
    /// Every member of the community.
    Open,
    /// The three parties, the specialist, street and district.
    Parties,
    /// Personal data: named roles only.
    Private,
}

impl Audience {
    /// Every audience, widest first.
    pub const ALL: [Self; 3] = [Self::Open, Self::Parties, Self::Private];

    /// Its number on the wire and in stores.
    pub fn code(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Parties => 1,
            Self::Private => 2,
        }
    }

    /// The audience with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|audience| audience.code() == code)
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Parties => "parties",
            Self::Private => "private",
        })
    }
}

impl<C> minicbor::Encode<C> for Audience {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.u8(self.code())?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Audience {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::from_code(d.u8()?).ok_or_else(|| minicbor::decode::Error::message("unknown audience"))
    }
}

/// One ordered, durable log: what one audience of one community may read.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, minicbor::Encode, minicbor::Decode,
)]
#[cbor(array)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FeedId {
    /// Whose log.
    #[n(0)]
    pub community: CommunityId,
    /// Read by whom.
    #[n(1)]
    pub audience: Audience,
}

impl fmt::Display for FeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.community, self.audience)
    }
}

/// A position in a feed. The first entry has 1; 0 is "before everything".
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, minicbor::Encode, minicbor::Decode,
)]
#[cbor(transparent)]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Seq(#[n(0)] pub u64);

impl Seq {
    /// The position after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which life of the server's store a cursor belongs to. Drawn when a data directory is made and again when a backup is
/// restored, so that a cursor from another life is never mistaken for one of this.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, minicbor::Encode, minicbor::Decode,
)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct Epoch(#[n(0)] pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_text_and_bytes() {
        let id = RecordId::from_parts(UnixMs(1_700_000_000_000), [7; 10]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(RecordId::from_slice(id.as_bytes()), Some(id));
        let hash = ChangeHash([0xab; 32]);
        assert_eq!(hash.to_string().parse(), Ok(hash));
        let entry = EntryId::from_random([1, 2, 3, 4, 5]);
        assert_eq!(entry.as_str().parse(), Ok(entry));
    }

    #[test]
    fn what_is_not_an_id_says_so() {
        for text in ["", "x", "018bcfe5-6800-7707-8707-07070707070", "<script>"] {
            assert!(text.parse::<RecordId>().is_err(), "{text}");
            assert!(text.parse::<ChangeHash>().is_err(), "{text}");
            assert!(text.parse::<EntryId>().is_err(), "{text}");
        }
    }
}
