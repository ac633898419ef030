//! One row a record, written with every change of it: what lists, searches and watchers read.

use renolog_protocol::id::{ChangeHash, CommunityId, FeedId, RecordId};
use renolog_protocol::schema::{KindName, StateName};
use renolog_protocol::time::UnixMs;
use rusqlite::{OptionalExtension, Row, ToSql, named_params};

use super::{Store, StoreError, feed, id, number, term};

/// What a list shows of a record.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ListedRecord {
    /// Which.
    pub id: RecordId,
    /// Where it belongs.
    pub feed: FeedId,
    /// Its kind.
    pub kind: KindName,
    /// The state it is in.
    pub state: StateName,
    /// What stands for it.
    pub title: String,
    /// When it was made, by its maker's clock.
    pub created: UnixMs,
    /// When something was last written or received; the order of a list.
    pub updated: UnixMs,
    /// Whether it was struck out.
    pub voided: bool,
    /// In how many fields people disagree.
    pub conflicts: u32,
    /// How many moves were superseded.
    pub superseded: u32,
    /// Changes that the server has not answered.
    pub unsent: u32,
    /// Changes that the server holds until others come.
    pub held: u32,
    /// Refused work.
    pub drafts: u32,
    /// Changes that arrived and could not be applied.
    pub waiting: u32,
    /// The device's revision when it last changed.
    pub revision: u64,
}

/// What is asked of a list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of this community.
    pub community: Option<CommunityId>,
    /// Only of this kind.
    pub kind: Option<KindName>,
    /// Only in this state.
    pub state: Option<StateName>,
    /// Only with these words in a field, an entry or a note.
    pub text: Option<String>,
    /// Only those that come after this record in the list.
    pub after: Option<(UnixMs, RecordId)>,
    /// At most so many; 0 for no bound.
    pub limit: u32,
}

/// What is written of a record after it changed.
#[derive(Debug, Clone)]
pub struct Projection {
    /// Its kind.
    pub kind: KindName,
    /// The state it is in.
    pub state: StateName,
    /// What stands for it.
    pub title: String,
    /// Everything written in it, for search, in small letters.
    pub words: String,
    /// When it was made, by its maker's clock.
    pub created: UnixMs,
    /// Whether it was struck out.
    pub voided: bool,
    /// In how many fields people disagree.
    pub conflicts: u32,
    /// How many moves were superseded.
    pub superseded: u32,
    /// When the first of its clocks ends, if one runs.
    pub due: Option<UnixMs>,
    /// The version of the schema that says so.
    pub schema: u32,
}

fn listed(row: &Row<'_>) -> rusqlite::Result<ListedRecord> {
    Ok(ListedRecord {
        id: id(row, "id", RecordId::from_slice)?,
        feed: feed(row)?,
        kind: term(row, "kind")?,
        state: term(row, "state")?,
        title: row.get("title")?,
        created: UnixMs(row.get("created_ms")?),
        updated: UnixMs(row.get("updated_ms")?),
        voided: row.get("voided")?,
        conflicts: row.get("conflicts")?,
        superseded: row.get("superseded")?,
        unsent: row.get("unsent")?,
        held: row.get("held")?,
        drafts: row.get("drafts")?,
        waiting: row.get("waiting")?,
        revision: row.get::<_, i64>("revision")?.unsigned_abs(),
    })
}

