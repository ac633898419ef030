//! What a connection asks of the store: who may connect, what they may know, a page of a feed.
//!
//! Pure questions to a [`Read`], so that the live server and a simulation answer them the same.

use std::sync::Arc;

use renolog_protocol::batch::{BadBatch, Batch, RawBatch};
use renolog_protocol::calendar::Calendar;
use renolog_protocol::id::{Audience, CommunityId, DeviceId, Epoch, FeedId, PersonId, Seq};
use renolog_protocol::limits;
use renolog_protocol::roster::{Member, Roster};
use renolog_protocol::schema::{Role, Schema};
use renolog_protocol::session::ByeCode;
use renolog_protocol::session::server::{CommunityStanding, FeedEntry, Introduction};
use renolog_protocol::time::UnixMs;
use renolog_protocol::wire::Visit;

use crate::ingest;
use crate::store::{ALL, BatchRow, ChangeRow, Column, CommunityRow, DeviceRow, EpochRow, MemberRow, PersonRow, Read, StoreError};

/// Why a batch that travelled is not even judged.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// Its device is not enrolled here.
    #[error("device {0} is not enrolled here")]
    UnknownDevice(DeviceId),
    /// Its signature or one of its changes is wrong.
    #[error(transparent)]
    Bad(#[from] BadBatch),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl NotTaken {
    /// How the connection is told.
    pub fn code(&self) -> ByeCode {
        match self {
            Self::UnknownDevice(_) => ByeCode::UnknownDevice,
            Self::Bad(_) => ByeCode::BadBatch,
            Self::Store(_) => ByeCode::StorageFull,
        }
    }
}

/// Checks a batch against the key of the device that signed it.
///
/// # Errors
/// [`NotTaken`].
pub fn open_batch<S: Read + ?Sized>(store: &S, raw: RawBatch) -> Result<Batch, NotTaken> {
    let device: DeviceRow = store.get(&[raw.device.to_cell()])?.ok_or(NotTaken::UnknownDevice(raw.device))?;
    Ok(Batch::open(raw, &device.public_key)?)
}

/// The life of the store.
///
/// # Errors
/// [`StoreError`].
pub fn epoch<S: Read + ?Sized>(store: &S) -> Result<Epoch, StoreError> {
    Ok(store.get::<EpochRow>(&[0u64.to_cell()])?.map_or(Epoch(0), |row| row.epoch))
}

/// Everything `person` may know when a device of theirs says hello.
///
/// # Errors
/// [`StoreError`].
pub fn introduce<S: Read + ?Sized>(
    store: &S,
    schema: &Arc<Schema>,
    calendar: &Arc<Calendar>,
    person: PersonId,
    now: UnixMs,
) -> Result<Introduction, StoreError> {
    let roles: Vec<MemberRow> = store.list_by(MemberRow::BY_PERSON, &[person.to_cell()], None, ALL)?;
    let mut communities: Vec<CommunityId> = roles.iter().map(|role| role.community).collect();
    communities.sort_unstable();
    communities.dedup();
    let standings = communities.into_iter().map(|community| standing(store, schema, person, community, now));
    Ok(Introduction {
        server_time: now,
        epoch: epoch(store)?,
        schema: schema.clone(),
        calendar: calendar.clone(),
        communities: standings.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect(),
    })
}

/// What `person` may know of one community; `None` if there is no such community or they are nobody in it now.
///
/// # Errors
/// [`StoreError`].
pub fn standing<S: Read + ?Sized>(
    store: &S,
    schema: &Schema,
    person: PersonId,
    community: CommunityId,
    now: UnixMs,
) -> Result<Option<CommunityStanding>, StoreError> {
    let Some(row) = store.get::<CommunityRow>(&[community.to_cell()])? else { return Ok(None) };
    let roster = roster(store, community)?;
    let roles: Vec<Role> = roster.roles_of(person, now).map(|member| member.role.clone()).collect();
    if roles.is_empty() {
        return Ok(None);
    }
    let mut feeds = Vec::new();
    for audience in Audience::ALL.into_iter().filter(|audience| schema.may_read(*audience, &roles)) {
        let feed = FeedId { community, audience };
        feeds.push((feed, ingest::head(store, feed)?));
    }
    Ok(Some(CommunityStanding { community, name: row.name, roster: Arc::new(roster), feeds }))
}

/// The members of a community.
///
/// # Errors
/// [`StoreError`].
pub fn roster<S: Read + ?Sized>(store: &S, community: CommunityId) -> Result<Roster, StoreError> {
    let version = store.get::<CommunityRow>(&[community.to_cell()])?.map_or(0, |row| row.roster_version);
    let rows: Vec<MemberRow> = store.list(&[community.to_cell()], None, limits::MEMBERS)?;
    let member = |row: MemberRow| {
        let name = store.get::<PersonRow>(&[row.person.to_cell()])?.map(|person| person.name).unwrap_or_default();
        Ok(Member { person: row.person, name, role: row.role, party: row.party, from: row.since, until: row.until })
    };
    Ok(Roster { version, members: rows.into_iter().map(member).collect::<Result<_, StoreError>>()? })
}

/// What follows `after` in a feed, bounded by [`limits::PAGE_ITEMS`] and [`limits::PAGE_BYTES`].
///
/// # Errors
/// [`StoreError`].
pub fn page<S: Read + ?Sized>(store: &S, feed: FeedId, after: Seq) -> Result<Vec<FeedEntry>, StoreError> {
    // Enough for a page of ordinary changes of some 150 bytes; larger ones end the page by their size.
    const ROWS: usize = 256;
    let rows: Vec<ChangeRow> = store.list_by(ChangeRow::BY_FEED, &[feed.to_cell()], Some(&after.to_cell()), ROWS)?;
    let mut entries = Vec::with_capacity(rows.len());
    let mut batches: std::collections::HashMap<u64, BatchRow> = std::collections::HashMap::new();
    let mut bytes = 0;
    for row in rows {
        bytes += row.bytes.len();
        if bytes > limits::PAGE_BYTES && !entries.is_empty() {
            break;
        }
        if let std::collections::hash_map::Entry::Vacant(place) = batches.entry(row.batch) {
            place.insert(store.get(&[row.batch.to_cell()])?.ok_or(StoreError::Damaged("batches"))?);
        }
        entries.push(entry(row, &batches)?);
    }
    Ok(entries)
}

fn entry(row: ChangeRow, batches: &std::collections::HashMap<u64, BatchRow>) -> Result<FeedEntry, StoreError> {
    let batch = &batches[&row.batch];
    Ok(FeedEntry {
        seq: row.seq.ok_or(StoreError::Damaged("changes"))?,
        record: row.record,
        hash: row.hash,
        bytes: Arc::from(row.bytes),
        visit: Visit {
            device: batch.device,
            person: batch.person,
            role: row.role.ok_or(StoreError::Damaged("changes"))?,
            party: row.party,
            received: batch.received,
            skew: batch.skew,
        },
    })
}
