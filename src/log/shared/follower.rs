//! Follows the engine's order of commits: applies them to the replica as they are accepted, and
//! makes sure that they continue what the replica has.

use super::progress::Progress;
use super::sequencer::{Sequence, SequencedCommit, Sequencer, SequencerError};
use crate::log::sqlite::{ApplyError, ReplicaBatch, ReplicaCheckpoint, SqliteReplica};
use crate::log::{Hash, Position};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many commits are applied in one transaction at most.
const BATCH: usize = 2_000;
/// Pause before a failed read of the engine, or a failed write of the replica, is repeated.
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// Pause before the engine is asked again for an entry that does not continue the log.
const RECHECK_AFTER: Duration = Duration::from_secs(5);
/// Pause before a read is repeated that lacked a commit which was accepted already.
const REREAD_AFTER: Duration = Duration::from_millis(5);

/// Why commits were not applied.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Repeated soon: the engine does not answer, or the disk is full.
    Unavailable(String),
    /// What the engine keeps does not continue the log. Nothing after it is shown.
    Corrupt(String),
    /// The engine no longer has what the replica has: this node has seen commits that were lost.
    Lost(String),
    /// The replica's thread has ended and says why.
    Closed,
}

pub(super) struct Follower {
    pub sequencer: Arc<dyn Sequencer>,
    pub replica: Arc<SqliteReplica>,
    pub progress: Arc<Progress>,
    pub poll_every: Duration,
}

impl Follower {
    /// Applies commits until the replica's thread ends. Returns the reason if the engine has lost
    /// commits that the replica has.
    pub(super) async fn run(self) -> Result<(), String> {
        let mut polled = Instant::now();
        // Before anything is shown: the engine has what the replica has.
        let mut is_due = true;
        loop {
            let mut applied = 0;
            if is_due || self.progress.is_behind() {
                polled = Instant::now();
                match self.follow().await {
                    Ok(count) => applied = count,
                    Err(Fault::Closed) => return Ok(()),
                    Err(Fault::Lost(reason)) => return Err(reason),
                    Err(fault) => {
                        let pause = self.report(fault);
                        self.pause(pause).await;
                        is_due = true;
                        continue;
                    }
                }
                self.recovered();
            }
            is_due = false;
            let next_read = if !self.progress.is_behind() {
                self.poll_every
            } else if applied == 0 {
                REREAD_AFTER
            } else {
                continue;
            };
            let sequence = Sequence(self.progress.checkpoint().sequence);
            let next_read = tokio::time::Instant::from_std(polled + next_read);
            tokio::select! {
                () = self.progress.due() => {}
                reached = self.sequencer.news(sequence) => self.progress.reached(reached),
                () = tokio::time::sleep_until(next_read) => {
                    is_due = true;
                    self.progress.expire(false);
                }
            }
        }
    }

    /// Applies this node's own commits if they come next, or what the engine has. Returns how many.
    async fn follow(&self) -> Result<usize, Fault> {
        let checkpoint = self.progress.checkpoint();
        let own = self.progress.take_own(BATCH);
        // If they do not continue the log, what the engine has tells why.
        if !own.is_empty() && sound_part(checkpoint, &own) == own.len() {
            return self.apply(checkpoint, own).await;
        }
        let read_at = Instant::now();
        let read = self.read(checkpoint).await?;
        if read.is_empty() {
            self.progress.complete(read_at);
            return Ok(0);
        }
        self.apply(checkpoint, read).await
    }

    /// The commits after `checkpoint`, which the engine still has.
    async fn read(&self, checkpoint: ReplicaCheckpoint) -> Result<Vec<SequencedCommit>, Fault> {
        // With the last one that is applied, which proves that the history is the same.
        let overlap = checkpoint.sequence.min(1);
        let after = Sequence(checkpoint.sequence - overlap);
        let mut read = self.tail(after, BATCH + overlap as usize).await?;
        if overlap > 0 {
            same_history(checkpoint, read.first())?;
            read.remove(0);
            if read.is_empty() && self.progress.is_behind() {
                // Without the overlap an entry that cannot be read is an error.
                read = self.tail(Sequence(checkpoint.sequence), BATCH).await?;
            }
        }
        let sound = sound_part(checkpoint, &read);
        if let Some(first) = read.get(sound) {
            if sound == 0 {
                return Err(unsound(checkpoint, first));
            }
            // The next read begins with the one that does not continue the log.
            read.truncate(sound);
        }
        Ok(read)
    }

    async fn tail(&self, after: Sequence, limit: usize) -> Result<Vec<SequencedCommit>, Fault> {
        let read = self.sequencer.tail(after, limit).await;
        read.map_err(|error| match error {
            SequencerError::Unavailable(reason) => Fault::Unavailable(reason),
            SequencerError::Unreadable { .. } => Fault::Corrupt(error.to_string()),
        })
    }

