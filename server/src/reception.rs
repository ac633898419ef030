//! What a connection asks of the store: who may connect, what they may know, a page of a feed.
//!
//! Pure questions to a [`Read`], so that the live server and a simulation answer them the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use renolog_protocol::batch::{BadBatch, Batch};
use renolog_protocol::calendar::Calendar;
use renolog_protocol::codec::{BadPack, Known, Parcel, Unread};
use renolog_protocol::id::{ActorId, Audience, ChangeHash, CommunityId, DeviceId, Epoch, FeedId, Link, PersonId, RecordId, Seq};
use renolog_protocol::limits;
use renolog_protocol::roster::{Member, Roster};
use renolog_protocol::schema::{Role, Schema};
use renolog_protocol::session::ByeCode;
use renolog_protocol::session::server::{Body, CommunityStanding, FeedEntry, Introduction};
use renolog_protocol::time::UnixMs;
use renolog_protocol::wire::{Cursor, Visit};

use crate::ingest;
use crate::rosters::Rosters;
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
    /// It was packed, and cannot be unfolded here.
    #[error(transparent)]
    Packed(#[from] BadPack),
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
            Self::Packed(_) => ByeCode::Unpackable,
            Self::Store(_) => ByeCode::StorageFull,
        }
    }
}

/// Checks a batch against the key of the device that signed it.
///
/// # Errors
/// [`NotTaken`].
pub fn open_batch<S: Read + ?Sized>(store: &S, parcel: Parcel) -> Result<Batch, NotTaken> {
    let raw = parcel.open(&Kept(store)).map_err(|unread| match unread {
        Unread::Bad(bad) => NotTaken::Packed(bad),
        Unread::Lookup(error) => NotTaken::Store(error),
    })?;
    let device: DeviceRow = store.get(&[raw.device.to_cell()])?.ok_or(NotTaken::UnknownDevice(raw.device))?;
    Ok(Batch::open(raw, &device.public_key)?)
}

/// What a pack may refer to: every change that came here, whatever became of it.
struct Kept<'a, S: ?Sized>(&'a S);

impl<S: Read + ?Sized> Known for Kept<'_, S> {
    type Error = StoreError;

    fn begins(&self, prefix: &[u8]) -> Result<Option<(ChangeHash, RecordId)>, StoreError> {
        // Blobs are sorted byte by byte, a shorter one first.
        let rows: Vec<ChangeRow> = self.0.list(&[], Some(&prefix.to_vec().to_cell()), 2)?;
        let mut found = rows.into_iter().filter(|row| row.hash.0.starts_with(prefix));
        Ok(found.next().filter(|_| found.next().is_none()).map(|row| (row.hash, row.record)))
    }

    fn actors(&self, record: RecordId) -> Result<Vec<ActorId>, StoreError> {
        let rows: Vec<ChangeRow> = self.0.list_by(ChangeRow::BY_RECORD, &[record.to_cell()], None, ALL)?;
        Ok(rows.into_iter().map(|row| row.actor).collect())
    }
}

/// The life of the store.
///
/// # Errors
/// [`StoreError`].
pub fn epoch<S: Read + ?Sized>(store: &S) -> Result<Epoch, StoreError> {
    Ok(store.get::<EpochRow>(&[0u64.to_cell()])?.map_or(Epoch(0), |row| row.epoch))
}

/// Everything a device may know when it says hello with these cursors.
///
/// # Errors
/// [`StoreError`].
pub fn introduce<S: Read + ?Sized>(
    store: &S,
    rosters: &Rosters,
    schema: &Arc<Schema>,
    calendar: &Arc<Calendar>,
    device: DeviceId,
    cursors: &[Cursor],
    now: UnixMs,
) -> Result<Introduction, StoreError> {
    let (epoch, communities) = (epoch(store)?, standings(store, rosters, schema, device, now)?);
    let mut links = BTreeMap::new();
    for cursor in cursors.iter().filter(|cursor| cursor.epoch == epoch) {
        links.extend(link_at(store, cursor.feed, cursor.seq)?.map(|link| (cursor.feed, link)));
    }
    let (schema, calendar) = (schema.clone(), calendar.clone());
    Ok(Introduction { server_time: now, epoch, schema, calendar, communities, links })
}

