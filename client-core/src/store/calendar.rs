//! The calendar that the server gave, and by which one the due moments of the records were reckoned.

use super::{Store, StoreError, bits};

impl Store {
    /// The calendar that the server gave, packed, if it gave one.
    ///
    /// # Errors
    /// [`StoreError`], here and below.
    pub fn given_calendar(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT packed FROM given_calendar")?;
        Ok(select.query_row([], |row| row.get(0))?)
    }

    /// Keeps a calendar in place of the one before.
    pub fn set_given_calendar(&self, packed: &[u8]) -> Result<(), StoreError> {
        self.db.prepare_cached("UPDATE given_calendar SET packed = ?1")?.execute([packed])?;
        Ok(())
    }

    /// The fingerprint of the calendar by which due moments are reckoned; `None` before the first.
    pub fn reckoned_by(&self) -> Result<Option<u64>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT reckoned_by FROM given_calendar")?;
        Ok(select.query_row([], |row| row.get::<_, Option<i64>>(0))?.map(i64::cast_unsigned))
    }

    /// Due moments are reckoned by another calendar from here on: the records that have one count as shown under no schema
    /// yet. To be done in one transaction.
    pub fn reckon_by(&self, fingerprint: u64) -> Result<(), StoreError> {
        self.db.prepare_cached("UPDATE given_calendar SET reckoned_by = ?1")?.execute([bits(fingerprint)])?;
        self.db.prepare_cached("UPDATE records SET projected_under = 0 WHERE gone = 0 AND due_ms IS NOT NULL")?.execute([])?;
        Ok(())
    }
}
