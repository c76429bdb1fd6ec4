//! Orders: which cart each belongs to, and the next step of the order process, as its to-do list.
//! The process keeps no state of its own: after a crash or a rebuild the list says what is left.

use super::{Batch, View};
use crate::cart::CartEvent;
use crate::orders::{NextStep, Order};
use crate::timestamp::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

/// The view's name.
pub const NAME: &str = "orders";

/// The view `orders`.
pub struct Orders;

/// A step of the order process that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueStep {
    pub order: Uuid,
    pub cart: Uuid,
    /// The order's version; 0 before it is placed.
    pub version: u64,
    pub step: NextStep,
}

const PLACE: &str = "place";
const CONFIRM: &str = "confirm";
const CANCEL: &str = "cancel";
const TIME_OUT: &str = "time_out";

impl View for Orders {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self) -> u32 {
        1
    }

    fn create(&self, tables: &Connection) -> rusqlite::Result<()> {
        tables.execute_batch(
            "CREATE TABLE orders (
                id        BLOB    PRIMARY KEY CHECK (length(id) = 16),
                cart      BLOB    NOT NULL CHECK (length(cart) = 16),
                -- 0 before the order is placed.
                version   INTEGER NOT NULL,
                next_step TEXT    CHECK (next_step IN ('place', 'confirm', 'cancel', 'time_out')),
                -- When the next step is due, in milliseconds.
                due_at    INTEGER
            ) STRICT, WITHOUT ROWID;
            CREATE INDEX order_steps ON orders (due_at, id) WHERE due_at IS NOT NULL;",
        )
    }

    fn apply(&mut self, tables: &Connection, batch: &Batch<'_>) -> rusqlite::Result<()> {
        let mut insert = tables.prepare_cached(
            "INSERT INTO orders VALUES (?1, ?2, 0, ?3, ?4) ON CONFLICT DO NOTHING",
        )?;
        for event in batch.events() {
            let Some(CartEvent::CartCheckedOut(checked_out)) = event.of_cart() else {
                continue;
            };
            if checked_out.order_follows {
                let (order, cart) = (checked_out.order_id.as_bytes(), event.stream.as_bytes());
                insert.execute(params![order, cart, PLACE, event.decoded.at.millis()])?;
            }
        }
        let mut upsert = tables.prepare_cached(
            "INSERT INTO orders VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET version = excluded.version,
                 next_step = excluded.next_step, due_at = excluded.due_at",
        )?;
        for (id, order) in batch.orders() {
            let Order::Placed(placed) = order else {
                continue;
            };
            let (step, due_at) = match NextStep::of(order) {
                None => (None, None),
                Some(NextStep::Place) => (Some(PLACE), Some(placed.changed_at)),
                Some(NextStep::Confirm) => (Some(CONFIRM), Some(placed.changed_at)),
                Some(NextStep::Cancel) => (Some(CANCEL), Some(placed.changed_at)),
                Some(NextStep::TimeOut(due_at)) => (Some(TIME_OUT), Some(due_at)),
            };
            upsert.execute(params![
                id.as_bytes(),
                placed.details.cart_id.as_bytes(),
                placed.version,
                step,
                due_at.map(Timestamp::millis),
            ])?;
        }
        Ok(())
    }
}

/// At most `limit` steps that are due at `now`, those that are due for longest first.
pub fn due_steps(
    tables: &Connection,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<DueStep>> {
    tables
        .prepare_cached(
            "SELECT id, cart, version, next_step, due_at FROM orders
             WHERE due_at <= ?1 ORDER BY due_at, id LIMIT ?2",
        )?
        .query_map(params![now.millis(), limit], due_step)?
        .collect()
}

/// When the next step is due that is not due at `now`.
pub fn next_due(tables: &Connection, now: Timestamp) -> rusqlite::Result<Option<Timestamp>> {
    tables
        .prepare_cached("SELECT min(due_at) FROM orders WHERE due_at > ?1")?
        .query_row([now.millis()], |row| {
            Ok(row.get::<_, Option<i64>>(0)?.map(Timestamp::from_millis))
        })
}

/// The cart that the order `id` belongs to, if there is such an order, placed or to be placed.
pub fn cart_of(tables: &Connection, id: Uuid) -> rusqlite::Result<Option<Uuid>> {
    tables
        .prepare_cached("SELECT cart FROM orders WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| Ok(Uuid::from_bytes(row.get(0)?)))
        .optional()
}

fn due_step(row: &Row<'_>) -> rusqlite::Result<DueStep> {
    let step = match row.get_ref(3)?.as_str()? {
        PLACE => NextStep::Place,
        CONFIRM => NextStep::Confirm,
        CANCEL => NextStep::Cancel,
        _ => NextStep::TimeOut(Timestamp::from_millis(row.get(4)?)),
    };
    Ok(DueStep {
        order: Uuid::from_bytes(row.get(0)?),
        cart: Uuid::from_bytes(row.get(1)?),
        version: row.get(2)?,
        step,
    })
}
