//! Finds carts and orders by a part of their id, as a shopper reads it to the operator.

use crate::models::Model;
use rusqlite::Connection;
use uuid::Uuid;

/// The carts and orders whose id begins or ends with `digits`, the newest first: up to `limit` of
/// each. `digits` are hexadecimal. Reads the ids of all carts and orders.
pub fn streams(
    tables: &Connection,
    digits: &str,
    limit: usize,
) -> rusqlite::Result<Vec<(Model, Uuid)>> {
    let digits = digits.to_uppercase();
    let mut found = Vec::new();
    for (table, model) in [("carts", Model::Cart), ("orders", Model::Order)] {
        // Ids are UUIDv7, which begin with their time.
        let mut query = tables.prepare_cached(&format!(
            "SELECT id FROM {table}
              WHERE hex(id) LIKE ?1 || '%' OR hex(id) LIKE '%' || ?1
              ORDER BY id DESC LIMIT ?2"
        ))?;
        let ids = query.query_map((&digits, limit), |row| row.get::<_, [u8; 16]>(0))?;
        for id in ids {
            found.push((model, Uuid::from_bytes(id?)));
        }
    }
    Ok(found)
}
