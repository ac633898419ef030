//! Refused work, as it was said.

use renolog_protocol::id::{ChangeHash, FeedId, RecordId};
use renolog_protocol::record::Act;
use renolog_protocol::refusal::{Code, Refusal};
use renolog_protocol::schema::{KindName, Party};
use renolog_protocol::time::UnixMs;
use rusqlite::{Row, named_params};

use super::{Store, StoreError, damaged, feed, id, term};

/// Names a draft on this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct DraftId(pub i64);

/// Work that may not stand: kept until its writer says it again in another way, or lets it go.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Draft {
    /// Names it.
    pub id: DraftId,
    /// The change that was refused.
    pub change: ChangeHash,
    /// The record it was meant for.
    pub record: RecordId,
    /// The feed of that record.
    pub feed: FeedId,
    /// The record's kind.
    pub kind: KindName,
    /// The party spoken for.
    pub party: Party,
    /// What was said.
    pub acts: Vec<Act>,
    /// Why it may not stand.
    pub refusal: Refusal,
    /// When it was said, by the device's clock.
    pub written: UnixMs,
    /// When it was refused, by the device's clock.
    pub refused: UnixMs,
}

fn draft(row: &Row<'_>) -> rusqlite::Result<Draft> {
    let acts = serde_json::from_str(row.get_ref("acts")?.as_str()?).map_err(|e| damaged(e.to_string()))?;
    let code = Code::from_name(row.get_ref("code")?.as_str()?);
    Ok(Draft {
        id: DraftId(row.get("id")?),
        change: id(row, "hash", ChangeHash::from_slice)?,
        record: id(row, "record", RecordId::from_slice)?,
        feed: feed(row)?,
        kind: term(row, "kind")?,
        party: term(row, "party")?,
        acts,
        refusal: Refusal { code, zh: row.get("zh")?, en: row.get("en")? },
        written: UnixMs(row.get("written_ms")?),
        refused: UnixMs(row.get("refused_ms")?),
    })
}

impl Store {
    /// Keeps a draft; its `id` is drawn here.
    ///
    /// # Errors
    /// [`StoreError`], here and below.
    pub fn add_draft(&self, draft: &Draft) -> Result<DraftId, StoreError> {
        let acts = serde_json::to_string(&draft.acts).map_err(|e| StoreError::Damaged(e.to_string()))?;
        let mut insert = self.db.prepare_cached(
            "INSERT INTO drafts (hash, record, community, audience, kind, party, acts, code, zh, en, written_ms, refused_ms)
             VALUES (:hash, :record, :community, :audience, :kind, :party, :acts, :code, :zh, :en, :written, :refused)",
        )?;
        Ok(DraftId(insert.insert(named_params! {
            ":hash": draft.change.as_bytes(),
            ":record": draft.record.as_bytes(),
            ":community": draft.feed.community.as_bytes(),
            ":audience": draft.feed.audience.code(),
            ":kind": draft.kind.as_str(),
            ":party": draft.party.as_str(),
            ":acts": acts,
            ":code": draft.refusal.code.as_str(),
            ":zh": draft.refusal.zh,
            ":en": draft.refusal.en,
            ":written": draft.written.0,
            ":refused": draft.refused.0,
        })?))
    }

    /// Every draft, oldest first.
    pub fn drafts(&self) -> Result<Vec<Draft>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT * FROM drafts ORDER BY id")?;
        Ok(select.query_map([], draft)?.collect::<Result<_, _>>()?)
    }

    /// The drafts of one record, oldest first.
    pub fn drafts_of(&self, record: RecordId) -> Result<Vec<Draft>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT * FROM drafts WHERE record = ?1 ORDER BY id")?;
        Ok(select.query_map([record.as_bytes()], draft)?.collect::<Result<_, _>>()?)
    }

    /// One draft.
    pub fn draft(&self, id: DraftId) -> Result<Option<Draft>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT * FROM drafts WHERE id = ?1")?;
        Ok(select.query_map([id.0], draft)?.next().transpose()?)
    }

    /// Lets a draft go.
    pub fn drop_draft(&self, id: DraftId) -> Result<(), StoreError> {
        self.db.prepare_cached("DELETE FROM drafts WHERE id = ?1")?.execute([id.0])?;
        Ok(())
    }

    /// Lets the drafts of a change go: it stands after all.
    pub fn drop_drafts_of_change(&self, hash: ChangeHash) -> Result<(), StoreError> {
        self.db.prepare_cached("DELETE FROM drafts WHERE hash = ?1")?.execute([hash.as_bytes()])?;
        Ok(())
    }
}
