//! Refused work: kept as it was said, until its writer says it again or lets it go.

use renolog_protocol::id::RecordId;
use renolog_protocol::record::{Act, Created};
use renolog_protocol::refusal::Refusal;
use renolog_protocol::schema::{KindName, Party};
use renolog_protocol::time::UnixMs;

use super::record::parse;
use super::{Client, ClientError};
use crate::store::{Draft, DraftId, Kept, Status};

impl Client {
    /// Refused work, oldest first.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub fn drafts(&self) -> Result<Vec<Draft>, ClientError> {
        Ok(self.store.drafts()?)
    }

    /// Says refused work again, now, under new names. If the rules allow it here, the draft is gone and the work is in the
    /// outbox.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if it still may not stand; the draft is kept. As [`Client::edit`].
    pub fn retry(&mut self, now: UnixMs, draft: DraftId) -> Result<RecordId, ClientError> {
        let draft = self.store.draft(draft)?.ok_or(ClientError::NoSuchDraft)?;
        let record = self.hot(draft.record)?.clone();
        let acts = self.renew(&draft.acts, &record, true, &mut Default::default());
        let again = |party: &Party, device_time: UnixMs| acts.iter().cloned().map(|act| at(act, party, device_time)).collect();
        if !matches!(acts.first(), Some(Act::Create(_))) && record.is_empty() {
            return Err(ClientError::NoSuchRecord(draft.record));
        }
        self.say(now, draft.record, draft.feed, Some(&draft.party), &again)?;
        self.discard(draft.id)?;
        Ok(draft.record)
    }

    /// Lets refused work go. Its writer's decision, nobody else's.
    ///
    /// # Errors
    /// [`ClientError::NoSuchDraft`], [`ClientError::Store`].
    pub fn discard(&mut self, draft: DraftId) -> Result<(), ClientError> {
        let known = self.store.draft(draft)?.ok_or(ClientError::NoSuchDraft)?;
        self.atomically(|me| {
            me.store.drop_draft(draft)?;
            let revision = me.bump();
            Ok(me.store.recount(known.record, revision)?)
        })
    }

    /// Takes a change out of its record and keeps what it said; the caller holds the transaction.
    pub(super) fn draft(
        &mut self,
        now: UnixMs,
        kept: &Kept,
        kind: Option<KindName>,
        acts: Vec<Act>,
        refusal: Refusal,
    ) -> Result<(), ClientError> {
        let change = parse(kept)?;
        let unknown = || KindName::parse("unknown").expect("a name");
        self.store.set_status(kept.hash, Status::Refused)?;
        self.store.add_draft(&Draft {
            id: DraftId(0),
            change: kept.hash,
            record: kept.record,
            feed: kept.feed,
            kind: kind.unwrap_or_else(unknown),
            party: change.party().clone(),
            acts,
            refusal,
            written: change.device_time(),
            refused: now,
        })?;
        Ok(())
    }
}

/// A creation names the moment it was written.
fn at(act: Act, party: &Party, device_time: UnixMs) -> Act {
    match act {
        Act::Create(created) => Act::Create(Created { party: party.clone(), device_time, ..created }),
        act => act,
    }
}
