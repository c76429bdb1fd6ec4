//! What the shop sells today, which a checkout is decided on.

use super::contents::{Contents, Line};
use super::money::{Currency, Money};
use super::notice::Notice;
use super::promotion::{Promotion, Terms};
use super::sku::Sku;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The shop's offer of a product at the time of the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub sku: Sku,
    pub name: Arc<str>,
    pub unit_price: Money,
    /// The currency of `unit_price`. A cart of another currency does not take the product.
    pub currency: Currency,
    /// The product's own limit of units per cart, if it has one.
    pub max_per_cart: Option<u32>,
}

/// The shop's offer of a promotion at the time of the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromotionOffer {
    pub promotion: Promotion,
    /// The currency of a fixed amount. A percentage applies to carts of any currency.
    pub currency: Currency,
}

impl PromotionOffer {
    /// Whether a cart of this currency can have the promotion.
    pub(super) fn applies_to(&self, currency: Currency) -> bool {
        match self.promotion.terms {
            Terms::Percent(_) => true,
            Terms::Amount(_) => self.currency == currency,
        }
    }
}

/// The shop's offers at the time of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offers {
    products: BTreeMap<Sku, Offer>,
    /// By their codes in capital letters.
    promotions: BTreeMap<String, PromotionOffer>,
}

impl Offers {
    pub fn new(
        products: impl IntoIterator<Item = Offer>,
        promotions: impl IntoIterator<Item = PromotionOffer>,
    ) -> Offers {
        let by_sku = |offer: Offer| (offer.sku.clone(), offer);
        let by_code = |offer: PromotionOffer| (offer.promotion.code.to_uppercase(), offer);
        Offers {
            products: products.into_iter().map(by_sku).collect(),
            promotions: promotions.into_iter().map(by_code).collect(),
        }
    }

    pub fn product(&self, sku: &Sku) -> Option<&Offer> {
        self.products.get(sku)
    }

    /// The promotion with that code, ignoring case.
    pub fn promotion(&self, code: &str) -> Option<&PromotionOffer> {
        self.promotions.get(&code.to_uppercase())
    }

    pub fn promotions(&self) -> impl Iterator<Item = &PromotionOffer> {
        self.promotions.values()
    }

    /// How `contents` differ from these offers: lines first, in their order.
    pub fn notices(&self, contents: &Contents) -> Vec<Notice> {
        let currency = contents.currency;
        let lines = contents
            .lines()
            .filter_map(|line| self.notice_of_line(line, currency));
        let promotion = contents.promotion.as_ref();
        let promotion = promotion.and_then(|applied| self.notice_of_promotion(applied, currency));
        lines.chain(promotion).collect()
    }

    fn notice_of_line(&self, line: &Line, currency: Currency) -> Option<Notice> {
        let offer = self.product(&line.sku);
        let Some(offer) = offer.filter(|offer| offer.currency == currency) else {
            return Some(Notice::ProductWithdrawn {
                sku: line.sku.clone(),
                name: line.name.clone(),
                sold_in: offer.map(|offer| offer.currency),
            });
        };
        let is_changed = line
            .lots
            .iter()
            .any(|lot| lot.unit_price != offer.unit_price);
        is_changed.then(|| Notice::PriceChanged {
            sku: line.sku.clone(),
            name: line.name.clone(),
            unit_price: offer.unit_price,
        })
    }

    fn notice_of_promotion(&self, applied: &Promotion, currency: Currency) -> Option<Notice> {
        let offer = self.promotion(&applied.code);
        let Some(offer) = offer.filter(|offer| offer.applies_to(currency)) else {
            return Some(Notice::PromotionWithdrawn {
                code: applied.code.clone(),
                sold_in: offer.map(|offer| offer.currency),
            });
        };
        let today = &offer.promotion;
        (today.terms != applied.terms).then(|| Notice::PromotionChanged {
            code: applied.code.clone(),
            description: today.description.clone(),
        })
    }
}
