//! Reading the views.

use super::carts::{self, CartRow, IdleCart};
use super::damage::{self, DamagedRow};
use super::guard::{Damaged, FileGuard};
use super::read_handle::{Progress, ReadHandle};
use super::schema;
use super::snapshots::{self, Until};
use super::tree::{self, StoredTree};
use crate::cart::Cart;
use crate::log::Position;
use crate::timestamp::Timestamp;
use rusqlite::{Connection, OpenFlags};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use uuid::Uuid;

/// How long a query waits for views that are being built.
const COMPLETE_WITHIN: Duration = Duration::from_secs(1);

/// How long a query waits for the tables to have the rows that were shown.
const WRITTEN_WITHIN: Duration = Duration::from_millis(250);

/// A connection to the views, one for each thread. It is opened again when another generation
/// serves.
///
/// Rows are read on the thread that serves the request: a look-up by key in a page cache costs less
/// than handing it to another thread.
pub struct Reader {
    path: PathBuf,
    /// The connection, and the generation in which it was opened.
    tables: RefCell<Option<(u32, Connection)>>,
    handle: ReadHandle,
}

/// Why a view could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ViewReadError {
    #[error("the views cannot be read: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Nothing is read from damaged views until they are rebuilt.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    #[error("the query failed: {0}")]
    Failed(String),
    /// The views are being built and have not seen all that they once had.
    #[error("the views are being built: {done} of {total} events are in them")]
    Building { done: u64, total: u64 },
    /// The definition of this view has changed, and it is available after a rebuild.
    #[error("the definition of the view {0} has changed: it is being rebuilt")]
    Unavailable(&'static str),
}

/// What a query found, and when it was true.
#[derive(Debug, Clone)]
pub struct QueryResult<T> {
    pub answer: T,
    pub seen: QueryInfo,
}

/// Up to where a query saw the log, and how long it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryInfo {
    /// The query saw every event up to here, and none after it.
    pub position: Position,
    pub time: Duration,
}

impl Reader {
    /// Reads the views at `path`, which this process keeps up to date.
    pub fn new(path: PathBuf, handle: ReadHandle) -> Reader {
        Reader {
            path,
            tables: RefCell::new(None),
            handle,
        }
    }

    /// How far the views are at least: what is read afterwards has seen the log up to there.
    pub fn progress(&self) -> Progress {
        *self.handle.progress.borrow()
    }

    /// Announces each change of [`Reader::progress`].
    pub fn progress_changes(&self) -> watch::Receiver<Progress> {
        self.handle.progress.clone()
    }

    /// The views that cannot be read before a rebuild has ended, since their definition has
    /// changed.
    pub fn unavailable_views(&self) -> &[&'static str] {
        self.handle.unavailable_views(self.progress())
    }

    /// Whether the rows of carts are available and complete.
    pub fn can_read_carts(&self) -> bool {
        self.handle.can_read(self.progress(), &[carts::NAME])
    }

    /// The row of the cart `id`, if there is one, and a position up to which it has seen the log.
    pub fn cart(&self, id: Uuid) -> Result<(Option<CartRow>, Position), ViewReadError> {
        let read = || {
            if self.unavailable_views().contains(&carts::NAME) {
                return Ok(None);
            }
            self.read(|tables| carts::find(tables, id))
        };
        self.handle.rows.find(id, read)
    }

    /// Damages a row of the newest cart on purpose. The returned function may block.
    pub fn damage_newest_cart(
        &self,
    ) -> impl FnOnce() -> rusqlite::Result<Option<DamagedRow>> + Send + use<> {
        let (path, rows) = (self.path.clone(), self.handle.rows.clone());
        move || damage::damage_newest_cart(&path, &rows)
    }

    /// The newest snapshot of the cart `id` that is not past `until`, if there is one.
    pub(super) fn snapshot(&self, id: Uuid, until: Until) -> Result<Option<Cart>, ViewReadError> {
        if self.unavailable_views().contains(&snapshots::NAME) {
            return Ok(None);
        }
        self.read(|tables| snapshots::find(tables, id, until))
    }

