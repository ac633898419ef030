//! What the end of a pack says of all of it.

use sha2::{Digest, Sha256};

use crate::id::{ChangeHash, RecordId};

/// Bytes that stand for the names and records of all changes of a pack.
pub(super) const CHECK: usize = 8;

/// Of changes in their order.
pub(super) fn check(changes: &[(ChangeHash, RecordId)]) -> [u8; CHECK] {
    let mut digest = Sha256::new();
    for (hash, record) in changes {
        digest.update(hash.as_bytes());
        digest.update(record.as_bytes());
    }
    digest.finalize()[..CHECK].try_into().expect("a digest is longer")
}
