//! `GET /api/v1/me`: who the token speaks for, so that a page that finds a cookie knows whom to greet and what to offer.

use axum::Json;
use axum::extract::State;
use renolog_protocol::id::{CommunityId, DeviceId, PersonId};
use renolog_protocol::schema::{Party, Role};
use renolog_protocol::time::UnixMs;
use serde::Serialize;

use super::{Caller, Problem};
use crate::app::App;
use crate::store::{ALL, Column, CommunityRow, MemberRow, PersonRow, Read, Reader, StoreError};

/// The caller.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Me {
    /// Whether everything is open to this token: one that `renolog token` made. It is nobody in particular then.
    operator: bool,
    /// Whether the person administers the whole district.
    administrator: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<PersonId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<DeviceId>,
    /// What they are now, and where.
    roles: Vec<Held>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = HeldNow)]
struct Held {
    community: CommunityId,
    slug: String,
    name: String,
    role: Role,
    party: Party,
    /// Not any more from then on, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<UnixMs>,
}

/// Whom the token or cookie speaks for, and what they are where.
#[utoipa::path(get, path = "/me", operation_id = "me", tag = "session",
    responses((status = OK, body = Me), super::openapi::Refused))]
pub(super) async fn me(State(app): State<App>, caller: Caller) -> Result<Json<Me>, Problem> {
    let now = app.clock.now();
    Ok(Json(app.readers.ask(move |store| describe(store, &caller, now)).await?))
}

fn describe(store: &Reader, caller: &Caller, now: UnixMs) -> Result<Me, StoreError> {
    let (administrator, device) = match caller {
        Caller::Operator => {
            return Ok(Me { operator: true, administrator: false, person: None, name: None, device: None, roles: Vec::new() });
        }
        Caller::Administrator(device) => (true, device),
        Caller::Device(device) => (false, device),
    };
    let person: Option<PersonRow> = store.get(&[device.person.to_cell()])?;
    let held: Vec<MemberRow> = store.list_by(MemberRow::BY_PERSON, &[device.person.to_cell()], None, ALL)?;
    let mut roles = Vec::new();
    for row in held.into_iter().filter(|row| row.since <= now && row.until.is_none_or(|until| now < until)) {
        let Some(CommunityRow { slug, name, .. }) = store.get(&[row.community.to_cell()])? else { continue };
        roles.push(Held { community: row.community, slug, name, role: row.role, party: row.party, until: row.until });
    }
    let (name, device) = (person.map(|person| person.name), device.id);
    let person = caller.person();
    Ok(Me { operator: false, administrator, person, name, device: Some(device), roles })
}
