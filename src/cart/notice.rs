//! Notices: how a cart differs from what the shop sells today. They are not part of the cart's
//! document, which must not change without a new version.

use super::money::{Currency, Money};
use super::sku::Sku;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// A difference between a cart and today's offers. Units and promotions keep the terms under which
/// they came into the cart, so only a withdrawal can stop a checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The shop no longer sells the product, or sells it in another currency.
    ProductWithdrawn {
        sku: Sku,
        name: Arc<str>,
        /// The currency it is sold in today.
        sold_in: Option<Currency>,
    },
    /// Some units of the line have another price than the product has today.
    PriceChanged {
        sku: Sku,
        name: Arc<str>,
        /// Today's price, in the cart's currency.
        unit_price: Money,
    },
    /// The shop no longer offers the promotion, or its amount is in another currency.
    PromotionWithdrawn {
        code: String,
        /// The currency of its amount today.
        sold_in: Option<Currency>,
    },
    /// The promotion has other terms today.
    PromotionChanged {
        code: String,
        /// Today's description.
        description: String,
    },
}

/// The notices as sentences, with what to do.
pub(super) fn in_words(notices: &[Notice], currency: Currency) -> String {
    let mut words = String::new();
    for notice in notices {
        words.push_str(&notice.sentence(currency));
        words.push(' ');
    }
    words.push_str(match notices.len() {
        1 => "Remove it to check out.",
        _ => "Remove them to check out.",
    });
    words
}

impl Notice {
    /// Whether the shop no longer offers it, so that a checkout may be refused.
    pub fn is_withdrawal(&self) -> bool {
        match self {
            Notice::ProductWithdrawn { .. } | Notice::PromotionWithdrawn { .. } => true,
            Notice::PriceChanged { .. } | Notice::PromotionChanged { .. } => false,
        }
    }

    /// The notice in words for the shopper, with amounts in the cart's `currency`.
    pub fn sentence(&self, currency: Currency) -> String {
        match self {
            Notice::ProductWithdrawn { name, sold_in, .. } => match sold_in {
                None => format!("“{name}” is no longer sold."),
                Some(today) => format!("“{name}” is no longer sold in {currency}, but in {today}."),
            },
            Notice::PriceChanged {
                name, unit_price, ..
            } => format!(
                "“{name}” costs {} today. The units in your cart keep their price.",
                unit_price.display(currency)
            ),
            Notice::PromotionWithdrawn { code, .. } => {
                format!("The code {code} is no longer offered.")
            }
            Notice::PromotionChanged { code, description } => {
                format!("The code {code} is “{description}” today. Your cart keeps its discount.")
            }
        }
    }

    /// The notice as JSON. `refuses` is whether a checkout is refused for withdrawn offers.
    pub fn document(&self, currency: Currency, refuses: bool) -> NoticeDocument {
        let blocks_checkout = refuses && self.is_withdrawal();
        let mut detail = self.sentence(currency);
        if blocks_checkout {
            detail.push_str(" Remove it to check out.");
        }
        let empty = NoticeDocument {
            kind: NoticeType::ProductWithdrawn,
            blocks_checkout,
            detail,
            sku: None,
            name: None,
            code: None,
            unit_price: None,
            description: None,
            sold_in: None,
        };
        match self.clone() {
            Notice::ProductWithdrawn { sku, name, sold_in } => NoticeDocument {
                sku: Some(sku),
                name: Some(name),
                sold_in,
                ..empty
            },
            Notice::PriceChanged {
                sku,
                name,
                unit_price,
            } => NoticeDocument {
                kind: NoticeType::PriceChanged,
                sku: Some(sku),
                name: Some(name),
                unit_price: Some(unit_price),
                ..empty
            },
            Notice::PromotionWithdrawn { code, sold_in } => NoticeDocument {
                kind: NoticeType::PromotionWithdrawn,
                code: Some(code),
                sold_in,
                ..empty
            },
            Notice::PromotionChanged { code, description } => NoticeDocument {
                kind: NoticeType::PromotionChanged,
                code: Some(code),
                description: Some(description),
                ..empty
            },
        }
    }
}

/// A difference between a cart and what the shop sells today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "CartNotice")]
pub struct NoticeDocument {
    #[serde(rename = "type")]
    kind: NoticeType,
    /// Whether a checkout is refused until the line or promotion is removed.
    blocks_checkout: bool,
    /// The notice in words for the shopper.
    detail: String,
    /// The product of the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<Sku>,
    /// The product's name in the cart.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    name: Option<Arc<str>>,
    /// The code of the promotion.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The product's price today, in minor units of the cart's currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_price: Option<Money>,
    /// The promotion's description today.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// The currency that it is offered in today, if that is not the cart's.
    #[serde(skip_serializing_if = "Option::is_none")]
    sold_in: Option<Currency>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum NoticeType {
    ProductWithdrawn,
    PriceChanged,
    PromotionWithdrawn,
    PromotionChanged,
}
