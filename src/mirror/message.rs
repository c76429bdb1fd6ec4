//! An event as a message.

use crate::cloud_event::CloudEvent;
use crate::decider::Event;
use crate::log::{Hash, Position, RecordedEvent};
use crate::models::{Model, ModelEvent};
use crate::nats::Conditions;
use async_nats::HeaderMap;
use bytes::Bytes;
use serde::Deserialize;
use uuid::Uuid;

/// The media type of an event in structured mode.
const CLOUD_EVENT: &str = "application/cloudevents+json";

/// A message that mirrors an event.
#[derive(Debug)]
pub(super) struct Message {
    pub subject: String,
    pub headers: HeaderMap,
    pub payload: Bytes,
}

impl Message {
    /// The message of `recorded`, which is stored only at the sequence of its position. `previous`
    /// is the hash of the event before it in its stream. The error says why the event cannot be
    /// mirrored.
    pub fn of(prefix: &str, recorded: &RecordedEvent, previous: Hash) -> Result<Message, String> {
        if !ModelEvent::NAMES.contains(&&*recorded.name) {
            return Err(format!(
                "the type {} is unknown: a newer version of cartlog has written it, update this \
                 node",
                recorded.name
            ));
        }
        let event = CloudEvent::of(recorded, previous).map_err(|error| error.to_string())?;
        let payload = serde_json::to_vec(&event).map_err(|error| error.to_string())?;
        let conditions = Conditions {
            last_of_stream: Some(recorded.position.0 - 1),
            ..Conditions::default()
        };
        let mut headers = conditions.headers();
        headers.insert("Content-Type", CLOUD_EVENT);
        Ok(Message {
            subject: subject(prefix, recorded),
            headers,
            payload: payload.into(),
        })
    }
}

/// The subject of `recorded`: `<prefix>.<cart or order>.<its id>`.
fn subject(prefix: &str, recorded: &RecordedEvent) -> String {
    let model = Model::of(&recorded.name).word();
    format!("{prefix}.{model}.{}", recorded.stream.hyphenated())
}

/// What identifies the event in a stored message. Later versions may add to the rest.
#[derive(Deserialize)]
struct StoredEvent {
    subject: Uuid,
    logposition: String,
    hash: Hash,
}

/// Whether the message under `subject` with `payload` is that of `recorded`.
pub(super) fn mirrors(
    prefix: &str,
    recorded: &RecordedEvent,
    subject_found: &str,
    payload: &[u8],
) -> bool {
    let stored: Option<StoredEvent> = serde_json::from_slice(payload).ok();
    let Some(stored) = stored else {
        return false;
    };
    subject_found == subject(prefix, recorded)
        && stored.subject == recorded.stream
        && stored.logposition == recorded.position.to_string()
        && stored.hash == recorded.hash
}

/// How an event is named in messages to the operator.
pub(super) fn at(position: Position) -> String {
    format!("the event at position {position}")
}
