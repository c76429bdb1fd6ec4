//! The thread that fills a replica.

use super::by_stream;
use super::guard::Guard;
use super::settings::SqliteLogSettings;
use super::writer::Shared;
use super::{replica_schema, rows};
use crate::file_lock::FileLock;
use crate::log::{Hash, Position, RecordedEvent, Version, chained_hash};
use crate::wal::WalCheckpointer;
use rusqlite::{Connection, ErrorCode};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use tokio::sync::oneshot;
use uuid::Uuid;

/// How many streams' ends are cached, at 56 bytes each.
const CACHED_ENDS: usize = 65_536;

/// Commits of the shared log, in its order, which follow what was applied before.
#[derive(Debug)]
pub struct ReplicaBatch {
    /// The events of each commit.
    pub commits: Vec<Vec<RecordedEvent>>,
    /// The checkpoint's [`sequence`](super::ReplicaCheckpoint::sequence) behind the last commit.
    pub sequence: u64,
    /// The checkpoint's [`history`](super::ReplicaCheckpoint::history) there.
    pub history: Hash,
}

/// Why a batch was not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// A commit does not continue its stream. Nothing of the batch was applied.
    #[error("{reason}")]
    Discontinuity {
        /// The commit's place in the batch, from 0.
        index: usize,
        reason: String,
    },
    /// Nothing was applied, and the same batch may be applied later: for example, the disk is full.
    #[error("{0}")]
    NotWritten(String),
    /// The replica must not be written to any more. Its thread ends and says why.
    #[error("the replica is closed")]
    Closed,
}

pub(super) enum Message {
    Apply {
        batch: ReplicaBatch,
        reply: oneshot::Sender<Result<Position, ApplyError>>,
    },
    /// Sent behind the batches that are still applied.
    Close,
}

/// Why a batch was not written.
enum Failure {
    Batch(ApplyError),
    /// The thread must end.
    Fatal(String),
}

/// The last event of a stream.
#[derive(Debug, Clone, Copy)]
struct StreamEnd {
    version: Version,
    hash: Hash,
}

pub(super) struct ReplicaWriter {
    connection: Connection,
    /// Held as long as the writer runs.
    _lock: FileLock,
    guard: Arc<Guard>,
    shared: Arc<Shared>,
    checkpoint_pages: u32,
    last: Position,
    ends: HashMap<Uuid, StreamEnd>,
}

impl ReplicaWriter {
    pub(super) fn new(
        connection: Connection,
        lock: FileLock,
        guard: Arc<Guard>,
        shared: Arc<Shared>,
        settings: &SqliteLogSettings,
    ) -> ReplicaWriter {
        let last = *shared.committed.borrow();
        ReplicaWriter {
            connection,
            _lock: lock,
            guard,
            shared,
            checkpoint_pages: settings.checkpoint_pages,
            last,
            ends: HashMap::new(),
        }
    }

    /// Applies batches until it is closed or must end.
    pub(super) fn run(mut self, queue: &Receiver<Message>) -> Result<(), String> {
        let mut checkpointer = WalCheckpointer::start(
            &self.connection,
            self.checkpoint_pages,
            "replica checkpoint",
        )
        .map_err(|error| error.to_string())?;
        while let Ok(Message::Apply { batch, reply }) = queue.recv() {
            let outcome = match self.apply(batch) {
                Ok(position) => Ok(position),
                Err(Failure::Batch(error)) => Err(error),
                Err(Failure::Fatal(reason)) => {
                    let path = self.connection.path().unwrap_or_default();
                    return Err(format!("the replica {path} cannot be written: {reason}"));
                }
            };
            // Fails if the log was closed meanwhile.
            let _ = reply.send(outcome);
            checkpointer
                .after_commit(&self.connection)
                .map_err(|error| {
                    format!("the write-ahead log of the replica cannot be checkpointed: {error}")
                })?;
        }
        drop(checkpointer);
        self.close()
    }

    fn apply(&mut self, batch: ReplicaBatch) -> Result<Position, Failure> {
        // Only between batches: ends that this batch writes are found nowhere else yet.
        if self.ends.len() >= CACHED_ENDS {
            self.ends.clear();
        }
        match self.write(batch) {
            Ok(events) => {
                self.publish(events);
                Ok(self.last)
            }
            Err(failure) => {
                self.ends.clear();
                if !self.connection.is_autocommit()
                    && let Err(error) = self.connection.execute_batch("ROLLBACK")
                {
                    tracing::error!(%error, "cannot roll back a batch of the replica");
                }
                Err(failure)
            }
        }
    }

