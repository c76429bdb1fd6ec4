//! The log for those who only read it, also while another process serves from it.

use super::{OpenError, rows, schema};
use crate::log::{
    AppendError, Appended, Commit, EventLog, Freshness, Position, ReadError, Recorded, Version,
};
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
    connection: Arc<Mutex<Connection>>,
    silent: watch::Sender<Position>,
}

impl ReadOnlyLog {
    /// Opens the log at `path`, which has to be there.
    pub fn open(path: &Path) -> Result<ReadOnlyLog, OpenError> {
        let failed = |reason: String| OpenError::new(path, reason);
        let (connection, identity) =
            schema::open_read_only(path).map_err(|error| failed(error.to_string()))?;
        Ok(ReadOnlyLog {
            identity,
            connection: Arc::new(Mutex::new(connection)),
            silent: watch::Sender::new(Position(0)),
        })
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let connection = self.connection.clone();
        let reading = tokio::task::spawn_blocking(move || {
            // A read that panicked has changed nothing, so the connection is as good as before.
            read(&connection.lock().unwrap_or_else(PoisonError::into_inner))
        });
        reading
            .await
            .unwrap_or_else(|error| Err(ReadError(error.to_string())))
    }
}

#[async_trait]
impl EventLog for ReadOnlyLog {
    async fn append(&self, _commit: Commit) -> Result<Appended, AppendError> {
        Err(AppendError::NotWritten(
            "the log was opened to be read alone".to_owned(),
        ))
    }

    async fn read_stream(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
        _freshness: Freshness,
    ) -> Result<Vec<Recorded>, ReadError> {
        self.read(move |connection| rows::read_stream(connection, stream, after, limit))
            .await
    }

    async fn read_all(&self, after: Position, limit: usize) -> Result<Vec<Recorded>, ReadError> {
        self.read(move |connection| rows::read_all(connection, after, limit))
            .await
    }

    async fn barrier(&self) -> Result<Position, ReadError> {
        self.read(|connection| {
            rows::last_position(connection).map_err(|error| ReadError(error.to_string()))
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

    fn trouble(&self) -> Option<String> {
        None
    }
}
