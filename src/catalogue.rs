//! The shop's products and promotions, read from files at startup and on request.

mod current;
mod files;
mod pictures;
#[cfg(test)]
mod tests;

pub use current::{CatalogueChange, CurrentCatalogue, EntryChanges};
pub use pictures::{MAX_PICTURE_BYTES, NoPictureFolder, Picture, PictureFile, PictureFolder};

use crate::cart::{Currency, Offer, Offers, PromotionOffer, RequestedItem, Sku};
use files::{read_products, read_promotions, source};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const BUILT_IN_PRODUCTS: &str = include_str!("catalogue/products.toml");
const BUILT_IN_PROMOTIONS: &str = include_str!("catalogue/promotions.toml");

/// The products and promotions of one reading of the files.
#[derive(Debug, Clone)]
pub struct Catalogue {
    pub currency: Currency,
    products: Vec<Product>,
    by_sku: HashMap<Sku, usize>,
    offers: Arc<Offers>,
    picture_origins: BTreeSet<String>,
    fingerprint: String,
}

/// A product with its offer and its presentation in the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    pub offer: Offer,
    pub description: String,
    pub category: String,
    pub picture: Option<Picture>,
}

/// Why the catalogue cannot be loaded, with the file and line.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("{file}, line {line}: {reason}")]
    Invalid {
        file: String,
        line: usize,
        reason: String,
    },
}

impl Catalogue {
    /// Reads the catalogue. A path of `None` selects the built-in file.
    pub fn load(
        products: Option<&Path>,
        promotions: Option<&Path>,
    ) -> Result<Catalogue, CatalogueError> {
        let (products_name, products) =
            source(products, "the built-in products", BUILT_IN_PRODUCTS)?;
        let (promotions_name, promotions) =
            source(promotions, "the built-in promotions", BUILT_IN_PROMOTIONS)?;
        let mut catalogue = read_products(&products_name, &products)?;
        let promotions = read_promotions(&promotions_name, &promotions, catalogue.currency)?;
        let products = catalogue.products.iter();
        let products = products.map(|product| product.offer.clone());
        catalogue.offers = Arc::new(Offers::new(products, promotions.into_values()));
        Ok(catalogue)
    }

    /// All products, in file order.
    pub fn products(&self) -> &[Product] {
        &self.products
    }

    pub fn product(&self, sku: &Sku) -> Option<&Product> {
        self.by_sku.get(sku).map(|index| &self.products[*index])
    }

    /// `quantity` units of the product, with its offer if the shop sells it.
    pub fn look_up(&self, sku: Sku, quantity: u32) -> RequestedItem {
        let offer = self.product(&sku).map(|product| product.offer.clone());
        RequestedItem {
            sku,
            quantity,
            offer,
        }
    }

    /// The promotion with that code, ignoring case.
    pub fn promotion(&self, code: &str) -> Option<&PromotionOffer> {
        self.offers.promotion(code)
    }

    /// Everything on offer.
    pub fn offers(&self) -> &Arc<Offers> {
        &self.offers
    }

    /// Where its pictures come from, beside this service: scheme, host and port of each.
    pub fn picture_origins(&self) -> &BTreeSet<String> {
        &self.picture_origins
    }

    /// A digest of the product file, used as its entity tag.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl Product {
    pub fn sku(&self) -> &Sku {
        &self.offer.sku
    }

    pub fn name(&self) -> &Arc<str> {
        &self.offer.name
    }
}
