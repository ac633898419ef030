//! Roles in communities: given for a time, ended before it.

use renolog_protocol::id::PersonId;
use renolog_protocol::schema::{Party, Role};
use renolog_protocol::time::UnixMs;
use serde::{Deserialize, Serialize};

use super::{Desk, Done, Order, Reach, Unfit, is_office};
use crate::command::{Command, EndRole, GiveRole};
use crate::roll::Version;
use crate::store::{Column, MemberRow, Read};

/// A role to be given.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Assignment {
    /// To whom.
    pub person: PersonId,
    /// As what.
    pub role: Role,
    /// For which party; the role's own if not said.
    #[serde(default)]
    pub party: Option<Party>,
    /// Where: communities by id, short name or name.
    pub communities: Vec<String>,
    /// From this moment; from now if not said.
    #[serde(default)]
    pub from: Option<UnixMs>,
    /// Until this moment, if not for good.
    #[serde(default)]
    pub until: Option<UnixMs>,
}

impl Order for Assignment {
    const PATH: &'static str = "roles";
    type Made = Done;

    fn reach<S: Read + ?Sized>(&self, desk: &Desk<'_, S>) -> Result<Reach, Unfit> {
        if is_office(&self.role) {
            return Ok(Reach::District);
        }
        Ok(Reach::Communities(desk.communities(&self.communities)?))
    }

    fn alters<S: Read + ?Sized>(&self, _: &Desk<'_, S>) -> Result<Option<Version>, Unfit> {
        Ok(None)
    }

    fn command<S: Read + ?Sized>(self, desk: &Desk<'_, S>) -> Result<(Command, Done), Unfit> {
        let duty = desk.duty(&self.role, self.party.as_ref(), &self.communities)?;
        if self.until.is_some_and(|until| until <= self.from.unwrap_or(desk.now)) {
            return Err(Unfit::Wrong("a role ends after it begins".into()));
        }
        let person = desk.person(self.person)?.id;
        Ok((Command::GiveRole(GiveRole { person, duty, from: self.from, until: self.until }), Done {}))
    }
}

/// A role to be ended.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Ending {
    /// Where: a community by id, short name or name.
    pub community: String,
    /// Which, as the list of roles numbers them.
    pub number: u64,
    /// From this moment; from now if not said.
    #[serde(default)]
    pub at: Option<UnixMs>,
}

impl Ending {
    fn member<S: Read + ?Sized>(&self, desk: &Desk<'_, S>) -> Result<MemberRow, Unfit> {
        let community = desk.community(&self.community)?.id;
        let row = desk.store.get(&[community.to_cell(), self.number.to_cell()])?;
        row.ok_or_else(|| Unfit::unknown("role", self.number))
    }
}

impl Order for Ending {
    const PATH: &'static str = "roles/end";
    type Made = Done;

    fn reach<S: Read + ?Sized>(&self, desk: &Desk<'_, S>) -> Result<Reach, Unfit> {
        let member = self.member(desk)?;
        Ok(if is_office(&member.role) { Reach::District } else { Reach::Communities(vec![member.community]) })
    }

    fn alters<S: Read + ?Sized>(&self, desk: &Desk<'_, S>) -> Result<Option<Version>, Unfit> {
        Ok(Some(Version::of_row(&self.member(desk)?)))
    }

    fn command<S: Read + ?Sized>(self, desk: &Desk<'_, S>) -> Result<(Command, Done), Unfit> {
        let member = self.member(desk)?;
        Ok((Command::EndRole(EndRole { community: member.community, number: member.number, at: self.at }), Done {}))
    }
}
