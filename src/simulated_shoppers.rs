//! What simulated shoppers have in common, whether they use the HTTP API or shop in days that are
//! past.
//!
//! They see the catalogue as a shelf per category. Some products are more popular, and each has a
//! companion on its shelf that is often bought with it.

use fastrand::Rng;

/// Promotion codes that shoppers type; the last one is a typo of the first.
pub const CODES: [&str; 5] = ["TEA10", "WELCOME5", "HARVEST15", "THANKYOU20", "TEA1O"];

/// The seed of cart number `cart`, mixed over all bits, so that adjacent carts and seeds differ.
pub fn seed_of(cart: u64, seed: u64) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ cart.wrapping_mul(0xd1b5_4a32_d192_ed03)
}

/// Products by category. No shelf is empty.
#[derive(Debug)]
pub struct Shelves<P>(Vec<Vec<P>>);

impl<P> Shelves<P> {
    /// Puts `products` on a shelf for each `category`, in their order.
    pub fn of(products: impl IntoIterator<Item = P>, category: impl Fn(&P) -> &str) -> Shelves<P> {
        let mut shelves: Vec<Vec<P>> = Vec::new();
        for product in products {
            let shelf = shelves
                .iter_mut()
                .find(|shelf| category(&shelf[0]) == category(&product));
            match shelf {
                Some(shelf) => shelf.push(product),
                None => shelves.push(vec![product]),
            }
        }
        Shelves(shelves)
    }

    /// Whether there is no product.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A random shelf; the first ones are the most popular. There must be one.
    pub fn random(&self, chance: &mut Rng) -> &[P] {
        &self.0[skewed_index(chance, self.0.len())]
    }
}

/// The place of a random product on `shelf`; the first ones are the most popular.
pub fn pick<P>(shelf: &[P], chance: &mut Rng) -> usize {
    skewed_index(chance, shelf.len())
}

/// The companion of the product at `place`: the one at the mirrored place, if that is another one.
pub fn companion<P>(shelf: &[P], place: usize) -> Option<&P> {
    let mirrored = shelf.len() - 1 - place;
    (mirrored != place).then(|| &shelf[mirrored])
}

/// A random index below `length`; lower ones are more likely.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a share of a few shelves"
)]
fn skewed_index(chance: &mut Rng, length: usize) -> usize {
    let place = chance.f64().powf(1.6) * length as f64;
    (place as usize).min(length - 1)
}
