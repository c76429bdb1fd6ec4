//! New views that are built beside those that serve.

use super::guard::FileGuard;
use super::projector::Projector;
use super::store::{StoreError, ViewStore};
use super::{View, files};
use crate::files::remove_database;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// Views under construction in a file of their own, which is removed unless they come to serve.
pub(super) struct Candidate {
    pub projector: Projector,
    // Dropped after the projector, which has the file open.
    file: UnservedFile,
    /// The path that leads to the views that serve.
    path: PathBuf,
}

impl Candidate {
    /// Creates empty views beside those at `path`.
    pub(super) fn create(
        path: &Path,
        views: Vec<Box<dyn View>>,
        log: Uuid,
        cache_bytes: u64,
    ) -> Result<Candidate, StoreError> {
        let file = files::next_generation(path).map_err(|error| StoreError {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let file = UnservedFile {
            file,
            serves: false,
        };
        let store = ViewStore::create_unserved(&file.file, views, log)?;
        Ok(Candidate {
            projector: Projector::new(store, cache_bytes),
            file,
            path: path.to_owned(),
        })
    }

    /// Makes the file safe to read while it is written.
    pub(super) fn enable_wal(&mut self) -> rusqlite::Result<()> {
        self.projector.store_mut().enable_wal()
    }

    /// Switches the views' path to this file, which serves under `guard` from now on.
    pub(super) fn serve(
        mut self,
        guard: &Arc<FileGuard>,
        generation: u32,
    ) -> io::Result<Projector> {
        let store = self.projector.store_mut();
        let attached = store.attach_guard(guard.clone());
        attached.map_err(io::Error::other)?;
        guard.switch(generation, || files::switch(&self.path, &self.file.file))?;
        self.file.serves = true;
        Ok(self.projector)
    }
}

struct UnservedFile {
    file: PathBuf,
    serves: bool,
}

impl Drop for UnservedFile {
    fn drop(&mut self) {
        if !self.serves
            && let Err(error) = remove_database(&self.file)
        {
            let path = self.file.display();
            tracing::warn!(%error, %path, "cannot remove the views of a failed rebuild");
        }
    }
}
