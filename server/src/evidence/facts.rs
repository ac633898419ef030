//! The facts of a bundle: what everything else in it follows from, and the files they stand in.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use renolog_protocol::chain::{Brought, Mark};
use renolog_protocol::id::{Audience, ChangeHash, DeviceId, FeedId, Link, PersonId, RecordId, Seq};
use renolog_protocol::refusal::Refusal;
use renolog_protocol::schema::{Party, Role};
use renolog_protocol::time::{SpanMs, UnixMs};
use serde::{Deserialize, Serialize};

use super::files::{Files, list, read};
use super::finding::{Fault, Finding};
use super::manifest::{About, FORMAT, MANIFEST, Manifest};

pub(super) const BATCHES: &str = "batches.json";
pub(super) const KEYS: &str = "keys.json";
pub(super) const PEOPLE: &str = "people.json";
pub(super) const ROLES: &str = "roles.json";
pub(super) const QUARANTINE: &str = "quarantine.json";
pub(super) const SCHEMA: &str = "schema.toml";
const CHANGES: &str = "changes/";

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    pub(super) about: About,
    /// The rules by which records and words are read.
    pub(super) schema: String,
    pub(super) keys: Vec<Key>,
    pub(super) people: Vec<Person>,
    pub(super) roles: Vec<Held>,
    /// In the order of receipt.
    pub(super) batches: Vec<Batch>,
    /// A stretch of each feed, without gaps.
    pub(super) stretches: Vec<Stretch>,
    /// In the order of receipt.
    pub(super) refused: Vec<Refused>,
    pub(super) changes: BTreeMap<ChangeHash, Vec<u8>>,
}

/// A device, its key, and whose it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) device: DeviceId,
    /// Ed25519.
    #[serde(with = "hex")]
    pub(super) public_key: [u8; 32],
    pub(super) person: PersonId,
    /// What its person calls it.
    pub(super) name: String,
    pub(super) enrolled: UnixMs,
    pub(super) revoked: Option<UnixMs>,
}

/// Someone who took part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Person {
    pub(super) person: PersonId,
    pub(super) name: String,
}

/// A role that someone held in the community.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) person: PersonId,
    pub(super) role: Role,
    pub(super) party: Party,
    pub(super) from: UnixMs,
    pub(super) until: Option<UnixMs>,
}

/// What a device signed, and how it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Batch {
    /// The command that brought it.
    pub(super) id: u64,
    pub(super) device: DeviceId,
    /// The device's own count.
    pub(super) number: u64,
    pub(super) feed: FeedId,
    /// By the device's clock.
    pub(super) device_time: UnixMs,
    /// Every change under the signature, whether or not it stands in this bundle.
    pub(super) signed: Vec<(RecordId, ChangeHash)>,
    /// Ed25519.
    #[serde(with = "hex")]
    pub(super) signature: [u8; 64],
    /// Whose device it was.
    pub(super) person: PersonId,
    /// Another device that brought it.
    pub(super) carrier: Option<DeviceId>,
    /// By the server's clock.
    pub(super) received: UnixMs,
    /// The server's clock minus the device's.
    pub(super) skew: SpanMs,
}

/// A stretch of a feed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stretch {
    pub(super) audience: Audience,
    /// What the first place follows.
    pub(super) before: Mark,
    pub(super) places: Vec<Place>,
}

/// A place in a feed: everything that its link is a hash over, and, where it belongs to what was asked for, what stands there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) seq: Seq,
    pub(super) hash: ChangeHash,
    pub(super) device: DeviceId,
    pub(super) person: PersonId,
    pub(super) role: Role,
    pub(super) received: UnixMs,
    pub(super) skew: SpanMs,
    pub(super) link: Link,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) change: Option<Placed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) erasure: Option<Erasure>,
}

/// A change at its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Placed {
    pub(super) record: RecordId,
    /// The batch it came with, and its place there.
    pub(super) batch: u64,
    pub(super) position: usize,
    pub(super) party: Party,
    pub(super) device_time: UnixMs,
    /// Its record was erased, and its bytes with it.
    pub(super) erased: bool,
}

/// The erasure of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Erasure {
    pub(super) record: RecordId,
    /// Nobody for an operator at the machine.
    pub(super) person: Option<PersonId>,
    pub(super) reason: String,
    /// The command that did it: its place among the batches.
    pub(super) command: u64,
}

/// A change that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refused {
    pub(super) hash: ChangeHash,
    pub(super) audience: Audience,
    pub(super) record: RecordId,
    pub(super) batch: u64,
    pub(super) position: usize,
    pub(super) party: Party,
    pub(super) why: Refusal,
    pub(super) erased: bool,
    /// What an administrator made of it.
    pub(super) settled: Option<Settled>,
}

