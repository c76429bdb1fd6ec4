//! What a cart is: a union of phases, so that an illegal combination cannot be written down.

use super::event::Units;
use super::money::{Currency, Money};
use super::promotion::Promotion;
use super::sku::Sku;
use super::undo::UndoStack;
use crate::timestamp::Timestamp;
use std::sync::Arc;
use uuid::Uuid;

/// A cart in one of its phases.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Cart {
    #[default]
    NotOpened,
    Open(OpenCart),
    Closed(ClosedCart),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCart {
    pub contents: Contents,
    pub(super) undo: UndoStack,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedCart {
    pub contents: Contents,
    pub closure: Closure,
}

/// How a cart was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closure {
    CheckedOut { order_id: Uuid },
    Expired,
}

/// What an opened cart holds, in whichever phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The version of the last event applied.
    pub version: u64,
    pub currency: Currency,
    pub token_hash: [u8; 32],
    /// A line for each sku ever added, in the order in which they were first added. One that was
    /// taken out keeps its place, without lots, so that undo puts it back where it was.
    pub(super) shelf: Vec<Line>,
    pub promotion: Option<Promotion>,
    pub opened_at: Timestamp,
    pub changed_at: Timestamp,
}

/// The units of one product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub sku: Sku,
    pub name: Arc<str>,
    /// Oldest first; neighbours differ in price.
    pub lots: Vec<Lot>,
}

/// Units that were added at the same price, which they keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Lot {
    pub quantity: u32,
    pub unit_price: Money,
}

impl Cart {
    /// What the cart holds, or `None` while it is not opened.
    pub fn contents(&self) -> Option<&Contents> {
        match self {
            Cart::NotOpened => None,
            Cart::Open(open) => Some(&open.contents),
            Cart::Closed(closed) => Some(&closed.contents),
        }
    }

    pub(super) fn contents_mut(&mut self) -> Option<&mut Contents> {
        match self {
            Cart::NotOpened => None,
            Cart::Open(open) => Some(&mut open.contents),
            Cart::Closed(closed) => Some(&mut closed.contents),
        }
    }
}

impl Contents {
    /// The lines that hold something.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.shelf.iter().filter(|line| !line.lots.is_empty())
    }

    pub fn line(&self, sku: &Sku) -> Option<&Line> {
        self.lines().find(|line| line.sku == *sku)
    }

    /// Whether anything was ever put in.
    pub fn was_filled(&self) -> bool {
        !self.shelf.is_empty()
    }

    /// How many units of `sku` the cart holds, or `None` if it never held any.
    pub fn ever_held(&self, sku: &Sku) -> Option<u32> {
        self.place(sku).map(|place| self.shelf[place].quantity())
    }

    /// Where on the shelf `sku` has its line, if it was ever added.
    pub(super) fn place(&self, sku: &Sku) -> Option<usize> {
        self.shelf.iter().position(|line| line.sku == *sku)
    }

    /// How many units of `sku` the cart holds.
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

    /// Puts units on their line, as the newest lot.
    pub(super) fn put_in(&mut self, units: &Units) {
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

    /// Takes units from the newest lots that have the units' price; what is not there stays away.
    pub(super) fn take_out(&mut self, units: &Units) {
        let Some(line) = self.shelf.iter_mut().find(|line| line.sku == units.sku) else {
            return;
        };
        let mut left = units.quantity;
        for lot in line.lots.iter_mut().rev() {
            if lot.unit_price == units.unit_price {
                let taken = left.min(lot.quantity);
                lot.quantity -= taken;
                left -= taken;
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
        self.lots
            .iter()
            .fold(0, |sum, lot| sum.saturating_add(lot.quantity))
    }

    pub fn total(&self) -> Money {
        self.lots.iter().fold(Money::ZERO, |sum, lot| {
            sum.saturating_add(lot.unit_price.saturating_times(lot.quantity))
        })
    }
}
