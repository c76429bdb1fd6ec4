//! A generation of the views: its tables, and the carts that its events have led to so far.

use super::carts::CartRow;
use super::files;
use super::folds::Folds;
use super::guard::Guard;
use super::store::{StoreError, ViewStore};
use super::updater::UpdateError;
use super::{Batch, Fact, Moved, View};
use crate::cart::{Cart, CartEvent, CartModel};
use crate::decider::Decider;
use crate::history::{self, Metadata};
use crate::log::{EventLog, Position, Recorded};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

/// Tables of all views, written from the log.
pub struct Generation {
    store: ViewStore,
    folds: Folds,
    pending: Pending,
}

impl Generation {
    /// The generation in `store`, which keeps folded carts of about `cache_bytes` in memory.
    pub fn new(store: ViewStore, cache_bytes: u64) -> Generation {
        Generation {
            store,
            folds: Folds::new(cache_bytes),
            pending: Pending::default(),
        }
    }

    /// An empty generation in a file that is gone when this is dropped, whatever happens.
    pub fn passing(
        views: Vec<Box<dyn View>>,
        log: Uuid,
        cache_bytes: u64,
    ) -> Result<Generation, StoreError> {
        Ok(Generation::new(
            ViewStore::passing(views, log)?,
            cache_bytes,
        ))
    }

    /// Everything up to here is in the tables.
    pub fn position(&self) -> Position {
        self.store.position
    }

    /// From which position on the tables answer everything that was in the log when they were opened.
    pub(super) fn whole_at(&self) -> Position {
        self.store.whole_at
    }

    /// What watches over the files.
    pub(super) fn guard(&self) -> Option<Arc<Guard>> {
        self.store.guard.clone()
    }

    pub(super) fn tables(&self) -> &Connection {
        self.store.tables()
    }

    /// Everything up to here is in the tables or waits to be written there.
    pub(super) fn taken(&self) -> Position {
        let last = self.pending.events.last();
        last.map_or(self.position(), |event| event.recorded.position)
    }

    /// How many events wait to be written, and since when.
    pub(super) fn pending(&self) -> Option<(usize, Instant)> {
        let since = self.pending.since?;
        Some((self.pending.events.len(), since))
    }

    /// Takes in `events`, which follow in the log right after what it has taken in, writes all that
    /// waits, and hands the carts that they led to to `moved`.
    pub async fn apply(
        &mut self,
        log: &dyn EventLog,
        events: &[Recorded],
        moved: impl FnOnce(&HashMap<Uuid, Cart>),
    ) -> Result<(), UpdateError> {
        self.take_in(log, events).await?;
        moved(&self.pending.carts);
        self.write()?;
        Ok(())
    }

    /// Folds `events`, which follow in the log right after [`Generation::taken`], and says which
    /// rows that makes. They wait to be written.
    pub(super) async fn take_in(
        &mut self,
        log: &dyn EventLog,
        events: &[Recorded],
    ) -> Result<BTreeMap<Uuid, CartRow>, UpdateError> {
        let Pending {
            events: pending,
            carts,
            rows,
            since,
        } = &mut self.pending;
        // Read whole before anything is folded: a cart has seen all of `events` or none of them.
        let mut read = Vec::with_capacity(events.len());
        for recorded in events {
            read.push((
                history::event_of(recorded)?,
                Metadata::read(&recorded.metadata)?,
            ));
        }
        self.folds.take(log, events, carts).await?;
        let mut touched = BTreeSet::new();
        for (recorded, (event, metadata)) in events.iter().zip(read) {
            let cart = carts.entry(recorded.stream).or_default();
            let units = Moved::by(&event, cart, |cart| {
                CartModel::evolve(cart, &event, &metadata.moment(recorded));
            });
            touched.insert(recorded.stream);
            pending.push(PendingEvent {
                recorded: recorded.clone(),
                event,
                command: metadata.command.into(),
                moved: units,
            });
        }
        let moved = touched.into_iter().filter_map(|id| {
            let row = CartRow::of(id, carts.get(&id)?)?;
            Some((id, row))
        });
        let moved: BTreeMap<Uuid, CartRow> = moved.collect();
        rows.extend(moved.iter().map(|(id, row)| (*id, row.clone())));
        if !events.is_empty() {
            since.get_or_insert_with(Instant::now);
        }
        Ok(moved)
    }

    /// Writes all that waits, in one transaction. Where it cannot be written, it goes on waiting.
    pub(super) fn write(&mut self) -> Result<(), UpdateError> {
        let position = self.taken();
        let Pending {
            events,
            carts,
            rows,
            since,
        } = &mut self.pending;
        if events.is_empty() {
            return Ok(());
        }
        let facts = events.iter().map(|pending| Fact {
            recorded: &pending.recorded,
            event: &pending.event,
            command: &pending.command,
            moved: pending.moved,
        });
        let batch = Batch {
            facts: &facts.collect::<Vec<_>>(),
            carts,
            rows,
        };
        self.store.apply(&batch, position)?;
        events.clear();
        *since = None;
        self.folds.put_back(carts.drain());
        rows.clear();
        Ok(())
    }
}

/// What was folded and waits to be written.
#[derive(Default)]
struct Pending {
    events: Vec<PendingEvent>,
    /// The carts that these events led to, and their rows.
    carts: HashMap<Uuid, Cart>,
    rows: BTreeMap<Uuid, CartRow>,
    /// Since when the first of them waits.
    since: Option<Instant>,
}

struct PendingEvent {
    recorded: Recorded,
    event: CartEvent,
    /// The name of the command that it came of.
    command: Box<str>,
    moved: Option<Moved>,
}

/// A generation that is being made beside the one that serves.
pub(super) struct Successor {
    pub generation: Generation,
    // Dropped behind the generation, which has the file open.
    file: Unproven,
    /// The path that leads to the generation that serves.
    path: PathBuf,
}

impl Successor {
    /// Begins an empty generation beside the views at `path`.
    pub(super) fn begin(
        path: &Path,
        views: Vec<Box<dyn View>>,
        log: Uuid,
        cache_bytes: u64,
    ) -> Result<Successor, StoreError> {
        let file = files::next_generation(path).map_err(|error| StoreError {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let file = Unproven {
            file,
            serves: false,
        };
        let store = ViewStore::begin(&file.file, views, log)?;
        Ok(Successor {
            generation: Generation::new(store, cache_bytes),
            file,
            path: path.to_owned(),
        })
    }

    /// Makes of the file in the making one that can be read while it is written.
    pub(super) fn settle(&mut self) -> rusqlite::Result<()> {
        self.generation.store.settle()
    }

    /// Lets the views' path lead to this generation, which `guard` watches over from now on.
    pub(super) fn serve(self, guard: Arc<Guard>, number: u32) -> io::Result<Generation> {
        let Successor {
            mut generation,
            mut file,
            path,
        } = self;
        guard.hand_over(number, || files::switch(&path, &file.file))?;
        generation.store.guard = Some(guard);
        file.serves = true;
        Ok(generation)
    }
}

/// A file that is removed again if it never comes to serve.
struct Unproven {
    file: PathBuf,
    serves: bool,
}

impl Drop for Unproven {
    fn drop(&mut self) {
        if !self.serves
            && let Err(error) = files::remove_database(&self.file)
        {
            tracing::warn!(%error, path = %self.file.display(), "views that never served stay there");
        }
    }
}
