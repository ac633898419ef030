//! What is asked for at a desk — a console, the command line — turned into commands.
//!
//! Each order is one type: what is asked, what whoever asked is told, whom it touches, and the command it comes to. The
//! API takes it at its path, and the command line gives it to the running server or to the data directory itself. Here
//! ids, codes and tokens are drawn; the commands carry only hashes of what is secret.

mod communities;
mod devices;
mod erasure;
mod invites;
mod people;
mod roles;
mod tokens;

use renolog_protocol::id::{CommunityId, OrganisationId, PersonId};
use renolog_protocol::limits;
use renolog_protocol::schema::{Party, Role, Schema};
use renolog_protocol::time::UnixMs;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::command::{Command, Duty};
use crate::roll::Version;
use crate::store::{ALL, Column, CommunityRow, OrganisationRow, PersonRow, Read, StoreError};
use crate::writer::WriteError;

pub use communities::{Community, NewCommunity};
pub use devices::Revocation;
pub use erasure::Erasure;
pub use invites::{Code, Invitation, Withdrawal};
pub use people::{Administration, Organisation, Organised, Person, Registered, Suspension};
pub use roles::{Assignment, Ending};
pub use tokens::{NewToken, Token, TokenEnd};

/// What shall become of a change in quarantine.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Decision {
    /// Whether it shall stand after all.
    pub release: bool,
    /// Why.
    pub reason: String,
}

/// Something that can be asked for.
pub trait Order: Serialize + DeserializeOwned + utoipa::ToSchema + Send + 'static {
    /// Where the API takes it, below `/api/v1/admin/`.
    const PATH: &'static str;
    /// What whoever asked is told.
    type Made: Serialize + DeserializeOwned + utoipa::ToSchema + Send + 'static;

    /// Whom it touches, and so who may ask for it.
    ///
    /// # Errors
    /// [`Unfit`].
    fn reach<S: Read + ?Sized>(&self, desk: &Desk<'_, S>) -> Result<Reach, Unfit>;

    /// The version of what it alters, as the [rolls](crate::roll) show it; nothing where it makes something new.
    ///
    /// # Errors
    /// [`Unfit`].
    fn alters<S: Read + ?Sized>(&self, desk: &Desk<'_, S>) -> Result<Option<Version>, Unfit>;

    /// The command it comes to.
    ///
    /// # Errors
    /// [`Unfit`].
    fn command<S: Read + ?Sized>(self, desk: &Desk<'_, S>) -> Result<(Command, Self::Made), Unfit>;
}

/// Whom an order touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Everyone: for administrators of the district.
    District,
    /// These communities: for the street and the district there, too.
    Communities(Vec<CommunityId>),
}

/// Where an order is taken.
#[derive(Debug, Clone, Copy)]
pub struct Desk<'a, S: ?Sized> {
    /// What is known.
    pub store: &'a S,
    /// The rules.
    pub schema: &'a Schema,
    /// Now.
    pub now: UnixMs,
}

/// An order that nothing can come of.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It makes no sense; the sentence says what is wrong with it.
    #[error("{0}")]
    Wrong(String),
    /// It names something that is not there.
    #[error("there is no {what} {named:?}")]
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// What it was called.
        named: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An order that was not carried out. Nothing of it is stored.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// Nothing can come of it.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// What it came to was not written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Unfit {
    fn unknown(what: &'static str, named: impl ToString) -> Self {
        Self::Unknown { what, named: named.to_string() }
    }
}

/// Nothing is told but that it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Done {}

impl<S: Read + ?Sized> Desk<'_, S> {
    fn community(&self, named: &str) -> Result<CommunityRow, Unfit> {
        find_community(self.store, named)?.ok_or_else(|| Unfit::unknown("community", named))
    }

    fn communities(&self, named: &[String]) -> Result<Vec<CommunityId>, Unfit> {
        named.iter().map(|named| Ok(self.community(named)?.id)).collect()
    }

    fn person(&self, id: PersonId) -> Result<PersonRow, Unfit> {
        self.store.get(&[id.to_cell()])?.ok_or_else(|| Unfit::unknown("person", id))
    }

    /// The organisation meant by an id or a name.
    fn organisation(&self, named: &str) -> Result<OrganisationId, Unfit> {
        if let Ok(id) = named.parse::<OrganisationId>()
            && let Some(row) = self.store.get::<OrganisationRow>(&[id.to_cell()])?
        {
            return Ok(row.id);
        }
        let all: Vec<OrganisationRow> = self.store.list(&[], None, ALL)?;
        let meant = |row: &OrganisationRow| row.name == named;
        all.into_iter().find(meant).map(|row| row.id).ok_or_else(|| Unfit::unknown("organisation", named))
    }

    /// A duty made of what there is; for the role's own party if none is said.
    fn duty(&self, role: &Role, party: Option<&Party>, communities: &[String]) -> Result<Duty, Unfit> {
        let Some(rules) = self.schema.roles.get(role) else {
            let known: Vec<&str> = self.schema.roles.keys().map(Role::as_str).collect();
            return Err(Unfit::Wrong(format!("there is no role {role}; roles are: {}", known.join(", "))));
        };
        let party = party.unwrap_or(&rules.party);
        if !self.schema.parties.contains_key(party) {
            let known: Vec<&str> = self.schema.parties.keys().map(Party::as_str).collect();
            return Err(Unfit::Wrong(format!("there is no party {party}; parties are: {}", known.join(", "))));
        }
        let communities = self.communities(communities)?;
        if communities.is_empty() {
            return Err(Unfit::Wrong("name at least one community".into()));
        }
        Ok(Duty { role: role.clone(), party: party.clone(), communities })
    }
}

/// Roles that administer the communities in which they are held; only administrators of the district give them.
pub const OFFICES: [&str; 2] = ["street", "district"];

/// Whether a role administers the communities in which it is held.
pub fn is_office(role: &Role) -> bool {
    OFFICES.contains(&role.as_str())
}

fn name(text: &str, what: &str) -> Result<String, Unfit> {
    let text = text.trim();
    let fits = (1..=limits::NAME_CHARS).contains(&text.chars().count()) && !text.contains(char::is_control);
    if fits {
        return Ok(text.to_owned());
    }
    Err(Unfit::Wrong(format!("{what} needs 1 to {} characters", limits::NAME_CHARS)))
}

fn reason(text: &str) -> Result<String, Unfit> {
    let text = text.trim();
    if (1..=limits::SENTENCE_CHARS).contains(&text.chars().count()) {
        return Ok(text.to_owned());
    }
    Err(Unfit::Wrong(format!("say why, in at most {} characters", limits::SENTENCE_CHARS)))
}

fn hash(hex: &str, what: &'static str) -> Result<Vec<u8>, Unfit> {
    data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).map_err(|_| Unfit::unknown(what, hex))
}

/// The community meant by an id, a short name or a name.
///
/// # Errors
/// [`StoreError`].
pub fn find_community<S: Read + ?Sized>(store: &S, named: &str) -> Result<Option<CommunityRow>, StoreError> {
    if let Ok(id) = named.parse::<CommunityId>() {
        return store.get(&[id.to_cell()]);
    }
    let by_slug: Vec<CommunityRow> = store.list_by(CommunityRow::BY_SLUG, &[named.to_owned().to_cell()], None, 1)?;
    if let Some(row) = by_slug.into_iter().next() {
        return Ok(Some(row));
    }
    Ok(store.list::<CommunityRow>(&[], None, ALL)?.into_iter().find(|row| row.name == named))
}
