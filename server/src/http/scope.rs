//! How much of the district a caller's question reaches: an operator's all of it, an office's the communities it works in.

use std::collections::BTreeSet;

use renolog_protocol::id::{Audience, CommunityId, FeedId};
use renolog_protocol::schema::Role;

use super::communities::no_community;
use super::{Caller, Problem};
use crate::app::App;
use crate::figures::Scope;
use crate::office::{find_community, is_office};
use crate::store::{ALL, Column, MemberRow, Read, Reader, StoreError};

/// The scope of a question to the district, or to one of its communities.
pub(super) fn of_district(
    app: &App,
    store: &Reader,
    caller: &Caller,
    community: Option<&str>,
) -> Result<Result<Scope, Problem>, StoreError> {
    let communities = match caller {
        Caller::Operator => None,
        // What the district's own people read, everywhere.
        Caller::Administrator(_) if community.is_none() => {
            let audiences = Audience::ALL.into_iter().filter(|audience| app.schema.may_read(*audience, &[district()]));
            return Ok(Ok(Scope::Audiences(audiences.collect())));
        }
        Caller::Administrator(_) => None,
        Caller::Device(device) => {
            let now = app.clock.now();
            let roles: Vec<MemberRow> = store.list_by(MemberRow::BY_PERSON, &[device.person.to_cell()], None, ALL)?;
            let held: Vec<&MemberRow> =
                roles.iter().filter(|r| r.since <= now && r.until.is_none_or(|until| now < until)).collect();
            if !held.iter().any(|member| is_office(&member.role)) {
                return Ok(Err(Problem::forbidden("the district's figures are for the street, the district and operators")));
            }
            Some(held.iter().map(|member| member.community).collect::<BTreeSet<_>>())
        }
    };
    match (community, communities) {
        (Some(named), _) => of_community(app, store, caller, named),
        (None, None) => Ok(Ok(Scope::Everything)),
        (None, Some(communities)) => {
            let mut feeds = BTreeSet::new();
            for community in communities {
                feeds.extend(feeds_of(app, store, caller, community)?);
            }
            Ok(Ok(Scope::Feeds(feeds)))
        }
    }
}

/// The scope of a question to one community: what the caller may read there.
pub(super) fn of_community(
    app: &App,
    store: &Reader,
    caller: &Caller,
    named: &str,
) -> Result<Result<Scope, Problem>, StoreError> {
    let Some(row) = find_community(store, named)? else { return Ok(Err(no_community(named))) };
    let feeds = feeds_of(app, store, caller, row.id)?;
    Ok(if feeds.is_empty() { Err(no_community(named)) } else { Ok(Scope::Feeds(feeds)) })
}

fn district() -> Role {
    Role::parse("district").expect("a name")
}

fn feeds_of(app: &App, store: &Reader, caller: &Caller, community: CommunityId) -> Result<BTreeSet<FeedId>, StoreError> {
    let audiences = caller.audiences(app, store, community)?;
    Ok(audiences.into_iter().map(|audience| FeedId { community, audience }).collect())
}
