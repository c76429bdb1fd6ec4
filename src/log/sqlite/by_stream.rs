//! The index of streams: the table `by_stream`, merged a little behind the log.
//!
//! Successive events belong to different streams, so a unique index on `log` dirties one page of 4
//! KiB for each event (docs/speed.md has the measurement). Here entries gather in memory and are
//! merged in the order of their streams, many to a page, a few with each group. Entries that are
//! not merged yet are found in memory, and after a crash read from the end of the log.
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

/// The index of streams. The log's writer adds the entries of each group and merges them into the
/// table step by step; readers take what is not merged yet from here and the rest from the table.
#[derive(Debug)]
pub(super) struct StreamIndex(Mutex<State>);

/// Entries that may not be in the table yet, and how far the running merge has come.
#[derive(Debug)]
struct State {
    gathering: Entries,
    /// The entries of the running merge; empty if none is running.
    merging: Entries,
    /// The table's checkpoint once the running merge has ended.
    until: Position,
    /// The last entry of the running merge that is in the table.
    merged: Option<(Uuid, Version)>,
    /// How many entries were postponed because they were too few for a step.
    postponed: usize,
    /// What the open transaction has merged; takes effect once that is committed.
    step: Step,
    /// How many entries a merge begins with at least.
    threshold: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Nothing,
    /// So many entries are postponed.
    Postponed(usize),
    MergedUpTo((Uuid, Version)),
    Complete,
}

impl Default for StreamIndex {
    fn default() -> StreamIndex {
        StreamIndex::with_threshold(MERGE_THRESHOLD)
    }
}

impl StreamIndex {
    fn with_threshold(threshold: usize) -> StreamIndex {
        StreamIndex(Mutex::new(State {
            gathering: Entries::new(),
            merging: Entries::new(),
            until: Position(0),
            merged: None,
            postponed: 0,
            step: Step::Nothing,
            threshold,
        }))
    }

    /// The version that `stream` is at, if its last event is not merged yet.
    pub(super) fn unmerged_version(&self, stream: Uuid) -> Option<Version> {
        let state = self.lock();
        [&state.gathering, &state.merging]
            .into_iter()
            .find_map(|entries| {
                let own = entries.range((stream, Version(0))..=(stream, Version(u64::MAX)));
                own.last().map(|((_, version), _)| *version)
            })
    }

    /// At most `limit` unmerged places of `stream` after `after`, by version. Must be called before
    /// the table is read: entries move from here to the table, never back.
    pub(super) fn unmerged_after(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
    ) -> Vec<(Version, Position)> {
        let state = self.lock();
        let range = (
            Bound::Excluded((stream, after)),
            Bound::Included((stream, Version(u64::MAX))),
        );
        let merging = state.merging.range(range);
        let gathering = state.gathering.range(range);
        merging
            .chain(gathering)
            .map(|((_, version), position)| (*version, *position))
            .take(limit)
            .collect()
    }

    /// In a transaction that adds so many `events`: merges a few more entries than were added since
    /// the last step. So a merge ends before the next one is due, and no group waits for one.
    pub(super) fn merge_step(&self, tables: &Connection, events: usize) -> rusqlite::Result<()> {
        // Replaces the step of a transaction that was rolled back.
        let step = self.write_step(tables, events)?;
        self.lock().step = step;
        Ok(())
    }

    fn write_step(&self, tables: &Connection, events: usize) -> rusqlite::Result<Step> {
        let (entries, count, until) = {
            let state = self.lock();
            if state.merging.is_empty() {
                return Ok(Step::Nothing);
            }
            let count = state.postponed + events + events / 4 + 1;
            if count < MIN_MERGE_STEP {
                return Ok(Step::Postponed(count));
            }
            (state.next(count), count, state.until)
        };
        for ((stream, version), position) in &entries {
            insert(tables, *stream, *version, *position)?;
        }
        match entries.last() {
            Some((merged, _)) if entries.len() == count => Ok(Step::MergedUpTo(*merged)),
            Some(_) | None => {
                set_checkpoint(tables, until)?;
                Ok(Step::Complete)
            }
        }
    }

    /// Adds the entries of the transaction that was `committed`, and puts its merge step into
    /// effect. Begins the next merge when it is due. `last` is the position of the log's last
    /// event.
    pub(super) fn commit(&self, committed: &[RecordedEvent], last: Position) {
        let mut state = self.lock();
        let entries = committed
            .iter()
            .map(|event| ((event.stream, event.version), event.position));
        state.gathering.extend(entries);
        match std::mem::replace(&mut state.step, Step::Nothing) {
            Step::Nothing => {}
            Step::Postponed(postponed) => state.postponed = postponed,
            Step::MergedUpTo(merged) => {
                state.merged = Some(merged);
                state.postponed = 0;
            }
            Step::Complete => state.merging.clear(),
        }
        if state.merging.is_empty() && state.gathering.len() >= state.threshold {
            state.merging = std::mem::take(&mut state.gathering);
            state.until = last;
            state.merged = None;
            state.postponed = 0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No panic can occur in the middle of a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// At most `count` entries of the merge that are not in the table, in their order.
    fn next(&self, count: usize) -> Vec<((Uuid, Version), Position)> {
        let from = self.merged.map_or(Bound::Unbounded, Bound::Excluded);
        self.merging
            .range((from, Bound::Unbounded))
            .take(count)
            .map(|(place, position)| (*place, *position))
            .collect()
    }
}

/// The unmerged entries of a log that another process writes.
#[derive(Debug, Default)]
pub(super) struct FollowedIndex {
    index: StreamIndex,
    /// Everything up to here is in the table or in `index`; `None` before the first read.
    known: Option<Position>,
}

impl FollowedIndex {
    /// Reads the entries that were committed since the last call; returns those the table may lack.
    pub(super) fn catch_up(&mut self, file: &Connection) -> rusqlite::Result<&StreamIndex> {
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
        let mut state = self.index.lock();
        while let Some(row) = rows.next()? {
            last = Position(row.get(2)?);
            let stream = Uuid::from_bytes(row.get(0)?);
            state.gathering.insert((stream, Version(row.get(1)?)), last);
        }
        drop(state);
        self.known = Some(last);
        Ok(&self.index)
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
