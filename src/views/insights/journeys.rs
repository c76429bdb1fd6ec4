//! The funnel: how many carts were opened, filled, checked out or expired, and how long that took.
//!
//! A cart's row is written when its phase changes or something is removed, not on each event. Rows
//! are keyed by the time of the opening, so a query for a period reads that range, and new rows are
//! appended.

use crate::cart::state::Closure;
use crate::cart::{Cart, CartEvent, Money};
use crate::timestamp::Timestamp;
use crate::views::{Batch, ProjectedEvent, View};
use rusqlite::Error::FromSqlConversionFailure;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, params};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// The view's name.
pub const NAME: &str = "journeys";

/// The view `journeys`.
pub struct Journeys;

/// The outcomes of closed carts.
const CHECKED_OUT: &str = "checked_out";
const EXPIRED: &str = "expired";

impl View for Journeys {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self) -> u32 {
        2
    }

    fn create(&self, tables: &Connection) -> rusqlite::Result<()> {
        tables.execute_batch(
            "CREATE TABLE journeys (
                opened_at INTEGER NOT NULL,
                cart      BLOB    NOT NULL CHECK (length(cart) = 16),
                filled    INTEGER NOT NULL CHECK (filled IN (0, 1)),
                outcome   TEXT    CHECK (outcome IN ('checked_out', 'expired')),
                closed_at INTEGER,
                currency  TEXT    NOT NULL,
                paid      INTEGER CHECK ((paid IS NOT NULL) = (outcome IS 'checked_out')),
                taken_out TEXT,
                PRIMARY KEY (opened_at, cart)
            ) STRICT, WITHOUT ROWID;",
        )
    }

    fn apply(&mut self, tables: &Connection, batch: &Batch<'_>) -> rusqlite::Result<()> {
        let mut changed: HashMap<Uuid, Option<String>> = HashMap::new();
        for event in batch.events() {
            if let Some(taken_out) = row_change(event) {
                let latest = changed.entry(event.stream).or_default();
                if let Some(taken_out) = taken_out {
                    let json = serde_json::to_string(&taken_out);
                    *latest = Some(json.expect("removed units have text keys alone"));
                }
            }
        }
        let mut upsert = tables.prepare_cached(
            "INSERT INTO journeys
                 (opened_at, cart, filled, outcome, closed_at, currency, paid, taken_out)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT DO UPDATE SET filled = excluded.filled, outcome = excluded.outcome,
                 closed_at = excluded.closed_at, paid = excluded.paid,
                 taken_out = coalesce(excluded.taken_out, taken_out)",
        )?;
        for (id, taken_out) in changed {
            let Some(cart) = batch.cart(id) else {
                continue;
            };
            let Some(contents) = cart.contents() else {
                continue;
            };
            let outcome = match cart {
                Cart::NotOpened | Cart::Open(_) => None,
                Cart::Closed(closed) => Some(match closed.closure {
                    Closure::CheckedOut { .. } => CHECKED_OUT,
                    Closure::Expired => EXPIRED,
                }),
            };
            upsert.execute(params![
                contents.opened_at.millis(),
                id.as_bytes(),
                contents.was_filled(),
                outcome,
                outcome.map(|_| contents.changed_at.millis()),
                contents.currency.to_string(),
                (outcome == Some(CHECKED_OUT)).then(|| contents.total().minor()),
                taken_out,
            ])?;
        }
        Ok(())
    }
}

/// Units that were removed from a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TakenOut {
    pub sku: String,
    pub name: String,
    pub quantity: u32,
    pub unit_price: Money,
    pub at: Timestamp,
}

/// Whether `event` changes the row of its cart, and the units that it removes.
#[expect(clippy::option_option, reason = "whether to write, and what")]
fn row_change(event: &ProjectedEvent) -> Option<Option<TakenOut>> {
    match event.of_cart()? {
        CartEvent::CartOpened(_) | CartEvent::CartCheckedOut(_) | CartEvent::CartExpired(_) => {
            Some(None)
        }
        CartEvent::ItemAdded(_) => event.line_change?.is_first_addition().then_some(None),
        CartEvent::ItemRemoved(units) => Some(Some(TakenOut {
            sku: units.sku.as_str().to_owned(),
            name: units.name.as_ref().to_owned(),
            quantity: units.quantity,
            unit_price: units.unit_price,
            at: event.decoded.at,
        })),
        CartEvent::PromotionApplied(_) | CartEvent::PromotionRemoved(_) => None,
    }
}

/// How far the carts got that were opened in a period.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Funnel {
    pub opened: u64,
    /// Of these, the carts that ever held an item.
    pub filled: u64,
    pub checked_out: u64,
    pub expired: u64,
    /// Open carts that are idle at the time of the query.
    pub idle: u64,
    /// The share of the opened carts that were checked out; `null` if none was opened.
    pub conversion: Option<f64>,
    pub time_to_checkout: Percentiles,
    /// What the checked-out carts were paid, by currency; most orders first.
    pub revenue: Vec<Revenue>,
}

/// The orders in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Revenue {
    pub currency: String,
    pub orders: u64,
    /// The sum of their totals.
    pub total: Money,
    /// Their average total, half a minor unit rounded up.
    pub average: Money,
}

/// The time from opening to checkout, by the times of the events; `null` without checkouts. By
/// nearest rank: a time that one of the carts took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Percentiles {
    pub median_ms: Option<i64>,
    pub p90_ms: Option<i64>,
}

