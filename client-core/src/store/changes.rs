//! Every change this device holds or ever made, and what became of it.

use renolog_protocol::id::{ChangeHash, DeviceId, FeedId, PersonId, RecordId, Seq};
use renolog_protocol::schema::Role;
use renolog_protocol::sorted::{SortedMap, SortedSet};
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::Visit;
use rusqlite::{OptionalExtension, Row, named_params};

use super::{Store, StoreError, damaged, feed, id, maybe_id, number, term};

/// What became of a change. The numbers are in the store for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// In its feed, and in the record.
    Accepted = 0,
    /// Made here, in the record, to be sent or on its way.
    Local = 1,
    /// Made here, in the record; the server keeps it until what it depends on has come.
    Held = 2,
    /// Made here, refused, taken out of the record; its words are a draft.
    Refused = 3,
    /// Made here, taken out of the record, said again by another change.
    Replaced = 4,
    /// In its feed, but not in the record: something that it depends on is not here.
    Waiting = 5,
    /// Made here and accepted once; its feed may no longer be read, and its bytes are gone, or withheld.
    Withdrawn = 6,
}

impl Status {
    fn from_code(code: u8) -> Option<Self> {
        let all = [Self::Accepted, Self::Local, Self::Held, Self::Refused, Self::Replaced, Self::Waiting, Self::Withdrawn];
        all.into_iter().find(|status| *status as u8 == code)
    }

    /// Whether the server's last word on it is still to come.
    pub fn is_pending(self) -> bool {
        matches!(self, Self::Local | Self::Held)
    }

    /// Whether the record is made of it.
    pub fn stands(self) -> bool {
        matches!(self, Self::Accepted | Self::Local | Self::Held)
    }
}

/// A change as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// In which order it came to be here.
    pub position: i64,
    /// Its name.
    pub hash: ChangeHash,
    /// The record it belongs to.
    pub record: RecordId,
    /// The feed it belongs to.
    pub feed: FeedId,
    /// The chunk.
    pub bytes: Vec<u8>,
    /// What became of it.
    pub status: Status,
    /// Whether it was written on this device.
    pub made_here: bool,
    /// Its place in the feed, once accepted.
    pub seq: Option<Seq>,
    /// The batch it stands in, once signed.
    pub batch: Option<u64>,
    /// What it waits for on the server.
    pub held_for: Vec<ChangeHash>,
    /// The change that says the same instead, for [`Status::Replaced`]; none where the record said so already.
    pub replaced_by: Option<ChangeHash>,
    /// Who brought it and when, once accepted.
    pub visit: Option<Visit>,
    /// The role that allowed it when it was written here.
    pub role: Option<Role>,
}

const COLUMNS: &str = "position, hash, record, community, audience, bytes, status, made_here, seq, batch, held_for, replaced_by,
     changes.role AS own_role,
     device, person, visits.role, party, received_ms, skew_ms";

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let code: u8 = row.get("status")?;
    let held_for: Option<Vec<u8>> = row.get("held_for")?;
    let visit = match maybe_id(row, "device", DeviceId::from_slice)? {
        None => None,
        Some(device) => Some(Visit {
            device,
            person: id(row, "person", PersonId::from_slice)?,
            role: term(row, "role")?,
            party: term(row, "party")?,
            received: UnixMs(row.get("received_ms")?),
            skew: SpanMs(row.get("skew_ms")?),
        }),
    };
    Ok(Kept {
        position: row.get("position")?,
        hash: id(row, "hash", ChangeHash::from_slice)?,
        record: id(row, "record", RecordId::from_slice)?,
        feed: feed(row)?,
        bytes: row.get("bytes")?,
        status: Status::from_code(code).ok_or_else(|| damaged(format!("status {code}")))?,
        made_here: row.get("made_here")?,
        seq: row.get::<_, Option<i64>>("seq")?.map(|seq| Seq(seq.unsigned_abs())),
        batch: row.get::<_, Option<i64>>("batch")?.map(i64::unsigned_abs),
        held_for: held_for.unwrap_or_default().chunks(32).filter_map(ChangeHash::from_slice).collect(),
        replaced_by: maybe_id(row, "replaced_by", ChangeHash::from_slice)?,
        visit,
        role: row.get::<_, Option<String>>("own_role")?.and_then(|role| Role::parse(&role).ok()),
    })
}

