//! Work that the server keeps until others' words come that perhaps never will: a server came back from a backup, and the
//! phone that could bring those words again was lost.

use std::collections::BTreeSet;

use renolog_protocol::id::RecordId;
use renolog_protocol::time::UnixMs;

use super::record::{begins, parse};
use super::replay::TakeBack;
use super::{Client, ClientError};
use crate::store::{Kept, Status};

impl Client {
    /// Says what waits in a record again, without the words it waits for: what others wrote in an earlier life of the server
    /// and nobody has brought back. They leave the record as it is shown here, and stand in it again should they come after
    /// all. A decision for a person, who knows whether the other phone will come back; until then it waits, and everything
    /// that is written on top of it.
    ///
    /// # Errors
    /// [`ClientError::Nothing`] if nothing waits so, or the record itself is what it waits for; [`ClientError::Store`].
    pub fn say_without(&mut self, now: UnixMs, record: RecordId) -> Result<(), ClientError> {
        self.atomically(|me| me.without(now, record))?;
        self.after_edit(now)
    }

    fn without(&mut self, now: UnixMs, record: RecordId) -> Result<(), ClientError> {
        let kept = self.store.changes_of(record)?;
        let pending = || kept.iter().filter(|kept| kept.status.is_pending());
        let held = pending().find(|kept| kept.status == Status::Held).ok_or(ClientError::Nothing)?;
        let unconfirmed = |kept: &&Kept| !kept.made_here && kept.seq.is_none() && is_in(kept.status);
        let lost: Vec<&Kept> = kept.iter().filter(unconfirmed).collect();
        let mut without = BTreeSet::new();
        for kept in &lost {
            if begins(&parse(kept)?) {
                return Err(ClientError::Nothing);
            }
            without.insert(kept.hash);
        }
        if without.is_empty() {
            return Err(ClientError::Nothing);
        }
        let mut back = TakeBack { without, ..TakeBack::default() };
        pending().for_each(|kept| back.from(kept.position));
        self.replay(now, record, &back)?;
        for hash in back.without {
            self.store.set_status(hash, Status::Withdrawn)?;
        }
        self.hot.pop(&record);
        self.project(record, held.feed, now)
    }
}

fn is_in(status: Status) -> bool {
    status.stands() || status == Status::Waiting
}
