//! An event as its readers get it: as the contract's JSON. As a CloudEvent it is
//! [`crate::cloud_event`]'s.

use crate::cart::sentence::sentence;
use crate::cart::upcast::StoredData;
use crate::cart::{CartEvent, Currency};
use crate::history::{self, CommitMetadata};
use crate::log::{Hash, Position, RecordedEvent, Version};
use crate::timestamp::Timestamp;
use crate::web::http::problem::Problem;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use uuid::Uuid;

/// An event with all that is known of it. `data` is what is stored, to the byte.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Event")]
pub struct EventDocument<'a> {
    position: Position,
    cart_id: Uuid,
    pub version: Version,
    #[serde(rename = "type")]
    name: &'a str,
    schema: u32,
    recorded_at: Timestamp,
    sentence: String,
    #[schemars(with = "StoredData")]
    data: &'a RawValue,
    meta: Meta<'a>,
    hash: Hash,
    previous_hash: Hash,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EventMeta")]
struct Meta<'a> {
    command: Cow<'a, str>,
    command_id: Uuid,
    actor: Cow<'a, str>,
    /// The conversation; a command that belongs to none is one of its own.
    correlation_id: Uuid,
    /// What caused the event: its command.
    causation_id: Uuid,
    trace_id: Option<Cow<'a, str>>,
}

/// The document of `recorded`, whose predecessor in its stream has the hash `previous`.
pub fn event_document(
    recorded: &RecordedEvent,
    previous: Hash,
    currency: Currency,
) -> Result<EventDocument<'_>, Problem> {
    let event: CartEvent = history::event_of(recorded)?;
    Ok(EventDocument {
        position: recorded.position,
        cart_id: recorded.stream,
        version: recorded.version,
        name: &recorded.name,
        schema: recorded.schema,
        recorded_at: recorded.recorded_at,
        sentence: sentence(&event, currency),
        data: raw(recorded)?,
        meta: meta(recorded)?,
        hash: recorded.hash,
        previous_hash: previous,
    })
}

fn meta(recorded: &RecordedEvent) -> Result<Meta<'_>, Problem> {
    let metadata = CommitMetadata::read(&recorded.metadata)?;
    Ok(Meta {
        correlation_id: metadata.correlation_id.unwrap_or(metadata.command_id),
        causation_id: metadata.command_id,
        command: metadata.command,
        command_id: metadata.command_id,
        actor: metadata.actor,
        trace_id: metadata.trace_id,
    })
}

fn raw(recorded: &RecordedEvent) -> Result<&RawValue, Problem> {
    serde_json::from_str(&recorded.data).map_err(Problem::internal)
}
