//! The way between a node and the log, on which things go wrong: what is sent arrives late or
//! never, answers get lost, reads are behind. A lie is what no engine may do; it is there to be
//! caught.

use async_trait::async_trait;
use cartlog::log::{
    AppendError, Appended, Commit, Freshness, Head, LogReader, LogWriter, Position, ReadError,
    RecordedEvent, Version,
};
use cartlog_testkit::memory_log::{MemoryLog, recommit};
use cartlog_testkit::seed::Dice;
use futures_util::future::FutureExt;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use tokio::sync::watch;
use uuid::Uuid;

/// What an engine that breaks the port's contract does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Writes at the stream's end whatever version was expected.
    IgnoresTheExpectedVersion,
    /// Answers a linearizable read from a state of before.
    ReadsStale,
    /// Acknowledges what it does not write.
    LosesWhatItAcknowledged,
    /// Writes what it refuses.
    WritesWhatItRefused,
    /// Writes the first event of a commit alone.
    TearsCommits,
    /// Gives events back without their idempotency keys.
    ForgetsKeys,
    /// Breaks the chain of hashes.
    BreaksTheChain,
    /// Skips an event for readers of the whole log.
    SkipsAnEvent,
    /// Shows who follows the log an event before one at an earlier position.
    ShowsLaterEventsFirst,
}

/// What happens to a commit in transit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    /// Arrives, but its outcome is lost.
    AnswerLost,
    Lost,
    Refused,
    Full,
    /// Is refused as a conflict although there is none.
    Conflict,
}

/// A commit in flight. It arrives even after its sender has gone.
struct Sent {
    commit: Commit,
    answer: Option<Answer>,
}

type Answer = Arc<Mutex<Option<Result<Appended, AppendError>>>>;

/// Everything between the nodes and the log.
pub struct Network {
    pub dice: Dice,
    /// Nothing goes wrong any more.
    pub calm: bool,
    pub lie: Option<Lie>,
    /// How often what happened.
    pub tally: BTreeMap<&'static str, u64>,
    sent: Vec<Sent>,
    acknowledged: Position,
}

impl Network {
    pub fn new(dice: Dice, lie: Option<Lie>) -> Network {
        Network {
            dice,
            calm: false,
            lie,
            tally: BTreeMap::new(),
            sent: Vec::new(),
            acknowledged: Position(0),
        }
    }

    pub fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    /// How many commits are under way.
    pub fn under_way(&self) -> usize {
        self.sent.len()
    }

    /// Something goes wrong once in `times`, while anything does.
    pub fn fails(&mut self, times: usize) -> bool {
        !self.calm && self.dice.one_in(times)
    }

    fn lies(&mut self, lie: Lie) -> bool {
        self.lie == Some(lie) && self.dice.one_in(4)
    }

    fn fate(&mut self) -> Fate {
        if !self.fails(4) {
            return Fate::Arrives;
        }
        let (fate, name) = self.dice.pick(&[
            (Fate::AnswerLost, "the answer to an append was lost"),
            (Fate::Lost, "an append was lost"),
            (Fate::Refused, "an append was refused"),
            (Fate::Full, "the log was full"),
            (Fate::Conflict, "a conflict without a rival"),
        ]);
        self.count(name);
        fate
    }

    /// Lets one of the commits under way arrive.
    pub fn deliver(&mut self, log: &MemoryLog) {
        let which = self.dice.below(self.sent.len());
        let Sent { commit, answer } = self.sent.swap_remove(which);
        let outcome = self.write(log, commit);
        if matches!(outcome, Err(AppendError::Conflict { .. })) {
            self.count("a conflict");
        }
        let Some(answer) = answer else { return };
        if let Ok(appended) = &outcome {
            self.acknowledged = self.acknowledged.max(appended.position);
        }
        if Arc::strong_count(&answer) == 1 && outcome.is_ok() {
            self.count("an append arrived after its sender had gone");
        }
        *answer.lock().expect("an answer") = Some(outcome);
    }

    fn write(&mut self, log: &MemoryLog, commit: Commit) -> Result<Appended, AppendError> {
        if self.lies(Lie::LosesWhatItAcknowledged) {
            let position = now(log.barrier()).expect("a barrier");
            return Ok(Appended { position, group: 1 });
        }
        let commit = if commit.events().len() > 1 && self.lies(Lie::TearsCommits) {
            recommit(&commit, log.head(commit.stream()), 1)
        } else if self.lies(Lie::BreaksTheChain) {
            let torn = Head {
                recorded_at: commit.events()[0].recorded_at,
                version: commit.expected(),
                ..Head::START
            };
            recommit(&commit, torn, usize::MAX)
        } else {
            commit
        };
        match now(log.append(commit.clone())) {
            Err(AppendError::Conflict { .. }) if self.lies(Lie::IgnoresTheExpectedVersion) => {
                now(log.append(recommit(&commit, log.head(commit.stream()), usize::MAX)))
            }
            Ok(_) if self.lies(Lie::WritesWhatItRefused) => {
                Err(AppendError::NotWritten("so it says".to_owned()))
            }
            outcome => outcome,
        }
    }
}

