//! What leaves the device is packed, and what comes is unfolded, with what its store knows: see [`renolog_protocol::codec`].

use renolog_protocol::codec::{Known, NEWEST, Unread, actor_of, pack_push, unpack_items};
use renolog_protocol::id::{ActorId, ChangeHash, RecordId};
use renolog_protocol::wire::Frame;

use super::{Client, ClientError};
use crate::store::{Status, StoreError};

impl Known for Client {
    type Error = StoreError;

    fn begins(&self, prefix: &[u8]) -> Result<Option<(ChangeHash, RecordId)>, StoreError> {
        self.store.change_beginning(prefix)
    }

    fn actors(&self, record: RecordId) -> Result<Vec<ActorId>, StoreError> {
        Ok(self.store.changes_of(record)?.iter().filter_map(|kept| actor_of(&kept.bytes)).collect())
    }
}

impl Client {
    /// The dictionary it reads packs by; none once a pack was of no use, here or to the server.
    pub(super) fn dictionary(&self) -> Option<u32> {
        (!self.plainly).then_some(NEWEST)
    }

    /// From here on everything travels as it is. The next connection is told.
    pub(super) fn speak_plainly(&mut self, why: &dyn std::fmt::Display) {
        tracing::warn!(%why, "short forms are of no use; everything travels as it is from now on");
        self.plainly = true;
    }

    /// A frame as it leaves.
    pub(super) fn packed(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.plainly || !Frame::is_push(&bytes) {
            return bytes;
        }
        let Ok(Frame::Push(push)) = Frame::decode(&bytes) else { return bytes };
        // The server has what it said that it has. What is still under way it may not have taken yet when it opens the next
        // push, and another life of its store may lack anything.
        let recovering = self.feeds.get(&push.batch.feed).is_none_or(|state| state.recovering);
        let accepted = |hash: &ChangeHash| matches!(self.store.status_of(*hash), Ok(Some(Status::Accepted)));
        let known = |hash: &ChangeHash| !recovering && accepted(hash);
        match pack_push(&push.batch, &known) {
            Ok(packed) => self.in_short(packed.into()).encode(),
            Err(_) => bytes,
        }
    }

    fn in_short(&self, frame: Frame) -> Frame {
        match self.engine.session() {
            Some(session) => session.in_short(frame),
            None => frame,
        }
    }

    /// A frame of the connection that stands, from either end, with what was left out of it: for those who look on.
    pub fn in_full(&self, frame: Frame) -> Frame {
        let full = self.engine.session().map(|session| session.in_full(frame.clone()));
        full.and_then(Result::ok).unwrap_or(frame)
    }

    /// A frame as it is understood; `None` if it is a pack that cannot be unfolded.
    ///
    /// # Errors
    /// [`ClientError::Store`].
    pub(super) fn unpacked(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, ClientError> {
        if !Frame::is_packed_items(bytes) {
            return Ok(Some(bytes.to_vec()));
        }
        // What is no frame is for the session to say.
        let Ok(Frame::PackedItems(packed)) = Frame::decode(bytes).map(|frame| self.in_full(frame)) else {
            return Ok(Some(bytes.to_vec()));
        };
        match unpack_items(&packed, self) {
            Ok(items) => Ok(Some(Frame::from(items).encode())),
            Err(Unread::Lookup(error)) => Err(error.into()),
            Err(Unread::Bad(bad)) => {
                self.speak_plainly(&bad);
                Ok(None)
            }
        }
    }
}
