//! Communities, people, their roles and their devices.

use renolog_protocol::id::{CommunityId, PersonId};
use renolog_protocol::schema::Schema;
use renolog_protocol::time::UnixMs;

use super::{Enrolled, IngestError, Outcome, Rejection};
use crate::command::{
    AddCommunity, Duty, EndRole, Enrol, GiveRole, Guest, Invite, Left, RevokeDevice, Runs, SetAdministrator, SetOrganisation,
    SetPerson, SuspendPerson,
};
use crate::store::{
    ALL, Column, CommunityRow, DeviceRow, InviteRow, MemberRow, OrganisationRow, PersonRow, Read, Row, Store, StoreError, Write,
};

pub(super) fn add_community<S: Store>(store: &mut S, add: &AddCommunity, received: UnixMs) -> Result<Outcome, IngestError> {
    let taken: Vec<CommunityRow> = store.list_by(CommunityRow::BY_SLUG, &[add.slug.to_cell()], None, 1)?;
    if !taken.is_empty() || store.get::<CommunityRow>(&[add.id.to_cell()])?.is_some() {
        return Err(Rejection::SlugTaken(add.slug.clone()).into());
    }
    let (slug, name) = (add.slug.clone(), add.name.clone());
    store.put(&CommunityRow { id: add.id, slug, name, roster_version: 1, added: received })?;
    Ok(Outcome::CommunityAdded)
}

pub(super) fn set_organisation<S: Store>(store: &mut S, set: &SetOrganisation) -> Result<Outcome, IngestError> {
    store.put(&OrganisationRow { id: set.id, name: set.name.clone() })?;
    Ok(Outcome::Done)
}

pub(super) fn set_person<S: Store>(store: &mut S, set: &SetPerson) -> Result<Outcome, IngestError> {
    if let Some(organisation) = set.organisation
        && store.get::<OrganisationRow>(&[organisation.to_cell()])?.is_none()
    {
        return Err(Rejection::UnknownOrganisation(organisation).into());
    }
    let known: Option<PersonRow> = store.get(&[set.id.to_cell()])?;
    let known = known.unwrap_or_else(|| newcomer(set.id, &set.name));
    store.put(&PersonRow { name: set.name.clone(), organisation: set.organisation, ..known })?;
    standing_changed(store, set.id)
}

fn newcomer(id: PersonId, name: &str) -> PersonRow {
    PersonRow { id, name: name.to_owned(), organisation: None, suspended: None, administrator: 0 }
}

pub(super) fn set_administrator<S: Store>(store: &mut S, set: &SetAdministrator) -> Result<Outcome, IngestError> {
    let known = person(store, set.person)?;
    store.put(&PersonRow { administrator: set.administrator.into(), ..known })?;
    Ok(Outcome::StandingChanged)
}

pub(super) fn suspend<S: Store>(store: &mut S, asked: &SuspendPerson, received: UnixMs) -> Result<Outcome, IngestError> {
    let known = person(store, asked.person)?;
    let suspended = asked.suspended.then(|| known.suspended.unwrap_or(received));
    store.put(&PersonRow { suspended, ..known })?;
    standing_changed(store, asked.person)
}

pub(super) fn revoke_device<S: Store>(store: &mut S, asked: &RevokeDevice, received: UnixMs) -> Result<Outcome, IngestError> {
    let device: DeviceRow = store.get(&[asked.device.to_cell()])?.ok_or(Rejection::UnknownDevice(asked.device))?;
    if device.revoked.is_none() {
        store.put(&DeviceRow { revoked: Some(received), revoked_why: Some(asked.reason.clone()), ..device })?;
    }
    Ok(Outcome::StandingChanged)
}

/// Says nothing of a device that is gone, or that ran this before.
pub(super) fn note_version<S: Store>(store: &mut S, runs: &Runs) -> Result<Option<Outcome>, IngestError> {
    let known: Option<DeviceRow> = store.get(&[runs.device.to_cell()])?;
    let Some(device) = known.filter(|device| device.runs.as_ref() != Some(&runs.version)) else { return Ok(None) };
    store.put(&DeviceRow { runs: Some(runs.version.clone()), ..device })?;
    Ok(Some(Outcome::Done))
}

/// Says nothing of a device that is gone, or that had as many before.
pub(super) fn note_unsent<S: Store>(store: &mut S, left: &Left) -> Result<Option<Outcome>, IngestError> {
    let known: Option<DeviceRow> = store.get(&[left.device.to_cell()])?;
    let Some(device) = known.filter(|device| device.unsent != left.unsent) else { return Ok(None) };
    store.put(&DeviceRow { unsent: left.unsent, ..device })?;
    Ok(Some(Outcome::Done))
}

