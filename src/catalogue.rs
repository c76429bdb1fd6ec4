//! The shop's products and promotions, read from files at startup.

use crate::cart::{Currency, Money, Offer, Promotion, RequestedItem, Sku, Terms};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::Spanned;

const BUILT_IN_PRODUCTS: &str = include_str!("catalogue/products.toml");
const BUILT_IN_PROMOTIONS: &str = include_str!("catalogue/promotions.toml");

/// The highest price, in minor units. The total of a full cart at this price fits an `i64`.
const MAX_PRICE: i64 = 1_000_000_000_000;

/// The products and promotions on offer. Does not change while the service runs.
#[derive(Debug, Clone)]
pub struct Catalogue {
    pub currency: Currency,
    products: Vec<Product>,
    by_sku: HashMap<Sku, usize>,
    promotions: HashMap<String, Promotion>,
    fingerprint: String,
}

/// A product with its offer and its presentation in the shop.
#[derive(Debug, Clone)]
pub struct Product {
    pub offer: Offer,
    pub description: String,
    pub category: String,
    pub picture: Option<Picture>,
}

#[derive(Debug, Clone)]
pub struct Picture {
    /// A path on this service or an absolute URL.
    pub url: String,
    /// The text alternative for users who cannot see the picture.
    pub alt: String,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductsFile {
    currency: Currency,
    #[serde(default)]
    product: Vec<Spanned<ProductEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductEntry {
    sku: Sku,
    name: String,
    #[serde(default)]
    description: String,
    category: String,
    price: i64,
    max_per_cart: Option<u32>,
    picture: Option<String>,
    picture_alt: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PromotionsFile {
    #[serde(default)]
    promotion: Vec<Spanned<PromotionEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PromotionEntry {
    code: String,
    description: String,
    percent: Option<u8>,
    amount: Option<i64>,
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
        catalogue.promotions = read_promotions(&promotions_name, &promotions)?;
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
    pub fn promotion(&self, code: &str) -> Option<&Promotion> {
        self.promotions.get(&code.to_uppercase())
    }

    /// A digest of the product file, used as its entity tag.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

fn source(
    path: Option<&Path>,
    built_in_name: &str,
    built_in: &str,
) -> Result<(String, String), CatalogueError> {
    let Some(path) = path else {
        return Ok((built_in_name.to_owned(), built_in.to_owned()));
    };
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((path.display().to_string(), text)),
        Err(error) => Err(CatalogueError::Unreadable {
            path: path.to_owned(),
            error,
        }),
    }
}

fn read_products(file: &str, text: &str) -> Result<Catalogue, CatalogueError> {
    let invalid = |span: Range<usize>, reason: &str| invalid(file, text, &span, reason);
    let parsed: ProductsFile = toml::from_str(text)
        .map_err(|error| invalid(error.span().unwrap_or(0..0), error.message()))?;
    let mut products = Vec::with_capacity(parsed.product.len());
    let mut by_sku = HashMap::with_capacity(parsed.product.len());
    for entry in parsed.product {
        let span = entry.span();
        let product =
            product(entry.into_inner()).map_err(|reason| invalid(span.clone(), &reason))?;
        let sku = product.offer.sku.clone();
        if by_sku.insert(sku.clone(), products.len()).is_some() {
            return Err(invalid(
                span,
                &format!("sku must be unique; {sku} is listed twice"),
            ));
        }
        products.push(product);
    }
    if products.is_empty() {
        return Err(invalid(0..0, "the file must list at least one [[product]]"));
    }
    Ok(Catalogue {
        currency: parsed.currency,
        products,
        by_sku,
        promotions: HashMap::new(),
        fingerprint: hex::encode(&Sha256::digest(text)[..8]),
    })
}

fn product(entry: ProductEntry) -> Result<Product, String> {
    if entry.name.trim().is_empty() || entry.name.chars().count() > 200 {
        return Err("name must have 1 to 200 characters".to_owned());
    }
    if entry.name.chars().any(char::is_control) {
        return Err("name must not contain control characters".to_owned());
    }
    if !(0..=MAX_PRICE).contains(&entry.price) {
        return Err(format!(
            "price = {} must be 0 to {MAX_PRICE}, in minor units",
            entry.price
        ));
    }
    if entry.max_per_cart == Some(0) {
        return Err("max_per_cart = 0 must be 1 or more; omit it for no limit".to_owned());
    }
    Ok(Product {
        offer: Offer {
            sku: entry.sku,
            name: entry.name.into(),
            unit_price: Money::from_minor(entry.price),
            max_per_cart: entry.max_per_cart,
        },
        description: entry.description,
        category: entry.category,
        picture: entry.picture.map(|url| Picture {
            url,
            alt: entry.picture_alt.unwrap_or_default(),
        }),
    })
}

fn read_promotions(file: &str, text: &str) -> Result<HashMap<String, Promotion>, CatalogueError> {
    let invalid = |span: Range<usize>, reason: &str| invalid(file, text, &span, reason);
    let parsed: PromotionsFile = toml::from_str(text)
        .map_err(|error| invalid(error.span().unwrap_or(0..0), error.message()))?;
    let mut promotions = HashMap::with_capacity(parsed.promotion.len());
    for entry in parsed.promotion {
        let span = entry.span();
        let promotion =
            promotion(entry.into_inner()).map_err(|reason| invalid(span.clone(), &reason))?;
        let code = promotion.code.to_uppercase();
        if promotions.insert(code.clone(), promotion).is_some() {
            return Err(invalid(
                span,
                &format!("code must be unique; {code} is listed twice"),
            ));
        }
    }
    Ok(promotions)
}

fn promotion(entry: PromotionEntry) -> Result<Promotion, String> {
    let well_formed = (1..=64).contains(&entry.code.len())
        && entry.code.bytes().all(|byte| byte.is_ascii_graphic());
    if !well_formed {
        return Err("code must have 1 to 64 printable ASCII characters without spaces".to_owned());
    }
    let terms = match (entry.percent, entry.amount) {
        (Some(percent @ 1..=100), None) => Terms::Percent(percent),
        (Some(percent), None) => {
            return Err(format!("percent = {percent} must be 1 to 100"));
        }
        (None, Some(amount @ 1..=MAX_PRICE)) => Terms::Amount(Money::from_minor(amount)),
        (None, Some(amount)) => {
            return Err(format!(
                "amount = {amount} must be 1 to {MAX_PRICE}, in minor units"
            ));
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err("a promotion must have either percent or amount".to_owned());
        }
    };
    Ok(Promotion {
        code: entry.code,
        description: entry.description,
        terms,
    })
}

fn invalid(file: &str, text: &str, span: &Range<usize>, reason: &str) -> CatalogueError {
    let before = text.get(..span.start).unwrap_or(text);
    CatalogueError::Invalid {
        file: file.to_owned(),
        line: 1 + before.matches('\n').count(),
        reason: reason.replace('\n', " "),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_catalogue_is_complete() {
        let catalogue = Catalogue::load(None, None).unwrap();
        let categories: std::collections::BTreeSet<&str> = catalogue
            .products()
            .iter()
            .map(|product| product.category.as_str())
            .collect();
        assert!((24..=40).contains(&catalogue.products().len()));
        assert!(categories.len() >= 4, "{categories:?}");
        assert!(catalogue.promotion("tea10").is_some());
        for product in catalogue.products() {
            let picture = product.picture.as_ref().unwrap();
            assert!(!picture.alt.is_empty(), "{}", product.sku());
        }
    }

    #[test]
    fn ten_thousand_products_load() {
        let mut text = "currency = \"EUR\"\n".to_owned();
        for number in 0..10_000 {
            let rest = "name = \"P\"\ncategory = \"C\"\nprice = 1\n";
            text.extend(["[[product]]\nsku = \"p", &number.to_string(), "\"\n", rest]);
        }
        assert_eq!(read_products("x", &text).unwrap().products().len(), 10_000);
    }

    #[test]
    fn invalid_catalogue_fails_with_line_and_reason() {
        let good = "currency = \"EUR\"\n[[product]]\nsku = \"a\"\nname = \"A\"\n\
                    category = \"C\"\nprice = 1\n";
        for (from, to, line, reason) in [
            ("\"EUR\"", "\"euro\"", 1, "three capital letters"),
            ("price = 1", "price = -1", 2, "price = -1"),
            ("price = 1", "price = 1.5", 6, "floating point"),
            ("price = 1", "prize = 1", 6, "prize"),
            ("name = \"A\"", "name = \"\"", 2, "name must have 1 to 200"),
            ("\"a\"", "\"a b\"", 3, "a sku must be"),
            ("category", "category =", 5, ""),
            (
                "price = 1\n",
                "price = 1\nmax_per_cart = 0\n",
                2,
                "max_per_cart",
            ),
            (
                "price = 1\n",
                "price = 1\n[[product]]\nsku = \"a\"\nname = \"A\"\ncategory = \"C\"\nprice = 1\n",
                7,
                "twice",
            ),
        ] {
            let text = good.replace(from, to);
            let error = read_products("shop.toml", &text).unwrap_err().to_string();
            let start = format!("shop.toml, line {line}: ");
            assert!(error.starts_with(&start), "{text}\n{error}");
            assert!(error.contains(reason), "{text}\n{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn promotion_needs_percent_or_amount_but_not_both() {
        for terms in [
            "",
            "percent = 0",
            "percent = 101",
            "amount = 0",
            "percent = 1\namount = 1",
        ] {
            let text = format!("[[promotion]]\ncode = \"A\"\ndescription = \"\"\n{terms}\n");
            assert!(read_promotions("x", &text).is_err(), "{terms}");
        }
    }
}
