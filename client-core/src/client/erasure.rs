//! A record that the server was made to erase: what came of it goes here too.
//!
//! What the person at this device had written in it and not sent yet is theirs, and nobody else has it: it stays as refused
//! work until they have seen it.

use renolog_protocol::id::{FeedId, RecordId};
use renolog_protocol::refusal::{Code, Refusal};
use renolog_protocol::time::UnixMs;

use super::arrive::Aftermath;
use super::replay::TakeBack;
use super::{Client, ClientError};

impl Client {
    /// Deletes a record; the caller holds the transaction.
    pub(super) fn erase(
        &mut self,
        now: UnixMs,
        record: RecordId,
        feed: FeedId,
        after: &mut Aftermath,
    ) -> Result<(), ClientError> {
        let refusal = Refusal::new(Code::Erased, "这条记录已依法删除", "this record was erased for good");
        let mut back = TakeBack::default();
        for kept in self.store.pending_of(record)? {
            back.from(kept.position);
            back.refusals.insert(kept.hash, refusal.clone());
        }
        self.replay(now, record, &back)?;
        self.store.erase_record(record)?;
        self.hot.pop(&record);
        self.incomplete.remove(&record);
        after.forget(record);
        let revision = self.bump();
        self.store.set_gone(record, revision)?;
        tracing::info!(%record, %feed, "erased");
        Ok(())
    }
}
