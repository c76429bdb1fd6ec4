//! From events to what is to be written of them: the carts that they lead to, and the carts' rows.

use super::carts::CartRow;
use super::folds::Folds;
use super::store::ViewStore;
use super::trouble::UpdateError;
use super::{Batch, Fact, Moved};
use crate::cart::{Cart, CartModel};
use crate::decider::Decider;
use crate::history::{self, CommitMetadata};
use crate::log::{EventLog, Position, RecordedEvent};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

/// Folds events in their order, and keeps what they lead to until it is written.
pub(super) struct Folding {
    folds: Folds,
    taken: Position,
    pending: Pending,
}

impl Folding {
    /// Folds what follows after `position`, and keeps folded carts of about `cache_bytes` in memory.
    pub(super) fn after(position: Position, cache_bytes: u64) -> Folding {
        Folding {
            folds: Folds::new(cache_bytes),
            taken: position,
            pending: Pending::default(),
        }
    }

    /// Everything up to here has been folded.
    pub(super) fn taken(&self) -> Position {
        self.taken
    }

    /// What waits to be written.
    pub(super) fn pending(&self) -> &Pending {
        &self.pending
    }

    /// Folds `events`, which follow in the log right after what was taken in before, and says which
    /// carts they belong to, each once.
    pub(super) async fn take_in(
        &mut self,
        log: &dyn EventLog,
        events: &[RecordedEvent],
    ) -> Result<Vec<Uuid>, UpdateError> {
        let pending = &mut self.pending;
        // Read whole before anything is folded: a cart has seen all of `events` or none of them.
        let mut read = Vec::with_capacity(events.len());
        for recorded in events {
            read.push((
                history::event_of(recorded)?,
                CommitMetadata::read(&recorded.metadata)?,
            ));
        }
        self.folds.take(log, events, &mut pending.carts).await?;
        let mut taken = Vec::with_capacity(events.len());
        for (recorded, (event, metadata)) in events.iter().zip(read) {
            let cart = Arc::make_mut(pending.carts.entry(recorded.stream).or_default());
            let moved = Moved::by(&event, cart, |cart| {
                CartModel::evolve(cart, &event, &metadata.context(recorded));
            });
            taken.push(Fact {
                position: recorded.position,
                stream: recorded.stream,
                name: recorded.name.clone(),
                recorded_at: recorded.recorded_at,
                event,
                command: metadata.command.into(),
                moved,
            });
        }
        let mut touched: Vec<Uuid> = events.iter().map(|recorded| recorded.stream).collect();
        touched.sort_unstable();
        touched.dedup();
        for id in &touched {
            let row = pending
                .carts
                .get(id)
                .and_then(|cart| CartRow::of(*id, cart));
            if let Some(row) = row {
                pending.rows.insert(*id, row);
            }
        }
        if let Some(last) = events.last() {
            self.taken = last.position;
            pending.facts.push(taken);
            pending.since.get_or_insert_with(Instant::now);
        }
        Ok(touched)
    }

    /// Hands out what waits, for it to be written; nothing if nothing does.
    pub(super) fn hand_out(&mut self) -> Option<Pending> {
        if self.pending.facts.is_empty() {
            return None;
        }
        let mut pending = std::mem::take(&mut self.pending);
        self.folds.put_back(&mut pending.carts);
        Some(pending)
    }

    /// Takes back what was handed out and could not be written.
    pub(super) fn take_back(&mut self, mut unwritten: Pending) {
        let later = std::mem::take(&mut self.pending);
        unwritten.facts.extend(later.facts);
        unwritten.carts.extend(later.carts);
        unwritten.rows.extend(later.rows);
        self.pending = unwritten;
    }
}

/// What was folded and waits to be written.
#[derive(Default)]
pub(super) struct Pending {
    /// As they were taken in: one list would be moved again and again as it grows.
    facts: Vec<Vec<Fact>>,
    /// The carts that these events led to, and their rows.
    carts: HashMap<Uuid, Arc<Cart>>,
    rows: HashMap<Uuid, CartRow>,
    /// Since when the first of them waits.
    since: Option<Instant>,
}

impl Pending {
    pub(super) fn events(&self) -> usize {
        self.facts.iter().map(Vec::len).sum()
    }

    pub(super) fn carts(&self) -> &HashMap<Uuid, Arc<Cart>> {
        &self.carts
    }

    pub(super) fn rows(&self) -> &HashMap<Uuid, CartRow> {
        &self.rows
    }

    /// Since when the first event waits.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Writes all of it to `store` in one transaction.
    pub(super) fn write(&self, store: &mut ViewStore) -> Result<(), UpdateError> {
        let Some(last) = self.facts.last().and_then(|taken| taken.last()) else {
            return Ok(());
        };
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_unstable_by_key(|(id, _)| **id);
        let batch = Batch {
            facts: &self.facts,
            carts: &self.carts,
            rows: &rows,
        };
        store.apply(&batch, last.position)
    }
}
