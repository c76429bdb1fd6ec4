//! Whether the files of the views are still what the updater has left. Nobody else writes them, so
//! what SQLite itself does not notice (a row overwritten in its place, a file cut or exchanged for
//! another) shows in the file's identity, its length and the time of its last change.

use crate::files;
use rusqlite::{ErrorCode, ffi};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Watches over the files of the generation that serves.
#[derive(Debug)]
pub struct Guard {
    path: PathBuf,
    state: Mutex<State>,
    noticed: Notify,
}

/// The files of the views are damaged, and they are made anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the views are damaged: {0}")]
pub struct Damaged(pub String);

#[derive(Debug, Default)]
struct State {
    /// Counts how often somebody began or ended to write to the files.
    turn: u64,
    /// What was read in an earlier generation than this may be damaged.
    sound_from: u32,
    damage: Option<Damaged>,
    /// How many are writing to the files: the updater, and the thread that moves its write-ahead log.
    writing: u32,
    /// How the files were left; none while they are being written.
    seal: Option<Seal>,
}

#[derive(Debug, Clone)]
struct Seal {
    database: Stamp,
    /// The write-ahead log and how it was, if it was there.
    log: PathBuf,
    log_stamp: Option<Stamp>,
}

/// What identifies a file and its last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size: u64,
    changed: (i64, i64),
}

impl Guard {
    /// A guard of the views at `path`, which are there and as they should be.
    pub(super) fn of(path: PathBuf) -> Guard {
        let guard = Guard {
            path,
            state: Mutex::default(),
            noticed: Notify::new(),
        };
        guard.take_as_sound(&mut guard.lock());
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
                return Err(Damaged("they have just been made anew".to_owned()));
            }
            (state.turn, state.seal.clone())
        };
        let Some(reason) = seal.and_then(|seal| seal.broken(&self.path)) else {
            return Ok(());
        };
        let mut state = self.lock();
        // Written meanwhile by somebody who has looked at them before.
        if state.turn != turn {
            return state.damage.clone().map_or(Ok(()), Err);
        }
        Err(self.damage(&mut state, reason))
    }

    /// Whether no damage was noticed so far.
    pub(super) fn intact(&self) -> Result<(), Damaged> {
        self.lock().damage.clone().map_or(Ok(()), Err)
    }

    /// Looks at the files and lets the caller write to them as long as it holds what is returned.
    pub(super) fn open_for_writing(&self) -> Result<Writing<'_>, Damaged> {
        let mut state = self.lock();
        if let Some(damage) = &state.damage {
            return Err(damage.clone());
        }
        let broken = state.seal.as_ref().and_then(|seal| seal.broken(&self.path));
        if let Some(reason) = broken {
            return Err(self.damage(&mut state, reason));
        }
        Ok(self.writing(&mut state))
    }

    fn writing(&self, state: &mut State) -> Writing<'_> {
        state.turn += 1;
        state.writing += 1;
        state.seal = None;
        Writing(self)
    }

    fn take_as_sound(&self, state: &mut State) {
        match Seal::of(&self.path) {
            Ok(seal) => state.seal = Some(seal),
            Err(error) => {
                self.damage(state, gone(&error));
            }
        }
    }

    /// Lets `switch` lead the path to the files of `generation`, which serve from now on.
    pub(super) fn hand_over<T>(
        &self,
        generation: u32,
        switch: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let _writing = self.writing(&mut self.lock());
        let switched = switch();
        if switched.is_ok() {
            let mut state = self.lock();
            if state.damage.take().is_some() {
                state.sound_from = generation;
            }
        }
        switched
    }

    /// Takes an error of SQLite for damage, if it is one that sound files do not give.
    pub(super) fn report(&self, error: &rusqlite::Error) {
        if is_damage(error) {
            self.damage(&mut self.lock(), error.to_string());
        }
    }

    /// Takes the files for damaged, since pages of theirs may not be on the disk.
    pub(super) fn give_up(&self, error: &rusqlite::Error) -> Damaged {
        let reason = format!("their write-ahead log cannot be moved into them: {error}");
        self.damage(&mut self.lock(), reason)
    }

    /// Waits until damage is noticed.
    pub(super) async fn noticed(&self) {
        self.noticed.notified().await;
    }

    /// Nobody is to take these files for views again, not even a process that starts later: their
    /// name is taken away. Whoever has them open may keep them.
    fn damage(&self, state: &mut State, reason: String) -> Damaged {
        if state.damage.is_none()
            && let Err(error) = files::remove(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "damaged views stay there");
        }
        let damage = state.damage.get_or_insert(Damaged(reason)).clone();
        self.noticed.notify_one();
        damage
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody writes to the files. When the last one has ended, they are taken as they are for what they
/// should be.
#[must_use]
pub(super) struct Writing<'a>(&'a Guard);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.turn += 1;
        state.writing -= 1;
        if state.writing == 0 {
            self.0.take_as_sound(&mut state);
        }
    }
}

impl Seal {
    fn of(path: &Path) -> io::Result<Seal> {
        let log = files::beside(&path.canonicalize()?, "-wal");
        Ok(Seal {
            database: Stamp::of(&path.metadata()?),
            log_stamp: log.metadata().ok().map(|log| Stamp::of(&log)),
            log,
        })
    }

    /// How the files at `path` are not what was sealed, if they are not.
    fn broken(&self, path: &Path) -> Option<String> {
        let now = match path.metadata() {
            Ok(metadata) => Stamp::of(&metadata),
            Err(error) => return Some(gone(&error)),
        };
        let was = self.database;
        if now.file != was.file {
            return Some("another file is in their place".to_owned());
        }
        if now.size != was.size {
            let (now, was) = (now.size, was.size);
            return Some(format!("their file has {now} bytes instead of {was}"));
        }
        if now.changed != was.changed {
            return Some("their file was written by another hand".to_owned());
        }
        let was = self.log_stamp?;
        match self.log.metadata().map(|log| Stamp::of(&log)) {
            Ok(now) if now.file == was.file && now.size >= was.size => None,
            Ok(_) => Some("their write-ahead log was cut or exchanged".to_owned()),
            Err(error) => Some(format!("their write-ahead log is gone: {error}")),
        }
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            file: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            changed: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

fn gone(error: &io::Error) -> String {
    format!("their file is gone: {error}")
}

/// Whether `error` comes of pages that are not what was written.
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
