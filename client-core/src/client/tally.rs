//! The count of a motion, on a device that may read ballots.

use renolog_protocol::id::{FeedId, RecordId};
use renolog_protocol::schema::KindName;
use renolog_protocol::tally::{self, Tally};

use super::{Client, ClientError};
use crate::store::Filter;

impl Client {
    /// The count of a motion as it stands here, ballots that were not sent yet included. None if ballots may not be read
    /// here, if the record is no motion, or while the figures it is counted against are unknown.
    ///
    /// # Errors
    /// [`ClientError::NoSuchRecord`], [`ClientError::Store`].
    pub fn tally(&mut self, motion: RecordId) -> Result<Option<Tally>, ClientError> {
        let view = self.read(motion)?;
        let community = self.feed_of(motion)?.community;
        let ballot = KindName::parse("ballot").expect("a name");
        let Some(audience) = self.schema.kinds.get(&ballot).map(|kind| kind.audience) else { return Ok(None) };
        let granted = self.feeds.get(&FeedId { community, audience }).is_some_and(|state| state.granted);
        let Some(question) = tally::question(&self.schema, &view).filter(|_| granted) else { return Ok(None) };
        let text = Some(motion.to_string());
        let filter = Filter { community: Some(community), kind: Some(ballot), text, ..Filter::default() };
        let mut ballots = Vec::new();
        for listed in self.store.list(&filter)? {
            ballots.extend(self.glance(listed.id)?.iter().flat_map(|ballot| tally::ballots(motion, ballot)));
        }
        Ok(Some(tally::tally(&question, &ballots)))
    }
}
