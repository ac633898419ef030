//! After the schema changed: every record listed anew, in pieces, so that a phone with a hundred thousand of them stays a
//! phone. After the calendar changed: likewise every record on which a clock runs. Each row remembers the version it was written under, so a piece that was done is done, whatever happens next.
//! What is opened in between is read by the new rules at once; only lists lag.

use renolog_protocol::id::RecordId;
use renolog_protocol::time::{SpanMs, UnixMs};

use super::{Client, ClientError};
use crate::store::StoreError;

/// Records in one transaction: 30 ms on a laptop.
const PIECE: u32 = 128;
/// How long a store that failed is left alone.
const AFTER_A_FAILURE: SpanMs = SpanMs::from_secs(60);

impl Client {
    /// Lists anew a piece of what was listed under an older schema or calendar, and says whether some is left. Opening does one piece, a
    /// connected device the others between its other work; an app that stays offline calls this in idle moments.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn renew_some(&mut self, now: UnixMs) -> Result<bool, ClientError> {
        let calendar = self.calendar.fingerprint();
        if self.store.reckoned_by()? != Some(calendar) {
            self.atomically(|me| Ok(me.store.reckon_by(calendar)?))?;
        }
        let stale = self.store.shown_before(self.schema.version, PIECE)?;
        if !stale.is_empty() {
            self.atomically(|me| stale.iter().try_for_each(|record| me.list_anew(*record)))?;
        }
        let left = stale.len() == PIECE as usize;
        self.renew_at = left.then_some(now);
        Ok(left)
    }

    /// The same where it must not keep anything else from happening.
    pub(super) fn renew_quietly(&mut self, now: UnixMs) {
        // A clock set back must not put it off for longer than a failure does.
        if self.renew_at.is_none_or(|at| at > now && at - now <= AFTER_A_FAILURE) {
            return;
        }
        if let Err(error) = self.renew_some(now) {
            tracing::warn!(%error, "records could not be listed anew; trying again later");
            self.renew_at = Some(now + AFTER_A_FAILURE);
        }
    }

    fn list_anew(&mut self, record: RecordId) -> Result<(), ClientError> {
        let listed = self.store.listed(record)?.ok_or(ClientError::NoSuchRecord(record))?;
        let view = match self.glance(record) {
            Ok(Some(view)) => view,
            Ok(None) => return Ok(self.store.set_shown(record, self.schema.version)?),
            Err(error @ (ClientError::Broken(_) | ClientError::Store(StoreError::Damaged(_)))) => {
                tracing::error!(%record, %error, "a record cannot be read; it stays listed as it was");
                return Ok(self.store.set_shown(record, self.schema.version)?);
            }
            Err(error) => return Err(error),
        };
        let shown = self.shown(&view)?;
        let same = (&shown.state, &shown.title, shown.conflicts, shown.superseded, shown.voided)
            == (&listed.state, &listed.title, listed.conflicts, listed.superseded, listed.voided);
        let revision = if same { listed.revision } else { self.bump() };
        Ok(self.store.project(record, listed.feed, &shown, UnixMs(0), revision)?)
    }
}
