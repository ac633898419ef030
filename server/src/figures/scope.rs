//! Which part of the district a question is about: everything, or the feeds that someone may read.

use std::collections::BTreeSet;

use renolog_protocol::id::{Audience, CommunityId, FeedId};
use renolog_protocol::schema::Kind;

use crate::store::{ALL, Column, CommunityRow, FactRow, Read, StoreError};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The whole district.
    Everything,
    /// What of the whole district is for these audiences.
    Audiences(BTreeSet<Audience>),
    /// These feeds only.
    Feeds(BTreeSet<FeedId>),
}

impl Scope {
    /// All of one community.
    pub fn of_community(community: CommunityId) -> Self {
        Self::Feeds(Audience::ALL.into_iter().map(|audience| FeedId { community, audience }).collect())
    }

    /// What is counted of records of a kind, struck-out ones left out, in the order in which they were first accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn facts<S: Read + ?Sized>(&self, store: &S, kind: &Kind) -> Result<Vec<FactRow>, StoreError> {
        let name = kind.name.to_cell();
        let mut facts: Vec<FactRow> = match self {
            Self::Audiences(audiences) if !audiences.contains(&kind.audience) => Vec::new(),
            Self::Everything | Self::Audiences(_) => store.list_by(FactRow::BY_KIND, &[name], None, ALL)?,
            Self::Feeds(feeds) => {
                let mut facts = Vec::new();
                for feed in feeds.iter().filter(|feed| feed.audience == kind.audience) {
                    facts.extend(store.list_by::<FactRow>(FactRow::BY_FEED, &[feed.to_cell(), name.clone()], None, ALL)?);
                }
                facts
            }
        };
        facts.retain(|fact| fact.voided == 0);
        facts.sort_by_key(|fact| (fact.feed, fact.first));
        Ok(facts)
    }

    /// The communities within.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn communities<S: Read + ?Sized>(&self, store: &S) -> Result<Vec<CommunityRow>, StoreError> {
        let mut rows: Vec<CommunityRow> = store.list(&[], None, ALL)?;
        if let Self::Feeds(feeds) = self {
            let within: BTreeSet<CommunityId> = feeds.iter().map(|feed| feed.community).collect();
            rows.retain(|row| within.contains(&row.id));
        }
        Ok(rows)
    }

    /// Whether records for this audience are within. What is not is not counted as none.
    pub fn reads(&self, audience: Audience) -> bool {
        match self {
            Self::Everything => true,
            Self::Audiences(audiences) => audiences.contains(&audience),
            Self::Feeds(feeds) => feeds.iter().any(|feed| feed.audience == audience),
        }
    }

    /// Whether a feed is within.
    pub fn holds(&self, feed: FeedId) -> bool {
        match self {
            Self::Everything => true,
            Self::Audiences(audiences) => audiences.contains(&feed.audience),
            Self::Feeds(feeds) => feeds.contains(&feed),
        }
    }
}
