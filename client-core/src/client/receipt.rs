//! What became of a batch.

use renolog_protocol::id::{ChangeHash, DeviceId, RecordId, Seq};
use renolog_protocol::refusal::{Code, Refusal};
use renolog_protocol::schema::Role;
use renolog_protocol::session::ByeCode;
use renolog_protocol::sorted::SortedSet;
use renolog_protocol::time::{SpanMs, UnixMs};
use renolog_protocol::wire::{Bye, Ruled, Ruling, Visit};

use super::arrive::{Aftermath, is_out};
use super::{Client, ClientError};
use crate::store::{Kept, Status};

impl Client {
    pub(super) fn receipt(
        &mut self,
        device: DeviceId,
        number: u64,
        rulings: Vec<Ruled>,
        came: (UnixMs, SpanMs),
        after: &mut Aftermath,
    ) -> Result<(), ClientError> {
        if device != self.me.device {
            return Ok(());
        }
        self.in_flight.remove(&number);
        // Held changes keep their batch; it is sent again with the next connection, not at once.
        self.rested.insert(number);
        for Ruled { hash, ruling } in rulings {
            let Some(kept) = self.store.change(hash)?.filter(|kept| kept.made_here) else { continue };
            after.touch(kept.record, kept.feed, UnixMs(0));
            match ruling {
                Ruling::Accepted(seq, role) => self.accepted(&kept, seq, role, came, after)?,
                Ruling::Held(missing) if kept.status.is_pending() => self.held(&kept, &missing)?,
                Ruling::Refused(refusal) if kept.status.is_pending() => {
                    let back = after.back.or_default(kept.record);
                    back.from(kept.position);
                    back.refusals.insert(hash, refusal);
                }
                Ruling::Forked if kept.status.is_pending() => after.back.or_default(kept.record).from(kept.position),
                // Rulings on what was taken back here meanwhile.
                Ruling::Held(_) | Ruling::Refused(_) | Ruling::Forked => {}
            }
        }
        Ok(())
    }

    fn accepted(
        &mut self,
        kept: &Kept,
        seq: Seq,
        role: Role,
        (received, skew): (UnixMs, SpanMs),
        after: &mut Aftermath,
    ) -> Result<(), ClientError> {
        let nothing_new = kept.status == Status::Accepted && kept.seq.is_some();
        if nothing_new || kept.status == Status::Withdrawn {
            return Ok(());
        }
        let change = super::record::parse(kept)?;
        let party = change.party().clone();
        let (device, person) = (self.me.device, self.person()?);
        let visit = self.visit(Visit { device, person, role, party, received, skew }, after)?;
        self.store.set_accepted(kept.hash, seq, visit)?;
        if is_out(kept.status) {
            self.stands_after_all(kept.record, &change, after)?;
        }
        after.touch(kept.record, kept.feed, received);
        Ok(())
    }

    fn held(&mut self, kept: &Kept, missing: &[ChangeHash]) -> Result<(), ClientError> {
        self.store.set_held(kept.hash, missing)?;
        for hash in missing {
            let lost = self.store.change(*hash)?.is_some_and(|kept| kept.made_here && kept.status == Status::Accepted);
            if lost {
                self.store.requeue(*hash)?;
            }
        }
        Ok(())
    }

    /// The server hung up. If that was for a batch, the others must not stay at home for it.
    pub(super) fn farewell(&mut self, now: UnixMs, bye: &Bye, after: &mut Aftermath) -> Result<(), ClientError> {
        if bye.code == ByeCode::Unpackable.as_str() {
            self.speak_plainly(&bye.en);
        }
        let for_a_batch = [ByeCode::BadBatch, ByeCode::UnknownCommunity].iter().any(|code| code.as_str() == bye.code);
        let suspects: SortedSet<u64> = std::mem::take(&mut self.in_flight);
        let Some(first) = suspects.first().copied().filter(|_| for_a_batch) else { return Ok(()) };
        if suspects.len() > 1 {
            self.caution.one_by_one = true;
            return Ok(());
        }
        self.caution.one_by_one = false;
        if bye.code == ByeCode::UnknownCommunity.as_str() {
            self.caution.shunned.insert(first);
            return Ok(());
        }
        let refusal = Refusal::new(Code::Other, bye.zh.clone(), bye.en.clone());
        self.refuse_batch(now, first, &refusal, after)
    }

    fn refuse_batch(&mut self, now: UnixMs, number: u64, refusal: &Refusal, after: &mut Aftermath) -> Result<(), ClientError> {
        let pending: Vec<(RecordId, ChangeHash)> = self.store.pending_in_batch(number)?;
        for (record, hash) in pending {
            let Some(kept) = self.store.change(hash)? else { continue };
            let back = after.back.or_default(record);
            back.from(kept.position);
            back.refusals.insert(hash, refusal.clone());
            after.touch(record, kept.feed, now);
        }
        Ok(())
    }
}
