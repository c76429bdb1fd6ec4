//! Verification of proofs (RFC 9162, 2.1.3.2 and 2.1.4.2, for the same trees as RFC 6962).

use super::{EMPTY_ROOT, node_hash};
use crate::log::Hash;

/// Whether `path` shows that the tree with `root` and `size` leaves has `leaf` at `index`.
pub fn verify_inclusion(index: u64, size: u64, leaf: Hash, path: &[Hash], root: Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = leaf;
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(*sibling, hash);
            skip_levels_without_sibling(&mut node, &mut last);
        } else {
            hash = node_hash(hash, *sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == root
}

/// Whether `proof` shows that the tree with `to` leaves and the root `to_root` begins with the
/// leaves of that with `from` leaves and the root `from_root`.
pub fn verify_consistency(
    (from, from_root): (u64, Hash),
    (to, to_root): (u64, Hash),
    proof: &[Hash],
) -> bool {
    if from >= to {
        return from == to && from_root == to_root && proof.is_empty();
    }
    if from == 0 {
        return from_root == EMPTY_ROOT && proof.is_empty();
    }
    let (mut node, mut last) = (from - 1, to - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    // A complete old tree is a subtree of the new one: its root is known and not in the proof.
    let mut rest = proof.iter();
    let first = if from.is_power_of_two() {
        Some(&from_root)
    } else {
        rest.next()
    };
    let Some(first) = first else { return false };
    let (mut old, mut new) = (*first, *first);
    for hash in rest {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old = node_hash(*hash, old);
            new = node_hash(*hash, new);
            skip_levels_without_sibling(&mut node, &mut last);
        } else {
            new = node_hash(new, *hash);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old == from_root && new == to_root
}

/// The last node of a level without a sibling is moved up as it is.
fn skip_levels_without_sibling(node: &mut u64, last: &mut u64) {
    while *node != 0 && *node & 1 == 0 {
        *node >>= 1;
        *last >>= 1;
    }
}
