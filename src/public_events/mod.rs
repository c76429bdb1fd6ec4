//! The public events: what other services rely on. A contract of its own, so that the stored
//! events can change without them.
//!
//! Each is a CloudEvent 1.0 with everything that a receiver needs, made from a stored event and the
//! cart or order at that moment. The events of a cart and its order are ordered, by `logposition`;
//! between carts there is no order that matters. A change that receivers would notice is a new
//! type, `cartlog.v2.…`.

mod data;
mod translate;

pub use data::{
    CartCheckedOutData, CartExpiredData, OrderCancelledData, OrderConfirmedData, OrderLine,
    OrderLot, OrderPlacedData, OrderRefusedData, OrderReservedData, OrderWithdrawn, PublicData,
};
pub use translate::{may_be_public, public_events};

use crate::log::Position;
use crate::timestamp::Timestamp;
use crate::traces::SpanContext;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// The type of a public event.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum PublicType {
    #[serde(rename = "cartlog.v1.cart.checked_out")]
    CartCheckedOut,
    #[serde(rename = "cartlog.v1.cart.expired")]
    CartExpired,
    #[serde(rename = "cartlog.v1.order.placed")]
    OrderPlaced,
    #[serde(rename = "cartlog.v1.order.reserved")]
    OrderReserved,
    #[serde(rename = "cartlog.v1.order.refused")]
    OrderRefused,
    #[serde(rename = "cartlog.v1.order.confirmed")]
    OrderConfirmed,
    #[serde(rename = "cartlog.v1.order.cancelled")]
    OrderCancelled,
}

impl PublicType {
    pub const ALL: [PublicType; 7] = [
        PublicType::CartCheckedOut,
        PublicType::CartExpired,
        PublicType::OrderPlaced,
        PublicType::OrderReserved,
        PublicType::OrderRefused,
        PublicType::OrderConfirmed,
        PublicType::OrderCancelled,
    ];

    /// The `type` of the CloudEvent.
    pub fn name(self) -> &'static str {
        match self {
            PublicType::CartCheckedOut => "cartlog.v1.cart.checked_out",
            PublicType::CartExpired => "cartlog.v1.cart.expired",
            PublicType::OrderPlaced => "cartlog.v1.order.placed",
            PublicType::OrderReserved => "cartlog.v1.order.reserved",
            PublicType::OrderRefused => "cartlog.v1.order.refused",
            PublicType::OrderConfirmed => "cartlog.v1.order.confirmed",
            PublicType::OrderCancelled => "cartlog.v1.order.cancelled",
        }
    }
}

impl fmt::Display for PublicType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A public event, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicEvent {
    /// The CloudEvent's `id`, which is the same whenever the event is sent.
    pub id: String,
    pub kind: PublicType,
    /// The cart that the event belongs to, or whose order it is of: its events are ordered.
    pub cart: Uuid,
    pub position: Position,
    pub recorded_at: Timestamp,
    /// The span of the command that wrote the event; `None` if it is not sampled.
    pub span: Option<SpanContext>,
    /// The CloudEvent in its JSON format ([`Envelope`]).
    pub json: String,
}

/// A public event as a CloudEvent 1.0 in its JSON format.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Event")]
pub struct Envelope<T> {
    pub specversion: &'static str,
    /// The log's id and the position in it, and the subject's kind where one position has several
    /// events. The same whenever the event is sent: a receiver that has seen it ignores it.
    pub id: String,
    /// The cart or the order.
    pub source: String,
    #[serde(rename = "type")]
    pub kind: PublicType,
    /// The id of the cart or the order.
    pub subject: Uuid,
    /// When it happened.
    pub time: Timestamp,
    pub datacontenttype: &'static str,
    pub data: T,
    /// The cart: events with the same key are sent in order.
    pub partitionkey: Uuid,
    /// Position in the log, as a decimal string: an integer in CloudEvents has 32 bits.
    pub logposition: String,
    /// The version of the cart or order after the event, as a decimal string.
    pub streamversion: String,
    /// The request's `X-Correlation-Id`, or a generated one.
    pub correlationid: Uuid,
    /// The trace of the request (W3C Trace Context), if it was sent with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// Any public event, for descriptions.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "PublicEvent")]
pub enum AnyPublicEvent {
    CartCheckedOut(Envelope<CartCheckedOutData>),
    CartExpired(Envelope<CartExpiredData>),
    OrderPlaced(Envelope<OrderPlacedData>),
    OrderReserved(Envelope<OrderReservedData>),
    OrderRefused(Envelope<OrderRefusedData>),
    OrderConfirmed(Envelope<OrderConfirmedData>),
    OrderCancelled(Envelope<OrderCancelledData>),
}
