//! Stops serving the views once their file is known to be damaged.

use crate::files::{self, Identity};
use rusqlite::{ErrorCode, ffi};
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Knows whether the views that serve are damaged: SQLite reported it, or their file is gone,
/// replaced or truncated. Other damage, such as a bit flipped inside a row, is found by
/// `cartlog verify` alone, and a rebuild repairs it.
#[derive(Debug)]
pub struct FileGuard {
    path: PathBuf,
    state: Mutex<State>,
    noticed: Notify,
}

/// The views' files are damaged, and the views have to be rebuilt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the views are damaged: {0}")]
pub struct Damaged(pub String);

#[derive(Debug, Default)]
struct State {
    damage: Option<Damaged>,
    /// What was read in an earlier generation than this may be damaged.
    sound_from: u32,
    /// The file that serves, with the greatest length seen. It never shrinks: it is not vacuumed.
    file: Option<(Identity, u64)>,
}

impl FileGuard {
    /// Guards the views at `path`, which are taken for sound as they are.
    pub(super) fn new(path: PathBuf) -> FileGuard {
        let guard = FileGuard {
            path,
            state: Mutex::default(),
            noticed: Notify::new(),
        };
        // A file that is missing is noticed by `inspect`.
        guard.lock().file = Identity::and_length_at(&guard.path).ok();
        guard
    }

    /// Whether what was just read in `generation` can be relied on. Does not look at the file.
    pub(super) fn check(&self, generation: u32) -> Result<(), Damaged> {
        let state = self.lock();
        match &state.damage {
            Some(damage) => Err(damage.clone()),
            None if generation < state.sound_from => {
                Err(Damaged("they have just been rebuilt".to_owned()))
            }
            None => Ok(()),
        }
    }

    /// Looks whether the path still leads to the same file, and all of it.
    pub(super) fn inspect(&self) -> Result<(), Damaged> {
        let found = Identity::and_length_at(&self.path);
        let mut state = self.lock();
        if let Some(damage) = &state.damage {
            return Err(damage.clone());
        }
        let reason = match (found, state.file) {
            (Ok(now), Some(known)) if now.0 == known.0 && now.1 >= known.1 => {
                state.file = Some(now);
                return Ok(());
            }
            (Ok(now), Some(known)) if now.0 == known.0 => {
                format!("their file has {} bytes instead of {}", now.1, known.1)
            }
            (Ok(_), _) => "another file is in their place".to_owned(),
            (Err(error), _) => format!("their file is missing: {error}"),
        };
        Err(self.set_damaged(&mut state, reason))
    }

    /// Runs `switch`, which makes the path lead to the sound file of `generation`. Must not run
    /// during an [`inspect`](FileGuard::inspect).
    pub(super) fn switch(
        &self,
        generation: u32,
        switch: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        switch()?;
        let mut state = self.lock();
        state.file = Identity::and_length_at(&self.path).ok();
        if state.damage.take().is_some() {
            state.sound_from = generation;
        }
        Ok(())
    }

    /// Marks the file as damaged if `error` is one that a sound file does not give.
    pub(super) fn report(&self, error: &rusqlite::Error) {
        if is_damage(error) {
            self.set_damaged(&mut self.lock(), error.to_string());
        }
    }

    /// Marks the file as damaged: some pages may not have reached the disk.
    pub(super) fn report_failed_checkpoint(&self, error: &rusqlite::Error) -> Damaged {
        let reason = format!("their write-ahead log cannot be moved into them: {error}");
        self.set_damaged(&mut self.lock(), reason)
    }

    /// Waits until damage is noticed.
    pub(super) async fn noticed(&self) {
        self.noticed.notified().await;
    }

    /// Removes the name of the file, so that no later process takes it for views. Readers that have
    /// it open keep it.
    fn set_damaged(&self, state: &mut State, reason: String) -> Damaged {
        if state.damage.is_none()
            && let Err(error) = files::remove(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "cannot remove damaged views");
        }
        let damage = state.damage.get_or_insert(Damaged(reason)).clone();
        self.noticed.notify_one();
        damage
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `error` shows pages that are not what was written, or that the disk does not give back.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        matches!(
            error.code,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase
        ) || matches!(
            error.extended_code,
            ffi::SQLITE_IOERR_READ
                | ffi::SQLITE_IOERR_SHORT_READ
                | ffi::SQLITE_IOERR_CORRUPTFS
                | ffi::SQLITE_READONLY_DBMOVED
        )
    })
}