    /// Writes the batch, its checkpoint and a step of the index's merge in one transaction.
    fn write(&mut self, batch: ReplicaBatch) -> Result<Vec<RecordedEvent>, Failure> {
        let failed = |error: rusqlite::Error| not_written(&error);
        self.connection
            .prepare_cached("BEGIN IMMEDIATE")
            .and_then(|mut begin| begin.execute([]))
            .map_err(failed)?;
        let mut events = Vec::with_capacity(batch.commits.len());
        for (index, commit) in batch.commits.into_iter().enumerate() {
            for event in commit {
                let end = self.end_of(event.stream).map_err(failed)?;
                if let Some(reason) = discontinuity(end, &event) {
                    let error = ApplyError::Discontinuity { index, reason };
                    return Err(Failure::Batch(error));
                }
                let end = StreamEnd {
                    version: event.version,
                    hash: event.hash,
                };
                self.ends.insert(event.stream, end);
                let position = Position(self.last.0 + 1 + events.len() as u64);
                events.push(RecordedEvent { position, ..event });
            }
        }
        let last = events.last().map_or(self.last, |event| event.position);
        self.write_rows(&events)
            .and_then(|()| {
                replica_schema::set(&self.connection, batch.sequence, last, batch.history)
            })
            .map_err(failed)?;
        self.guard.check().map_err(Failure::Fatal)?;
        self.connection
            .prepare_cached("COMMIT")
            .and_then(|mut commit| commit.execute([]))
            .map_err(failed)?;
        Ok(events)
    }

    fn write_rows(&self, events: &[RecordedEvent]) -> rusqlite::Result<()> {
        let mut statement = rows::prepare_insert(&self.connection)?;
        for event in events {
            rows::insert(&mut statement, event.position, event)?;
        }
        self.shared.index.merge_step(&self.connection, events.len())
    }

    /// The end of `stream`.
    fn end_of(&self, stream: Uuid) -> rusqlite::Result<StreamEnd> {
        if let Some(end) = self.ends.get(&stream) {
            return Ok(*end);
        }
        let unmerged = match self.shared.index.unmerged_version(stream) {
            Some(version) => {
                let before = Version(version.0 - 1);
                self.shared.index.unmerged_after(stream, before, 1)
            }
            None => Vec::new(),
        };
        let head = match unmerged.first() {
            Some((_, position)) => rows::head_at(&self.connection, *position)?,
            None => rows::head(&self.connection, stream)?,
        };
        Ok(head.map_or(
            StreamEnd {
                version: Version(0),
                hash: Hash::ZERO,
            },
            |head| StreamEnd {
                version: head.version,
                hash: head.hash,
            },
        ))
    }

    /// Publishes the applied events, and wakes the readers of the tail.
    fn publish(&mut self, events: Vec<RecordedEvent>) {
        if let Some(event) = events.last() {
            self.last = event.position;
        }
        self.shared.index.commit(&events, self.last);
        self.shared.tail.extend(events);
        let last = self.last;
        self.shared.committed.send_if_modified(|committed| {
            let moved = *committed != last;
            *committed = last;
            moved
        });
    }

    /// Leaves the replica complete in one file: a log that the embedded engine can open.
    fn close(self) -> Result<(), String> {
        let completed = by_stream::catch_up(&self.connection)
            .map_err(|error| error.to_string())
            .and_then(|()| replica_schema::end(&self.connection).map_err(|error| error.to_string()))
            .and_then(|()| {
                self.connection
                    .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
                    .map_err(|error| error.to_string())
            });
        if let Err(error) = completed {
            // Harmless: the next process checks the file and completes it.
            tracing::warn!(error, "cannot complete the replica at shutdown");
        }
        self.connection
            .close()
            .map_err(|(_, error)| format!("the replica cannot be closed: {error}"))
    }
}

/// Why `event` does not follow `end` in its stream.
fn discontinuity(end: StreamEnd, event: &RecordedEvent) -> Option<String> {
    let (stream, version) = (event.stream, event.version);
    if version.0 != end.version.0 + 1 {
        return Some(format!(
            "version {version} of stream {stream} follows version {}",
            end.version
        ));
    }
    let texts = [&event.data, &event.metadata];
    if texts.iter().any(|text| text.contains('\n')) || event.name.contains('\n') {
        return Some(format!(
            "version {version} of stream {stream} has a text of several lines"
        ));
    }
    (chained_hash(end.hash, event) != event.hash).then(|| {
        format!(
            "the hash of version {version} of stream {stream} does not match its content and the \
             version before: it was altered"
        )
    })
}

/// The failure of a transaction of which nothing counts as written: what it wrote all the same is
/// checked against the shared log at the next start.
fn not_written(error: &rusqlite::Error) -> Failure {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy) => {
            Failure::Batch(ApplyError::NotWritten(error.to_string()))
        }
        _ => Failure::Fatal(error.to_string()),
    }
}
