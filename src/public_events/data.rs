//! The data of the public events. These types are the contract: they name and describe every
//! member themselves, and nothing of them is stored.

use super::PublicType;
use crate::cart::state::{Contents, Line, Lot};
use crate::cart::{Currency, Money, Sku};
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
    /// The order that the checkout placed.
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

/// An order was placed, by the checkout of a cart.
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

/// The lines of an order for `contents`.
pub(super) fn order_lines(contents: &Contents) -> Vec<OrderLine> {
    let lot = |lot: &Lot| OrderLot {
        quantity: lot.quantity,
        unit_price: lot.unit_price,
    };
    let line = |line: &Line| OrderLine {
        sku: line.sku.clone(),
        name: line.name.to_string(),
        quantity: line.quantity(),
        total: line.total(),
        lots: line.lots.iter().map(lot).collect(),
    };
    contents.lines().map(line).collect()
}
