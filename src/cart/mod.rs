//! The model of a cart: its commands, events and state. No I/O, no clock and no randomness:
//! prices, times and ids are arguments.
//!
//! In the order of processing: [`decide`] turns a [`command`] and a [`state`] into [`event`]s,
//! which `evolve` folds into the next state. [`document`] is the state as JSON, [`sentence`]
//! describes an event in words, [`explain`] derives every number from the events, [`what_if`] folds
//! a hypothetical history, [`notice`] says what the shop offers differently today, and [`upcast`]
//! reads old event shapes.

mod checkout;
pub mod command;
mod contents;
pub mod decide;
pub mod document;
pub mod event;
mod evolve;
pub mod explain;
pub mod money;
pub mod notice;
pub mod offers;
pub mod promotion;
mod refusal;
pub mod sentence;
pub mod sku;
pub mod state;
mod undo;
pub mod upcast;
pub mod what_if;

pub use checkout::WithdrawnAtCheckout;
pub use command::{CartCommand, RequestedItem};
pub use decide::Limits;
pub use event::CartEvent;
pub use money::{Currency, Money};
pub use notice::Notice;
pub use offers::{Offer, Offers, PromotionOffer};
pub use promotion::{Promotion, Terms};
pub use refusal::Refusal;
pub use sku::Sku;
pub use state::Cart;

use crate::decider::{Decider, EventContext};

/// The cart as a [`Decider`], with the rules from the configuration.
#[derive(Debug, Clone, Copy, Default)]
pub struct CartModel {
    pub limits: Limits,
    pub withdrawn: WithdrawnAtCheckout,
    /// Whether an order process places the order of a checkout.
    pub order_follows: bool,
}

impl Decider for CartModel {
    type Command = CartCommand;
    type Event = CartEvent;
    type State = Cart;
    type Refusal = Refusal;

    fn initial() -> Cart {
        Cart::NotOpened
    }

    fn decide(&self, cart: &Cart, command: &CartCommand) -> Result<Vec<CartEvent>, Refusal> {
        decide::decide(self, cart, command)
    }

    fn evolve(cart: &mut Cart, event: &CartEvent, context: &EventContext<'_>) {
        evolve::evolve(cart, event, context);
    }

    fn cause(cart: &Cart, command: &CartCommand) -> Option<u64> {
        match (cart, command) {
            (Cart::Open(open), CartCommand::Undo) => open.undo.as_ref()?.undone(),
            _ => None,
        }
    }

    fn weight(cart: &Cart) -> usize {
        cart.weight()
    }
}
