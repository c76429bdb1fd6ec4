//! Recorded events as the JSON documents that clients read. Their CloudEvents format is in
//! [`crate::cloud_event`].

use crate::cart::event::StoredData;
use crate::cart::sentence::sentence;
use crate::cart::{CartEvent, Currency};
use crate::cloud_event::CloudEvent;
use crate::history::{self, CommitMetadata, HistoryError};
use crate::log::{Freshness, Hash, LogReader, Position, RecordedEvent, Version};
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
    cart_id: Uuid,
    /// Version of the cart after this event.
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
    /// Hash of the cart's previous event.
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
}

impl<'a> EventDocument<'a> {
    fn of(recorded: &'a RecordedEvent, previous: CartHead) -> Result<Self, Problem> {
        let event: CartEvent = history::event_of(recorded)?;
        let metadata = CommitMetadata::of(recorded)?;
        Ok(EventDocument {
            position: recorded.position,
            cart_id: recorded.stream,
            version: recorded.version,
            name: &recorded.name,
            schema: recorded.schema,
            recorded_at: recorded.recorded_at,
            sentence: sentence(&event, previous.currency),
            data: serde_json::from_str(&recorded.data).map_err(Problem::internal)?,
            meta: Meta {
                correlation_id: metadata.correlation_id.unwrap_or(metadata.command_id),
                causation_id: metadata.command_id,
                command: metadata.command,
                command_id: metadata.command_id,
                actor: metadata.actor,
                trace_id: metadata.trace_id,
            },
            hash: recorded.hash,
            previous_hash: previous.hash,
        })
    }
}

/// The state of a cart's stream right before an event.
#[derive(Debug, Clone, Copy)]
struct CartHead {
    version: Version,
    /// The hash of the event at `version`.
    hash: Hash,
    currency: Currency,
}

/// Formats events, which must come oldest first within each cart. It caches the head of each cart,
/// so that only the first event of a cart needs reads of its own.
#[derive(Debug, Default)]
pub struct EventFormatter {
    heads: HashMap<Uuid, CartHead>,
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

    /// The head of the cart before `recorded`; the cached head becomes the one after it.
    async fn advance(
        &mut self,
        log: &dyn LogReader,
        recorded: &RecordedEvent,
    ) -> Result<CartHead, Problem> {
        let version = Version(recorded.version.0 - 1);
        let previous = match self.heads.get(&recorded.stream) {
            Some(head) if head.version == version => *head,
            Some(_) | None => head_before(log, recorded, version).await?,
        };
        if self.heads.len() >= MAX_HEADS {
            self.heads.clear();
        }
        let head = CartHead {
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
) -> Result<CartHead, Problem> {
    if version == Version(0) {
        return Ok(CartHead {
            version,
            hash: Hash::ZERO,
            currency: currency_of(recorded)?,
        });
    }
    let cart = recorded.stream;
    let event_after = async |after: u64| {
        let read = log.read_stream(cart, Version(after), 1, Freshness::Any);
        let found = read.await?.pop();
        found.ok_or_else(|| Problem::internal(format!("{cart} has no event after {after}")))
    };
    Ok(CartHead {
        version,
        hash: event_after(version.0 - 1).await?.hash,
        currency: currency_of(&event_after(0).await?)?,
    })
}

fn currency_of(first: &RecordedEvent) -> Result<Currency, Problem> {
    match history::event_of::<CartEvent>(first)? {
        CartEvent::CartOpened(opened) => Ok(opened.currency),
        CartEvent::ItemAdded(_)
        | CartEvent::ItemRemoved(_)
        | CartEvent::PromotionApplied(_)
        | CartEvent::PromotionRemoved(_)
        | CartEvent::CartCheckedOut(_)
        | CartEvent::CartExpired(_) => Err(Problem::internal("a cart must begin with CartOpened")),
    }
}

/// The events of `cart` from version `first` to `last`.
pub async fn read_cart(
    log: &dyn LogReader,
    cart: Uuid,
    first: u64,
    last: u64,
) -> Result<Vec<RecordedEvent>, HistoryError> {
    let mut events = Vec::new();
    let after = Version(first.saturating_sub(1));
    let (last, fresh) = (Some(Version(last)), Freshness::Linearizable);
    history::for_each(log, cart, after, last, fresh, |recorded| {
        events.push(recorded);
        Ok(())
    })
    .await?;
    Ok(events)
}
