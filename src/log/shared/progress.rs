//! How far this node's replica is, how far the engine is known to be, and who waits for that.

use super::heads::Heads;
use super::sequencer::{Sequence, SequencedCommit};
use crate::log::replies::{self, Outcome, Reply};
use crate::log::sqlite::ReplicaCheckpoint;
use crate::log::{AppendError, Appended, Hash, Position};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// How many applied commits are remembered, for acknowledgements that the tail has overtaken.
const REMEMBERED: usize = 8_192;

/// How far the replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Applied {
    pub sequence: Sequence,
    pub position: Position,
}

/// A commit that waits for the replica to reach a sequence.
pub(super) enum Waiter {
    /// It was accepted at that sequence and is this commit.
    Accepted { id: Hash, reply: Reply },
    /// Another commit was there first.
    Conflict { error: AppendError, reply: Reply },
}

/// What this node knows of the order of commits. Shared by the tasks of the log.
#[derive(Debug)]
pub(super) struct Progress {
    state: Mutex<State>,
    applied: watch::Sender<Applied>,
    /// Notified when there is something for the replica to apply.
    due: Notify,
    /// The engine's last sequence when the log was opened: until then the replica is being filled.
    fill_until: Sequence,
    /// Of the streams that the replica has received commits of last.
    pub(super) heads: Heads,
}

#[derive(Debug)]
struct State {
    checkpoint: ReplicaCheckpoint,
    /// The last sequence that the engine is known to have given.
    known: Sequence,
    /// When the replica was last known to have everything.
    complete_at: Instant,
    /// The commits applied last: the position of the last event, and the id.
    recent: VecDeque<(Position, Option<Hash>)>,
    /// Commits of this node that were accepted and not applied yet.
    own: BTreeMap<Sequence, SequencedCommit>,
    waiting: BTreeMap<Sequence, Vec<(Instant, Waiter)>>,
    /// How many commits wait.
    waiters: usize,
    /// Why the replica does not follow any further, although the engine answers.
    stopped: Option<String>,
    /// Why the engine did not answer last.
    unreachable: Option<String>,
}

impl std::fmt::Debug for Waiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Waiter::Accepted { .. } => "Accepted",
            Waiter::Conflict { .. } => "Conflict",
        })
    }
}

impl Progress {
    /// The progress of a replica at `checkpoint`, of a log that has reached `end`.
    pub(super) fn new(checkpoint: ReplicaCheckpoint, end: Sequence) -> Progress {
        Progress {
            applied: watch::Sender::new(applied(checkpoint)),
            state: Mutex::new(State {
                checkpoint,
                known: end,
                complete_at: Instant::now(),
                recent: VecDeque::new(),
                own: BTreeMap::new(),
                waiting: BTreeMap::new(),
                waiters: 0,
                stopped: None,
                unreachable: None,
            }),
            due: Notify::new(),
            fill_until: end,
            heads: Heads::default(),
        }
    }

    pub(super) fn checkpoint(&self) -> ReplicaCheckpoint {
        self.lock().checkpoint
    }

    pub(super) fn fill_until(&self) -> Sequence {
        self.fill_until
    }

    /// Whether the replica has had everything that the log had when it was opened.
    pub(super) fn is_filled(&self) -> bool {
        self.applied.borrow().sequence >= self.fill_until
    }

    /// How far the replica is, as it changes.
    pub(super) fn applied(&self) -> watch::Receiver<Applied> {
        self.applied.subscribe()
    }

    /// Waits until there may be something to apply.
    pub(super) async fn due(&self) {
        self.due.notified().await;
    }

    /// Whether the engine is known to have a commit that the replica lacks.
    pub(super) fn is_behind(&self) -> bool {
        let state = self.lock();
        state.known.0 > state.checkpoint.sequence
    }

    /// The engine has reached `sequence`.
    pub(super) fn reached(&self, sequence: Sequence) {
        let mut state = self.lock();
        state.known = state.known.max(sequence);
        if state.known.0 > state.checkpoint.sequence {
            self.due.notify_one();
        }
    }

    /// Takes an accepted commit of this node, to be applied once those before it are, and the task
    /// that waits for it.
    pub(super) fn accepted(&self, commit: SequencedCommit, deadline: Instant, reply: Reply) {
        let (sequence, id) = (commit.sequence, commit.id().unwrap_or(Hash::ZERO));
        {
            let mut state = self.lock();
            if sequence.0 > state.checkpoint.sequence {
                state.own.insert(sequence, commit);
            }
        }
        self.wait(sequence, deadline, Waiter::Accepted { id, reply });
        self.reached(sequence);
    }

    /// Answers `waiter` once the replica has reached `sequence`.
    pub(super) fn wait(&self, sequence: Sequence, deadline: Instant, waiter: Waiter) {
        let answer = {
            let mut state = self.lock();
            if sequence.0 > state.checkpoint.sequence {
                let waiting = state.waiting.entry(sequence).or_default();
                waiting.push((deadline, waiter));
                state.waiters += 1;
                None
            } else {
                Some(state.answer(sequence, waiter))
            }
        };
        replies::deliver(answer);
        self.reached(sequence);
    }

    /// At most `limit` commits of this node that come next, without a gap.
    pub(super) fn take_own(&self, limit: usize) -> Vec<SequencedCommit> {
        let mut state = self.lock();
        let mut next = Sequence(state.checkpoint.sequence + 1);
        let mut taken = Vec::new();
        while taken.len() < limit
            && let Some(commit) = state.own.remove(&next)
        {
            taken.push(commit);
            next = Sequence(next.0 + 1);
        }
        taken
    }