/// The outcome of what does not wait for anything.
pub fn now<T>(work: impl Future<Output = T>) -> T {
    work.now_or_never().expect("the log in memory never waits")
}

/// Yields once. The futures are polled in a loop until they are ready, so no waker is needed.
pub async fn turn() {
    let mut passed = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut passed, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// The log as a node sees it.
pub struct Link {
    pub log: Arc<MemoryLog>,
    pub network: Arc<Mutex<Network>>,
}

impl Link {
    fn network(&self) -> MutexGuard<'_, Network> {
        self.network.lock().expect("no panic under the lock")
    }

    async fn wait(&self) {
        let turns = self.network().dice.below(4);
        for _ in 0..turns {
            turn().await;
        }
    }

    async fn reading(&self) -> Result<(), ReadError> {
        self.wait().await;
        let mut network = self.network();
        if network.fails(40) {
            network.count("a read failed");
            return Err(ReadError("the connection was lost".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl LogWriter for Link {
    async fn append(&self, commit: Commit) -> Result<Appended, AppendError> {
        let fate = self.network().fate();
        let refusal = match fate {
            Fate::Refused => Some(AppendError::NotWritten("the disk is full".to_owned())),
            Fate::Full => Some(AppendError::Full),
            Fate::Conflict => Some(commit.conflict()),
            Fate::Arrives | Fate::AnswerLost | Fate::Lost => None,
        };
        if let Some(refusal) = refusal {
            self.wait().await;
            return Err(refusal);
        }
        let answer = Answer::default();
        let mut patience = {
            let mut network = self.network();
            if fate != Fate::Lost {
                network.sent.push(Sent {
                    commit,
                    answer: (fate == Fate::Arrives).then(|| answer.clone()),
                });
            }
            match fate {
                Fate::Arrives if network.fails(8) => 1 + network.dice.below(4),
                Fate::Arrives => usize::MAX,
                _ => network.dice.below(8),
            }
        };
        loop {
            if let Some(outcome) = answer.lock().expect("an answer").take() {
                return outcome;
            }
            if patience == 0 {
                return Err(AppendError::Unknown("no answer came".to_owned()));
            }
            patience -= 1;
            turn().await;
        }
    }

    fn close(&self) {
        self.log.close();
    }
}

#[async_trait]
impl LogReader for Link {
    async fn read_stream(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
        freshness: Freshness,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.reading().await?;
        let mut events = self
            .log
            .read_stream(stream, after, limit, freshness)
            .await?;
        {
            let mut network = self.network();
            let stale = match freshness {
                Freshness::Any => network.fails(2),
                Freshness::AtLeast(_) | Freshness::Linearizable => network.lies(Lie::ReadsStale),
            };
            if stale && !events.is_empty() {
                let mut kept = network.dice.below(events.len());
                // A state of the log, however old, has whole commits.
                while kept > 0 && events[kept - 1].metadata == events[kept].metadata {
                    kept -= 1;
                }
                events.truncate(kept);
            }
            if network.lies(Lie::ForgetsKeys) {
                for event in &mut events {
                    event.metadata = without_key(&event.metadata).into();
                }
            }
        }
        self.wait().await;
        Ok(events)
    }

    /// From a copy of the log that may be behind, but always has its beginning.
    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.reading().await?;
        let mut events = self.log.read_all(after, limit).await?;
        {
            let mut network = self.network();
            if !events.is_empty() && network.fails(3) {
                let kept = network.dice.below(events.len());
                events.truncate(kept);
                network.count("the copy of the log was behind");
            }
            if events.len() > 1 && network.lies(Lie::SkipsAnEvent) {
                let left_out = network.dice.below(events.len() - 1);
                events.remove(left_out);
            }
            if events.len() > 1 && network.lies(Lie::ShowsLaterEventsFirst) {
                let first = network.dice.below(events.len() - 1);
                events.swap(first, first + 1);
            }
        }
        self.wait().await;
        Ok(events)
    }

    /// What was written and not acknowledged need not be covered.
    async fn barrier(&self) -> Result<Position, ReadError> {
        self.reading().await?;
        let end = self.log.barrier().await?;
        let mut network = self.network();
        let behind = network.fails(2);
        Ok(if behind { network.acknowledged } else { end })
    }

    fn identity(&self) -> Uuid {
        self.log.identity()
    }

    fn wake_ups(&self) -> watch::Receiver<Position> {
        self.log.wake_ups()
    }
}

fn without_key(metadata: &str) -> String {
    let mut metadata: serde_json::Value = serde_json::from_str(metadata).expect("metadata");
    let fields = metadata.as_object_mut().expect("an object");
    fields.remove("key");
    fields.remove("request");
    metadata.to_string()
}
