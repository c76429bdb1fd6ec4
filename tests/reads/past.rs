//! Reading a cart's past costs a few hundred events, however long its history is.

use async_trait::async_trait;
use cartlog::cart::event::{CartOpened, Units};
use cartlog::cart::what_if::WhatIf;
use cartlog::cart::{CartEvent, CartModel, Currency, Offers};
use cartlog::history::CommitMetadata;
use cartlog::log::sqlite::SqliteLog;
use cartlog::log::{
    Commit, Freshness, Head, LogReader, LogWriter, NewEvent, Position, ReadError, RecordedEvent,
    Version,
};
use cartlog::timestamp::Timestamp;
use cartlog::views::{Reader, Until};
use cartlog_testkit::shop::{OPENING, Shop, offer};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;
use uuid::Uuid;

/// A log that counts the events read of single streams.
struct Counting {
    log: Arc<SqliteLog>,
    events: AtomicUsize,
}

impl Counting {
    fn take(&self) -> usize {
        self.events.swap(0, Ordering::Relaxed)
    }
}

#[async_trait]
impl LogReader for Counting {
    async fn read_stream(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
        freshness: Freshness,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let read = self
            .log
            .read_stream(stream, after, limit, freshness)
            .await?;
        self.events.fetch_add(read.len(), Ordering::Relaxed);
        Ok(read)
    }

    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.log.read_all(after, limit).await
    }

    async fn barrier(&self) -> Result<Position, ReadError> {
        self.log.barrier().await
    }

    fn identity(&self) -> Uuid {
        self.log.identity()
    }

    fn wake_ups(&self) -> watch::Receiver<Position> {
        self.log.wake_ups()
    }
}

const CART: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
const EVENTS: u64 = 9_990;
/// Events from one snapshot to the next, and one that shows the end.
const MOST: usize = 257;

/// Writes a cart of [`EVENTS`] events, 37 a commit and second.
async fn write_long_cart(log: &SqliteLog) {
    let opened = CartEvent::CartOpened(CartOpened {
        currency: Currency::EUR,
        token_hash: [7; 32],
    });
    let additions = (1..EVENTS).map(|number| {
        let offer = offer(number as usize % 90);
        CartEvent::ItemAdded(Units {
            sku: offer.sku,
            name: offer.name,
            quantity: 1,
            unit_price: offer.unit_price,
        })
    });
    let events: Vec<CartEvent> = std::iter::once(opened).chain(additions).collect();
    let mut head = Head::START;
    for (number, events) in (0..).zip(events.chunks(37)) {
        let metadata = CommitMetadata::new("add_item", Uuid::from_u128(number), "shopper");
        let at = Timestamp::from_millis(OPENING + i64::try_from(number).unwrap() * 1_000);
        let events = events.iter().map(NewEvent::of).collect();
        let commit = Commit::new(CART, head, at, metadata.to_json(), events);
        head = Head::at(commit.events().last().unwrap());
        log.append(commit).await.expect("appended");
    }
}

#[tokio::test]
async fn read_of_the_past_folds_at_most_257_events() {
    let shop = Shop::open();
    write_long_cart(&shop.log).await;
    let log = Counting {
        log: shop.log.clone(),
        events: AtomicUsize::default(),
    };
    let mut updater = shop.updater().await;
    let reader = Reader::new(shop.views_path(), updater.read_handle());
    let cart_at = async |until| {
        let past = reader.cart_at(&log, CART, until).await.unwrap();
        let contents = past.cart.contents().expect("an opened cart").clone();
        (contents, past.has_later_events, log.take())
    };
    // The control: without snapshots all events are folded.
    let (newest, is_past, read) = cart_at(Until::NEWEST).await;
    assert_eq!(
        (newest.version, is_past, read as u64),
        (EVENTS, false, EVENTS)
    );
    while updater.catch_up_once().await.unwrap() > 0 {}
    let (same, _, read) = cart_at(Until::NEWEST).await;
    assert_eq!(same, newest);
    assert!(read <= MOST, "{read}");
    for version in (1..=EVENTS)
        .step_by(61)
        .chain([255, 256, 257, 9_983, 9_984, 9_985])
    {
        let (then, is_past, read) = cart_at(Until::Version(Version(version))).await;
        assert_eq!((then.version, is_past), (version, version < EVENTS));
        assert!(read <= MOST, "{read} at {version}");
        let (at, is_past, read) = cart_at(Until::Time(then.changed_at)).await;
        // The last version of its commit.
        assert_eq!(at.version, (version.div_ceil(37) * 37).min(EVENTS));
        assert_eq!(is_past, at.version < EVENTS);
        assert!(read <= 2 * MOST, "{read} at the time of {version}");
    }
    let offers = Offers::default();
    for first in [9_989, 9_700, 5_000, 300, 2] {
        let without = BTreeSet::from([first, EVENTS]);
        let last = Version(EVENTS);
        let mut what_if = WhatIf::new(CartModel::default(), &offers, &without, &[]);
        let other = reader
            .hypothetical_cart(&log, CART, last, &mut what_if)
            .await
            .unwrap();
        let other = other.contents().unwrap();
        assert!(other.items_total() < newest.items_total());
        let read = log.take();
        assert!(
            read as u64 <= EVENTS - first + MOST as u64,
            "{read} from {first}"
        );
    }
}
