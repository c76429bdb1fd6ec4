//! Notifies the followers of a cart or order when it has changed, and the order process when an
//! order may have another next step.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// The carts and orders that are followed. A notification is a hint: the events are read from the
/// log.
#[derive(Debug, Default)]
pub struct Arrivals {
    followed: Mutex<HashMap<Uuid, Followed>>,
    order_steps: Notify,
}

#[derive(Debug)]
struct Followed {
    version: watch::Sender<u64>,
    followers: usize,
}

/// Follows a cart or order until it is dropped.
#[derive(Debug)]
pub struct Following {
    arrivals: Arc<Arrivals>,
    stream: Uuid,
    /// The version at the latest change; 0 without one since the first follower.
    pub version: watch::Receiver<u64>,
}

impl Arrivals {
    pub fn follow(self: &Arc<Self>, stream: Uuid) -> Following {
        let mut followed = self.lock();
        let entry = followed.entry(stream).or_insert_with(|| Followed {
            version: watch::Sender::new(0),
            followers: 0,
        });
        entry.followers += 1;
        Following {
            arrivals: self.clone(),
            stream,
            version: entry.version.subscribe(),
        }
    }

    /// Notifies the followers of each cart or order of the version that it has now.
    pub(super) fn announce(&self, changed: impl Iterator<Item = (Uuid, u64)>) {
        let followed = self.lock();
        if followed.is_empty() {
            return;
        }
        for (stream, version) in changed {
            if let Some(entry) = followed.get(&stream) {
                entry.version.send_replace(version);
            }
        }
    }

    pub(super) fn announce_order_steps(&self) {
        self.order_steps.notify_one();
    }

    /// Waits until an order may have another next step. A notification without a waiter is kept.
    pub async fn order_steps(&self) {
        self.order_steps.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Followed>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut followed = self.arrivals.lock();
        if let Some(entry) = followed.get_mut(&self.stream) {
            entry.followers -= 1;
            if entry.followers == 0 {
                followed.remove(&self.stream);
            }
        }
    }
}
