//! The carts as shoppers see them. A row is the JSON response, computed when the event arrives, so
//! that a `GET` is one look-up by primary key and a copy of bytes.

use super::{Batch, View};
use crate::cart::Cart;
use crate::cart::document::CartDocument;
use crate::timestamp::Timestamp;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

/// The view's name.
pub const NAME: &str = "carts";

/// The view `carts`.
pub struct Carts;

/// A cart's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartRow {
    pub version: u64,
    pub token_hash: [u8; 32],
    /// Of an open cart: when its last event was recorded.
    pub idle_since: Option<Timestamp>,
    /// The cart's JSON document.
    pub document: Bytes,
}

impl CartRow {
    /// The row of the cart `id`; `None` before it was opened.
    pub fn of(id: Uuid, cart: &Cart) -> Option<CartRow> {
        let contents = cart.contents()?;
        Some(CartRow {
            version: contents.version,
            token_hash: contents.token_hash,
            idle_since: match cart {
                Cart::Open(open) => Some(open.contents.changed_at),
                Cart::NotOpened | Cart::Closed(_) => None,
            },
            document: CartDocument::of(id, cart)?.to_json().into(),
        })
    }
}

/// An open cart without an event since `idle_since`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdleCart {
    pub idle_since: Timestamp,
    pub id: Uuid,
}

impl View for Carts {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self) -> u32 {
        2
    }

    fn create(&self, tables: &Connection) -> rusqlite::Result<()> {
        tables.execute_batch(
            "CREATE TABLE carts (
                id         BLOB    PRIMARY KEY CHECK (length(id) = 16),
                version    INTEGER NOT NULL,
                token_hash BLOB    NOT NULL,
                document   TEXT    NOT NULL,
                -- Of an open cart: when its last event was recorded, in milliseconds.
                idle_since INTEGER,
                -- The same in hours, for the index: it changes once an hour at the most,
                -- not with each event.
                idle_hour  INTEGER
            ) STRICT, WITHOUT ROWID;
            CREATE INDEX idle_carts ON carts (idle_hour, id) WHERE idle_hour IS NOT NULL;",
        )
    }

    /// One write for each cart and batch, however many events of the cart the batch has.
    fn apply(&mut self, tables: &Connection, batch: &Batch<'_>) -> rusqlite::Result<()> {
        let mut upsert = tables.prepare_cached(
            "INSERT INTO carts (id, version, token_hash, document, idle_since, idle_hour)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET version = excluded.version,
                 document = excluded.document, idle_since = excluded.idle_since,
                 idle_hour = excluded.idle_hour",
        )?;
        for (id, row) in batch.rows() {
            let text = std::str::from_utf8(&row.document).expect("JSON is UTF-8");
            let idle_since = row.idle_since.map(Timestamp::millis);
            upsert.execute(params![
                id.as_bytes(),
                row.version,
                row.token_hash,
                text,
                idle_since,
                idle_since.map(hour),
            ])?;
        }
        Ok(())
    }
}

/// The hour of a time in milliseconds since the Unix epoch.
fn hour(millis: i64) -> i64 {
    millis.div_euclid(60 * 60 * 1_000)
}

/// The row of the cart `id`, if there is one.
pub fn find(tables: &Connection, id: Uuid) -> rusqlite::Result<Option<CartRow>> {
    tables
        .prepare_cached(
            "SELECT version, token_hash, idle_since, document FROM carts WHERE id = ?1",
        )?
        .query_row([id.as_bytes()], |row| {
            Ok(CartRow {
                version: row.get(0)?,
                token_hash: row.get(1)?,
                idle_since: row.get::<_, Option<i64>>(2)?.map(Timestamp::from_millis),
                document: Bytes::copy_from_slice(row.get_ref(3)?.as_bytes()?),
            })
        })
        .optional()
}

/// At most `limit` open carts without an event since `before`, sorted by the hour of their last
/// event, after `after` if that is given.
pub fn idle(
    tables: &Connection,
    before: Timestamp,
    after: Option<IdleCart>,
    limit: usize,
) -> rusqlite::Result<Vec<IdleCart>> {
    let after = after.unwrap_or(IdleCart {
        idle_since: Timestamp::MIN,
        id: Uuid::nil(),
    });
    tables
        .prepare_cached(
            "SELECT idle_since, id FROM carts
             WHERE idle_hour <= ?1 AND (idle_hour, id) > (?2, ?3) AND idle_since <= ?4
             ORDER BY idle_hour, id LIMIT ?5",
        )?
        .query_map(
            params![
                hour(before.millis()),
                hour(after.idle_since.millis()),
                after.id.as_bytes(),
                before.millis(),
                limit
            ],
            |row| {
                Ok(IdleCart {
                    idle_since: Timestamp::from_millis(row.get(0)?),
                    id: Uuid::from_bytes(row.get(1)?),
                })
            },
        )?
        .collect()
}
