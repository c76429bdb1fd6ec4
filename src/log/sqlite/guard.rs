//! What stands between the log's files and everybody else on the machine.

use crate::files::{Identity, beside};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Holds the log for this process alone, and notices when its files are taken away.
///
/// The lock is on a file beside the database: SQLite's own locks on the database belong to the
/// process, and closing any other handle of that file would drop them (SQLite, "How To Corrupt An
/// SQLite Database File", 2.2).
#[derive(Debug)]
pub(super) struct Guard {
    _lock: File,
    watched: Vec<(PathBuf, Identity)>,
}

impl Guard {
    /// Takes the lock beside `database`, or says who has it.
    pub(super) fn lock(database: &Path) -> io::Result<Guard> {
        let path = beside(database, ".lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)?;
        match lock.try_lock() {
            Ok(()) => Ok(Guard {
                _lock: lock,
                watched: Vec::new(),
            }),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                format!(
                    "another process has this log open (it holds {}): stop it first, or name another file",
                    path.display()
                ),
            )),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Remembers which files the log consists of now. The index of the write-ahead log is one of
    /// them, and so is the lock: where one of these is gone, the next process makes its own and
    /// knows nothing of this one.
    pub(super) fn watch(&mut self, database: &Path) -> io::Result<()> {
        for suffix in ["", "-wal", "-shm", ".lock"] {
            let path = beside(database, suffix);
            let identity = Identity::of(&path)?;
            self.watched.push((path, identity));
        }
        Ok(())
    }

    /// Refuses once one of the files is gone or another one stands in its place: whoever goes on
    /// writing to a deleted file acknowledges what nobody will ever read.
    pub(super) fn check(&self) -> Result<(), String> {
        for (path, watched) in &self.watched {
            match Identity::of(path) {
                Ok(found) if found == *watched => {}
                Ok(_) => return Err(format!("{} was replaced by another file", path.display())),
                Err(error) => return Err(format!("{} is gone: {error}", path.display())),
            }
        }
        Ok(())
    }
}
