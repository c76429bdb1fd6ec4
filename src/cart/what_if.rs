//! What-ifs: the cart as it would be if some of its events had been different.
//!
//! An event that is made up here is decided on the hypothetical cart, so the rules hold for it.
//! An event that happened is applied as far as it fits, because `evolve` never fails.

use super::command::{CartCommand, RequestedItem};
use super::event::{CartEvent, Units};
use super::offers::{Offer, Offers};
use super::refusal::Refusal;
use super::state::Cart;
use super::{CartModel, Currency};
use crate::decider::{Decider, EventContext};
use std::collections::BTreeSet;

/// A change to the history of a cart, at the event of `version`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub version: u64,
    pub alteration: Alteration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alteration {
    /// The event had another quantity.
    Quantity(u32),
    /// A shopper sent this command right after the event.
    Command(CartCommand),
}

/// Why a change has no events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotChanged {
    /// The rules refuse it.
    Refused(Refusal),
    /// The event neither adds nor removes units.
    WithoutQuantity,
    /// The cart ends before the version.
    NotReached,
}

/// The events that a change gives in place of the event, or after it.
pub type Outcome = Result<Vec<CartEvent>, NotChanged>;

/// A hypothetical history, folded event by event.
#[derive(Debug)]
pub struct WhatIf<'a> {
    model: CartModel,
    offers: &'a Offers,
    without: &'a BTreeSet<u64>,
    changes: &'a [Change],
    outcomes: Vec<Outcome>,
}

impl<'a> WhatIf<'a> {
    /// The history without the events at the versions `without`, and with `changes`. Today's
    /// `offers` have the limits of products that are added again.
    pub fn new(
        model: CartModel,
        offers: &'a Offers,
        without: &'a BTreeSet<u64>,
        changes: &'a [Change],
    ) -> WhatIf<'a> {
        WhatIf {
            model,
            offers,
            without,
            changes,
            outcomes: vec![Err(NotChanged::NotReached); changes.len()],
        }
    }

    /// The version of the first event that may differ.
    pub fn first(&self) -> Option<u64> {
        let changed = self.changes.iter().map(|change| change.version);
        self.without.iter().copied().chain(changed).min()
    }

    /// Whether the event at `version` is left out, so that it need not be read.
    pub fn leaves_out(&self, version: u64) -> bool {
        self.without.contains(&version)
    }

    /// Applies the event at the version of `context`, which is not left out, as it would be.
    pub fn apply(&mut self, cart: &mut Cart, event: &CartEvent, context: &EventContext<'_>) {
        let altered = self.changes.iter().position(|change| {
            change.version == context.version
                && matches!(change.alteration, Alteration::Quantity(_))
        });
        match altered.map(|index| (index, &self.changes[index].alteration)) {
            Some((index, Alteration::Quantity(quantity))) => {
                let outcome = self.with_quantity(cart, event, *quantity);
                self.settle(cart, index, outcome, context);
            }
            _ => CartModel::evolve(cart, event, context),
        }
    }

    /// Applies the commands that follow the event at the version of `context`.
    pub fn follow(&mut self, cart: &mut Cart, context: &EventContext<'_>) {
        for (index, change) in self.changes.iter().enumerate() {
            if let Alteration::Command(command) = &change.alteration
                && change.version == context.version
            {
                let outcome = self.decide(cart, command);
                self.settle(cart, index, outcome, context);
            }
        }
    }

    /// What came of each change, in their order.
    pub fn into_outcomes(self) -> Vec<Outcome> {
        self.outcomes
    }

    fn decide(&self, cart: &Cart, command: &CartCommand) -> Outcome {
        let decided = self.model.decide(cart, command);
        decided.map_err(NotChanged::Refused)
    }

    /// The events in place of `event`: units are added at the price of the time, and removed as a
    /// shopper removes them.
    fn with_quantity(&self, cart: &Cart, event: &CartEvent, quantity: u32) -> Outcome {
        let Some(contents) = cart.contents() else {
            return Err(NotChanged::WithoutQuantity);
        };
        match event {
            CartEvent::ItemAdded(units) => {
                let offer = self.offer_of(units, contents.currency);
                let item = RequestedItem::offered(offer, quantity);
                self.decide(cart, &CartCommand::AddItem(item))
            }
            CartEvent::ItemRemoved(units) => {
                let left = contents.quantity(&units.sku).saturating_sub(quantity);
                let item = RequestedItem {
                    sku: units.sku.clone(),
                    quantity: left,
                    offer: None,
                };
                self.decide(cart, &CartCommand::SetQuantity(item))
            }
            CartEvent::CartOpened(_)
            | CartEvent::PromotionApplied(_)
            | CartEvent::PromotionRemoved(_)
            | CartEvent::CartCheckedOut(_)
            | CartEvent::CartExpired(_) => Err(NotChanged::WithoutQuantity),
        }
    }

    /// The offer that `units` were added under, with today's limit of the product.
    fn offer_of(&self, units: &Units, currency: Currency) -> Offer {
        Offer {
            sku: units.sku.clone(),
            name: units.name.clone(),
            unit_price: units.unit_price,
            currency,
            max_per_cart: self
                .offers
                .product(&units.sku)
                .and_then(|offer| offer.max_per_cart),
        }
    }

    fn settle(
        &mut self,
        cart: &mut Cart,
        index: usize,
        outcome: Outcome,
        context: &EventContext<'_>,
    ) {
        for event in outcome.iter().flatten() {
            CartModel::evolve(cart, event, context);
        }
        self.outcomes[index] = outcome;
    }
}
