//! The warehouse's file.
//!
//! An event is delivered at least once. Its effect happens once, because one transaction holds the
//! *inbox* (the event was seen), the reservation, and the *outbox* (the answer to send). A crash
//! before the commit leaves nothing, and the event is delivered again; a crash after it leaves
//! everything, and the next delivery finds the event in the inbox.

use crate::event::{Cancelled, Event, Line, Placed, What};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

const SCHEMA: &str = "
    -- Units that are not reserved. The check is the last defence: stock is never negative.
    CREATE TABLE IF NOT EXISTS stock (
        sku  TEXT    PRIMARY KEY,
        free INTEGER NOT NULL CHECK (free >= 0)
    ) STRICT;
    -- The events that were seen.
    CREATE TABLE IF NOT EXISTS inbox (event_id TEXT PRIMARY KEY) STRICT;
    CREATE TABLE IF NOT EXISTS reservations (
        order_id TEXT    NOT NULL,
        sku      TEXT    NOT NULL REFERENCES stock,
        units    INTEGER NOT NULL CHECK (units > 0),
        PRIMARY KEY (order_id, sku)
    ) STRICT;
    -- The answers to orders, until cartlog has replied.
    CREATE TABLE IF NOT EXISTS outbox (
        id       INTEGER PRIMARY KEY,
        order_id TEXT    NOT NULL,
        answer   TEXT    NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        -- In milliseconds since 1970.
        due_at   INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX IF NOT EXISTS outbox_by_due_at ON outbox (due_at, id);
    -- Where the next poll starts.
    CREATE TABLE IF NOT EXISTS place (
        one  INTEGER PRIMARY KEY CHECK (one = 1),
        path TEXT    NOT NULL
    ) STRICT;";

/// The longest message that cartlog accepts, in characters.
const LONGEST_MESSAGE: usize = 200;

/// The answer to an order: the body of `POST /api/orders/{id}/reservation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Answer {
    Reserved,
    /// With a sentence for the shopper, and the products that are missing.
    Refused {
        message: String,
        skus: Vec<String>,
    },
}

/// An answer in the outbox.
#[derive(Debug)]
pub struct Unsent {
    pub id: i64,
    pub order: Uuid,
    pub answer: Answer,
    pub attempts: u32,
}

/// What an event did.
#[derive(Debug)]
pub enum Effect {
    /// It was seen before.
    Repeated,
    Answered(Uuid, Answer),
    /// cartlog does not ask a warehouse about this order.
    NotAsked(Uuid),
    /// The units of a cancelled order are free again; 0 if none were reserved.
    Released(Uuid, u32, String),
    /// Of a type that is of no interest here.
    Ignored,
}

pub struct Store {
    file: Mutex<Connection>,
    default_stock: u32,
    /// Signalled when the outbox has a new answer.
    answered: Condvar,
}

impl Store {
    /// Opens or creates the file. Products that it does not know get the units in `stock`.
    pub fn open(
        path: &Path,
        stock: &BTreeMap<String, u32>,
        default_stock: u32,
    ) -> rusqlite::Result<Store> {
        let mut file = Connection::open(path)?;
        file.busy_timeout(Duration::from_secs(10))?;
        file.pragma_update(None, "journal_mode", "wal")?;
        // A commit is on the disk before the event is acknowledged.
        file.pragma_update(None, "synchronous", "full")?;
        file.pragma_update(None, "foreign_keys", true)?;
        file.execute_batch(SCHEMA)?;
        let change = file.transaction()?;
        for (sku, units) in stock {
            know(&change, sku, *units)?;
        }
        change.commit()?;
        Ok(Store {
            file: Mutex::new(file),
            default_stock,
            answered: Condvar::new(),
        })
    }

    /// Free units by product.
    pub fn stock(&self) -> rusqlite::Result<Vec<(String, u32)>> {
        let file = self.file();
        let mut rows = file.prepare("SELECT sku, free FROM stock ORDER BY sku")?;
        rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    }

