//! The carts that the updater has folded, so that an event costs one step and not its whole stream.

use crate::cache;
use crate::cart::{Cart, CartModel};
use crate::decider::Decider;
use crate::history::{self, HistoryError};
use crate::log::{EventLog, RecordedEvent, Version};
use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use uuid::Uuid;

/// Folded carts, bounded in bytes. One that has been dropped is folded again from the log.
pub(super) struct Folds {
    /// None for a cart that is out: its place is kept, since the cache takes one that comes anew for
    /// one that hardly anybody asks for, and gives it up first.
    cached: Cache<Uuid, Option<Arc<Cart>>, CartWeight>,
}

impl Folds {
    pub(super) fn new(bytes: u64) -> Folds {
        Folds {
            cached: Cache::with_weighter(cache::slots(bytes), bytes, CartWeight),
        }
    }

    /// Takes out the carts that `events` belong to and that are not among `carts` yet, each as it
    /// was right before its first event.
    pub(super) async fn take(
        &mut self,
        log: &dyn EventLog,
        events: &[RecordedEvent],
        carts: &mut HashMap<Uuid, Arc<Cart>>,
    ) -> Result<(), HistoryError> {
        for recorded in events {
            let Entry::Vacant(place) = carts.entry(recorded.stream) else {
                continue;
            };
            let before = Version(recorded.version.0.saturating_sub(1));
            let cart = match self.lend(recorded.stream) {
                Some(cart) if version(&cart) == before => cart,
                Some(_) | None => Arc::new(fold(log, recorded.stream, before).await?),
            };
            place.insert(cart);
        }
        Ok(())
    }

    /// Takes the cart `id` out, if it is here.
    fn lend(&mut self, id: Uuid) -> Option<Arc<Cart>> {
        self.cached.get_mut(&id)?.take()
    }

    /// Keeps carts as they are after the events that they were taken out for. Who still looks at one
    /// goes on seeing it as it is.
    pub(super) fn put_back(&mut self, carts: &mut HashMap<Uuid, Arc<Cart>>) {
        for (id, cart) in carts {
            Arc::make_mut(cart).forget_undo();
            self.cached.insert(*id, Some(cart.clone()));
        }
    }
}

/// The cart `id` as it was at `version`.
async fn fold(log: &dyn EventLog, id: Uuid, version: Version) -> Result<Cart, HistoryError> {
    let mut cart = CartModel::initial();
    history::for_each(log, id, Version(0), Some(version), |recorded| {
        history::evolve::<CartModel>(&mut cart, &recorded).map(|_| ())
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

    #[test]
    fn carts_that_move_again_and_again_stay_though_many_came_before_them() {
        const HELD: u64 = 1_000;
        let weight = CartWeight.weight(&Uuid::nil(), &Some(Arc::default()));
        let mut folds = Folds::new(HELD * weight);
        let put_back = |folds: &mut Folds, ids: std::ops::Range<u128>| {
            let ids = ids.map(Uuid::from_u128);
            folds.put_back(&mut ids.map(|id| (id, Arc::default())).collect());
        };
        put_back(&mut folds, 0..10_000);
        let moving = 10_000..10_300;
        let mut there = 0;
        for _ in 0..10 {
            let lent = moving.clone().map(|id| folds.lend(Uuid::from_u128(id)));
            there = lent.flatten().count();
            put_back(&mut folds, moving.clone());
        }
        assert_eq!(there, moving.count());
    }
}
