//! Explanations of a cart: each of its numbers as a sum over its events, and comparisons with a
//! cart that leaves out some of the events.

use super::event::{CartEvent, Units};
use super::money::{Currency, Money};
use super::sku::Sku;
use super::state::{Cart, Contents};
use crate::decider::DecodedEvent;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// The quantities and amounts of a cart, each with the events that add up to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Why {
    pub id: Uuid,
    pub version: u64,
    pub currency: Currency,
    pub lines: Vec<WhyLine>,
    pub items_total: WhyAmount,
    pub discount: WhyAmount,
    pub total: WhyAmount,
    /// The cursor of the next page, with later terms of the sums; absent on the last page. A cart
    /// of at most 256 events has one page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WhyLine {
    pub sku: Sku,
    pub name: Arc<str>,
    pub quantity: WhyQuantity,
    pub total: WhyAmount,
}

/// A quantity, which equals the sum of its terms' `quantity` over all pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WhyQuantity {
    pub value: u32,
    pub sum: Vec<Term>,
}

/// An amount, which equals the sum of its terms' `amount` over all pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WhyAmount {
    pub value: Money,
    pub sum: Vec<Term>,
}

/// The contribution of one event, with `amount` = `quantity × unit_price`. Removed units count as
/// negative, and so does the discount within the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Term {
    pub version: u64,
    pub quantity: i64,
    pub unit_price: Money,
    pub amount: Money,
}

/// Explains `cart`, or `None` before it is opened. The values are the cart's, and the sums are over
/// `events`: all of its events, or a range of them. Property tests check that both agree.
pub fn why(id: Uuid, cart: &Cart, events: &[DecodedEvent<CartEvent>]) -> Option<Why> {
    let contents = cart.contents()?;
    let mut items: Vec<Term> = Vec::new();
    let mut by_sku: HashMap<&Sku, Vec<Term>> = HashMap::new();
    for (units, term) in events.iter().filter_map(quantity_change) {
        items.push(term);
        by_sku.entry(&units.sku).or_default().push(term);
    }
    let lines = contents.lines().map(|line| {
        let sum = by_sku.remove(&line.sku).unwrap_or_default();
        WhyLine {
            sku: line.sku.clone(),
            name: line.name.clone(),
            quantity: WhyQuantity {
                value: line.quantity(),
                sum: sum.clone(),
            },
            total: WhyAmount {
                value: line.total(),
                sum,
            },
        }
    });
    let lines = lines.collect();
    let discount = contents.discount();
    let discount_term = discount_version(contents, events).map(|version| Term {
        version,
        quantity: 1,
        unit_price: discount,
        amount: discount,
    });
    let mut total = items.clone();
    total.extend(discount_term.map(Term::negated));
    Some(Why {
        id,
        version: contents.version,
        currency: contents.currency,
        lines,
        items_total: WhyAmount {
            value: contents.items_total(),
            sum: items,
        },
        discount: WhyAmount {
            value: discount,
            sum: discount_term.into_iter().collect(),
        },
        total: WhyAmount {
            value: contents.total(),
            sum: total,
        },
        next: None,
    })
}

/// The term of an event that adds or removes units.
fn quantity_change(decoded: &DecodedEvent<CartEvent>) -> Option<(&Units, Term)> {
    let term = |units: &Units| Term {
        version: decoded.version,
        quantity: i64::from(units.quantity),
        unit_price: units.unit_price,
        amount: units.unit_price.saturating_times(units.quantity),
    };
    match &decoded.event {
        CartEvent::ItemAdded(units) => Some((units, term(units))),
        CartEvent::ItemRemoved(units) => {
            let term = term(units);
            let negative = Term {
                quantity: -term.quantity,
                amount: Money::ZERO.saturating_sub(term.amount),
                ..term
            };
            Some((units, negative))
        }
        CartEvent::CartOpened(_)
        | CartEvent::PromotionApplied(_)
        | CartEvent::PromotionRemoved(_)
        | CartEvent::CartCheckedOut(_)
        | CartEvent::CartExpired(_) => None,
    }
}

/// The version of the event that applied the cart's promotion, if it is among `events`.
fn discount_version(contents: &Contents, events: &[DecodedEvent<CartEvent>]) -> Option<u64> {
    contents.promotion.as_ref()?;
    let version = contents.promotion_version;
    let (first, last) = (events.first()?.version, events.last()?.version);
    (first..=last).contains(&version).then_some(version)
}

impl Term {
    /// The amount as a deduction: the price is negative and the quantity stays, so that `amount`
    /// remains `quantity × unit_price`.
    fn negated(self) -> Term {
        let amount = Money::ZERO.saturating_sub(self.amount);
        Term {
            unit_price: amount,
            amount,
            ..self
        }
    }
}

/// The differences between the actual cart and the what-if cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    /// Only lines that differ.
    pub lines: Vec<LineDifference>,
    pub items_total: Compared<Money>,
    pub discount: Compared<Money>,
    pub total: Compared<Money>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LineDifference {
    pub sku: Sku,
    pub name: Arc<str>,
    pub quantity: Compared<u32>,
    pub total: Compared<Money>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Compared_{T}")]
pub struct Compared<T> {
    pub actual: T,
    pub what_if: T,
}

/// Compares the contents of the actual cart with those of the what-if cart.
pub fn difference(actual: &Contents, what_if: &Contents) -> Difference {
    let added = what_if
        .lines()
        .filter(|line| actual.line(&line.sku).is_none());
    let lines = actual
        .lines()
        .chain(added)
        .map(|line| {
            let total = |contents: &Contents| {
                contents
                    .line(&line.sku)
                    .map_or(Money::ZERO, super::state::Line::total)
            };
            LineDifference {
                sku: line.sku.clone(),
                name: line.name.clone(),
                quantity: Compared {
                    actual: actual.quantity(&line.sku),
                    what_if: what_if.quantity(&line.sku),
                },
                total: Compared {
                    actual: total(actual),
                    what_if: total(what_if),
                },
            }
        })
        .filter(|line| {
            line.quantity.actual != line.quantity.what_if || line.total.actual != line.total.what_if
        });
    Difference {
        lines: lines.collect(),
        items_total: Compared {
            actual: actual.items_total(),
            what_if: what_if.items_total(),
        },
        discount: Compared {
            actual: actual.discount(),
            what_if: what_if.discount(),
        },
        total: Compared {
            actual: actual.total(),
            what_if: what_if.total(),
        },
    }
}