    /// Does what `events` ask for, once. Everything is on the disk when this returns: in one
    /// transaction with `place`, where the next poll starts.
    pub fn receive(&self, events: &[Event], place: Option<&str>) -> rusqlite::Result<Vec<Effect>> {
        let mut file = self.file();
        // Immediate: two processes on one file wait for each other instead of failing halfway.
        let change = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut effects = Vec::with_capacity(events.len());
        for event in events {
            effects.push(self.apply(&change, event)?);
        }
        if let Some(place) = place {
            change.execute(
                "INSERT INTO place VALUES (1, ?1) ON CONFLICT DO UPDATE SET path = excluded.path",
                [place],
            )?;
        }
        change.commit()?;
        self.answered.notify_all();
        Ok(effects)
    }

    /// Where the next poll starts; `None` at the first event.
    pub fn place(&self) -> rusqlite::Result<Option<String>> {
        self.file()
            .query_row("SELECT path FROM place", [], |row| row.get(0))
            .optional()
    }

    fn apply(&self, change: &Transaction<'_>, event: &Event) -> rusqlite::Result<Effect> {
        if matches!(event.what, What::Other) {
            return Ok(Effect::Ignored);
        }
        let seen = change
            .prepare_cached("INSERT INTO inbox VALUES (?1) ON CONFLICT DO NOTHING")?
            .execute([&event.id])?;
        if seen == 0 {
            return Ok(Effect::Repeated);
        }
        match &event.what {
            What::Placed(placed) => self.answer(change, placed),
            What::Cancelled(Cancelled { order_id, message }) => {
                // An answer to a cancelled order would come too late.
                change.execute(
                    "DELETE FROM outbox WHERE order_id = ?1",
                    [order_id.to_string()],
                )?;
                let units = release(change, *order_id)?;
                Ok(Effect::Released(*order_id, units, message.clone()))
            }
            What::Other => Ok(Effect::Ignored),
        }
    }

    /// Reserves all units of an order or none, and writes the answer to send.
    fn answer(&self, change: &Transaction<'_>, placed: &Placed) -> rusqlite::Result<Effect> {
        let order = placed.order_id;
        if placed.reserve_by.is_none() {
            return Ok(Effect::NotAsked(order));
        }
        let mut missing = Vec::new();
        for line in &placed.lines {
            know(change, &line.sku, self.default_stock)?;
            let free: u32 = change
                .prepare_cached("SELECT free FROM stock WHERE sku = ?1")?
                .query_row([&line.sku], |row| row.get(0))?;
            if free < line.quantity {
                missing.push((line, free));
            }
        }
        let answer = if missing.is_empty() {
            for line in &placed.lines {
                reserve(change, order, line)?;
            }
            Answer::Reserved
        } else {
            Answer::Refused {
                message: apology(&missing),
                skus: missing.iter().map(|(line, _)| line.sku.clone()).collect(),
            }
        };
        change
            .prepare_cached("INSERT INTO outbox (order_id, answer) VALUES (?1, ?2)")?
            .execute(params![order.to_string(), json(&answer)])?;
        Ok(Effect::Answered(order, answer))
    }

