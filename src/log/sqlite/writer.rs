//! The one thread that writes: it takes whatever commits are queued and makes them durable with one
//! sync (group commit). While one group is on its way to the disk, the next one gathers.

use super::by_stream::{self, Merge, Step, Unmerged};
use super::gauges::Gauges;
use super::guard::Guard;
use super::replies::{self, Outcome, Reply};
use super::rows;
use super::settings::SqliteLogSettings;
use super::spin::{self, Awake, Succession};
use super::tail::Tail;
use crate::file_lock::FileLock;
use crate::log::{AppendError, Appended, Commit, Position, RecordedEvent, Version};
use crate::wal::WalMover;
use rusqlite::{Connection, ErrorCode};
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use uuid::Uuid;

/// How long after a failed write the writer tries whether the disk takes writes again.
const PROBE_AFTER: Duration = Duration::from_millis(500);

/// How many streams' versions the writer remembers, at 24 bytes each, to save itself the look-up.
const REMEMBERED_VERSIONS: usize = 65_536;

/// What reaches the writer.
pub(super) enum Message {
    Append {
        commit: Commit,
        reply: Reply,
    },
    /// Write what was queued before, then end.
    Close,
}

/// What the writer shares with the log's face.
#[derive(Debug)]
pub(super) struct Shared {
    pub tail: Tail,
    pub unmerged: Unmerged,
    pub committed: watch::Sender<Position>,
    pub trouble: Mutex<Option<String>>,
    pub awake: Awake,
    pub gauges: Gauges,
}