    /// Applies `commits` and returns how many.
    async fn apply(
        &self,
        checkpoint: ReplicaCheckpoint,
        mut commits: Vec<SequencedCommit>,
    ) -> Result<usize, Fault> {
        loop {
            let Some(last) = commits.last() else {
                return Ok(0);
            };
            let end = (last.sequence, last.history.hash());
            let mut position = checkpoint.position;
            let places: Vec<(Position, Option<Hash>)> = commits
                .iter()
                .map(|commit| {
                    position.0 += commit.events.len() as u64;
                    (position, commit.id())
                })
                .collect();
            let batch = ReplicaBatch {
                sequence: end.0.0,
                history: end.1,
                commits: commits.iter().map(|commit| commit.events.clone()).collect(),
            };
            let (index, reason) = match self.replica.apply(batch).await {
                Ok(position) => {
                    let checkpoint = ReplicaCheckpoint {
                        sequence: end.0.0,
                        position,
                        history: end.1,
                    };
                    self.progress.heads.note(&commits);
                    self.progress.advance(checkpoint, places);
                    return Ok(commits.len());
                }
                Err(ApplyError::Discontinuity { index, reason }) => (index, reason),
                Err(ApplyError::NotWritten(reason)) => {
                    let reason = format!("the replica cannot be written: {reason}");
                    return Err(Fault::Unavailable(reason));
                }
                Err(ApplyError::Closed) => return Err(Fault::Closed),
            };
            if index == 0 {
                let sequence = commits[0].sequence;
                return Err(Fault::Corrupt(format!(
                    "the commit at sequence {sequence} does not continue the log: {reason}"
                )));
            }
            // The ones before it are sound; the next read begins with it.
            commits.truncate(index);
        }
    }

    /// Makes a fault known, and returns how long to wait before the next attempt.
    fn report(&self, fault: Fault) -> Duration {
        match fault {
            Fault::Corrupt(reason) => {
                let reason = format!("stopped following the shared log: {reason}");
                if self.progress.set_stopped(Some(reason.clone())) {
                    tracing::error!(reason, "nothing after this commit is shown on this node");
                }
                RECHECK_AFTER
            }
            Fault::Unavailable(reason) => {
                if self.progress.set_unreachable(Some(reason.clone())) {
                    tracing::error!(reason, "cannot follow the shared log; retrying");
                }
                RETRY_AFTER
            }
            Fault::Lost(_) | Fault::Closed => RETRY_AFTER,
        }
    }

    fn recovered(&self) {
        let was_stopped = self.progress.set_stopped(None);
        if self.progress.set_unreachable(None) || was_stopped {
            tracing::info!("following the shared log again");
        }
    }

    /// Waits, and meanwhile gives up on commits that have waited too long.
    async fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while Instant::now() < until {
            tokio::time::sleep(RETRY_AFTER.min(pause)).await;
            self.progress.expire(false);
        }
    }
}

/// Fails unless `found`, the first commit that was read, is the last one that `checkpoint` has.
pub(super) fn same_history(
    checkpoint: ReplicaCheckpoint,
    found: Option<&SequencedCommit>,
) -> Result<(), Fault> {
    let own = Sequence(checkpoint.sequence);
    match found {
        None => Err(Fault::Lost(format!(
            "the engine no longer has the commit at sequence {own}, which this node has applied"
        ))),
        Some(found) if found.sequence != own => Err(Fault::Corrupt(format!(
            "expected sequence {own} from the engine, found {}",
            found.sequence
        ))),
        Some(found) if found.history.hash() != checkpoint.history => Err(Fault::Lost(format!(
            "up to sequence {own} the engine has another history than this node has applied"
        ))),
        Some(_) => Ok(()),
    }
}

/// How many of `commits`, from the first, follow `checkpoint` and each other, without a gap and
/// with the hashes that belong there.
fn sound_part(checkpoint: ReplicaCheckpoint, commits: &[SequencedCommit]) -> usize {
    let mut previous = (checkpoint.sequence, checkpoint.history);
    let follows = |commit: &&SequencedCommit| {
        let is_next = commit.sequence.0 == previous.0 + 1 && commit.follows(previous.1);
        previous = (commit.sequence.0, commit.history.hash());
        is_next
    };
    commits.iter().take_while(follows).count()
}

/// Why `found`, which was read right after `checkpoint`, does not follow it.
fn unsound(checkpoint: ReplicaCheckpoint, found: &SequencedCommit) -> Fault {
    let expected = checkpoint.sequence + 1;
    Fault::Corrupt(if found.sequence.0 == expected {
        format!(
            "the commit at sequence {expected} does not continue the log: the engine's hash does \
             not match its content and the commit before"
        )
    } else {
        format!(
            "expected sequence {expected} from the engine, found {}",
            found.sequence
        )
    })
}
