//! The idempotency key of a simulation: a repeat finds what was written and writes the rest.

use crate::commands::IdempotencyKey;
use crate::secret::Secret;
use std::sync::Arc;
use uuid::Uuid;

/// The key of one request. Ids and choices are derived from it and from the secret, so that every
/// node, also after a restart, takes the same steps of the same carts under it.
pub struct BatchKey {
    secret: Arc<Secret>,
    key: String,
    /// What identifies the request: its method, path and body.
    request: Vec<Vec<u8>>,
}

impl BatchKey {
    pub fn new(secret: Arc<Secret>, key: String, request: &[&[u8]]) -> BatchKey {
        BatchKey {
            secret,
            key,
            request: request.iter().map(|part| part.to_vec()).collect(),
        }
    }

    /// The seed of a request that has none.
    pub fn seed(&self) -> u64 {
        let derived = self
            .secret
            .derive(b"seed of the simulation under ", self.key.as_bytes());
        u64::from_be_bytes(*derived.first_chunk().expect("SHA-256 has 32 bytes"))
    }

    /// The id of the cart number `cart`, a UUIDv8.
    pub(super) fn cart(&self, cart: u32) -> Uuid {
        let input = [&cart.to_be_bytes(), self.key.as_bytes()].concat();
        let derived = self
            .secret
            .derive(b"id of the simulated cart under ", &input);
        Uuid::new_v8(*derived.first_chunk().expect("SHA-256 has 32 bytes"))
    }

    /// The key of a cart's step number `step`.
    pub(super) fn step(&self, step: usize) -> IdempotencyKey {
        let parts: Vec<&[u8]> = self.request.iter().map(Vec::as_slice).collect();
        IdempotencyKey::new(&self.secret, &format!("{} {step}", self.key), &parts)
    }
}
