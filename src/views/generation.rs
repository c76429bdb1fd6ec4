//! A generation of the views: its tables, and the carts that its events have led to so far.

use super::files;
use super::folds::Folds;
use super::store::{StoreError, ViewStore};
use super::updater::UpdateError;
use super::{Batch, Fact, Moved, View};
use crate::cart::{Cart, CartModel};
use crate::decider::Decider;
use crate::history::{self, Metadata};
use crate::log::{EventLog, Position, Recorded};
use rusqlite::Connection;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Tables of all views, written from the log.
pub struct Generation {
    store: ViewStore,
    folds: Folds,
}

impl Generation {
    /// The generation in `store`, which keeps folded carts of about `cache_bytes` in memory.
    pub fn new(store: ViewStore, cache_bytes: u64) -> Generation {
        Generation {
            store,
            folds: Folds::new(cache_bytes),
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

    pub(super) fn tables(&self) -> &Connection {
        self.store.tables()
    }

    /// Applies `events`, which follow in the log right after [`Generation::position`], in one
    /// transaction. Those carts are handed to `moved` that they led to.
    pub async fn apply(
        &mut self,
        log: &dyn EventLog,
        events: &[Recorded],
        moved: impl FnOnce(&HashMap<Uuid, Cart>),
    ) -> Result<(), UpdateError> {
        let Some(last) = events.last() else {
            return Ok(());
        };
        let position = last.position;
        let mut carts = self.folds.take(log, events).await?;
        let mut facts = Vec::with_capacity(events.len());
        for recorded in events {
            let metadata = Metadata::read(&recorded.metadata)?;
            let event = history::event_of(recorded)?;
            let cart = carts.entry(recorded.stream).or_default();
            let moved = Moved::by(&event, cart, |cart| {
                CartModel::evolve(cart, &event, &metadata.moment(recorded));
            });
            facts.push(Fact {
                recorded,
                event,
                metadata,
                moved,
            });
        }
        let batch = Batch {
            facts: &facts,
            carts: &carts,
        };
        self.store.apply(&batch, position)?;
        moved(&carts);
        self.folds.put_back(carts);
        Ok(())
    }
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

    /// Lets the views' path lead to this generation.
    pub(super) fn serve(self) -> io::Result<Generation> {
        let Successor {
            generation,
            mut file,
            path,
        } = self;
        files::switch(&path, &file.file)?;
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
