//! The events of a commit as an engine stores them: a JSON array that is readable with the tools of
//! the engine, with the data byte for byte as it was hashed.

use crate::log::{Hash, Position, RecordedEvent, Version};
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;
use uuid::Uuid;

#[derive(Serialize, Deserialize)]
struct StoredEvent<'a> {
    #[serde(rename = "type", borrow)]
    name: Cow<'a, str>,
    schema: u32,
    recorded_at: Timestamp,
    #[serde(borrow)]
    data: &'a RawValue,
    hash: Hash,
}

/// The array of `events`. Fails if the data of one is not JSON.
pub(in crate::log) fn encode_events(events: &[RecordedEvent]) -> Result<String, String> {
    let stored: Result<Vec<StoredEvent<'_>>, serde_json::Error> = events
        .iter()
        .map(|event| {
            Ok(StoredEvent {
                name: event.name.as_ref().into(),
                schema: event.schema,
                recorded_at: event.recorded_at,
                data: serde_json::from_str(&event.data)?,
                hash: event.hash,
            })
        })
        .collect();
    stored
        .and_then(|stored| serde_json::to_string(&stored))
        .map_err(|error| format!("the data of an event is not JSON: {error}"))
}

/// The events in `text`, of which the first has the version `first` of `stream`. Their positions
/// are 0.
pub(in crate::log) fn decode_events(
    stream: Uuid,
    first: Version,
    metadata: &Arc<str>,
    text: &str,
) -> Result<Vec<RecordedEvent>, String> {
    let stored: Vec<StoredEvent<'_>> =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    if stored.is_empty() {
        return Err("it has no events".to_owned());
    }
    let versions = first.0..;
    Ok(versions
        .zip(stored)
        .map(|(version, event)| RecordedEvent {
            position: Position(0),
            stream,
            version: Version(version),
            name: event.name.into_owned().into(),
            schema: event.schema,
            recorded_at: event.recorded_at,
            data: event.data.get().into(),
            metadata: metadata.clone(),
            hash: event.hash,
        })
        .collect())
}
