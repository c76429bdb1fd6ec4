//! The log in one SQLite file, open for reading and appending.

use super::guard::Guard;
use super::log_file::LogFile;
use super::settings::SqliteLogSettings;
use super::spin::spin_poll;
use super::writer::{Message, Writer};
use super::{backup, rows, schema};
use crate::background::Background;
use crate::file_lock::FileLock;
use crate::files::{Partial, create_folder_of, make_private};
use crate::log::replies::Reply;
use crate::log::{
    AppendError, Appended, Commit, Freshness, Hash, LogReader, LogWriter, OpenError, Position,
    ReadError, RecordedEvent, Version,
};
use async_trait::async_trait;
use prometheus::core::Collector;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use tokio::sync::watch;
use uuid::Uuid;

/// The log in one SQLite file.
#[derive(Debug)]
pub struct SqliteLog {
    file: LogFile,
    queue: SyncSender<Message>,
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
        if let Err(error) = Partial::remove_leftovers(path, backup::KIND) {
            tracing::warn!(%error, "cannot look for the leftovers of aborted backups");
        }
        let guard = Guard::of(path).map_err(|error| failed(error.to_string()))?;
        let guard = Arc::new(guard);
        let last = rows::last_position(&connection).map_err(|error| failed(error.to_string()))?;
        let file = LogFile::of(path, identity, guard.clone(), last);
        let (queue, queued) = sync_channel(settings.queue);
        let writer = Writer::new(connection, lock, guard, file.shared().clone(), settings);
        let background = Background::spawn("log writer", move || writer.run(queued))
            .map_err(|error| failed(error.to_string()))?;
        Ok((Arc::new(SqliteLog { file, queue }), background))
    }

    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The metrics of the log: the size of its files and of its groups.
    pub fn gauges(&self) -> Vec<Box<dyn Collector>> {
        self.file.gauges()
    }
}

#[async_trait]
impl LogReader for SqliteLog {
    async fn read_stream(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
        freshness: Freshness,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.file.read_stream(stream, after, limit, freshness).await
    }

    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.file.read_all(after, limit).await
    }

    async fn read_hashes(&self, after: Position, limit: usize) -> Result<Vec<Hash>, ReadError> {
        self.file.read_hashes(after, limit).await
    }

    async fn barrier(&self) -> Result<Position, ReadError> {
        self.file.barrier().await
    }

    fn identity(&self) -> Uuid {
        self.file.identity()
    }

    fn wake_ups(&self) -> watch::Receiver<Position> {
        self.file.wake_ups()
    }

    async fn health(&self) -> Result<(), String> {
        self.file.health().await
    }
}

#[async_trait]
impl LogWriter for SqliteLog {
    async fn append(&self, commit: Commit) -> Result<Appended, AppendError> {
        let spins = self.file.shared().cadence.take_spin();
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
