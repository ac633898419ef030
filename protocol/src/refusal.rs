//! Why a change may not stand: a stable code for programs, a sentence in two languages for the person who wrote it.

use std::fmt;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::schema::Label;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Stable names of reasons. They are part of the protocol: a name once given keeps its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $name,)*
            /// A reason that this build does not know; the sentence still tells people.
            Other,
        }

        impl Code {
            /// Every reason this build gives.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// As sent and stored.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Other => "other",
                }
            }

            /// The reason with this name; [`Code::Other`] for names of newer builds.
            pub fn from_name(name: &str) -> Self {
                match name {
                    $($text => Self::$name,)*
                    _ => Self::Other,
                }
            }
        }
    };
}

codes! {
    /// The person has no role in the community now, or not for the party spoken for.
    NotAMember = "not_a_member",
    /// The role may not make this kind of record.
    MayNotCreate = "may_not_create",
    /// The role may not write this field.
    MayNotWrite = "may_not_write",
    /// The role may not make this move.
    MayNotMove = "may_not_move",
    /// Another party's opinion or sign-off.
    OtherParty = "other_party",
    /// The schema has no such kind.
    UnknownKind = "unknown_kind",
    /// The kind has no such field.
    UnknownField = "unknown_field",
    /// The kind has no such move.
    UnknownMove = "unknown_move",
    /// A value that its field cannot hold: too long, out of bounds, none of the choices.
    BadValue = "bad_value",
    /// Something that may not be left empty.
    Needed = "needed",
    /// A field that was written already and may be written once.
    WriteOnce = "write_once",
    /// The name of an entry or move that is already there.
    TakenName = "taken_name",
    /// The same words stand there under the same name: another copy of the same phone has said them.
    AlreadySaid = "already_said",
    /// The move is not possible from the state its writer saw.
    NotFromThisState = "not_from_this_state",
    /// The move does not follow the latest moves its writer saw.
    WrongFollows = "wrong_follows",
    /// Sign-offs that the move waits for are missing.
    SignOffsMissing = "sign_offs_missing",
    /// A field that may not be written in the state its writer saw.
    Frozen = "frozen",
    /// Asking how a matter went, by the party that handled it.
    HandledByOwnParty = "handled_by_own_party",
    /// The record was struck out.
    Voided = "voided",
    /// `created` names someone else, another device or another time than the change itself.
    CreatedForged = "created_forged",
    /// A record of this kind belongs into another feed.
    WrongAudience = "wrong_audience",
    /// It deletes; nothing is ever deleted.
    Deletes = "deletes",
    /// It rewrites what is written once.
    RewritesHistory = "rewrites_history",
    /// It does not continue what it says it continues.
    Inconsistent = "inconsistent",
    /// It gives a field, an entry or a move another type than it has.
    Retypes = "retypes",
    /// It puts objects inside objects, deeper than a record goes.
    TooDeep = "too_deep",
    /// Operations that no act is made of.
    NotAnAct = "not_an_act",
    /// It was written on top of a change that was refused.
    DependsOnRefused = "depends_on_refused",
    /// Too many changes of this device are waiting for others that never came.
    TooManyHeld = "too_many_held",
    /// Its actor belongs to another device.
    ForeignActor = "foreign_actor",
    /// The device was revoked before the change arrived.
    DeviceRevoked = "device_revoked",
    /// The record was erased for good.
    Erased = "erased",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Self::from_name(&String::deserialize(d)?))
    }
}

impl<C> Encode<C> for Code {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(self.as_str())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Code {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        d.str().map(Self::from_name)
    }
}

/// A change may not stand, and why. What was refused is kept: on the device as a draft, on the server in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode, thiserror::Error)]
#[cbor(map)]
#[error("{code}: {zh} {en}")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Refusal {
    /// For programs.
    #[n(0)]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub code: Code,
    /// For people, in Chinese.
    #[n(1)]
    pub zh: String,
    /// For people, in English.
    #[n(2)]
    pub en: String,
}

impl Refusal {
    /// A refusal with its sentence in both languages.
    pub fn new(code: Code, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { code, zh: zh.into(), en: en.into() }
    }

    /// The sentence in both languages.
    pub fn sentence(&self) -> Label {
        Label { zh: self.zh.clone(), en: self.en.clone() }
    }
}