impl Store {
    /// Writes what lists show of a record. `updated` never runs backwards.
    ///
    /// # Errors
    /// [`StoreError`], here and below.
    pub fn project(
        &self,
        id: RecordId,
        feed: FeedId,
        shown: &Projection,
        updated: UnixMs,
        revision: u64,
    ) -> Result<(), StoreError> {
        let mut upsert = self.db.prepare_cached(
            "INSERT INTO records (id, community, audience, kind, state, title, words, created_ms, updated_ms, voided, conflicts,
                 superseded, due_ms, projected_under, unsent, held, drafts, waiting, gone, revision)
             VALUES (:id, :community, :audience, :kind, :state, :title, :words, :created, :updated, :voided, :conflicts,
                 :superseded, :due, :schema, 0, 0, 0, 0, 0, :revision)
             ON CONFLICT (id) DO UPDATE SET kind = :kind, state = :state, title = :title, words = :words, created_ms = :created,
                 updated_ms = max(updated_ms, :updated), voided = :voided, conflicts = :conflicts, superseded = :superseded,
                 due_ms = :due, projected_under = :schema, gone = 0, revision = :revision",
        )?;
        upsert.execute(named_params! {
            ":id": id.as_bytes(),
            ":community": feed.community.as_bytes(),
            ":audience": feed.audience.code(),
            ":kind": shown.kind.as_str(),
            ":state": shown.state.as_str(),
            ":title": shown.title,
            ":words": shown.words,
            ":created": shown.created.0,
            ":updated": updated.0,
            ":voided": shown.voided,
            ":conflicts": shown.conflicts,
            ":superseded": shown.superseded,
            ":due": shown.due.map(|due| due.0),
            ":schema": shown.schema,
            ":revision": number(revision),
        })?;
        self.recount(id, revision)
    }

    /// Counts again what of a record is unsent, held, drafted and waiting.
    pub fn recount(&self, id: RecordId, revision: u64) -> Result<(), StoreError> {
        // The plus keeps SQLite to the record's own changes: the index by status holds the whole outbox.
        let mut update = self.db.prepare_cached(
            "UPDATE records SET revision = ?2,
                 unsent = (SELECT count(*) FROM changes WHERE record = ?1 AND status IN (1, 2) AND +status = 1),
                 held = (SELECT count(*) FROM changes WHERE record = ?1 AND status IN (1, 2) AND +status = 2),
                 waiting = (SELECT count(*) FROM changes WHERE record = ?1 AND status = 5),
                 drafts = (SELECT count(*) FROM drafts WHERE record = ?1)
             WHERE id = ?1",
        )?;
        update.execute((id.as_bytes(), number(revision)))?;
        Ok(())
    }

    /// Nothing of the record stands here any more.
    pub fn set_gone(&self, id: RecordId, revision: u64) -> Result<(), StoreError> {
        let mut update = self.db.prepare_cached("UPDATE records SET gone = 1, words = '', title = '' WHERE id = ?1")?;
        update.execute([id.as_bytes()])?;
        self.recount(id, revision)
    }

    /// Where a record belongs, and whether anything of it stands here.
    pub fn place_of(&self, id: RecordId) -> Result<Option<(FeedId, bool)>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT community, audience, gone FROM records WHERE id = ?1")?;
        let read = |row: &Row<'_>| Ok((feed(row)?, !row.get::<_, bool>("gone")?));
        Ok(select.query_row([id.as_bytes()], read).optional()?)
    }

    /// What lists show of one record.
    pub fn listed(&self, id: RecordId) -> Result<Option<ListedRecord>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT * FROM records WHERE id = ?1 AND gone = 0")?;
        Ok(select.query_row([id.as_bytes()], listed).optional()?)
    }

    /// Records in the order of their last change, latest first.
    pub fn list(&self, filter: &Filter) -> Result<Vec<ListedRecord>, StoreError> {
        let mut conditions = vec!["gone = 0"];
        let mut params: Vec<Box<dyn ToSql>> = Vec::new();
        if let Some(community) = filter.community {
            conditions.push("community = ?");
            params.push(Box::new(community.0));
        }
        if let Some(kind) = &filter.kind {
            conditions.push("kind = ?");
            params.push(Box::new(kind.to_string()));
        }
        if let Some(state) = &filter.state {
            conditions.push("state = ?");
            params.push(Box::new(state.to_string()));
        }
        if let Some(text) = &filter.text {
            conditions.push("instr(words, ?) > 0");
            params.push(Box::new(text.to_lowercase()));
        }
        if let Some((updated, id)) = filter.after {
            conditions.push("(updated_ms < ? OR (updated_ms = ? AND id > ?))");
            params.push(Box::new(updated.0));
            params.push(Box::new(updated.0));
            params.push(Box::new(id.0));
        }
        params.push(Box::new(if filter.limit == 0 { -1 } else { i64::from(filter.limit) }));
        let conditions = conditions.join(" AND ");
        let sql = format!("SELECT * FROM records WHERE {conditions} ORDER BY updated_ms DESC, id LIMIT ?");
        let mut select = self.db.prepare_cached(&sql)?;
        Ok(select.query_map(rusqlite::params_from_iter(params), listed)?.collect::<Result<_, _>>()?)
    }

    /// Records in which people disagree, latest first.
    pub fn in_conflict(&self) -> Result<Vec<RecordId>, StoreError> {
        self.ids("SELECT id FROM records WHERE conflicts > 0 AND gone = 0 ORDER BY updated_ms DESC, id", [])
    }

    /// Records that were last shown under an older schema than this, at most `limit`.
    pub fn shown_before(&self, schema: u32, limit: u32) -> Result<Vec<RecordId>, StoreError> {
        self.ids("SELECT id FROM records WHERE gone = 0 AND projected_under < ?1 LIMIT ?2", (schema, limit))
    }

    /// Notes that nothing is to be shown anew of a record under this schema.
    pub fn set_shown(&self, id: RecordId, schema: u32) -> Result<(), StoreError> {
        let mut update = self.db.prepare_cached("UPDATE records SET projected_under = ?2 WHERE id = ?1")?;
        update.execute((id.as_bytes(), schema))?;
        Ok(())
    }

    /// Records whose first clock ended by `at`, the longest ago first, after the given one.
    pub fn due_by(
        &self,
        at: UnixMs,
        community: Option<CommunityId>,
        after: Option<(UnixMs, RecordId)>,
        limit: u32,
    ) -> Result<Vec<(UnixMs, RecordId)>, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT due_ms, id FROM records
             WHERE gone = 0 AND due_ms IS NOT NULL AND due_ms <= ?1 AND (due_ms, id) > (?2, ?3)
                 AND (?4 IS NULL OR community = ?4)
             ORDER BY due_ms, id LIMIT ?5",
        )?;
        let (after_ms, after_id) = after.map_or((i64::MIN, Vec::new()), |(at, id)| (at.0, id.as_bytes().to_vec()));
        let read = |row: &Row<'_>| Ok((UnixMs(row.get("due_ms")?), id(row, "id", RecordId::from_slice)?));
        let params = (at.0, after_ms, after_id, community.map(|community| community.0), limit);
        Ok(select.query_map(params, read)?.collect::<Result<_, _>>()?)
    }

    /// Every record of a kind of which something stands.
    pub fn records_of_kind(&self, kind: &KindName) -> Result<Vec<RecordId>, StoreError> {
        self.ids("SELECT id FROM records WHERE kind = ?1 AND gone = 0", [kind.as_str()])
    }

    /// Every record of which something stands.
    pub fn all_records(&self) -> Result<Vec<RecordId>, StoreError> {
        self.ids("SELECT id FROM records WHERE gone = 0 ORDER BY id", [])
    }

    /// Every record of a feed of which something stands.
    pub fn records_of_feed(&self, feed: FeedId) -> Result<Vec<RecordId>, StoreError> {
        let place = (feed.community.as_bytes(), feed.audience.code());
        self.ids("SELECT id FROM records WHERE community = ?1 AND audience = ?2 AND gone = 0 ORDER BY id", place)
    }

    fn ids(&self, sql: &str, params: impl rusqlite::Params) -> Result<Vec<RecordId>, StoreError> {
        let mut select = self.db.prepare_cached(sql)?;
        Ok(select.query_map(params, |row| id(row, "id", RecordId::from_slice))?.collect::<Result<_, _>>()?)
    }

    /// Records that changed after a revision, and at which, in that order; also those of which nothing stands any more.
    pub fn changed_since(&self, revision: u64, limit: u32) -> Result<Vec<(RecordId, u64)>, StoreError> {
        let mut select =
            self.db.prepare_cached("SELECT id, revision FROM records WHERE revision > ?1 ORDER BY revision, id LIMIT ?2")?;
        let read = |row: &Row<'_>| {
            let revision: i64 = row.get("revision")?;
            Ok((id(row, "id", RecordId::from_slice)?, revision.unsigned_abs()))
        };
        Ok(select.query_map((number(revision), limit), read)?.collect::<Result<_, _>>()?)
    }

    /// Whose words a change of a record holds, when the server has told.
    pub fn writer_of(&self, hash: ChangeHash) -> Result<Option<renolog_protocol::wire::Visit>, StoreError> {
        Ok(self.change(hash)?.and_then(|kept| kept.visit))
    }
}
