//! The port: the promises that every engine keeps and that the code above relies on. The contract
//! suite in `tests/log_contract` checks each of them for each engine.

use super::checkpoint::Checkpoint;
use super::commit::{AppendError, Appended, Commit};
use super::event::{Position, RecordedEvent, Version};
use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

/// Why the log could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log cannot be read: {0}")]
pub struct ReadError(pub String);

/// How fresh a read must be. A log that is read from a local copy may have to wait for the copy, or
/// to ask another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Any state of the log, as old as it may be.
    Any,
    /// Everything up to that position.
    AtLeast(Position),
    /// Everything that was acknowledged before the read began.
    Linearizable,
}

/// Reads an append-only log of events in streams.
#[async_trait]
pub trait LogReader: Send + Sync + 'static {
    /// At most `limit` events of `stream` after `after`, by version.
    async fn read_stream(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
        freshness: Freshness,
    ) -> Result<Vec<RecordedEvent>, ReadError>;

    /// At most `limit` events of all streams after `after`, by position. A reader that continues
    /// after the last event it was given misses none: no event appears later at an earlier
    /// position.
    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError>;

    /// A position that covers every event acknowledged so far.
    async fn barrier(&self) -> Result<Position, ReadError>;

    /// Whether `checkpoint` is in this log's history: the log has the same id, and the same event
    /// at that position. Reads one event.
    async fn contains(&self, checkpoint: &Checkpoint) -> Result<bool, ReadError> {
        if checkpoint.position == Position(0) {
            return Ok(*checkpoint == Checkpoint::start(self.identity()));
        }
        let before = Position(checkpoint.position.0 - 1);
        let found = self.read_all(before, 1).await?;
        let history = Checkpoint::start(self.identity());
        Ok(found
            .first()
            .is_some_and(|event| history.after(event) == *checkpoint))
    }

    /// The log's id, generated when the log was created. Data derived from one log is never applied
    /// to another.
    fn identity(&self) -> Uuid;

    /// A hint after each append: the position that `read_all` can reach. It may be late and skip
    /// positions, but a later append is always announced. A reader beside the writing process may
    /// get no hints at all.
    fn wake_ups(&self) -> watch::Receiver<Position>;

    /// Why the log cannot be read or accepts no commits at the moment. An engine that can probe its
    /// storage does so, and returns within a second.
    async fn health(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Appends to the log. There is no other way to change it.
#[async_trait]
pub trait LogWriter: Send + Sync + 'static {
    /// Appends the commit's events if its stream is at the expected version. Once this returns
    /// `Ok`, the events are durable.
    async fn append(&self, commit: Commit) -> Result<Appended, AppendError>;

    /// Graceful shutdown: commits that are queued are still written and acknowledged, later ones
    /// are refused as not written.
    fn close(&self);
}

/// A log that is open for reading and appending.
pub trait EventLog: LogReader + LogWriter {}

impl<T: LogReader + LogWriter> EventLog for T {}
