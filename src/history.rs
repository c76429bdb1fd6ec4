//! Recorded events decoded into the events of a model.

use crate::decider::{Decider, DecodedEvent, Event, EventContext, UnreadableEvent};
use crate::id::time_of;
use crate::log::{Freshness, LogReader, ReadError, RecordedEvent, Version};
use crate::timestamp::Timestamp;
use crate::traces::SpanContext;
use schemars::JsonSchema;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Events per read from the log. Other requests of a thread run between two reads.
pub const PAGE: usize = 256;

/// The metadata of a commit: command, sender and correlation. Its member names are part of the
/// storage format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitMetadata<'a> {
    /// The command's name, such as `add_item`.
    #[serde(borrow)]
    pub command: Cow<'a, str>,
    pub command_id: Uuid,
    /// The sender: `shopper`, or `service` for background work.
    #[serde(borrow)]
    pub actor: Cow<'a, str>,
    /// Correlates related commands; absent if the client sent none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Uuid>,
    /// The trace of the request, after W3C Trace Context.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<Cow<'a, str>>,
    /// Whether the command has a span in that trace, which later spans are linked to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sampled: bool,
    /// The event that the command reacts to, of another stream or of the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<EventRef>,
    /// The digest of the idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<StoredDigest>,
    /// The digest of the request under that key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<StoredDigest>,
}

impl<'a> CommitMetadata<'a> {
    /// The metadata of a command called `command`, sent by `actor`, without the optional members.
    pub fn new(command: &'a str, command_id: Uuid, actor: &'a str) -> Self {
        CommitMetadata {
            command: command.into(),
            command_id,
            actor: actor.into(),
            correlation_id: None,
            trace_id: None,
            sampled: false,
            cause: None,
            key: None,
            request: None,
        }
    }

    /// Parses the metadata of a commit, or says what is wrong with it.
    pub fn read(json: &'a str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    /// The metadata of the commit that `recorded` is of.
    pub fn of(recorded: &'a RecordedEvent) -> Result<Self, HistoryError> {
        Self::read(&recorded.metadata).map_err(|reason| HistoryError::Metadata {
            stream: recorded.stream,
            version: recorded.version,
            reason,
        })
    }

    /// The span of the command; `None` if it is not sampled.
    pub fn span(&self) -> Option<SpanContext> {
        let trace_id = self.trace_id.as_deref().filter(|_| self.sampled)?;
        let mut trace = [0; 16];
        hex::decode_to_slice(trace_id, &mut trace).ok()?;
        Some(SpanContext::of_command(trace, self.command_id))
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("metadata has string keys only")
    }

    /// The context of `recorded`, whose metadata this is.
    pub fn context(&self, recorded: &RecordedEvent) -> EventContext<'_> {
        EventContext {
            version: recorded.version.0,
            at: recorded.recorded_at,
            command: &self.command,
            command_id: self.command_id,
        }
    }
}

/// An event, by its place in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventRef {
    /// The id of the cart or order.
    pub stream: Uuid,
    pub version: u64,
}

/// The digest of an idempotency key, or of a request under one, in the metadata of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoredDigest {
    /// Keyed by the service's secret: `hmac:` and 32 hexadecimal digits. Without the secret, a
    /// reader of the log cannot check guesses of the key.
    Keyed([u8; 16]),
    /// As version 0.1 wrote it, without the secret: 32 hexadecimal digits.
    Unkeyed([u8; 16]),
}

const KEYED: &str = "hmac:";

impl StoredDigest {
    pub fn is_keyed(self) -> bool {
        matches!(self, StoredDigest::Keyed(_))
    }
}

impl fmt::Display for StoredDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (form, bytes) = match self {
            StoredDigest::Keyed(bytes) => (KEYED, bytes),
            StoredDigest::Unkeyed(bytes) => ("", bytes),
        };
        write!(f, "{form}{}", hex::encode(bytes))
    }
}

impl FromStr for StoredDigest {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<StoredDigest, hex::FromHexError> {
        let mut bytes = [0; 16];
        let digits = text.strip_prefix(KEYED);
        hex::decode_to_slice(digits.unwrap_or(text), &mut bytes)?;
        Ok(match digits {
            Some(_) => StoredDigest::Keyed(bytes),
            None => StoredDigest::Unkeyed(bytes),
        })
    }
}

