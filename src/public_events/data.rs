//! The data of the public events. These types are the contract: they name and describe every
//! member themselves, and nothing of them is stored.

use super::PublicType;
use crate::cart::event::Withdrawn;
use crate::cart::state::Lot;
use crate::cart::{Currency, Money, Sku};
use crate::orders::event::{CancelReason, OrderLine as PlacedLine, OrderPlaced};
use crate::timestamp::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

/// The data of one type of public event.
pub trait PublicData: Serialize + JsonSchema {
    const TYPE: PublicType;
}

/// A shopper checked out a cart, which is closed for ever.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CheckedOutCart")]
pub struct CartCheckedOutData {
    pub cart_id: Uuid,
    /// The order of the checkout.
    pub order_id: Uuid,
    pub currency: Currency,
    /// The sum of all lines, in minor units.
    pub items_total: Money,
    /// What a promotion takes off, in minor units.
    pub discount: Money,
    /// The amount that the shopper agreed to pay, in minor units.
    pub total: Money,
}

/// A cart was idle for so long that it was closed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExpiredCart")]
pub struct CartExpiredData {
    pub cart_id: Uuid,
    /// When the cart had changed last.
    pub idle_since: Timestamp,
}

/// An order was placed, for a cart that was checked out.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PlacedOrder")]
pub struct OrderPlacedData {
    pub order_id: Uuid,
    pub cart_id: Uuid,
    pub currency: Currency,
    /// What was ordered, in the order in which the products were added.
    pub lines: Vec<OrderLine>,
    /// The code of the promotion, if there was one.
    pub promotion: Option<String>,
    /// The sum of all lines, in minor units.
    pub items_total: Money,
    /// What the promotion takes off, in minor units.
    pub discount: Money,
    /// The amount that the shopper agreed to pay, in minor units.
    pub total: Money,
    /// What the shop no longer offered when it accepted the order, if there was anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<OrderWithdrawn>,
    /// Until when the warehouse must have answered; absent if it is not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserve_by: Option<Timestamp>,
}

/// The warehouse has reserved all units of an order.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ReservedOrder")]
pub struct OrderReservedData {
    pub order_id: Uuid,
    pub cart_id: Uuid,
}

/// The warehouse cannot deliver an order.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RefusedOrder")]
pub struct OrderRefusedData {
    pub order_id: Uuid,
    pub cart_id: Uuid,
    /// The reason, as the shopper sees it.
    pub message: String,
    /// The products that are missing, if the warehouse named any.
    pub skus: Vec<Sku>,
}

/// An order will be delivered.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ConfirmedOrder")]
pub struct OrderConfirmedData {
    pub order_id: Uuid,
    pub cart_id: Uuid,
    pub currency: Currency,
    /// The amount that the shopper agreed to pay, in minor units.
    pub total: Money,
}

/// An order will not be delivered.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CancelledOrder")]
pub struct OrderCancelledData {
    pub order_id: Uuid,
    pub cart_id: Uuid,
    pub reason: CancelReason,
    /// The reason, as the shopper sees it.
    pub message: String,
}

/// The units of one product in an order.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OrderLine {
    pub sku: Sku,
    /// The product's name when it was added.
    pub name: String,
    pub quantity: u32,
    /// The price of all units, in minor units.
    pub total: Money,
    /// The units by price: a unit keeps the price at which it was added.
    pub lots: Vec<OrderLot>,
}

/// Units of a line at the same price.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OrderLot {
    pub quantity: u32,
    /// In minor units.
    pub unit_price: Money,
}

/// What of an order the shop no longer offered.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OrderWithdrawn {
    pub skus: Vec<Sku>,
    /// The promotion's code.
    pub promotion: Option<String>,
}

impl PublicData for CartCheckedOutData {
    const TYPE: PublicType = PublicType::CartCheckedOut;
}

impl PublicData for CartExpiredData {
    const TYPE: PublicType = PublicType::CartExpired;
}

impl PublicData for OrderPlacedData {
    const TYPE: PublicType = PublicType::OrderPlaced;
}

impl PublicData for OrderReservedData {
    const TYPE: PublicType = PublicType::OrderReserved;
}

impl PublicData for OrderRefusedData {
    const TYPE: PublicType = PublicType::OrderRefused;
}

impl PublicData for OrderConfirmedData {
    const TYPE: PublicType = PublicType::OrderConfirmed;
}

impl PublicData for OrderCancelledData {
    const TYPE: PublicType = PublicType::OrderCancelled;
}

impl OrderPlacedData {
    /// The data of the order `order_id`, which was placed with `placed`.
    pub(super) fn of(order_id: Uuid, placed: OrderPlaced) -> OrderPlacedData {
        OrderPlacedData {
            order_id,
            cart_id: placed.cart_id,
            currency: placed.currency,
            lines: placed.lines.iter().map(OrderLine::of).collect(),
            promotion: placed.promotion,
            items_total: placed.items_total,
            discount: placed.discount,
            total: placed.total,
            withdrawn: placed.withdrawn.map(OrderWithdrawn::from),
            reserve_by: placed.reserve_by,
        }
    }
}

impl OrderLine {
    fn of(line: &PlacedLine) -> OrderLine {
        OrderLine {
            sku: line.sku.clone(),
            name: line.name.to_string(),
            quantity: line.quantity(),
            total: line.total(),
            lots: line.lots.iter().map(OrderLot::of).collect(),
        }
    }
}

impl OrderLot {
    fn of(lot: &Lot) -> OrderLot {
        OrderLot {
            quantity: lot.quantity,
            unit_price: lot.unit_price,
        }
    }
}

impl From<Withdrawn> for OrderWithdrawn {
    fn from(withdrawn: Withdrawn) -> OrderWithdrawn {
        OrderWithdrawn {
            skus: withdrawn.skus,
            promotion: withdrawn.promotion,
        }
    }
}
