//! Reading the views.

use super::Progress;
use super::carts::{self, CartRow, IdleCart};
use crate::timestamp::Timestamp;
use rusqlite::{Connection, OpenFlags};
use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// A connection to the views, one a thread.
///
/// It is read on the thread that serves the request: a look-up by key in a page cache costs less
/// than handing it to another thread would.
pub struct Reader {
    path: PathBuf,
    tables: RefCell<Option<Connection>>,
    progress: watch::Receiver<Progress>,
}

/// Why a view could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the views cannot be read: {0}")]
pub struct ViewReadError(#[from] rusqlite::Error);

impl Reader {
    /// A reader of the views at `path`, whose updater makes `progress`.
    pub fn new(path: PathBuf, progress: watch::Receiver<Progress>) -> Reader {
        Reader {
            path,
            tables: RefCell::new(None),
            progress,
        }
    }

    /// How far the views are at least: what is read afterwards has seen everything up to there.
    pub fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// The row of the cart `id`, if the view has it.
    pub fn cart(&self, id: Uuid) -> Result<Option<CartRow>, ViewReadError> {
        self.read(|tables| carts::find(tables, id))
    }

    /// At most `limit` open carts in which nothing has happened since `before`, the longest idle
    /// first, behind `after` if that is given.
    pub fn idle_carts(
        &self,
        before: Timestamp,
        after: Option<IdleCart>,
        limit: usize,
    ) -> Result<Vec<IdleCart>, ViewReadError> {
        self.read(|tables| carts::idle(tables, before, after, limit))
    }

    /// The row of the cart `id` once it is at `version` or further, or as it is after `patience`.
    pub async fn cart_at_least(
        &self,
        id: Uuid,
        version: u64,
        patience: Duration,
    ) -> Result<Option<CartRow>, ViewReadError> {
        let mut progress = self.progress.clone();
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            progress.borrow_and_update();
            let row = self.cart(id)?;
            if row.as_ref().is_some_and(|row| row.version >= version) {
                return Ok(row);
            }
            let changed = tokio::time::timeout_at(deadline, progress.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                return Ok(row);
            }
        }
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, ViewReadError> {
        let mut tables = self.tables.borrow_mut();
        let connection = match tables.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let outcome = read(&connection)?;
        *tables = Some(connection);
        Ok(outcome)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(
            &self.path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.busy_timeout(Duration::from_millis(250))?;
        connection.pragma_update(None, "cache_size", -8_192)?;
        Ok(connection)
    }
}
