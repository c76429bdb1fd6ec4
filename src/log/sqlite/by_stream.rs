//! Where each stream's events are: the table `by_stream`, written a little behind the log.
//!
//! Streams are written to in turn, so an entry that is written with its event dirties a page of the
//! index for itself: 4 KiB on the disk for 30 bytes of entry, which was most of what a commit wrote.
//! Here entries gather in memory and go into the table in the order of their streams, many to a
//! page, a few with each later group. What the table does not have yet is found in memory; a process
//! that begins takes it from the end of the log. A unique index on `log` itself, which needs none of
//! this, wrote five times as many bytes.

use super::rows;
use crate::log::{Position, RecordedEvent, Version};
use rusqlite::{Connection, params};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// How many entries gather before they are merged into the table. More of them share a page of it;
/// what a crash leaves unmerged (up to twice as many) is read again at the next start.
const GATHER: usize = 65_536;

/// How many entries are merged at the least with one group. Fewer would dirty a page for each event,
/// half of what the commit of a single event writes.
const MERGED_AT_ONCE: usize = 64;

type Entries = BTreeMap<(Uuid, Version), Position>;

/// An entry of the index.
pub(super) type Entry = (Uuid, Version, Position);

/// The entries that the table does not have yet, or not for certain.
#[derive(Debug, Default)]
pub(super) struct Unmerged(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    gathering: Entries,
    merging: Entries,
}

