//! The read side: tables that answer, made from the log as events arrive.
//!
//! A view is a function of the log alone. While applying it asks no clock, draws nothing and looks
//! nothing up elsewhere, so that made again from the first event it is the same row by row. All
//! views live in one SQLite file that may be deleted at any time.

mod arrivals;
pub mod carts;
mod compare;
mod difference;
mod feed;
mod files;
mod folding;
mod folds;
mod generation;
mod guard;
pub mod insights;
pub mod journal;
mod moved;
mod newest;
mod progress;
mod reader;
mod rebuild;
mod rebuilds;
mod store;
mod trouble;
mod updater;
mod writer;

pub use arrivals::{Arrivals, Following};
pub use compare::Snapshot;
pub use difference::{Comparison, Difference, Differs};
pub use feed::Feed;
pub use generation::Generation;
pub use guard::{Damaged, Guard};
pub use moved::Moved;
pub use newest::RowCache;
pub use progress::Progress;
pub use reader::{QueryInfo, QueryResult, ReadHandle, Reader, ViewReadError};
pub use rebuild::RebuildWorker;
pub(crate) use rebuilds::per_cent;
pub use rebuilds::{RebuildPhase, RebuildRunning, RebuildState, RebuildStatus, Rebuilds};
pub use store::{StoreError, ViewStore};
pub use trouble::{UpdateError, ViewFailure};
pub use updater::Updater;

use crate::cart::{Cart, CartEvent};
use crate::log::Position;
use crate::timestamp::Timestamp;
use carts::CartRow;
use rusqlite::Connection;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// A table, or a few, that the events of the log add up to.
pub trait View: Send {
    fn name(&self) -> &'static str;

    /// The version of this view's definition. Whoever changes what a row holds raises it, and the
    /// views are made anew at the next start.
    fn definition(&self) -> u32;

    /// Makes the view's tables, empty.
    fn create(&self, tables: &Connection) -> rusqlite::Result<()>;

    /// Writes what `batch` changes, within the transaction that also moves the checkpoint.
    fn apply(&mut self, tables: &Connection, batch: &Batch<'_>) -> rusqlite::Result<()>;
}

/// Events that are applied together, and the carts that they lead to.
pub struct Batch<'a> {
    /// In the order of their positions, in one list or several.
    pub facts: &'a [Vec<Fact>],
    /// Each cart of which the batch has an event, as it is after the batch.
    pub carts: &'a HashMap<Uuid, Arc<Cart>>,
    /// The rows of these carts, in the order of their ids.
    pub rows: &'a [(&'a Uuid, &'a CartRow)],
}

impl Batch<'_> {
    /// The events in the order of their positions.
    pub fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.facts.iter().flatten()
    }
}

/// A recorded event, read once for all views. Its texts are not kept: many facts wait in memory for
/// the tables.
pub struct Fact {
    pub position: Position,
    /// The cart that it happened to.
    pub stream: Uuid,
    /// The event's name in the log.
    pub name: Cow<'static, str>,
    pub recorded_at: Timestamp,
    pub event: CartEvent,
    /// The name of the command that it came of.
    pub command: Box<str>,
    /// What the event did to the line of its product, if it has one.
    pub moved: Option<Moved>,
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
    ]
}
