//! A limit on what one client holds at a time, such as connections.

use crate::web::http::client::network;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much each client holds.
#[derive(Debug)]
pub struct PerClient {
    held: Mutex<HashMap<IpAddr, usize>>,
    pub max: usize,
}

/// One that a client holds; dropping it frees its place.
#[derive(Debug)]
pub struct Held {
    clients: Arc<PerClient>,
    client: IpAddr,
}

impl PerClient {
    /// Allows each client to hold `max`.
    pub fn limited(max: usize) -> Arc<PerClient> {
        Arc::new(PerClient {
            held: Mutex::default(),
            max,
        })
    }

    /// One more for the client at `address`; `None` at the limit.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Option<Held> {
        let client = network(address);
        let mut held = self.lock();
        let own = held.entry(client).or_default();
        if *own >= self.max {
            return None;
        }
        *own += 1;
        Some(Held {
            clients: self.clone(),
            client,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Entry::Occupied(mut own) = self.clients.lock().entry(self.client) {
            *own.get_mut() -= 1;
            if *own.get() == 0 {
                own.remove();
            }
        }
    }
}
