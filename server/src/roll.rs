//! The rolls that administrators read: people, roles, devices, codes, tokens, and what administrators did.

use std::collections::{BTreeMap, BTreeSet};

use renolog_protocol::id::{ChangeHash, CommunityId, DeviceId, FeedId, OrganisationId, PersonId, Seq};
use renolog_protocol::schema::{Party, Role};
use renolog_protocol::time::UnixMs;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::hub::Hub;
use crate::office::find_community;
use crate::reception;
use crate::store::{
    ALL, AuditRow, Cell, Column, CommunityRow, DeviceRow, InviteRow, MemberRow, OrganisationRow, PersonRow, Read, Row, SeenRow,
    StoreError, TokenRow, WaitRow,
};

/// Most rows in one answer.
const MOST: usize = 500;

/// Where a list goes on, and how much of it is wanted.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// What an earlier answer gave as `next`.
    pub after: Option<String>,
    /// At most so many rows.
    pub limit: Option<usize>,
}

/// A stretch of a list.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Stretch<T> {
    /// What is in it.
    pub items: Vec<T>,
    /// Give it as `after` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A whole list, read a stretch at a time.
///
/// # Errors
/// Those of the stretches.
pub fn whole<T, E>(mut stretch: impl FnMut(&Page) -> Result<Stretch<T>, E>) -> Result<Vec<T>, E> {
    let mut page = Page { after: None, limit: Some(MOST) };
    let mut all = Vec::new();
    loop {
        let Stretch { items, next } = stretch(&page)?;
        all.extend(items);
        if next.is_none() {
            return Ok(all);
        }
        page.after = next;
    }
}

impl Page {
    /// What follows the question mark when the API is asked for it.
    pub fn query(&self) -> String {
        let after = self.after.iter().map(|after| format!("after={after}"));
        let limit = self.limit.iter().map(|limit| format!("limit={limit}"));
        after.chain(limit).collect::<Vec<_>>().join("&")
    }

    fn limit(&self) -> usize {
        self.limit.unwrap_or(100).clamp(1, MOST)
    }

    fn after<T: std::str::FromStr + Column>(&self) -> Option<Cell> {
        self.after.as_ref()?.parse::<T>().ok().map(|after| after.to_cell())
    }
}

/// A page of a table in the order of its key, each row told by `tell`.
fn page<S: Read + ?Sized, R: Row, T>(
    store: &S,
    (page, after): (&Page, Option<Cell>),
    key: impl Fn(&R) -> String,
    tell: impl Fn(R) -> Result<T, StoreError>,
) -> Result<Stretch<T>, StoreError> {
    let rows: Vec<R> = store.list(&[], after.as_ref(), page.limit())?;
    let next = rows.last().filter(|_| rows.len() == page.limit()).map(key);
    Ok(Stretch { items: rows.into_iter().map(tell).collect::<Result<_, _>>()?, next })
}

/// What a thing was when it was read, in the form of an `ETag`: another one as soon as anything of it is altered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct Version(String);

impl Version {
    /// Of a row as it stands.
    pub fn of_row<R: Row>(row: &R) -> Self {
        Self::of(&row.to_cells())
    }

