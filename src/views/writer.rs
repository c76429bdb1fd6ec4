//! The tables that serve, written either at once or on a thread of its own, while more is folded.

use super::folding::Pending;
use super::store::ViewStore;
use super::trouble::UpdateError;
use crate::log::Position;
use tokio::task::JoinHandle;

/// Writes to the tables that serve, one thing at a time.
pub(super) struct Writer {
    /// Elsewhere while it is being written.
    store: Option<ViewStore>,
    writing: Option<JoinHandle<(ViewStore, Written)>>,
}

/// A write that has come to its end.
pub(super) struct Written {
    /// What was to be written.
    pub pending: Pending,
    /// How far the tables are now.
    pub outcome: Result<Position, UpdateError>,
}

impl Writer {
    pub(super) fn new(store: ViewStore) -> Writer {
        Writer {
            store: Some(store),
            writing: None,
        }
    }

    /// Whether something is being written, or was and nobody has asked yet how it went.
    pub(super) fn is_busy(&self) -> bool {
        self.writing.is_some()
    }

    /// Whether a write has come to its end, and nobody has asked yet how it went.
    pub(super) fn has_finished(&self) -> bool {
        self.writing.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Whether the tables are what this program defines.
    pub(super) fn fits(&self) -> bool {
        self.store.as_ref().is_none_or(|store| store.fits)
    }

    /// Writes on another thread. Called where nothing is being written.
    pub(super) fn write_aside(&mut self, pending: Pending) {
        let mut store = self.resting();
        self.writing = Some(tokio::task::spawn_blocking(move || {
            let written = write(&mut store, pending);
            (store, written)
        }));
    }

    /// Writes on this thread. Called where nothing is being written.
    pub(super) fn write_here(&mut self, pending: Pending) -> Written {
        let mut store = self.resting();
        let written = write(&mut store, pending);
        self.store = Some(store);
        written
    }

    /// Waits for what is being written, for ever if nothing is.
    pub(super) async fn finished(&mut self) -> Written {
        let Some(handle) = &mut self.writing else {
            return std::future::pending().await;
        };
        let ended = handle.await;
        self.writing = None;
        let (store, written) =
            ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        self.store = Some(store);
        written
    }

    /// Writes to `store` from now on, and gives back what was written to before.
    pub(super) fn replace(&mut self, store: ViewStore) -> Option<ViewStore> {
        self.store.replace(store)
    }

    /// Closes the tables. Called where nothing is being written.
    pub(super) fn close(self) {
        if let Some(store) = self.store {
            store.close();
        }
    }

    fn resting(&mut self) -> ViewStore {
        let store = self.store.take();
        store.expect("nothing is written to tables that are being written")
    }
}

fn write(store: &mut ViewStore, pending: Pending) -> Written {
    let outcome = pending.write(store).map(|()| store.position);
    Written { pending, outcome }
}
