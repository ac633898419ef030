//! The calendar that the server gave, and by which one the due moments of the records were reckoned.

use super::{Store, StoreError, bits};

impl Store {
    /// The calendar file, when the server gave one.
    ///
    /// # Errors
    /// [`StoreError`], here and below.
    pub fn calendar_file(&self) -> Result<Option<String>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT text FROM calendar_file")?;
        Ok(select.query_row([], |row| row.get(0))?)
    }

    /// Keeps a calendar file in place of the one before.
    pub fn set_calendar_file(&self, text: &str) -> Result<(), StoreError> {
        self.db.prepare_cached("UPDATE calendar_file SET text = ?1")?.execute([text])?;
        Ok(())
    }

    /// The fingerprint of the calendar by which due moments are reckoned; `None` before the first.
    pub fn reckoned_by(&self) -> Result<Option<u64>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT reckoned_by FROM calendar_file")?;
        Ok(select.query_row([], |row| row.get::<_, Option<i64>>(0))?.map(i64::cast_unsigned))
    }

    /// Due moments are reckoned by another calendar from here on: the records that have one count as shown under no schema
    /// yet. To be done in one transaction.
    pub fn reckon_by(&self, fingerprint: u64) -> Result<(), StoreError> {
        self.db.prepare_cached("UPDATE calendar_file SET reckoned_by = ?1")?.execute([bits(fingerprint)])?;
        self.db.prepare_cached("UPDATE records SET projected_under = 0 WHERE gone = 0 AND due_ms IS NOT NULL")?.execute([])?;
        Ok(())
    }
}
