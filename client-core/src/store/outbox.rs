//! The way out: changes that wait, and the signed batches they leave in.

use renolog_protocol::batch::RawBatch;
use renolog_protocol::id::{ChangeHash, FeedId, RecordId};
use renolog_protocol::limits;
use rusqlite::OptionalExtension;

use super::{Store, StoreError, feed, id, number};

/// A change that waits to be put into a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unbatched {
    pub(crate) hash: ChangeHash,
    pub(crate) record: RecordId,
    pub(crate) bytes: Vec<u8>,
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

    /// Keeps a signed batch until every change in it is ruled on.
    pub(crate) fn add_batch(&self, batch: &RawBatch, changes: &[ChangeHash]) -> Result<(), StoreError> {
        let bytes = minicbor::to_vec(batch).expect("writing to memory does not fail");
        let mut insert =
            self.db.prepare_cached("INSERT INTO batches (number, community, audience, bytes) VALUES (?1, ?2, ?3, ?4)")?;
        let (community, audience) = (batch.feed.community.as_bytes(), batch.feed.audience.code());
        insert.execute((number(batch.number), community, audience, bytes))?;
        let mut update = self.db.prepare_cached("UPDATE changes SET batch = ?2 WHERE hash = ?1")?;
        for hash in changes {
            update.execute((hash.as_bytes(), number(batch.number)))?;
        }
        Ok(())
    }

    /// The first stored batch with a higher number.
    pub(crate) fn batch_after(&self, after: u64) -> Result<Option<RawBatch>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT bytes FROM batches WHERE number > ?1 ORDER BY number LIMIT 1")?;
        let bytes: Option<Vec<u8>> = select.query_row([number(after)], |row| row.get(0)).optional()?;
        bytes.map(|bytes| minicbor::decode(&bytes).map_err(|e| StoreError::Damaged(e.to_string()))).transpose()
    }

    /// Drops the batches in which nothing waits for a ruling any more.
    pub(crate) fn drop_ruled_batches(&self) -> Result<(), StoreError> {
        let mut delete = self.db.prepare_cached(
            "DELETE FROM batches WHERE NOT EXISTS (SELECT 1 FROM changes WHERE batch = number AND status IN (1, 2))",
        )?;
        delete.execute([])?;
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
