//! The port: the promises that every engine keeps and that the code above relies on. The contract
//! suite in `tests/log_contract` checks each of them for each engine.

use super::checkpoint::Checkpoint;
use super::commit::{AppendError, Appended, Commit};
use super::event::{Position, RecordedEvent, Version};
use super::hash::Hash;
use async_trait::async_trait;
use std::time::Duration;
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
    /// Any state of the log, as old as it may be. A state has whole commits: the receipt of a
    /// command is found with the command's last event.
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

    /// The hashes of the events that [`LogReader::read_all`] would return. An engine that can read
    /// them without the events does so.
    async fn read_hashes(&self, after: Position, limit: usize) -> Result<Vec<Hash>, ReadError> {
        let events = self.read_all(after, limit).await?;
        Ok(events.into_iter().map(|event| event.hash).collect())
    }

    /// The event at `position`; none at 0, which is before the first.
    async fn event_at(&self, position: Position) -> Result<Option<RecordedEvent>, ReadError> {
        let Some(before) = position.0.checked_sub(1) else {
            return Ok(None);
        };
        let read = self.read_all(Position(before), 1).await?;
        Ok(read.into_iter().find(|event| event.position == position))
    }

    /// A position that covers every event acknowledged so far.
    async fn barrier(&self) -> Result<Position, ReadError>;

    /// Whether `checkpoint` is in this log's history: the log has the same id, and the same event
    /// at that position. Reads one event.
    async fn contains(&self, checkpoint: &Checkpoint) -> Result<bool, ReadError> {
        if checkpoint.position == Position(0) {
            return Ok(*checkpoint == Checkpoint::start(self.identity()));
        }
        let found = self.event_at(checkpoint.position).await?;
        let history = Checkpoint::start(self.identity());
        Ok(found.is_some_and(|event| history.after(&event) == *checkpoint))
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

    /// How far this node's copy of a log that several nodes share is; `None` if the log has no
    /// copies.
    fn replica(&self) -> Option<ReplicaStatus> {
        None
    }

    /// Waits until this node's copy of a shared log has had everything that the log had when it was
    /// opened. Fails if it cannot get there.
    async fn wait_until_filled(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

/// How far a node's copy of a shared log is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// The engine's name in the configuration.
    pub engine: &'static str,
    /// The last event that the copy has.
    pub position: Position,
    /// How many commits the log is known to have beyond the copy.
    pub lag_commits: u64,
    /// For how long the copy may have lacked something; zero while it is known to be complete.
    pub lag: Duration,
    /// Whether the copy has had everything that the log had when it was opened.
    pub is_filled: bool,
    /// Why the copy does not follow the log at the moment.
    pub trouble: Option<String>,
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
