//! The rows of carts that have moved of late, in memory: what most shoppers ask for.
//!
//! A row is shown as soon as its cart is folded, while the tables are still being written; it stays
//! for a while after that, since a cart that has moved is looked at next. A row from here is never
//! older than the one in the tables: only the updater puts rows here, before they get there.

use super::carts::CartRow;
use crate::cache;
use crate::log::Position;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock};
use uuid::Uuid;

/// The newest rows, for whoever reads the views in this process.
#[derive(Debug)]
pub struct NewestRows {
    shown: RwLock<Shown>,
    /// Those that the tables have too, bounded in bytes.
    written: Cache<Uuid, CartRow, RowWeight>,
}

#[derive(Debug)]
struct Shown {
    /// Every row has seen everything up to here.
    position: Position,
    /// Those that the tables may not have yet.
    unwritten: HashMap<Uuid, CartRow>,
}

impl NewestRows {
    /// Keeps rows of about `bytes` in memory, beside tables that have seen everything up to `position`.
    pub(super) fn new(position: Position, bytes: u64) -> NewestRows {
        NewestRows {
            shown: RwLock::new(Shown {
                position,
                unwritten: HashMap::new(),
            }),
            written: Cache::with_weighter(cache::slots(bytes), bytes, RowWeight),
        }
    }

    /// The newest row of the cart `id`, if it is here, and the position that it has seen everything
    /// up to. Where it is not here, the row in the tables has seen as much.
    pub(super) fn find(&self, id: Uuid) -> (Option<CartRow>, Position) {
        // In this order: a row is in the second place before it leaves the first.
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        let position = shown.position;
        if let Some(row) = shown.unwritten.get(&id) {
            return (Some(row.clone()), position);
        }
        drop(shown);
        (self.written.get(&id), position)
    }

    /// How far the rows are that were shown.
    pub(super) fn position(&self) -> Position {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        shown.position
    }

    /// Shows `rows`, which are about to be written, as of `position`.
    pub(super) fn show(&self, rows: BTreeMap<Uuid, CartRow>, position: Position) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        shown.unwritten.extend(rows);
        shown.position = position;
    }

    /// Everything that was shown is in the tables now. Called by the one that shows.
    pub(super) fn written(&self) {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        let rows = shown.unwritten.clone();
        drop(shown);
        for (id, row) in rows {
            self.written.insert(id, row);
        }
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        shown.unwritten.clear();
    }
}

#[derive(Debug, Clone, Copy)]
struct RowWeight;

impl Weighter<Uuid, CartRow> for RowWeight {
    fn weight(&self, _id: &Uuid, row: &CartRow) -> u64 {
        const OVERHEAD: usize = 128;
        (row.document.len() + OVERHEAD) as u64
    }
}
