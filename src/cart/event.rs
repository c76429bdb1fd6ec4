//! The events of a cart. The names and shapes here are the storage format: a change needs a new
//! schema version, and the old one stays readable (`tests/golden/events/`).

use super::money::{Currency, Money};
use super::promotion::Promotion;
use super::sku::Sku;
use super::upcast::CartOpened1;
use crate::decider::{Event, UnreadableEvent, event_from_json, event_to_json};
use crate::timestamp::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// An event of a cart. Only `ItemAdded` and `ItemRemoved` change the quantity of a line, so a
/// cart's subtotal is the plain sum over its events.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "EventData", untagged)]
pub enum CartEvent {
    CartOpened(CartOpened),
    ItemAdded(Units),
    ItemRemoved(Units),
    PromotionApplied(Promotion),
    PromotionRemoved(PromotionRemoved),
    CartCheckedOut(CartCheckedOut),
    CartExpired(CartExpired),
}

/// An event's data in the log, in the current shape or an old one, by the event's type and schema.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum StoredData {
    Current(CartEvent),
    CartOpened1(CartOpened1),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CartOpened {
    /// The currency of every amount in this cart. It never changes.
    pub currency: Currency,
    /// The SHA-256 digest of the cart's token. The token itself is never stored.
    #[serde(rename = "token", with = "token_digest")]
    #[schemars(with = "TokenDigest")]
    pub token_hash: [u8; 32],
}

/// The digest of a token, under the name of its hash function.
#[derive(Serialize, Deserialize, JsonSchema)]
struct TokenDigest {
    #[serde(with = "hex")]
    #[schemars(with = "String")]
    sha256: [u8; 32],
}

impl From<CartOpened1> for CartOpened {
    fn from(old: CartOpened1) -> CartOpened {
        CartOpened {
            currency: old.currency,
            token_hash: old.token_hash,
        }
    }
}

mod token_digest {
    use super::TokenDigest;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(hash: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        TokenDigest { sha256: *hash }.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        TokenDigest::deserialize(deserializer).map(|digest| digest.sha256)
    }
}

/// Units of one product at one price, added or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Units {
    pub sku: Sku,
    /// The product's name at the time of the event; the catalogue may have changed since.
    pub name: Arc<str>,
    pub quantity: u32,
    pub unit_price: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PromotionRemoved {
    pub code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CartCheckedOut {
    pub order_id: Uuid,
    pub items_total: Money,
    pub discount: Money,
    /// The amount that the shopper agreed to pay.
    pub total: Money,
    /// What the shop no longer offered at the time, if there was anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Withdrawn>,
    /// Whether an order process places the order, as a stream of its own. Without it the checkout
    /// is all there is of the order, as in version 0.1.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub order_follows: bool,
}

/// Parts of an order that the shop no longer offered when it accepted the order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Withdrawn {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skus: Vec<Sku>,
    /// The promotion's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CartExpired {
    /// The time of the previous event.
    pub idle_since: Timestamp,
}

impl CartEvent {
    /// The product whose line this event changes, if it changes one.
    pub fn sku(&self) -> Option<&Sku> {
        match self {
            CartEvent::ItemAdded(units) | CartEvent::ItemRemoved(units) => Some(&units.sku),
            CartEvent::CartOpened(_)
            | CartEvent::PromotionApplied(_)
            | CartEvent::PromotionRemoved(_)
            | CartEvent::CartCheckedOut(_)
            | CartEvent::CartExpired(_) => None,
        }
    }
}

impl Event for CartEvent {
    const NAMES: &'static [&'static str] = &[
        "CartOpened",
        "ItemAdded",
        "ItemRemoved",
        "PromotionApplied",
        "PromotionRemoved",
        "CartCheckedOut",
        "CartExpired",
    ];

    fn name(&self) -> &'static str {
        match self {
            CartEvent::CartOpened(_) => "CartOpened",
            CartEvent::ItemAdded(_) => "ItemAdded",
            CartEvent::ItemRemoved(_) => "ItemRemoved",
            CartEvent::PromotionApplied(_) => "PromotionApplied",
            CartEvent::PromotionRemoved(_) => "PromotionRemoved",
            CartEvent::CartCheckedOut(_) => "CartCheckedOut",
            CartEvent::CartExpired(_) => "CartExpired",
        }
    }

    fn schema(&self) -> u32 {
        match self {
            CartEvent::CartOpened(_) => 2,
            CartEvent::ItemAdded(_)
            | CartEvent::ItemRemoved(_)
            | CartEvent::PromotionApplied(_)
            | CartEvent::PromotionRemoved(_)
            | CartEvent::CartCheckedOut(_)
            | CartEvent::CartExpired(_) => 1,
        }
    }

    fn data(&self) -> String {
        match self {
            CartEvent::CartOpened(data) => event_to_json(data),
            CartEvent::ItemAdded(data) | CartEvent::ItemRemoved(data) => event_to_json(data),
            CartEvent::PromotionApplied(data) => event_to_json(data),
            CartEvent::PromotionRemoved(data) => event_to_json(data),
            CartEvent::CartCheckedOut(data) => event_to_json(data),
            CartEvent::CartExpired(data) => event_to_json(data),
        }
    }

    fn read(name: &str, schema: u32, data: &str) -> Result<Self, UnreadableEvent> {
        let read = match (name, schema) {
            ("CartOpened", 1) => event_from_json::<CartOpened1>(data)
                .map(CartOpened::from)
                .map(CartEvent::CartOpened),
            ("CartOpened", 2) => event_from_json(data).map(CartEvent::CartOpened),
            ("ItemAdded", 1) => event_from_json(data).map(CartEvent::ItemAdded),
            ("ItemRemoved", 1) => event_from_json(data).map(CartEvent::ItemRemoved),
            ("PromotionApplied", 1) => event_from_json(data).map(CartEvent::PromotionApplied),
            ("PromotionRemoved", 1) => event_from_json(data).map(CartEvent::PromotionRemoved),
            ("CartCheckedOut", 1) => event_from_json(data).map(CartEvent::CartCheckedOut),
            ("CartExpired", 1) => event_from_json(data).map(CartEvent::CartExpired),
            _ => return Err(UnreadableEvent::unknown(name, schema)),
        };
        read.map_err(|reason| UnreadableEvent::malformed(name, schema, &reason))
    }
}
