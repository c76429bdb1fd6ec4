//! Caches that are bounded in bytes.

/// The initial number of slots of a cache of folded streams or rows that holds about `bytes`.
pub fn slots(bytes: u64) -> usize {
    /// The approximate weight of a small cart, folded or as a row.
    const USUAL_WEIGHT: u64 = 1_024;
    usize::try_from(bytes / USUAL_WEIGHT)
        .unwrap_or(usize::MAX)
        .max(16)
}
