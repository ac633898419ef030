//! One-time codes: for somebody new, for somebody's next device, and for the first administrator.

use renolog_protocol::id::PersonId;
use renolog_protocol::schema::{Party, Role};
use renolog_protocol::time::{SpanMs, UnixMs};
use serde::{Deserialize, Serialize};

use super::{Desk, Done, Order, Reach, Unfit, hash, is_office, name};
use crate::command::{Command, Duty, Guest, Invite, WithdrawInvite};
use crate::roll::Version;
use crate::secret;
use crate::store::{Column, InviteRow, Read};

/// The longest that a code may be good for: a month.
const MOST_HOURS: u32 = 31 * 24;

/// A person to be invited, or a known person's next device.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Invitation {
    /// The name of somebody new.
    #[serde(default)]
    pub name: String,
    /// Somebody who is known.
    #[serde(default)]
    pub person: Option<PersonId>,
    /// As what, if as anything new.
    #[serde(default)]
    pub role: Option<Role>,
    /// For which party; the role's own if not said.
    #[serde(default)]
    pub party: Option<Party>,
    /// Where: communities by id, short name or name.
    #[serde(default)]
    pub communities: Vec<String>,
    /// Whether they become an administrator of the whole district.
    #[serde(default)]
    pub administrator: bool,
    /// How long the code is good for.
    pub hours: u32,
}

/// A one-time code. Only whoever asked for it ever sees it.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Code {
    /// What the person types.
    pub code: String,
    /// Until when.
    pub expires: UnixMs,
    /// What it is called when it is listed or withdrawn.
    pub invite: String,
}

impl Invitation {
    fn duty<S: Read + ?Sized>(&self, desk: &Desk<'_, S>) -> Result<Option<Duty>, Unfit> {
        let Some(role) = &self.role else {
            let for_nothing = self.person.is_none() && !self.administrator;
            return if for_nothing { Err(Unfit::Wrong("say as what, and where".into())) } else { Ok(None) };
        };
        desk.duty(role, self.party.as_ref(), &self.communities).map(Some)
    }

    fn guest<S: Read + ?Sized>(&self, desk: &Desk<'_, S>) -> Result<Guest, Unfit> {
        match self.person {
            Some(id) => Ok(Guest::Known(desk.person(id)?.id)),
            None => Ok(Guest::New(name(&self.name, "a person's name")?)),
        }
    }
}

impl Order for Invitation {
    const PATH: &'static str = "invites";
    type Made = Code;

    fn reach<S: Read + ?Sized>(&self, desk: &Desk<'_, S>) -> Result<Reach, Unfit> {
        match self.duty(desk)? {
            // A code for a known person's device is that person: it reaches as far as they do.
            Some(duty) if !self.administrator && self.person.is_none() && !is_office(&duty.role) => {
                Ok(Reach::Communities(duty.communities))
            }
            _ => Ok(Reach::District),
        }
    }

    fn alters<S: Read + ?Sized>(&self, _: &Desk<'_, S>) -> Result<Option<Version>, Unfit> {
        Ok(None)
    }

    fn command<S: Read + ?Sized>(self, desk: &Desk<'_, S>) -> Result<(Command, Code), Unfit> {
        if !(1..=MOST_HOURS).contains(&self.hours) {
            return Err(Unfit::Wrong(format!("a code is good for 1 to {MOST_HOURS} hours")));
        }
        let (duty, guest) = (self.duty(desk)?, self.guest(desk)?);
        let code = secret::new_code();
        let expires = desk.now + SpanMs::from_secs(i64::from(self.hours) * 3600);
        let code_hash = secret::code_hash(&code);
        let invite = data_encoding::HEXLOWER.encode(&code_hash);
        let command = Invite { code_hash, guest, duty, administrator: self.administrator, expires };
        Ok((Command::Invite(command), Code { code, expires, invite }))
    }
}

/// A one-time code to be taken back.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Withdrawal {
    /// What it is called in the list.
    pub invite: String,
}

impl Withdrawal {
    fn invite<S: Read + ?Sized>(&self, desk: &Desk<'_, S>) -> Result<InviteRow, Unfit> {
        let known = desk.store.get(&[hash(&self.invite, "invite")?.to_cell()])?;
        known.ok_or_else(|| Unfit::unknown("invite", &self.invite))
    }
}

impl Order for Withdrawal {
    const PATH: &'static str = "invites/withdraw";
    type Made = Done;

    fn reach<S: Read + ?Sized>(&self, _: &Desk<'_, S>) -> Result<Reach, Unfit> {
        Ok(Reach::District)
    }

    fn alters<S: Read + ?Sized>(&self, desk: &Desk<'_, S>) -> Result<Option<Version>, Unfit> {
        Ok(Some(Version::of_row(&self.invite(desk)?)))
    }

    fn command<S: Read + ?Sized>(self, desk: &Desk<'_, S>) -> Result<(Command, Done), Unfit> {
        let code_hash = self.invite(desk)?.code_hash;
        Ok((Command::WithdrawInvite(WithdrawInvite { code_hash }), Done {}))
    }
}