impl Serialize for StoredDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StoredDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = StoredDigest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "32 hexadecimal digits, after {KEYED} if they are keyed")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<StoredDigest, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// Why reading a stream failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("version {version} of stream {stream}: {error}")]
    Event {
        stream: Uuid,
        version: Version,
        error: UnreadableEvent,
    },
    /// The stream does not belong to the model that was asked for.
    #[error("stream {stream} begins with {name}, which is an event of another model")]
    OtherModel { stream: Uuid, name: String },
    #[error("cannot read the metadata of version {version} of stream {stream}: {reason}")]
    Metadata {
        stream: Uuid,
        version: Version,
        reason: String,
    },
}

impl HistoryError {
    /// The event that cannot be read, if the error is about one.
    pub fn event(&self) -> Option<(Uuid, Version)> {
        match self {
            HistoryError::Read(_) => None,
            HistoryError::OtherModel { stream, .. } => Some((*stream, Version(1))),
            HistoryError::Event {
                stream, version, ..
            }
            | HistoryError::Metadata {
                stream, version, ..
            } => Some((*stream, *version)),
        }
    }

    /// How many of `events` come before the one that the error is about.
    pub fn readable_before(&self, events: &[RecordedEvent]) -> usize {
        let is_it = |event: &RecordedEvent| self.event() == Some((event.stream, event.version));
        events.iter().position(is_it).unwrap_or(0)
    }
}

/// When `recorded` was written: the time in the id of its command, a UUIDv7. Its own time says when
/// it happened, which may be days before; it stands in for an id of another kind.
pub fn written_at(recorded: &RecordedEvent) -> Timestamp {
    let commanded_at = || time_of(CommitMetadata::of(recorded).ok()?.command_id);
    commanded_at().unwrap_or(recorded.recorded_at)
}

/// Decodes the event of `recorded`.
pub fn event_of<E: Event>(recorded: &RecordedEvent) -> Result<E, HistoryError> {
    E::read(&recorded.name, recorded.schema, &recorded.data).map_err(|error| HistoryError::Event {
        stream: recorded.stream,
        version: recorded.version,
        error,
    })
}

/// Refuses `recorded` if it begins a stream of another model than that with events `E`.
pub fn require_model<E: Event>(recorded: &RecordedEvent) -> Result<(), HistoryError> {
    if recorded.version == Version(1) && !E::NAMES.contains(&&*recorded.name) {
        return Err(HistoryError::OtherModel {
            stream: recorded.stream,
            name: recorded.name.to_string(),
        });
    }
    Ok(())
}

/// Decodes `recorded` with its context.
pub fn decode<E: Event>(recorded: &RecordedEvent) -> Result<DecodedEvent<E>, HistoryError> {
    let metadata = CommitMetadata::of(recorded)?;
    Ok(DecodedEvent {
        version: recorded.version.0,
        at: recorded.recorded_at,
        command_id: metadata.command_id,
        command: metadata.command.into_owned(),
        event: event_of(recorded)?,
    })
}

/// Applies `recorded` to `state` and returns the metadata of its commit.
pub fn evolve<'a, D: Decider>(
    state: &mut D::State,
    recorded: &'a RecordedEvent,
) -> Result<CommitMetadata<'a>, HistoryError> {
    require_model::<D::Event>(recorded)?;
    let metadata = CommitMetadata::of(recorded)?;
    let event = event_of::<D::Event>(recorded)?;
    D::evolve(state, &event, &metadata.context(recorded));
    Ok(metadata)
}

/// Reads the events of `stream` after `after`, up to and including `until` if given, and passes
/// each to `visit` in order. Each page is read with `freshness`.
pub async fn for_each(
    log: &dyn LogReader,
    stream: Uuid,
    mut after: Version,
    until: Option<Version>,
    freshness: Freshness,
    mut visit: impl FnMut(RecordedEvent) -> Result<(), HistoryError> + Send,
) -> Result<(), HistoryError> {
    loop {
        let left = until.map_or(PAGE as u64, |until| until.0.saturating_sub(after.0));
        let limit = PAGE.min(usize::try_from(left).unwrap_or(PAGE));
        if limit == 0 {
            return Ok(());
        }
        let page = log.read_stream(stream, after, limit, freshness).await?;
        let read = page.len();
        for recorded in page {
            after = recorded.version;
            visit(recorded)?;
        }
        if read < limit {
            return Ok(());
        }
    }
}
