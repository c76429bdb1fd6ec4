//! What an event did to the quantity of its product.

use crate::cart::{Cart, CartEvent, Sku};

/// How many units of its product a cart held around an event. It is recorded with the event, since
/// a batch keeps carts only as they are at its end, and some views count transitions in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineQuantityChange {
    /// Before the event; `None` if the cart had never held any.
    pub before: Option<u32>,
    pub after: u32,
}

impl LineQuantityChange {
    /// Applies `event` to `cart` by `evolve` and records how its line changed.
    pub(super) fn track(
        event: &CartEvent,
        cart: &mut Cart,
        evolve: impl FnOnce(&mut Cart),
    ) -> Option<LineQuantityChange> {
        let Some(sku) = event.sku() else {
            evolve(cart);
            return None;
        };
        let before = ever_held(cart, sku);
        evolve(cart);
        let after = ever_held(cart, sku).unwrap_or(0);
        Some(LineQuantityChange { before, after })
    }

    /// The cart held this product for the first time.
    pub fn is_first_addition(&self) -> bool {
        self.before.is_none() && self.after > 0
    }

    /// The last unit was removed.
    pub fn is_removal_of_all(&self) -> bool {
        self.before.is_some_and(|before| before > 0) && self.after == 0
    }

    /// The product was added again after all of it had been removed.
    pub fn is_return(&self) -> bool {
        self.before == Some(0) && self.after > 0
    }
}

fn ever_held(cart: &Cart, sku: &Sku) -> Option<u32> {
    cart.contents()?.ever_held(sku)
}
