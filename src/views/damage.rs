//! Damaging a row on purpose, for demonstrations: verification names it, and a rebuild heals it
//! like any other.

use super::row_cache::RowCache;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;
use uuid::Uuid;

/// How long the change waits for a write of the updater.
const BUSY: Duration = Duration::from_secs(5);

/// A row of the view `carts` whose total is wrong now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DamagedRow {
    pub cart_id: Uuid,
    /// The version that the row has.
    pub version: u64,
    /// The cart's currency (ISO 4217).
    #[schemars(length(min = 3, max = 3))]
    pub currency: String,
    /// In minor units.
    pub total_before: i64,
    /// In minor units.
    pub total_after: i64,
}

/// Adds 1,000 minor units to the total in the newest cart's row, in the views at `path` and nowhere
/// else. `None` if they have no cart. The next event of the cart writes the row again.
pub(super) fn damage_newest_cart(
    path: &Path,
    rows: &RowCache,
) -> rusqlite::Result<Option<DamagedRow>> {
    // Without the flag that creates a file: views that are missing stay missing.
    let tables = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    tables.busy_timeout(BUSY)?;
    let damaged = tables
        .query_row(
            "UPDATE carts
             SET document = json_set(document, '$.total', json_extract(document, '$.total') + 1000)
             WHERE id = (SELECT max(id) FROM carts)
             RETURNING id, version, json_extract(document, '$.currency'),
                       json_extract(document, '$.total')",
            [],
            |row| {
                let total: i64 = row.get(3)?;
                Ok(DamagedRow {
                    cart_id: Uuid::from_bytes(row.get(0)?),
                    version: row.get(1)?,
                    currency: row.get(2)?,
                    total_before: total - 1000,
                    total_after: total,
                })
            },
        )
        .optional()?;
    if let Some(row) = &damaged {
        rows.forget_written(row.cart_id);
    }
    Ok(damaged)
}
