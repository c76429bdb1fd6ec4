//! The unit of writing: the events of one command, and the possible outcomes of appending them.

use super::event::{Head, NewEvent, Position, RecordedEvent, Version, chained_hash};
use super::hash::Hash;
use crate::timestamp::Timestamp;
use std::sync::Arc;
use uuid::Uuid;

/// The events of one command: appended together, in consecutive positions, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    expected: Version,
    previous_hash: Hash,
    events: Vec<RecordedEvent>,
}

impl Commit {
    /// Chains `events` to `head`, the end of `stream` that their command was decided on. Each is
    /// recorded at `recorded_at`, or at the head's time if the clock has fallen behind it.
    ///
    /// Panics if `events` is empty or if a text contains a line feed: serialized JSON has none, and
    /// the hash's input relies on it.
    pub fn new(
        stream: Uuid,
        head: Head,
        recorded_at: Timestamp,
        metadata: String,
        events: Vec<NewEvent>,
    ) -> Commit {
        assert!(!events.is_empty(), "a commit has at least one event");
        let metadata: Arc<str> = metadata.into();
        let recorded_at = recorded_at.max(head.recorded_at);
        let mut previous = head.hash;
        let mut version = head.version.0;
        let events = events
            .into_iter()
            .map(|event| {
                version += 1;
                let mut recorded = RecordedEvent {
                    position: Position(0),
                    stream,
                    version: Version(version),
                    name: event.name,
                    schema: event.schema,
                    recorded_at,
                    data: event.data.into(),
                    metadata: metadata.clone(),
                    hash: Hash::ZERO,
                };
                recorded.hash = chained_hash(previous, &recorded);
                previous = recorded.hash;
                recorded
            })
            .collect();
        Commit {
            expected: head.version,
            previous_hash: head.hash,
            events,
        }
    }

    pub fn stream(&self) -> Uuid {
        self.events[0].stream
    }

    /// The version that the stream must be at.
    pub fn expected(&self) -> Version {
        self.expected
    }

    /// The hash of the stream's last event before the commit; [`Hash::ZERO`] at the start.
    pub fn previous_hash(&self) -> &Hash {
        &self.previous_hash
    }

    /// The outcome if the stream is at another version.
    pub fn conflict(&self) -> AppendError {
        AppendError::Conflict {
            stream: self.stream(),
            expected: self.expected,
        }
    }

    /// The events in their order, each with its version and hash, their positions still 0.
    pub fn events(&self) -> &[RecordedEvent] {
        &self.events
    }

    pub(super) fn into_events(self) -> Vec<RecordedEvent> {
        self.events
    }

    /// The events as the log stores them, in consecutive positions from `first`.
    pub(super) fn recorded_from(self, first: Position) -> impl Iterator<Item = RecordedEvent> {
        (first.0..)
            .zip(self.events)
            .map(|(position, event)| RecordedEvent {
                position: Position(position),
                ..event
            })
    }
}

/// Where a commit's events were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The position of the commit's last event.
    pub position: Position,
    /// How many commits became durable with the same sync; 0 if the engine does not say.
    pub group: usize,
}

/// Why a commit was not acknowledged. Only after `Unknown` may it be in the log all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The stream is not at the expected version. Nothing was written. The actual version is not
    /// part of it, since an engine might need another query for it: read the stream instead.
    #[error("stream {stream} is not at the expected version {expected}")]
    Conflict { stream: Uuid, expected: Version },
    /// Nothing was written, and the same commit may be retried.
    #[error("nothing was written: {0}")]
    NotWritten(String),
    /// The commit may or may not be in the log. Only reading the stream settles it.
    #[error("it is unknown whether the commit was written: {0}")]
    Unknown(String),
    /// Backpressure: the queue of commits is full. Nothing was written; retry later.
    #[error("the log's queue of commits is full")]
    Full,
}
