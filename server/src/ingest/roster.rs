//! Communities, invitations and devices.

use renolog_protocol::id::CommunityId;
use renolog_protocol::schema::Schema;
use renolog_protocol::time::UnixMs;

use super::{Enrolled, IngestError, Outcome, Rejection};
use crate::command::{AddCommunity, Enrol, Invite};
use crate::store::{ALL, Column, CommunityRow, DeviceRow, InviteRow, MemberRow, PersonRow, Read, Store, StoreError, Write};

pub(super) fn add_community<S: Store>(store: &mut S, add: &AddCommunity, received: UnixMs) -> Result<Outcome, IngestError> {
    let taken: Vec<CommunityRow> = store.list_by(CommunityRow::BY_SLUG, &[add.slug.to_cell()], None, 1)?;
    if !taken.is_empty() || store.get::<CommunityRow>(&[add.id.to_cell()])?.is_some() {
        return Err(Rejection::SlugTaken(add.slug.clone()).into());
    }
    let (slug, name) = (add.slug.clone(), add.name.clone());
    store.put(&CommunityRow { id: add.id, slug, name, roster_version: 1, added: received })?;
    Ok(Outcome::CommunityAdded)
}

pub(super) fn invite<S: Store>(store: &mut S, schema: &Schema, invite: &Invite) -> Result<Outcome, IngestError> {
    if !schema.roles.contains_key(&invite.role) {
        return Err(Rejection::UnknownTerm(format!("role {}", invite.role)).into());
    }
    if !schema.parties.contains_key(&invite.party) {
        return Err(Rejection::UnknownTerm(format!("party {}", invite.party)).into());
    }
    for community in &invite.communities {
        if store.get::<CommunityRow>(&[community.to_cell()])?.is_none() {
            return Err(Rejection::UnknownCommunity(*community).into());
        }
    }
    store.put(&InviteRow {
        code_hash: invite.code_hash.clone(),
        communities: invite.communities.iter().flat_map(|id| id.as_bytes().to_vec()).collect(),
        role: invite.role.clone(),
        party: invite.party.clone(),
        name: invite.name.clone(),
        expires: invite.expires,
        used_by: None,
    })?;
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
    // A device that is enrolled already brings a second code to take on another role for the same person.
    let person = match known {
        Some(known) if known.public_key != enrol.public_key => return Err(Rejection::DeviceTaken.into()),
        Some(known) => known.person,
        None => {
            store.put(&PersonRow { id: enrol.person, name: invite.name.clone() })?;
            enrol.person
        }
    };
    put_device(store, enrol, person, received)?;
    let communities: Vec<CommunityId> = invite.communities.chunks(16).filter_map(CommunityId::from_slice).collect();
    for community in communities {
        add_member(store, community, person, &invite, received)?;
    }
    store.put(&InviteRow { used_by: Some(enrol.device), ..invite })?;
    Ok(Outcome::Enrolled(enrolled(store, person)?))
}

/// The same device brings the same code again: the answer to its first try was lost on the way.
fn again<S: Store>(store: &mut S, enrol: &Enrol, known: Option<DeviceRow>) -> Result<Outcome, IngestError> {
    match known {
        Some(known) if known.public_key == enrol.public_key => {
            put_device(store, enrol, known.person, known.enrolled)?;
            Ok(Outcome::Enrolled(enrolled(store, known.person)?))
        }
        _ => Err(Rejection::UsedCode.into()),
    }
}

fn put_device<S: Store>(
    store: &mut S,
    enrol: &Enrol,
    person: renolog_protocol::id::PersonId,
    enrolled: UnixMs,
) -> Result<(), StoreError> {
    store.put(&DeviceRow {
        id: enrol.device,
        person,
        public_key: enrol.public_key,
        name: enrol.device_name.clone(),
        token_hash: enrol.token_hash.clone(),
        enrolled,
    })
}

fn add_member<S: Store>(
    store: &mut S,
    community: CommunityId,
    person: renolog_protocol::id::PersonId,
    invite: &InviteRow,
    received: UnixMs,
) -> Result<(), StoreError> {
    let Some(row) = store.get::<CommunityRow>(&[community.to_cell()])? else { return Ok(()) };
    let number = store.list::<MemberRow>(&[community.to_cell()], None, ALL)?.len() as u64 + 1;
    let (role, party) = (invite.role.clone(), invite.party.clone());
    store.put(&MemberRow { community, number, person, role, party, since: received, until: None })?;
    store.put(&CommunityRow { roster_version: row.roster_version + 1, ..row })
}

fn enrolled<S: Store>(store: &S, person: renolog_protocol::id::PersonId) -> Result<Enrolled, StoreError> {
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
