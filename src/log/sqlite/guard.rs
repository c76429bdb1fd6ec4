//! Detects that the log's files were removed, replaced or truncated while they are open.

use crate::files::{Identity, beside};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Watches the log's files.
#[derive(Debug)]
pub(super) struct Guard {
    database: Watched,
    /// The greatest length seen of the database. It never shrinks: nothing is deleted from it, and
    /// it is not vacuumed.
    length: AtomicU64,
    /// The write-ahead log, its index and the lock file. If one of them is gone, the next process
    /// creates its own and does not see this one.
    companions: [Watched; 3],
}

impl Guard {
    /// Remembers the files that the log consists of now.
    pub(super) fn of(database: &Path) -> io::Result<Guard> {
        let companion = |suffix| Ok::<_, io::Error>(Watched::at(beside(database, suffix))?.0);
        let (database, length) = Watched::at(database.to_owned())?;
        Ok(Guard {
            length: AtomicU64::new(length),
            companions: [companion("-wal")?, companion("-shm")?, companion(".lock")?],
            database,
        })
    }

    /// Fails once a file is gone or replaced, or the database is truncated. Commits to a deleted
    /// file would be acknowledged and then lost.
    pub(super) fn check(&self) -> Result<(), String> {
        // Read before the file: another thread may see it grow in between.
        let before = self.length.load(Ordering::Relaxed);
        let now = self.database.length()?;
        for companion in &self.companions {
            companion.length()?;
        }
        if now < before {
            let path = self.database.path.display();
            return Err(format!(
                "{path} was truncated: it has {now} bytes, and had {before}"
            ));
        }
        self.length.fetch_max(now, Ordering::Relaxed);
        Ok(())
    }

    /// Fails if the files could not be opened again. Open connections keep working without that
    /// permission, but neither a new connection nor the next process could start.
    pub(super) fn check_access(&self) -> Result<(), String> {
        let files = std::iter::once(&self.database).chain(&self.companions);
        for Watched { path, .. } in files {
            accessat(
                CWD,
                path,
                Access::READ_OK | Access::WRITE_OK,
                AtFlags::EACCESS,
            )
            .map_err(|error| {
                format!(
                    "{} cannot be opened for reading and writing: {error}",
                    path.display()
                )
            })?;
        }
        Ok(())
    }
}

/// A path, and the file that was there.
#[derive(Debug)]
struct Watched {
    path: PathBuf,
    identity: Identity,
}

impl Watched {
    /// Watches the file at `path`; with its length in bytes.
    fn at(path: PathBuf) -> io::Result<(Watched, u64)> {
        let (identity, length) = Identity::and_length_at(&path)?;
        Ok((Watched { path, identity }, length))
    }

    /// Its length in bytes, if it is still the same file.
    fn length(&self) -> Result<u64, String> {
        let path = self.path.display();
        match Identity::and_length_at(&self.path) {
            Ok((found, length)) if found == self.identity => Ok(length),
            Ok(_) => Err(format!("{path} was replaced by another file")),
            Err(error) => Err(format!("{path} is gone: {error}")),
        }
    }
}
