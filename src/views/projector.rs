//! The projection: from events of the log to rows of the views. The updater, a rebuild and a
//! verification each drive one [`Projector`].

use super::carts::CartRow;
use super::fold_cache::FoldCache;
use super::health::UpdateError;
use super::snapshots;
use super::store::{StoreError, ViewStore};
use super::{Batch, LineQuantityChange, ProjectedEvent, View};
use crate::cart::{Cart, CartEvent, CartModel};
use crate::decider::{Decider, DecodedEvent};
use crate::history::{self, HistoryError};
use crate::log::{Hash, LogReader, Position, RecordedEvent};
use crate::models::ModelEvent;
use crate::orders::{Order, OrderModel};
use rusqlite::Connection;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// The store and the batch that a background write gives back, and how the write ended.
type Written = (ViewStore, Pending, Result<(), UpdateError>);

/// Folds events in the order of the log and writes what they lead to, in batches. Events can be
/// folded while a batch is being written.
pub struct Projector {
    carts: FoldCache<CartModel>,
    orders: FoldCache<OrderModel>,
    folded: Position,
    pending: Pending,
    /// `None` while a batch is being written.
    store: Option<ViewStore>,
    writing: Option<JoinHandle<Written>>,
    written: Position,
}

impl Projector {
    /// Projects into `store`, with folded streams of about `cache_bytes` in memory.
    pub fn new(store: ViewStore, cache_bytes: u64) -> Projector {
        // An order has a handful of events within moments of each other.
        let orders = cache_bytes / 16;
        Projector {
            carts: FoldCache::new(cache_bytes - orders),
            orders: FoldCache::new(orders),
            folded: store.position,
            pending: Pending::default(),
            written: store.position,
            store: Some(store),
            writing: None,
        }
    }

    /// Projects into a temporary file, which is deleted when this is dropped.
    pub fn temporary(
        views: Vec<Box<dyn View>>,
        log: Uuid,
        cache_bytes: u64,
    ) -> Result<Projector, StoreError> {
        Ok(Projector::new(
            ViewStore::temporary(views, log)?,
            cache_bytes,
        ))
    }

    /// Everything up to here has been folded.
    pub fn folded(&self) -> Position {
        self.folded
    }

    /// Everything up to here is in the tables: the checkpoint.
    pub fn written(&self) -> Position {
        self.written
    }

    /// Folds and writes `events`, which follow in the log right after what was folded before.
    pub async fn apply(
        &mut self,
        log: &dyn LogReader,
        events: &[RecordedEvent],
    ) -> Result<(), UpdateError> {
        self.fold(log, events).await?;
        self.write().map(|_| ())
    }

    /// Folds `events`, which follow in the log right after what was folded before.
    pub async fn fold(
        &mut self,
        log: &dyn LogReader,
        events: &[RecordedEvent],
    ) -> Result<Folded, UpdateError> {
        // All are decoded before any is folded: a stream has seen all of `events` or none of them.
        let mut decoded = Vec::with_capacity(events.len());
        for recorded in events {
            decoded.push(history::decode::<ModelEvent>(recorded)?);
        }
        for (recorded, decoded) in events.iter().zip(&decoded) {
            self.take_before(log, recorded, &decoded.event).await?;
        }
        let mut folded = Folded::default();
        let mut projected = Vec::with_capacity(events.len());
        for (recorded, decoded) in events.iter().zip(decoded) {
            folded.add(recorded.stream, &decoded.event);
            projected.push(self.pending.evolve(recorded, decoded));
        }
        for streams in [&mut folded.carts, &mut folded.orders] {
            streams.sort_unstable();
            streams.dedup();
        }
        for id in &folded.carts {
            if let Some(pending) = self.pending.carts.get_mut(id) {
                pending.row = CartRow::of(*id, &pending.cart);
            }
        }
        if let Some(last) = events.last() {
            self.folded = last.position;
            let pending = &mut self.pending;
            pending.events.push(projected);
            pending.end = Some((last.position, last.hash));
            pending.since.get_or_insert_with(Instant::now);
        }
        Ok(folded)
    }

    /// Makes the stream of `recorded` pending, as it was right before that event.
    async fn take_before(
        &mut self,
        log: &dyn LogReader,
        recorded: &RecordedEvent,
        event: &ModelEvent,
    ) -> Result<(), HistoryError> {
        let pending = &mut self.pending;
        match event {
            ModelEvent::Cart(_) => {
                if let Entry::Vacant(place) = pending.carts.entry(recorded.stream) {
                    let cart = self.carts.take_before(log, recorded).await?;
                    place.insert(PendingCart { cart, row: None });
                }
            }
            ModelEvent::Order(_) => {
                if let Entry::Vacant(place) = pending.orders.entry(recorded.stream) {
                    place.insert(self.orders.take_before(log, recorded).await?);
                }
            }
        }
        Ok(())
    }

    /// The cart `id` and its row, if an event of it waits to be written.
    pub fn pending_cart(&self, id: Uuid) -> Option<&PendingCart> {
        self.pending.carts.get(&id)
    }

    /// The order `id`, if an event of it waits to be written.
    pub fn pending_order(&self, id: Uuid) -> Option<&Order> {
        self.pending.orders.get(&id).map(|order| &**order)
    }

    /// How many events wait to be written.
    pub(super) fn pending_events(&self) -> usize {
        self.pending.events.iter().map(Vec::len).sum()
    }

