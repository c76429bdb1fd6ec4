//! Notifies the followers of a cart when its row has changed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use uuid::Uuid;

/// The carts that are followed. A notification is a hint: the events are read from the log.
#[derive(Debug, Default)]
pub struct Arrivals {
    followed: Mutex<HashMap<Uuid, Followed>>,
}

#[derive(Debug)]
struct Followed {
    version: watch::Sender<u64>,
    followers: usize,
}

/// Follows a cart until it is dropped.
#[derive(Debug)]
pub struct Following {
    arrivals: Arc<Arrivals>,
    cart: Uuid,
    /// The version of the cart's row at its latest change; 0 without one since the first follower.
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

    /// Notifies the followers of each cart of the version that its row has now.
    pub(super) fn announce(&self, changed: impl Iterator<Item = (Uuid, u64)>) {
        let followed = self.lock();
        if followed.is_empty() {
            return;
        }
        for (cart, version) in changed {
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
