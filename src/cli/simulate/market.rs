//! The catalogue of the service.

use super::client::Client;
use super::plan::SimulateError;
use crate::simulated_shoppers::Shelves;
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

/// The catalogue by shelves, of which there is at least one.
pub(super) type Market = Shelves<Product>;

/// Reads the catalogue, page by page.
pub(super) fn load(client: &Client) -> Result<Market, SimulateError> {
    let mut products: Vec<Product> = Vec::new();
    let mut path = "/api/products?limit=200".to_owned();
    loop {
        let page: Page = client.get_once(&path)?;
        products.extend(page.items);
        match page.next {
            Some(cursor) => path = format!("/api/products?limit=200&cursor={cursor}"),
            None if products.is_empty() => {
                return Err(client.not_cartlog("its catalogue is empty"));
            }
            None => return Ok(Market::of(products, |product| &product.category)),
        }
    }
}
