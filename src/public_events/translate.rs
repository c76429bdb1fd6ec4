//! The translation of stored events into public ones: a pure function of the log.

use super::data::{
    CartCheckedOutData, CartExpiredData, OrderCancelledData, OrderConfirmedData, OrderPlacedData,
    OrderRefusedData, OrderReservedData, PublicData,
};
use super::{Envelope, PublicEvent, PublicType};
use crate::cart::event::{CartCheckedOut, CartExpired};
use crate::cart::state::Contents;
use crate::cart::{CartEvent, CartModel};
use crate::decider::{Decider, UnreadableEvent};
use crate::history::{self, CommitMetadata, HistoryError};
use crate::log::{Freshness, LogReader, RecordedEvent, Version};
use crate::models::{Model, ModelEvent};
use crate::orders::event::OrderPlaced;
use crate::orders::{OrderEvent, OrderModel};
use uuid::Uuid;

/// The stored events that have public ones, by their names.
const TRANSLATED: [(&str, &[PublicType]); 7] = [
    // The second where no order follows.
    (
        "CartCheckedOut",
        &[PublicType::CartCheckedOut, PublicType::OrderPlaced],
    ),
    ("CartExpired", &[PublicType::CartExpired]),
    ("OrderPlaced", &[PublicType::OrderPlaced]),
    ("OrderReserved", &[PublicType::OrderReserved]),
    ("OrderRefused", &[PublicType::OrderRefused]),
    ("OrderConfirmed", &[PublicType::OrderConfirmed]),
    ("OrderCancelled", &[PublicType::OrderCancelled]),
];

/// Whether `recorded` may have a public event of one of `types`. Reads nothing but its name.
pub fn may_be_public(recorded: &RecordedEvent, types: &[PublicType]) -> bool {
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
    if !may_be_public(recorded, types) {
        return Ok(Vec::new());
    }
    let metadata = CommitMetadata::of(recorded)?;
    let source = |cart| Source {
        log_id: log.identity(),
        recorded,
        metadata,
        cart,
    };
    let mut events = match history::event_of::<ModelEvent>(recorded)? {
        ModelEvent::Cart(event) => {
            let source = source(recorded.stream);
            match event {
                CartEvent::CartCheckedOut(checked_out) => {
                    let cart = state_at::<CartModel>(log, recorded).await?;
                    let contents = cart.contents();
                    let contents = contents.ok_or_else(|| not_opened(recorded, "CartOpened"))?;
                    source.checkout(checked_out, contents)
                }
                CartEvent::CartExpired(expired) => vec![source.expired(&expired)],
                CartEvent::CartOpened(_)
                | CartEvent::ItemAdded(_)
                | CartEvent::ItemRemoved(_)
                | CartEvent::PromotionApplied(_)
                | CartEvent::PromotionRemoved(_) => Vec::new(),
            }
        }
        ModelEvent::Order(event) => {
            let order = state_at::<OrderModel>(log, recorded).await?;
            let placed = order.placed();
            let placed = placed.ok_or_else(|| not_opened(recorded, "OrderPlaced"))?;
            vec![source(placed.details.cart_id).of_order(event, &placed.details)]
        }
    };
    events.retain(|event| types.contains(&event.kind));
    Ok(events)
}

/// The cart or order of `recorded` right after it.
async fn state_at<D: Decider>(
    log: &dyn LogReader,
    recorded: &RecordedEvent,
) -> Result<D::State, HistoryError> {
    let mut state = D::initial();
    let (first, last) = (Version(0), Some(recorded.version));
    let fresh = Freshness::AtLeast(recorded.position);
    history::for_each(log, recorded.stream, first, last, fresh, |event| {
        history::evolve::<D>(&mut state, &event).map(|_| ())
    })
    .await?;
    Ok(state)
}

fn not_opened(recorded: &RecordedEvent, opening: &str) -> HistoryError {
    HistoryError::Event {
        stream: recorded.stream,
        version: recorded.version,
        error: UnreadableEvent::malformed(
            &recorded.name,
            recorded.schema,
            &format!("its stream must begin with {opening}"),
        ),
    }
}

