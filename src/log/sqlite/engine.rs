//! The log in one SQLite file, open for reading and appending.

use super::by_stream::Unmerged;
use super::gauges::Gauges;
use super::guard::Guard;
use super::health_probe::HealthProbe;
use super::readers::Readers;
use super::replies::Reply;
use super::settings::SqliteLogSettings;
use super::spin::{CommitCadence, spin_poll};
use super::tail::Tail;
use super::writer::{Message, Shared, Writer};
use super::{rows, schema};
use crate::background::Background;
use crate::file_lock::FileLock;
use crate::files::{create_folder_of, make_private};
use crate::log::{
    AppendError, Appended, Commit, Freshness, LogReader, LogWriter, OpenError, Position, ReadError,
    RecordedEvent, Version,
};
use async_trait::async_trait;
use prometheus::core::Collector;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;
use uuid::Uuid;

/// The log in one SQLite file.
#[derive(Debug)]
pub struct SqliteLog {
    path: PathBuf,
    identity: Uuid,
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
    readers: Arc<Readers>,
    probe: HealthProbe,
}

impl SqliteLog {
    /// Opens the log, creates it if it does not exist, and starts its writer thread. Other
    /// processes cannot open the log until that thread has ended.
    pub fn open(settings: &SqliteLogSettings) -> Result<(Arc<SqliteLog>, Background), OpenError> {
        let failed = |reason: String| OpenError::new(&settings.path, reason);
        let path = &settings.path;
        create_folder_of(path).map_err(|error| failed(error.to_string()))?;
        let lock = FileLock::acquire(path, "this log").map_err(|error| OpenError {
            in_use: error.kind() == std::io::ErrorKind::WouldBlock,
            ..failed(error.to_string())
        })?;
        let (connection, identity) = schema::open_writer(path, settings.durability)
            .map_err(|error| failed(error.to_string()))?;
        make_private(path);
        let guard = Guard::of(path).map_err(|error| failed(error.to_string()))?;
        let guard = Arc::new(guard);
        let last = rows::last_position(&connection).map_err(|error| failed(error.to_string()))?;
        let shared = Arc::new(Shared {
            tail: Tail::default(),
            unmerged: Unmerged::default(),
            committed: watch::Sender::new(last),
            write_failure: Mutex::new(None),
            cadence: CommitCadence::default(),
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
            probe: HealthProbe::new(guard, readers.clone()),
            readers,
        };
        Ok((Arc::new(log), background))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The metrics of the log: the size of its files and of its groups.
    pub fn gauges(&self) -> Vec<Box<dyn Collector>> {
        self.shared.gauges.collectors()
    }

    /// Runs `read` with a pooled connection on a thread that may block.
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
impl LogReader for SqliteLog {
    /// Every read of the file is linearizable, whatever the `freshness`.
    async fn read_stream(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
        _freshness: Freshness,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        // Before the file is read: entries that are merged in between are then found in both.
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

    /// The writer's failure if its last commit failed, else the result of probing the files.
    async fn health(&self) -> Result<(), String> {
        let committed = *self.shared.committed.borrow();
        match self.shared.write_failure() {
            None => self.probe.check(committed).await,
            Some(failure) => Err(failure),
        }
    }
}

#[async_trait]
impl LogWriter for SqliteLog {
    async fn append(&self, commit: Commit) -> Result<Appended, AppendError> {
        let spins = self.shared.cadence.take_spin();
        let (reply, mut outcome) = if spins { Reply::direct() } else { Reply::new() };
        match self.queue.try_send(Message::Append { commit, reply }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(AppendError::Full),
            Err(TrySendError::Disconnected(_)) => {
                return Err(AppendError::NotWritten("the log is closed".to_owned()));
            }
        }
        if spins && let Some(outcome) = spin_poll(|| outcome.try_recv().ok()).await {
            return outcome;
        }
        outcome.await.unwrap_or_else(|_| {
            Err(AppendError::Unknown(
                "the log's writer ended before the acknowledgement".to_owned(),
            ))
        })
    }

    /// Blocks while the queue is full.
    fn close(&self) {
        // Fails only if the writer has ended already.
        let _ = self.queue.send(Message::Close);
    }
}
