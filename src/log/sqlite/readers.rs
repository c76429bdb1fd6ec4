//! The pool of reading connections.

use super::schema;
use crate::log::ReadError;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Connections that only read; another one is opened when all are in use.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn of(path: &Path) -> Readers {
        Readers {
            path: path.to_owned(),
            idle: Mutex::default(),
        }
    }

    /// Runs `read` with a connection of the pool, which is discarded if it fails. Blocks.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let idle = self.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                schema::open_reader(&self.path).map_err(|error| ReadError(error.to_string()))?
            }
        };
        let outcome = read(&connection);
        if outcome.is_ok() {
            self.lock().push(connection);
        }
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
