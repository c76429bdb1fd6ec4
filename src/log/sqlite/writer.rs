//! Group commit: the one thread that writes takes all queued commits and makes them durable in one
//! transaction with one sync. While a group is being synced, the next one gathers in the queue.

use super::by_stream::{self, StreamIndex};
use super::gauges::Gauges;
use super::guard::Guard;
use super::rows;
use super::settings::SqliteLogSettings;
use super::spin::{CommitCadence, spin_blocking};
use super::tail::Tail;
use crate::file_lock::FileLock;
use crate::log::replies::{self, Outcome, Reply};
use crate::log::{AppendError, Appended, Commit, Position, RecordedEvent, Version};
use crate::wal::WalCheckpointer;
use rusqlite::{Connection, ErrorCode};
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use uuid::Uuid;

/// After a failed write, how often the writer probes whether the disk accepts writes again.
const PROBE_EVERY: Duration = Duration::from_millis(500);

/// How many streams' versions the writer caches, at 24 bytes each.
const CACHED_VERSIONS: usize = 65_536;

/// A message in the writer's queue.
pub(super) enum Message {
    Append {
        commit: Commit,
        reply: Reply,
    },
    /// Graceful shutdown: sent behind the commits that are still written.
    Close,
}

/// The state that the writer thread shares with `SqliteLog`.
#[derive(Debug)]
pub(super) struct Shared {
    pub tail: Tail,
    pub index: StreamIndex,
    pub committed: watch::Sender<Position>,
    /// Set while commits fail.
    pub write_failure: Mutex<Option<String>>,
    pub cadence: CommitCadence,
    pub gauges: Gauges,
}

impl Shared {
    pub(super) fn write_failure(&self) -> Option<String> {
        self.write_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_write_failure(&self, failure: Option<String>) {
        *self
            .write_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = failure;
    }
}

pub(super) struct Writer {
    connection: Connection,
    /// Held as long as the writer runs.
    _lock: FileLock,
    guard: Arc<Guard>,
    shared: Arc<Shared>,
    group_limit: usize,
    checkpoint_pages: u32,
    last: Position,
    versions: HashMap<Uuid, Version>,
}

type Queued = (Commit, Reply);

/// Why a group was not committed.
enum GroupFailure {
    /// Not written, and a later group may succeed.
    NotWritten(String),
    /// Not written, and the writer must end.
    NotWrittenFatal(String),
    /// Unknown: SQLite may have kept a commit that it reported as failed. Nothing may be written on
    /// top of it, so the process ends, and the next one checkpoints before it reads.
    UnknownFatal(String),
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        lock: FileLock,
        guard: Arc<Guard>,
        shared: Arc<Shared>,
        settings: &SqliteLogSettings,
    ) -> Writer {
        let last = *shared.committed.borrow();
        Writer {
            connection,
            _lock: lock,
            guard,
            shared,
            group_limit: settings.group,
            checkpoint_pages: settings.checkpoint_pages,
            last,
            versions: HashMap::new(),
        }
    }

    /// Writes groups until it is closed or must end. Commits that it did not begin are refused as
    /// not written.
    pub(super) fn run(mut self, queue: Receiver<Message>) -> Result<(), String> {
        let ended = self.write_until_closed(&queue);
        refuse_queued(queue);
        ended?;
        self.close()
    }

    fn write_until_closed(&mut self, queue: &Receiver<Message>) -> Result<(), String> {
        let mut checkpointer =
            WalCheckpointer::start(&self.connection, self.checkpoint_pages, "wal checkpoint")
                .map_err(|error| error.to_string())?;
        let mut group: Vec<Queued> = Vec::with_capacity(self.group_limit);
        loop {
            let mut closing = false;
            match self.next(queue) {
                Some(Message::Append { commit, reply }) => group.push((commit, reply)),
                Some(Message::Close) => closing = true,
                None => continue,
            }
            let taken = Instant::now();
            while !closing && group.len() < self.group_limit {
                match queue.try_recv() {
                    Ok(Message::Append { commit, reply }) => group.push((commit, reply)),
                    Ok(Message::Close) => closing = true,
                    Err(_) => break,
                }
            }
            let commits = group.len();
            self.write_group(&mut group)?;
            self.shared
                .cadence
                .acknowledged(commits, taken, Instant::now());
            if let Err(error) = checkpointer.after_commit(&self.connection) {
                let why = format!("the write-ahead log cannot be checkpointed: {error}");
                self.shared.set_write_failure(Some(why.clone()));
                return Err(why);
            }
            if closing {
                return Ok(());
            }
        }
    }

