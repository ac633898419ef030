//! Who is who in a community, as every member's device knows it.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::id::PersonId;
use crate::limits;
use crate::schema::{Party, Role};
use crate::time::UnixMs;
use crate::wire::List;

/// The members of one community.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, Encode, Decode)]
#[cbor(map)]
pub struct Roster {
    /// Grows with every change of the roster; a device keeps the highest it was given.
    #[n(0)]
    pub version: u64,
    /// One entry per person and role, in the order they were given.
    #[n(1)]
    #[cbor(decode_with = "bounded_members")]
    pub members: Vec<Member>,
}

/// One role of one person, for one party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(map)]
pub struct Member {
    /// Who.
    #[n(0)]
    pub person: PersonId,
    /// Their name, as others know it.
    #[n(1)]
    pub name: String,
    /// As what.
    #[n(2)]
    pub role: Role,
    /// For which party.
    #[n(3)]
    pub party: Party,
    /// Since when, by the server's clock.
    #[n(4)]
    pub from: UnixMs,
    /// Until when, by the server's clock; not any more at that moment.
    #[n(5)]
    pub until: Option<UnixMs>,
}

fn bounded_members<C>(d: &mut minicbor::Decoder<'_>, ctx: &mut C) -> Result<Vec<Member>, minicbor::decode::Error> {
    List::<Member, { limits::MEMBERS }>::decode(d, ctx).map(|members| members.into_iter().collect())
}

impl Member {
    /// Whether the role is held at this moment.
    pub fn holds_at(&self, at: UnixMs) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

impl Roster {
    /// What `person` is at this moment.
    pub fn roles_of(&self, person: PersonId, at: UnixMs) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |member| member.person == person && member.holds_at(at))
    }

    /// A person's name, as last given.
    pub fn name_of(&self, person: PersonId) -> Option<&str> {
        self.members.iter().rev().find(|member| member.person == person).map(|member| member.name.as_str())
    }
}
