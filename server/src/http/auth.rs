//! Who is asking: a bearer token or a cookie is looked up once per request.
//!
//! A device's token says which device asks, and the store whether it still may. The browser keeps its token in a cookie that
//! scripts cannot read; a request that brings one and writes must come from the page itself.

use std::collections::BTreeSet;

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};
use axum::http::request::Parts;
use renolog_protocol::id::{Audience, CommunityId, PersonId};
use renolog_protocol::schema::Role;
use renolog_protocol::time::UnixMs;

use super::{Problem, cookie, session};
use crate::app::App;
use crate::link::PublicUrl;
use crate::office::{Reach, is_office};
use crate::reception;
use crate::secret::token_hash;
use crate::store::{Column, DeviceRow, PersonRow, Read, Reader, StoreError, TokenRow};
use crate::ticket::Ticket;

/// Who is asking.
#[derive(Debug, Clone, PartialEq)]
pub enum Caller {
    /// The holder of a token made by `renolog token`, or a command at the machine itself: everything.
    Operator,
    /// An administrator of the whole district, by one of their devices.
    Administrator(DeviceRow),
    /// A person, by one of their devices: what their roles may read.
    Device(DeviceRow),
}

/// The secret of a request, not looked up yet.
#[derive(Debug)]
pub(super) struct Bearer {
    pub(super) secret: String,
    /// Whether the browser keeps it.
    pub(super) cookie: bool,
}

impl FromRequestParts<App> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|header| header.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        if let Some((_, token)) = token.filter(|(_, token)| !token.trim().is_empty()) {
            return Ok(Self { secret: token.trim().to_owned(), cookie: false });
        }
        match cookie::of(&parts.headers) {
            Some(_) if !from_the_page(parts, app) => {
                Err(Problem::forbidden("a request with a cookie must come from the page itself"))
            }
            Some(token) => Ok(Self { secret: token, cookie: true }),
            None => Err(Problem::unauthorized("send `Authorization: Bearer TOKEN`; `renolog token` prints one")),
        }
    }
}

/// Whether a browser sent this from a page of this very server. `SameSite` sees to most of it; this sees to the rest, the
/// upgrade to a websocket included, which no browser keeps to one origin.
fn from_the_page(parts: &Parts, app: &App) -> bool {
    let header = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let site = header(HeaderName::from_static("sec-fetch-site"));
    let reads = parts.method == Method::GET && header(axum::http::header::UPGRADE).is_none();
    // A proxy may have put another name in the place of ours; then the one that was given with `--public-url` counts.
    let host = header(HOST).or_else(|| parts.uri.authority().map(|authority| authority.as_str()));
    let known = app.public_url.as_deref().map(PublicUrl::authority);
    let ours = |origin: &str| {
        origin
            .split_once("://")
            .is_some_and(|(_, from)| [host, known].into_iter().flatten().any(|own| own.eq_ignore_ascii_case(from)))
    };
    match (site, header(ORIGIN)) {
        (Some(site), _) => site == "same-origin" || (reads && site == "none"),
        (None, Some(origin)) => ours(origin),
        (None, None) => reads,
    }
}

/// A device that connects, whether or not it may still do anything: one that was shut out is told so in the conversation
/// itself, and what it still has to say goes to quarantine.
#[derive(Debug)]
pub(super) struct Connecting {
    pub(super) device: DeviceRow,
    pub(super) ticket: Ticket,
    pub(super) cookie: bool,
}

impl FromRequestParts<App> for Connecting {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let bearer = Bearer::from_request_parts(parts, app).await?;
        let ticket = app.tickets.read(&bearer.secret);
        let ticket = ticket.ok_or_else(|| Problem::unauthorized("only an enrolled device syncs, with its own token"))?;
        if !ticket.is_good_at(app.clock.now()) {
            return Err(Problem::token_expired("sign in again with the device's key: GET /api/v1/sign-in"));
        }
        let found = app.readers.ask(move |store| store.get::<DeviceRow>(&[ticket.device.to_cell()])).await?;
        let device = found.ok_or_else(|| Problem::unknown_device("this device is not enrolled here"))?;
        Ok(Self { device, ticket, cookie: bearer.cookie })
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Asking(secret) = Asking::from_request_parts(parts, app).await?;
        Self::of_secret(app, &secret).await.map(|(caller, _)| caller)
    }
}

