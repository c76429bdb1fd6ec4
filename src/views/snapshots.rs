//! Snapshots of carts: each cart as it was at every 256th version. A read of the past starts from
//! the nearest one, so that its cost does not grow with the cart's history.

use super::{Batch, View};
use crate::cart::Cart;
use crate::log::Version;
use crate::timestamp::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

/// The view's name.
pub const NAME: &str = "snapshots";

/// Versions from one snapshot of a cart to the next.
const INTERVAL: u64 = 256;

/// The view `snapshots`.
pub struct Snapshots;

/// The end of a fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// This version, inclusive.
    Version(Version),
    /// This time, inclusive.
    Time(Timestamp),
}

impl Until {
    /// The newest version.
    pub const NEWEST: Until = Until::Version(Version(u64::MAX));
}

/// Whether a cart has a snapshot at `version`.
pub(super) fn is_due(version: u64) -> bool {
    version.is_multiple_of(INTERVAL)
}

impl View for Snapshots {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self) -> u32 {
        1
    }

    fn create(&self, tables: &Connection) -> rusqlite::Result<()> {
        tables.execute_batch(
            "CREATE TABLE snapshots (
                cart        BLOB    NOT NULL CHECK (length(cart) = 16),
                version     INTEGER NOT NULL,
                -- When the event of the version was recorded, in milliseconds.
                recorded_at INTEGER NOT NULL,
                -- The folded cart as JSON.
                state       TEXT    NOT NULL,
                PRIMARY KEY (cart, version)
            ) STRICT, WITHOUT ROWID;",
        )
    }

    fn apply(&mut self, tables: &Connection, batch: &Batch<'_>) -> rusqlite::Result<()> {
        let mut insert = tables.prepare_cached("INSERT INTO snapshots VALUES (?1, ?2, ?3, ?4)")?;
        for event in batch.events() {
            let Some(cart) = &event.snapshot else {
                continue;
            };
            let state = serde_json::to_string(&**cart).expect("a cart has string keys only");
            insert.execute(params![
                event.stream.as_bytes(),
                event.decoded.version,
                event.decoded.at.millis(),
                state,
            ])?;
        }
        Ok(())
    }
}

/// The newest snapshot of the cart `id` that is not past `until`, if there is one.
pub(super) fn find(tables: &Connection, id: Uuid, until: Until) -> rusqlite::Result<Option<Cart>> {
    let (column, limit) = match until {
        Until::Version(version) => ("version", i64::try_from(version.0).unwrap_or(i64::MAX)),
        Until::Time(time) => ("recorded_at", time.millis()),
    };
    tables
        .prepare_cached(&format!(
            "SELECT state FROM snapshots WHERE cart = ?1 AND {column} <= ?2
             ORDER BY version DESC LIMIT 1"
        ))?
        .query_row(params![id.as_bytes(), limit], state)
        .optional()
}

fn state(row: &Row<'_>) -> rusqlite::Result<Cart> {
    let text = row.get_ref(0)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cart::event::{CartOpened, Units};
    use crate::cart::{CartEvent, CartModel, Currency, Money, Promotion, Sku, Terms};
    use crate::decider::{Decider, EventContext};

    /// Rows written under this definition have this shape. A change must raise
    /// [`Snapshots::definition`]; otherwise the rows of existing views cannot be read.
    #[test]
    fn stored_shape_belongs_to_the_definition() {
        let units = Units {
            sku: Sku::parse("tea").unwrap(),
            name: "Tea".into(),
            quantity: 2,
            unit_price: Money::from_minor(100),
        };
        let events = [
            CartEvent::CartOpened(CartOpened {
                currency: Currency::EUR,
                token_hash: [7; 32],
            }),
            CartEvent::ItemAdded(units.clone()),
            CartEvent::PromotionApplied(Promotion {
                code: "TENTH".into(),
                description: "10 % off".into(),
                terms: Terms::Percent(10),
            }),
            CartEvent::ItemRemoved(units),
        ];
        let mut cart = CartModel::initial();
        for (version, event) in (1..).zip(&events) {
            let context = EventContext {
                version,
                at: Timestamp::from_millis(1_772_355_600_000),
                command: "add_item",
                command_id: Uuid::nil(),
            };
            CartModel::evolve(&mut cart, event, &context);
        }
        let stored = serde_json::to_string(&cart).unwrap();
        let expected = [
            r#"{"Open":{"contents":{"version":4,"currency":"EUR","token_hash":""#,
            &"07".repeat(32),
            r#"","shelf":[{"sku":"tea","name":"Tea","lots":[]}],"promotion":{"code":"TENTH","#,
            r#""description":"10 % off","percent":10},"promotion_version":3,"#,
            r#""opened_at":"2026-03-01T09:00:00.000Z","changed_at":"2026-03-01T09:00:00.000Z"}}}"#,
        ];
        assert_eq!((Snapshots.definition(), stored), (1, expected.concat()));
    }
}
