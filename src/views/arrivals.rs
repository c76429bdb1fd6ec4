//! The news that a cart's view has moved, for those who follow that cart.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use uuid::Uuid;

/// Who waits for which carts. The news is a hint: what has happened is read from the log.
#[derive(Debug, Default)]
pub struct Arrivals {
    followed: Mutex<HashMap<Uuid, Followed>>,
}

#[derive(Debug)]
struct Followed {
    version: watch::Sender<u64>,
    followers: usize,
}

/// A cart that somebody follows, until this is dropped.
#[derive(Debug)]
pub struct Following {
    arrivals: Arc<Arrivals>,
    cart: Uuid,
    /// The version of the cart's row when it last moved; 0 if it has not since somebody followed.
    pub version: watch::Receiver<u64>,
}

impl Arrivals {
    pub fn follow(self: &Arc<Self>, cart: Uuid) -> Following {
        let mut followed = self.lock();
        let entry = followed.entry(cart).or_insert_with(|| Followed {
            version: watch::Sender::new(0),
            followers: 0,
        });
        entry.followers += 1;
        Following {
            arrivals: self.clone(),
            cart,
            version: entry.version.subscribe(),
        }
    }

    /// Tells the followers of each cart at which version its row is now.
    pub(super) fn announce(&self, moved: impl Iterator<Item = (Uuid, u64)>) {
        let followed = self.lock();
        if followed.is_empty() {
            return;
        }
        for (cart, version) in moved {
            if let Some(entry) = followed.get(&cart) {
                entry.version.send_replace(version);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Followed>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut followed = self.arrivals.lock();
        if let Some(entry) = followed.get_mut(&self.cart) {
            entry.followers -= 1;
            if entry.followers == 0 {
                followed.remove(&self.cart);
            }
        }
    }
}
