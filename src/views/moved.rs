//! What an event did to the line of its product.

use crate::cart::{Cart, CartEvent, Sku};

/// How many units of its product a cart held around an event.
///
/// Told with the event, since a view that counts "for the first time" or "all of it" needs the
/// cart as it was between two events, while a batch keeps only the carts at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// Before the event; `None` if the cart had never held any.
    pub before: Option<u32>,
    pub after: u32,
}

impl Moved {
    /// Applies `event` to `cart` by `evolve` and tells what that moved.
    pub(super) fn by(
        event: &CartEvent,
        cart: &mut Cart,
        evolve: impl FnOnce(&mut Cart),
    ) -> Option<Moved> {
        let Some(sku) = event.sku() else {
            evolve(cart);
            return None;
        };
        let before = ever_held(cart, sku);
        evolve(cart);
        let after = ever_held(cart, sku).unwrap_or(0);
        Some(Moved { before, after })
    }

    /// The cart held this product for the first time.
    pub fn was_first(&self) -> bool {
        self.before.is_none() && self.after > 0
    }

    /// All of it was taken out.
    pub fn was_emptied(&self) -> bool {
        self.before.is_some_and(|before| before > 0) && self.after == 0
    }

    /// It came back after all of it had been taken out.
    pub fn was_refilled(&self) -> bool {
        self.before == Some(0) && self.after > 0
    }
}

fn ever_held(cart: &Cart, sku: &Sku) -> Option<u32> {
    cart.contents()?.ever_held(sku)
}
