//! A replica: the copy of a log that other nodes share, in the format of the embedded engine. It is
//! filled in the order of that log instead of appended to.
//!
//! It is disposable: all of it is in the shared log, so that commits are not synced one by one, and
//! a file that does not fit is filled again.

use super::guard::Guard;
use super::log_file::LogFile;
use super::replica_schema::{FoundReplica, ReplicaCheckpoint};
use super::replica_writer::{ApplyError, Message, ReplicaBatch, ReplicaWriter};
use super::settings::{Durability, SqliteLogSettings};
use super::{replica_schema, rows, schema};
use crate::background::Background;
use crate::file_lock::FileLock;
use crate::files::make_private;
use crate::log::{OpenError, Position};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use tokio::sync::oneshot;
use uuid::Uuid;

/// A replica that is open: read through [`SqliteReplica::file`], and filled.
#[derive(Debug)]
pub struct SqliteReplica {
    file: LogFile,
    queue: SyncSender<Message>,
}

impl SqliteReplica {
    /// Examines what is at `path`, whose lock the caller holds, before it is opened as the replica
    /// of the log `log_id`. Fails on a file that is no replica and must not be replaced.
    pub fn examine(path: &Path, log_id: Uuid) -> Result<FoundReplica, OpenError> {
        replica_schema::examine(path, log_id).map_err(|reason| OpenError::new(path, reason))
    }

    /// How far the replica at `path` is, beside the process that fills it; `None` if it is a log
    /// and no replica.
    pub fn checkpoint_at(path: &Path) -> Result<Option<ReplicaCheckpoint>, OpenError> {
        replica_schema::checkpoint_at(path).map_err(|error| OpenError::new(path, error.to_string()))
    }

    /// Opens the replica of the log `log_id`, or creates it, and starts the thread that fills it.
    /// That thread holds `lock`.
    pub fn open(
        settings: &SqliteLogSettings,
        log_id: Uuid,
        lock: FileLock,
    ) -> Result<(SqliteReplica, ReplicaCheckpoint, Background), OpenError> {
        let path = &settings.path;
        let failed = |reason: String| OpenError::new(path, reason);
        let (connection, identity) = schema::open_replica(path, Durability::Process, log_id)
            .map_err(|error| failed(error.to_string()))?;
        make_private(path);
        let checkpoint =
            replica_schema::begin(&connection).map_err(|error| failed(error.to_string()))?;
        let guard = Guard::of(path).map_err(|error| failed(error.to_string()))?;
        let guard = Arc::new(guard);
        let last = rows::last_position(&connection).map_err(|error| failed(error.to_string()))?;
        let file = LogFile::of(path, identity, guard.clone(), last);
        // One batch is applied while the next one is read from the shared log.
        let (queue, queued) = sync_channel(2);
        let shared = file.shared().clone();
        let writer = ReplicaWriter::new(connection, lock, guard, shared, settings);
        let background = Background::spawn("replica writer", move || writer.run(&queued))
            .map_err(|error| failed(error.to_string()))?;
        Ok((SqliteReplica { file, queue }, checkpoint, background))
    }

    /// The file, for reading.
    pub fn file(&self) -> &LogFile {
        &self.file
    }

    /// Applies `batch` in one transaction, and returns the position of its last event. Checks that
    /// each commit continues its stream, by version and by hash. One batch is applied at a time.
    pub async fn apply(&self, batch: ReplicaBatch) -> Result<Position, ApplyError> {
        let (reply, outcome) = oneshot::channel();
        let message = Message::Apply { batch, reply };
        self.queue
            .try_send(message)
            .map_err(|_| ApplyError::Closed)?;
        outcome.await.unwrap_or(Err(ApplyError::Closed))
    }

    /// Ends the thread that fills the replica, once it has applied what is queued.
    pub fn close(&self) {
        // Fails only if the thread has ended already.
        let _ = self.queue.send(Message::Close);
    }
}
