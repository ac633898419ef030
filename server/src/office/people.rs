//! People and the organisations they belong to.

use renolog_protocol::id::{OrganisationId, PersonId};
use serde::{Deserialize, Serialize};

use super::{Desk, Done, Order, Reach, Unfit, name, reason};
use crate::command::{Command, SetAdministrator, SetOrganisation, SetPerson, SuspendPerson};
use crate::roll::Version;
use crate::secret;
use crate::store::{Column, OrganisationRow, Read};

/// An organisation to be added or renamed.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = OrganisationOrder)]
pub struct Organisation {
    /// Which, to rename one.
    #[serde(default)]
    pub id: Option<OrganisationId>,
    /// Its name.
    pub name: String,
}

/// An organisation that was added or renamed.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Organised {
    /// Which.
    pub id: OrganisationId,
}

impl Order for Organisation {
    const PATH: &'static str = "organisations";
    type Made = Organised;

    fn reach<S: Read + ?Sized>(&self, _: &Desk<'_, S>) -> Result<Reach, Unfit> {
        Ok(Reach::District)
    }

    fn alters<S: Read + ?Sized>(&self, desk: &Desk<'_, S>) -> Result<Option<Version>, Unfit> {
        let Some(id) = self.id else { return Ok(None) };
        let known: Option<OrganisationRow> = desk.store.get(&[id.to_cell()])?;
        Ok(known.as_ref().map(Version::of_row))
    }

    fn command<S: Read + ?Sized>(self, desk: &Desk<'_, S>) -> Result<(Command, Organised), Unfit> {
        let id = match self.id {
            Some(id) => desk.organisation(&id.to_string())?,
            None => OrganisationId::from_parts(desk.now, secret::random()),
        };
        let name = name(&self.name, "an organisation's name")?;
        Ok((Command::SetOrganisation(SetOrganisation { id, name }), Organised { id }))
    }
}

/// A person to be added or described anew.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PersonOrder)]
pub struct Person {
    /// Which, to describe one anew.
    #[serde(default)]
    pub id: Option<PersonId>,
    /// Their name.
    pub name: String,
    /// Where they belong, by id or name.
    #[serde(default)]
    pub organisation: Option<String>,
}

/// A person who was added or described anew.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Registered {
    /// Which.
    pub id: PersonId,
}

impl Order for Person {
    const PATH: &'static str = "people";
    type Made = Registered;

    fn reach<S: Read + ?Sized>(&self, _: &Desk<'_, S>) -> Result<Reach, Unfit> {
        Ok(Reach::District)
    }

    fn alters<S: Read + ?Sized>(&self, desk: &Desk<'_, S>) -> Result<Option<Version>, Unfit> {
        self.id.map(|id| Ok(Version::of_row(&desk.person(id)?))).transpose()
    }

    fn command<S: Read + ?Sized>(self, desk: &Desk<'_, S>) -> Result<(Command, Registered), Unfit> {
        let id = match self.id {
            Some(id) => desk.person(id)?.id,
            None => PersonId::from_parts(desk.now, secret::random()),
        };
        let name = name(&self.name, "a person's name")?;
        let organisation = self.organisation.map(|named| desk.organisation(&named)).transpose()?;
        Ok((Command::SetPerson(SetPerson { id, name, organisation }), Registered { id }))
    }
}

/// A person to be suspended everywhere, or let in again.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Suspension {
    /// Who.
    pub person: PersonId,
    /// Whether they are suspended from now on.
    pub suspended: bool,
    /// Why.
    pub reason: String,
}

impl Order for Suspension {
    const PATH: &'static str = "people/suspend";
    type Made = Done;

    fn reach<S: Read + ?Sized>(&self, _: &Desk<'_, S>) -> Result<Reach, Unfit> {
        Ok(Reach::District)
    }

    fn alters<S: Read + ?Sized>(&self, desk: &Desk<'_, S>) -> Result<Option<Version>, Unfit> {
        Ok(Some(Version::of_row(&desk.person(self.person)?)))
    }

    fn command<S: Read + ?Sized>(self, desk: &Desk<'_, S>) -> Result<(Command, Done), Unfit> {
        let (person, suspended) = (desk.person(self.person)?.id, self.suspended);
        Ok((Command::SuspendPerson(SuspendPerson { person, suspended, reason: reason(&self.reason)? }), Done {}))
    }
}

/// Whether a person administers the whole district from now on.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Administration {
    /// Who.
    pub person: PersonId,
    /// Whether.
    pub administrator: bool,
}

impl Order for Administration {
    const PATH: &'static str = "administrators";
    type Made = Done;

    fn reach<S: Read + ?Sized>(&self, _: &Desk<'_, S>) -> Result<Reach, Unfit> {
        Ok(Reach::District)
    }

    fn alters<S: Read + ?Sized>(&self, desk: &Desk<'_, S>) -> Result<Option<Version>, Unfit> {
        Ok(Some(Version::of_row(&desk.person(self.person)?)))
    }

    fn command<S: Read + ?Sized>(self, desk: &Desk<'_, S>) -> Result<(Command, Done), Unfit> {
        let (person, administrator) = (desk.person(self.person)?.id, self.administrator);
        Ok((Command::SetAdministrator(SetAdministrator { person, administrator }), Done {}))
    }
}