    /// Of cells. Each says what it is and how long, so that no two rows read the same.
    pub fn of(cells: &[Cell]) -> Self {
        let mut hash = Sha256::new();
        for cell in cells {
            let (kind, bytes) = match cell {
                Cell::Null => (0, Vec::new()),
                Cell::Int(number) => (1, number.to_be_bytes().to_vec()),
                Cell::Text(text) => (2, text.clone().into_bytes()),
                Cell::Blob(bytes) => (3, bytes.clone()),
            };
            hash.update([kind]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
        Self(format!("\"{}\"", data_encoding::HEXLOWER.encode(&hash.finalize()[..16])))
    }

    /// As it stands in a header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An organisation.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Organisation {
    /// Which.
    pub id: OrganisationId,
    /// Its name.
    pub name: String,
    /// What it is altered by.
    pub version: Version,
}

/// The organisations.
///
/// # Errors
/// [`StoreError`], here and below.
pub fn organisations<S: Read + ?Sized>(store: &S, asked: &Page) -> Result<Stretch<Organisation>, StoreError> {
    let tell = |row: OrganisationRow| Ok(Organisation { version: Version::of_row(&row), id: row.id, name: row.name });
    page(store, (asked, asked.after::<OrganisationId>()), |row: &OrganisationRow| row.id.to_string(), tell)
}

/// A person, what they are where, and on which devices.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Person {
    /// Which.
    pub id: PersonId,
    /// Their name.
    pub name: String,
    /// Where they belong.
    pub organisation: Option<String>,
    /// Since when they are suspended, if they are.
    pub suspended: Option<UnixMs>,
    /// Whether they administer the whole district.
    pub administrator: bool,
    /// Their roles.
    pub roles: Vec<Held>,
    /// Their devices.
    pub devices: Vec<DeviceId>,
    /// What they are altered by; roles and devices have their own.
    pub version: Version,
}

/// A role as it is held.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Held {
    /// Where.
    pub community: CommunityId,
    /// The community's name.
    pub community_name: String,
    /// Its number there, to end it by.
    pub number: u64,
    /// Who.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// As what.
    pub role: Role,
    /// For which party.
    pub party: Party,
    /// Since when.
    pub from: UnixMs,
    /// Until when, if not for good.
    pub until: Option<UnixMs>,
    /// Whether it is held now.
    pub now: bool,
    /// What it is ended by.
    pub version: Version,
}

fn held<S: Read + ?Sized>(store: &S, row: MemberRow, now: UnixMs) -> Result<Held, StoreError> {
    let community: Option<CommunityRow> = store.get(&[row.community.to_cell()])?;
    let person: Option<PersonRow> = store.get(&[row.person.to_cell()])?;
    let (name, suspended) = person.map(|person| (person.name, person.suspended)).unwrap_or_default();
    let ends = row.until.into_iter().chain(suspended).min();
    Ok(Held {
        version: Version::of_row(&row),
        community: row.community,
        community_name: community.map(|community| community.name).unwrap_or_default(),
        number: row.number,
        person: row.person,
        name,
        role: row.role,
        party: row.party,
        from: row.since,
        until: row.until,
        now: row.since <= now && ends.is_none_or(|ends| now < ends),
    })
}

/// The people.
pub fn people<S: Read + ?Sized>(store: &S, now: UnixMs, asked: &Page) -> Result<Stretch<Person>, StoreError> {
    let tell = |row: PersonRow| {
        let roles: Vec<MemberRow> = store.list_by(MemberRow::BY_PERSON, &[row.id.to_cell()], None, ALL)?;
        let devices: Vec<DeviceRow> = store.list_by(DeviceRow::BY_PERSON, &[row.id.to_cell()], None, ALL)?;
        let organisation = match row.organisation {
            Some(id) => store.get::<OrganisationRow>(&[id.to_cell()])?.map(|organisation| organisation.name),
            None => None,
        };
        Ok(Person {
            version: Version::of_row(&row),
            id: row.id,
            name: row.name,
            organisation,
            suspended: row.suspended,
            administrator: row.administrator == 1,
            roles: roles.into_iter().map(|role| held(store, role, now)).collect::<Result<_, _>>()?,
            devices: devices.into_iter().map(|device| device.id).collect(),
        })
    };
    page(store, (asked, asked.after::<PersonId>()), |row: &PersonRow| row.id.to_string(), tell)
}

/// Whose roles are asked for.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Roles {
    /// Of this community, by id, short name or name.
    pub community: Option<String>,
    /// Of this person.
    pub person: Option<PersonId>,
}

