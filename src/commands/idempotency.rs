//! Idempotency keys, after the IETF draft "The Idempotency-Key HTTP Header Field". What a key did
//! is remembered by the events that it caused, never in a table of its own.

use sha2::{Digest, Sha256};

/// A key and the request that came under it, both as digests: the log may be shown, and a key may
/// be a secret of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdempotencyKey {
    pub digest: [u8; 16],
    pub request: [u8; 16],
}

impl IdempotencyKey {
    /// The key `key` for a request that is told from others by `parts`, such as its method, its
    /// path and its body.
    pub fn new(key: &str, parts: &[&[u8]]) -> Self {
        IdempotencyKey {
            digest: digest(&[b"key", key.as_bytes()]),
            request: digest(parts),
        }
    }
}

/// The first half of SHA-256 over the parts, each behind its length so that no two lists of parts
/// give the same text.
fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut sum = Sha256::new();
    for part in parts {
        sum.update((part.len() as u64).to_be_bytes());
        sum.update(part);
    }
    let whole: [u8; 32] = sum.finalize().into();
    *whole.first_chunk().expect("SHA-256 has 32 bytes")
}
