//! Activity: events by type and minute. One write for each type, minute and batch.

use crate::timestamp::Timestamp;
use crate::views::{Batch, View};
use rusqlite::Connection;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The smallest step, in milliseconds.
const MINUTE: i64 = 60_000;

/// The view's name.
pub const NAME: &str = "activity";

/// The view `activity`.
pub struct Activity;

impl View for Activity {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self) -> u32 {
        1
    }

    fn create(&self, tables: &Connection) -> rusqlite::Result<()> {
        tables.execute_batch(
            "CREATE TABLE activity (
                minute INTEGER NOT NULL,
                type   TEXT    NOT NULL,
                events INTEGER NOT NULL,
                PRIMARY KEY (minute, type)
            ) STRICT, WITHOUT ROWID;",
        )
    }

    fn apply(&mut self, tables: &Connection, batch: &Batch<'_>) -> rusqlite::Result<()> {
        let mut counts: BTreeMap<(i64, &str), u64> = BTreeMap::new();
        for event in batch.events() {
            let minute = event.decoded.at.millis().div_euclid(MINUTE);
            *counts.entry((minute, event.name())).or_default() += 1;
        }
        let mut upsert = tables.prepare_cached(
            "INSERT INTO activity VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET events = events + excluded.events",
        )?;
        for ((minute, name), events) in counts {
            upsert.execute((minute, name, events))?;
        }
        Ok(())
    }
}

/// The events in one step of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ActivityStep")]
pub struct Step {
    /// When the step begins.
    pub at: Timestamp,
    pub total: u64,
    /// By event type.
    pub events: BTreeMap<String, u64>,
}

/// The latest `limit` steps of `minutes` minutes with any event, between two times, oldest first.
/// Steps begin at whole multiples since the Unix epoch, in a time that is `offset` minutes ahead of
/// UTC.
pub fn steps(
    tables: &Connection,
    minutes: i64,
    offset: i64,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
    limit: usize,
) -> rusqlite::Result<Vec<Step>> {
    let minute = |time: Timestamp| time.millis().div_euclid(MINUTE);
    let mut statement = tables.prepare_cached(
        "SELECT minute, type, events FROM activity WHERE minute BETWEEN ?1 AND ?2
         ORDER BY minute DESC",
    )?;
    let mut rows = statement.query((from.map_or(i64::MIN, minute), to.map_or(i64::MAX, minute)))?;
    let mut steps: Vec<Step> = Vec::new();
    while let Some(row) = rows.next()? {
        let local = row.get::<_, i64>(0)? + offset;
        let begin = local.div_euclid(minutes) * minutes - offset;
        let at = Timestamp::from_millis(begin * MINUTE);
        if steps.last().is_none_or(|step| step.at != at) {
            if steps.len() == limit {
                break;
            }
            steps.push(Step {
                at,
                total: 0,
                events: BTreeMap::new(),
            });
        }
        let step = steps.last_mut().expect("a step was just pushed");
        let events: u64 = row.get(2)?;
        step.total += events;
        *step.events.entry(row.get(1)?).or_default() += events;
    }
    steps.reverse();
    Ok(steps)
}
