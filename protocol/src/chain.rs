//! The chain over a feed: each entry's link is a hash over the link before it and everything that was said of the entry.
//!
//! Whoever holds the link at a position holds the whole past up to there: which changes stand, in which order, who brought
//! them in which role, and when they came. A device computes the links itself from what it is given, and compares them with
//! what the server says in receipts, in pages and in its welcome. So a server that rewrites its past is found out by any
//! device that knew it.

use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use crate::id::{ChangeHash, DeviceId, FeedId, Link, PersonId, RecordId, Seq};
use crate::schema::Role;
use crate::time::{SpanMs, UnixMs};
use crate::wire::Visit;

/// A link and the position it stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Mark {
    /// The position.
    #[n(0)]
    pub seq: Seq,
    /// The link there.
    #[n(1)]
    pub link: Link,
}

/// What the server alone says of an entry: the rest is part of what its hash covers, or its writer signed.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
#[cbor(array)]
pub struct Brought {
    /// The device that signed.
    #[n(0)]
    pub device: DeviceId,
    /// Its person.
    #[n(1)]
    pub person: PersonId,
    /// The role that allowed it, then.
    #[n(2)]
    pub role: Role,
    /// Receipt, by the server's clock.
    #[n(3)]
    pub received: UnixMs,
    /// The server's clock minus the device's, at that time.
    #[n(4)]
    pub skew: SpanMs,
}

impl From<&Visit> for Brought {
    fn from(visit: &Visit) -> Self {
        let Visit { device, person, role, received, skew, .. } = visit.clone();
        Self { device, person, role, received, skew }
    }
}

impl Link {
    /// The link before the first entry of a feed.
    pub fn start(feed: FeedId) -> Self {
        Self(hash(b"renolog chain 1\n", feed))
    }

    /// The link of the entry that follows this one.
    #[must_use]
    pub fn then(self, seq: Seq, entry: ChangeHash, brought: &Brought) -> Self {
        Self(hash(b"renolog link 1\n", (self, seq, entry, brought)))
    }
}

/// The name of an erasure: it takes a place in the feed as a change does.
pub fn erasure(record: RecordId, reason: &str) -> ChangeHash {
    ChangeHash(hash(b"renolog erasure 1\n", (record, reason)))
}

/// Eight bytes that stand for the links at several positions, in this order: what a welcome can afford to say.
pub fn fingerprint(links: impl IntoIterator<Item = Link>) -> u64 {
    let mut all = Sha256::new();
    links.into_iter().for_each(|link| all.update(link.as_bytes()));
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = all.finalize().into();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// The leading text keeps a hash over one thing from being passed off as one over another.
fn hash(purpose: &[u8], body: impl Encode<()>) -> [u8; 32] {
    let mut text = purpose.to_vec();
    minicbor::encode(body, &mut text).expect("writing to memory does not fail");
    Sha256::digest(text).into()
}
