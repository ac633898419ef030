//! Who is asking: a bearer token is looked up once per request, by its hash.

use std::collections::BTreeSet;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use renolog_protocol::id::{Audience, CommunityId, PersonId};
use renolog_protocol::schema::Role;

use super::Problem;
use crate::app::App;
use crate::reception;
use crate::secret::token_hash;
use crate::store::{Column, DeviceRow, Read, Reader, StoreError, TokenRow};

/// Who is asking.
#[derive(Debug, Clone, PartialEq)]
pub enum Caller {
    /// The holder of a token made by `renolog token`: everything.
    Operator,
    /// A person, by one of their devices: what their roles may read.
    Device(DeviceRow),
}

/// The bearer token of a request, not looked up yet.
#[derive(Debug)]
pub(super) struct Bearer(pub(super) String);

impl<S: Sync> FromRequestParts<S> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|header| header.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        match token {
            Some((_, token)) if !token.trim().is_empty() => Ok(Self(token.trim().to_owned())),
            _ => Err(Problem::unauthorized("send `Authorization: Bearer TOKEN`; `renolog token` prints one")),
        }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Bearer(token) = Bearer::from_request_parts(parts, app).await?;
        let (hash, now) = (token_hash(&token), app.clock.now());
        let found = app.readers.ask(move |store| {
            if let Some(row) = store.get::<TokenRow>(&[hash.to_cell()])? {
                return Ok((row.expires > now).then_some(Self::Operator));
            }
            let mut devices: Vec<DeviceRow> = store.list_by(DeviceRow::BY_TOKEN, &[hash.to_cell()], None, 1)?;
            Ok(devices.pop().map(Self::Device))
        });
        found.await?.ok_or_else(|| Problem::unauthorized("this token is not one of ours, or has expired"))
    }
}

impl Caller {
    /// The audiences of a community that this caller reads; none if they are nobody there.
    pub(super) fn audiences(&self, app: &App, store: &Reader, community: CommunityId) -> Result<BTreeSet<Audience>, StoreError> {
        let device = match self {
            Self::Operator => return Ok(Audience::ALL.into()),
            Self::Device(device) => device,
        };
        let roster = reception::roster(store, community)?;
        let roles: Vec<Role> = roster.roles_of(device.person, app.clock.now()).map(|member| member.role.clone()).collect();
        Ok(Audience::ALL.into_iter().filter(|audience| app.schema.may_read(*audience, &roles)).collect())
    }

    /// In which role this caller administers a community, if they do: an operator as the district, others as street or
    /// district officials of that community.
    pub(super) fn administers(&self, app: &App, store: &Reader, community: CommunityId) -> Result<Option<Role>, StoreError> {
        let administrator = |role: &Role| matches!(role.as_str(), "street" | "district");
        match self {
            Self::Operator => Ok(Role::parse("district").ok()),
            Self::Device(device) => {
                let roster = reception::roster(store, community)?;
                let role = roster.roles_of(device.person, app.clock.now()).map(|m| m.role.clone()).find(administrator);
                Ok(role)
            }
        }
    }

    /// The person, if it is one.
    pub(super) fn person(&self) -> Option<PersonId> {
        match self {
            Self::Operator => None,
            Self::Device(device) => Some(device.person),
        }
    }

    /// Only an operator goes on.
    pub(super) fn must_be_operator(&self) -> Result<(), Problem> {
        match self {
            Self::Operator => Ok(()),
            Self::Device(_) => Err(Problem::forbidden("this needs a token made by `renolog token`")),
        }
    }
}