    /// Since when the first event waits to be written.
    pub(super) fn pending_since(&self) -> Option<Instant> {
        self.pending.since
    }

    /// Whether a write was started whose outcome has not been taken.
    pub(super) fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Whether a write has ended whose outcome has not been taken.
    pub(super) fn has_finished_write(&self) -> bool {
        self.writing.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Writes what is pending, on this thread, and returns the checkpoint. Must not be called
    /// during a write.
    pub fn write(&mut self) -> Result<Position, UpdateError> {
        let pending = self.take_pending();
        let outcome = pending.write(self.store_mut());
        self.settle(pending, outcome)
    }

    /// Starts to write what is pending, on another thread. Must not be called during a write.
    pub(super) fn start_write(&mut self) {
        let pending = self.take_pending();
        let mut store = self.store.take().expect(DURING_WRITE);
        self.writing = Some(tokio::task::spawn_blocking(move || {
            let outcome = pending.write(&mut store);
            (store, pending, outcome)
        }));
    }

    /// Waits for the write that was started and returns the checkpoint; never ends if none was.
    /// What could not be written stays pending. Cancel-safe.
    pub(super) async fn finish_write(&mut self) -> Result<Position, UpdateError> {
        let Some(writing) = &mut self.writing else {
            return std::future::pending().await;
        };
        let ended = writing.await;
        self.writing = None;
        let (store, pending, outcome) =
            ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        self.store = Some(store);
        self.settle(pending, outcome)
    }

    /// The tables. Must not be called during a write.
    pub(super) fn tables(&self) -> &Connection {
        self.store.as_ref().expect(DURING_WRITE).tables()
    }

    /// The store. Must not be called during a write.
    pub(super) fn store_mut(&mut self) -> &mut ViewStore {
        self.store.as_mut().expect(DURING_WRITE)
    }

    fn take_pending(&mut self) -> Pending {
        let pending = std::mem::take(&mut self.pending);
        for (id, pending) in &pending.carts {
            self.carts.put_back(*id, &pending.cart);
        }
        for (id, order) in &pending.orders {
            self.orders.put_back(*id, order);
        }
        pending
    }

    fn settle(
        &mut self,
        mut pending: Pending,
        outcome: Result<(), UpdateError>,
    ) -> Result<Position, UpdateError> {
        if let Err(error) = outcome {
            let later = std::mem::take(&mut self.pending);
            pending.events.extend(later.events);
            pending.end = later.end.or(pending.end);
            pending.carts.extend(later.carts);
            pending.orders.extend(later.orders);
            self.pending = pending;
            return Err(error);
        }
        self.written = self.store_mut().position;
        Ok(self.written)
    }
}

const DURING_WRITE: &str = "the store is not used during a write";

/// What was folded and waits to be written.
#[derive(Default)]
struct Pending {
    /// One list for each call of [`Projector::fold`]: a single one would be copied as it grows.
    events: Vec<Vec<ProjectedEvent>>,
    /// The position and the hash of the last event.
    end: Option<(Position, Hash)>,
    carts: HashMap<Uuid, PendingCart>,
    orders: HashMap<Uuid, Arc<Order>>,
    since: Option<Instant>,
}

/// A cart with changes that wait to be written.
#[derive(Debug, Default)]
pub struct PendingCart {
    pub cart: Arc<Cart>,
    /// Its row; none before it was opened.
    pub row: Option<CartRow>,
}

/// The streams that were folded, each once.
#[derive(Debug, Default)]
pub struct Folded {
    pub carts: Vec<Uuid>,
    pub orders: Vec<Uuid>,
    /// Whether an order may have another next step now.
    pub has_order_steps: bool,
}

impl Folded {
    fn add(&mut self, stream: Uuid, event: &ModelEvent) {
        match event {
            ModelEvent::Cart(event) => {
                self.carts.push(stream);
                self.has_order_steps |=
                    matches!(event, CartEvent::CartCheckedOut(order) if order.order_follows);
            }
            ModelEvent::Order(_) => {
                self.orders.push(stream);
                self.has_order_steps = true;
            }
        }
    }
}

impl Pending {
    /// Applies the event of `recorded` to its stream.
    fn evolve(
        &mut self,
        recorded: &RecordedEvent,
        decoded: DecodedEvent<ModelEvent>,
    ) -> ProjectedEvent {
        let (mut line_change, mut snapshot) = (None, None);
        match &decoded.event {
            ModelEvent::Cart(event) => {
                let pending = self.carts.entry(recorded.stream).or_default();
                let cart = Arc::make_mut(&mut pending.cart);
                line_change = LineQuantityChange::track(event, cart, |cart| {
                    CartModel::evolve(cart, event, &decoded.context());
                    cart.forget_undo();
                });
                snapshot = snapshots::is_due(decoded.version).then(|| pending.cart.clone());
            }
            ModelEvent::Order(event) => {
                let order = self.orders.entry(recorded.stream).or_default();
                OrderModel::evolve(Arc::make_mut(order), event, &decoded.context());
            }
        }
        ProjectedEvent {
            position: recorded.position,
            hash: recorded.hash,
            stream: recorded.stream,
            decoded,
            line_change,
            snapshot,
        }
    }

    fn write(&self, store: &mut ViewStore) -> Result<(), UpdateError> {
        let Some(end) = self.end else {
            return Ok(());
        };
        let batch = Batch {
            events: &self.events,
            end,
            carts: &self.carts,
            orders: &self.orders,
        };
        store.apply(&batch)
    }
}
