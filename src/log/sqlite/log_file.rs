//! The log's file as the process that writes it reads it.

use super::by_stream::StreamIndex;
use super::gauges::Gauges;
use super::guard::Guard;
use super::health_probe::HealthProbe;
use super::readers::Readers;
use super::rows;
use super::spin::CommitCadence;
use super::tail::Tail;
use super::writer::Shared;
use crate::log::{Freshness, Hash, LogReader, Position, ReadError, RecordedEvent, Version};
use async_trait::async_trait;
use prometheus::core::Collector;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;
use uuid::Uuid;

/// The file that a thread of this process writes: what it has committed is read here.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    identity: Uuid,
    shared: Arc<Shared>,
    readers: Arc<Readers>,
    probe: HealthProbe,
}

impl LogFile {
    /// The file at `path`, whose last event is at `last`.
    pub(super) fn of(path: &Path, identity: Uuid, guard: Arc<Guard>, last: Position) -> LogFile {
        let readers = Arc::new(Readers::of(path));
        LogFile {
            path: path.to_owned(),
            identity,
            shared: Arc::new(Shared {
                tail: Tail::default(),
                index: StreamIndex::default(),
                committed: watch::Sender::new(last),
                write_failure: Mutex::new(None),
                cadence: CommitCadence::default(),
                gauges: Gauges::of(path),
            }),
            probe: HealthProbe::new(guard, readers.clone()),
            readers,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the writer of the file shares with its readers.
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
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
impl LogReader for LogFile {
    /// Every read of the file is linearizable, whatever the `freshness`.
    async fn read_stream(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
        _freshness: Freshness,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        // Before the file is read: entries that are merged in between are then found in both.
        let unmerged = self.shared.index.unmerged_after(stream, after, limit);
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

    async fn read_hashes(&self, after: Position, limit: usize) -> Result<Vec<Hash>, ReadError> {
        if after >= *self.shared.committed.borrow() {
            return Ok(Vec::new());
        }
        self.read(move |connection| rows::read_hashes(connection, after, limit))
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
