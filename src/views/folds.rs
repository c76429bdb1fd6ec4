//! The carts that the updater has folded, so that an event costs one step and not its whole stream.

use crate::cache;
use crate::cart::{Cart, CartModel};
use crate::decider::Decider;
use crate::history::{self, HistoryError};
use crate::log::{EventLog, Recorded, Version};
use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use uuid::Uuid;

/// Folded carts, bounded in bytes. One that has been dropped is folded again from the log.
pub(super) struct Folds {
    cached: Cache<Uuid, Arc<Cart>, CartWeight>,
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
        events: &[Recorded],
        carts: &mut HashMap<Uuid, Arc<Cart>>,
    ) -> Result<(), HistoryError> {
        for recorded in events {
            let Entry::Vacant(place) = carts.entry(recorded.stream) else {
                continue;
            };
            let before = Version(recorded.version.0.saturating_sub(1));
            let cart = match self.cached.remove(&recorded.stream) {
                Some((_, cart)) if version(&cart) == before => cart,
                Some(_) | None => Arc::new(fold(log, recorded.stream, before).await?),
            };
            place.insert(cart);
        }
        Ok(())
    }

    /// Keeps carts as they are after the events that they were taken out for. Who still looks at one
    /// goes on seeing it as it is.
    pub(super) fn put_back(&mut self, carts: &mut HashMap<Uuid, Arc<Cart>>) {
        for (id, cart) in carts {
            Arc::make_mut(cart).forget_undo();
            self.cached.insert(*id, cart.clone());
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

impl Weighter<Uuid, Arc<Cart>> for CartWeight {
    fn weight(&self, _id: &Uuid, cart: &Arc<Cart>) -> u64 {
        const OVERHEAD: usize = 64;
        (CartModel::weight(cart) + OVERHEAD) as u64
    }
}
