//! What an opened cart holds: lines, each with its units in lots of one price.

use super::event::Units;
use super::money::{Currency, Money};
use super::promotion::Promotion;
use super::sku::Sku;
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The contents of a cart that was opened, in any phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The version of the last event applied.
    pub version: u64,
    pub currency: Currency,
    #[serde(with = "hex::serde")]
    pub token_hash: [u8; 32],
    /// A line for each sku ever added, in the order of their first addition. A removed line keeps
    /// its place without lots, so that undo restores it there.
    pub(super) shelf: Vec<Line>,
    pub promotion: Option<Promotion>,
    /// The version of the event that applied the latest promotion; 0 without one so far.
    pub(super) promotion_version: u64,
    pub opened_at: Timestamp,
    pub changed_at: Timestamp,
}

/// The units of one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub sku: Sku,
    pub name: Arc<str>,
    /// Oldest first; neighbours differ in price.
    pub lots: Vec<Lot>,
}

/// Units added at the same price, which they keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Lot {
    pub quantity: u32,
    pub unit_price: Money,
}

impl Contents {
    /// The lines that are not empty.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.shelf.iter().filter(|line| !line.lots.is_empty())
    }

    pub fn line(&self, sku: &Sku) -> Option<&Line> {
        self.lines().find(|line| line.sku == *sku)
    }

    /// Whether an item was ever added.
    pub fn was_filled(&self) -> bool {
        !self.shelf.is_empty()
    }

    /// The units of `sku` in the cart, or `None` if it was never added.
    pub fn ever_held(&self, sku: &Sku) -> Option<u32> {
        self.place(sku).map(|place| self.shelf[place].quantity())
    }

    /// The index of the line of `sku` on the shelf, if it was ever added.
    pub(super) fn place(&self, sku: &Sku) -> Option<usize> {
        self.shelf.iter().position(|line| line.sku == *sku)
    }

    /// The units of `sku` in the cart.
    pub fn quantity(&self, sku: &Sku) -> u32 {
        self.line(sku).map_or(0, Line::quantity)
    }

    pub fn items_total(&self) -> Money {
        self.lines()
            .fold(Money::ZERO, |sum, line| sum.saturating_add(line.total()))
    }

    pub fn discount(&self) -> Money {
        self.promotion.as_ref().map_or(Money::ZERO, |promotion| {
            promotion.discount(self.items_total())
        })
    }

    /// What the shopper pays.
    pub fn total(&self) -> Money {
        self.items_total().saturating_sub(self.discount())
    }

    /// Adds units to their line, as the newest lot.
    pub(super) fn add(&mut self, units: &Units) {
        let lot = Lot {
            quantity: units.quantity,
            unit_price: units.unit_price,
        };
        let line = match self.shelf.iter_mut().find(|line| line.sku == units.sku) {
            Some(line) => line,
            None => {
                self.shelf.push(Line {
                    sku: units.sku.clone(),
                    name: units.name.clone(),
                    lots: Vec::with_capacity(1),
                });
                self.shelf.last_mut().expect("a line was just pushed")
            }
        };
        if line.lots.is_empty() {
            line.name = units.name.clone();
        }
        match line.lots.last_mut() {
            Some(newest) if newest.unit_price == lot.unit_price => {
                newest.quantity = newest.quantity.saturating_add(lot.quantity);
            }
            Some(_) | None => line.lots.push(lot),
        }
        line.lots.retain(|lot| lot.quantity > 0);
    }

    /// Removes units from the newest lots with the units' price, at most the line's quantity.
    pub(super) fn remove(&mut self, units: &Units) {
        let Some(line) = self.shelf.iter_mut().find(|line| line.sku == units.sku) else {
            return;
        };
        let mut left = units.quantity;
        for lot in line.lots.iter_mut().rev() {
            if lot.unit_price == units.unit_price {
                let removed = left.min(lot.quantity);
                lot.quantity -= removed;
                left -= removed;
            }
        }
        line.lots.retain(|lot| lot.quantity > 0);
        line.lots.dedup_by(|newer, older| {
            let same = newer.unit_price == older.unit_price;
            if same {
                older.quantity = older.quantity.saturating_add(newer.quantity);
            }
            same
        });
    }
}

impl Line {
    pub fn quantity(&self) -> u32 {
        Lot::quantity_of(&self.lots)
    }

    pub fn total(&self) -> Money {
        Lot::total_of(&self.lots)
    }
}

impl Lot {
    /// The units of `lots`.
    pub fn quantity_of(lots: &[Lot]) -> u32 {
        lots.iter()
            .fold(0, |sum, lot| sum.saturating_add(lot.quantity))
    }

    /// The price of all units of `lots`.
    pub fn total_of(lots: &[Lot]) -> Money {
        lots.iter().fold(Money::ZERO, |sum, lot| {
            sum.saturating_add(lot.unit_price.saturating_times(lot.quantity))
        })
    }
}