    /// The replica has applied commits: for each, the position of its last event and its id.
    pub(super) fn advance(
        &self,
        checkpoint: ReplicaCheckpoint,
        commits: impl IntoIterator<Item = (Position, Option<Hash>)>,
    ) {
        let answers = {
            let mut state = self.lock();
            state.recent.extend(commits);
            let surplus = state.recent.len().saturating_sub(REMEMBERED);
            state.recent.drain(..surplus);
            state.checkpoint = checkpoint;
            let next = Sequence(checkpoint.sequence + 1);
            state.own = state.own.split_off(&next);
            if state.known.0 <= checkpoint.sequence {
                state.complete_at = Instant::now();
            }
            let later = state.waiting.split_off(&next);
            let due = std::mem::replace(&mut state.waiting, later);
            let mut answers = Vec::new();
            for (sequence, waiters) in due {
                state.waiters -= waiters.len();
                for (_, waiter) in waiters {
                    answers.push(state.answer(sequence, waiter));
                }
            }
            answers
        };
        replies::deliver(answers);
        self.applied.send_replace(applied(checkpoint));
    }

    /// Everything that the engine had at `read_at` is applied.
    pub(super) fn complete(&self, read_at: Instant) {
        let mut state = self.lock();
        state.complete_at = state.complete_at.max(read_at);
    }

    /// Answers the commits that have waited too long, or all of them with `everyone`.
    pub(super) fn expire(&self, everyone: bool) {
        let now = Instant::now();
        let mut answers = Vec::new();
        {
            let mut state = self.lock();
            let reason = state.why_not();
            for waiters in state.waiting.values_mut() {
                for (_, waiter) in waiters.extract_if(.., |(until, _)| everyone || *until <= now) {
                    answers.push(waiter.give_up(&reason));
                }
            }
            state.waiting.retain(|_, waiters| !waiters.is_empty());
            state.waiters -= answers.len();
        }
        replies::deliver(answers);
    }

    /// How many commits wait for the replica.
    pub(super) fn waiters(&self) -> usize {
        self.lock().waiters
    }

    /// Sets why the replica does not follow any further. Returns whether that is new.
    pub(super) fn set_stopped(&self, reason: Option<String>) -> bool {
        let mut state = self.lock();
        let is_new = state.stopped != reason;
        state.stopped = reason;
        is_new
    }

    /// Sets why the engine does not answer. Returns whether that is new.
    pub(super) fn set_unreachable(&self, reason: Option<String>) -> bool {
        let mut state = self.lock();
        let is_new = state.unreachable.is_none() != reason.is_none();
        state.unreachable = reason;
        is_new
    }

    pub(super) fn stopped(&self) -> Option<String> {
        self.lock().stopped.clone()
    }

    /// Why the replica does not follow: stopped, or the engine does not answer.
    pub(super) fn trouble(&self) -> Option<String> {
        let state = self.lock();
        state.stopped.clone().or_else(|| state.unreachable.clone())
    }

    /// How many commits the replica is known to lack, and since when it may lack some.
    pub(super) fn lag(&self) -> (u64, Duration) {
        let state = self.lock();
        let behind = state.known.0.saturating_sub(state.checkpoint.sequence);
        let is_current = behind == 0 && state.stopped.is_none() && state.unreachable.is_none();
        let since = if is_current {
            Duration::ZERO
        } else {
            state.complete_at.elapsed()
        };
        (behind, since)
    }

    /// Why something did not come in time.
    pub(super) fn why_late(&self) -> String {
        self.lock().why_not()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No panic can occur in the middle of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The outcome of a commit whose sequence the replica has reached.
    fn answer(&self, sequence: Sequence, waiter: Waiter) -> (Reply, Outcome) {
        match waiter {
            Waiter::Conflict { error, reply } => (reply, Err(error)),
            Waiter::Accepted { id, reply } => {
                let back = usize::try_from(self.checkpoint.sequence - sequence.0);
                let found = back
                    .ok()
                    .and_then(|back| self.recent.len().checked_sub(back + 1))
                    .map(|place| self.recent[place]);
                let outcome = match found {
                    Some((position, Some(found))) if found == id => {
                        Ok(Appended { position, group: 0 })
                    }
                    _ => Err(AppendError::Unknown(format!(
                        "it was accepted at sequence {sequence}, where this node has another commit"
                    ))),
                };
                (reply, outcome)
            }
        }
    }

    fn why_not(&self) -> String {
        let reason = self.stopped.as_ref().or(self.unreachable.as_ref());
        match reason {
            Some(reason) => reason.clone(),
            None => format!(
                "this node's replica is at sequence {}, the log at {} or later",
                self.checkpoint.sequence, self.known
            ),
        }
    }
}

impl Waiter {
    fn give_up(self, reason: &str) -> (Reply, Outcome) {
        match self {
            Waiter::Accepted { reply, .. } => {
                let why = format!("it was accepted, but this node does not have it yet: {reason}");
                (reply, Err(AppendError::Unknown(why)))
            }
            Waiter::Conflict { reply, .. } => {
                let why = format!(
                    "another node has changed the stream, and this node does not have that yet: \
                     {reason}"
                );
                (reply, Err(AppendError::NotWritten(why)))
            }
        }
    }
}

fn applied(checkpoint: ReplicaCheckpoint) -> Applied {
    Applied {
        sequence: Sequence(checkpoint.sequence),
        position: checkpoint.position,
    }
}