pub(super) fn give_role<S: Store>(
    store: &mut S,
    schema: &Schema,
    give: &GiveRole,
    received: UnixMs,
) -> Result<Outcome, IngestError> {
    person(store, give.person)?;
    check(store, schema, &give.duty)?;
    for community in &give.duty.communities {
        add_member(store, *community, give.person, &give.duty, (give.from.unwrap_or(received), give.until))?;
    }
    Ok(Outcome::StandingChanged)
}

pub(super) fn end_role<S: Store>(store: &mut S, end: &EndRole, received: UnixMs) -> Result<Outcome, IngestError> {
    let key = [end.community.to_cell(), end.number.to_cell()];
    let member: MemberRow = store.get(&key)?.ok_or(Rejection::UnknownRole(end.community, end.number))?;
    // What was done under a role stands; so it never ends before now.
    let at = end.at.unwrap_or(received).max(received);
    store.put(&MemberRow { until: Some(member.until.map_or(at, |until| until.min(at))), ..member })?;
    roster_changed(store, end.community)?;
    Ok(Outcome::StandingChanged)
}

fn person<S: Store>(store: &S, id: PersonId) -> Result<PersonRow, IngestError> {
    store.get(&[id.to_cell()])?.ok_or_else(|| Rejection::UnknownPerson(id).into())
}

/// That a duty is made of what is there.
fn check<S: Store>(store: &S, schema: &Schema, duty: &Duty) -> Result<(), IngestError> {
    if !schema.roles.contains_key(&duty.role) {
        return Err(Rejection::UnknownTerm(format!("role {}", duty.role)).into());
    }
    if !schema.parties.contains_key(&duty.party) {
        return Err(Rejection::UnknownTerm(format!("party {}", duty.party)).into());
    }
    for community in &duty.communities {
        if store.get::<CommunityRow>(&[community.to_cell()])?.is_none() {
            return Err(Rejection::UnknownCommunity(*community).into());
        }
    }
    Ok(())
}

pub(super) fn invite<S: Store>(
    store: &mut S,
    schema: &Schema,
    invite: &Invite,
    received: UnixMs,
) -> Result<Outcome, IngestError> {
    if let Some(duty) = &invite.duty {
        check(store, schema, duty)?;
    }
    let (person, name) = match &invite.guest {
        Guest::New(name) => (None, name.clone()),
        Guest::Known(id) => (Some(*id), person(store, *id)?.name),
    };
    let (role, party) = invite.duty.as_ref().map(|duty| (duty.role.clone(), duty.party.clone())).unzip();
    store.put(&InviteRow {
        code_hash: invite.code_hash.clone(),
        person,
        name,
        role,
        party,
        communities: invite.duty.iter().flat_map(|duty| &duty.communities).flat_map(|id| id.as_bytes().to_vec()).collect(),
        administrator: invite.administrator.into(),
        made: received,
        expires: invite.expires,
        used_by: None,
    })?;
    Ok(Outcome::Done)
}

impl InviteRow {
    fn duty(&self) -> Option<Duty> {
        let communities = self.communities.chunks(16).filter_map(CommunityId::from_slice).collect();
        Some(Duty { role: self.role.clone()?, party: self.party.clone()?, communities })
    }
}

/// Takes back a one-time code, if it was not used.
pub(super) fn withdraw<S: Store>(store: &mut S, code_hash: &[u8]) -> Result<Outcome, IngestError> {
    let key = [code_hash.to_vec().to_cell()];
    match store.get::<InviteRow>(&key)? {
        Some(InviteRow { used_by: None, .. }) => store.remove::<InviteRow>(&key)?,
        Some(_) => return Err(Rejection::UsedCode.into()),
        None => return Err(Rejection::UnknownCode.into()),
    }
    Ok(Outcome::Done)
}

pub(super) fn enrol<S: Store>(store: &mut S, enrol: &Enrol, received: UnixMs) -> Result<Outcome, IngestError> {
    let invite: InviteRow = store.get(&[enrol.code_hash.to_cell()])?.ok_or(Rejection::UnknownCode)?;
    let known: Option<DeviceRow> = store.get(&[enrol.device.to_cell()])?;
    if let Some(used_by) = invite.used_by {
        return if used_by == enrol.device { again(store, enrol, known) } else { Err(Rejection::UsedCode.into()) };
    }
    if invite.expires <= received {
        return Err(Rejection::ExpiredCode.into());
    }
    let guest = enrolling(store, enrol, &invite, known.as_ref())?;
    let guest = PersonRow { administrator: guest.administrator | invite.administrator, ..guest };
    store.put(&guest)?;
    let enrolled_at = known.map_or(received, |known| known.enrolled);
    store.put(&DeviceRow {
        id: enrol.device,
        person: guest.id,
        public_key: enrol.public_key,
        name: enrol.device_name.clone(),
        enrolled: enrolled_at,
        revoked: None,
        revoked_why: None,
        runs: None,
        unsent: 0,
    })?;
    if let Some(duty) = invite.duty() {
        for community in &duty.communities {
            add_member(store, *community, guest.id, &duty, (received, None))?;
        }
    }
    store.put(&InviteRow { used_by: Some(enrol.device), ..invite })?;
    Ok(Outcome::Enrolled(enrolled(store, guest.id)?))
}