    /// Waits for an answer that is due.
    pub fn next_unsent(&self) -> rusqlite::Result<Unsent> {
        let mut file = self.file();
        loop {
            let next = unsent(&file)?;
            let now = now_millis();
            let wait = match next {
                Some((due_at, unsent)) if due_at <= now => return Ok(unsent),
                Some((due_at, _)) => Duration::from_millis((due_at - now).unsigned_abs()),
                None => Duration::from_secs(10),
            };
            let waited = self
                .answered
                .wait_timeout(file, wait.min(Duration::from_secs(10)));
            file = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Forgets an answer that cartlog has taken.
    pub fn sent(&self, unsent: &Unsent) -> rusqlite::Result<()> {
        let file = self.file();
        file.execute("DELETE FROM outbox WHERE id = ?1", [unsent.id])?;
        Ok(())
    }

    /// Forgets an answer that came too late, and releases what was reserved for it, at once.
    pub fn sent_too_late(&self, unsent: &Unsent) -> rusqlite::Result<u32> {
        let mut file = self.file();
        let change = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
        change.execute("DELETE FROM outbox WHERE id = ?1", [unsent.id])?;
        let units = release(&change, unsent.order)?;
        change.commit()?;
        Ok(units)
    }

    /// Sends an answer again after `wait`.
    pub fn retry(&self, unsent: &Unsent, wait: Duration) -> rusqlite::Result<()> {
        let due_at = now_millis().saturating_add(i64::try_from(wait.as_millis()).unwrap_or(0));
        self.file().execute(
            "UPDATE outbox SET attempts = attempts + 1, due_at = ?2 WHERE id = ?1",
            params![unsent.id, due_at],
        )?;
        Ok(())
    }

    /// A thread that panicked in a transaction has rolled it back.
    fn file(&self) -> MutexGuard<'_, Connection> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives a product its first units, unless it is known.
fn know(change: &Transaction<'_>, sku: &str, units: u32) -> rusqlite::Result<()> {
    change
        .prepare_cached("INSERT INTO stock VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![sku, units])?;
    Ok(())
}

fn reserve(change: &Transaction<'_>, order: Uuid, line: &Line) -> rusqlite::Result<()> {
    change
        .prepare_cached("UPDATE stock SET free = free - ?2 WHERE sku = ?1")?
        .execute(params![line.sku, line.quantity])?;
    change
        .prepare_cached(
            "INSERT INTO reservations VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET units = units + excluded.units",
        )?
        .execute(params![order.to_string(), line.sku, line.quantity])?;
    Ok(())
}

/// Returns the units of an order to the stock. Returns how many there were.
fn release(change: &Transaction<'_>, order: Uuid) -> rusqlite::Result<u32> {
    let released: Vec<(String, u32)> = change
        .prepare_cached("DELETE FROM reservations WHERE order_id = ?1 RETURNING sku, units")?
        .query_map([order.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (sku, units) in &released {
        change
            .prepare_cached("UPDATE stock SET free = free + ?2 WHERE sku = ?1")?
            .execute(params![sku, units])?;
    }
    Ok(released.iter().map(|(_, units)| units).sum())
}

/// The answer that is due first, and when.
fn unsent(file: &Connection) -> rusqlite::Result<Option<(i64, Unsent)>> {
    file.prepare_cached(
        "SELECT due_at, id, order_id, answer, attempts FROM outbox ORDER BY due_at, id LIMIT 1",
    )?
    .query_row([], |row| {
        let unsent = Unsent {
            id: row.get(1)?,
            order: parsed(row.get::<_, String>(2)?.parse())?,
            answer: parsed(serde_json::from_str(&row.get::<_, String>(3)?))?,
            attempts: row.get(4)?,
        };
        Ok((row.get(0)?, unsent))
    })
    .optional()
}

fn parsed<T, E>(text: Result<T, E>) -> rusqlite::Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    text.map_err(|error| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(0, kind, Box::new(error))
    })
}

/// What the shopper reads: one line that cartlog accepts.
fn apology(missing: &[(&Line, u32)]) -> String {
    let text = match missing {
        [(line, 0)] => format!("Sorry, {} is sold out.", line.name),
        [(line, free)] => format!("Sorry, only {free} of {} left.", line.name),
        lines => {
            let names: Vec<&str> = lines.iter().map(|(line, _)| &*line.name).collect();
            format!(
                "Sorry, we do not have enough of these: {}.",
                names.join(", ")
            )
        }
    };
    let mut text: Vec<char> = text.chars().filter(|it| !it.is_control()).collect();
    if text.len() > LONGEST_MESSAGE {
        text.truncate(LONGEST_MESSAGE - 1);
        text.push('…');
    }
    text.into_iter().collect()
}

pub fn json(answer: &Answer) -> String {
    serde_json::to_string(answer).expect("an answer has string keys only")
}

fn now_millis() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
