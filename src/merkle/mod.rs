//! Merkle trees as in RFC 6962, section 2.1, over SHA-256. Pure functions: nothing here knows where
//! hashes are stored.
//!
//! The leaves of the tree over the log are the hashes of its events, in the order of the log: the
//! event at position `n` is the leaf with the index `n - 1`.

mod frontier;
mod prove;
mod tile;
mod verify;

pub use frontier::Frontier;
pub use prove::{Subtrees, consistency_proof, inclusion_proof, root};
pub use tile::{TileKind, TilePath, WIDTH, tile_root};
pub use verify::{verify_consistency, verify_inclusion};

use crate::log::Hash;
use sha2::{Digest, Sha256};

/// The root of the empty tree: SHA-256 of nothing.
pub const EMPTY_ROOT: Hash = Hash([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// The leaf of an event, whose hash is `event`.
pub fn leaf_hash(event: Hash) -> Hash {
    let mut input = [0; 33];
    input[1..].copy_from_slice(&event.0);
    Hash(Sha256::digest(input).into())
}

/// The node above two others.
pub fn node_hash(left: Hash, right: Hash) -> Hash {
    let mut input = [1; 65];
    input[1..33].copy_from_slice(&left.0);
    input[33..].copy_from_slice(&right.0);
    Hash(Sha256::digest(input).into())
}

/// Where RFC 6962 splits a tree of `size` leaves, at least two: at the largest power of two that is
/// smaller.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}
