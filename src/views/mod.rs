//! The read side: projections of the log into tables that answer queries.
//!
//! A view is a pure function of the log: no clock, no randomness, no look-up elsewhere, so that a
//! rebuild gives the same rows. All views are in one SQLite file, which may be deleted at any time.

mod arrivals;
mod candidate;
pub mod carts;
mod compare;
mod damage;
mod difference;
mod feed;
mod files;
mod fold_cache;
mod guard;
mod health;
pub mod insights;
pub mod journal;
mod line_change;
pub mod orders;
pub mod past;
mod projector;
mod read_handle;
mod reader;
mod rebuild;
mod rebuilds;
mod row_cache;
mod schema;
pub mod search;
pub mod snapshots;
mod store;
pub mod tree;
mod updater;

pub use arrivals::{Arrivals, Following};
pub use compare::Snapshot;
pub use damage::DamagedRow;
pub use difference::{Comparison, Difference, Differs};
pub use files::{locate, owns};
pub use guard::{Damaged, FileGuard};
pub use health::{UpdateError, ViewFailure};
pub use line_change::LineQuantityChange;
pub use past::PastCart;
pub use projector::{Folded, PendingCart, Projector};
pub use read_handle::{Progress, ReadHandle};
pub use reader::{QueryInfo, QueryResult, Reader, ViewReadError};
pub use rebuild::RebuildWorker;
pub(crate) use rebuilds::per_cent;
pub use rebuilds::{RebuildPhase, RebuildRunning, RebuildState, RebuildStatus, Rebuilds};
pub use row_cache::RowCache;
pub use snapshots::Until;
pub use store::{StoreError, ViewStore};
pub use tree::StoredTree;
pub use updater::Updater;

use crate::cart::{Cart, CartEvent};
use crate::decider::{DecodedEvent, Event};
use crate::log::{Hash, Position};
use crate::models::ModelEvent;
use crate::orders::Order;
use carts::CartRow;
use rusqlite::Connection;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// A projection of the log into one table or a few.
pub trait View: Send {
    fn name(&self) -> &'static str;

    /// The version of this view's definition. A change of what a row holds must raise it: the views
    /// are rebuilt at the next start then.
    fn definition(&self) -> u32;

    /// Creates the view's tables, empty.
    fn create(&self, tables: &Connection) -> rusqlite::Result<()>;

    /// Writes what `batch` changes, within the transaction that also moves the checkpoint.
    fn apply(&mut self, tables: &Connection, batch: &Batch<'_>) -> rusqlite::Result<()>;
}

/// Events that are applied together, and the carts and orders that they lead to.
pub struct Batch<'a> {
    /// In the order of their positions, in one list or several.
    events: &'a [Vec<ProjectedEvent>],
    /// The position and the hash of the last event.
    end: (Position, Hash),
    /// Each cart with an event in the batch.
    carts: &'a HashMap<Uuid, PendingCart>,
    /// Each order with an event in the batch.
    orders: &'a HashMap<Uuid, Arc<Order>>,
}

impl Batch<'_> {
    /// The events in the order of their positions.
    pub fn events(&self) -> impl Iterator<Item = &ProjectedEvent> {
        self.events.iter().flatten()
    }

    /// The cart `id` after the batch, if the batch has an event of it.
    pub fn cart(&self, id: Uuid) -> Option<&Cart> {
        self.carts.get(&id).map(|pending| &*pending.cart)
    }

    /// Each order with an event in the batch, after it, in the order of their ids.
    pub fn orders(&self) -> Vec<(Uuid, &Order)> {
        let orders = self.orders.iter();
        let mut orders: Vec<_> = orders.map(|(id, order)| (*id, &**order)).collect();
        orders.sort_unstable_by_key(|(id, _)| *id);
        orders
    }

    /// The rows of all carts with an event in the batch, in the order of their ids.
    pub fn rows(&self) -> Vec<(Uuid, &CartRow)> {
        let rows = self.carts.iter();
        let mut rows: Vec<_> = rows
            .filter_map(|(id, pending)| Some((*id, pending.row.as_ref()?)))
            .collect();
        rows.sort_unstable_by_key(|(id, _)| *id);
        rows
    }
}

/// An event decoded once for all views. It does not keep the recorded texts: many events wait in
/// memory for the tables.
pub struct ProjectedEvent {
    pub position: Position,
    pub hash: Hash,
    /// The cart or order that it happened to.
    pub stream: Uuid,
    pub decoded: DecodedEvent<ModelEvent>,
    /// How it changed the line of its product, if it has one.
    pub line_change: Option<LineQuantityChange>,
    /// The cart after the event, if that is a version with a snapshot.
    pub snapshot: Option<Arc<Cart>>,
}

impl ProjectedEvent {
    /// The event, if it is one of a cart.
    pub fn of_cart(&self) -> Option<&CartEvent> {
        match &self.decoded.event {
            ModelEvent::Cart(event) => Some(event),
            ModelEvent::Order(_) => None,
        }
    }

    /// The event's name in the log.
    pub fn name(&self) -> &'static str {
        self.decoded.event.name()
    }
}

/// Every view of the service, in the order in which they are applied.
pub fn all() -> Vec<Box<dyn View>> {
    vec![
        Box::new(carts::Carts),
        Box::new(journal::Journal),
        Box::new(insights::Journeys),
        Box::new(insights::Products),
        Box::new(insights::Baskets),
        Box::new(insights::Activity),
        Box::new(snapshots::Snapshots),
        Box::new(orders::Orders),
        Box::new(tree::Tree),
    ]
}
