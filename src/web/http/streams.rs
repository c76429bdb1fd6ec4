//! The limits on open live streams: in total and per client address.

use crate::web::http::client::client_address;
use crate::web::http::per_client::{Held, PerClient};
use crate::web::http::problem::{Kind, Problem};
use actix_web::HttpRequest;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Seconds after which a refused client may retry.
const RETRY_AFTER: u64 = 10;

/// The open live streams.
#[derive(Debug)]
pub struct Streams {
    open: AtomicUsize,
    max: usize,
    clients: Arc<PerClient>,
    behind_proxy: bool,
}

/// The slot of one live stream; dropping it frees the slot.
#[derive(Debug)]
pub struct Slot {
    streams: Arc<Streams>,
    _held: Option<Held>,
}

impl Streams {
    /// Allows `max` streams in total and `max_per_client` for one client address.
    pub fn bounded(max: usize, max_per_client: usize, behind_proxy: bool) -> Arc<Streams> {
        Arc::new(Streams {
            open: AtomicUsize::new(0),
            max,
            clients: PerClient::limited(max_per_client),
            behind_proxy,
        })
    }

    /// A slot for the stream of `request`, or why it is refused.
    pub fn take(self: &Arc<Self>, request: &HttpRequest) -> Result<Slot, Problem> {
        self.take_for(client_address(request.head(), self.behind_proxy))
    }

    /// The number of open streams.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn take_for(self: &Arc<Self>, client: Option<IpAddr>) -> Result<Slot, Problem> {
        let held = client.map(|client| {
            self.clients.take(client).ok_or_else(|| {
                Problem::new(
                    Kind::TooManyStreams,
                    "Too many live streams are open from your address. Close one first.",
                )
                .with("max", self.clients.max)
                .retry_after(RETRY_AFTER)
            })
        });
        // Dropped on refusal, which frees it again.
        let slot = Slot {
            _held: held.transpose()?,
            streams: self.clone(),
        };
        if self.open.fetch_add(1, Ordering::Relaxed) >= self.max {
            return Err(Problem::new(
                Kind::Overloaded,
                "Too many live streams are open. Retry later, or read pages instead.",
            )
            .retry_after(RETRY_AFTER));
        }
        Ok(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.streams.open.fetch_sub(1, Ordering::Relaxed);
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
