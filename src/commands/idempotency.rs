//! Idempotency keys, after the IETF draft "The Idempotency-Key HTTP Header Field". The outcome
//! of a key is found in the metadata of its events; there is no table of responses.

use crate::history::StoredDigest;
use crate::secret::Secret;
use sha2::{Digest, Sha256};

/// An idempotency key and its request, both as digests: the log may be shown to others, and a key
/// may be a secret of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// As new events store them.
    pub keyed: KeyDigests,
    /// As events of version 0.1 store them.
    pub unkeyed: KeyDigests,
}

/// The digests of a key and of the request under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyDigests {
    pub key: StoredDigest,
    pub request: StoredDigest,
}

impl IdempotencyKey {
    /// The key `key` of a request that `parts` identify, such as its method, path and body.
    pub fn new(secret: &Secret, key: &str, parts: &[&[u8]]) -> Self {
        let (key, request) = (sum(&[b"key", key.as_bytes()]), sum(parts));
        let keyed = |purpose, sum| StoredDigest::Keyed(half(&secret.derive(purpose, sum)));
        IdempotencyKey {
            keyed: KeyDigests {
                key: keyed(b"digest of the idempotency key ", &key),
                request: keyed(b"digest of the request ", &request),
            },
            unkeyed: KeyDigests {
                key: StoredDigest::Unkeyed(half(&key)),
                request: StoredDigest::Unkeyed(half(&request)),
            },
        }
    }
}

/// SHA-256 over the parts. Each is preceded by its length, so that two lists of parts never give
/// the same text.
fn sum(parts: &[&[u8]]) -> [u8; 32] {
    let mut sum = Sha256::new();
    for part in parts {
        sum.update((part.len() as u64).to_be_bytes());
        sum.update(part);
    }
    sum.finalize().into()
}

fn half(digest: &[u8; 32]) -> [u8; 16] {
    *digest.first_chunk().expect("SHA-256 has 32 bytes")
}