/// A stored event and the log that it is in.
struct Source<'a> {
    log_id: Uuid,
    recorded: &'a RecordedEvent,
    metadata: CommitMetadata<'a>,
    /// The cart that the event belongs to, or whose order it is of.
    cart: Uuid,
}

impl Source<'_> {
    /// The events of a checkout. Where no order follows, the checkout has placed it.
    fn checkout(&self, event: CartCheckedOut, contents: &Contents) -> Vec<PublicEvent> {
        let checked_out = self.of_stream(CartCheckedOutData {
            cart_id: self.cart,
            order_id: event.order_id,
            currency: contents.currency,
            items_total: event.items_total,
            discount: event.discount,
            total: event.total,
        });
        if event.order_follows {
            return vec![checked_out];
        }
        let order_id = event.order_id;
        let placed = OrderPlaced::of(self.cart, event, contents, None);
        let placed = OrderPlacedData::of(order_id, placed);
        // The cart's event has the position's plain id.
        let id = format!("{}:{}:order", self.log_id, self.recorded.position);
        vec![checked_out, self.event(id, Model::Order, order_id, placed)]
    }

    fn expired(&self, event: &CartExpired) -> PublicEvent {
        self.of_stream(CartExpiredData {
            cart_id: self.cart,
            idle_since: event.idle_since,
        })
    }

    /// The event of an order that was placed with `details`.
    fn of_order(&self, event: OrderEvent, details: &OrderPlaced) -> PublicEvent {
        let (order_id, cart_id) = (self.recorded.stream, self.cart);
        match event {
            OrderEvent::OrderPlaced(placed) => {
                self.of_stream(OrderPlacedData::of(order_id, placed))
            }
            OrderEvent::OrderReserved(_) => self.of_stream(OrderReservedData { order_id, cart_id }),
            OrderEvent::OrderRefused(refused) => self.of_stream(OrderRefusedData {
                order_id,
                cart_id,
                message: refused.message,
                skus: refused.skus,
            }),
            OrderEvent::OrderConfirmed(_) => self.of_stream(OrderConfirmedData {
                order_id,
                cart_id,
                currency: details.currency,
                total: details.total,
            }),
            OrderEvent::OrderCancelled(cancelled) => self.of_stream(OrderCancelledData {
                order_id,
                cart_id,
                reason: cancelled.reason,
                message: cancelled.message,
            }),
        }
    }

    /// The event about the cart or order that the stored event belongs to.
    fn of_stream<T: PublicData>(&self, data: T) -> PublicEvent {
        let id = format!("{}:{}", self.log_id, self.recorded.position);
        let model = Model::of(&self.recorded.name);
        self.event(id, model, self.recorded.stream, data)
    }

    fn event<T: PublicData>(
        &self,
        id: String,
        model: Model,
        subject: Uuid,
        data: T,
    ) -> PublicEvent {
        let recorded = self.recorded;
        let command_id = self.metadata.command_id;
        let envelope = Envelope {
            specversion: "1.0",
            id,
            source: format!("{}/{subject}", model.path()),
            kind: T::TYPE,
            subject,
            time: recorded.recorded_at,
            datacontenttype: "application/json",
            data,
            partitionkey: self.cart,
            logposition: recorded.position.to_string(),
            streamversion: recorded.version.to_string(),
            correlationid: self.metadata.correlation_id.unwrap_or(command_id),
            traceparent: self.traceparent(),
        };
        let json = serde_json::to_string(&envelope).expect("public data has string keys only");
        PublicEvent {
            id: envelope.id,
            kind: T::TYPE,
            cart: self.cart,
            position: recorded.position,
            recorded_at: recorded.recorded_at,
            span: self.metadata.span(),
            json,
        }
    }

    /// The trace of the request, with the command as the parent, since the log keeps only the
    /// trace's id. The flags say "sampled" where that is a span which this service has recorded.
    fn traceparent(&self) -> Option<String> {
        let trace = self.metadata.trace_id.as_deref()?;
        // The second half of a UUID is random and, by its variant, never zero.
        let parent = &self.metadata.command_id.as_bytes()[8..];
        let flags = u8::from(self.metadata.sampled);
        Some(format!("00-{trace}-{}-{flags:02x}", hex::encode(parent)))
    }
}
