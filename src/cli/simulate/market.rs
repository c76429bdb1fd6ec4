//! What the shop sells, as its shoppers see it: some things are liked more than others, things of
//! one shelf go together, and each has a companion there.

use super::client::Client;
use super::plan::SimulateError;
use fastrand::Rng;
use serde::Deserialize;

/// How many units of one product a shopper ever wants.
const MOST_UNITS: u32 = 4;

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Product {
    pub sku: String,
    category: String,
    /// In minor units.
    pub price: i64,
    max_per_cart: Option<u32>,
}

impl Product {
    /// How many units a shopper may hold.
    pub fn most(&self) -> u32 {
        self.max_per_cart.unwrap_or(MOST_UNITS).min(MOST_UNITS)
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
    pub fn visit(client: &Client) -> Result<Market, SimulateError> {
        let mut shelves: Vec<Vec<Product>> = Vec::new();
        let mut path = "/api/products?limit=200".to_owned();
        loop {
            let page: Page = client.first_look(&path)?;
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
                None if shelves.is_empty() => return Err(client.no_shop("it sells nothing")),
                None => return Ok(Market { shelves }),
            }
        }
    }

    /// The shelf that a shopper came for; the first ones are the busiest.
    pub fn interest<'a>(&'a self, chance: &mut Rng) -> &'a [Product] {
        &self.shelves[busy_end(chance, self.shelves.len())]
    }
}

/// Something of `shelf`; what stands in front is taken most.
pub(super) fn pick<'a>(shelf: &'a [Product], chance: &mut Rng) -> &'a Product {
    &shelf[busy_end(chance, shelf.len())]
}

/// What goes with `product`: whatever stands at the other end of its shelf.
pub(super) fn companion<'a>(shelf: &'a [Product], product: &Product) -> Option<&'a Product> {
    let place = shelf.iter().position(|other| other.sku == product.sku)?;
    let other = &shelf[shelf.len() - 1 - place];
    (other.sku != product.sku).then_some(other)
}

/// An index below `length`, the lower the likelier.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a share of a few shelves"
)]
fn busy_end(chance: &mut Rng, length: usize) -> usize {
    let place = chance.f64().powf(1.6) * length as f64;
    (place as usize).min(length - 1)
}
