//! Reading the views.

use super::carts::{self, CartRow, IdleCart};
use super::guard::{Damaged, Guard};
use super::{Arrivals, Progress, RowCache, store};
use crate::log::Position;
use crate::timestamp::Timestamp;
use rusqlite::{Connection, OpenFlags};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// How long a question waits for views that are being made.
const WHOLE_WITHIN: Duration = Duration::from_secs(1);

/// How long a question waits for the tables to have what was shown of carts.
const WRITTEN_WITHIN: Duration = Duration::from_millis(250);

/// A connection to the views, one a thread. When another generation has come to serve, the next
/// question opens that one.
///
/// It is read on the thread that serves the request: a look-up by key in a page cache costs less
/// than handing it to another thread would.
pub struct Reader {
    path: PathBuf,
    /// The connection, and the generation that it was opened in.
    tables: RefCell<Option<(u32, Connection)>>,
    read_handle: ReadHandle,
}

/// What the updater tells those who read: how far the views are, and the newest rows of carts.
#[derive(Debug, Clone)]
pub struct ReadHandle {
    pub progress: watch::Receiver<Progress>,
    pub newest: Arc<RowCache>,
    /// Told when somebody waits for the tables.
    pub wanted: Arc<Notify>,
    pub arrivals: Arc<Arrivals>,
    pub guard: Arc<Guard>,
    /// The views that the generation of the start does not have, since it was made by another
    /// definition of them.
    pub unavailable_views: Arc<[&'static str]>,
}

impl ReadHandle {
    /// The views that cannot be read before a rebuild has ended.
    pub fn unavailable_views(&self, progress: Progress) -> &[&'static str] {
        match progress.generation {
            0 => &self.unavailable_views,
            _ => &[],
        }
    }

    /// Whether `views` can be read, and are whole.
    fn has(&self, progress: Progress, views: &[&str]) -> bool {
        let unavailable = self.unavailable_views(progress);
        progress.is_complete() && !views.iter().any(|view| unavailable.contains(view))
    }
}

/// Why a view could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ViewReadError {
    #[error("the views cannot be read: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Nothing is read from them until they are made anew.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    #[error("reading the views ended early: {0}")]
    Ended(String),
    /// They are being made from the beginning, and what they say so far is not the whole.
    #[error("the views are being made: {done} of {total} events are in them")]
    Building { done: u64, total: u64 },
    /// Those that serve are of another definition, so that this one cannot be read before a rebuild
    /// has ended.
    #[error("the view {0} has another definition now and is being made anew")]
    Unavailable(&'static str),
}

/// The answer to a question, with the state of the views that it is true of.
#[derive(Debug, Clone)]
pub struct QueryResult<T> {
    pub answer: T,
    pub seen: QueryInfo,
}

/// What was looked at to answer a question, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryInfo {
    /// Everything up to here, and nothing behind it.
    pub position: Position,
    pub time: Duration,
}

impl Reader {
    /// A reader of the views at `path`, which are kept up to date in this process.
    pub fn new(path: PathBuf, read_handle: ReadHandle) -> Reader {
        Reader {
            path,
            tables: RefCell::new(None),
            read_handle,
        }
    }

    /// How far the views are at least: what is read afterwards has seen everything up to there.
    pub fn progress(&self) -> Progress {
        *self.read_handle.progress.borrow()
    }

    /// The views that cannot be read before a rebuild has ended, since their definition has changed.
    pub fn unavailable_views(&self) -> &[&'static str] {
        self.read_handle.unavailable_views(self.progress())
    }

    /// Whether the rows of carts can be read, and are whole.
    pub fn can_read_carts(&self) -> bool {
        self.read_handle.has(self.progress(), &[carts::NAME])
    }