impl Unmerged {
    /// Takes in what was committed.
    pub(super) fn extend<'a>(&self, committed: impl IntoIterator<Item = &'a RecordedEvent>) {
        let entries = committed
            .into_iter()
            .map(|event| ((event.stream, event.version), event.position));
        self.lock().gathering.extend(entries);
    }

    /// The version that `stream` is at, if one of its last events is here.
    pub(super) fn version(&self, stream: Uuid) -> Option<Version> {
        let generations = self.lock();
        [&generations.gathering, &generations.merging]
            .into_iter()
            .find_map(|entries| {
                let own = entries.range((stream, Version(0))..=(stream, Version(u64::MAX)));
                own.last().map(|((_, version), _)| *version)
            })
    }

    /// At most `limit` places of `stream` after `after`, by version. Whoever reads the table after
    /// asking this has missed nothing that was committed before.
    pub(super) fn after(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
    ) -> Vec<(Version, Position)> {
        let generations = self.lock();
        let range = (
            Bound::Excluded((stream, after)),
            Bound::Included((stream, Version(u64::MAX))),
        );
        let merging = generations.merging.range(range);
        let gathering = generations.gathering.range(range);
        merging
            .chain(gathering)
            .map(|((_, version), position)| (*version, *position))
            .take(limit)
            .collect()
    }

    /// Begins to merge what has gathered, if that is enough.
    fn begin(&self, gather: usize) -> bool {
        let mut generations = self.lock();
        let begins = generations.gathering.len() >= gather && generations.merging.is_empty();
        if begins {
            generations.merging = std::mem::take(&mut generations.gathering);
        }
        begins
    }

    /// At most `count` of the entries that are to be merged behind `done`, in their order.
    fn next(&self, done: Option<(Uuid, Version)>, count: usize) -> Vec<Entry> {
        let from = done.map_or(Bound::Unbounded, Bound::Excluded);
        self.lock()
            .merging
            .range((from, Bound::Unbounded))
            .take(count)
            .map(|((stream, version), position)| (*stream, *version, *position))
            .collect()
    }

    fn end(&self) {
        self.lock().merging.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        // Nothing in here panics between two changes.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the table lacks of a log that another process writes.
#[derive(Debug, Default)]
pub(super) struct Followed {
    unmerged: Unmerged,
    /// Everything up to here is in the table or in `unmerged`; `None` before anything was read.
    known: Option<Position>,
}

impl Followed {
    /// Takes in what was committed since the last time, and says what the table may lack.
    pub(super) fn catch_up(&mut self, file: &Connection) -> rusqlite::Result<&Unmerged> {
        let known = match self.known {
            Some(known) => known,
            None => Position(file.query_row(
                "SELECT position FROM by_stream_checkpoint",
                [],
                |row| row.get(0),
            )?),
        };
        let mut last = known;
        let mut statement = file.prepare_cached(
            "SELECT stream, version, position FROM log WHERE position > ?1 ORDER BY position",
        )?;
        let mut rows = statement.query([known.0])?;
        let mut unmerged = self.unmerged.lock();
        while let Some(row) = rows.next()? {
            last = Position(row.get(2)?);
            let stream = Uuid::from_bytes(row.get(0)?);
            unmerged
                .gathering
                .insert((stream, Version(row.get(1)?)), last);
        }
        drop(unmerged);
        self.known = Some(last);
        Ok(&self.unmerged)
    }
}

/// The merge that is under way, in the writer's hands.
#[derive(Debug)]
pub(super) struct Merge {
    /// How many entries a merge begins with at the least.
    gather: usize,
    /// Everything up to here is in the table once the merge has ended; `None` while none is under way.
    until: Option<Position>,
    done: Option<(Uuid, Version)>,
    /// How many entries are to be merged, and were not yet: too few.
    owed: usize,
}

/// What a transaction has merged, to be taken over once it is committed.
#[derive(Debug)]
pub(super) enum Step {
    Nothing,
    /// So many entries are still owed.
    PutOff(usize),
    Merged((Uuid, Version)),
    Ended,
}

impl Default for Merge {
    fn default() -> Merge {
        Merge::of(GATHER)
    }
}

impl Merge {
    /// Merges once `gather` entries are there, or a few more.
    fn of(gather: usize) -> Merge {
        Merge {
            gather,
            until: None,
            done: None,
            owed: 0,
        }
    }

    /// Merges a few entries more than the events that were added since the last step, `events` of
    /// them by this transaction, so that a merge ends before the next one is due and no group waits
    /// for one.
    pub(super) fn step(
        &self,
        tables: &Connection,
        unmerged: &Unmerged,
        events: usize,
    ) -> rusqlite::Result<Step> {
        let Some(until) = self.until else {
            return Ok(Step::Nothing);
        };
        let count = self.owed + events + events / 4 + 1;
        if count < MERGED_AT_ONCE {
            return Ok(Step::PutOff(count));
        }
        let entries = unmerged.next(self.done, count);
        for (stream, version, position) in &entries {
            insert(tables, *stream, *version, *position)?;
        }
        match entries.last() {
            Some((stream, version, _)) if entries.len() == count => {
                Ok(Step::Merged((*stream, *version)))
            }
            Some(_) | None => {
                reached(tables, until)?;
                Ok(Step::Ended)
            }
        }
    }

    /// Takes over what was committed, and begins the next merge when it is due. `last` is the
    /// position of the last event that is in the log and in `unmerged`.
    pub(super) fn committed(&mut self, step: &Step, unmerged: &Unmerged, last: Position) {
        match step {
            Step::Nothing => {}
            Step::PutOff(owed) => self.owed = *owed,
            Step::Merged(done) => {
                self.done = Some(*done);
                self.owed = 0;
            }
            Step::Ended => {
                unmerged.end();
                *self = Merge::of(self.gather);
            }
        }
        if self.until.is_none() && unmerged.begin(self.gather) {
            self.until = Some(last);
        }
    }
}

/// Enters an event at once: for a log that nobody reads yet.
pub(super) fn insert(
    connection: &Connection,
    stream: Uuid,
    version: Version,
    position: Position,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO by_stream VALUES (?1, ?2, ?3)")?
        .execute(params![stream.as_bytes(), version.0, position.0])?;
    Ok(())
}

/// Notes that the table has everything up to `position`.
pub(super) fn reached(connection: &Connection, position: Position) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE by_stream_checkpoint SET position = ?1")?
        .execute([position.0])?;
    Ok(())
}

/// Why the index could not be made whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum IndexError {
    #[error("it has two events at version {version} of stream {stream}")]
    Twice { stream: Uuid, version: u64 },
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// Brings the table up to the log's end in one transaction, from the log itself.
pub(super) fn catch_up(connection: &Connection) -> Result<(), IndexError> {
    let transaction = connection.unchecked_transaction()?;
    // What an interrupted merge has left is there already.
    transaction.execute(
        "INSERT OR IGNORE INTO by_stream
         SELECT stream, version, position FROM log
          WHERE position > (SELECT position FROM by_stream_checkpoint)
          ORDER BY stream, version",
        [],
    )?;
    let twice = transaction
        .prepare(
            "SELECT l.stream, l.version FROM log l JOIN by_stream b USING (stream, version)
              WHERE l.position > (SELECT position FROM by_stream_checkpoint)
                AND l.position <> b.position LIMIT 1",
        )?
        .query_map([], |row| Ok((Uuid::from_bytes(row.get(0)?), row.get(1)?)))?
        .next()
        .transpose()?;
    if let Some((stream, version)) = twice {
        return Err(IndexError::Twice { stream, version });
    }
    reached(&transaction, rows::last_position(&transaction)?)?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests;
