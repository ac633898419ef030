//! The way out: changes that wait, and the signed batches they leave in.

use renolog_protocol::batch::{Absent, RawBatch, RawChange, Unsigned};
use renolog_protocol::change::Change;
use renolog_protocol::id::{ChangeHash, FeedId, RecordId};
use renolog_protocol::limits;
use renolog_protocol::sorted::SortedSet;
use rusqlite::OptionalExtension;

use super::{Store, StoreError, feed, id, number};

/// A change that waits to be put into a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unbatched {
    pub(crate) hash: ChangeHash,
    pub(crate) record: RecordId,
    pub(crate) bytes: Vec<u8>,
}

/// A batch that is to be sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outgoing {
    /// As it leaves.
    Signed(RawBatch),
    /// Once its signature has come.
    Unsigned(Unsigned),
}

impl Outgoing {
    pub(crate) fn number(&self) -> u64 {
        match self {
            Self::Signed(batch) => batch.number,
            Self::Unsigned(batch) => batch.number(),
        }
    }
}

impl Store {
    /// The feed whose changes have waited longest to be put into a batch, passing over feeds that are recovering.
    ///
    /// # Errors
    /// [`StoreError`], here and below.
    pub(crate) fn next_feed_out(&self) -> Result<Option<FeedId>, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT community, audience FROM changes WHERE status = 1 AND batch IS NULL AND NOT EXISTS
                 (SELECT 1 FROM feeds f WHERE f.community = changes.community AND f.audience = changes.audience AND recovering = 1)
             GROUP BY community, audience ORDER BY min(position) LIMIT 1",
        )?;
        Ok(select.query_row([], feed).optional()?)
    }

    /// What goes into the next batch of a feed, in the order it was written, within the bounds of one push.
    pub(crate) fn unbatched(&self, feed: FeedId) -> Result<Vec<Unbatched>, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT hash, record, bytes FROM changes
             WHERE community = ?1 AND audience = ?2 AND status = 1 AND batch IS NULL ORDER BY position LIMIT ?3",
        )?;
        let read = |row: &rusqlite::Row<'_>| {
            let (hash, record) = (id(row, "hash", ChangeHash::from_slice)?, id(row, "record", RecordId::from_slice)?);
            Ok(Unbatched { hash, record, bytes: row.get("bytes")? })
        };
        let most = number(limits::BATCH_CHANGES as u64);
        let mut room = limits::BATCH_BYTES;
        let mut taken = Vec::new();
        for change in select.query_map((feed.community.as_bytes(), feed.audience.code(), most), read)? {
            let change = change?;
            match room.checked_sub(change.bytes.len()) {
                Some(left) => room = left,
                None => break,
            }
            taken.push(change);
        }
        Ok(taken)
    }

    /// Keeps a batch: to be sent until every change in it is ruled on, and by its names from then on.
    pub(crate) fn add_batch(&self, feed: FeedId, batch: &Outgoing, changes: &[ChangeHash]) -> Result<(), StoreError> {
        let (signed, bytes) = match batch {
            Outgoing::Signed(batch) => (true, minicbor::to_vec(batch)),
            Outgoing::Unsigned(batch) => (false, minicbor::to_vec(batch)),
        };
        let bytes = bytes.expect("writing to memory does not fail");
        let mut insert = self
            .db
            .prepare_cached("INSERT INTO batches (number, community, audience, bytes, signed) VALUES (?1, ?2, ?3, ?4, ?5)")?;
        insert.execute((number(batch.number()), feed.community.as_bytes(), feed.audience.code(), bytes, signed))?;
        let mut update = self.db.prepare_cached("UPDATE changes SET batch = ?2 WHERE hash = ?1")?;
        for hash in changes {
            update.execute((hash.as_bytes(), number(batch.number())))?;
        }
        Ok(())
    }

    /// The batch with this number, if it is yet to be signed.
    pub(crate) fn unsigned_batch(&self, number: u64) -> Result<Option<Unsigned>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT bytes FROM batches WHERE number = ?1 AND signed = 0")?;
        let bytes: Option<Vec<u8>> = select.query_row([super::number(number)], |row| row.get(0)).optional()?;
        bytes.as_deref().map(decoded).transpose()
    }

    /// Keeps a batch as it leaves, now that it is signed.
    pub(crate) fn set_signed(&self, batch: &RawBatch) -> Result<(), StoreError> {
        let bytes = minicbor::to_vec(batch).expect("writing to memory does not fail");
        let mut update = self.db.prepare_cached("UPDATE batches SET bytes = ?2, signed = 1 WHERE number = ?1 AND signed = 0")?;
        update.execute((number(batch.number), bytes))?;
        Ok(())
    }

    /// The first batch with a higher number that is to be sent, passing over feeds that are recovering.
    pub(crate) fn batch_after(&self, after: u64) -> Result<Option<Outgoing>, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT signed, bytes FROM batches b WHERE settled = 0 AND number > ?1 AND NOT EXISTS
                 (SELECT 1 FROM feeds f WHERE f.community = b.community AND f.audience = b.audience AND recovering = 1)
             ORDER BY number LIMIT 1",
        )?;
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, bool>(0)?, row.get::<_, Vec<u8>>(1)?));
        Ok(match select.query_row([number(after)], read).optional()? {
            Some((true, bytes)) => Some(Outgoing::Signed(decoded(&bytes)?)),
            Some((false, bytes)) => Some(Outgoing::Unsigned(decoded(&bytes)?)),
            None => None,
        })
    }

    /// Keeps the batches in which nothing waits for a ruling any more by their names only. What never left the device needs
    /// no name.
    pub(crate) fn settle_ruled_batches(&self) -> Result<(), StoreError> {
        let mut unsigned = self.db.prepare_cached(
            "DELETE FROM batches
             WHERE settled = 0 AND signed = 0 AND NOT EXISTS (SELECT 1 FROM changes WHERE batch = number AND status IN (1, 2))",
        )?;
        unsigned.execute([])?;
        let mut select = self.db.prepare_cached(
            "SELECT bytes FROM batches
             WHERE settled = 0 AND NOT EXISTS (SELECT 1 FROM changes WHERE batch = number AND status IN (1, 2))",
        )?;
        let ruled: Vec<Vec<u8>> = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for bytes in ruled {
            self.write_batch(&by_names(decoded(&bytes)?), true)?;
        }
        Ok(())
    }

    /// Makes the settled batches of a feed ready to be sent again, as they were signed, with those changes that still wait.
    pub(crate) fn unsettle_batches(&self, feed: FeedId) -> Result<(), StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT bytes FROM batches WHERE settled = 1 AND community = ?1 AND audience = ?2 AND EXISTS
                 (SELECT 1 FROM changes WHERE batch = number AND status IN (1, 2))",
        )?;
        let place = (feed.community.as_bytes(), feed.audience.code());
        let settled: Vec<Vec<u8>> = select.query_map(place, |row| row.get(0))?.collect::<Result<_, _>>()?;
        for bytes in settled {
            let whole = self.with_what_waits(decoded(&bytes)?)?;
            self.write_batch(&whole, false)?;
        }
        Ok(())
    }

    /// Drops every batch: what was signed with a key that is lost is of no use. What they held waits for other ones.
    pub(crate) fn forget_batches(&self) -> Result<(), StoreError> {
        Ok(self.db.execute_batch("UPDATE changes SET batch = NULL WHERE batch IS NOT NULL; DELETE FROM batches;")?)
    }

    fn with_what_waits(&self, batch: RawBatch) -> Result<RawBatch, StoreError> {
        let mut select = self.db.prepare_cached("SELECT bytes FROM changes WHERE hash = ?1 AND status IN (1, 2)")?;
        let (mut changes, mut absent) = (Vec::new(), Vec::new());
        for name in batch.absent.iter().flat_map(|list| list.iter()) {
            match select.query_row([name.hash.as_bytes()], |row| row.get(0)).optional()? {
                Some(bytes) => changes.push(RawChange { record: name.record, bytes }),
                None => absent.push(*name),
            }
        }
        Ok(with(batch, changes, absent))
    }

    fn write_batch(&self, batch: &RawBatch, settled: bool) -> Result<(), StoreError> {
        let bytes = minicbor::to_vec(batch).expect("writing to memory does not fail");
        let mut update = self.db.prepare_cached("UPDATE batches SET bytes = ?2, settled = ?3 WHERE number = ?1")?;
        update.execute((number(batch.number), bytes, settled))?;
        Ok(())
    }

    /// Changes of one batch that still wait for a ruling, with their records.
    pub(crate) fn pending_in_batch(&self, batch: u64) -> Result<Vec<(RecordId, ChangeHash)>, StoreError> {
        let mut select =
            self.db.prepare_cached("SELECT record, hash FROM changes WHERE batch = ?1 AND status IN (1, 2) ORDER BY position")?;
        let read =
            |row: &rusqlite::Row<'_>| Ok((id(row, "record", RecordId::from_slice)?, id(row, "hash", ChangeHash::from_slice)?));
        Ok(select.query_map([number(batch)], read)?.collect::<Result<_, _>>()?)
    }

    /// How many changes wait to be sent or answered, and how many the server holds back.
    pub fn unsent(&self) -> Result<(u64, u64), StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT count(*) FILTER (WHERE status = 1), count(*) FILTER (WHERE status = 2)
                 FROM changes WHERE status IN (1, 2)",
        )?;
        let counts: (i64, i64) = select.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((counts.0.unsigned_abs(), counts.1.unsigned_abs()))
    }

    /// The oldest change that waits to be sent.
    pub fn first_unsent(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT bytes FROM changes WHERE position =
                 (SELECT min(position) FROM changes WHERE status IN (1, 2) AND status = 1)",
        )?;
        Ok(select.query_row([], |row| row.get(0)).optional()?)
    }
}

fn decoded<'b, T: minicbor::Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, StoreError> {
    minicbor::decode(bytes).map_err(|e| StoreError::Damaged(e.to_string()))
}

fn with(batch: RawBatch, changes: Vec<RawChange>, absent: Vec<Absent>) -> RawBatch {
    RawBatch {
        changes: changes.try_into().expect("no more than the batch had"),
        absent: (!absent.is_empty()).then(|| absent.try_into().expect("no more than the batch had")),
        ..batch
    }
}

/// The same batch with every change by its name.
fn by_names(batch: RawBatch) -> RawBatch {
    let absent: Vec<Absent> = batch.absent.iter().flat_map(|list| list.iter()).copied().collect();
    let taken: SortedSet<u16> = absent.iter().map(|name| name.position).collect();
    let free = (0u16..).filter(|position| !taken.contains(position));
    let named = free.zip(batch.changes.iter()).map(|(position, change)| {
        let (record, hash) = (change.record, Change::name_of(&change.bytes));
        Absent { position, record, hash }
    });
    let mut all: Vec<Absent> = named.chain(absent).collect();
    all.sort_by_key(|name| name.position);
    with(batch, Vec::new(), all)
}