/// The secret of whoever asks for anything but to sync: the console's where a browser keeps one, so that who tries both faces
/// in one browser is a volunteer in the one and an administrator in the other.
pub(super) struct Asking(pub(super) String);

impl FromRequestParts<App> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match session::kept(&parts.headers).filter(|_| !parts.headers.contains_key(AUTHORIZATION)) {
            Some(_) if !from_the_page(parts, app) => {
                Err(Problem::forbidden("a request with a cookie must come from the page itself"))
            }
            Some(token) => Ok(Self(token)),
            None => Bearer::from_request_parts(parts, app).await.map(|bearer| Self(bearer.secret)),
        }
    }
}

impl Caller {
    /// Whose secret this is, and until when it is good, if it ends of itself.
    pub(super) async fn of_secret(app: &App, secret: &str) -> Result<(Self, Option<UnixMs>), Problem> {
        let (hash, now) = (token_hash(secret), app.clock.now());
        if hash[..] == app.local[..] {
            return Ok((Self::Operator, None));
        }
        let ticket = app.tickets.read(secret);
        if ticket.is_some_and(|ticket| !ticket.is_good_at(now)) {
            return Err(Problem::token_expired("sign in again with the device's key: GET /api/v1/sign-in"));
        }
        let found = app.readers.ask(move |store| match ticket {
            Some(ticket) => Ok(of_device(store, ticket, now)?.map(|caller| (caller, Some(ticket.expires())))),
            None => {
                let row: Option<TokenRow> = store.get(&[hash.to_cell()])?;
                Ok(row.filter(|row| row.expires > now).map(|row| (Self::Operator, Some(row.expires))))
            }
        });
        found.await?.ok_or_else(|| Problem::unauthorized("this token is not one of ours, or not any more"))
    }
}

fn of_device(store: &Reader, ticket: Ticket, now: UnixMs) -> Result<Option<Caller>, StoreError> {
    let Some(PersonRow { administrator, .. }) = reception::admitted(store, ticket.device, now)? else { return Ok(None) };
    let device: Option<DeviceRow> = store.get(&[ticket.device.to_cell()])?;
    Ok(device.map(|device| if administrator == 1 { Caller::Administrator(device) } else { Caller::Device(device) }))
}

impl Caller {
    /// The audiences of a community that this caller reads; none if they are nobody there.
    pub(super) fn audiences(&self, app: &App, store: &Reader, community: CommunityId) -> Result<BTreeSet<Audience>, StoreError> {
        let device = match self {
            Self::Operator => return Ok(Audience::ALL.into()),
            Self::Administrator(device) | Self::Device(device) => device,
        };
        let roster = reception::roster(store, community)?;
        let held = roster.roles_of(device.person, app.clock.now()).map(|member| member.role.clone());
        // An administrator reads everywhere what the district's own people read.
        let office = matches!(self, Self::Administrator(_)).then(|| Role::parse("district").expect("a name"));
        let roles: Vec<Role> = held.chain(office).collect();
        Ok(Audience::ALL.into_iter().filter(|audience| app.schema.may_read(*audience, &roles)).collect())
    }

    /// In which role this caller administers a community, if they do: operators and administrators as the district, others
    /// as street or district officials of that community.
    pub(super) fn administers(&self, app: &App, store: &Reader, community: CommunityId) -> Result<Option<Role>, StoreError> {
        match self {
            Self::Operator | Self::Administrator(_) => Ok(Role::parse("district").ok()),
            Self::Device(device) => {
                let roster = reception::roster(store, community)?;
                let role = roster.roles_of(device.person, app.clock.now()).map(|m| m.role.clone()).find(is_office);
                Ok(role)
            }
        }
    }

    /// Whether this caller may ask for something that touches these.
    pub(super) fn reaches(&self, app: &App, store: &Reader, reach: &Reach) -> Result<bool, StoreError> {
        match (self, reach) {
            (Self::Operator | Self::Administrator(_), _) => Ok(true),
            (Self::Device(_), Reach::District) => Ok(false),
            (Self::Device(_), Reach::Communities(communities)) => {
                for community in communities {
                    if self.administers(app, store, *community)?.is_none() {
                        return Ok(false);
                    }
                }
                Ok(!communities.is_empty())
            }
        }
    }

    /// The person, if it is one.
    pub(super) fn person(&self) -> Option<PersonId> {
        match self {
            Self::Operator => None,
            Self::Administrator(device) | Self::Device(device) => Some(device.person),
        }
    }
}
