//! The root of a tree that grows leaf by leaf, without the tree.

use super::{EMPTY_ROOT, node_hash};
use crate::log::Hash;

/// The complete subtrees that a tree consists of: one for each bit of its size, the largest first.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf at the end.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        let mut level = self.size;
        while level & 1 == 1 {
            let left = self.subtrees.pop();
            hash = node_hash(left.expect("each bit of the size has its subtree"), hash);
            level >>= 1;
        }
        self.subtrees.push(hash);
        self.size += 1;
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let subtrees = self.subtrees.iter().rev().copied();
        subtrees
            .reduce(|right, left| node_hash(left, right))
            .unwrap_or(EMPTY_ROOT)
    }
}
