//! The embedded engine: one SQLite file, one thread that writes, any number that read.
//!
//! An acknowledged commit is on the disk: the write-ahead log is synced (`synchronous=FULL`) before
//! the answer. Positions are gapless here, which nobody above the port relies on.

mod audit;
mod backup;
mod by_stream;
mod filling;
mod gauges;
mod guard;
mod lookout;
mod read_only;
mod readers;
mod replies;
mod rows;
mod schema;
mod spin;
mod tail;
mod writer;

pub use backup::{BackupError, back_up};
pub use filling::Filling;
pub use read_only::ReadOnlyLog;

use super::{
    AppendError, Appended, Commit, EventLog, Freshness, Position, ReadError, RecordedEvent, Version,
};
pub use audit::{Entry, LogFile, UnreadableRow};

use crate::background::Background;
use crate::file_lock::FileLock;
use async_trait::async_trait;
use by_stream::Unmerged;
use gauges::Gauges;
use guard::Guard;
use lookout::Lookout;
use prometheus::Registry;
use readers::Readers;
use replies::Reply;
use rusqlite::Connection;
use spin::Awake;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use tail::Tail;
use tokio::sync::watch;
use uuid::Uuid;
use writer::{Message, Shared, Writer};

/// How the engine works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteLogSettings {
    pub path: PathBuf,
    /// How many commits may wait for the writer before further ones are refused.
    pub queue: usize,
    /// How many commits share one sync at the most.
    pub group: usize,
    /// After how many pages the write-ahead log is moved into the database. Many, since a page that
    /// is written again before it is moved is moved once.
    pub checkpoint_pages: u32,
    pub durability: Durability,
}

impl SqliteLogSettings {
    /// The log at `path` with what suits most.
    pub fn at(path: impl Into<PathBuf>) -> SqliteLogSettings {
        SqliteLogSettings {
            path: path.into(),
            queue: 8_192,
            group: 512,
            checkpoint_pages: 8_000,
            durability: Durability::Power,
        }
    }
}

/// What an acknowledgement outlives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// The loss of power: `synchronous=FULL`.
    Power,
    /// The death of the process, not the loss of power: `synchronous=NORMAL`.
    Process,
}

impl Durability {
    fn pragma(self) -> &'static str {
        match self {
            Durability::Power => "FULL",
            Durability::Process => "NORMAL",
        }
    }
}

/// Why the log could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("the log {} cannot be opened: {reason}", path.display())]
pub struct OpenError {
    pub path: PathBuf,
    pub reason: String,
    /// Whether it is because another process has it open.
    pub in_use: bool,
}

impl OpenError {
    fn new(path: &Path, reason: impl Into<String>) -> OpenError {
        OpenError {
            path: path.to_owned(),
            reason: reason.into(),
            in_use: false,
        }
    }
}

/// The log in one SQLite file.
#[derive(Debug)]
pub struct SqliteLog {
    path: PathBuf,
    identity: Uuid,
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
    readers: Arc<Readers>,
    lookout: Lookout,
}

impl SqliteLog {
    /// Opens the log, making it where there is none, and starts its writer. The log is this
    /// process's alone until the writer has ended.
    pub fn open(settings: &SqliteLogSettings) -> Result<(Arc<SqliteLog>, Background), OpenError> {
        let failed = |reason: String| OpenError::new(&settings.path, reason);
        let path = &settings.path;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        }
        let lock = FileLock::acquire(path, "this log").map_err(|error| OpenError {
            in_use: error.kind() == std::io::ErrorKind::WouldBlock,
            ..failed(error.to_string())
        })?;
        let (connection, identity) = schema::open_writer(path, settings.durability)
            .map_err(|error| failed(error.to_string()))?;
        let guard = Guard::of(path).map_err(|error| failed(error.to_string()))?;
        let guard = Arc::new(guard);
        let last = rows::last_position(&connection).map_err(|error| failed(error.to_string()))?;
        let shared = Arc::new(Shared {
            tail: Tail::default(),
            unmerged: Unmerged::default(),
            committed: watch::Sender::new(last),
            trouble: Mutex::new(None),
            awake: Awake::default(),
            gauges: Gauges::of(path),
        });
        let (queue, queued) = sync_channel(settings.queue);
        let writer = Writer::new(connection, lock, guard.clone(), shared.clone(), settings);
        let background = Background::spawn("log writer", move || writer.run(&queued))
            .map_err(|error| failed(error.to_string()))?;
        let readers = Arc::new(Readers::of(path));
        let log = SqliteLog {
            path: path.clone(),
            identity,
            queue,
            shared,
            lookout: Lookout::over(guard, readers.clone()),
            readers,
        };
        Ok((Arc::new(log), background))
    }

    /// Lets the writer end once it has written and answered what is queued. Blocks while the queue
    /// is full. Later commits are refused as not written.
    pub fn close(&self) {
        // A writer that has ended already needs no telling.
        let _ = self.queue.send(Message::Close);
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Shows the size of the log and of its groups where `registry` is read.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        self.shared.gauges.register(registry)
    }

    /// Runs `read` with a connection of the pool, on a thread where it may block.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let readers = self.readers.clone();
        let reading = tokio::task::spawn_blocking(move || readers.read(read));
        reading
            .await
            .unwrap_or_else(|error| Err(ReadError(error.to_string())))
    }
}

#[async_trait]
impl EventLog for SqliteLog {
    async fn append(&self, commit: Commit) -> Result<Appended, AppendError> {
        let near = self.shared.awake.get();
        let (reply, mut answer) = if near {
            Reply::straight()
        } else {
            Reply::new()
        };
        match self.queue.try_send(Message::Append { commit, reply }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(AppendError::Full),
            Err(TrySendError::Disconnected(_)) => {
                return Err(AppendError::NotWritten("the log is closed".to_owned()));
            }
        }
        if near && let Some(outcome) = spin::until_some_among_tasks(|| answer.try_recv().ok()).await
        {
            return outcome;
        }
        answer.await.unwrap_or_else(|_| {
            Err(AppendError::Unknown(
                "the log's writer ended before it answered".to_owned(),
            ))
        })
    }

    /// Every read of the file sees all that was acknowledged before it, so `freshness` asks for
    /// nothing here.
    async fn read_stream(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
        _freshness: Freshness,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        // Before the file is read: what is merged meanwhile is found in both, what is missing in neither.
        let unmerged = self.shared.unmerged.after(stream, after, limit);
        self.read(move |connection| rows::read_stream(connection, stream, after, limit, &unmerged))
            .await
    }

    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        if after >= *self.shared.committed.borrow() {
            return Ok(Vec::new());
        }
        if let Some(events) = self.shared.tail.after(after, limit) {
            return Ok(events);
        }
        self.read(move |connection| rows::read_all(connection, after, limit))
            .await
    }

    async fn barrier(&self) -> Result<Position, ReadError> {
        Ok(*self.shared.committed.borrow())
    }

    fn identity(&self) -> Uuid {
        self.identity
    }

    fn wake_ups(&self) -> watch::Receiver<Position> {
        self.shared.committed.subscribe()
    }

    /// What keeps the writer from writing, or else what is found now at the files.
    async fn trouble(&self) -> Option<String> {
        let committed = *self.shared.committed.borrow();
        match self.shared.trouble() {
            None => self.lookout.look(committed).await,
            trouble => trouble,
        }
    }
}
