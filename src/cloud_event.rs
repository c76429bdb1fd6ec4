//! Events in the JSON format of CloudEvents 1.0, with the log's fields as extension attributes: the
//! format of exports and, on request, of a cart's events. Consumers need not know cartlog.

use crate::decider::UnreadableEvent;
use crate::history::{CommitMetadata, HistoryError};
use crate::log::{Hash, RecordedEvent};
use crate::models::{Model, StoredData};
use crate::timestamp::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use uuid::Uuid;

/// An event as a CloudEvent. `source` is the cart or order; `id` is unique within it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CloudEvent<'a> {
    #[serde(borrow)]
    pub specversion: Cow<'a, str>,
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    #[serde(borrow)]
    pub source: Cow<'a, str>,
    /// The event type and schema version: `cartlog.<name>.v<schema>`.
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    pub subject: Uuid,
    pub time: Timestamp,
    #[serde(borrow)]
    pub datacontenttype: Cow<'a, str>,
    /// The event's data, byte for byte as stored in the log.
    #[serde(borrow)]
    #[schemars(with = "StoredData")]
    pub data: Data<'a>,
    /// A decimal string, since an integer in CloudEvents has 32 bits.
    #[serde(borrow)]
    pub logposition: Cow<'a, str>,
    #[serde(borrow)]
    pub streamversion: Cow<'a, str>,
    #[serde(borrow)]
    pub command: Cow<'a, str>,
    pub commandid: Uuid,
    #[serde(borrow)]
    pub actor: Cow<'a, str>,
    pub correlationid: Uuid,
    pub causationid: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    pub traceid: Option<Cow<'a, str>>,
    pub hash: Hash,
    pub previoushash: Hash,
    /// The stored metadata, byte for byte. The hash covers it, so an import and a check of the hash
    /// chain need it. Present in exports only.
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    pub metadata: Option<Cow<'a, str>>,
}

/// Stored JSON, copied without parsing it into a value.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Data<'a>(#[serde(borrow)] pub &'a RawValue);

impl PartialEq for Data<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl<'a> CloudEvent<'a> {
    /// Converts `recorded` without its stored metadata. `previous` is the hash of the event before
    /// it in its stream.
    pub fn of(recorded: &'a RecordedEvent, previous: Hash) -> Result<CloudEvent<'a>, HistoryError> {
        let metadata = CommitMetadata::of(recorded)?;
        let data: &RawValue = serde_json::from_str(&recorded.data).map_err(|error| {
            let malformed = UnreadableEvent::Malformed {
                name: recorded.name.to_string(),
                schema: recorded.schema,
                reason: error.to_string(),
            };
            HistoryError::Event {
                stream: recorded.stream,
                version: recorded.version,
                error: malformed,
            }
        })?;
        Ok(CloudEvent {
            specversion: "1.0".into(),
            id: recorded.version.to_string().into(),
            source: format!("{}/{}", Model::of(&recorded.name).path(), recorded.stream).into(),
            kind: format!("cartlog.{}.v{}", recorded.name, recorded.schema).into(),
            subject: recorded.stream,
            time: recorded.recorded_at,
            datacontenttype: "application/json".into(),
            data: Data(data),
            logposition: recorded.position.to_string().into(),
            streamversion: recorded.version.to_string().into(),
            command: metadata.command,
            commandid: metadata.command_id,
            actor: metadata.actor,
            correlationid: metadata.correlation_id.unwrap_or(metadata.command_id),
            causationid: metadata.command_id,
            traceid: metadata.trace_id,
            hash: recorded.hash,
            previoushash: previous,
            metadata: None,
        })
    }

    /// Converts `recorded` with its stored metadata, as an export needs it.
    pub fn with_metadata(
        recorded: &'a RecordedEvent,
        previous: Hash,
    ) -> Result<CloudEvent<'a>, HistoryError> {
        Ok(CloudEvent {
            metadata: Some((&*recorded.metadata).into()),
            ..CloudEvent::of(recorded, previous)?
        })
    }
}
