//! The JSON representation of an order, a pure function of the order's id and state.

use super::event::{CancelReason, OrderLine};
use super::state::{Order, OrderStatus};
use crate::cart::event::Withdrawn;
use crate::cart::state::Lot;
use crate::cart::{Currency, Money, Sku};
use crate::timestamp::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

/// An order at its current version.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Order")]
pub struct OrderDocument<'a> {
    pub id: Uuid,
    pub version: u64,
    pub cart_id: Uuid,
    status: Status,
    /// Why the order was refused or cancelled, in words for the shopper.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_reason: Option<CancelReason>,
    currency: Currency,
    lines: Vec<LineDocument<'a>>,
    /// The code of the promotion, if there was one.
    promotion: Option<&'a str>,
    items_total: Money,
    discount: Money,
    /// The amount that the shopper agreed to pay.
    total: Money,
    /// What the shop no longer offered at the checkout, if there was anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawn: Option<&'a Withdrawn>,
    placed_at: Timestamp,
    changed_at: Timestamp,
    /// Of a placed order: until when the warehouse must have answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    reserve_by: Option<Timestamp>,
}

/// The status of an order. `confirmed` and `cancelled` are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "OrderStatus")]
pub enum Status {
    Placed,
    Reserved,
    Refused,
    Confirmed,
    Cancelled,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OrderLineDocument")]
struct LineDocument<'a> {
    sku: &'a Sku,
    name: &'a str,
    quantity: u32,
    total: Money,
    lots: &'a [Lot],
}

impl<'a> OrderDocument<'a> {
    /// The document of `order`, or `None` before it is placed.
    pub fn of(id: Uuid, order: &'a Order) -> Option<Self> {
        let placed = order.placed()?;
        let details = &placed.details;
        let (message, cancel_reason) = match &placed.status {
            OrderStatus::Placed | OrderStatus::Reserved | OrderStatus::Confirmed => (None, None),
            OrderStatus::Refused { message } => (Some(message.as_str()), None),
            OrderStatus::Cancelled { reason, message } => (Some(message.as_str()), Some(*reason)),
        };
        let status = Status::of(&placed.status);
        Some(OrderDocument {
            id,
            version: placed.version,
            cart_id: details.cart_id,
            status,
            message,
            cancel_reason,
            currency: details.currency,
            lines: details.lines.iter().map(LineDocument::of).collect(),
            promotion: details.promotion.as_deref(),
            items_total: details.items_total,
            discount: details.discount,
            total: details.total,
            withdrawn: details.withdrawn.as_ref(),
            placed_at: placed.placed_at,
            changed_at: placed.changed_at,
            reserve_by: details.reserve_by.filter(|_| status == Status::Placed),
        })
    }

    /// The document as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an order's document has string keys only")
    }
}

impl<'a> LineDocument<'a> {
    fn of(line: &'a OrderLine) -> Self {
        LineDocument {
            sku: &line.sku,
            name: &line.name,
            quantity: line.quantity(),
            total: line.total(),
            lots: &line.lots,
        }
    }
}

impl Status {
    pub fn of(status: &OrderStatus) -> Status {
        match status {
            OrderStatus::Placed => Status::Placed,
            OrderStatus::Reserved => Status::Reserved,
            OrderStatus::Refused { .. } => Status::Refused,
            OrderStatus::Confirmed => Status::Confirmed,
            OrderStatus::Cancelled { .. } => Status::Cancelled,
        }
    }
}