/// Whose the device will be: a device that is enrolled already brings a second code for the same person.
fn enrolling<S: Store>(
    store: &S,
    enrol: &Enrol,
    invite: &InviteRow,
    known: Option<&DeviceRow>,
) -> Result<PersonRow, IngestError> {
    let id = match (known, invite.person) {
        (Some(known), _) if known.public_key != enrol.public_key => return Err(Rejection::DeviceTaken.into()),
        (Some(known), _) if known.revoked.is_some() => return Err(Rejection::RevokedDevice(known.id).into()),
        (Some(known), Some(invited)) if known.person != invited => return Err(Rejection::DeviceTaken.into()),
        (Some(known), _) => known.person,
        (None, Some(invited)) => invited,
        (None, None) => return Ok(newcomer(made_by(store, enrol)?, &invite.name)),
    };
    person(store, id)
}

/// Who comes into being with a code. A device that enrolled after the backup from which this store came back says who its
/// person was, so that what they have written can stand again; nobody becomes somebody who is known here.
fn made_by<S: Store>(store: &S, enrol: &Enrol) -> Result<PersonId, StoreError> {
    match enrol.was {
        Some(was) if store.get::<PersonRow>(&[was.to_cell()])?.is_none() => Ok(was),
        _ => Ok(enrol.person),
    }
}

/// The same device brings the same code again: the answer to its first try was lost on the way.
fn again<S: Store>(store: &S, enrol: &Enrol, known: Option<DeviceRow>) -> Result<Outcome, IngestError> {
    match known {
        Some(known) if known.public_key == enrol.public_key && known.revoked.is_none() => {
            Ok(Outcome::Enrolled(enrolled(store, known.person)?))
        }
        _ => Err(Rejection::UsedCode.into()),
    }
}

fn add_member<S: Store>(
    store: &mut S,
    community: CommunityId,
    person: PersonId,
    duty: &Duty,
    (since, until): (UnixMs, Option<UnixMs>),
) -> Result<(), IngestError> {
    let given = store.count_cells(MemberRow::TABLE, None, &[community.to_cell()])?;
    if given >= renolog_protocol::limits::MEMBERS as u64 {
        return Err(Rejection::RosterFull(community).into());
    }
    let (role, party) = (duty.role.clone(), duty.party.clone());
    store.put(&MemberRow { community, number: given + 1, person, role, party, since, until })?;
    Ok(roster_changed(store, community)?)
}

fn roster_changed<S: Store>(store: &mut S, community: CommunityId) -> Result<(), StoreError> {
    let Some(row) = store.get::<CommunityRow>(&[community.to_cell()])? else { return Ok(()) };
    store.put(&CommunityRow { roster_version: row.roster_version + 1, ..row })
}

/// Something that every roster says of a person is otherwise now.
fn standing_changed<S: Store>(store: &mut S, person: PersonId) -> Result<Outcome, IngestError> {
    let roles: Vec<MemberRow> = store.list_by(MemberRow::BY_PERSON, &[person.to_cell()], None, ALL)?;
    let communities: std::collections::BTreeSet<CommunityId> = roles.into_iter().map(|role| role.community).collect();
    for community in communities {
        roster_changed(store, community)?;
    }
    Ok(Outcome::StandingChanged)
}

fn enrolled<S: Store>(store: &S, person: PersonId) -> Result<Enrolled, StoreError> {
    let roles: Vec<MemberRow> = store.list_by(MemberRow::BY_PERSON, &[person.to_cell()], None, ALL)?;
    let mut communities = Vec::new();
    for role in roles {
        if let Some(row) = store.get::<CommunityRow>(&[role.community.to_cell()])? {
            communities.push((row.id, row.name));
        }
    }
    communities.dedup();
    let name = store.get::<PersonRow>(&[person.to_cell()])?.map(|row| row.name).unwrap_or_default();
    Ok(Enrolled { person, name, communities })
}
