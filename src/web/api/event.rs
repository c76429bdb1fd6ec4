//! Recorded events as the JSON documents that clients read. Their CloudEvents format is in
//! [`crate::cloud_event`].

use crate::cart::{CartEvent, Currency};
use crate::cloud_event::CloudEvent;
use crate::history::{self, CommitMetadata, EventRef, HistoryError};
use crate::log::{Freshness, Hash, LogReader, Position, RecordedEvent, Version};
use crate::models::{ModelEvent, StoredData};
use crate::orders::OrderEvent;
use crate::timestamp::Timestamp;
use crate::web::http::event_id::EventId;
use crate::web::http::problem::Problem;
use actix_web::web::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use uuid::Uuid;

/// A recorded event. `data` is byte for byte what the log stores.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Event")]
pub struct EventDocument<'a> {
    /// Position in the log.
    position: Position,
    /// The cart, also of an order's event.
    cart_id: Uuid,
    /// Of an order's event: the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<Uuid>,
    /// Version of the cart, or of the order, after this event.
    version: Version,
    #[serde(rename = "type")]
    name: &'a str,
    /// Schema version of `data`.
    schema: u32,
    recorded_at: Timestamp,
    /// The event in plain English.
    sentence: String,
    #[schemars(with = "StoredData")]
    data: &'a RawValue,
    meta: Meta<'a>,
    hash: Hash,
    /// Hash of the previous event of the cart, or of the order.
    previous_hash: Hash,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EventMeta")]
struct Meta<'a> {
    command: Cow<'a, str>,
    command_id: Uuid,
    actor: Cow<'a, str>,
    /// The request's `X-Correlation-Id`; `command_id` if it had none.
    correlation_id: Uuid,
    /// The command that caused the event.
    causation_id: Uuid,
    trace_id: Option<Cow<'a, str>>,
    /// The event that the command reacted to, if it reacted to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    caused_by: Option<EventRef>,
}

impl<'a> EventDocument<'a> {
    fn of(recorded: &'a RecordedEvent, previous: StreamHead) -> Result<Self, Problem> {
        let event: ModelEvent = history::event_of(recorded)?;
        let metadata = CommitMetadata::of(recorded)?;
        Ok(EventDocument {
            position: recorded.position,
            cart_id: previous.cart,
            order_id: match event {
                ModelEvent::Cart(_) => None,
                ModelEvent::Order(_) => Some(recorded.stream),
            },
            version: recorded.version,
            name: &recorded.name,
            schema: recorded.schema,
            recorded_at: recorded.recorded_at,
            sentence: event.sentence(previous.currency),
            data: serde_json::from_str(&recorded.data).map_err(Problem::internal)?,
            meta: Meta {
                correlation_id: metadata.correlation_id.unwrap_or(metadata.command_id),
                causation_id: metadata.command_id,
                command: metadata.command,
                command_id: metadata.command_id,
                actor: metadata.actor,
                trace_id: metadata.trace_id,
                caused_by: metadata.cause,
            },
            hash: recorded.hash,
            previous_hash: previous.hash,
        })
    }
}

/// The state of a stream right before an event.
#[derive(Debug, Clone, Copy)]
struct StreamHead {
    version: Version,
    /// The hash of the event at `version`.
    hash: Hash,
    currency: Currency,
    /// The cart that the stream is of, or whose order it is of.
    cart: Uuid,
}

/// Formats events, which must come oldest first within each stream. It caches the head of each
/// stream, so that only the first event of one needs reads of its own.
#[derive(Debug, Default)]
pub struct EventFormatter {
    heads: HashMap<Uuid, StreamHead>,
}

/// Cached heads at the most. Eviction drops all of them: it needs no order, since a miss costs two
/// reads of one event.
const MAX_HEADS: usize = 4_096;

