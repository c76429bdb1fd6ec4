//! The limits on open live streams: in total and per client address.

use crate::web::http::client::client_address;
use crate::web::http::problem::{Kind, Problem};
use actix_web::HttpRequest;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Seconds after which a refused client may retry.
const RETRY_AFTER: u64 = 10;

/// The open live streams.
#[derive(Debug)]
pub struct Streams {
    open: Mutex<Open>,
    max: usize,
    max_per_client: usize,
    behind_proxy: bool,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// The slot of one live stream; dropping it frees the slot.
#[derive(Debug)]
pub struct Slot {
    streams: Arc<Streams>,
    client: Option<IpAddr>,
}

impl Streams {
    /// Allows `max` streams in total and `max_per_client` for one client address.
    pub fn bounded(max: usize, max_per_client: usize, behind_proxy: bool) -> Arc<Streams> {
        Arc::new(Streams {
            open: Mutex::default(),
            max,
            max_per_client,
            behind_proxy,
        })
    }

    /// A slot for the stream of `request`, or why it is refused.
    pub fn take(self: &Arc<Self>, request: &HttpRequest) -> Result<Slot, Problem> {
        self.take_for(client_address(request.head(), self.behind_proxy))
    }

    /// The number of open streams.
    pub fn open(&self) -> usize {
        self.lock().all
    }

    fn take_for(self: &Arc<Self>, client: Option<IpAddr>) -> Result<Slot, Problem> {
        let mut open = self.lock();
        if open.all >= self.max {
            return Err(Problem::new(
                Kind::Overloaded,
                "Too many live streams are open. Retry later, or read pages instead.",
            )
            .retry_after(RETRY_AFTER));
        }
        if let Some(client) = client {
            let own = open.by_client.entry(client).or_default();
            if *own >= self.max_per_client {
                return Err(Problem::new(
                    Kind::TooManyStreams,
                    "Too many live streams are open from your address. Close one first.",
                )
                .with("max", self.max_per_client)
                .retry_after(RETRY_AFTER));
            }
            *own += 1;
        }
        open.all += 1;
        Ok(Slot {
            streams: self.clone(),
            client,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        open.all -= 1;
        if let Some(client) = self.client
            && let Entry::Occupied(mut own) = open.by_client.entry(client)
        {
            *own.get_mut() -= 1;
            if *own.get() == 0 {
                own.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ended_stream_frees_its_slot() {
        let streams = Streams::bounded(3, 2, false);
        let one = Some(IpAddr::from([192, 0, 2, 1]));
        let other = Some(IpAddr::from([192, 0, 2, 2]));
        let first = streams.take_for(one).unwrap();
        let _second = streams.take_for(one).unwrap();
        let refused = streams.take_for(one).unwrap_err();
        assert_eq!(refused.kind(), Kind::TooManyStreams);
        let _third = streams.take_for(other).unwrap();
        let refused = streams.take_for(other).unwrap_err();
        assert_eq!(refused.kind(), Kind::Overloaded);
        drop(first);
        assert!(streams.take_for(one).is_ok());
    }
}
