//! The commands of a cart, sent by a shopper or by the service. Prices, ids and times come with
//! the command: the model looks nothing up.

use super::money::{Currency, Money};
use super::offers::{Offer, Offers, PromotionOffer};
use super::sku::Sku;
use crate::timestamp::Timestamp;
use std::sync::Arc;
use uuid::Uuid;

/// Units of one product that a shopper requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedItem {
    pub sku: Sku,
    pub quantity: u32,
    /// `None` if the shop does not sell the product.
    pub offer: Option<Offer>,
}

impl RequestedItem {
    /// Units of a product that the shop sells.
    pub fn offered(offer: Offer, quantity: u32) -> RequestedItem {
        RequestedItem {
            sku: offer.sku.clone(),
            quantity,
            offer: Some(offer),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CartCommand {
    OpenCart {
        currency: Currency,
        token_hash: [u8; 32],
        items: Vec<RequestedItem>,
    },
    /// Adds the quantity to the product's line.
    AddItem(RequestedItem),
    /// Sets the line's quantity, which can be lowered without an offer.
    SetQuantity(RequestedItem),
    RemoveItem {
        sku: Sku,
    },
    ClearCart,
    ApplyPromotion {
        /// `None` if the shop has no promotion under the shopper's code.
        promotion: Option<PromotionOffer>,
    },
    RemovePromotion,
    /// Reverses the last command not yet undone.
    Undo,
    Checkout {
        /// The total that the shopper saw. A different total is refused, not charged.
        expected_total: Money,
        order_id: Uuid,
        /// What the shop sells today.
        offers: Arc<Offers>,
    },
    /// Closes a cart in which nothing has happened since `idle_since`.
    Expire {
        idle_since: Timestamp,
    },
}

/// The recorded name of [`CartCommand::Undo`], by which `evolve` recognizes a reversal.
pub(super) const UNDO: &str = "undo";
/// The recorded name of [`CartCommand::OpenCart`], which cannot be undone.
pub(super) const OPEN_CART: &str = "open_cart";

/// Defines the name of each command once.
macro_rules! names {
    ($($command:pat => $name:expr,)+) => {
        impl CartCommand {
            /// The names of all commands.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The command's name in an event's metadata.
            pub fn name(&self) -> &'static str {
                match self { $($command => $name),+ }
            }
        }
    };
}

names! {
    CartCommand::OpenCart { .. } => OPEN_CART,
    CartCommand::AddItem { .. } => "add_item",
    CartCommand::SetQuantity { .. } => "set_quantity",
    CartCommand::RemoveItem { .. } => "remove_item",
    CartCommand::ClearCart => "clear_cart",
    CartCommand::ApplyPromotion { .. } => "apply_promotion",
    CartCommand::RemovePromotion => "remove_promotion",
    CartCommand::Undo => UNDO,
    CartCommand::Checkout { .. } => "checkout",
    CartCommand::Expire { .. } => "expire",
}
