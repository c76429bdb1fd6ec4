//! The carts as shoppers see them: a row is the answer, made when the event arrived, so that a
//! `GET` is one look-up by primary key and a copy of bytes.

use super::{Batch, View};
use crate::cart::document::CartDocument;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

/// The view `carts`.
pub struct Carts;

/// A cart's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartRow {
    pub version: u64,
    pub token_hash: [u8; 32],
    /// The cart's JSON document.
    pub document: Vec<u8>,
}

impl View for Carts {
    fn name(&self) -> &'static str {
        "carts"
    }

    fn definition(&self) -> u32 {
        1
    }

    fn create(&self, tables: &Connection) -> rusqlite::Result<()> {
        tables.execute_batch(
            "CREATE TABLE carts (
                id         BLOB    PRIMARY KEY CHECK (length(id) = 16),
                version    INTEGER NOT NULL,
                token_hash BLOB    NOT NULL,
                document   TEXT    NOT NULL
            ) STRICT, WITHOUT ROWID;",
        )
    }

    /// One write a cart and batch, however many of its events the batch has.
    fn apply(&mut self, tables: &Connection, batch: &Batch<'_>) -> rusqlite::Result<()> {
        let mut upsert = tables.prepare_cached(
            "INSERT INTO carts (id, version, token_hash, document) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET version = excluded.version, document = excluded.document",
        )?;
        for (id, cart) in batch.carts {
            let (Some(contents), Some(document)) = (cart.contents(), CartDocument::of(*id, cart))
            else {
                continue;
            };
            let json = document.to_json();
            let text = std::str::from_utf8(&json).expect("JSON is UTF-8");
            upsert.execute(params![
                id.as_bytes(),
                contents.version,
                contents.token_hash,
                text
            ])?;
        }
        Ok(())
    }
}

/// The row of the cart `id`, if the view has it.
pub fn find(tables: &Connection, id: Uuid) -> rusqlite::Result<Option<CartRow>> {
    tables
        .prepare_cached("SELECT version, token_hash, document FROM carts WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| {
            Ok(CartRow {
                version: row.get(0)?,
                token_hash: row.get(1)?,
                document: row.get_ref(2)?.as_bytes()?.to_vec(),
            })
        })
        .optional()
}
