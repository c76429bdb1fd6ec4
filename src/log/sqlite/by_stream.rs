//! The index of streams: the table `by_stream`, merged a little behind the log.
//!
//! Successive events belong to different streams, so a unique index on `log` dirties one page of 4
//! KiB for each event: it wrote five times as many bytes (docs/speed.md). Here entries gather in
//! memory and are merged in the order of their streams, many to a page, a few with each group.
//! Entries that are not merged yet are found in memory, and after a crash read from the end of the
//! log.
//!
//! No unique index refuses a second event at one version of a stream. In its place the one writer
//! checks each commit's expected version against this index, [`catch_up`] finds duplicates among
//! the entries that were not merged when the process ended, and `cartlog verify` finds them in the
//! whole log.

use super::rows;
use crate::log::{Position, RecordedEvent, Version};
use rusqlite::{Connection, params};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// How many entries gather before a merge. The more there are, the more of them share a page; after
/// a crash up to twice as many are read again at the next start.
const MERGE_THRESHOLD: usize = 65_536;

/// How many entries are merged with one group at least. Fewer would dirty a page for each event,
/// which is half of what the commit of a single event writes.
const MIN_MERGE_STEP: usize = 64;

type Entries = BTreeMap<(Uuid, Version), Position>;

/// An entry of the index.
pub(super) type Entry = (Uuid, Version, Position);

/// The entries that may not be in the table yet.
#[derive(Debug, Default)]
pub(super) struct Unmerged(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    gathering: Entries,
    merging: Entries,
}

impl Unmerged {
    /// Adds the entries of committed events.
    pub(super) fn extend<'a>(&self, committed: impl IntoIterator<Item = &'a RecordedEvent>) {
        let entries = committed
            .into_iter()
            .map(|event| ((event.stream, event.version), event.position));
        self.lock().gathering.extend(entries);
    }

    /// The version that `stream` is at, if its last event is among these entries.
    pub(super) fn version(&self, stream: Uuid) -> Option<Version> {
        let generations = self.lock();
        [&generations.gathering, &generations.merging]
            .into_iter()
            .find_map(|entries| {
                let own = entries.range((stream, Version(0))..=(stream, Version(u64::MAX)));
                own.last().map(|((_, version), _)| *version)
            })
    }

    /// At most `limit` places of `stream` after `after`, by version. Must be called before the
    /// table is read: entries move from here to the table, never back.
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

    /// Begins a merge if enough entries have gathered.
    fn begin_merge(&self, threshold: usize) -> bool {
        let mut generations = self.lock();
        let begins = generations.gathering.len() >= threshold && generations.merging.is_empty();
        if begins {
            generations.merging = std::mem::take(&mut generations.gathering);
        }
        begins
    }

    /// At most `count` entries of the merge after `done`, in their order.
    fn next(&self, done: Option<(Uuid, Version)>, count: usize) -> Vec<Entry> {
        let from = done.map_or(Bound::Unbounded, Bound::Excluded);
        self.lock()
            .merging
            .range((from, Bound::Unbounded))
            .take(count)
            .map(|((stream, version), position)| (*stream, *version, *position))
            .collect()
    }

    fn end_merge(&self) {
        self.lock().merging.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        // No panic can occur in the middle of a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The unmerged entries of a log that another process writes.
#[derive(Debug, Default)]
pub(super) struct FollowedIndex {
    unmerged: Unmerged,
    /// Everything up to here is in the table or in `unmerged`; `None` before the first read.
    known: Option<Position>,
}

impl FollowedIndex {
    /// Reads the entries that were committed since the last call; returns those the table may lack.
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

/// The state of merging, owned by the writer.
#[derive(Debug)]
pub(super) struct Merge {
    /// How many entries a merge begins with at least.
    threshold: usize,
    /// The table's checkpoint once the running merge has ended; `None` if none is running.
    until: Option<Position>,
    done: Option<(Uuid, Version)>,
    /// How many entries were postponed because they were too few for a step.
    postponed: usize,
}

/// The merge step of a transaction, which takes effect once that is committed.
#[derive(Debug)]
pub(super) enum Step {
    Nothing,
    /// So many entries are postponed.
    Postponed(usize),
    Merged((Uuid, Version)),
    Ended,
}

impl Default for Merge {
    fn default() -> Merge {
        Merge::with_threshold(MERGE_THRESHOLD)
    }
}

impl Merge {
    fn with_threshold(threshold: usize) -> Merge {
        Merge {
            threshold,
            until: None,
            done: None,
            postponed: 0,
        }
    }

    /// Merges a few more entries than were added since the last step, `events` of them by this
    /// transaction. So a merge ends before the next one is due, and no group waits for one.
    pub(super) fn step(
        &self,
        tables: &Connection,
        unmerged: &Unmerged,
        events: usize,
    ) -> rusqlite::Result<Step> {
        let Some(until) = self.until else {
            return Ok(Step::Nothing);
        };
        let count = self.postponed + events + events / 4 + 1;
        if count < MIN_MERGE_STEP {
            return Ok(Step::Postponed(count));
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
                set_checkpoint(tables, until)?;
                Ok(Step::Ended)
            }
        }
    }

    /// Advances the merge after the commit of `step`, and begins the next one when it is due.
    /// `last` is the position of the last event in the log and in `unmerged`.
    pub(super) fn committed(&mut self, step: &Step, unmerged: &Unmerged, last: Position) {
        match step {
            Step::Nothing => {}
            Step::Postponed(postponed) => self.postponed = *postponed,
            Step::Merged(done) => {
                self.done = Some(*done);
                self.postponed = 0;
            }
            Step::Ended => {
                unmerged.end_merge();
                *self = Merge::with_threshold(self.threshold);
            }
        }
        if self.until.is_none() && unmerged.begin_merge(self.threshold) {
            self.until = Some(last);
        }
    }
}

/// Adds an entry to the table.
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

/// Sets the table's checkpoint: it has all entries up to `position`. A position is enough, because
/// index and log change in the same transactions of the same file.
pub(super) fn set_checkpoint(connection: &Connection, position: Position) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE by_stream_checkpoint SET position = ?1")?
        .execute([position.0])?;
    Ok(())
}

/// Why the index could not catch up with the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum IndexError {
    #[error("it has two events at version {version} of stream {stream}")]
    Duplicate { stream: Uuid, version: u64 },
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// Merges all entries up to the log's end in one transaction, and refuses a log that has two events
/// at one version of a stream.
pub(super) fn catch_up(connection: &Connection) -> Result<(), IndexError> {
    let transaction = connection.unchecked_transaction()?;
    // Entries of an interrupted merge are in the table already.
    transaction.execute(
        "INSERT OR IGNORE INTO by_stream
         SELECT stream, version, position FROM log
          WHERE position > (SELECT position FROM by_stream_checkpoint)
          ORDER BY stream, version",
        [],
    )?;
    let duplicate = transaction
        .prepare(
            "SELECT l.stream, l.version FROM log l JOIN by_stream b USING (stream, version)
              WHERE l.position > (SELECT position FROM by_stream_checkpoint)
                AND l.position <> b.position LIMIT 1",
        )?
        .query_map([], |row| Ok((Uuid::from_bytes(row.get(0)?), row.get(1)?)))?
        .next()
        .transpose()?;
    if let Some((stream, version)) = duplicate {
        return Err(IndexError::Duplicate { stream, version });
    }
    set_checkpoint(&transaction, rows::last_position(&transaction)?)?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests;
