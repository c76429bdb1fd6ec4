//! Idempotency keys, after the IETF draft "The Idempotency-Key HTTP Header Field". The outcome
//! of a key is found in the metadata of its events; there is no table of responses.

use sha2::{Digest, Sha256};

/// An idempotency key and its request, both as digests: the log may be shown to others, and a key
/// may be a secret of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdempotencyKey {
    pub digest: [u8; 16],
    pub request: [u8; 16],
}

impl IdempotencyKey {
    /// The key `key` of a request that `parts` identify, such as its method, path and body.
    pub fn new(key: &str, parts: &[&[u8]]) -> Self {
        IdempotencyKey {
            digest: digest(&[b"key", key.as_bytes()]),
            request: digest(parts),
        }
    }
}

/// The first half of SHA-256 over the parts. Each is preceded by its length, so that two lists of
/// parts never give the same text.
fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut sum = Sha256::new();
    for part in parts {
        sum.update((part.len() as u64).to_be_bytes());
        sum.update(part);
    }
    let whole: [u8; 32] = sum.finalize().into();
    *whole.first_chunk().expect("SHA-256 has 32 bytes")
}
