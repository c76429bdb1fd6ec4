//! The JSON representation of a cart, a pure function of the cart's id and version, so that its
//! ETag is correct. Names and prices come from the events, never from the current catalogue.

use super::money::{Currency, Money};
use super::promotion::Promotion;
use super::sku::Sku;
use super::state::{Cart, Closure, Contents, Line};
use crate::timestamp::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

/// A cart at its current version.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Cart")]
pub struct CartDocument<'a> {
    pub id: Uuid,
    pub version: u64,
    pub status: Status,
    pub currency: Currency,
    #[serde(serialize_with = "lines")]
    #[schemars(with = "Vec<LineDocument<'a>>")]
    lines: &'a Contents,
    promotion: Option<PromotionDocument<'a>>,
    pub items_total: Money,
    pub discount: Money,
    pub total: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<Uuid>,
    pub opened_at: Timestamp,
    pub changed_at: Timestamp,
}

/// A cart as its owner shares it: without the ids of the cart and of its order.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SharedCart<'a> {
    pub version: u64,
    status: Status,
    currency: Currency,
    #[serde(serialize_with = "lines")]
    #[schemars(with = "Vec<LineDocument<'a>>")]
    lines: &'a Contents,
    promotion: Option<PromotionDocument<'a>>,
    items_total: Money,
    discount: Money,
    total: Money,
    /// When the cart reached this version.
    changed_at: Timestamp,
}

impl<'a> From<CartDocument<'a>> for SharedCart<'a> {
    fn from(cart: CartDocument<'a>) -> Self {
        SharedCart {
            version: cart.version,
            status: cart.status,
            currency: cart.currency,
            lines: cart.lines,
            promotion: cart.promotion,
            items_total: cart.items_total,
            discount: cart.discount,
            total: cart.total,
            changed_at: cart.changed_at,
        }
    }
}

/// The status of a cart. `checked_out` and `expired` are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Open,
    CheckedOut,
    Expired,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CartPromotion")]
struct PromotionDocument<'a> {
    code: &'a str,
    description: &'a str,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CartLine")]
struct LineDocument<'a> {
    sku: &'a Sku,
    name: &'a str,
    quantity: u32,
    total: Money,
    lots: &'a [super::state::Lot],
}

impl<'a> CartDocument<'a> {
    /// The document of `cart`, or `None` before it is opened.
    pub fn of(id: Uuid, cart: &'a Cart) -> Option<Self> {
        let contents = cart.contents()?;
        let (status, order_id) = match cart {
            Cart::NotOpened | Cart::Open(_) => (Status::Open, None),
            Cart::Closed(closed) => match closed.closure {
                Closure::CheckedOut { order_id } => (Status::CheckedOut, Some(order_id)),
                Closure::Expired => (Status::Expired, None),
            },
        };
        let items_total = contents.items_total();
        let discount = contents.discount();
        Some(CartDocument {
            id,
            version: contents.version,
            status,
            currency: contents.currency,
            lines: contents,
            promotion: contents.promotion.as_ref().map(PromotionDocument::of),
            items_total,
            discount,
            total: items_total.saturating_sub(discount),
            order_id,
            opened_at: contents.opened_at,
            changed_at: contents.changed_at,
        })
    }

    /// The document as JSON: the body of responses and the row of the cart view.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(768);
        serde_json::to_writer(&mut json, self).expect("a cart's document has string keys only");
        json
    }
}

impl<'a> PromotionDocument<'a> {
    fn of(promotion: &'a Promotion) -> Self {
        PromotionDocument {
            code: &promotion.code,
            description: &promotion.description,
        }
    }
}

fn lines<S: Serializer>(contents: &Contents, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(contents.lines().map(|line: &Line| LineDocument {
        sku: &line.sku,
        name: &line.name,
        quantity: line.quantity(),
        total: line.total(),
        lots: &line.lots,
    }))
}
