//! The log: the only truth. A port that an embedded engine ([`sqlite`]) implements today and a
//! distributed log could tomorrow, so nothing here promises one writer, gapless positions or a
//! query language.
//!
//! The log knows nothing of carts. It keeps named, versioned, one-line JSON in streams, and its
//! only verb that writes is [`EventLog::append`].

mod chain;
pub mod sqlite;

pub use chain::{Hash, chained_hash};

use crate::decider::Event;
use crate::timestamp::Timestamp;
use async_trait::async_trait;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;
use uuid::Uuid;

/// A place in the whole log, from 1; 0 is before the first event. Callers may rely on positions
/// that increase, not on their having no gaps.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Position(pub u64);

/// A place in one stream, from 1 and without gaps; 0 is before the first event.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Version(pub u64);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event as the log keeps it. Cheap to clone: the texts are shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    pub position: Position,
    pub stream: Uuid,
    pub version: Version,
    pub name: Cow<'static, str>,
    pub schema: u32,
    pub recorded_at: Timestamp,
    /// The event's data, one line of JSON.
    pub data: Arc<str>,
    /// What the event's commit says of itself, one line of JSON; its events share it.
    pub metadata: Arc<str>,
    /// Over the hash of the event before it in its stream and over all of the above but the
    /// position, which a distributed log knows only afterwards.
    pub hash: Hash,
}

/// The end of a stream, as far as somebody has read it: where the next commit goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub version: Version,
    /// The last event's hash; [`Hash::ZERO`] before the first.
    pub hash: Hash,
    /// The last event's time. The next is recorded no earlier, whatever the clock says.
    pub recorded_at: Timestamp,
}

impl Head {
    /// The end of a stream without events.
    pub const START: Head = Head {
        version: Version(0),
        hash: Hash::ZERO,
        recorded_at: Timestamp::MIN,
    };

    /// The end of the stream once `event` is its last.
    pub fn at(event: &RecordedEvent) -> Head {
        Head {
            version: event.version,
            hash: event.hash,
            recorded_at: event.recorded_at,
        }
    }
}

/// An event that is not in the log yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    pub name: Cow<'static, str>,
    pub schema: u32,
    pub data: String,
}

impl NewEvent {
    /// `event` as it is stored.
    pub fn of(event: &impl Event) -> NewEvent {
        NewEvent {
            name: event.name().into(),
            schema: event.schema(),
            data: event.data(),
        }
    }
}

/// The events of one command: written in one piece, at one place, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    expected: Version,
    events: Vec<RecordedEvent>,
}

impl Commit {
    /// Chains `events` to the end of `stream` that their command was decided on. Each is recorded
    /// at `recorded_at`, or at the head's time where the clock has fallen behind it.
    ///
    /// Panics if `events` is empty or if a text holds a line feed: JSON that a program writes has
    /// none, and the hash's input relies on it.
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

    /// The events in their order, each with its version and hash, their positions still 0.
    pub fn events(&self) -> &[RecordedEvent] {
        &self.events
    }

    /// The events as the log keeps them, the first at `first` and the others right behind it.
    fn recorded_from(self, first: Position) -> impl Iterator<Item = RecordedEvent> {
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
}

/// Why a commit was not acknowledged. The difference matters: only after `Unknown` may it be there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The stream is not at the expected version. Nothing was written.
    #[error("the stream {stream} is at version {actual}, not at {expected}")]
    Conflict {
        stream: Uuid,
        expected: Version,
        actual: Version,
    },
    /// Nothing was written, and the same commit may be tried again.
    #[error("nothing was written: {0}")]
    NotWritten(String),
    /// The commit may or may not be in the log. Only reading the stream tells.
    #[error("it is not known whether the commit was written: {0}")]
    Unknown(String),
    /// Too many commits wait already. Nothing was written; try again later.
    #[error("too many commits wait for the log")]
    Full,
}

/// Why the log could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log could not be read: {0}")]
pub struct ReadError(pub String);

/// How fresh a read has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Whatever is at hand.
    Any,
    /// Everything up to that position.
    AtLeast(Position),
    /// Everything that was acknowledged before the read began.
    Linearizable,
}

/// An append-only log of events in streams.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Writes the commit's events in one piece if its stream is at the expected version. Once this
    /// answers `Ok`, they survive a loss of power.
    async fn append(&self, commit: Commit) -> Result<Appended, AppendError>;

    /// At most `limit` events of `stream` after `after`, by version.
    async fn read_stream(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
        freshness: Freshness,
    ) -> Result<Vec<RecordedEvent>, ReadError>;

    /// At most `limit` events of all streams after `after`, by position. An event that has been
    /// returned is never followed by one at an earlier position.
    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError>;

    /// A position that covers every event acknowledged so far.
    async fn barrier(&self) -> Result<Position, ReadError>;

    /// Which log this is: drawn once, when it was made, so that what was derived from another log
    /// is never taken for this one's.
    fn identity(&self) -> Uuid;

    /// A hint, after each append, at the position that `read_all` can reach. It may be late and it
    /// may skip positions; it does not stay silent for ever.
    fn wake_ups(&self) -> watch::Receiver<Position>;

    /// What keeps the log from being read or from accepting commits, if anything does. An engine that
    /// can look does so, in less than a second.
    async fn trouble(&self) -> Option<String> {
        None
    }
}