    /// The next message; after a failed write, `None` after each probe of the disk.
    fn next(&mut self, queue: &Receiver<Message>) -> Option<Message> {
        if self.shared.write_failure().is_none() {
            if self.shared.cadence.is_quick()
                && let Some(message) = spin_blocking(|| queue.try_recv().ok())
            {
                return Some(message);
            }
            return Some(queue.recv().unwrap_or(Message::Close));
        }
        match queue.recv_timeout(PROBE_EVERY) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Disconnected) => Some(Message::Close),
            Err(RecvTimeoutError::Timeout) => {
                if self
                    .connection
                    .execute("UPDATE probe SET writes = writes + 1", [])
                    .is_ok()
                {
                    tracing::info!("the log accepts writes again");
                    self.shared.set_write_failure(None);
                }
                None
            }
        }
    }

    fn write_group(&mut self, group: &mut Vec<Queued>) -> Result<(), String> {
        if group.is_empty() {
            return Ok(());
        }
        self.shared.gauges.grouped(group.len());
        let before = self.last;
        match self.write(group) {
            Ok(outcomes) => {
                if self.shared.write_failure().is_some() {
                    self.shared.set_write_failure(None);
                }
                self.publish(before, group, outcomes);
                Ok(())
            }
            Err(failure) => {
                self.last = before;
                self.versions.clear();
                let (error, fatal) = match failure {
                    GroupFailure::NotWritten(why) => (AppendError::NotWritten(why), None),
                    GroupFailure::NotWrittenFatal(why) => {
                        (AppendError::NotWritten(why.clone()), Some(why))
                    }
                    GroupFailure::UnknownFatal(why) => {
                        (AppendError::Unknown(why.clone()), Some(why))
                    }
                };
                tracing::error!(%error, commits = group.len(), "a group commit failed");
                self.shared.set_write_failure(Some(error.to_string()));
                replies::deliver(
                    group
                        .drain(..)
                        .map(|(_, reply)| (reply, Err(error.clone()))),
                );
                fatal.map_or(Ok(()), Err)
            }
        }
    }

    /// Writes the group in one transaction, and a step of the index's merge with it. A commit in
    /// conflict fails alone.
    fn write(&mut self, group: &[Queued]) -> Result<Vec<Outcome>, GroupFailure> {
        let before = self.last;
        // Only between groups: versions that this group writes are found nowhere else yet.
        if self.versions.len() >= CACHED_VERSIONS {
            self.versions.clear();
        }
        self.connection
            .prepare_cached("BEGIN IMMEDIATE")
            .and_then(|mut begin| begin.execute([]))
            .map_err(|error| not_written(&error))?;
        let mut outcomes = Vec::with_capacity(group.len());
        for (commit, _) in group {
            let outcome = match self.write_commit(commit, group.len()) {
                Ok(outcome) => outcome,
                Err(error) => {
                    self.roll_back();
                    return Err(not_written(&error));
                }
            };
            outcomes.push(outcome);
        }
        let written = (self.last.0 - before.0) as usize;
        if let Err(error) = self.shared.index.merge_step(&self.connection, written) {
            self.roll_back();
            return Err(not_written(&error));
        }
        if let Err(why) = self.guard.check() {
            self.roll_back();
            return Err(GroupFailure::NotWrittenFatal(why));
        }
        let began = Instant::now();
        let committed = self
            .connection
            .prepare_cached("COMMIT")
            .and_then(|mut commit| commit.execute([]));
        match committed {
            Ok(_) => {
                self.shared.gauges.synced(began.elapsed());
                Ok(outcomes)
            }
            Err(error) => {
                self.roll_back();
                Err(match error.sqlite_error_code() {
                    // A commit's last frame completes it: without room for it there is no commit.
                    Some(ErrorCode::DiskFull) => GroupFailure::NotWritten(error.to_string()),
                    _ => GroupFailure::UnknownFatal(error.to_string()),
                })
            }
        }
    }

    /// Writes one of the `group` commits of a group.
    fn write_commit(&mut self, commit: &Commit, group: usize) -> rusqlite::Result<Outcome> {
        let stream = commit.stream();
        let actual = match self.versions.get(&stream) {
            Some(version) => *version,
            None => match self.shared.index.unmerged_version(stream) {
                Some(version) => version,
                None => rows::version(&self.connection, stream)?,
            },
        };
        if actual != commit.expected() {
            return Ok(Err(commit.conflict()));
        }
        let mut statement = rows::prepare_insert(&self.connection)?;
        for event in commit.events() {
            let position = Position(self.last.0 + 1);
            rows::insert(&mut statement, position, event)?;
            self.last = position;
        }
        self.versions
            .insert(stream, Version(actual.0 + commit.events().len() as u64));
        Ok(Ok(Appended {
            position: self.last,
            group,
        }))
    }

    /// Publishes the committed group, acknowledges its commits, and wakes the readers of the tail.
    fn publish(&mut self, before: Position, group: &mut Vec<Queued>, outcomes: Vec<Outcome>) {
        let mut replies = Vec::with_capacity(group.len());
        let mut committed: Vec<RecordedEvent> = Vec::with_capacity(group.len());
        let mut next = Position(before.0 + 1);
        for ((commit, reply), outcome) in group.drain(..).zip(outcomes) {
            if let Ok(appended) = &outcome {
                committed.extend(commit.recorded_from(next));
                next = Position(appended.position.0 + 1);
            }
            replies.push((reply, outcome));
        }
        self.shared.index.commit(&committed, self.last);
        self.shared.tail.extend(committed);
        let last = self.last;
        // Without a wake-up yet: an acknowledged task finds the group, and runs before the readers
        // of the tail, which would compete for the processor.
        self.shared.committed.send_if_modified(|committed| {
            *committed = last;
            false
        });
        replies::deliver(replies);
        if last > before {
            self.shared.committed.send_modify(|_| ());
        }
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "cannot roll back a group of commits");
        }
    }

    /// Leaves the log complete in one file, its index included. Otherwise SQLite checkpoints only
    /// when the last connection closes, and reading connections may outlive this one.
    fn close(self) -> Result<(), String> {
        if let Err(error) = by_stream::catch_up(&self.connection) {
            // Harmless: the next process catches up when it opens the log.
            tracing::warn!(%error, "cannot complete the log's index at shutdown");
        }
        let checkpointed = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = checkpointed {
            // Harmless: the next process checkpoints when it opens the log.
            tracing::warn!(%error, "cannot checkpoint the log at shutdown");
        }
        self.connection
            .close()
            .map_err(|(_, error)| format!("the log cannot be closed: {error}"))
    }
}

fn refuse_queued(queue: Receiver<Message>) {
    let refused = || Err(AppendError::NotWritten("the log is closed".to_owned()));
    let queued = queue.try_iter().filter_map(|message| match message {
        Message::Append { reply, .. } => Some((reply, refused())),
        Message::Close => None,
    });
    replies::deliver(queued);
    // Later commits find no receiver, and are refused by the sender.
    drop(queue);
}

/// The failure of a group before COMMIT, of which nothing is in the log.
fn not_written(error: &rusqlite::Error) -> GroupFailure {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy) => {
            GroupFailure::NotWritten(error.to_string())
        }
        _ => GroupFailure::NotWrittenFatal(error.to_string()),
    }
}