/// The last position of a feed.
///
/// # Errors
/// [`StoreError`].
pub fn head<S: Read + ?Sized>(store: &S, feed: FeedId) -> Result<Seq, StoreError> {
    ingest::head(store, feed)
}

/// The link at a position of a feed, if there is such a position.
pub(crate) fn link_at<S: Read + ?Sized>(store: &S, feed: FeedId, seq: Seq) -> Result<Option<Link>, StoreError> {
    let before = Seq(seq.0.saturating_sub(1)).to_cell();
    let rows: Vec<ChangeRow> = store.list_by(ChangeRow::BY_FEED, &[feed.to_cell()], Some(&before), 1)?;
    if let Some(row) = rows.into_iter().find(|row| row.seq == Some(seq)) {
        return Ok(row.link);
    }
    let erasures = ingest::erasures_after(store, feed, Seq(seq.0.saturating_sub(1)), 1)?;
    Ok(erasures.into_iter().find(|row| row.seq == seq).map(|row| row.link))
}

/// Everything a device may know now: what its person may in each community, as long as neither is shut out.
///
/// # Errors
/// [`StoreError`].
pub fn standings<S: Read + ?Sized>(
    store: &S,
    rosters: &Rosters,
    schema: &Schema,
    device: DeviceId,
    now: UnixMs,
) -> Result<Vec<CommunityStanding>, StoreError> {
    let Some(person) = admitted(store, device, now)? else { return Ok(Vec::new()) };
    let roles: Vec<MemberRow> = store.list_by(MemberRow::BY_PERSON, &[person.id.to_cell()], None, ALL)?;
    let communities: BTreeSet<CommunityId> = roles.iter().map(|role| role.community).collect();
    let standings = communities.into_iter().map(|community| standing(store, rosters, schema, person.id, community, now));
    Ok(standings.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Whose device it is, if neither it was revoked nor they are suspended.
///
/// # Errors
/// [`StoreError`].
pub fn admitted<S: Read + ?Sized>(store: &S, device: DeviceId, now: UnixMs) -> Result<Option<PersonRow>, StoreError> {
    let Some(device) = store.get::<DeviceRow>(&[device.to_cell()])?.filter(|device| !device.is_revoked_at(now)) else {
        return Ok(None);
    };
    let person: Option<PersonRow> = store.get(&[device.person.to_cell()])?;
    Ok(person.filter(|person| !person.is_suspended_at(now)))
}

/// When a role of the device's person begins or ends next: what they may know is to be asked again then.
///
/// # Errors
/// [`StoreError`].
pub fn standing_changes_at<S: Read + ?Sized>(store: &S, person: PersonId, now: UnixMs) -> Result<Option<UnixMs>, StoreError> {
    let roles: Vec<MemberRow> = store.list_by(MemberRow::BY_PERSON, &[person.to_cell()], None, ALL)?;
    let moments = roles.into_iter().flat_map(|role| [Some(role.since), role.until]).flatten();
    Ok(moments.filter(|moment| *moment > now).min())
}

/// What `person` may know of one community; `None` if there is no such community or they are nobody in it now.
///
/// # Errors
/// [`StoreError`].
pub fn standing<S: Read + ?Sized>(
    store: &S,
    rosters: &Rosters,
    schema: &Schema,
    person: PersonId,
    community: CommunityId,
    now: UnixMs,
) -> Result<Option<CommunityStanding>, StoreError> {
    let Some(row) = store.get::<CommunityRow>(&[community.to_cell()])? else { return Ok(None) };
    let roster = rosters.of(store, &row)?;
    let roles: Vec<Role> = roster.roles_of(person, now).map(|member| member.role.clone()).collect();
    if roles.is_empty() {
        return Ok(None);
    }
    let mut feeds = Vec::new();
    for audience in Audience::ALL.into_iter().filter(|audience| schema.may_read(*audience, &roles)) {
        let feed = FeedId { community, audience };
        feeds.push((feed, ingest::head(store, feed)?));
    }
    Ok(Some(CommunityStanding { community, name: row.name, roster, feeds }))
}

/// The members of a community.
///
/// # Errors
/// [`StoreError`].
pub fn roster<S: Read + ?Sized>(store: &S, community: CommunityId) -> Result<Roster, StoreError> {
    let version = store.get::<CommunityRow>(&[community.to_cell()])?.map_or(0, |row| row.roster_version);
    let rows: Vec<MemberRow> = store.list(&[community.to_cell()], None, limits::MEMBERS)?;
    let member = |row: MemberRow| {
        let person: Option<PersonRow> = store.get(&[row.person.to_cell()])?;
        let (name, suspended) = person.map(|person| (person.name, person.suspended)).unwrap_or_default();
        // Whoever is suspended holds no role from then on, as if each had ended.
        let until = row.until.into_iter().chain(suspended).min();
        Ok(Member { person: row.person, name, role: row.role, party: row.party, from: row.since, until })
    };
    Ok(Roster { version, members: rows.into_iter().map(member).collect::<Result<_, StoreError>>()? })
}

/// What follows `after` in a feed, bounded by [`limits::PAGE_ITEMS`] and [`limits::PAGE_BYTES`].
///
/// # Errors
/// [`StoreError`].
pub fn page<S: Read + ?Sized>(store: &S, schema: &Schema, feed: FeedId, after: Seq) -> Result<Vec<FeedEntry>, StoreError> {
    // Enough for a page of ordinary changes of some 150 bytes; larger ones end the page by their size.
    const ROWS: usize = 256;
    let erased = ingest::erasures_after(store, feed, after, ROWS)?;
    let rows: Vec<ChangeRow> = store.list_by(ChangeRow::BY_FEED, &[feed.to_cell()], Some(&after.to_cell()), ROWS)?;
    let mut entries = Vec::with_capacity(rows.len());
    let mut batches: std::collections::HashMap<u64, BatchRow> = std::collections::HashMap::new();
    // Beyond the end of the shorter of two full readings, what belongs between is not known.
    let ends = [(rows.len(), rows.last().and_then(|row| row.seq)), (erased.len(), erased.last().map(|row| row.seq))];
    let last = ends.into_iter().filter(|(read, _)| *read == ROWS).filter_map(|(_, seq)| seq).min();
    let known = |seq: Option<Seq>| last.is_none_or(|last| seq.is_some_and(|seq| seq <= last));
    let mut erased = erased.into_iter().filter(|row| known(Some(row.seq))).peekable();
    let mut bytes = 0;
    for row in rows.into_iter().filter(|row| known(row.seq)) {
        while let Some(erasure) = erased.next_if(|erasure| Some(erasure.seq) < row.seq) {
            entries.push(ingest::erasure_entry(schema, &erasure));
        }
        bytes += row.bytes.len();
        if bytes > limits::PAGE_BYTES && !entries.is_empty() {
            return Ok(entries);
        }
        if let std::collections::hash_map::Entry::Vacant(place) = batches.entry(row.batch) {
            place.insert(store.get(&[row.batch.to_cell()])?.ok_or(StoreError::Damaged("batches"))?);
        }
        entries.push(entry(row, &batches)?);
    }
    entries.extend(erased.map(|erasure| ingest::erasure_entry(schema, &erasure)));
    Ok(entries)
}

/// A change as an entry of its feed; `batches` holds the one that brought it.
pub(crate) fn entry(row: ChangeRow, batches: &std::collections::HashMap<u64, BatchRow>) -> Result<FeedEntry, StoreError> {
    let batch = &batches[&row.batch];
    Ok(FeedEntry {
        seq: row.seq.ok_or(StoreError::Damaged("changes"))?,
        record: row.record,
        hash: row.hash,
        body: if row.erased.is_some() { Body::Gone } else { Body::Change(Arc::from(row.bytes)) },
        visit: Visit {
            device: batch.device,
            person: batch.person,
            role: row.role.ok_or(StoreError::Damaged("changes"))?,
            party: row.party,
            received: batch.received,
            skew: batch.skew,
        },
        link: row.link.ok_or(StoreError::Damaged("changes"))?,
    })
}