impl Shared {
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

pub(super) struct Writer {
    connection: Connection,
    /// As long as somebody writes, nobody else may.
    _lock: FileLock,
    guard: Arc<Guard>,
    shared: Arc<Shared>,
    group_limit: usize,
    checkpoint_pages: u32,
    last: Position,
    versions: HashMap<Uuid, Version>,
    merge: Merge,
    succession: Succession,
}

type Queued = (Commit, Reply);

/// What became of a group that was not committed.
enum GroupFailure {
    /// Certainly not written, and the next group may fare better.
    NotWritten(String),
    /// Certainly not written, and the writer must not go on.
    NotWrittenAndOver(String),
    /// Perhaps written. SQLite may hold a commit that it reported as failed, so nothing more is
    /// written on top of it: the process ends, and the next one reopens and checkpoints first.
    UnknownAndOver(String),
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
            merge: Merge::default(),
            succession: Succession::default(),
        }
    }

    /// Writes until it is closed, or until it must not go on.
    pub(super) fn run(mut self, queue: &Receiver<Message>) -> Result<(), String> {
        let mut mover = WalMover::start(&self.connection, self.checkpoint_pages)
            .map_err(|error| error.to_string())?;
        let mut group: Vec<Queued> = Vec::with_capacity(self.group_limit);
        loop {
            let mut closing = false;
            match self.next(queue) {
                Some(Message::Append { commit, reply }) => group.push((commit, reply)),
                Some(Message::Close) => closing = true,
                None => continue,
            }
            let came = Instant::now();
            while !closing && group.len() < self.group_limit {
                match queue.try_recv() {
                    Ok(Message::Append { commit, reply }) => group.push((commit, reply)),
                    Ok(Message::Close) => closing = true,
                    Err(_) => break,
                }
            }
            let commits = group.len();
            self.write_and_answer(&mut group)?;
            self.succession.answered(commits, came, Instant::now());
            if let Err(error) = mover.committed(&self.connection) {
                let why = format!("the write-ahead log cannot be moved into the log: {error}");
                self.shared.set_trouble(Some(why.clone()));
                return Err(why);
            }
            if closing {
                drop(mover);
                return self.close();
            }
        }
    }

    /// The next message; in trouble, `None` after each attempt to get out of it.
    fn next(&mut self, queue: &Receiver<Message>) -> Option<Message> {
        if self.shared.trouble().is_none() {
            if self.succession.is_quick() {
                self.shared.awake.set(true);
                let message = spin::until_some(|| queue.try_recv().ok());
                self.shared.awake.set(false);
                if message.is_some() {
                    return message;
                }
            }
            return Some(queue.recv().unwrap_or(Message::Close));
        }
        match queue.recv_timeout(PROBE_AFTER) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Disconnected) => Some(Message::Close),
            Err(RecvTimeoutError::Timeout) => {
                if self
                    .connection
                    .execute("UPDATE probe SET writes = writes + 1", [])
                    .is_ok()
                {
                    tracing::info!("the log takes writes again");
                    self.shared.set_trouble(None);
                }
                None
            }
        }
    }

    fn write_and_answer(&mut self, group: &mut Vec<Queued>) -> Result<(), String> {
        if group.is_empty() {
            return Ok(());
        }
        self.shared.gauges.grouped(group.len());
        let before = self.last;
        match self.write(group) {
            Ok((outcomes, step)) => {
                if self.shared.trouble().is_some() {
                    self.shared.set_trouble(None);
                }
                self.publish(before, group, outcomes, &step);
                Ok(())
            }
            Err(failure) => {
                self.last = before;
                self.versions.clear();
                let (error, over) = match failure {
                    GroupFailure::NotWritten(why) => (AppendError::NotWritten(why), None),
                    GroupFailure::NotWrittenAndOver(why) => {
                        (AppendError::NotWritten(why.clone()), Some(why))
                    }
                    GroupFailure::UnknownAndOver(why) => {
                        (AppendError::Unknown(why.clone()), Some(why))
                    }
                };
                tracing::error!(%error, commits = group.len(), "a group was not committed");
                self.shared.set_trouble(Some(error.to_string()));
                replies::answer(
                    group
                        .drain(..)
                        .map(|(_, reply)| (reply, Err(error.clone()))),
                );
                over.map_or(Ok(()), Err)
            }
        }
    }

    /// Writes the group in one transaction, and a part of the index with it. A commit whose stream
    /// has moved on fails alone.
    fn write(&mut self, group: &[Queued]) -> Result<(Vec<Outcome>, Step), GroupFailure> {
        let before = self.last;
        // Not within a group: what one of its commits has written is known from here alone.
        if self.versions.len() >= REMEMBERED_VERSIONS {
            self.versions.clear();
        }
        self.connection
            .prepare_cached("BEGIN IMMEDIATE")
            .and_then(|mut begin| begin.execute([]))
            .map_err(|error| not_written(&error))?;
        let mut outcomes = Vec::with_capacity(group.len());
        for (commit, _) in group {
            let outcome = match self.write_commit(commit) {
                Ok(outcome) => outcome,
                Err(error) => {
                    self.roll_back();
                    return Err(not_written(&error));
                }
            };
            outcomes.push(outcome);
        }
        let written = (self.last.0 - before.0) as usize;
        let step = match self
            .merge
            .step(&self.connection, &self.shared.unmerged, written)
        {
            Ok(step) => step,
            Err(error) => {
                self.roll_back();
                return Err(not_written(&error));
            }
        };
        if let Err(why) = self.guard.check() {
            self.roll_back();
            return Err(GroupFailure::NotWrittenAndOver(why));
        }
        let committed = self
            .connection
            .prepare_cached("COMMIT")
            .and_then(|mut commit| commit.execute([]));
        match committed {
            Ok(_) => Ok((outcomes, step)),
            Err(error) => {
                self.roll_back();
                Err(match error.sqlite_error_code() {
                    // The frame that completes a commit is the last one to be written, so where
                    // there was no room for it, there is no commit.
                    Some(ErrorCode::DiskFull) => GroupFailure::NotWritten(error.to_string()),
                    _ => GroupFailure::UnknownAndOver(error.to_string()),
                })
            }
        }
    }

    fn write_commit(&mut self, commit: &Commit) -> rusqlite::Result<Outcome> {
        let stream = commit.stream();
        let actual = match self.versions.get(&stream) {
            Some(version) => *version,
            None => match self.shared.unmerged.version(stream) {
                Some(version) => version,
                None => rows::version(&self.connection, stream)?,
            },
        };
        if actual != commit.expected() {
            return Ok(Err(AppendError::Conflict {
                stream,
                expected: commit.expected(),
            }));
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
        }))
    }

    /// Shows the committed group, answers those who wait for it, and wakes those who follow the log.
    fn publish(
        &mut self,
        before: Position,
        group: &mut Vec<Queued>,
        outcomes: Vec<Outcome>,
        step: &Step,
    ) {
        let mut answers = Vec::with_capacity(group.len());
        let mut committed: Vec<RecordedEvent> = Vec::with_capacity(group.len());
        let mut next = Position(before.0 + 1);
        for ((commit, reply), outcome) in group.drain(..).zip(outcomes) {
            if let Ok(appended) = &outcome {
                committed.extend(commit.recorded_from(next));
                next = Position(appended.position.0 + 1);
            }
            answers.push((reply, outcome));
        }
        self.shared.unmerged.extend(&committed);
        self.merge.committed(step, &self.shared.unmerged, self.last);
        self.shared.tail.extend(committed);
        let last = self.last;
        // Told to nobody yet: whoever is answered finds the group, and is woken before those who
        // follow the log, who would take the processor that the answer needs.
        self.shared.committed.send_if_modified(|committed| {
            *committed = last;
            false
        });
        replies::answer(answers);
        if last > before {
            self.shared.committed.send_modify(|_| ());
        }
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a group could not be rolled back");
        }
    }

    /// Leaves the log whole in one file, its index included. SQLite moves everything there when the
    /// last connection is closed, but those that read may outlive this one.
    fn close(self) -> Result<(), String> {
        if let Err(error) = by_stream::catch_up(&self.connection) {
            // Nothing is lost: the next process makes up for it when it opens the log.
            tracing::warn!(%error, "the index stays behind the log");
        }
        let moved = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = moved {
            // Nothing is lost: the next process moves it when it opens the log.
            tracing::warn!(%error, "the write-ahead log stays beside the log");
        }
        self.connection
            .close()
            .map_err(|(_, error)| format!("the log could not be closed: {error}"))
    }
}

/// An error before COMMIT: whatever it is, nothing of the group is in the log.
fn not_written(error: &rusqlite::Error) -> GroupFailure {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy) => {
            GroupFailure::NotWritten(error.to_string())
        }
        _ => GroupFailure::NotWrittenAndOver(error.to_string()),
    }
}
