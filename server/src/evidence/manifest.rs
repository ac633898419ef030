//! The manifest: what was asked, of which store, how far its feeds go, and the SHA-256 of every other file.

use data_encoding::HEXLOWER;
use renolog_protocol::chain::Mark;
use renolog_protocol::id::{Audience, CommunityId, Epoch, Link, RecordId, Seq};
use renolog_protocol::time::UnixMs;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Day;
use super::files::{Files, of_text};
use super::finding::{Fault, Finding};

/// Its name.
pub(super) const MANIFEST: &str = "manifest.json";
/// The format that this build writes and checks.
pub(super) const FORMAT: u32 = 1;

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    #[serde(flatten)]
    pub(super) about: About,
    /// How far each feed goes.
    pub(super) feeds: Vec<Reach>,
    /// Hashes of what is attached to the records.
    pub(super) attachments: Vec<Attachment>,
    /// Every other file.
    pub(super) files: Vec<Listed>,
}

/// What was asked, and of which store: facts that stand nowhere else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct About {
    /// See [`FORMAT`].
    pub(super) format: u32,
    /// What made the bundle.
    pub(super) build: String,
    pub(super) community: Community,
    pub(super) record: Option<RecordId>,
    pub(super) from: Option<Day>,
    pub(super) to: Option<Day>,
    /// When the store learned of anything last: the bundle says how things stood then. Not when the file was written, so
    /// that the same question to the same store gives the same bytes.
    pub(super) as_of: UnixMs,
    /// How many commands the store's log held then.
    pub(super) commands: u64,
    /// The link of the last of them, in hexadecimal.
    pub(super) commands_link: String,
    pub(super) epoch: Epoch,
    /// Of the schema in `schema.toml`.
    pub(super) schema_version: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Community {
    pub(super) id: CommunityId,
    pub(super) slug: String,
    pub(super) name: String,
}

/// How far a feed goes in the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reach {
    pub(super) audience: Audience,
    /// The position before the first entry, and the link there.
    pub(super) before: At,
    /// The position of the last entry, and the link there.
    pub(super) head: At,
}

/// A position and its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct At {
    pub(super) seq: Seq,
    pub(super) link: Link,
}

impl From<Mark> for At {
    fn from(mark: Mark) -> Self {
        Self { seq: mark.seq, link: mark.link }
    }
}

/// Something attached to a record, by its hash. The thing itself is kept by whoever attached it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attachment {
    pub(super) record: RecordId,
    pub(super) sha256: String,
    pub(super) name: String,
    /// Its media type.
    pub(super) r#type: String,
}

/// A file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) size_bytes: u64,
    pub(super) sha256: String,
}

impl Listed {
    pub(super) fn all(files: &Files) -> Vec<Self> {
        let one = |(name, bytes): (&String, &Vec<u8>)| Self {
            name: name.clone(),
            size_bytes: bytes.len() as u64,
            sha256: sha256(bytes),
        };
        files.iter().filter(|(name, _)| *name != MANIFEST).map(one).collect()
    }
}

impl Manifest {
    /// The first file that is not what the manifest says.
    pub(super) fn mismatch(&self, files: &Files) -> Option<Finding> {
        for listed in &self.files {
            let Some(bytes) = files.get(&listed.name) else {
                return Some(Finding::of_file(&listed.name, 0, Fault::Missing));
            };
            let found = sha256(bytes);
            if found != listed.sha256 {
                let fault = Fault::Sha { expected: listed.sha256.clone(), found };
                return Some(Finding::of_file(&listed.name, 0, fault));
            }
            if listed.size_bytes != bytes.len() as u64 {
                let offset = of_text(files, MANIFEST, &format!("\"{}\"", listed.name));
                return Some(Finding::of_file(MANIFEST, offset, Fault::Disagrees(format!("{} bytes", bytes.len()))));
            }
        }
        let listed = |name: &str| name == MANIFEST || self.files.iter().any(|file| file.name == name);
        let unlisted = if files.len() == self.files.len() + 1 { None } else { files.keys().find(|name| !listed(name)) };
        unlisted.map(|name| Finding::of_file(name, 0, Fault::Unlisted))
    }
}

/// SHA-256 in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}
