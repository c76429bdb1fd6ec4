//! Recorded events decoded into the events of a model.

use crate::decider::{Decider, DecodedEvent, Event, EventContext, UnreadableEvent};
use crate::log::{Freshness, LogReader, ReadError, RecordedEvent, Version};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use uuid::Uuid;

/// Events per read from the log.
const PAGE: usize = 1_000;

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
    /// The digest of the idempotency key.
    #[serde(default, with = "hex_option", skip_serializing_if = "Option::is_none")]
    pub key: Option<[u8; 16]>,
    /// The digest of the request under that key.
    #[serde(default, with = "hex_option", skip_serializing_if = "Option::is_none")]
    pub request: Option<[u8; 16]>,
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
            key: None,
            request: None,
        }
    }

    pub fn read(json: &'a str) -> Result<Self, HistoryError> {
        serde_json::from_str(json).map_err(|error| HistoryError::Metadata(error.to_string()))
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

mod hex_option {
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub fn serialize<S: Serializer>(
        digest: &Option<[u8; 16]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match digest {
            Some(digest) => hex::serde::serialize(digest, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<[u8; 16]>, D::Error> {
        #[derive(Deserialize)]
        struct Digest(#[serde(with = "hex::serde")] [u8; 16]);
        Ok(Option::<Digest>::deserialize(deserializer)?.map(|Digest(bytes)| bytes))
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
    #[error("the metadata of an event cannot be read: {0}")]
    Metadata(String),
}

/// Decodes the event of `recorded`.
pub fn event_of<E: Event>(recorded: &RecordedEvent) -> Result<E, HistoryError> {
    E::read(&recorded.name, recorded.schema, &recorded.data).map_err(|error| HistoryError::Event {
        stream: recorded.stream,
        version: recorded.version,
        error,
    })
}

/// Decodes `recorded` with its context.
pub fn decode<E: Event>(recorded: &RecordedEvent) -> Result<DecodedEvent<E>, HistoryError> {
    let metadata = CommitMetadata::read(&recorded.metadata)?;
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
    let metadata = CommitMetadata::read(&recorded.metadata)?;
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
