//! Detects that the views' files were changed by another process.
//!
//! SQLite does not notice a row that is overwritten in place, nor a file that is truncated or
//! replaced. The updater is the only writer, so each such change shows in the file's identity,
//! length or modification time. A check costs two `stat` calls for each read of the tables; rows
//! from the row cache need none.

use crate::files;
use rusqlite::{ErrorCode, ffi};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Watches the files of the views that serve.
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
    /// Incremented whenever a write begins or ends.
    turn: u64,
    /// What was read in an earlier generation than this may be damaged.
    sound_from: u32,
    damage: Option<Damaged>,
    /// How many threads are writing: the updater, and the one that checkpoints its write-ahead log.
    writers: u32,
    /// The files as the last writer left them; `None` during a write.
    seal: Option<Seal>,
}

#[derive(Debug, Clone)]
struct Seal {
    database: Stamp,
    wal_path: PathBuf,
    wal: Option<Stamp>,
}

/// Identifies a file and its last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
}

impl FileGuard {
    /// Guards the views at `path`, which are taken for sound as they are.
    pub(super) fn new(path: PathBuf) -> FileGuard {
        let guard = FileGuard {
            path,
            state: Mutex::default(),
            noticed: Notify::new(),
        };
        guard.seal(&mut guard.lock());
        guard
    }

    /// Whether what was just read in `generation` can be relied on.
    pub(super) fn check(&self, generation: u32) -> Result<(), Damaged> {
        let (turn, seal) = {
            let state = self.lock();
            if let Some(damage) = &state.damage {
                return Err(damage.clone());
            }
            if generation < state.sound_from {
                return Err(Damaged("they have just been rebuilt".to_owned()));
            }
            (state.turn, state.seal.clone())
        };
        let Some(reason) = seal.and_then(|seal| seal.broken(&self.path)) else {
            return Ok(());
        };
        let mut state = self.lock();
        // A writer has been there meanwhile, which checked the files itself.
        if state.turn != turn {
            return state.damage.clone().map_or(Ok(()), Err);
        }
        Err(self.set_damaged(&mut state, reason))
    }

    /// Whether no damage was noticed so far. Does not look at the files.
    pub(super) fn known_damage(&self) -> Result<(), Damaged> {
        self.lock().damage.clone().map_or(Ok(()), Err)
    }

    /// Checks the files and permits writing to them until the returned value is dropped.
    pub(super) fn begin_write(&self) -> Result<WritePermit<'_>, Damaged> {
        let mut state = self.lock();
        if let Some(damage) = &state.damage {
            return Err(damage.clone());
        }
        let broken = state.seal.as_ref().and_then(|seal| seal.broken(&self.path));
        if let Some(reason) = broken {
            return Err(self.set_damaged(&mut state, reason));
        }
        Ok(self.permit(&mut state))
    }

    fn permit(&self, state: &mut State) -> WritePermit<'_> {
        state.turn += 1;
        state.writers += 1;
        state.seal = None;
        WritePermit(self)
    }

    fn seal(&self, state: &mut State) {
        match Seal::of(&self.path) {
            Ok(seal) => state.seal = Some(seal),
            Err(error) => {
                self.set_damaged(state, missing(&error));
            }
        }
    }

    /// Runs `switch`, which makes the path lead to the files of `generation`.
    pub(super) fn switch<T>(
        &self,
        generation: u32,
        switch: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let _permit = self.permit(&mut self.lock());
        let switched = switch();
        if switched.is_ok() {
            let mut state = self.lock();
            if state.damage.take().is_some() {
                state.sound_from = generation;
            }
        }
        switched
    }

    /// Marks the files as damaged if `error` is one that sound files do not give.
    pub(super) fn report(&self, error: &rusqlite::Error) {
        if is_damage(error) {
            self.set_damaged(&mut self.lock(), error.to_string());
        }
    }

    /// Marks the files as damaged: some pages may not have reached the disk.
    pub(super) fn report_failed_checkpoint(&self, error: &rusqlite::Error) -> Damaged {
        let reason = format!("their write-ahead log cannot be moved into them: {error}");
        self.set_damaged(&mut self.lock(), reason)
    }

    /// Waits until damage is noticed.
    pub(super) async fn noticed(&self) {
        self.noticed.notified().await;
    }

    /// Removes the name of the files, so that no later process takes them for views. Readers that
    /// have them open keep them.
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

/// Permits one thread to write to the files. When the last one is dropped, the files are sealed.
#[must_use]
pub(super) struct WritePermit<'a>(&'a FileGuard);

impl Drop for WritePermit<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.turn += 1;
        state.writers -= 1;
        if state.writers == 0 {
            self.0.seal(&mut state);
        }
    }
}

impl Seal {
    fn of(path: &Path) -> io::Result<Seal> {
        let wal_path = files::beside(&path.canonicalize()?, "-wal");
        Ok(Seal {
            database: Stamp::of(&path.metadata()?),
            wal: wal_path.metadata().ok().map(|wal| Stamp::of(&wal)),
            wal_path,
        })
    }

    /// How the files at `path` differ from what was sealed, if they do.
    fn broken(&self, path: &Path) -> Option<String> {
        let now = match path.metadata() {
            Ok(metadata) => Stamp::of(&metadata),
            Err(error) => return Some(missing(&error)),
        };
        let sealed = self.database;
        if now.file != sealed.file {
            return Some("another file is in their place".to_owned());
        }
        if now.size != sealed.size {
            let (now, sealed) = (now.size, sealed.size);
            return Some(format!("their file has {now} bytes instead of {sealed}"));
        }
        if now.modified != sealed.modified {
            return Some("their file was written by another process".to_owned());
        }
        let sealed = self.wal?;
        match self.wal_path.metadata().map(|wal| Stamp::of(&wal)) {
            Ok(now) if now.file == sealed.file && now.size >= sealed.size => None,
            Ok(_) => Some("their write-ahead log was truncated or replaced".to_owned()),
            Err(error) => Some(format!("their write-ahead log is missing: {error}")),
        }
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            file: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

fn missing(error: &io::Error) -> String {
    format!("their file is missing: {error}")
}

/// Whether `error` shows pages that are not what was written.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        matches!(
            error.code,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase
        ) || matches!(
            error.extended_code,
            ffi::SQLITE_IOERR_SHORT_READ
                | ffi::SQLITE_IOERR_CORRUPTFS
                | ffi::SQLITE_READONLY_DBMOVED
        )
    })
}
