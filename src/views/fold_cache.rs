//! Folded streams in memory, so that projecting an event costs one step and not its whole stream.

use super::past;
use crate::cache;
use crate::cart::{Cart, CartModel};
use crate::decider::Decider;
use crate::history::{self, HistoryError};
use crate::log::{Freshness, LogReader, RecordedEvent, Version};
use crate::orders::{Order, OrderModel};
use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use std::marker::PhantomData;
use std::sync::Arc;
use uuid::Uuid;

/// A model whose streams are folded for the views.
pub(super) trait ProjectedModel: Decider {
    /// The version of the last event applied; 0 before the first.
    fn version(state: &Self::State) -> u64;

    /// Applies `recorded` to a state that is only read.
    fn evolve_read(state: &mut Self::State, recorded: &RecordedEvent) -> Result<(), HistoryError>;
}

impl ProjectedModel for CartModel {
    fn version(cart: &Cart) -> u64 {
        cart.contents().map_or(0, |contents| contents.version)
    }

    fn evolve_read(cart: &mut Cart, recorded: &RecordedEvent) -> Result<(), HistoryError> {
        past::evolve(cart, recorded)
    }
}

impl ProjectedModel for OrderModel {
    fn version(order: &Order) -> u64 {
        order.version()
    }

    fn evolve_read(order: &mut Order, recorded: &RecordedEvent) -> Result<(), HistoryError> {
        history::evolve::<OrderModel>(order, recorded).map(|_| ())
    }
}

/// Folded streams of one model, bounded in bytes. An evicted one is folded again from the log.
pub(super) struct FoldCache<D: ProjectedModel> {
    /// `None` for a stream that was taken. Its entry stays, since a removed and reinserted key
    /// would count as new to the cache and be evicted first.
    states: Cache<Uuid, Option<Arc<D::State>>, StateWeight<D>>,
}

impl<D: ProjectedModel> FoldCache<D> {
    pub(super) fn new(bytes: u64) -> Self {
        FoldCache {
            states: Cache::with_weighter(cache::slots(bytes), bytes, StateWeight(PhantomData)),
        }
    }

    /// Takes the stream of `recorded` as it was right before that event.
    pub(super) async fn take_before(
        &mut self,
        log: &dyn LogReader,
        recorded: &RecordedEvent,
    ) -> Result<Arc<D::State>, HistoryError> {
        let before = recorded.version.0.saturating_sub(1);
        match self.take(recorded.stream) {
            Some(state) if D::version(&state) == before => Ok(state),
            Some(_) | None => Ok(Arc::new(fold::<D>(log, recorded, Version(before)).await?)),
        }
    }

    fn take(&mut self, id: Uuid) -> Option<Arc<D::State>> {
        self.states.get_mut(&id)?.take()
    }

    /// Puts back a stream after applying the events for which it was taken.
    pub(super) fn put_back(&mut self, id: Uuid, state: &Arc<D::State>) {
        self.states.insert(id, Some(state.clone()));
    }
}

/// The stream of `recorded` as it was at `version`, before that event.
async fn fold<D: ProjectedModel>(
    log: &dyn LogReader,
    recorded: &RecordedEvent,
    version: Version,
) -> Result<D::State, HistoryError> {
    let mut state = D::initial();
    let (stream, fresh) = (recorded.stream, Freshness::AtLeast(recorded.position));
    history::for_each(log, stream, Version(0), Some(version), fresh, |recorded| {
        D::evolve_read(&mut state, &recorded)
    })
    .await?;
    Ok(state)
}

struct StateWeight<D>(PhantomData<D>);

impl<D> Clone for StateWeight<D> {
    fn clone(&self) -> Self {
        StateWeight(PhantomData)
    }
}

impl<D: ProjectedModel> Weighter<Uuid, Option<Arc<D::State>>> for StateWeight<D> {
    fn weight(&self, _id: &Uuid, state: &Option<Arc<D::State>>) -> u64 {
        const OVERHEAD: usize = 64;
        let state = state.as_deref().map_or(0, D::weight);
        (state + OVERHEAD) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn active_carts_stay_cached_after_many_others() {
        const CAPACITY: u64 = 1_000;
        let weight = StateWeight::<CartModel>(PhantomData);
        let weight = weight.weight(&Uuid::nil(), &Some(Arc::default()));
        let mut folds = FoldCache::<CartModel>::new(CAPACITY * weight);
        let put_back = |folds: &mut FoldCache<CartModel>, ids: std::ops::Range<u128>| {
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