    /// Reads the tree over the log. It has the events up to the checkpoint at least.
    pub fn tree<T>(
        &self,
        read: impl FnOnce(&mut StoredTree<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, ViewReadError> {
        if self.unavailable_views().contains(&tree::NAME) {
            return Err(ViewReadError::Unavailable(tree::NAME));
        }
        self.read(|tables| read(&mut StoredTree::of(tables)))
    }

    /// At most `limit` open carts without an event since `before`, sorted by the hour of their last
    /// event, after `after` if that is given.
    pub fn idle_carts(
        &self,
        before: Timestamp,
        after: Option<IdleCart>,
        limit: usize,
    ) -> Result<Vec<IdleCart>, ViewReadError> {
        self.read(|tables| carts::idle(tables, before, after, limit))
    }

    /// Waits until the row of the cart `id` is at `version` or later, for at most `patience`.
    /// Returns the current row, and the log position that it includes.
    pub async fn cart_at_least(
        &self,
        id: Uuid,
        version: u64,
        patience: Duration,
    ) -> Result<(Option<CartRow>, Position), ViewReadError> {
        let mut progress = self.handle.progress.clone();
        let mut following = self.handle.arrivals.follow(id);
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            progress.borrow_and_update();
            following.version.borrow_and_update();
            let (row, position) = self.cart(id)?;
            if row.as_ref().is_some_and(|row| row.version >= version) {
                return Ok((row, position));
            }
            let changed = async {
                tokio::select! {
                    changed = following.version.changed() => changed,
                    changed = progress.changed() => changed,
                }
            };
            let changed = tokio::time::timeout_at(deadline, changed).await;
            if !matches!(changed, Ok(Ok(()))) {
                return Ok((row, position));
            }
        }
    }

    /// Runs a query over `views` that may take a while: on a thread that may block, over one state
    /// of all of them. Waits a moment for views that are being built.
    pub async fn query<T: Send + 'static>(
        &self,
        views: &[&'static str],
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<QueryResult<T>, ViewReadError> {
        self.require_complete(views).await?;
        self.wait_until_written().await;
        let path = self.path.clone();
        let (guard, generation) = (self.handle.guard.clone(), self.progress().generation);
        let running = tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            guard.check(generation)?;
            let read = || -> rusqlite::Result<QueryResult<T>> {
                let tables = connect(&path)?;
                let transaction = tables.unchecked_transaction()?;
                let position = schema::checkpoint(&transaction)?;
                let answer = query(&transaction)?;
                let time = started.elapsed();
                Ok(QueryResult {
                    answer,
                    seen: QueryInfo { position, time },
                })
            };
            guarded(read(), &guard, generation)
        });
        match running.await {
            Ok(result) => result,
            Err(error) => Err(ViewReadError::Failed(error.to_string())),
        }
    }

    /// Waits until `views` are available and complete, however long that takes, or until the
    /// updater ends.
    pub async fn wait_until_complete(&self, views: &[&str]) {
        let mut progress = self.handle.progress.clone();
        let complete = progress.wait_for(|progress| self.handle.can_read(*progress, views));
        // Without an updater there is nothing to wait for.
        let _ = complete.await;
    }

    /// Waits until the tables have all rows that were shown, so that a client that has seen a
    /// cart's row finds its events in every view. Gives up soon on tables that cannot be written:
    /// the result reports their progress.
    pub async fn wait_until_written(&self) {
        let shown = self.handle.rows.position();
        let mut progress = self.handle.progress.clone();
        if progress.borrow().position >= shown {
            return;
        }
        self.handle.write_requested.notify_one();
        let written = progress.wait_for(|progress| progress.position >= shown);
        let _ = tokio::time::timeout(WRITTEN_WITHIN, written).await;
    }

    /// Waits until `views` are available and complete, and gives up after [`COMPLETE_WITHIN`].
    async fn require_complete(&self, views: &[&'static str]) -> Result<(), ViewReadError> {
        let complete = self.wait_until_complete(views);
        let _ = tokio::time::timeout(COMPLETE_WITHIN, complete).await;
        let progress = self.progress();
        if progress.is_complete() {
            let unavailable = self.handle.unavailable_views(progress);
            let missing = views.iter().find(|view| unavailable.contains(view));
            return missing.map_or(Ok(()), |view| Err(ViewReadError::Unavailable(view)));
        }
        Err(ViewReadError::Building {
            done: progress.position.0,
            total: progress.complete_at.0,
        })
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, ViewReadError> {
        let serving = self.progress().generation;
        let guard = &self.handle.guard;
        guard.check(serving)?;
        let mut tables = self.tables.borrow_mut();
        let connection = match tables.take() {
            Some((generation, connection)) if generation == serving => connection,
            Some(_) | None => guarded(connect(&self.path), guard, serving)?,
        };
        let found = guarded(read(&connection), guard, serving)?;
        *tables = Some((serving, connection));
        Ok(found)
    }
}

/// What was `read` in `generation`, unless the files are damaged.
fn guarded<T>(
    read: rusqlite::Result<T>,
    guard: &FileGuard,
    generation: u32,
) -> Result<T, ViewReadError> {
    // Damage explains more than the error that it leads to.
    guard.check(generation)?;
    if let Err(error) = &read {
        guard.report(error);
        guard.check(generation)?;
    }
    Ok(read?)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(Duration::from_millis(250))?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    Ok(connection)
}
