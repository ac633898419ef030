//! Communities with their rosters, and the feeds followed with how far each is stored.

use renolog_protocol::id::{Audience, CommunityId, Epoch, FeedId, Link, Seq};
use renolog_protocol::roster::Roster;
use renolog_protocol::sorted::SortedMap;
use renolog_protocol::time::UnixMs;
use renolog_protocol::wire::Cursor;

use super::{Store, StoreError, bits, feed, id, maybe_id, number};
use crate::client::Doubt;

/// A community as the device knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Community {
    /// Its name.
    pub name: String,
    /// Who is who.
    pub roster: Roster,
}

/// A feed that is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedState {
    /// How far it is stored.
    pub cursor: Cursor,
    /// Whether the server lets this device read it. One that it does not is asked for again each time: a role may come.
    pub granted: bool,
    /// Whether changes that an earlier life of the server had accepted wait to be sent again.
    pub recovering: bool,
    /// The link of the chain over the feed at the cursor, if it is known.
    pub link: Option<Link>,
}

impl FeedState {
    /// A feed of which nothing is stored.
    pub fn new(feed: FeedId) -> Self {
        Self { cursor: Cursor { feed, epoch: Epoch(0), seq: Seq(0) }, granted: false, recovering: false, link: None }
    }
}

impl Store {
    /// Every community that is known.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn communities(&self) -> Result<SortedMap<CommunityId, Community>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT id, name, roster FROM communities")?;
        let read = |row: &rusqlite::Row<'_>| {
            let roster = minicbor::decode(row.get_ref("roster")?.as_blob()?).map_err(|e| super::damaged(e.to_string()))?;
            Ok((id(row, "id", CommunityId::from_slice)?, Community { name: row.get("name")?, roster }))
        };
        Ok(select.query_map([], read)?.collect::<Result<_, _>>()?)
    }

    /// Writes a community.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_community(&self, id: CommunityId, community: &Community) -> Result<(), StoreError> {
        let roster = minicbor::to_vec(&community.roster).expect("writing to memory does not fail");
        let mut upsert = self.db.prepare_cached("INSERT OR REPLACE INTO communities (id, name, roster) VALUES (?1, ?2, ?3)")?;
        upsert.execute((id.as_bytes(), &community.name, roster))?;
        Ok(())
    }

    /// Every feed that is followed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn feeds(&self) -> Result<SortedMap<FeedId, FeedState>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT * FROM feeds")?;
        let read = |row: &rusqlite::Row<'_>| {
            let feed = feed(row)?;
            let epoch = Epoch(row.get::<_, i64>("epoch")?.cast_unsigned());
            let seq = Seq(row.get::<_, i64>("seq")?.unsigned_abs());
            let (granted, recovering) = (row.get("granted")?, row.get("recovering")?);
            let link = maybe_id(row, "link", Link::from_slice)?;
            Ok((feed, FeedState { cursor: Cursor { feed, epoch, seq }, granted, recovering, link }))
        };
        Ok(select.query_map([], read)?.collect::<Result<_, _>>()?)
    }

    /// Writes how far a feed is stored.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_feed(&self, state: &FeedState) -> Result<(), StoreError> {
        let mut upsert = self.db.prepare_cached(
            "INSERT OR REPLACE INTO feeds (community, audience, epoch, seq, granted, recovering, link)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        let Cursor { feed, epoch, seq } = state.cursor;
        let place = (feed.community.as_bytes(), feed.audience.code());
        upsert.execute((
            place.0,
            place.1,
            bits(epoch.0),
            number(seq.0),
            state.granted,
            state.recovering,
            state.link.map(|link| link.0),
        ))?;
        Ok(())
    }

    /// Keeps a doubt.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn add_doubt(&self, doubt: Doubt) -> Result<(), StoreError> {
        let mut insert = self.db.prepare_cached("INSERT INTO doubts (community, audience, found_ms) VALUES (?1, ?2, ?3)")?;
        let place = doubt.feed.map(|feed| (feed.community.0, feed.audience.code())).unzip();
        insert.execute((place.0, place.1, doubt.found.0))?;
        // The first ones tell the story; a server that does it every minute is not worth a full phone.
        self.db.prepare_cached("DELETE FROM doubts WHERE id > 1000")?.execute([])?;
        Ok(())
    }

    /// Every doubt, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn doubts(&self) -> Result<Vec<Doubt>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT * FROM doubts ORDER BY id")?;
        let read = |row: &rusqlite::Row<'_>| {
            let community = maybe_id(row, "community", CommunityId::from_slice)?;
            let audience = row.get::<_, Option<u8>>("audience")?.and_then(Audience::from_code);
            let feed = community.zip(audience).map(|(community, audience)| FeedId { community, audience });
            Ok(Doubt { feed, found: UnixMs(row.get("found_ms")?) })
        };
        Ok(select.query_map([], read)?.collect::<Result<_, _>>()?)
    }
}
