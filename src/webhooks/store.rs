//! `webhooks.db`: what every webhook has delivered, and what waits for the operator.
//!
//! This is not a view: a rebuild does not touch it, and an event that is delivered stays so. It
//! names history by hashes, so that the state fits no other log.

use super::schedule::Change;
use crate::file_lock::FileLock;
use crate::files::{create_folder_of, make_private, refuse_irregular};
use crate::log::{Checkpoint, Hash, Position};
use crate::timestamp::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};
use rusqlite_migration::{M, Migrations};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// "cart" and "hook", so that no other program's database is taken for this one.
const APPLICATION_ID: i32 = 0x6361_686b;

const SCHEMA: &str = "
CREATE TABLE webhook (
  name TEXT PRIMARY KEY,
  log_id TEXT NOT NULL,
  -- Up to here everything is delivered, parked or dropped.
  position INTEGER NOT NULL,
  hash TEXT NOT NULL
) STRICT;
-- Delivered or dropped beyond the position of the webhook.
CREATE TABLE delivered (
  webhook TEXT NOT NULL,
  position INTEGER NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (webhook, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE parked (
  webhook TEXT NOT NULL,
  cart TEXT NOT NULL,
  position INTEGER NOT NULL,
  hash TEXT NOT NULL,
  reason TEXT NOT NULL,
  parked_at INTEGER NOT NULL,
  PRIMARY KEY (webhook, cart, position)
) STRICT, WITHOUT ROWID;
-- What the operator gave up, and why.
CREATE TABLE dropped (
  webhook TEXT NOT NULL,
  cart TEXT NOT NULL,
  position INTEGER NOT NULL,
  hash TEXT NOT NULL,
  reason TEXT NOT NULL,
  dropped_at INTEGER NOT NULL,
  PRIMARY KEY (webhook, cart, position)
) STRICT, WITHOUT ROWID;
";

/// The state of all webhooks, open for writing.
pub struct Store {
    tables: Connection,
    _lock: FileLock,
}

/// Why the state of webhooks could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the state of webhooks {}: {reason}", path.display())]
pub struct StoreError {
    pub path: PathBuf,
    pub reason: String,
}

/// An event that waits for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedEvent {
    pub cart: Uuid,
    pub position: Position,
    pub hash: Hash,
    pub reason: String,
    pub parked_at: Timestamp,
}

impl Store {
    /// Opens the file at `path`, which no other process may use.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        Store::try_open(path).map_err(|error| StoreError {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }

    fn try_open(path: &Path) -> Result<Store, Box<dyn std::error::Error>> {
        refuse_irregular(path)?;
        create_folder_of(path)?;
        let lock = FileLock::acquire(path, "the state of webhooks")?;
        let mut tables = Connection::open(path)?;
        let id: i32 = tables.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        let objects: i64 =
            tables.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if id != APPLICATION_ID && objects > 0 {
            return Err("it is a database of something else and is left unchanged".into());
        }
        tables.pragma_update(None, "application_id", APPLICATION_ID)?;
        tables.pragma_update(None, "journal_mode", "WAL")?;
        // What a receiver has acknowledged survives a power loss.
        tables.pragma_update(None, "synchronous", "FULL")?;
        Migrations::new(vec![M::up(SCHEMA)]).to_latest(&mut tables)?;
        make_private(&path.canonicalize()?);
        Ok(Store {
            tables,
            _lock: lock,
        })
    }

    /// How far the webhook `name` has come; `None` if it is new.
    pub fn checkpoint(&self, name: &str) -> rusqlite::Result<Option<Checkpoint>> {
        let query = "SELECT log_id, position, hash FROM webhook WHERE name = ?1";
        let found = self.tables.query_row(query, [name], |row| {
            Ok(Checkpoint {
                log_id: uuid(row, 0)?,
                position: Position(row.get(1)?),
                hash: hash(row, 2)?,
            })
        });
        found.optional()
    }

    /// The webhook `name` begins or continues at `checkpoint`.
    pub fn start(&mut self, name: &str, checkpoint: Checkpoint) -> rusqlite::Result<()> {
        let change = self.tables.transaction()?;
        move_to(&change, name, checkpoint)?;
        change.commit()
    }

    /// What the webhook `name` need not read again: the events beyond its checkpoint that are
    /// delivered, dropped or parked.
    pub fn known(&self, name: &str) -> rusqlite::Result<HashMap<Position, Hash>> {
        let query = "SELECT position, hash FROM delivered WHERE webhook = ?1 UNION \
                     SELECT position, hash FROM parked WHERE webhook = ?1";
        let mut query = self.tables.prepare_cached(query)?;
        let rows = query.query_map([name], |row| Ok((Position(row.get(0)?), hash(row, 1)?)))?;
        rows.collect()
    }

    /// What the webhook `name` has parked, by cart and position.
    pub fn parked(&self, name: &str) -> rusqlite::Result<Vec<ParkedEvent>> {
        let query = "SELECT cart, position, hash, reason, parked_at FROM parked \
                     WHERE webhook = ?1 ORDER BY cart, position";
        let mut query = self.tables.prepare_cached(query)?;
        let rows = query.query_map([name], |row| {
            Ok(ParkedEvent {
                cart: uuid(row, 0)?,
                position: Position(row.get(1)?),
                hash: hash(row, 2)?,
                reason: row.get(3)?,
                parked_at: Timestamp::from_millis(row.get(4)?),
            })
        })?;
        rows.collect()
    }

    /// Stores `changes` of the webhook `name`, and that everything up to `settled` is delivered,
    /// parked or dropped: all of it or nothing.
    pub fn apply(
        &mut self,
        name: &str,
        changes: &[Change],
        settled: Checkpoint,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let transaction = self.tables.transaction()?;
        for change in changes {
            match change {
                Change::Delivered {
                    cart,
                    position,
                    hash,
                } => {
                    transaction
                        .prepare_cached("INSERT OR REPLACE INTO delivered VALUES (?1, ?2, ?3)")?
                        .execute(params![name, position.0, hash.to_string()])?;
                    transaction
                        .prepare_cached(
                            "DELETE FROM parked WHERE webhook = ?1 AND cart = ?2 AND position = ?3",
                        )?
                        .execute(params![name, cart.to_string(), position.0])?;
                }
                Change::Parked {
                    cart,
                    position,
                    hash,
                    reason,
                } => {
                    transaction
                        .prepare_cached(
                            "INSERT OR REPLACE INTO parked VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                        )?
                        .execute(params![
                            name,
                            cart.to_string(),
                            position.0,
                            hash.to_string(),
                            reason,
                            now.millis()
                        ])?;
                }
            }
        }
        move_to(&transaction, name, settled)?;
        transaction.commit()
    }

    /// Drops what the webhook `name` has parked of `cart`, for `reason`. Returns how many events.
    pub fn drop_cart(
        &mut self,
        name: &str,
        cart: Uuid,
        reason: &str,
        now: Timestamp,
    ) -> rusqlite::Result<usize> {
        let transaction = self.tables.transaction()?;
        let cart = cart.to_string();
        let dropped = transaction.execute(
            "INSERT OR REPLACE INTO dropped SELECT webhook, cart, position, hash, ?3, ?4 \
             FROM parked WHERE webhook = ?1 AND cart = ?2",
            params![name, cart, reason, now.millis()],
        )?;
        // Until the checkpoint is past them, they count as delivered.
        transaction.execute(
            "INSERT OR REPLACE INTO delivered SELECT webhook, position, hash \
             FROM parked WHERE webhook = ?1 AND cart = ?2",
            params![name, cart],
        )?;
        let parked = "DELETE FROM parked WHERE webhook = ?1 AND cart = ?2";
        transaction.execute(parked, params![name, cart])?;
        transaction.commit()?;
        Ok(dropped)
    }
}

fn move_to(tables: &Connection, name: &str, to: Checkpoint) -> rusqlite::Result<()> {
    let (log_id, position, hash) = (to.log_id.to_string(), to.position.0, to.hash.to_string());
    tables
        .prepare_cached("INSERT OR REPLACE INTO webhook VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![name, log_id, position, hash])?;
    tables
        .prepare_cached("DELETE FROM delivered WHERE webhook = ?1 AND position <= ?2")?
        .execute(params![name, position])?;
    Ok(())
}

fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

fn hash(row: &Row<'_>, column: usize) -> rusqlite::Result<Hash> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}
