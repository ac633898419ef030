//! One change: the unit that is written, signed, judged, ordered and never altered.
//!
//! The bytes are an Automerge change chunk. [`Change::parse`] is the only way in for bytes from anyone else; what it lets
//! through has a name ([`ChangeHash`]), a writer ([`ActorId`]), a party that is spoken for and a device time.
//!
//! Automerge's other chunk types are not taken: document and bundle chunks panic or hang on malformed input, and
//! compressed changes inflate without a bound. What a plain one unfolds to is counted first.

use sha2::{Digest, Sha256};

use crate::chunk;
use crate::id::{ActorId, ChangeHash};
use crate::limits;
use crate::schema::Party;
use crate::time::UnixMs;

/// A well-formed change. What it says is another question: [`crate::record::Record::understand`].
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    inner: automerge::Change,
    actor: ActorId,
    party: Party,
}

/// Bytes that are not a change we take. All of these are the sender's fault; sending them again cannot help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadChange {
    /// Over [`limits::CHANGE_BYTES`].
    #[error("a change of {0} bytes is over the limit")]
    TooLong(usize),
    /// A document, compressed or bundle chunk, or no chunk at all.
    #[error("not a plain change chunk")]
    NotAChange,
    /// Damaged, truncated, or with a wrong checksum.
    #[error("damaged change: {0}")]
    Damaged(String),
    /// Over a bound on operations or dependencies.
    #[error("too many {0}")]
    TooMany(&'static str),
    /// An actor that is not 16 bytes.
    #[error("the change's actor is not one of ours")]
    ForeignActor,
    /// No party, or something that is not a party's name, where the party stands.
    #[error("the change does not say for which party it speaks")]
    NoParty,
    /// Bytes beside the change that no reader of ours would see.
    #[error("the change carries bytes that mean nothing here")]
    Extra,
}

impl Change {
    /// Takes bytes from anyone.
    ///
    /// # Errors
    /// [`BadChange`] says what is wrong; nothing of the change may be used.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadChange> {
        if bytes.len() > limits::CHANGE_BYTES {
            return Err(BadChange::TooLong(bytes.len()));
        }
        chunk::check(bytes)?;
        let inner = automerge::Change::from_bytes(bytes.to_vec()).map_err(|e| BadChange::Damaged(e.to_string()))?;
        if inner.raw_bytes() != bytes {
            return Err(BadChange::Extra);
        }
        Self::adopt(inner)
    }

    /// The same checks on a change that Automerge made or read itself.
    pub(crate) fn adopt(inner: automerge::Change) -> Result<Self, BadChange> {
        if inner.raw_bytes().len() > limits::CHANGE_BYTES {
            return Err(BadChange::TooLong(inner.raw_bytes().len()));
        }
        if inner.len() > limits::CHANGE_OPS {
            return Err(BadChange::TooMany("operations"));
        }
        if inner.deps().len() > limits::CHANGE_DEPS {
            return Err(BadChange::TooMany("dependencies"));
        }
        if !inner.extra_bytes().is_empty() {
            return Err(BadChange::Extra);
        }
        let actor = ActorId::of(inner.actor_id()).ok_or(BadChange::ForeignActor)?;
        let party = inner.message().and_then(|m| Party::parse(m).ok()).ok_or(BadChange::NoParty)?;
        Ok(Self { inner, actor, party })
    }

    /// The name of a chunk, whether or not it can be read: SHA-256 of all that follows its magic and its checksum.
    pub fn name_of(bytes: &[u8]) -> ChangeHash {
        ChangeHash(Sha256::digest(bytes.get(8..).unwrap_or_default()).into())
    }

    /// Its name.
    pub fn hash(&self) -> ChangeHash {
        ChangeHash(self.inner.hash().0)
    }

    /// Who wrote it, within its record.
    pub fn actor(&self) -> ActorId {
        self.actor
    }

    /// Its place among that actor's changes to the record, from 1.
    pub fn actor_seq(&self) -> u64 {
        self.inner.seq()
    }

    /// The party it speaks for, as claimed.
    pub fn party(&self) -> &Party {
        &self.party
    }

    /// When it was written, by the device's own clock.
    pub fn device_time(&self) -> UnixMs {
        UnixMs(self.inner.timestamp())
    }

    /// The changes it was written on top of.
    pub fn deps(&self) -> impl Iterator<Item = ChangeHash> + Clone + '_ {
        self.inner.deps().iter().map(ChangeHash::from)
    }

    /// The chunk, as it travels and is stored.
    pub fn bytes(&self) -> &[u8] {
        self.inner.raw_bytes()
    }

    pub(crate) fn inner(&self) -> &automerge::Change {
        &self.inner
    }
}
