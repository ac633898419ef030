//! Deadlines on the device: the same clocks as the server's, from the receive times that came with the changes.
//!
//! What the server has not received runs no clock. The calendar is the server's, as last heard, or else the one
//! built in.

use std::collections::BTreeSet;

use renolog_protocol::deadlines::{Due, due};
use renolog_protocol::id::{CommunityId, RecordId};
use renolog_protocol::record::RecordView;
use renolog_protocol::schema::{Kind, Party, Role, StateName};
use renolog_protocol::time::UnixMs;

use super::{Client, ClientError};
use crate::store::ListedRecord;

/// Candidates read at a time.
const PAGE: u32 = 100;

/// A record that is overdue.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Overdue {
    /// The record.
    pub record: ListedRecord,
    /// Its clocks that are over.
    pub clocks: Vec<Due>,
    /// Whose ordinary move it waits for.
    pub waits_for: BTreeSet<Role>,
}

impl Overdue {
    /// Whether it concerns a role: because it waits for it, or because it was told.
    pub fn concerns(&self, role: &Role) -> bool {
        self.waits_for.contains(role) || self.clocks.iter().any(|clock| clock.escalated.contains(role))
    }
}

/// Which overdue records are asked for.
#[derive(Debug, Clone, Default)]
pub struct OverdueFilter {
    /// Only of this community.
    pub community: Option<CommunityId>,
    /// Only those that concern this role.
    pub role: Option<Role>,
    /// Only those that concern a role of this party.
    pub party: Option<Party>,
}

impl Client {
    /// The clocks that run for a record.
    ///
    /// # Errors
    /// [`ClientError::NoSuchRecord`], [`ClientError::Store`].
    pub fn due(&mut self, now: UnixMs, record: RecordId) -> Result<Vec<Due>, ClientError> {
        let view = self.read(record)?;
        self.clocks(&view, self.server_time(now))
    }

    /// What is overdue, the longest first; at most `limit`, 0 for no bound.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn overdue(&mut self, now: UnixMs, filter: &OverdueFilter, limit: usize) -> Result<Vec<Overdue>, ClientError> {
        let at = self.server_time(now);
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = self.store.due_by(at, filter.community, after, PAGE)?;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some(*last);
            for (_, record) in page {
                found.extend(self.overdue_record(record, at, filter)?);
                if found.len() == limit && limit > 0 {
                    return Ok(found);
                }
            }
        }
    }

    fn overdue_record(&mut self, id: RecordId, at: UnixMs, filter: &OverdueFilter) -> Result<Option<Overdue>, ClientError> {
        let Some(view) = self.glance(id)? else { return Ok(None) };
        let clocks: Vec<Due> = self.clocks(&view, at)?.into_iter().filter(|clock| clock.overdue.is_some()).collect();
        let Some(kind) = self.schema.kinds.get(&view.created.kind).filter(|_| !clocks.is_empty()) else { return Ok(None) };
        let waits_for = waits_for(kind, &view.state);
        let overdue = Overdue { record: self.listed(id)?, clocks, waits_for };
        let of_party = |party: &Party| {
            let mut roles = self.schema.roles.iter().filter(|(_, rules)| rules.party == *party);
            roles.any(|(role, _)| overdue.concerns(role))
        };
        let wanted = filter.role.as_ref().is_none_or(|role| overdue.concerns(role)) && filter.party.as_ref().is_none_or(of_party);
        Ok(Some(overdue).filter(|_| wanted))
    }

    /// When the first of a record's clocks ends.
    pub(super) fn first_end(&self, view: &RecordView) -> Result<Option<UnixMs>, ClientError> {
        let clocks = self.clocks(view, UnixMs(0))?;
        Ok(clocks.into_iter().filter(|clock| !clock.earliest).map(|clock| clock.due).min())
    }

    fn clocks(&self, view: &RecordView, at: UnixMs) -> Result<Vec<Due>, ClientError> {
        let runs = |kind: &&Kind| kind.deadlines.iter().any(|rule| rule.states.contains(&view.state));
        let Some(kind) = self.schema.kinds.get(&view.created.kind).filter(runs) else { return Ok(Vec::new()) };
        let received = self.store.received_of(view.id)?;
        // Nothing of a record is received before its creation.
        let made = received.values().min().copied();
        Ok(due(kind, view, made, |change| received.get(&change).copied(), &self.calendar, at))
    }
}

/// Stopping work, sending back and escalating are not what a record waits for.
fn waits_for(kind: &Kind, state: &StateName) -> BTreeSet<Role> {
    let next = kind.moves.values().filter(|rule| rule.from.contains(state) && !rule.weight.overrules());
    next.flat_map(|rule| rule.by.iter().cloned()).collect()
}
