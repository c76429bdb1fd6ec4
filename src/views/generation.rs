//! A generation of the views: its tables, and the carts that its events have led to so far.

use super::folding::Folding;
use super::guard::Guard;
use super::store::{StoreError, ViewStore};
use super::trouble::UpdateError;
use super::{View, files};
use crate::cart::Cart;
use crate::files::remove_database;
use crate::log::{EventLog, Position, RecordedEvent};
use rusqlite::Connection;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// Tables of all views, written from the log.
pub struct Generation {
    store: ViewStore,
    folding: Folding,
}

impl Generation {
    /// The generation in `store`, which keeps folded carts of about `cache_bytes` in memory.
    pub fn new(store: ViewStore, cache_bytes: u64) -> Generation {
        Generation {
            folding: Folding::after(store.position, cache_bytes),
            store,
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

    pub(super) fn tables(&self) -> &Connection {
        self.store.tables()
    }

    /// The tables, and what is folded into them.
    pub(super) fn into_parts(self) -> (ViewStore, Folding) {
        (self.store, self.folding)
    }

    /// Folds `events`, which follow in the log right after what it has, writes them, and shows
    /// the carts that they led to to `moved` before that.
    pub async fn apply(
        &mut self,
        log: &dyn EventLog,
        events: &[RecordedEvent],
        moved: impl FnOnce(&HashMap<Uuid, Arc<Cart>>),
    ) -> Result<(), UpdateError> {
        self.folding.take_in(log, events).await?;
        moved(self.folding.pending().carts());
        let Some(pending) = self.folding.hand_out() else {
            return Ok(());
        };
        pending
            .write(&mut self.store)
            .inspect_err(|_| self.folding.take_back(pending))
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

    /// Lets the views' path lead to this generation, which `guard` watches over from now on.
    pub(super) fn serve(self, guard: &Arc<Guard>, number: u32) -> io::Result<Generation> {
        let Successor {
            mut generation,
            mut file,
            path,
        } = self;
        generation
            .store
            .be_watched(guard.clone())
            .map_err(io::Error::other)?;
        guard.hand_over(number, || files::switch(&path, &file.file))?;
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
            && let Err(error) = remove_database(&self.file)
        {
            tracing::warn!(%error, path = %self.file.display(), "views that never served stay there");
        }
    }
}
