//! The events of an order. The names and shapes here are the storage format: a change needs a new
//! schema version, and the old one stays readable (`tests/golden/events/`).

use crate::cart::event::{CartCheckedOut, Withdrawn};
use crate::cart::state::{Contents, Lot};
use crate::cart::{Currency, Money, Sku};
use crate::decider::{Event, UnreadableEvent, event_from_json, event_to_json};
use crate::timestamp::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// An event of an order.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "OrderEventData", untagged)]
pub enum OrderEvent {
    OrderPlaced(OrderPlaced),
    OrderReserved(OrderReserved),
    OrderRefused(OrderRefused),
    OrderConfirmed(OrderConfirmed),
    OrderCancelled(OrderCancelled),
}

/// The order was placed for a cart that was checked out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderPlaced {
    pub cart_id: Uuid,
    pub currency: Currency,
    /// In the order in which the products were first added.
    pub lines: Vec<OrderLine>,
    /// The code of the promotion, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<String>,
    pub items_total: Money,
    pub discount: Money,
    /// The amount that the shopper agreed to pay.
    pub total: Money,
    /// What the shop no longer offered at the time, if there was anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Withdrawn>,
    /// Until when the warehouse must have answered; absent if it is not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve_by: Option<Timestamp>,
}

/// The units of one product in an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "StoredOrderLine")]
pub struct OrderLine {
    pub sku: Sku,
    /// The product's name when it was added.
    pub name: Arc<str>,
    /// The units by price: a unit keeps the price at which it was added.
    pub lots: Vec<Lot>,
}

/// The warehouse has reserved all units.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct OrderReserved {}

/// The warehouse cannot deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderRefused {
    /// The reason, as the shopper sees it.
    pub message: String,
    /// The products that are missing, if the warehouse named any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skus: Vec<Sku>,
}

/// The order will be delivered. Final.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct OrderConfirmed {}

/// The order will not be delivered. Final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderCancelled {
    pub reason: CancelReason,
    /// The reason, as the shopper sees it.
    pub message: String,
}

/// Why an order was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The warehouse refused it.
    Refused,
    /// The warehouse did not answer in time.
    TimedOut,
}

impl OrderPlaced {
    /// The order for `contents`, the cart `cart_id` that was checked out by `checkout`.
    pub fn of(
        cart_id: Uuid,
        checkout: CartCheckedOut,
        contents: &Contents,
        reserve_by: Option<Timestamp>,
    ) -> OrderPlaced {
        let lines = contents.lines().map(|line| OrderLine {
            sku: line.sku.clone(),
            name: line.name.clone(),
            lots: line.lots.clone(),
        });
        OrderPlaced {
            cart_id,
            currency: contents.currency,
            lines: lines.collect(),
            promotion: contents.promotion.as_ref().map(|it| it.code.clone()),
            items_total: checkout.items_total,
            discount: checkout.discount,
            total: checkout.total,
            withdrawn: checkout.withdrawn,
            reserve_by,
        }
    }
}

impl OrderLine {
    pub fn quantity(&self) -> u32 {
        Lot::quantity_of(&self.lots)
    }

    pub fn total(&self) -> Money {
        Lot::total_of(&self.lots)
    }
}

impl Event for OrderEvent {
    const NAMES: &'static [&'static str] = &[
        "OrderPlaced",
        "OrderReserved",
        "OrderRefused",
        "OrderConfirmed",
        "OrderCancelled",
    ];

    fn name(&self) -> &'static str {
        match self {
            OrderEvent::OrderPlaced(_) => "OrderPlaced",
            OrderEvent::OrderReserved(_) => "OrderReserved",
            OrderEvent::OrderRefused(_) => "OrderRefused",
            OrderEvent::OrderConfirmed(_) => "OrderConfirmed",
            OrderEvent::OrderCancelled(_) => "OrderCancelled",
        }
    }

    fn schema(&self) -> u32 {
        match self {
            OrderEvent::OrderPlaced(_)
            | OrderEvent::OrderReserved(_)
            | OrderEvent::OrderRefused(_)
            | OrderEvent::OrderConfirmed(_)
            | OrderEvent::OrderCancelled(_) => 1,
        }
    }

    fn data(&self) -> String {
        match self {
            OrderEvent::OrderPlaced(data) => event_to_json(data),
            OrderEvent::OrderReserved(data) => event_to_json(data),
            OrderEvent::OrderRefused(data) => event_to_json(data),
            OrderEvent::OrderConfirmed(data) => event_to_json(data),
            OrderEvent::OrderCancelled(data) => event_to_json(data),
        }
    }

    fn read(name: &str, schema: u32, data: &str) -> Result<Self, UnreadableEvent> {
        let read = match (name, schema) {
            ("OrderPlaced", 1) => event_from_json(data).map(OrderEvent::OrderPlaced),
            ("OrderReserved", 1) => event_from_json(data).map(OrderEvent::OrderReserved),
            ("OrderRefused", 1) => event_from_json(data).map(OrderEvent::OrderRefused),
            ("OrderConfirmed", 1) => event_from_json(data).map(OrderEvent::OrderConfirmed),
            ("OrderCancelled", 1) => event_from_json(data).map(OrderEvent::OrderCancelled),
            _ => return Err(UnreadableEvent::unknown(name, schema)),
        };
        read.map_err(|reason| UnreadableEvent::malformed(name, schema, &reason))
    }
}
