//! An event as its readers get it: as the contract's JSON or as a CloudEvent (CloudEvents 1.0).

use super::problem::Problem;
use crate::cart::sentence::sentence;
use crate::cart::{CartEvent, Currency};
use crate::history::{self, Metadata};
use crate::log::{Hash, Position, Recorded, Version};
use crate::timestamp::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use uuid::Uuid;

/// An event with all that is known of it. `data` is what is stored, to the byte.
#[derive(Debug, Serialize)]
pub struct EventDocument<'a> {
    position: Position,
    cart_id: Uuid,
    pub version: Version,
    #[serde(rename = "type")]
    name: &'a str,
    schema: u32,
    recorded_at: Timestamp,
    sentence: String,
    data: &'a RawValue,
    meta: Meta<'a>,
    hash: Hash,
    previous_hash: Hash,
}

#[derive(Debug, Serialize)]
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

/// The same in the format of CloudEvents 1.0, with the log's own fields as extensions.
#[derive(Debug, Serialize)]
pub struct CloudEvent<'a> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    subject: String,
    time: Timestamp,
    datacontenttype: &'static str,
    data: &'a RawValue,
    logposition: String,
    streamversion: String,
    command: Cow<'a, str>,
    commandid: Uuid,
    actor: Cow<'a, str>,
    correlationid: Uuid,
    causationid: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceid: Option<Cow<'a, str>>,
    hash: Hash,
    previoushash: Hash,
}

/// The document of `recorded`, whose predecessor in its stream has the hash `previous`.
pub fn event_document(
    recorded: &Recorded,
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

/// The CloudEvent of `recorded`, whose predecessor in its stream has the hash `previous`.
pub fn cloud_event(recorded: &Recorded, previous: Hash) -> Result<CloudEvent<'_>, Problem> {
    let meta = meta(recorded)?;
    Ok(CloudEvent {
        specversion: "1.0",
        id: recorded.version.to_string(),
        source: format!("/api/carts/{}", recorded.stream),
        kind: format!("cartlog.{}.v{}", recorded.name, recorded.schema),
        subject: recorded.stream.to_string(),
        time: recorded.recorded_at,
        datacontenttype: "application/json",
        data: raw(recorded)?,
        logposition: recorded.position.to_string(),
        streamversion: recorded.version.to_string(),
        command: meta.command,
        commandid: meta.command_id,
        actor: meta.actor,
        correlationid: meta.correlation_id,
        causationid: meta.causation_id,
        traceid: meta.trace_id,
        hash: recorded.hash,
        previoushash: previous,
    })
}

fn meta(recorded: &Recorded) -> Result<Meta<'_>, Problem> {
    let metadata = Metadata::read(&recorded.metadata)?;
    Ok(Meta {
        correlation_id: metadata.correlation_id.unwrap_or(metadata.command_id),
        causation_id: metadata.command_id,
        command: metadata.command,
        command_id: metadata.command_id,
        actor: metadata.actor,
        trace_id: metadata.trace_id,
    })
}

fn raw(recorded: &Recorded) -> Result<&RawValue, Problem> {
    serde_json::from_str(&recorded.data).map_err(Problem::internal)
}
