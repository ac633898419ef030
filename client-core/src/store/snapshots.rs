//! How far a snapshot has come, and what its links are computed from.

use renolog_protocol::chain::{Brought, Mark};
use renolog_protocol::id::{ChangeHash, DeviceId, Epoch, FeedId, Link, PersonId, Seq};
use renolog_protocol::sorted::SortedMap;
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::{Begun, Place};
use rusqlite::Row;

use super::{Store, StoreError, bits, feed, id, number, term};

impl Store {
    /// Every snapshot of which there is a part.
    ///
    /// # Errors
    /// [`StoreError`], here and below.
    pub fn begun(&self) -> Result<SortedMap<FeedId, Begun>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT * FROM begun")?;
        let read = |row: &Row<'_>| {
            let feed = feed(row)?;
            let all = |column: &str| Ok::<_, rusqlite::Error>(row.get::<_, i64>(column)?.cast_unsigned());
            let mark = Mark { seq: Seq(all("seq")?), link: id(row, "link", Link::from_slice)? };
            let through = Place { pass: row.get("pass")?, last: Seq(all("last")?), upto: Seq(all("upto")?) };
            Ok((feed, Begun { feed, epoch: Epoch(all("epoch")?), mark, through }))
        };
        Ok(select.query_map([], read)?.collect::<Result<_, _>>()?)
    }

    /// Writes how far a snapshot has come.
    pub fn set_begun(&self, begun: &Begun) -> Result<(), StoreError> {
        let mut upsert = self.db.prepare_cached(
            "INSERT OR REPLACE INTO begun (community, audience, epoch, seq, link, pass, last, upto)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        let Begun { feed, epoch, mark, through } = begun;
        upsert.execute((
            feed.community.as_bytes(),
            feed.audience.code(),
            bits(epoch.0),
            bits(mark.seq.0),
            mark.link.as_bytes(),
            through.pass,
            bits(through.last.0),
            bits(through.upto.0),
        ))?;
        Ok(())
    }

    /// Nothing of a snapshot of this feed counts any more; what came in it stays.
    pub fn drop_begun(&self, feed: FeedId) -> Result<(), StoreError> {
        let place = (feed.community.as_bytes(), feed.audience.code());
        self.db.prepare_cached("DELETE FROM begun WHERE community = ?1 AND audience = ?2")?.execute(place)?;
        self.db.prepare_cached("DELETE FROM places WHERE community = ?1 AND audience = ?2")?.execute(place)?;
        Ok(())
    }

    /// Keeps the place of an entry of which nothing else is kept.
    pub fn add_place(&self, feed: FeedId, seq: Seq, hash: ChangeHash, visit: i64) -> Result<(), StoreError> {
        let mut insert = self.db.prepare_cached(
            "INSERT OR REPLACE INTO places (community, audience, seq, hash, visit) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        insert.execute((feed.community.as_bytes(), feed.audience.code(), number(seq.0), hash.as_bytes(), visit))?;
        Ok(())
    }

    /// The link of the chain over a feed up to a position, computed of what is here; `None` if a place is empty.
    pub fn link_of(&self, feed: FeedId, upto: Seq) -> Result<Option<Link>, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT seq, hash, device, person, visits.role, received_ms, skew_ms FROM (
                 SELECT seq, hash, visit FROM changes WHERE community = ?1 AND audience = ?2 AND seq <= ?3
                 UNION ALL SELECT seq, hash, visit FROM places WHERE community = ?1 AND audience = ?2 AND seq <= ?3
             ) JOIN visits ON visits.id = visit ORDER BY seq",
        )?;
        let mut rows = select.query((feed.community.as_bytes(), feed.audience.code(), number(upto.0)))?;
        let (mut link, mut at) = (Link::start(feed), Seq(0));
        while let Some(row) = rows.next()? {
            let seq = Seq(row.get::<_, i64>("seq")?.unsigned_abs());
            if seq == at {
                continue;
            }
            if seq != at.next() {
                return Ok(None);
            }
            let brought = Brought {
                device: id(row, "device", DeviceId::from_slice)?,
                person: id(row, "person", PersonId::from_slice)?,
                role: term(row, "role")?,
                received: UnixMs(row.get("received_ms")?),
                skew: SpanMs(row.get("skew_ms")?),
            };
            (link, at) = (link.then(seq, id(row, "hash", ChangeHash::from_slice)?, &brought), seq);
        }
        Ok((at == upto).then_some(link))
    }
}
