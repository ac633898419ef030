//! What this person may do, and what waits for them: asked of the rules beforehand, for forms and for the first screen.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use renolog_protocol::id::{ChangeHash, CommunityId, RecordId};
use renolog_protocol::rules::{Author, Offers, creatable, offers};
use renolog_protocol::schema::{Kind, KindName, Party, Role, StateName};
use renolog_protocol::time::UnixMs;

use super::{Client, ClientError, Writer};
use crate::store::{Filter, ListedRecord};

impl Client {
    /// What the person may do in a record now, for each role they have; nothing where they have none.
    ///
    /// # Errors
    /// [`ClientError::NoSuchRecord`], [`ClientError::NoRoster`], [`ClientError::NotEnrolled`], [`ClientError::Store`].
    pub fn offers(&mut self, now: UnixMs, record: RecordId) -> Result<Vec<Offers>, ClientError> {
        let feed = self.feed_of(record)?;
        let author = self.author(now)?;
        let schema = self.schema.clone();
        let record = self.hot(record)?.clone();
        let community = self.communities.get(&feed.community).ok_or(ClientError::NoRoster)?;
        Ok(offers(&schema, &community.roster, &record, author))
    }

    /// The kinds of which the person may make records in a community, and for which parties.
    ///
    /// # Errors
    /// [`ClientError::NoRoster`], [`ClientError::NotEnrolled`].
    pub fn creatable(&self, now: UnixMs, community: CommunityId) -> Result<IndexMap<KindName, Vec<Party>>, ClientError> {
        let known = self.communities.get(&community).ok_or(ClientError::NoRoster)?;
        Ok(creatable(&self.schema, &known.roster, self.author(now)?))
    }

    /// What the person is in a community now.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`].
    pub fn roles(&self, now: UnixMs, community: CommunityId) -> Result<Vec<(Role, Party)>, ClientError> {
        let Author { person, at, .. } = self.author(now)?;
        let roster = self.communities.get(&community).map(|known| &known.roster);
        let held = roster.into_iter().flat_map(|roster| roster.roles_of(person, at));
        Ok(held.map(|member| (member.role.clone(), member.party.clone())).collect())
    }

    /// Records that wait for an ordinary move of this person's, latest first; at most `limit`, 0 for no bound.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`], [`ClientError::Store`].
    pub fn waiting(&self, now: UnixMs, limit: u32) -> Result<Vec<ListedRecord>, ClientError> {
        let mut found = Vec::new();
        for community in self.communities.keys() {
            let roles: Vec<Role> = self.roles(now, *community)?.into_iter().map(|(role, _)| role).collect();
            for kind in self.schema.kinds.values() {
                for state in waiting_states(kind, &roles) {
                    let (kind, state) = (Some(kind.name.clone()), Some(state.clone()));
                    found.extend(self.store.list(&Filter {
                        community: Some(*community),
                        kind,
                        state,
                        limit,
                        ..Filter::default()
                    })?);
                }
            }
        }
        found.retain(|record: &ListedRecord| !record.voided);
        found.sort_by_key(|record| (std::cmp::Reverse(record.updated), record.id));
        if limit > 0 {
            found.truncate(limit as usize);
        }
        Ok(found)
    }

    /// Whose words each change of a record holds, as far as it is known.
    ///
    /// # Errors
    /// [`ClientError::NoSuchRecord`], [`ClientError::Store`].
    pub fn writers(&self, record: RecordId) -> Result<BTreeMap<ChangeHash, Writer>, ClientError> {
        self.feed_of(record)?;
        let kept = self.store.changes_of(record)?;
        Ok(kept.iter().filter_map(|kept| Some((kept.hash, self.writer(kept)?))).collect())
    }

    fn author(&self, now: UnixMs) -> Result<Author, ClientError> {
        Ok(Author { person: self.person()?, device: self.me.device, at: self.server_time(now) })
    }
}

/// The states in which a kind waits for an ordinary move of one of these roles.
fn waiting_states<'a>(kind: &'a Kind, roles: &'a [Role]) -> impl Iterator<Item = &'a StateName> {
    kind.states.keys().filter(move |state| {
        kind.moves
            .values()
            .any(|rule| rule.from.contains(*state) && !rule.weight.overrules() && roles.iter().any(|role| rule.by.contains(role)))
    })
}
