//! Finds carts and orders by a part of their id, as a shopper reads it to the operator.

use crate::models::Model;
use rusqlite::{Connection, params};
use uuid::Uuid;

/// The digits of a whole id.
pub const DIGITS: usize = 32;
/// How many ids are read to find those with an end. An end has no index: it would cost every
/// cart and order more than the search is worth.
const READS: usize = 500_000;

/// The carts and orders whose id begins or ends with `digits`, up to `limit` of each and of both
/// kinds, by id from the last; and whether these are all. `digits` are hexadecimal, at most
/// [`DIGITS`].
pub fn streams(
    tables: &Connection,
    digits: &str,
    limit: usize,
) -> rusqlite::Result<(Vec<(Model, Uuid)>, bool)> {
    let digits = digits.to_uppercase();
    let bound = |padding: &str| {
        let padding = padding.repeat(DIGITS.saturating_sub(digits.len()));
        let padded = u128::from_str_radix(&format!("{digits}{padding}"), 16);
        Uuid::from_u128(padded.unwrap_or(0)).into_bytes()
    };
    let (first, last) = (bound("0"), bound("F"));
    let (mut found, mut is_complete) = (Vec::new(), true);
    for (table, model) in [("carts", Model::Cart), ("orders", Model::Order)] {
        // One more than the limit shows whether these are all.
        let mut query = tables.prepare_cached(&format!(
            "SELECT id FROM (
                 SELECT id FROM {table} WHERE id BETWEEN ?1 AND ?2
                 UNION
                 SELECT id FROM (SELECT id FROM {table} ORDER BY id DESC LIMIT ?4)
                  WHERE hex(id) LIKE '%' || ?3
             ) ORDER BY id DESC LIMIT ?5"
        ))?;
        let values = params![first, last, digits, READS, limit + 1];
        let ids = query.query_map(values, |row| row.get::<_, [u8; 16]>(0))?;
        let ids: Vec<_> = ids.collect::<Result<_, _>>()?;
        let is_read_through = tables
            .prepare_cached(&format!("SELECT 1 FROM {table} LIMIT 1 OFFSET ?1"))?
            .exists([READS])?;
        is_complete &= ids.len() <= limit && !is_read_through;
        let ids = ids.into_iter().take(limit);
        found.extend(ids.map(|id| (model, Uuid::from_bytes(id))));
    }
    Ok((found, is_complete))
}
