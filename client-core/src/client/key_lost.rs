//! The key is gone and the store is not: a browser that was told to forget some of what it keeps, for one.
//!
//! What was signed stands on the server. The rest cannot be signed by that device any more; so the device becomes another
//! one with the same store, says it again as that, and sends it once its person has enrolled it.

use renolog_protocol::id::{FeedId, RecordId};
use renolog_protocol::key::PublicKey;
use renolog_protocol::refusal::{Code, Refusal};
use renolog_protocol::time::UnixMs;

use super::replay::TakeBack;
use super::{Client, ClientError, new_device};
use crate::store::{Before, Enrolled, Identity, Place};

impl Client {
    /// Opens a store whose device cannot sign any more as that of another one, with this key. It is nobody's until it is
    /// enrolled; what was not sent is kept, and goes out then, if it is enrolled for whoever wrote it.
    ///
    /// # Errors
    /// [`ClientError::Store`]; the store is as it was then.
    pub fn open_with_key_lost(place: &Place, key: PublicKey, seed: [u8; 32], now: UnixMs) -> Result<Self, ClientError> {
        let mut client = Self::open_store(place, seed, now, None)?;
        client.atomically(|me| me.become_another(now, key))?;
        Ok(client)
    }

    fn become_another(&mut self, now: UnixMs, key: PublicKey) -> Result<(), ClientError> {
        let Identity { device, key, actor, .. } = new_device(&mut self.rng, now, Some(key));
        (self.me.device, self.me.key, self.me.actor) = (device, key, actor);
        self.store.forget_batches()?;
        let written_by = |enrolled: &Enrolled| Before { person: enrolled.person, name: enrolled.name.clone() };
        let before = self.me.enrolled.as_ref().map(written_by).or_else(|| self.me.before.take());
        // It is said again by whoever said it.
        self.me.enrolled =
            before.clone().map(|Before { person, name }| Enrolled { server: String::new(), person, name, token: String::new() });
        for (feed, record) in self.pending()? {
            let mut back = TakeBack::default();
            self.store.pending_of(record)?.iter().for_each(|kept| back.from(kept.position));
            self.replay(now, record, &back)?;
            self.project(record, feed, now)?;
        }
        (self.me.enrolled, self.me.before) = (None, before);
        Ok(())
    }

    /// Somebody else enrolled the device: nobody's words go out under another name. They become drafts, to be read.
    pub(super) fn set_aside_of(&mut self, before: &Before) -> Result<(), ClientError> {
        let name = &before.name;
        let zh = format!("这是{name}在本机密钥丢失前写下、没有发送的内容");
        let en = format!("{name} wrote this before the key of this device was lost; it was not sent");
        let refusal = Refusal::new(Code::Other, zh, en);
        for (feed, record) in self.pending()? {
            let mut back = TakeBack::default();
            let mut written = UnixMs(0);
            for kept in self.store.pending_of(record)? {
                back.from(kept.position);
                back.refusals.insert(kept.hash, refusal.clone());
                written = written.max(super::record::parse(&kept)?.device_time());
            }
            self.replay(written, record, &back)?;
            self.project(record, feed, written)?;
        }
        Ok(())
    }

    fn pending(&self) -> Result<Vec<(FeedId, RecordId)>, ClientError> {
        let mut found = Vec::new();
        for feed in self.feeds.keys() {
            found.extend(self.store.pending_records(*feed)?.into_iter().map(|record| (*feed, record)));
        }
        Ok(found)
    }
}
