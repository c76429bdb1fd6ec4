//! Roots and proofs, computed from complete subtrees (RFC 6962, 2.1.1 and 2.1.2).

use super::{EMPTY_ROOT, node_hash, split};
use crate::log::Hash;

/// The complete subtrees of a tree that only grows.
pub trait Subtrees {
    type Error;

    /// The root of the subtree over the leaves from `index << level` on, `1 << level` of them. The
    /// tree has them all.
    fn subtree(&mut self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// The root over the first `size` leaves.
pub fn root<S: Subtrees>(tree: &mut S, size: u64) -> Result<Hash, S::Error> {
    if size == 0 {
        return Ok(EMPTY_ROOT);
    }
    range(tree, 0, size)
}

/// The path from the leaf `index`, from its sibling upwards, in the tree of the first `size`
/// leaves. `index` must be less than `size`.
pub fn inclusion_proof<S: Subtrees>(
    tree: &mut S,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, S::Error> {
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(range(tree, middle, end)?);
            end = middle;
        } else {
            path.push(range(tree, start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// What shows that the tree of the first `to` leaves extends that of the first `from`. `from` must
/// not be greater than `to`.
pub fn consistency_proof<S: Subtrees>(
    tree: &mut S,
    from: u64,
    to: u64,
) -> Result<Vec<Hash>, S::Error> {
    let mut proof = Vec::new();
    if from == 0 {
        return Ok(proof);
    }
    let (mut start, mut end) = (0, to);
    while end != from {
        let middle = start + split(end - start);
        if from <= middle {
            proof.push(range(tree, middle, end)?);
            end = middle;
        } else {
            proof.push(range(tree, start, middle)?);
            start = middle;
        }
    }
    // The verifier has the root of the old tree, if that is a subtree as a whole.
    if start > 0 {
        proof.push(range(tree, start, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The hash over the leaves from `start` to before `end`. `start` is where splits of a tree lead
/// to: a multiple of the largest power of two that the range has room for.
fn range<S: Subtrees>(tree: &mut S, start: u64, end: u64) -> Result<Hash, S::Error> {
    let size = end - start;
    if size.is_power_of_two() {
        let level = size.trailing_zeros();
        return tree.subtree(level, start >> level);
    }
    let middle = start + split(size);
    let left = range(tree, start, middle)?;
    Ok(node_hash(left, range(tree, middle, end)?))
}
