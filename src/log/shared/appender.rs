//! Sends this node's commits to the engine in groups, one group at a time, and settles those whose
//! outcome is unknown.

use super::progress::{Progress, Waiter};
use super::sequencer::{Sequence, SequencedCommit, SequencedOutcome, Sequencer};
use super::settings::SharedLogSettings;
use crate::log::replies::{self, Outcome, Reply};
use crate::log::sqlite::SqliteReplica;
use crate::log::{AppendError, Appended, Commit, Freshness, LogReader};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// Pause before commits of unknown outcome are repeated.
const REPEAT_AFTER: Duration = Duration::from_millis(50);

/// A commit on its way to the engine.
pub(super) struct Queued {
    pub commit: Commit,
    pub reply: Reply,
    pub since: Instant,
}

/// A commit of the current group.
struct Pending {
    reply: Reply,
    deadline: Instant,
    /// Why an earlier attempt may have been written, if there was one.
    unknown: Option<String>,
}

pub(super) struct Appender {
    sequencer: Arc<dyn Sequencer>,
    replica: Arc<SqliteReplica>,
    progress: Arc<Progress>,
    group_limit: usize,
    settle_within: Duration,
    /// The group that is being sent, in two lists of the same order: commits whose outcome is
    /// unknown come first, and are repeated before others of their streams are sent.
    commits: Vec<Commit>,
    pending: Vec<Pending>,
}

impl Appender {
    pub(super) fn new(
        sequencer: Arc<dyn Sequencer>,
        replica: Arc<SqliteReplica>,
        progress: Arc<Progress>,
        settings: &SharedLogSettings,
    ) -> Appender {
        Appender {
            sequencer,
            replica,
            progress,
            group_limit: settings.group,
            settle_within: settings.settle_within,
            commits: Vec::new(),
            pending: Vec::new(),
        }
    }

    /// Sends what is queued, until `stopping` is true and the queue is empty.
    pub(super) async fn run(
        mut self,
        mut queue: mpsc::Receiver<Queued>,
        mut stopping: watch::Receiver<bool>,
    ) {
        loop {
            if *stopping.borrow() {
                queue.close();
            }
            if self.commits.is_empty() {
                let next = tokio::select! {
                    next = queue.recv() => next,
                    _ = stopping.changed(), if !queue.is_closed() => continue,
                };
                match next {
                    Some(queued) => self.add(queued),
                    None => return,
                }
            }
            while self.commits.len() < self.group_limit
                && let Ok(queued) = queue.try_recv()
            {
                self.add(queued);
            }
            if self.commits.is_empty() {
                continue;
            }
            let outcomes = self.sequencer.append(&self.commits).await;
            self.settle(outcomes);
            if !self.commits.is_empty() {
                tokio::time::sleep(REPEAT_AFTER).await;
            }
        }
    }

    /// Takes a commit into the group. One that has waited too long is refused: an engine that is
    /// slower than the commands come would otherwise answer each later than the one before.
    fn add(&mut self, queued: Queued) {
        let deadline = queued.since + self.settle_within;
        if deadline <= Instant::now() {
            replies::deliver([(queued.reply, Err(AppendError::Full))]);
            return;
        }
        self.commits.push(queued.commit);
        self.pending.push(Pending {
            reply: queued.reply,
            deadline,
            unknown: None,
        });
    }

    /// Passes on the outcomes that are known, and keeps the other commits for the next attempt.
    fn settle(&mut self, outcomes: Vec<SequencedOutcome>) {
        let now = Instant::now();
        let mut outcomes = outcomes.into_iter();
        let mut answers = Vec::new();
        let sent = std::mem::take(&mut self.commits)
            .into_iter()
            .zip(std::mem::take(&mut self.pending));
        for (commit, mut pending) in sent {
            let outcome = outcomes.next().unwrap_or_else(|| {
                SequencedOutcome::Unknown("the engine did not answer for it".to_owned())
            });
            let unknown = match (outcome, pending.unknown.take()) {
                (SequencedOutcome::Accepted { sequence, history }, _) => {
                    let events = commit.into_events();
                    let commit = SequencedCommit {
                        sequence,
                        history,
                        events,
                    };
                    self.progress
                        .accepted(commit, pending.deadline, pending.reply);
                    continue;
                }
                (SequencedOutcome::Conflict { through }, None) => {
                    let waiter = Waiter::Conflict {
                        error: commit.conflict(),
                        reply: pending.reply,
                    };
                    self.progress.wait(through, pending.deadline, waiter);
                    continue;
                }
                (SequencedOutcome::Conflict { through }, Some(_)) => {
                    self.settle_by_replica(commit, pending, through);
                    continue;
                }
                (SequencedOutcome::NotWritten(reason), None) => {
                    answers.push((pending.reply, Err(AppendError::NotWritten(reason))));
                    continue;
                }
                // An earlier attempt of unknown outcome may have been written all the same.
                (SequencedOutcome::NotWritten(_), Some(reason))
                | (SequencedOutcome::Unknown(reason), _) => reason,
            };
            if pending.deadline <= now {
                answers.push((pending.reply, Err(AppendError::Unknown(unknown))));
                continue;
            }
            pending.unknown = Some(unknown);
            self.commits.push(commit);
            self.pending.push(pending);
        }
        replies::deliver(answers);
    }

    /// Settles a repeated commit that is in conflict: either with its own first attempt, or with
    /// another commit. The replica tells which, once it has reached the conflict.
    fn settle_by_replica(&self, commit: Commit, pending: Pending, through: Sequence) {
        self.progress.reached(through);
        let (replica, progress) = (self.replica.clone(), self.progress.clone());
        tokio::spawn(async move {
            let mut applied = progress.applied();
            let reached = applied.wait_for(|applied| applied.sequence >= through);
            let deadline = tokio::time::Instant::from_std(pending.deadline);
            let in_time = tokio::time::timeout_at(deadline, reached)
                .await
                .is_ok_and(|reached| reached.is_ok());
            let outcome = if in_time {
                find(&replica, &commit).await
            } else {
                Err(AppendError::Unknown(progress.why_late()))
            };
            replies::deliver([(pending.reply, outcome)]);
        });
    }
}

/// The outcome of `commit` if the replica has every commit of its stream that could be in its
/// place.
async fn find(replica: &SqliteReplica, commit: &Commit) -> Outcome {
    let events = commit.events();
    let file = replica.file();
    let found = file
        .read_stream(
            commit.stream(),
            commit.expected(),
            events.len(),
            Freshness::Any,
        )
        .await
        .map_err(|error| AppendError::Unknown(error.to_string()))?;
    match (found.last(), events.last()) {
        (Some(found), Some(own)) if found.hash == own.hash => Ok(Appended {
            position: found.position,
            group: 0,
        }),
        _ => Err(commit.conflict()),
    }
}
