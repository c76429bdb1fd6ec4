//! The translation of stored events into public ones: a pure function of the log.

use super::data::{
    CartCheckedOutData, CartExpiredData, OrderPlacedData, OrderWithdrawn, PublicData, order_lines,
};
use super::{Envelope, PublicEvent, PublicType};
use crate::cart::event::{CartCheckedOut, CartExpired};
use crate::cart::state::Contents;
use crate::cart::{Cart, CartEvent, CartModel};
use crate::decider::{Decider, UnreadableEvent};
use crate::history::{self, CommitMetadata, HistoryError};
use crate::log::{Freshness, LogReader, RecordedEvent, Version};
use uuid::Uuid;

/// The stored events that have public ones, by their names.
const TRANSLATED: [(&str, &[PublicType]); 2] = [
    (
        "CartCheckedOut",
        &[PublicType::CartCheckedOut, PublicType::OrderPlaced],
    ),
    ("CartExpired", &[PublicType::CartExpired]),
];

/// Whether `recorded` has a public event of one of `types`. Reads nothing but its name.
pub fn contains_public(recorded: &RecordedEvent, types: &[PublicType]) -> bool {
    TRANSLATED
        .iter()
        .any(|(name, made)| *name == recorded.name && made.iter().any(|made| types.contains(made)))
}

/// The public events of one of `types` that `recorded`, an event in `log`, stands for, in the order
/// in which they are sent.
pub async fn public_events(
    log: &dyn LogReader,
    recorded: &RecordedEvent,
    types: &[PublicType],
) -> Result<Vec<PublicEvent>, HistoryError> {
    if !contains_public(recorded, types) {
        return Ok(Vec::new());
    }
    let source = Source {
        log_id: log.identity(),
        recorded,
        metadata: CommitMetadata::of(recorded)?,
    };
    let mut events = match history::event_of::<CartEvent>(recorded)? {
        CartEvent::CartCheckedOut(checked_out) => {
            let cart = cart_at(log, recorded).await?;
            let contents = cart.contents().ok_or_else(|| not_opened(recorded))?;
            vec![
                source.checked_out(&checked_out, contents),
                source.order_placed(checked_out, contents),
            ]
        }
        CartEvent::CartExpired(expired) => vec![source.expired(&expired)],
        CartEvent::CartOpened(_)
        | CartEvent::ItemAdded(_)
        | CartEvent::ItemRemoved(_)
        | CartEvent::PromotionApplied(_)
        | CartEvent::PromotionRemoved(_) => Vec::new(),
    };
    events.retain(|event| types.contains(&event.kind));
    Ok(events)
}

/// The cart of `recorded` right after it.
async fn cart_at(log: &dyn LogReader, recorded: &RecordedEvent) -> Result<Cart, HistoryError> {
    let mut cart = CartModel::initial();
    let (first, last) = (Version(0), Some(recorded.version));
    let fresh = Freshness::AtLeast(recorded.position);
    history::for_each(log, recorded.stream, first, last, fresh, |event| {
        history::evolve::<CartModel>(&mut cart, &event).map(|_| ())
    })
    .await?;
    Ok(cart)
}

fn not_opened(recorded: &RecordedEvent) -> HistoryError {
    HistoryError::Event {
        stream: recorded.stream,
        version: recorded.version,
        error: UnreadableEvent::Malformed {
            name: recorded.name.to_string(),
            schema: recorded.schema,
            reason: "its cart must begin with CartOpened".to_owned(),
        },
    }
}

/// A stored event and the log that it is in.
struct Source<'a> {
    log_id: Uuid,
    recorded: &'a RecordedEvent,
    metadata: CommitMetadata<'a>,
}

impl Source<'_> {
    fn checked_out(&self, event: &CartCheckedOut, contents: &Contents) -> PublicEvent {
        let cart_id = self.recorded.stream;
        self.of_cart(CartCheckedOutData {
            cart_id,
            order_id: event.order_id,
            currency: contents.currency,
            items_total: event.items_total,
            discount: event.discount,
            total: event.total,
        })
    }

    fn expired(&self, event: &CartExpired) -> PublicEvent {
        self.of_cart(CartExpiredData {
            cart_id: self.recorded.stream,
            idle_since: event.idle_since,
        })
    }

    fn order_placed(&self, event: CartCheckedOut, contents: &Contents) -> PublicEvent {
        let order_id = event.order_id;
        let data = OrderPlacedData {
            order_id,
            cart_id: self.recorded.stream,
            currency: contents.currency,
            lines: order_lines(contents),
            promotion: contents.promotion.as_ref().map(|it| it.code.clone()),
            items_total: event.items_total,
            discount: event.discount,
            total: event.total,
            withdrawn: event.withdrawn.map(|withdrawn| OrderWithdrawn {
                skus: withdrawn.skus,
                promotion: withdrawn.promotion,
            }),
        };
        // The cart's event has the position's plain id.
        let id = format!("{}:{}:order", self.log_id, self.recorded.position);
        self.event(id, format!("/api/orders/{order_id}"), order_id, data)
    }

    fn of_cart<T: PublicData>(&self, data: T) -> PublicEvent {
        let cart = self.recorded.stream;
        let id = format!("{}:{}", self.log_id, self.recorded.position);
        self.event(id, format!("/api/carts/{cart}"), cart, data)
    }

    fn event<T: PublicData>(
        &self,
        id: String,
        source: String,
        subject: Uuid,
        data: T,
    ) -> PublicEvent {
        let recorded = self.recorded;
        let command_id = self.metadata.command_id;
        let envelope = Envelope {
            specversion: "1.0",
            id,
            source,
            kind: T::TYPE,
            subject,
            time: recorded.recorded_at,
            datacontenttype: "application/json",
            data,
            partitionkey: recorded.stream,
            logposition: recorded.position.to_string(),
            streamversion: recorded.version.to_string(),
            correlationid: self.metadata.correlation_id.unwrap_or(command_id),
            traceparent: self.traceparent(),
        };
        let json = serde_json::to_string(&envelope).expect("public data has string keys only");
        PublicEvent {
            id: envelope.id,
            kind: T::TYPE,
            cart: recorded.stream,
            position: recorded.position,
            recorded_at: recorded.recorded_at,
            json,
        }
    }

    /// The trace of the request, with the command as the parent, since the log keeps only the
    /// trace's id. The flags say "not sampled", since this service records no spans.
    fn traceparent(&self) -> Option<String> {
        let trace = self.metadata.trace_id.as_deref()?;
        // The second half of a UUID is random and, by its variant, never zero.
        let parent = &self.metadata.command_id.as_bytes()[8..];
        Some(format!("00-{trace}-{}-00", hex::encode(parent)))
    }
}