    /// The row of the cart `id`, if the view has it, and the position that it has seen everything up
    /// to.
    pub fn cart(&self, id: Uuid) -> Result<(Option<CartRow>, Position), ViewReadError> {
        let read = || {
            if self.unavailable_views().contains(&carts::NAME) {
                return Ok(None);
            }
            self.read(|tables| carts::find(tables, id))
        };
        self.read_handle.newest.find(id, read)
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

    /// The row of the cart `id` once it is at `version` or further, or as it is after `patience`,
    /// with the position that the views had reached then.
    pub async fn cart_at_least(
        &self,
        id: Uuid,
        version: u64,
        patience: Duration,
    ) -> Result<(Option<CartRow>, Position), ViewReadError> {
        let mut progress = self.read_handle.progress.clone();
        let mut following = self.read_handle.arrivals.follow(id);
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

    /// Answers a question to `views` that may take a while: on a thread where it may block, from one
    /// state of all of them. Views that are being made are waited for, a moment.
    pub async fn query<T: Send + 'static>(
        &self,
        views: &[&'static str],
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<QueryResult<T>, ViewReadError> {
        self.whole(views).await?;
        self.wait_until_written().await;
        let path = self.path.clone();
        let (guard, generation) = (self.read_handle.guard.clone(), self.progress().generation);
        guard.check(generation)?;
        let asking = tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            let read = || -> rusqlite::Result<QueryResult<T>> {
                let tables = connect(&path)?;
                let state = tables.unchecked_transaction()?;
                let position = store::checkpoint(&state)?;
                let answer = question(&state)?;
                let time = started.elapsed();
                Ok(QueryResult {
                    answer,
                    seen: QueryInfo { position, time },
                })
            };
            proven(read(), &guard, generation)
        });
        match asking.await {
            Ok(answered) => answered,
            Err(error) => Err(ViewReadError::Ended(error.to_string())),
        }
    }

    /// Waits until `views` are whole, however long that takes. Returns early only when nobody
    /// updates them any more.
    pub async fn wait_until_complete(&self, views: &[&str]) {
        let mut progress = self.read_handle.progress.clone();
        let whole = progress.wait_for(|progress| self.read_handle.has(*progress, views));
        // Without an updater there is nothing to wait for.
        let _ = whole.await;
    }

    /// Waits until the tables have what was shown of carts so far, so that whoever has seen a cart's
    /// row finds its events in every view. Tables that cannot be written are not waited for long;
    /// the answer says how far they are.
    pub async fn wait_until_written(&self) {
        let shown = self.read_handle.newest.position();
        let mut progress = self.read_handle.progress.clone();
        if progress.borrow().position >= shown {
            return;
        }
        self.read_handle.wanted.notify_one();
        let written = progress.wait_for(|progress| progress.position >= shown);
        // Either way the question is asked of what there is.
        let _ = tokio::time::timeout(WRITTEN_WITHIN, written).await;
    }

    /// Waits until `views` are whole, and gives up after [`WHOLE_WITHIN`].
    async fn whole(&self, views: &[&'static str]) -> Result<(), ViewReadError> {
        // Either way it is the progress that says how far they are.
        let _ = tokio::time::timeout(WHOLE_WITHIN, self.wait_until_complete(views)).await;
        let progress = self.progress();
        if progress.is_complete() {
            let unavailable = self.read_handle.unavailable_views(progress);
            let missed = views.iter().find(|view| unavailable.contains(view));
            return missed.map_or(Ok(()), |view| Err(ViewReadError::Unavailable(view)));
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
        self.read_handle.guard.intact()?;
        let mut tables = self.tables.borrow_mut();
        let connection = match tables.take() {
            Some((generation, connection)) if generation == serving => connection,
            Some(_) | None => proven(connect(&self.path), &self.read_handle.guard, serving)?,
        };
        let outcome = proven(read(&connection), &self.read_handle.guard, serving)?;
        *tables = Some((serving, connection));
        Ok(outcome)
    }
}

/// What was `read` in `generation`, if the files it was read from are sound.
fn proven<T>(
    read: rusqlite::Result<T>,
    guard: &Guard,
    generation: u32,
) -> Result<T, ViewReadError> {
    // What is wrong with a file tells more than what that made of the reading.
    guard.check(generation)?;
    if let Err(error) = &read {
        guard.report(error);
        guard.intact()?;
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
