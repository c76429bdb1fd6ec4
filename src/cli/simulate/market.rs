//! The catalogue as shoppers see it: a shelf per category. Some products are more popular, and each
//! has a companion on its shelf that is often bought with it.

use super::client::Client;
use super::plan::SimulateError;
use fastrand::Rng;
use serde::Deserialize;

/// Units of one product that a shopper wants at most.
const MAX_UNITS: u32 = 4;

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Product {
    pub sku: String,
    category: String,
    /// In minor units.
    pub price: i64,
    max_per_cart: Option<u32>,
}

impl Product {
    /// Units that a shopper may have in the cart.
    pub fn max_units(&self) -> u32 {
        self.max_per_cart.unwrap_or(MAX_UNITS).min(MAX_UNITS)
    }
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Product>,
    next: Option<String>,
}

/// The catalogue by shelves; no shelf is empty and there is at least one.
#[derive(Debug)]
pub(super) struct Market {
    shelves: Vec<Vec<Product>>,
}

impl Market {
    /// Reads the catalogue, page by page.
    pub fn load(client: &Client) -> Result<Market, SimulateError> {
        let mut shelves: Vec<Vec<Product>> = Vec::new();
        let mut path = "/api/products?limit=200".to_owned();
        loop {
            let page: Page = client.get_once(&path)?;
            for product in page.items {
                let shelf = shelves
                    .iter_mut()
                    .find(|shelf| shelf[0].category == product.category);
                match shelf {
                    Some(shelf) => shelf.push(product),
                    None => shelves.push(vec![product]),
                }
            }
            match page.next {
                Some(cursor) => path = format!("/api/products?limit=200&cursor={cursor}"),
                None if shelves.is_empty() => {
                    return Err(client.not_cartlog("its catalogue is empty"));
                }
                None => return Ok(Market { shelves }),
            }
        }
    }

    /// A random shelf; the first ones are the most popular.
    pub fn random_shelf<'a>(&'a self, chance: &mut Rng) -> &'a [Product] {
        &self.shelves[skewed_index(chance, self.shelves.len())]
    }
}

/// A random product of `shelf`; the first ones are the most popular.
pub(super) fn pick<'a>(shelf: &'a [Product], chance: &mut Rng) -> &'a Product {
    &shelf[skewed_index(chance, shelf.len())]
}

/// The companion of `product`: the product at the mirrored place on its shelf.
pub(super) fn companion<'a>(shelf: &'a [Product], product: &Product) -> Option<&'a Product> {
    let place = shelf.iter().position(|other| other.sku == product.sku)?;
    let other = &shelf[shelf.len() - 1 - place];
    (other.sku != product.sku).then_some(other)
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
