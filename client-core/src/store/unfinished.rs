//! Forms that are being filled in: what was typed outlives a killed app.

use renolog_protocol::time::UnixMs;
use rusqlite::Row;

use super::{Store, StoreError};

/// What someone was typing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Unfinished {
    /// Which form; named by whoever shows it.
    pub form: String,
    /// What was typed; only the form knows what it means.
    pub typed: String,
    /// When it was last typed into, by the device's clock.
    pub at: UnixMs,
}

impl Store {
    /// Everything that is unfinished, latest first.
    ///
    /// # Errors
    /// [`StoreError`], here and below.
    pub fn unfinished(&self) -> Result<Vec<Unfinished>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT form, typed, typed_ms FROM unfinished ORDER BY typed_ms DESC, form")?;
        let read =
            |row: &Row<'_>| Ok(Unfinished { form: row.get("form")?, typed: row.get("typed")?, at: UnixMs(row.get("typed_ms")?) });
        Ok(select.query_map([], read)?.collect::<Result<_, _>>()?)
    }

    /// Keeps what was typed in place of what was typed there before, and lets the oldest go beyond `most` forms.
    pub fn set_unfinished(&self, unfinished: &Unfinished, most: u32) -> Result<(), StoreError> {
        let Unfinished { form, typed, at } = unfinished;
        let mut upsert =
            self.db.prepare_cached("INSERT OR REPLACE INTO unfinished (form, typed, typed_ms) VALUES (?1, ?2, ?3)")?;
        upsert.execute((form, typed, at.0))?;
        let mut oldest = self.db.prepare_cached(
            "DELETE FROM unfinished WHERE form IN (SELECT form FROM unfinished ORDER BY typed_ms DESC, form LIMIT -1 OFFSET ?1)",
        )?;
        oldest.execute([most])?;
        Ok(())
    }

    /// The form was sent, or let go.
    pub fn drop_unfinished(&self, form: &str) -> Result<(), StoreError> {
        self.db.prepare_cached("DELETE FROM unfinished WHERE form = ?1")?.execute([form])?;
        Ok(())
    }
}