/// The funnel of the carts opened from `from` to before `to`. An open cart is idle without an event
/// since `idle_since`.
pub fn funnel(
    tables: &Connection,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    idle_since: Timestamp,
) -> rusqlite::Result<Funnel> {
    let mut funnel = Funnel {
        opened: 0,
        filled: 0,
        checked_out: 0,
        expired: 0,
        idle: 0,
        conversion: None,
        time_to_checkout: Percentiles {
            median_ms: None,
            p90_ms: None,
        },
        revenue: Vec::new(),
    };
    let mut times = Vec::new();
    let mut paid: BTreeMap<String, (u64, Money)> = BTreeMap::new();
    let mut statement = tables.prepare_cached(
        "SELECT filled, outcome, closed_at - opened_at, currency, paid FROM journeys
         WHERE opened_at >= ?1 AND opened_at < ?2",
    )?;
    let mut rows = statement.query((
        from.map_or(i64::MIN, Timestamp::millis),
        to.map_or(i64::MAX, Timestamp::millis),
    ))?;
    while let Some(row) = rows.next()? {
        funnel.opened += 1;
        funnel.filled += u64::from(row.get::<_, bool>(0)?);
        match row.get_ref(1)?.as_str_or_null()? {
            Some(CHECKED_OUT) => {
                funnel.checked_out += 1;
                times.push(row.get(2)?);
                let (orders, total) = paid.entry(row.get(3)?).or_default();
                *orders += 1;
                *total = total.saturating_add(Money::from_minor(row.get(4)?));
            }
            Some(_) => funnel.expired += 1,
            None => {}
        }
    }
    // Times in a document are texts of one width, so they sort as texts.
    funnel.idle = match (from, to) {
        (None, None) => tables
            .prepare_cached("SELECT count(*) FROM carts WHERE idle_since <= ?1")?
            .query_row([idle_since.millis()], |row| row.get(0))?,
        (from, to) => tables
            .prepare_cached(
                "SELECT count(*) FROM carts WHERE idle_since <= ?1
                    AND (?2 IS NULL OR document ->> 'opened_at' >= ?2)
                    AND (?3 IS NULL OR document ->> 'opened_at' < ?3)",
            )?
            .query_row(
                (
                    idle_since.millis(),
                    from.map(|from| from.to_string()),
                    to.map(|to| to.to_string()),
                ),
                |row| row.get(0),
            )?,
    };
    #[expect(clippy::cast_precision_loss, reason = "a share, not an amount")]
    if funnel.opened > 0 {
        funnel.conversion = Some(funnel.checked_out as f64 / funnel.opened as f64);
    }
    funnel.time_to_checkout = Percentiles {
        median_ms: nearest_rank(&mut times, 50),
        p90_ms: nearest_rank(&mut times, 90),
    };
    funnel.revenue = paid.into_iter().map(Revenue::of).collect();
    funnel
        .revenue
        .sort_by_key(|revenue| Reverse(revenue.orders));
    Ok(funnel)
}

impl Revenue {
    fn of((currency, (orders, total)): (String, (u64, Money))) -> Revenue {
        let count = i64::try_from(orders).unwrap_or(i64::MAX).max(1);
        let average = total.minor().saturating_add(count / 2).div_euclid(count);
        Revenue {
            currency,
            orders,
            total,
            average: Money::from_minor(average),
        }
    }
}

/// The smallest value that at least `percent` per cent of `values` do not exceed.
fn nearest_rank(values: &mut [i64], percent: usize) -> Option<i64> {
    if values.is_empty() {
        return None;
    }
    let rank = (values.len() * percent).div_ceil(100).max(1);
    Some(*values.select_nth_unstable(rank - 1).1)
}

/// What was last removed from the cart `id`, which was opened at `opened_at`.
pub fn taken_out_last(
    tables: &Connection,
    id: Uuid,
    opened_at: Timestamp,
) -> rusqlite::Result<Option<TakenOut>> {
    let found = tables
        .prepare_cached("SELECT taken_out FROM journeys WHERE opened_at = ?1 AND cart = ?2")?
        .query_row((opened_at.millis(), id.as_bytes()), |row| {
            let json: Option<String> = row.get(0)?;
            json.map(|json| serde_json::from_str(&json))
                .transpose()
                .map_err(|error| FromSqlConversionFailure(0, Type::Text, error.into()))
        })
        .optional()?;
    Ok(found.flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn average_order_rounds_half_a_minor_unit_up() {
        for (orders, total, average) in [(1, 999, 999), (2, 5, 3), (3, 10, 3), (3, 11, 4)] {
            let paid = (orders, Money::from_minor(total));
            let revenue = Revenue::of(("EUR".to_owned(), paid));
            assert_eq!(revenue.average.minor(), average, "{revenue:?}");
        }
    }

    #[test]
    fn percentile_is_a_value_that_occurred() {
        for (values, percent, found) in [
            (vec![], 50, None),
            (vec![7], 50, Some(7)),
            (vec![7], 90, Some(7)),
            (vec![4, 1, 3, 2], 50, Some(2)),
            ((1..=10).rev().collect(), 90, Some(9)),
            ((1..=11).collect(), 90, Some(10)),
        ] {
            assert_eq!(nearest_rank(&mut values.clone(), percent), found);
        }
    }
}