impl Store {
    fn kept_where(&self, condition: &str, params: impl rusqlite::Params) -> Result<Vec<Kept>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM changes LEFT JOIN visits ON visits.id = visit {condition}");
        let mut select = self.db.prepare_cached(&sql)?;
        Ok(select.query_map(params, kept)?.collect::<Result<_, _>>()?)
    }

    /// A change by its name.
    ///
    /// # Errors
    /// [`StoreError`], here and below.
    pub fn change(&self, hash: ChangeHash) -> Result<Option<Kept>, StoreError> {
        Ok(self.kept_where("WHERE hash = ?1", [hash.as_bytes()])?.pop())
    }

    /// The one change whose name begins so, and its record.
    pub fn change_beginning(&self, prefix: &[u8]) -> Result<Option<(ChangeHash, RecordId)>, StoreError> {
        // Blobs are sorted byte by byte, a shorter one first.
        let mut select = self.db.prepare_cached("SELECT hash, record FROM changes WHERE hash > ?1 ORDER BY hash LIMIT 2")?;
        let read = |row: &Row<'_>| Ok((id(row, "hash", ChangeHash::from_slice)?, id(row, "record", RecordId::from_slice)?));
        let rows: Vec<(ChangeHash, RecordId)> = select.query_map([prefix], read)?.collect::<Result<_, _>>()?;
        let mut found = rows.into_iter().filter(|(hash, _)| hash.0.starts_with(prefix));
        Ok(found.next().filter(|_| found.next().is_none()))
    }

    /// What became of a change, without reading it.
    pub fn status_of(&self, hash: ChangeHash) -> Result<Option<Status>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT status FROM changes WHERE hash = ?1")?;
        let code: Option<u8> = select.query_row([hash.as_bytes()], |row| row.get(0)).optional()?;
        Ok(code.and_then(Status::from_code))
    }

    /// Every change of a record, in the order they came to be here.
    pub fn changes_of(&self, record: RecordId) -> Result<Vec<Kept>, StoreError> {
        self.kept_where("WHERE record = ?1 ORDER BY position", [record.as_bytes()])
    }

    /// Changes of a record that the server has not ruled on.
    pub fn pending_of(&self, record: RecordId) -> Result<Vec<Kept>, StoreError> {
        self.kept_where("WHERE record = ?1 AND status IN (1, 2) ORDER BY position", [record.as_bytes()])
    }

    /// Every change that was ever written on this device, in order.
    pub fn made_here(&self) -> Result<Vec<Kept>, StoreError> {
        self.kept_where("WHERE made_here = 1 ORDER BY position", [])
    }

    /// Keeps a change that was written here: with this it is in the outbox.
    pub fn add_own(&self, hash: ChangeHash, record: RecordId, feed: FeedId, bytes: &[u8], role: &Role) -> Result<(), StoreError> {
        let mut insert = self.db.prepare_cached(
            "INSERT INTO changes (hash, record, community, audience, bytes, status, made_here, role)
             VALUES (?1, ?2, ?3, ?4, ?5, 1, 1, ?6)",
        )?;
        let (community, audience) = (feed.community.as_bytes(), feed.audience.code());
        insert.execute((hash.as_bytes(), record.as_bytes(), community, audience, bytes, role.as_str()))?;
        Ok(())
    }

    /// Keeps who brought changes and when; the number is for [`Self::add_arrived`].
    pub fn add_visit(&self, visit: &Visit) -> Result<i64, StoreError> {
        let mut insert = self.db.prepare_cached(
            "INSERT INTO visits (device, person, role, party, received_ms, skew_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        let (device, person) = (visit.device.as_bytes(), visit.person.as_bytes());
        Ok(insert.insert((device, person, visit.role.as_str(), visit.party.as_str(), visit.received.0, visit.skew.0))?)
    }

    /// Keeps a change that arrived in a feed, or notes the place of one that was here.
    pub fn add_arrived(
        &self,
        hash: ChangeHash,
        record: RecordId,
        feed: FeedId,
        bytes: &[u8],
        seq: Seq,
        visit: i64,
    ) -> Result<(), StoreError> {
        let mut upsert = self.db.prepare_cached(
            "INSERT INTO changes (hash, record, community, audience, bytes, status, made_here, seq, visit)
             VALUES (:hash, :record, :community, :audience, :bytes, 0, 0, :seq, :visit)
             ON CONFLICT (hash) DO UPDATE SET bytes = :bytes, status = 0, seq = :seq, visit = :visit, held_for = NULL,
                 replaced_by = NULL",
        )?;
        upsert.execute(named_params! {
            ":hash": hash.as_bytes(),
            ":record": record.as_bytes(),
            ":community": feed.community.as_bytes(),
            ":audience": feed.audience.code(),
            ":bytes": bytes,
            ":seq": number(seq.0),
            ":visit": visit,
        })?;
        Ok(())
    }

    /// Notes that the server accepted a change of this device.
    pub fn set_accepted(&self, hash: ChangeHash, seq: Seq, visit: i64) -> Result<(), StoreError> {
        let mut update = self.db.prepare_cached(
            "UPDATE changes SET status = 0, seq = ?2, visit = coalesce(visit, ?3), held_for = NULL, replaced_by = NULL
             WHERE hash = ?1",
        )?;
        update.execute((hash.as_bytes(), number(seq.0), visit))?;
        Ok(())
    }

    /// When the server received each change of a record that it has.
    pub fn received_of(&self, record: RecordId) -> Result<SortedMap<ChangeHash, UnixMs>, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT hash, received_ms FROM changes JOIN visits ON visits.id = visit WHERE record = ?1 AND status IN (0, 1, 2)",
        )?;
        let read = |row: &Row<'_>| Ok((id(row, "hash", ChangeHash::from_slice)?, UnixMs(row.get("received_ms")?)));
        Ok(select.query_map([record.as_bytes()], read)?.collect::<Result<_, _>>()?)
    }

    /// Whether a change says what another one of its record said before.
    pub fn says_again(&self, record: RecordId, hash: ChangeHash) -> Result<bool, StoreError> {
        let mut select = self.db.prepare_cached("SELECT 1 FROM changes WHERE record = ?1 AND replaced_by = ?2")?;
        Ok(select.exists((record.as_bytes(), hash.as_bytes()))?)
    }

    /// Records with changes that arrived and could not be applied.
    pub fn incomplete(&self) -> Result<SortedSet<RecordId>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT DISTINCT record FROM changes WHERE status = 5")?;
        Ok(select.query_map([], |row| id(row, "record", RecordId::from_slice))?.collect::<Result<_, _>>()?)
    }

    /// Records of a feed with changes that the server has not ruled on.
    pub fn pending_records(&self, feed: FeedId) -> Result<Vec<RecordId>, StoreError> {
        let mut select = self
            .db
            .prepare_cached("SELECT DISTINCT record FROM changes WHERE community = ?1 AND audience = ?2 AND status IN (1, 2)")?;
        let place = (feed.community.as_bytes(), feed.audience.code());
        Ok(select.query_map(place, |row| id(row, "record", RecordId::from_slice))?.collect::<Result<_, _>>()?)
    }

    /// Notes what became of a change.
    pub fn set_status(&self, hash: ChangeHash, status: Status) -> Result<(), StoreError> {
        let mut update = self.db.prepare_cached("UPDATE changes SET status = ?2, held_for = NULL WHERE hash = ?1")?;
        update.execute((hash.as_bytes(), status as u8))?;
        Ok(())
    }

    /// Notes that the server keeps a change until these have come.
    pub fn set_held(&self, hash: ChangeHash, missing: &[ChangeHash]) -> Result<(), StoreError> {
        let names: Vec<u8> = missing.iter().flat_map(|hash| hash.0).collect();
        let mut update = self.db.prepare_cached("UPDATE changes SET status = 2, held_for = ?2 WHERE hash = ?1")?;
        update.execute((hash.as_bytes(), names))?;
        Ok(())
    }

    /// Notes that another change says the same instead.
    pub fn set_replaced(&self, hash: ChangeHash, by: Option<ChangeHash>) -> Result<(), StoreError> {
        let mut update =
            self.db.prepare_cached("UPDATE changes SET status = 4, held_for = NULL, replaced_by = ?2 WHERE hash = ?1")?;
        update.execute((hash.as_bytes(), by.map(|by| by.0)))?;
        Ok(())
    }

    /// Puts an accepted change of this device into the outbox again.
    pub fn requeue(&self, hash: ChangeHash) -> Result<(), StoreError> {
        let mut update = self
            .db
            .prepare_cached("UPDATE changes SET status = 1, batch = NULL, seq = NULL WHERE hash = ?1 AND made_here = 1")?;
        update.execute([hash.as_bytes()])?;
        Ok(())
    }

    /// The feed began another life: positions mean nothing any more, and this device's changes may have to be sent again.
    /// Returns the records concerned.
    pub fn forget_positions(&self, feed: FeedId) -> Result<Vec<RecordId>, StoreError> {
        let place = (feed.community.as_bytes(), feed.audience.code());
        let mut own = self.db.prepare_cached(
            "UPDATE changes SET status = 1, seq = NULL,
                 batch = CASE WHEN EXISTS (SELECT 1 FROM batches WHERE number = batch) THEN batch END
             WHERE community = ?1 AND audience = ?2 AND made_here = 1 AND status = 0 RETURNING record",
        )?;
        let touched: Vec<RecordId> =
            own.query_map(place, |row| id(row, "record", RecordId::from_slice))?.collect::<Result<_, _>>()?;
        let mut all = self.db.prepare_cached("UPDATE changes SET seq = NULL WHERE community = ?1 AND audience = ?2")?;
        all.execute(place)?;
        self.unsettle_batches(feed)?;
        Ok(touched)
    }

    /// The record was erased: what came of it goes, and so do the words of what was written here.
    pub fn erase_record(&self, record: RecordId) -> Result<(), StoreError> {
        self.db.prepare_cached("DELETE FROM changes WHERE record = ?1 AND made_here = 0")?.execute([record.as_bytes()])?;
        let mut own = self.db.prepare_cached(
            "UPDATE changes SET bytes = x'', status = CASE WHEN status IN (0, 5) THEN 6 ELSE status END WHERE record = ?1",
        )?;
        own.execute([record.as_bytes()])?;
        // What was typed is in the row that lists show, too.
        let mut listed = self.db.prepare_cached("UPDATE records SET title = '', words = '' WHERE id = ?1")?;
        listed.execute([record.as_bytes()])?;
        Ok(())
    }

    /// The feed may no longer be read: drops what came from others, and the bytes of what was accepted from here unless they
    /// are withheld, to be [taken back](Self::take_back_withheld) should the feed be readable again.
    pub fn drop_feed(&self, feed: FeedId, withhold: bool) -> Result<(), StoreError> {
        let place = (feed.community.as_bytes(), feed.audience.code());
        self.db.prepare_cached("DELETE FROM changes WHERE community = ?1 AND audience = ?2 AND made_here = 0")?.execute(place)?;
        let mut own = self.db.prepare_cached(
            "UPDATE changes SET seq = CASE WHEN ?3 THEN NULL ELSE seq END, bytes = CASE WHEN ?3 AND status IN (0, 5) THEN bytes ELSE x'' END,
                 status = CASE WHEN status IN (0, 5) THEN 6 ELSE status END
             WHERE community = ?1 AND audience = ?2 AND status <> 3",
        )?;
        own.execute((place.0, place.1, withhold))?;
        Ok(())
    }

    /// Makes what was withheld of a feed ready to be sent again, as it was signed. Returns the records concerned.
    pub fn take_back_withheld(&self, feed: FeedId) -> Result<Vec<RecordId>, StoreError> {
        let place = (feed.community.as_bytes(), feed.audience.code());
        let mut own = self.db.prepare_cached(
            "UPDATE changes SET status = 1,
                 batch = CASE WHEN EXISTS (SELECT 1 FROM batches WHERE number = batch) THEN batch END
             WHERE community = ?1 AND audience = ?2 AND made_here = 1 AND status = 6 AND length(bytes) > 0 RETURNING record",
        )?;
        let records: Vec<RecordId> =
            own.query_map(place, |row| id(row, "record", RecordId::from_slice))?.collect::<Result<_, _>>()?;
        if !records.is_empty() {
            self.unsettle_batches(feed)?;
        }
        Ok(records)
    }
}
