//! The log for those who only read it, also while another process serves from it.

use super::by_stream::Followed;
use super::{rows, schema};
use crate::log::{Freshness, LogReader, OpenError, Position, ReadError, RecordedEvent, Version};
use async_trait::async_trait;
use rusqlite::Connection;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use uuid::Uuid;

/// A log that nothing can be appended to here. Each read is a short one of its own, so that a
/// process which serves from the log meanwhile can move its write-ahead log.
#[derive(Debug)]
pub struct ReadOnlyLog {
    identity: Uuid,
    reading: Arc<Mutex<Reading>>,
    silent: watch::Sender<Position>,
}

#[derive(Debug)]
struct Reading {
    connection: Connection,
    index: Followed,
}

impl ReadOnlyLog {
    /// Opens the log at `path`, which has to be there.
    pub fn open(path: &Path) -> Result<ReadOnlyLog, OpenError> {
        let failed = |reason: String| OpenError::new(path, reason);
        let (connection, identity) = schema::open_read_only(path)
            .and_then(schema::of_this_program)
            .map_err(|error| failed(error.to_string()))?;
        Ok(ReadOnlyLog {
            identity,
            reading: Arc::new(Mutex::new(Reading {
                connection,
                index: Followed::default(),
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
            // A read that panicked has changed nothing, so the connection is as good as before.
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
            // Before the table is read: what comes into it meanwhile is found in both.
            let unmerged = reading
                .index
                .catch_up(&reading.connection)
                .map_err(|error| ReadError(error.to_string()))?
                .after(stream, after, limit);
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

    async fn barrier(&self) -> Result<Position, ReadError> {
        self.read(|reading| {
            rows::last_position(&reading.connection).map_err(|error| ReadError(error.to_string()))
        })
        .await
    }

    fn identity(&self) -> Uuid {
        self.identity
    }

    /// Says nothing: what another process appends is found by reading.
    fn wake_ups(&self) -> watch::Receiver<Position> {
        self.silent.subscribe()
    }
}