/// What became of a refused change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settled {
    pub(super) released: bool,
    pub(super) person: Option<PersonId>,
    pub(super) role: Role,
    pub(super) reason: String,
    pub(super) received: UnixMs,
}

impl Place {
    pub(super) fn brought(&self) -> Brought {
        let Self { device, person, role, received, skew, .. } = self.clone();
        Brought { device, person, role, received, skew }
    }
}

impl Stretch {
    /// How the feed stands at its end.
    pub(super) fn head(&self) -> Mark {
        self.places.last().map_or(self.before, |place| Mark { seq: place.seq, link: place.link })
    }

    /// The position of the first place in the period. The ones before are there since records of the period began there.
    pub(super) fn first_since(&self, from: Option<UnixMs>) -> Option<Seq> {
        self.places.iter().find(|place| from.is_none_or(|from| place.received >= from)).map(|place| place.seq)
    }
}

/// The file that a stretch stands in.
pub(super) fn entries_file(audience: Audience) -> String {
    format!("entries/{audience}.json")
}

/// The file of a change.
pub(super) fn change_file(hash: ChangeHash) -> String {
    format!("{CHANGES}{hash}")
}

impl Facts {
    pub(super) fn feed(&self, audience: Audience) -> FeedId {
        FeedId { community: self.about.community.id, audience }
    }

    /// The files that hold nothing but facts.
    pub(super) fn files(&self) -> Files {
        let mut files: Files = [
            (BATCHES.to_owned(), list(&self.batches)),
            (KEYS.to_owned(), list(&self.keys)),
            (PEOPLE.to_owned(), list(&self.people)),
            (ROLES.to_owned(), list(&self.roles)),
            (QUARANTINE.to_owned(), list(&self.refused)),
            (SCHEMA.to_owned(), self.schema.clone().into_bytes()),
        ]
        .into();
        files.extend(self.stretches.iter().map(|stretch| (entries_file(stretch.audience), list(&stretch.places))));
        files.extend(self.changes.iter().map(|(hash, bytes)| (change_file(*hash), bytes.clone())));
        files
    }

    /// The facts that stand in the files of a bundle. Nothing of them has been checked.
    ///
    /// # Errors
    /// [`Finding`]: a file is missing, or is not what such a file is.
    pub(super) fn of(files: &Files) -> Result<Self, Finding> {
        let manifest: Manifest = read(files, MANIFEST)?;
        if manifest.about.format != FORMAT {
            return Err(Finding::of_file(MANIFEST, 0, Fault::Format(manifest.about.format)));
        }
        let stretch = |reach: &super::manifest::Reach| {
            let before = Mark { seq: reach.before.seq, link: reach.before.link };
            Ok(Stretch { audience: reach.audience, before, places: read(files, &entries_file(reach.audience))? })
        };
        let schema = files.get(SCHEMA).ok_or_else(|| Finding::of_file(SCHEMA, 0, Fault::Missing))?;
        let schema = std::str::from_utf8(schema)
            .map_err(|why| Finding::of_file(SCHEMA, why.valid_up_to(), Fault::Unreadable(why.to_string())))?;
        Ok(Self {
            stretches: manifest.feeds.iter().map(stretch).collect::<Result<_, Finding>>()?,
            about: manifest.about,
            schema: schema.to_owned(),
            keys: read(files, KEYS)?,
            people: read(files, PEOPLE)?,
            roles: read(files, ROLES)?,
            batches: read(files, BATCHES)?,
            refused: read(files, QUARANTINE)?,
            changes: changes_of(files)?,
        })
    }
}

fn changes_of(files: &Files) -> Result<BTreeMap<ChangeHash, Vec<u8>>, Finding> {
    let mut changes = BTreeMap::new();
    for (name, bytes) in files {
        let Some(hash) = name.strip_prefix(CHANGES) else { continue };
        let hash = hash.parse().map_err(|_| Finding::of_file(name, 0, Fault::Unneeded))?;
        changes.insert(hash, bytes.clone());
    }
    Ok(changes)
}

/// Bytes as hexadecimal text.
mod hex {
    use super::*;

    pub(super) fn serialize<const N: usize, S: serde::Serializer>(bytes: &[u8; N], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&HEXLOWER.encode(bytes))
    }

    pub(super) fn deserialize<'de, const N: usize, D: serde::Deserializer<'de>>(from: D) -> Result<[u8; N], D::Error> {
        let text = String::deserialize(from)?;
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(serde::de::Error::custom)?;
        bytes.try_into().map_err(|_| serde::de::Error::custom(format!("not {N} bytes")))
    }
}
