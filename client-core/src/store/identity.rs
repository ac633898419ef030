//! Who this device is: its keys, its person, its server, and the counters that must never run backwards.

use renolog_protocol::id::{ActorId, DeviceId, PersonId};
use renolog_protocol::key::{DeviceKey, PublicKey};
use renolog_protocol::time::{SpanMs, UnixMs};
use rusqlite::{OptionalExtension, named_params};
use zeroize::Zeroizing;

use super::{Store, StoreError, id, maybe_id};

/// Who this device is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The device.
    pub device: DeviceId,
    /// What it signs with.
    pub key: Key,
    /// Who writes its next changes; drawn anew when another copy of this store is found to write as the same.
    pub actor: ActorId,
    /// The number of its next batch.
    pub next_batch: u64,
    /// Grows whenever anything that people see changes.
    pub revision: u64,
    /// How often the store was opened.
    pub opened: u64,
    /// The server's clock minus the device's, as last learnt.
    pub clock_offset: SpanMs,
    /// When the server was last heard, by the device's clock.
    pub last_contact: Option<UnixMs>,
    /// Where its server is, and as whom it may connect.
    pub enrolled: Option<Enrolled>,
    /// Whether it saves data.
    pub saves_data: bool,
    /// Whose it was before its key was lost, until it is enrolled again.
    pub before: Option<Before>,
}

/// Whose device it was.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Before {
    /// Who wrote what is here.
    pub person: PersonId,
    /// Their name.
    pub name: String,
}

/// The key that a device signs with.
#[derive(Debug, Clone)]
pub enum Key {
    /// Its secret, kept in the store.
    Here(DeviceKey),
    /// Kept where it cannot be read, as browsers and phones do; whoever keeps it is asked to sign.
    Elsewhere(PublicKey),
}

impl Key {
    /// What the server knows the device by.
    pub fn public(&self) -> PublicKey {
        match self {
            Self::Here(key) => key.public(),
            Self::Elsewhere(key) => *key,
        }
    }

    /// The secret, if it is here.
    pub fn here(&self) -> Option<&DeviceKey> {
        match self {
            Self::Here(key) => Some(key),
            Self::Elsewhere(_) => None,
        }
    }
}

/// What enrolment gave the device.
#[derive(Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// The server's address, `http://…`.
    pub server: String,
    /// Whose device this is.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// Opens connections. A secret.
    pub token: String,
}

impl std::fmt::Debug for Enrolled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enrolled").field("server", &self.server).field("person", &self.person).finish_non_exhaustive()
    }
}

fn key_here(seed: &[u8]) -> Option<Key> {
    let seed: [u8; 32] = seed.try_into().ok()?;
    Some(Key::Here(DeviceKey::from_seed(*Zeroizing::new(seed))))
}

fn key_elsewhere(public: &[u8]) -> Option<Key> {
    PublicKey::from_bytes(public).ok().map(Key::Elsewhere)
}

impl Store {
    /// Reads the identity; `None` in a new store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn identity(&self) -> Result<Option<Identity>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT * FROM identity")?;
        let read = |row: &rusqlite::Row<'_>| {
            let enrolled = match (row.get("server")?, maybe_id(row, "person", PersonId::from_slice)?, row.get("token")?) {
                (Some(server), Some(person), Some(token)) => {
                    let name = row.get::<_, Option<String>>("name")?.unwrap_or_default();
                    Some(Enrolled { server, person, name, token })
                }
                _ => None,
            };
            let elsewhere = maybe_id(row, "public_key", key_elsewhere)?;
            Ok(Identity {
                device: id(row, "device", DeviceId::from_slice)?,
                key: elsewhere.map_or_else(|| id(row, "key_seed", key_here), Ok)?,
                actor: id(row, "actor", ActorId::from_slice)?,
                next_batch: row.get::<_, i64>("next_batch")?.unsigned_abs(),
                revision: row.get::<_, i64>("revision")?.unsigned_abs(),
                opened: row.get::<_, i64>("opened")?.unsigned_abs(),
                clock_offset: SpanMs(row.get("clock_offset")?),
                last_contact: row.get::<_, Option<i64>>("last_contact")?.map(UnixMs),
                enrolled,
                saves_data: row.get("saves_data")?,
                before: match maybe_id(row, "person_before", PersonId::from_slice)? {
                    Some(person) => {
                        Some(Before { person, name: row.get::<_, Option<String>>("name_before")?.unwrap_or_default() })
                    }
                    None => None,
                },
            })
        };
        Ok(select.query_row([], read).optional()?)
    }

    /// Writes all of the identity.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_identity(&self, identity: &Identity) -> Result<(), StoreError> {
        let mut upsert = self.db.prepare_cached(
            "INSERT OR REPLACE INTO identity
                 (one, device, key_seed, public_key, actor, next_batch, revision, opened, clock_offset, last_contact,
                  server, person, name, token, saves_data, person_before, name_before)
             VALUES (1, :device, :key_seed, :public_key, :actor, :next_batch, :revision, :opened, :clock_offset, :last_contact,
                  :server, :person, :name, :token, :saves_data, :person_before, :name_before)",
        )?;
        let seed = identity.key.here().map(|key| Zeroizing::new(key.seed()));
        let elsewhere = matches!(identity.key, Key::Elsewhere(_)).then(|| identity.key.public().as_bytes().to_vec());
        let enrolled = identity.enrolled.as_ref();
        upsert.execute(named_params! {
            ":device": identity.device.as_bytes(),
            ":key_seed": seed.as_ref().map_or(&[][..], |seed| &seed[..]),
            ":public_key": elsewhere,
            ":actor": identity.actor.as_bytes(),
            ":next_batch": super::number(identity.next_batch),
            ":revision": super::number(identity.revision),
            ":opened": super::number(identity.opened),
            ":clock_offset": identity.clock_offset.0,
            ":last_contact": identity.last_contact.map(|at| at.0),
            ":server": enrolled.map(|e| &e.server),
            ":person": enrolled.map(|e| e.person.as_bytes().to_vec()),
            ":name": enrolled.map(|e| &e.name),
            ":token": enrolled.map(|e| &e.token),
            ":saves_data": identity.saves_data,
            ":person_before": identity.before.as_ref().map(|before| before.person.as_bytes().to_vec()),
            ":name_before": identity.before.as_ref().map(|before| &before.name),
        })?;
        Ok(())
    }

    /// The schema that the server gave, packed, if it gave a newer one than is built in.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn given_schema(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT packed FROM given_schema")?;
        Ok(select.query_row([], |row| row.get(0)).optional()?)
    }

    /// Keeps a schema in place of the one before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_given_schema(&self, packed: &[u8]) -> Result<(), StoreError> {
        self.db.prepare_cached("INSERT OR REPLACE INTO given_schema (one, packed) VALUES (1, ?1)")?.execute([packed])?;
        Ok(())
    }
}