impl EventFormatter {
    /// The document of `recorded` as JSON.
    pub async fn json(
        &mut self,
        log: &dyn LogReader,
        recorded: &RecordedEvent,
    ) -> Result<Box<RawValue>, Problem> {
        let previous = self.advance(log, recorded).await?;
        let document = EventDocument::of(recorded, previous)?;
        serde_json::value::to_raw_value(&document).map_err(Problem::internal)
    }

    /// `recorded` as a CloudEvent.
    pub async fn cloud_event(
        &mut self,
        log: &dyn LogReader,
        recorded: &RecordedEvent,
    ) -> Result<Box<RawValue>, Problem> {
        let previous = self.advance(log, recorded).await?;
        let event = CloudEvent::of(recorded, previous.hash)?;
        serde_json::value::to_raw_value(&event).map_err(Problem::internal)
    }

    /// The document of `recorded` as a server-sent event, whose stream has it at `place`.
    pub async fn server_sent(
        &mut self,
        log: &dyn LogReader,
        recorded: &RecordedEvent,
        place: u64,
    ) -> Result<Bytes, Problem> {
        let json = self.json(log, recorded).await?;
        let id = EventId::of(place, &recorded.hash);
        Ok(format!("id: {id}\ndata: {json}\n\n").into())
    }

    /// The head of the stream before `recorded`; the cached head becomes the one after it.
    async fn advance(
        &mut self,
        log: &dyn LogReader,
        recorded: &RecordedEvent,
    ) -> Result<StreamHead, Problem> {
        let version = Version(recorded.version.0 - 1);
        let previous = match self.heads.get(&recorded.stream) {
            Some(head) if head.version == version => *head,
            Some(_) | None => head_before(log, recorded, version).await?,
        };
        if self.heads.len() >= MAX_HEADS {
            self.heads.clear();
        }
        let head = StreamHead {
            version: recorded.version,
            hash: recorded.hash,
            ..previous
        };
        self.heads.insert(recorded.stream, head);
        Ok(previous)
    }
}

async fn head_before(
    log: &dyn LogReader,
    recorded: &RecordedEvent,
    version: Version,
) -> Result<StreamHead, Problem> {
    if version == Version(0) {
        let (cart, currency) = opening_of(recorded)?;
        return Ok(StreamHead {
            version,
            hash: Hash::ZERO,
            currency,
            cart,
        });
    }
    let stream = recorded.stream;
    let event_after = async |after: u64| {
        let read = log.read_stream(stream, Version(after), 1, Freshness::Any);
        let found = read.await?.pop();
        found.ok_or_else(|| Problem::internal(format!("{stream} has no event after {after}")))
    };
    let (cart, currency) = opening_of(&event_after(0).await?)?;
    Ok(StreamHead {
        version,
        hash: event_after(version.0 - 1).await?.hash,
        currency,
        cart,
    })
}

/// The cart and the currency that the first event of a stream names.
fn opening_of(first: &RecordedEvent) -> Result<(Uuid, Currency), Problem> {
    match history::event_of::<ModelEvent>(first)? {
        ModelEvent::Cart(CartEvent::CartOpened(opened)) => Ok((first.stream, opened.currency)),
        ModelEvent::Order(OrderEvent::OrderPlaced(placed)) => Ok((placed.cart_id, placed.currency)),
        ModelEvent::Cart(_) | ModelEvent::Order(_) => Err(Problem::internal(format!(
            "{} cannot be the first event of a stream",
            first.name
        ))),
    }
}

/// The events of the cart or order `stream` from version `first` to `last`.
pub async fn read_stream(
    log: &dyn LogReader,
    stream: Uuid,
    first: u64,
    last: u64,
) -> Result<Vec<RecordedEvent>, HistoryError> {
    let mut events = Vec::new();
    let after = Version(first.saturating_sub(1));
    let (last, fresh) = (Some(Version(last)), Freshness::Linearizable);
    history::for_each(log, stream, after, last, fresh, |recorded| {
        events.push(recorded);
        Ok(())
    })
    .await?;
    Ok(events)
}
