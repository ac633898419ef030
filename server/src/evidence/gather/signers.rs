//! What was signed, by which keys, and whose they are.

use std::collections::BTreeSet;

use renolog_protocol::id::{ChangeHash, DeviceId, PersonId, RecordId};

use super::super::facts::{Batch, Held, Key, Person};
use super::{Gathering, NotGathered};
use crate::command::{Command, Kept, Push};
use crate::store::{ALL, Column, CommandRow, DeviceRow, MemberRow, PersonRow, Read, StoreError};

impl<S: Read + ?Sized> Gathering<'_, S> {
    /// The batches of everything that was asked for, with all that was signed.
    pub(super) fn batches(&mut self) -> Result<(), NotGathered> {
        let places = self.facts.stretches.iter().flat_map(|stretch| &stretch.places);
        let placed = places.filter_map(|place| place.change.as_ref()).map(|change| change.batch);
        let ids: BTreeSet<u64> = placed.chain(self.facts.refused.iter().map(|refused| refused.batch)).collect();
        for id in ids {
            let row = self.batch_row(id)?;
            let signed = self.signed(id)?;
            self.facts.batches.push(Batch {
                id,
                device: row.device,
                number: row.number,
                feed: row.feed,
                device_time: row.device_time,
                signed,
                signature: row.signature.0,
                person: row.person,
                carrier: row.carrier,
                received: row.received,
                skew: row.skew,
            });
        }
        Ok(())
    }

    /// Everything that was signed in a batch, from the command that brought it.
    fn signed(&self, id: u64) -> Result<Vec<(RecordId, ChangeHash)>, NotGathered> {
        let row: CommandRow = self.store.get(&[id.to_cell()])?.ok_or(StoreError::Damaged("commands"))?;
        let names_only = |_| Ok(Some(Kept::Erased));
        let key_of = |device: DeviceId| Ok(self.store.get::<DeviceRow>(&[device.to_cell()])?.map(|row| row.public_key));
        match Command::from_log(&row.body, names_only, key_of)? {
            Command::Push(Push { batch, .. }) => Ok(batch.names().to_vec()),
            _ => Err(StoreError::Damaged("batches").into()),
        }
    }

    /// Devices, people and roles of everyone who took part in what was asked for.
    pub(super) fn people(&mut self) -> Result<(), StoreError> {
        let batches = &self.facts.batches;
        let devices: BTreeSet<DeviceId> =
            batches.iter().flat_map(|batch| [Some(batch.device), batch.carrier]).flatten().collect();
        for device in devices {
            if let Some(row) = self.store.get::<DeviceRow>(&[device.to_cell()])? {
                self.facts.keys.push(Key {
                    device,
                    public_key: *row.public_key.as_bytes(),
                    person: row.person,
                    name: row.name,
                    enrolled: row.enrolled,
                    revoked: row.revoked,
                });
            }
        }
        let places = self.facts.stretches.iter().flat_map(|stretch| &stretch.places);
        let erased = places.filter_map(|place| place.erasure.as_ref()?.person);
        let settled = self.facts.refused.iter().filter_map(|refused| refused.settled.as_ref()?.person);
        let people: BTreeSet<PersonId> = self.facts.keys.iter().map(|key| key.person).chain(erased).chain(settled).collect();
        for person in &people {
            if let Some(row) = self.store.get::<PersonRow>(&[person.to_cell()])? {
                self.facts.people.push(Person { person: row.id, name: row.name });
            }
        }
        let members: Vec<MemberRow> = self.store.list(&[self.question.community.to_cell()], None, ALL)?;
        for MemberRow { person, role, party, since, until, .. } in members.into_iter().filter(|row| people.contains(&row.person))
        {
            self.facts.roles.push(Held { person, role, party, from: since, until });
        }
        Ok(())
    }
}
