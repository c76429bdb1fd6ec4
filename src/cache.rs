//! Caches that are bounded in bytes.

/// With how many slots a cache of folded streams or of what they are shown as begins, which holds
/// about `bytes`.
pub fn slots(bytes: u64) -> usize {
    /// About the weight of a small cart, folded or as a row.
    const USUAL_WEIGHT: u64 = 1_024;
    usize::try_from(bytes / USUAL_WEIGHT)
        .unwrap_or(usize::MAX)
        .max(16)
}
