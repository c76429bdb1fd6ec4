//! New events as live streams send them: formatted once, and the bytes shared by all streams.

use crate::log::{LogReader, RecordedEvent};
use crate::web::api::event::{EventFormatter, read_stream};
use crate::web::http::problem::Problem;
use actix_web::HttpRequest;
use actix_web::web::{Bytes, Data};
use quick_cache::sync::Cache;
use tokio::sync::Mutex;
use uuid::Uuid;

/// Events that are kept, about a KiB each.
pub const KEPT: usize = 4_096;

/// A server-sent event. Its id, and so its bytes, depend on the stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum LiveEvent {
    /// The event at this version, for the streams of a cart.
    OfCart(Uuid, u64),
    /// The event at this position, for the streams of the whole log.
    OfLog(u64),
}

/// The service's latest server-sent events.
pub fn live_events(request: &HttpRequest) -> Data<LiveEvents> {
    let shared = request.app_data::<Data<LiveEvents>>();
    shared
        .expect("the service is started with its live events")
        .clone()
}

/// The latest server-sent events.
pub struct LiveEvents {
    events: Cache<LiveEvent, Bytes>,
    /// Shared, too: it knows the heads of carts, which a stream of its own would read from the log.
    formatter: Mutex<EventFormatter>,
}

impl Default for LiveEvents {
    fn default() -> LiveEvents {
        LiveEvents {
            events: Cache::new(KEPT),
            formatter: Mutex::default(),
        }
    }
}

impl LiveEvents {
    /// `recorded` as an event of the streams of the whole log.
    pub async fn of_log(
        &self,
        log: &dyn LogReader,
        recorded: &RecordedEvent,
    ) -> Result<Bytes, Problem> {
        let id = recorded.position.0;
        let format = self.format(log, recorded, id);
        let events = &self.events;
        events
            .get_or_insert_async(&LiveEvent::OfLog(id), format)
            .await
    }

    /// The event of `cart` at `version` as an event of the streams of that cart.
    pub async fn of_cart(
        &self,
        log: &dyn LogReader,
        cart: Uuid,
        version: u64,
    ) -> Result<Bytes, Problem> {
        let format = async {
            let read = read_stream(log, cart, version, version).await?;
            let recorded = read
                .first()
                .ok_or_else(|| Problem::internal(format!("cart {cart} has no event {version}")))?;
            self.format(log, recorded, version).await
        };
        let key = LiveEvent::OfCart(cart, version);
        self.events.get_or_insert_async(&key, format).await
    }

    async fn format(
        &self,
        log: &dyn LogReader,
        recorded: &RecordedEvent,
        id: u64,
    ) -> Result<Bytes, Problem> {
        let mut formatter = self.formatter.lock().await;
        formatter.server_sent(log, recorded, id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cart::event::CartOpened;
    use crate::cart::{CartEvent, Currency};
    use crate::history::CommitMetadata;
    use crate::log::sqlite::{SqliteLog, SqliteLogSettings};
    use crate::log::{Commit, Head, LogWriter, NewEvent, Position};
    use crate::timestamp::Timestamp;

    #[tokio::test]
    async fn streams_share_the_bytes_of_an_event() {
        let folder = tempfile::tempdir().unwrap();
        let settings = SqliteLogSettings::at(folder.path().join("events.db"));
        let (log, _writer) = SqliteLog::open(&settings).unwrap();
        let cart = Uuid::from_u128(1);
        let opened = CartEvent::CartOpened(CartOpened {
            currency: Currency::EUR,
            token_hash: [7; 32],
        });
        let metadata = CommitMetadata::new("open_cart", cart, "shopper").to_json();
        let events = vec![NewEvent::of(&opened)];
        let commit = Commit::new(cart, Head::START, Timestamp::now(), metadata, events);
        log.append(commit).await.unwrap();
        let recorded = log.read_all(Position(0), 1).await.unwrap();
        let live = LiveEvents::default();
        let of_log = [(); 2].map(|()| live.of_log(&*log, &recorded[0]));
        let of_cart = [(); 2].map(|()| live.of_cart(&*log, cart, 1));
        for [one, other] in [
            futures_util::future::join_all(of_log).await,
            futures_util::future::join_all(of_cart).await,
        ]
        .map(|sent| <[_; 2]>::try_from(sent).unwrap())
        {
            let (one, other) = (one.unwrap(), other.unwrap());
            assert!(one.starts_with(b"id: 1"));
            assert_eq!(one.as_ptr(), other.as_ptr(), "one copy for all");
        }
    }
}
