//! Products: added, removed, bought. One write for each product and batch.

use crate::cart::state::Contents;
use crate::cart::{Cart, CartEvent, Currency, Money, Sku};
use crate::views::{Batch, ProjectedEvent, View};
use rusqlite::{Connection, params};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;

/// The view's name.
pub const NAME: &str = "products";

/// The view `products`.
pub struct Products;

/// A product's totals over all carts of one currency.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Numbers {
    /// Distinct carts to which it was added.
    pub carts: u64,
    pub units_added: u64,
    pub units_removed: u64,
    pub units_bought: u64,
    /// Distinct carts that bought it.
    pub carts_bought: u64,
    /// The price of its sold units, before discounts on whole carts.
    pub revenue: Money,
    /// How often the last unit was removed from a cart.
    pub given_up: u64,
    /// How often it was added again to a cart from which all of it had been removed.
    pub came_back: u64,
}

/// A product's figures, over all carts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ProductNumbers")]
pub struct Product {
    pub sku: String,
    /// As in the latest event.
    pub name: String,
    pub currency: Currency,
    #[serde(flatten)]
    pub numbers: Numbers,
}

impl View for Products {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self) -> u32 {
        1
    }

    fn create(&self, tables: &Connection) -> rusqlite::Result<()> {
        tables.execute_batch(
            "CREATE TABLE products (
                sku           TEXT    NOT NULL,
                currency      TEXT    NOT NULL,
                name          TEXT    NOT NULL,
                carts         INTEGER NOT NULL,
                units_added   INTEGER NOT NULL,
                units_removed INTEGER NOT NULL,
                units_bought  INTEGER NOT NULL,
                carts_bought  INTEGER NOT NULL,
                revenue       INTEGER NOT NULL,
                given_up      INTEGER NOT NULL,
                came_back     INTEGER NOT NULL,
                PRIMARY KEY (sku, currency)
            ) STRICT, WITHOUT ROWID;",
        )
    }

    fn apply(&mut self, tables: &Connection, batch: &Batch<'_>) -> rusqlite::Result<()> {
        let mut changes: HashMap<(Sku, Currency), (Arc<str>, Numbers)> = HashMap::new();
        for event in batch.events() {
            let contents = batch.cart(event.stream).and_then(Cart::contents);
            if let (Some(cart_event), Some(contents)) = (event.of_cart(), contents) {
                count(&mut changes, event, cart_event, contents);
            }
        }
        let mut upsert = tables.prepare_cached(
            // A sum saturates at the largest INTEGER, as everywhere in the model.
            "INSERT INTO products VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT DO UPDATE SET name = excluded.name,
                 carts = carts + excluded.carts,
                 units_added = units_added + excluded.units_added,
                 units_removed = units_removed + excluded.units_removed,
                 units_bought = units_bought + excluded.units_bought,
                 carts_bought = carts_bought + excluded.carts_bought,
                 revenue = iif(revenue > 9223372036854775807 - max(excluded.revenue, 0),
                               9223372036854775807, revenue + excluded.revenue),
                 given_up = given_up + excluded.given_up,
                 came_back = came_back + excluded.came_back",
        )?;
        for ((sku, currency), (name, numbers)) in changes {
            upsert.execute(params![
                sku.as_str(),
                currency.code(),
                &*name,
                numbers.carts,
                numbers.units_added,
                numbers.units_removed,
                numbers.units_bought,
                numbers.carts_bought,
                numbers.revenue.minor(),
                numbers.given_up,
                numbers.came_back,
            ])?;
        }
        Ok(())
    }
}

/// Counts `event`. `contents` are those of its cart at the end of the batch, which no longer change
/// after a checkout.
fn count(
    changes: &mut HashMap<(Sku, Currency), (Arc<str>, Numbers)>,
    event: &ProjectedEvent,
    cart_event: &CartEvent,
    contents: &Contents,
) {
    let currency = contents.currency;
    match cart_event {
        CartEvent::ItemAdded(units) => {
            let (name, numbers) = changes.entry((units.sku.clone(), currency)).or_default();
            *name = units.name.clone();
            numbers.units_added += u64::from(units.quantity);
            numbers.carts += u64::from(
                event
                    .line_change
                    .is_some_and(|change| change.is_first_addition()),
            );
            numbers.came_back +=
                u64::from(event.line_change.is_some_and(|change| change.is_return()));
        }
        CartEvent::ItemRemoved(units) => {
            let (name, numbers) = changes.entry((units.sku.clone(), currency)).or_default();
            *name = units.name.clone();
            numbers.units_removed += u64::from(units.quantity);
            numbers.given_up += u64::from(
                event
                    .line_change
                    .is_some_and(|change| change.is_removal_of_all()),
            );
        }
        CartEvent::CartCheckedOut(_) => {
            for line in contents.lines() {
                let (name, numbers) = changes.entry((line.sku.clone(), currency)).or_default();
                *name = line.name.clone();
                numbers.units_bought += u64::from(line.quantity());
                numbers.carts_bought += 1;
                numbers.revenue = numbers.revenue.saturating_add(line.total());
            }
        }
        CartEvent::CartOpened(_)
        | CartEvent::PromotionApplied(_)
        | CartEvent::PromotionRemoved(_)
        | CartEvent::CartExpired(_) => {}
    }
}

/// The order of a list of products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Sku,
    /// The one that was most often removed and not added again first.
    Hesitation,
}

/// At most `limit` products after the first `skip`.
pub fn list(
    tables: &Connection,
    by: By,
    skip: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Product>> {
    let order = match by {
        By::Sku => "TRUE ORDER BY sku, currency",
        By::Hesitation => {
            "units_removed > 0 ORDER BY given_up - came_back DESC, given_up DESC,
                units_removed DESC, sku, currency"
        }
    };
    tables
        .prepare_cached(&format!(
            "SELECT sku, currency, name, carts, units_added, units_removed, units_bought,
                    carts_bought, revenue, given_up, came_back
             FROM products WHERE {order} LIMIT ?1 OFFSET ?2"
        ))?
        .query_map((limit, skip), |row| {
            let currency: String = row.get(1)?;
            Ok(Product {
                sku: row.get(0)?,
                currency: Currency::parse(&currency).map_err(|error| {
                    rusqlite::Error::FromSqlConversionFailure(
                        1,
                        rusqlite::types::Type::Text,
                        Box::new(error),
                    )
                })?,
                name: row.get(2)?,
                numbers: Numbers {
                    carts: row.get(3)?,
                    units_added: row.get(4)?,
                    units_removed: row.get(5)?,
                    units_bought: row.get(6)?,
                    carts_bought: row.get(7)?,
                    revenue: Money::from_minor(row.get(8)?),
                    given_up: row.get(9)?,
                    came_back: row.get(10)?,
                },
            })
        })?
        .collect()
}
