//! The log opened for reading only, also while another process writes it.

use super::by_stream::FollowedIndex;
use super::{rows, schema};
use crate::log::{
    Freshness, Hash, LogReader, OpenError, Position, ReadError, RecordedEvent, Version,
};
use async_trait::async_trait;
use rusqlite::Connection;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use uuid::Uuid;

/// A log that is read beside the process that writes it. Each read is a short transaction of its
/// own, so that it does not block that process's checkpoints.
#[derive(Debug)]
pub struct ReadOnlyLog {
    identity: Uuid,
    reading: Arc<Mutex<Reading>>,
    silent: watch::Sender<Position>,
}

#[derive(Debug)]
struct Reading {
    connection: Connection,
    index: FollowedIndex,
}

impl ReadOnlyLog {
    /// Opens the existing log at `path`.
    pub fn open(path: &Path) -> Result<ReadOnlyLog, OpenError> {
        let failed = |reason: String| OpenError::new(path, reason);
        let (connection, identity) = schema::open_read_only(path)
            .and_then(schema::require_current)
            .map_err(|error| failed(error.to_string()))?;
        Ok(ReadOnlyLog {
            identity,
            reading: Arc::new(Mutex::new(Reading {
                connection,
                index: FollowedIndex::default(),
            })),
            silent: watch::Sender::new(Position(0)),
        })
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Reading) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let reading = self.reading.clone();
        let read = tokio::task::spawn_blocking(move || {
            // A read that panicked has changed nothing, so the connection is still usable.
            read(&mut reading.lock().unwrap_or_else(PoisonError::into_inner))
        });
        read.await
            .unwrap_or_else(|error| Err(ReadError(error.to_string())))
    }
}

#[async_trait]
impl LogReader for ReadOnlyLog {
    async fn read_stream(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
        _freshness: Freshness,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.read(move |reading| {
            // Before the table is read: entries that are merged in between are then found in both.
            let unmerged = reading
                .index
                .catch_up(&reading.connection)
                .map_err(|error| ReadError(error.to_string()))?
                .unmerged_after(stream, after, limit);
            rows::read_stream(&reading.connection, stream, after, limit, &unmerged)
        })
        .await
    }

    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.read(move |reading| rows::read_all(&reading.connection, after, limit))
            .await
    }

    async fn read_hashes(&self, after: Position, limit: usize) -> Result<Vec<Hash>, ReadError> {
        self.read(move |reading| rows::read_hashes(&reading.connection, after, limit))
            .await
    }

    async fn barrier(&self) -> Result<Position, ReadError> {
        self.read(|reading| {
            rows::last_position(&reading.connection).map_err(|error| ReadError(error.to_string()))
        })
        .await
    }

    fn identity(&self) -> Uuid {
        self.identity
    }

    /// Silent: commits of another process are found by reading only.
    fn wake_ups(&self) -> watch::Receiver<Position> {
        self.silent.subscribe()
    }
}
