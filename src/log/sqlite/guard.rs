//! What stands between the log's files and everybody else on the machine.

use crate::files::{Identity, beside};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Notices when the log's files are taken away.
#[derive(Debug)]
pub(super) struct Guard {
    database: Watched,
    /// How long the database was seen to be. It never becomes shorter: nothing is deleted from it,
    /// and nobody vacuums it.
    length: AtomicU64,
    /// What belongs to it. The index of the write-ahead log is one of them, and so is the lock: where
    /// one of these is gone, the next process makes its own and knows nothing of this one.
    companions: [Watched; 3],
}

impl Guard {
    /// Remembers which files the log consists of now.
    pub(super) fn of(database: &Path) -> io::Result<Guard> {
        let companion = |suffix| Ok::<_, io::Error>(Watched::at(beside(database, suffix))?.0);
        let (database, length) = Watched::at(database.to_owned())?;
        Ok(Guard {
            length: AtomicU64::new(length),
            companions: [companion("-wal")?, companion("-shm")?, companion(".lock")?],
            database,
        })
    }

    /// Refuses once one of the files is gone or another one stands in its place, or the database is
    /// cut: whoever goes on writing to a deleted file acknowledges what nobody will ever read.
    pub(super) fn check(&self) -> Result<(), String> {
        // Before the file is looked at: somebody else may see it grow meanwhile.
        let before = self.length.load(Ordering::Relaxed);
        let now = self.database.length()?;
        for companion in &self.companions {
            companion.length()?;
        }
        if now < before {
            let path = self.database.path.display();
            return Err(format!(
                "{path} was cut: it has {now} bytes, and had {before}"
            ));
        }
        self.length.fetch_max(now, Ordering::Relaxed);
        Ok(())
    }

    /// Refuses where the files could not be opened again. Those who have them open may go on, but
    /// nobody else may begin: no further connection, and no next process.
    pub(super) fn check_access(&self) -> Result<(), String> {
        let files = std::iter::once(&self.database).chain(&self.companions);
        for Watched { path, .. } in files {
            accessat(
                CWD,
                path,
                Access::READ_OK | Access::WRITE_OK,
                AtFlags::EACCESS,
            )
            .map_err(|error| format!("{} may not be read and written: {error}", path.display()))?;
        }
        Ok(())
    }
}

/// A file, and which one it was.
#[derive(Debug)]
struct Watched {
    path: PathBuf,
    identity: Identity,
}

impl Watched {
    /// The file that is at `path` now, and its length in bytes.
    fn at(path: PathBuf) -> io::Result<(Watched, u64)> {
        let (identity, length) = Identity::and_length_of(&path)?;
        Ok((Watched { path, identity }, length))
    }

    /// Its length in bytes, if it is still there.
    fn length(&self) -> Result<u64, String> {
        let path = self.path.display();
        match Identity::and_length_of(&self.path) {
            Ok((found, length)) if found == self.identity => Ok(length),
            Ok(_) => Err(format!("{path} was replaced by another file")),
            Err(error) => Err(format!("{path} is gone: {error}")),
        }
    }
}
