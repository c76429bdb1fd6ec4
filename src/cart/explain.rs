//! Why a number is what it is: every number of a cart as a sum over the events that made it, and
//! the cart as it would be without some of them.

use super::CartModel;
use super::event::{CartEvent, Units};
use super::money::{Currency, Money};
use super::sku::Sku;
use super::state::{Cart, Contents};
use crate::decider::{DecodedEvent, fold};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// The numbers of a cart, each with the events that it is the sum of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Why {
    pub id: Uuid,
    pub version: u64,
    pub currency: Currency,
    pub lines: Vec<WhyLine>,
    pub items_total: WhyAmount,
    pub discount: WhyAmount,
    pub total: WhyAmount,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WhyLine {
    pub sku: Sku,
    pub name: Arc<str>,
    pub quantity: WhyQuantity,
    pub total: WhyAmount,
}

/// A number of units: the sum of its terms' quantities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WhyQuantity {
    pub value: u32,
    pub sum: Vec<Term>,
}

/// An amount: the sum of its terms' amounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WhyAmount {
    pub value: Money,
    pub sum: Vec<Term>,
}

/// What one event contributes: `amount` is `quantity × unit_price`; what was taken out is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Term {
    pub version: u64,
    pub quantity: i64,
    pub unit_price: Money,
    pub amount: Money,
}

/// Explains the cart that `history` adds up to, or `None` while it is not opened. The values are
/// what the cart shows, the sums come from the events: that they agree is the service's promise.
pub fn why(id: Uuid, history: &[DecodedEvent<CartEvent>]) -> Option<Why> {
    let cart = fold::<CartModel>(history);
    let contents = cart.contents()?;
    let moved: Vec<(&Units, Term)> = history.iter().filter_map(moved_units).collect();
    let terms = |sku: &Sku| -> Vec<Term> {
        moved
            .iter()
            .filter(|(units, _)| units.sku == *sku)
            .map(|(_, term)| *term)
            .collect()
    };
    let lines = contents.lines().map(|line| WhyLine {
        sku: line.sku.clone(),
        name: line.name.clone(),
        quantity: WhyQuantity {
            value: line.quantity(),
            sum: terms(&line.sku),
        },
        total: WhyAmount {
            value: line.total(),
            sum: terms(&line.sku),
        },
    });
    let items: Vec<Term> = moved.iter().map(|(_, term)| *term).collect();
    let discount = contents.discount();
    let taken_off = promotion_in_force(history).map(|version| Term {
        version,
        quantity: 1,
        unit_price: discount,
        amount: discount,
    });
    let mut total = items.clone();
    total.extend(taken_off.map(Term::negated));
    Some(Why {
        id,
        version: contents.version,
        currency: contents.currency,
        lines: lines.collect(),
        items_total: WhyAmount {
            value: contents.items_total(),
            sum: items,
        },
        discount: WhyAmount {
            value: discount,
            sum: taken_off.into_iter().collect(),
        },
        total: WhyAmount {
            value: contents.total(),
            sum: total,
        },
    })
}

fn moved_units(happened: &DecodedEvent<CartEvent>) -> Option<(&Units, Term)> {
    let term = |units: &Units| Term {
        version: happened.version,
        quantity: i64::from(units.quantity),
        unit_price: units.unit_price,
        amount: units.unit_price.saturating_times(units.quantity),
    };
    match &happened.event {
        CartEvent::ItemAdded(units) => Some((units, term(units))),
        CartEvent::ItemRemoved(units) => {
            let term = term(units);
            let taken_out = Term {
                quantity: -term.quantity,
                amount: Money::ZERO.saturating_sub(term.amount),
                ..term
            };
            Some((units, taken_out))
        }
        CartEvent::CartOpened(_)
        | CartEvent::PromotionApplied(_)
        | CartEvent::PromotionRemoved(_)
        | CartEvent::CartCheckedOut(_)
        | CartEvent::CartExpired(_) => None,
    }
}

/// The version of the event that applied the promotion that is in force at the end of `history`.
fn promotion_in_force(history: &[DecodedEvent<CartEvent>]) -> Option<u64> {
    history
        .iter()
        .rev()
        .find_map(|happened| match &happened.event {
            CartEvent::PromotionApplied(_) => Some(Some(happened.version)),
            CartEvent::PromotionRemoved(_) => Some(None),
            CartEvent::CartOpened(_)
            | CartEvent::ItemAdded(_)
            | CartEvent::ItemRemoved(_)
            | CartEvent::CartCheckedOut(_)
            | CartEvent::CartExpired(_) => None,
        })
        .flatten()
}

impl Term {
    /// The same amount taken off a total: one unit at a negative price, so that `amount` stays
    /// `quantity × unit_price`.
    fn negated(self) -> Term {
        let amount = Money::ZERO.saturating_sub(self.amount);
        Term {
            unit_price: amount,
            amount,
            ..self
        }
    }
}

/// The cart that `history` would add up to had the events of the versions `without` not happened.
pub fn what_if(history: &[DecodedEvent<CartEvent>], without: &BTreeSet<u64>) -> Cart {
    fold::<CartModel>(
        history
            .iter()
            .filter(|happened| !without.contains(&happened.version)),
    )
}

/// What differs between the actual and the hypothetical cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    /// The lines that differ.
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

/// Compares what a cart holds with what it would hold.
pub fn difference(actual: &Contents, what_if: &Contents) -> Difference {
    let gained = what_if
        .lines()
        .filter(|line| actual.line(&line.sku).is_none());
    let lines = actual
        .lines()
        .chain(gained)
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
