//! A database for one process alone.

use crate::files::{COMPANIONS, beside, make_private, open_regular, refuse_irregular};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The suffix of the lock file.
pub const LOCK: &str = ".lock";

/// The files of a `database` that is locked: itself, SQLite's beside it, and the lock.
pub fn locked_files(database: &Path) -> impl Iterator<Item = PathBuf> {
    let suffixes = COMPANIONS.into_iter().chain(["", LOCK]);
    suffixes.map(move |suffix| beside(database, suffix))
}

/// Holds a database for this process until it is dropped.
///
/// The lock is on a file beside the database: SQLite's own locks on the database belong to the
/// process, and closing any other handle of that file would release them (SQLite, "How To Corrupt
/// An SQLite Database File", 2.2).
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Acquires the lock of the `database`, which error messages call `name`.
    pub fn acquire(database: &Path, name: &str) -> io::Result<FileLock> {
        refuse_irregular(database)?;
        refuse_hard_links(database)?;
        let path = beside(database, LOCK);
        let mut options = OpenOptions::new();
        let file = open_regular(
            &path,
            options.create(true).truncate(false).write(true).mode(0o600),
        )?;
        match file.try_lock() {
            Ok(()) => {
                // Another user who may open the lock file could hold it for ever.
                make_private(&path);
                Ok(FileLock { _file: file })
            }
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                format!(
                    "another process has {name} open (it holds {}): stop it first, or name another \
                     file",
                    path.display()
                ),
            )),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Fails if the database has several names: under each, SQLite would keep another write-ahead log,
/// and this lock would be another file (SQLite, "How To Corrupt An SQLite Database File", 2.4).
fn refuse_hard_links(database: &Path) -> io::Result<()> {
    let names = database.metadata().map_or(1, |found| found.nlink());
    if names > 1 {
        return Err(io::Error::other(format!(
            "it has {names} names (hard links), and each would get a lock of its own: remove the \
             others, or replace it by a copy"
        )));
    }
    Ok(())
}
