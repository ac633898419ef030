//! Who is meant: the people of a roster among those who are known.
//!
//! A name alone tells nobody apart for sure. So a row is somebody known if name, organisation, community and role all say
//! so, or an id does; and somebody new if nobody has the name. What lies between is a question for people.

use std::collections::{HashMap, HashSet};

use renolog_protocol::id::{CommunityId, OrganisationId, PersonId};
use renolog_protocol::schema::Role;

use super::row::{Entry, unspaced};
use super::{Whom, Wrong};
use crate::store::{ALL, DeviceRow, MemberRow, OrganisationRow, PersonRow, Read, StoreError};

/// Somebody known.
struct Known {
    id: PersonId,
    organisation: Option<String>,
    /// Added, and nothing else yet: no role, no device. So an import that was cut short goes on with whom it had added.
    blank: bool,
    roles: Vec<MemberRow>,
}

/// Everybody known.
pub(super) struct People {
    by_name: HashMap<String, Vec<Known>>,
    names: HashMap<PersonId, String>,
    /// The organisations, by name.
    pub(super) organisations: HashMap<String, OrganisationId>,
    /// How many roles were given in each community.
    pub(super) given: HashMap<CommunityId, usize>,
}

impl People {
    pub(super) fn of<S: Read + ?Sized>(store: &S) -> Result<Self, StoreError> {
        let organisations: Vec<OrganisationRow> = store.list(&[], None, ALL)?;
        let names: HashMap<OrganisationId, &str> = organisations.iter().map(|row| (row.id, row.name.as_str())).collect();
        let devices: Vec<DeviceRow> = store.list(&[], None, ALL)?;
        let enrolled: HashSet<PersonId> = devices.into_iter().map(|device| device.person).collect();
        let (mut roles, mut given) = (HashMap::<PersonId, Vec<MemberRow>>::new(), HashMap::new());
        for role in store.list::<MemberRow>(&[], None, ALL)? {
            *given.entry(role.community).or_default() += 1;
            roles.entry(role.person).or_default().push(role);
        }
        let mut people = Self { by_name: HashMap::new(), names: HashMap::new(), organisations: HashMap::new(), given };
        for person in store.list::<PersonRow>(&[], None, ALL)? {
            let roles = roles.remove(&person.id).unwrap_or_default();
            let blank = roles.is_empty() && !enrolled.contains(&person.id) && person.administrator == 0;
            let organisation = person.organisation.and_then(|id| names.get(&id)).map(|name| unspaced(name));
            let known = Known { id: person.id, organisation, blank, roles };
            people.by_name.entry(unspaced(&person.name)).or_default().push(known);
            people.names.insert(person.id, person.name);
        }
        people.organisations = organisations.iter().map(|row| (unspaced(&row.name), row.id)).collect();
        Ok(people)
    }

    fn named(&self, name: &str) -> &[Known] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// The one whom an entry describes in all that it says.
    pub(super) fn exactly(&self, entry: &Entry) -> Option<PersonId> {
        let has_it = |role: &MemberRow| role.community == entry.community && role.role == entry.role;
        let fits = |known: &&Known| known.organisation == entry.organisation && known.roles.iter().any(has_it);
        self.named(&entry.name).iter().find(fits).map(|known| known.id)
    }

    /// The roles of somebody called so.
    pub(super) fn roles(&self, name: &str, id: PersonId) -> &[MemberRow] {
        self.named(name).iter().find(|known| known.id == id).map_or(&[], |known| &known.roles)
    }
}

/// Somebody whom an earlier row brought into play.
struct Claim {
    row: u32,
    whom: Whom,
    organisation: Option<String>,
    community: CommunityId,
    role: Role,
}

/// Who the rows so far are.
pub(super) struct Identities<'a> {
    people: &'a People,
    /// A name at an organisation that some row of the file says exactly whose it is.
    told: HashMap<(&'a str, &'a str), PersonId>,
    claims: HashMap<&'a str, Vec<Claim>>,
}

/// Who an entry is.
pub(super) enum Who {
    /// Somebody known, or new with an earlier row.
    One(Whom),
    /// Somebody new.
    Newcomer,
}

impl<'a> Identities<'a> {
    pub(super) fn of(people: &'a People, entries: &'a [Entry]) -> Self {
        let tells = |entry: &'a Entry| Some(((&*entry.name, entry.organisation.as_deref()?), people.exactly(entry)?));
        Self { people, told: entries.iter().filter_map(tells).collect(), claims: HashMap::new() }
    }

    /// Who an entry is, if that can be told.
    pub(super) fn who(&self, entry: &Entry) -> Result<Who, Wrong> {
        if let Some(id) = entry.person {
            return self.by_id(id, &entry.name);
        }
        let told = || self.told.get(&(&*entry.name, entry.organisation.as_deref()?)).copied();
        if let Some(id) = self.people.exactly(entry).or_else(told) {
            return Ok(Who::One(Whom::Known(id)));
        }
        if let Some(who) = self.claimed(entry)? {
            return Ok(who);
        }
        let named = self.people.named(&entry.name);
        let blank: Vec<&Known> = named.iter().filter(|known| known.blank && known.organisation == entry.organisation).collect();
        match (named, &blank[..]) {
            ([], _) => Ok(Who::Newcomer),
            (_, [known]) => Ok(Who::One(Whom::Known(known.id))),
            _ => Err(Wrong::KnownName(named.iter().map(|known| known.id).collect())),
        }
    }

    fn by_id(&self, id: PersonId, name: &str) -> Result<Who, Wrong> {
        match self.people.names.get(&id) {
            None => Err(Wrong::NoPerson),
            Some(known) if unspaced(known) != name => Err(Wrong::OtherName(known.clone())),
            Some(_) => Ok(Who::One(Whom::Known(id))),
        }
    }

    /// Whoever an earlier row of this name is: with the same organisation the same person, with another one another; where
    /// one of them names none, only a row that says nothing else is the same.
    fn claimed(&self, entry: &Entry) -> Result<Option<Who>, Wrong> {
        let Some(claims) = self.claims.get(&*entry.name) else { return Ok(None) };
        for claim in claims {
            let repeats = claim.community == entry.community && claim.role == entry.role;
            match (&claim.organisation, &entry.organisation) {
                (Some(one), Some(other)) if one == other => return Ok(Some(Who::One(claim.whom))),
                (Some(_), Some(_)) => {}
                (None, None) if repeats => return Ok(Some(Who::One(claim.whom))),
                _ => return Err(Wrong::SameName(claim.row)),
            }
        }
        Ok(Some(Who::Newcomer))
    }

    /// Remembers who an entry was.
    pub(super) fn claim(&mut self, entry: &'a Entry, whom: Whom) {
        let (organisation, community, role) = (entry.organisation.clone(), entry.community, entry.role.clone());
        self.claims.entry(&entry.name).or_default().push(Claim { row: entry.row, whom, organisation, community, role });
    }
}
