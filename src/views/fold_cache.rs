//! Folded carts in memory, so that projecting an event costs one step and not its whole stream.

use super::past;
use crate::cache;
use crate::cart::{Cart, CartModel};
use crate::decider::Decider;
use crate::history::{self, HistoryError};
use crate::log::{Freshness, LogReader, RecordedEvent, Version};
use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use std::sync::Arc;
use uuid::Uuid;

/// Folded carts, bounded in bytes. An evicted cart is folded again from the log.
pub(super) struct FoldCache {
    /// `None` for a cart that was taken. Its entry stays, since a removed and reinserted key would
    /// count as new to the cache and be evicted first.
    carts: Cache<Uuid, Option<Arc<Cart>>, CartWeight>,
}

impl FoldCache {
    pub(super) fn new(bytes: u64) -> FoldCache {
        FoldCache {
            carts: Cache::with_weighter(cache::slots(bytes), bytes, CartWeight),
        }
    }

    /// Takes the cart of `recorded` as it was right before that event.
    pub(super) async fn take_before(
        &mut self,
        log: &dyn LogReader,
        recorded: &RecordedEvent,
    ) -> Result<Arc<Cart>, HistoryError> {
        let before = Version(recorded.version.0.saturating_sub(1));
        match self.take(recorded.stream) {
            Some(cart) if version(&cart) == before => Ok(cart),
            Some(_) | None => Ok(Arc::new(fold(log, recorded, before).await?)),
        }
    }

    fn take(&mut self, id: Uuid) -> Option<Arc<Cart>> {
        self.carts.get_mut(&id)?.take()
    }

    /// Puts back a cart after applying the events for which it was taken.
    pub(super) fn put_back(&mut self, id: Uuid, cart: &Arc<Cart>) {
        self.carts.insert(id, Some(cart.clone()));
    }
}

/// The cart of `recorded` as it was at `version`, before that event.
async fn fold(
    log: &dyn LogReader,
    recorded: &RecordedEvent,
    version: Version,
) -> Result<Cart, HistoryError> {
    let mut cart = CartModel::initial();
    let (stream, fresh) = (recorded.stream, Freshness::AtLeast(recorded.position));
    history::for_each(log, stream, Version(0), Some(version), fresh, |recorded| {
        past::evolve(&mut cart, &recorded)
    })
    .await?;
    Ok(cart)
}

fn version(cart: &Cart) -> Version {
    Version(cart.contents().map_or(0, |contents| contents.version))
}

#[derive(Debug, Clone, Copy)]
struct CartWeight;

impl Weighter<Uuid, Option<Arc<Cart>>> for CartWeight {
    fn weight(&self, _id: &Uuid, cart: &Option<Arc<Cart>>) -> u64 {
        const OVERHEAD: usize = 64;
        let cart = cart.as_deref().map_or(0, CartModel::weight);
        (cart + OVERHEAD) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn active_carts_stay_cached_after_many_others() {
        const CAPACITY: u64 = 1_000;
        let weight = CartWeight.weight(&Uuid::nil(), &Some(Arc::default()));
        let mut folds = FoldCache::new(CAPACITY * weight);
        let put_back = |folds: &mut FoldCache, ids: std::ops::Range<u128>| {
            // In the order of a hash map, as the projector does.
            for id in ids.map(Uuid::from_u128).collect::<HashSet<_>>() {
                folds.put_back(id, &Arc::default());
            }
        };
        put_back(&mut folds, 0..10_000);
        let active = 10_000..10_300;
        let mut found = 0;
        for _ in 0..10 {
            let taken = active.clone().map(|id| folds.take(Uuid::from_u128(id)));
            found = taken.flatten().count();
            put_back(&mut folds, active.clone());
        }
        assert_eq!(found, active.count());
    }
}
