//! The model of a cart: what can be wanted of it, what can have happened to it, and what that adds
//! up to. No I/O, no clock and no randomness: prices, times and ids come in as arguments.
//!
//! In the order in which a command meets them: [`command`] is decided by [`decide`] on a [`state`]
//! into [`event`]s, which `evolve` folds into the next state; [`document`] shows it, [`sentence`]
//! tells an event, and [`explain`] says why a number is what it is. Events from before are read by
//! [`upcast`].

pub mod command;
pub mod decide;
pub mod document;
pub mod event;
mod evolve;
pub mod explain;
pub mod money;
pub mod promotion;
pub mod sentence;
pub mod sku;
pub mod state;
mod undo;
pub mod upcast;

pub use command::{CartCommand, Offer, RequestedItem};
pub use decide::{Limits, Refusal};
pub use event::CartEvent;
pub use money::{Currency, Money};
pub use promotion::{Promotion, Terms};
pub use sku::Sku;
pub use state::Cart;

use crate::decider::{Decider, EventContext};

/// The cart as a [`Decider`]: its rules, with the limits that the configuration sets.
#[derive(Debug, Clone, Copy, Default)]
pub struct CartModel {
    pub limits: Limits,
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
        decide::decide(&self.limits, cart, command)
    }

    fn evolve(cart: &mut Cart, event: &CartEvent, context: &EventContext<'_>) {
        evolve::evolve(cart, event, context);
    }

    fn weight(cart: &Cart) -> usize {
        cart.weight()
    }
}
