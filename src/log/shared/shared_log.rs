//! A node's view of the shared log: [`EventLog`](crate::log::EventLog) over a sequencer and a
//! replica.

use super::appender::Queued;
use super::barriers::Barriers;
use super::gauges::ReplicaGauges;
use super::progress::{Applied, Progress};
use super::sequencer::{Sequence, Sequencer};
use crate::log::replies::Reply;
use crate::log::sqlite::{LogFile, SqliteReplica};
use crate::log::{
    AppendError, Appended, Checkpoint, Commit, Freshness, Hash, LogReader, LogWriter, NoteStore,
    NoteStoreError, Position, ReadError, RecordedEvent, ReplicaStatus, Version,
};
use async_trait::async_trait;
use prometheus::core::Collector;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

/// How long a read waits for the replica to be as fresh as it must be.
const FRESH_WITHIN: Duration = Duration::from_secs(5);

/// The lag of the replica above which a node is not healthy.
const MAX_LAG: Duration = Duration::from_secs(10);

/// A log that several nodes share, on one of them.
pub struct SharedLog {
    pub(super) sequencer: Arc<dyn Sequencer>,
    pub(super) replica: Arc<SqliteReplica>,
    pub(super) progress: Arc<Progress>,
    pub(super) queue: mpsc::Sender<Queued>,
    /// How many commits may wait for the replica.
    pub(super) most_waiting: usize,
    pub(super) barriers: Barriers,
    pub(super) closing: watch::Sender<bool>,
}

impl SharedLog {
    /// The metrics of engine and replica.
    pub fn gauges(&self) -> Vec<Box<dyn Collector>> {
        let mut gauges = self.file().gauges();
        gauges.push(Box::new(ReplicaGauges::of(self.progress.clone())));
        gauges.extend(self.sequencer.gauges());
        gauges
    }

    fn file(&self) -> &LogFile {
        self.replica.file()
    }

    /// Waits until the replica is as `fresh` as asked.
    async fn wait_until(&self, fresh: impl FnMut(&Applied) -> bool) -> Result<Applied, ReadError> {
        let mut applied = self.progress.applied();
        match tokio::time::timeout(FRESH_WITHIN, applied.wait_for(fresh)).await {
            Ok(Ok(applied)) => Ok(*applied),
            Ok(Err(_)) => Err(closed()),
            Err(_) => Err(ReadError(self.progress.why_late())),
        }
    }

    /// Waits until the replica has everything that was acknowledged before the call.
    async fn wait_until_current(&self) -> Result<Applied, ReadError> {
        let barrier = tokio::time::timeout(FRESH_WITHIN, self.barriers.next()).await;
        let barrier: Sequence = barrier
            .unwrap_or_else(|_| Err(self.progress.why_late()))
            .map_err(ReadError)?;
        self.progress.reached(barrier);
        self.wait_until(|applied| applied.sequence >= barrier).await
    }
}

fn closed() -> ReadError {
    ReadError("the log is closed".to_owned())
}

#[async_trait]
impl LogReader for SharedLog {
    async fn read_stream(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
        freshness: Freshness,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        match freshness {
            Freshness::Any => {}
            Freshness::AtLeast(position) => {
                self.wait_until(|applied| applied.position >= position)
                    .await?;
            }
            Freshness::Linearizable => {
                self.wait_until_current().await?;
            }
        }
        self.file()
            .read_stream(stream, after, limit, freshness)
            .await
    }

    /// Reads the replica as it is.
    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.file().read_all(after, limit).await
    }

    async fn read_hashes(&self, after: Position, limit: usize) -> Result<Vec<Hash>, ReadError> {
        self.file().read_hashes(after, limit).await
    }

    async fn barrier(&self) -> Result<Position, ReadError> {
        Ok(self.wait_until_current().await?.position)
    }

    /// The replica may not have the event yet, so that it is brought up to date first.
    async fn contains(&self, checkpoint: &Checkpoint) -> Result<bool, ReadError> {
        if checkpoint.position > self.progress.checkpoint().position {
            self.wait_until_current().await?;
        }
        self.file().contains(checkpoint).await
    }

    fn identity(&self) -> Uuid {
        self.file().identity()
    }

    fn wake_ups(&self) -> watch::Receiver<Position> {
        self.file().wake_ups()
    }

    async fn health(&self) -> Result<(), String> {
        self.file().health().await?;
        if let Some(reason) = self.progress.trouble() {
            return Err(reason);
        }
        if !self.progress.is_filled() {
            let (done, total) = (self.progress.checkpoint(), self.progress.fill_until());
            return Err(format!(
                "filling the replica: {} of {total} commits",
                done.sequence
            ));
        }
        let (commits, lag) = self.progress.lag();
        if lag >= MAX_LAG {
            let seconds = lag.as_secs();
            return Err(format!(
                "the replica is {commits} commits ({seconds} s) behind the log"
            ));
        }
        self.sequencer.health().await
    }

    fn replica(&self) -> Option<ReplicaStatus> {
        let (lag_commits, lag) = self.progress.lag();
        Some(ReplicaStatus {
            engine: self.sequencer.engine(),
            position: self.progress.checkpoint().position,
            lag_commits,
            lag,
            is_filled: self.progress.is_filled(),
            trouble: self.progress.trouble(),
        })
    }

    /// Fails if the replica has stopped, or the log is closed.
    async fn wait_until_filled(&self) -> Result<(), ReadError> {
        let until = self.progress.fill_until();
        let mut applied = self.progress.applied();
        loop {
            let reached = applied.wait_for(|applied| applied.sequence >= until);
            match tokio::time::timeout(FRESH_WITHIN, reached).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(_)) => return Err(closed()),
                Err(_) => {
                    if let Some(reason) = self.progress.stopped() {
                        return Err(ReadError(reason));
                    }
                    if *self.closing.borrow() {
                        return Err(closed());
                    }
                }
            }
        }
    }
}

#[async_trait]
impl LogWriter for SharedLog {
    async fn append(&self, commit: Commit) -> Result<Appended, AppendError> {
        if let Some(reason) = self.progress.stopped() {
            return Err(AppendError::NotWritten(reason));
        }
        if self.progress.waiters() >= self.most_waiting {
            return Err(AppendError::Full);
        }
        let place = match self.queue.try_reserve() {
            Ok(place) => place,
            Err(mpsc::error::TrySendError::Full(())) => return Err(AppendError::Full),
            Err(mpsc::error::TrySendError::Closed(())) => {
                return Err(AppendError::NotWritten("the log is closed".to_owned()));
            }
        };
        if self.progress.heads.are_past(&commit) {
            return Err(commit.conflict());
        }
        let (reply, outcome) = Reply::new();
        place.send(Queued {
            commit,
            reply,
            since: Instant::now(),
        });
        outcome.await.unwrap_or_else(|_| {
            Err(AppendError::Unknown(
                "the log was closed before the acknowledgement".to_owned(),
            ))
        })
    }

    fn close(&self) {
        self.closing.send_replace(true);
    }
}

#[async_trait]
impl NoteStore for SharedLog {
    async fn note(&self) -> Result<Option<String>, NoteStoreError> {
        let note = self.sequencer.note().await;
        note.map_err(|error| NoteStoreError(error.to_string()))
    }

    async fn replace_note(&self, last: Option<&str>, next: &str) -> Result<bool, NoteStoreError> {
        let replaced = self.sequencer.replace_note(last, next).await;
        replaced.map_err(|error| NoteStoreError(error.to_string()))
    }
}