/// The roles of a community, of a person, or of everyone.
pub fn roles<S: Read + ?Sized>(store: &S, now: UnixMs, asked: &Roles) -> Result<Stretch<Held>, StoreError> {
    let community = match &asked.community {
        Some(named) => Some(find_community(store, named)?.map(|row| row.id)),
        None => None,
    };
    let rows: Vec<MemberRow> = match (community, asked.person) {
        (Some(None), _) => Vec::new(),
        (Some(Some(community)), _) => store.list(&[community.to_cell()], None, ALL)?,
        (None, Some(person)) => store.list_by(MemberRow::BY_PERSON, &[person.to_cell()], None, ALL)?,
        (None, None) => store.list(&[], None, ALL)?,
    };
    let of_person = |row: &MemberRow| asked.person.is_none_or(|person| row.person == person);
    let items = rows.into_iter().filter(of_person).map(|row| held(store, row, now)).collect::<Result<_, _>>()?;
    Ok(Stretch { items, next: None })
}

/// Which devices are asked for.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Devices {
    /// Of this person.
    pub person: Option<PersonId>,
    /// What an earlier answer gave as `next`.
    pub after: Option<String>,
    /// At most so many rows.
    pub limit: Option<usize>,
}

/// A device.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Device {
    /// Which.
    pub id: DeviceId,
    /// Whose.
    pub person: PersonId,
    /// Their name.
    pub person_name: String,
    /// What they call it.
    pub name: String,
    /// When it was enrolled.
    pub enrolled: UnixMs,
    /// When it last told how far it had come.
    pub seen: Option<UnixMs>,
    /// Whether it is connected now.
    pub connected: bool,
    /// How many entries of the feeds that it follows it had not stored when it was seen last, or that came since; nothing
    /// where it never told.
    pub behind: Option<u64>,
    /// The version of the program that it said it runs, when it connected last.
    pub runs: Option<String>,
    /// How many of its changes had not come through when it was gone again last; what was written on it since, it alone knows.
    /// Nothing while it is connected and sends what it has.
    pub unsent: Option<u64>,
    /// How many of its changes wait here for others that were not sent.
    pub held: u64,
    /// Since when it is revoked, if it is.
    pub revoked: Option<UnixMs>,
    /// Why.
    pub revoked_why: Option<String>,
    /// What it is revoked by.
    pub version: Version,
}

/// The devices.
pub fn devices<S: Read + ?Sized>(store: &S, hub: &Hub, asked: &Devices) -> Result<Stretch<Device>, StoreError> {
    let tell = |row: DeviceRow| {
        let person: Option<PersonRow> = store.get(&[row.person.to_cell()])?;
        let seen: Vec<SeenRow> = store.list(&[row.id.to_cell()], None, ALL)?;
        let held: Vec<WaitRow> = store.list_by(WaitRow::BY_DEVICE, &[row.id.to_cell()], None, ALL)?;
        let connected = hub.is_connected(row.id);
        let held: BTreeSet<ChangeHash> = held.into_iter().map(|wait| wait.waiting).collect();
        Ok(Device {
            version: Version::of_row(&row),
            behind: behind(store, &seen)?,
            held: held.len() as u64,
            id: row.id,
            person: row.person,
            person_name: person.map(|person| person.name).unwrap_or_default(),
            name: row.name,
            enrolled: row.enrolled,
            seen: seen.into_iter().map(|seen| seen.received).max(),
            connected,
            revoked: row.revoked,
            revoked_why: row.revoked_why,
            unsent: (!connected).then_some(row.unsent),
            runs: row.runs,
        })
    };
    if let Some(person) = asked.person {
        let rows: Vec<DeviceRow> = store.list_by(DeviceRow::BY_PERSON, &[person.to_cell()], None, ALL)?;
        return Ok(Stretch { items: rows.into_iter().map(tell).collect::<Result<_, _>>()?, next: None });
    }
    let wanted = Page { after: asked.after.clone(), limit: asked.limit };
    page(store, (&wanted, wanted.after::<DeviceId>()), |row: &DeviceRow| row.id.to_string(), tell)
}

