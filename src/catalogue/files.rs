//! The files of the catalogue. Amounts are in minor units, and every fault is reported with its
//! line.

use super::{Catalogue, CatalogueError, Picture, Product};
use crate::cart::{Currency, Money, Offer, Promotion, PromotionOffer, Sku, Terms};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use toml::{Spanned, Value};

/// The highest price or discount, in minor units. The total of a full cart at this price fits an
/// `i64`.
const MAX_AMOUNT: i64 = 1_000_000_000_000;
/// The longest description of a product, in characters: a paragraph on its page.
const MAX_DESCRIPTION: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductsFile {
    currency: Spanned<Currency>,
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
    price: Spanned<Value>,
    max_per_cart: Option<u32>,
    picture: Option<String>,
    picture_alt: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PromotionsFile {
    /// That of the products if it is missing.
    currency: Option<Spanned<Currency>>,
    #[serde(default)]
    promotion: Vec<Spanned<PromotionEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PromotionEntry {
    code: String,
    description: String,
    percent: Option<u8>,
    amount: Option<Spanned<Value>>,
}

/// Why a part of a file is refused.
struct Fault {
    span: Range<usize>,
    reason: String,
}

pub(super) fn source(
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

pub(super) fn read_products(file: &str, text: &str) -> Result<Catalogue, CatalogueError> {
    let invalid = |fault: Fault| invalid(file, text, &fault);
    let parsed: ProductsFile = toml::from_str(text).map_err(|error| invalid(error.into()))?;
    let currency = with_minor_unit(&parsed.currency).map_err(invalid)?;
    let mut products = Vec::with_capacity(parsed.product.len());
    let mut by_sku = HashMap::with_capacity(parsed.product.len());
    for entry in parsed.product {
        let span = entry.span();
        let product = product(entry, currency).map_err(invalid)?;
        let sku = product.offer.sku.clone();
        if by_sku.insert(sku.clone(), products.len()).is_some() {
            let reason = format!("sku must be unique; {sku} is listed twice");
            return Err(invalid(Fault { span, reason }));
        }
        products.push(product);
    }
    if products.is_empty() {
        return Err(invalid(Fault {
            span: 0..0,
            reason: "the file must list at least one [[product]]".to_owned(),
        }));
    }
    let pictures = products.iter().filter_map(|it| it.picture.as_ref());
    let picture_origins = pictures.filter_map(|it| it.origin.clone()).collect();
    Ok(Catalogue {
        currency,
        picture_origins,
        products,
        by_sku,
        offers: Arc::default(),
        fingerprint: hex::encode(&Sha256::digest(text)[..8]),
    })
}

fn product(entry: Spanned<ProductEntry>, currency: Currency) -> Result<Product, Fault> {
    let span = entry.span();
    let entry = entry.into_inner();
    let refused = |reason: &str| Fault {
        span: span.clone(),
        reason: reason.to_owned(),
    };
    if entry.name.trim().is_empty() || entry.name.chars().count() > 200 {
        return Err(refused("name must have 1 to 200 characters"));
    }
    if entry.name.chars().any(char::is_control) {
        return Err(refused("name must not contain control characters"));
    }
    if entry.description.chars().count() > MAX_DESCRIPTION {
        return Err(refused(&format!(
            "description must have at most {MAX_DESCRIPTION} characters"
        )));
    }
    if entry.description.chars().any(char::is_control) {
        return Err(refused("description must not contain control characters"));
    }
    if entry.max_per_cart == Some(0) {
        return Err(refused(
            "max_per_cart = 0 must be 1 or more; omit it for no limit",
        ));
    }
    let alt = entry.picture_alt.unwrap_or_default();
    let picture = entry.picture.map(|url| Picture::at(url, alt)).transpose();
    Ok(Product {
        offer: Offer {
            sku: entry.sku,
            name: entry.name.into(),
            unit_price: amount("price", &entry.price, 0, currency)?,
            currency,
            max_per_cart: entry.max_per_cart,
        },
        description: entry.description,
        category: entry.category,
        picture: picture.map_err(|reason| refused(&reason))?,
    })
}

pub(super) fn read_promotions(
    file: &str,
    text: &str,
    currency_of_products: Currency,
) -> Result<HashMap<String, PromotionOffer>, CatalogueError> {
    let invalid = |fault: Fault| invalid(file, text, &fault);
    let parsed: PromotionsFile = toml::from_str(text).map_err(|error| invalid(error.into()))?;
    let currency = match &parsed.currency {
        Some(currency) => with_minor_unit(currency).map_err(invalid)?,
        None => currency_of_products,
    };
    let mut promotions = HashMap::with_capacity(parsed.promotion.len());
    for entry in parsed.promotion {
        let span = entry.span();
        let promotion = promotion(entry, currency).map_err(invalid)?;
        let code = promotion.code.to_uppercase();
        let offer = PromotionOffer {
            promotion,
            currency,
        };
        if promotions.insert(code.clone(), offer).is_some() {
            let reason = format!("code must be unique; {code} is listed twice");
            return Err(invalid(Fault { span, reason }));
        }
    }
    Ok(promotions)
}

fn promotion(entry: Spanned<PromotionEntry>, currency: Currency) -> Result<Promotion, Fault> {
    let span = entry.span();
    let entry = entry.into_inner();
    let refused = |reason: String| Fault {
        span: span.clone(),
        reason,
    };
    let well_formed = (1..=64).contains(&entry.code.len())
        && entry.code.bytes().all(|byte| byte.is_ascii_graphic());
    if !well_formed {
        let reason = "code must have 1 to 64 printable ASCII characters without spaces";
        return Err(refused(reason.to_owned()));
    }
    let terms = match (entry.percent, entry.amount) {
        (Some(percent @ 1..=100), None) => Terms::Percent(percent),
        (Some(percent), None) => {
            return Err(refused(format!("percent = {percent} must be 1 to 100")));
        }
        (None, Some(value)) => Terms::Amount(amount("amount", &value, 1, currency)?),
        (Some(_), Some(_)) | (None, None) => {
            let reason = "a promotion must have either percent or amount";
            return Err(refused(reason.to_owned()));
        }
    };
    Ok(Promotion {
        code: entry.code,
        description: entry.description,
        terms,
    })
}

/// Without an exponent nothing says how many minor units make one unit.
fn with_minor_unit(currency: &Spanned<Currency>) -> Result<Currency, Fault> {
    match currency.get_ref().exponent() {
        Some(_) => Ok(*currency.get_ref()),
        None => Err(Fault {
            span: currency.span(),
            reason: format!(
                "currency = \"{}\" must be a currency of ISO 4217, such as EUR",
                currency.get_ref()
            ),
        }),
    }
}

/// An amount of at least `least`, which files have in minor units.
fn amount(
    key: &str,
    value: &Spanned<Value>,
    least: i64,
    currency: Currency,
) -> Result<Money, Fault> {
    let reason = match value.get_ref() {
        Value::Integer(minor) if (least..=MAX_AMOUNT).contains(minor) => {
            return Ok(Money::from_minor(*minor));
        }
        Value::Float(units) => decimal_amount(key, *units, currency),
        other => format!("{key} = {other} must be {least} to {MAX_AMOUNT}, in minor units"),
    };
    Err(Fault {
        span: value.span(),
        reason,
    })
}

/// Why an amount with a decimal point is refused, with what to write instead.
fn decimal_amount(key: &str, units: f64, currency: Currency) -> String {
    let written = units.to_string();
    let (whole, decimals) = written.split_once('.').unwrap_or((&written, ""));
    let exponent = currency.exponent().unwrap_or_default() as usize;
    let rule = "must be in minor units, without a decimal point";
    if decimals.len() > exponent {
        return format!(
            "{key} = {written} has more decimals than {currency}, which has {exponent}; it {rule}"
        );
    }
    match format!("{whole}{decimals:0<exponent$}").parse() {
        Ok(minor) => {
            let amount = Money::from_minor(minor).display(currency);
            format!("{key} = {written} {rule}: {minor} for {amount}")
        }
        Err(_) => format!("{key} = {written} {rule}"),
    }
}

impl From<toml::de::Error> for Fault {
    fn from(error: toml::de::Error) -> Fault {
        Fault {
            span: error.span().unwrap_or(0..0),
            reason: error.message().to_owned(),
        }
    }
}

fn invalid(file: &str, text: &str, fault: &Fault) -> CatalogueError {
    let before = text.get(..fault.span.start).unwrap_or(text);
    CatalogueError::Invalid {
        file: file.to_owned(),
        line: 1 + before.matches('\n').count(),
        reason: fault.reason.replace('\n', " "),
    }
}