/// How many entries of the feeds that a device told of it has not stored, as far as it told.
fn behind<S: Read + ?Sized>(store: &S, seen: &[SeenRow]) -> Result<Option<u64>, StoreError> {
    let mut stored: BTreeMap<FeedId, Seq> = BTreeMap::new();
    for row in seen {
        let upto = stored.entry(row.feed).or_default();
        *upto = row.upto.max(*upto);
    }
    let missing = |(feed, upto): (&FeedId, &Seq)| Ok(reception::head(store, *feed)?.0.saturating_sub(upto.0));
    let missing: Vec<u64> = stored.iter().map(missing).collect::<Result<_, StoreError>>()?;
    Ok((!missing.is_empty()).then(|| missing.iter().sum()))
}

/// A one-time code, by what it is called; never the code itself.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Invite {
    /// What it is called.
    pub invite: String,
    /// For whom.
    pub name: String,
    /// The person, if they were known.
    pub person: Option<PersonId>,
    /// As what.
    pub role: Option<Role>,
    /// Whether they become an administrator.
    pub administrator: bool,
    /// When it was made.
    pub made: UnixMs,
    /// Until when it is good.
    pub expires: UnixMs,
    /// Whether it can be used now.
    pub open: bool,
    /// The device that used it.
    pub used_by: Option<DeviceId>,
    /// What it is withdrawn by.
    pub version: Version,
}

/// The one-time codes.
pub fn invites<S: Read + ?Sized>(store: &S, now: UnixMs, asked: &Page) -> Result<Stretch<Invite>, StoreError> {
    let hex = |hash: &[u8]| data_encoding::HEXLOWER.encode(hash);
    let tell = |row: InviteRow| {
        Ok(Invite {
            version: Version::of_row(&row),
            invite: hex(&row.code_hash),
            name: row.name,
            person: row.person,
            role: row.role,
            administrator: row.administrator == 1,
            made: row.made,
            expires: row.expires,
            open: row.used_by.is_none() && now < row.expires,
            used_by: row.used_by,
        })
    };
    page(store, (asked, named(asked)), |row: &InviteRow| hex(&row.code_hash), tell)
}

/// A bearer token for programs, by what it is called.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Token {
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub label: String,
    /// Until when it is good.
    pub expires: UnixMs,
    /// What it is ended by.
    pub version: Version,
}

/// The tokens.
pub fn tokens<S: Read + ?Sized>(store: &S, asked: &Page) -> Result<Stretch<Token>, StoreError> {
    let hex = |hash: &[u8]| data_encoding::HEXLOWER.encode(hash);
    let tell = |row: TokenRow| {
        let version = Version::of_row(&row);
        Ok(Token { version, name: hex(&row.token_hash), label: row.label, expires: row.expires })
    };
    page(store, (asked, named(asked)), |row: &TokenRow| hex(&row.token_hash), tell)
}

/// A position in a table that is keyed by a hash.
fn named(asked: &Page) -> Option<Cell> {
    let hash = data_encoding::HEXLOWER_PERMISSIVE.decode(asked.after.as_ref()?.as_bytes()).ok()?;
    Some(hash.to_cell())
}

/// Something that an administrator did.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Deed {
    /// Its place in the log.
    pub command: u64,
    /// When.
    pub received: UnixMs,
    /// Who; nobody for an operator at the machine.
    pub person: Option<PersonId>,
    /// Their name.
    pub name: String,
    /// What, by a stable name.
    pub action: String,
    /// To whom or what.
    pub subject: String,
    /// Why, where a reason was asked for.
    pub reason: String,
}

/// What administrators did, oldest first.
pub fn audit<S: Read + ?Sized>(store: &S, asked: &Page) -> Result<Stretch<Deed>, StoreError> {
    let tell = |row: AuditRow| {
        let person: Option<PersonRow> = row.person.map(|id| store.get(&[id.to_cell()])).transpose()?.flatten();
        Ok(Deed {
            command: row.command,
            received: row.received,
            person: row.person,
            name: person.map(|person| person.name).unwrap_or_default(),
            action: row.action,
            subject: row.subject,
            reason: row.reason,
        })
    };
    page(store, (asked, asked.after::<u64>()), |row: &AuditRow| row.command.to_string(), tell)
}
