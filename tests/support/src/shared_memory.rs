//! The engine of a shared log in memory, with faults on request. Any number of nodes connect to it.
//!
//! It is part of the tests and not of the library: no configuration can select a log that forgets.

use async_trait::async_trait;
use cartlog::background::Background;
use cartlog::log::shared::{
    HistoryHash, Sequence, SequencedCommit, SequencedOutcome, Sequencer, SequencerConnector,
    SequencerError, SharedLog, SharedLogSettings, chained, commit_id,
};
use cartlog::log::{Commit, Hash, OpenError, RecordedEvent, Version};
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// What happens to the next group of commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendFault {
    /// The answer is lost after the commits were written.
    WrittenUnknown,
    /// The answer is lost before the commits were written.
    NotWrittenUnknown,
    /// The engine cannot be reached.
    NotWritten,
}

/// How the engine behaves, until it is changed.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, named where they are set"
)]
pub struct Behaviour {
    /// Whether a repeated commit is refused as a conflict with itself.
    pub forgets_repeats: bool,
    /// Whether commits are written whatever version they expect: the control of the tests.
    pub ignores_expected_version: bool,
    /// Whether it works like a broker: an entry has only a hash of its own, and a barrier is an
    /// entry. To be set before the first commit.
    pub is_broker: bool,
    /// Whether nothing but appends is answered.
    pub is_unreachable: bool,
    /// Whether nodes get no hints of commits and find them only by polling.
    pub gives_no_hints: bool,
    /// How long each append takes.
    pub append_time: Duration,
}

/// Where a shared log is stored. It outlives the nodes.
#[derive(Debug, Clone)]
pub struct SharedMemory(Arc<Stored>);

#[derive(Debug)]
struct Stored {
    identity: Uuid,
    state: Mutex<State>,
    reached: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    commits: Vec<SequencedCommit>,
    streams: HashMap<Uuid, (Version, Sequence)>,
    secret_digest: Option<[u8; 32]>,
    faults: VecDeque<AppendFault>,
    behaviour: Behaviour,
    barriers: u64,
    appends: u64,
    /// Every signed note that was kept, in order.
    notes: Vec<String>,
}

impl Default for SharedMemory {
    fn default() -> SharedMemory {
        SharedMemory(Arc::new(Stored {
            identity: Uuid::now_v7(),
            state: Mutex::default(),
            reached: watch::Sender::new(0),
        }))
    }
}

impl SharedMemory {
    /// Opens a node with its replica in the file `replica`.
    pub fn open(&self, replica: &Path) -> Result<(Arc<SharedLog>, Background), OpenError> {
        let settings = SharedLogSettings {
            settle_within: Duration::from_secs(2),
            ..SharedLogSettings::at(replica)
        };
        self.open_with(&settings)
    }

    pub fn open_with(
        &self,
        settings: &SharedLogSettings,
    ) -> Result<(Arc<SharedLog>, Background), OpenError> {
        let connector: Arc<dyn SequencerConnector> = Arc::new(self.clone());
        SharedLog::open(&connector, settings)
    }

    /// Lets the next groups of commits fail, one for each of `faults`.
    pub fn fail(&self, faults: impl IntoIterator<Item = AppendFault>) {
        self.lock().faults.extend(faults);
    }

    /// Changes how the engine behaves.
    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.lock().behaviour);
    }

    /// Loses the last `count` commits, as a failover to a server that does not have them.
    pub fn lose(&self, count: usize) {
        let mut state = self.lock();
        let left = state.commits.len() - count;
        state.commits.truncate(left);
        state.streams.clear();
        let ends: Vec<_> = state
            .commits
            .iter()
            .filter_map(|commit| {
                let last = commit.events.last()?;
                Some((last.stream, (last.version, commit.sequence)))
            })
            .collect();
        state.streams.extend(ends);
    }

    /// Removes the entry at `sequence` and leaves a gap.
    pub fn remove(&self, sequence: u64) -> SequencedCommit {
        let mut state = self.lock();
        let place = place(&state, sequence);
        state.commits.remove(place)
    }

    /// Puts back an entry that was removed.
    pub fn restore(&self, commit: SequencedCommit) {
        let mut state = self.lock();
        state.commits.push(commit);
        state.commits.sort_by_key(|commit| commit.sequence);
    }

    /// Changes an event of the entry at `sequence`, as an attacker with access to the tables.
    pub fn alter(&self, sequence: u64, change: impl FnOnce(&mut RecordedEvent)) {
        let mut state = self.lock();
        let place = place(&state, sequence);
        change(&mut state.commits[place].events[0]);
    }

    /// How many commits there are.
    pub fn len(&self) -> usize {
        self.lock().commits.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Loses every signed note.
    pub fn lose_notes(&self) {
        self.lock().notes.clear();
    }

    /// Every signed note that was kept, in order.
    pub fn notes(&self) -> Vec<String> {
        self.lock().notes.clone()
    }

    /// How often a barrier was asked for.
    pub fn barriers(&self) -> u64 {
        self.lock().barriers
    }

    /// How many groups of commits were sent.
    pub fn appends(&self) -> u64 {
        self.lock().appends
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no panic under the lock")
    }
}

fn place(state: &State, sequence: u64) -> usize {
    let found = state
        .commits
        .iter()
        .position(|it| it.sequence.0 == sequence);
    found.expect("an entry at that sequence")
}

impl State {
    fn end(&self) -> Sequence {
        self.commits.last().map_or(Sequence(0), |it| it.sequence)
    }

    fn append(&mut self, commit: &Commit) -> SequencedOutcome {
        let stream = commit.stream();
        let (version, through) = self.streams.get(&stream).copied().unwrap_or_default();
        if version != commit.expected() && !self.behaviour.ignores_expected_version {
            let id = commit_id(commit.events());
            let written = self.commits.iter().find(|it| it.id() == id);
            return match written {
                Some(written) if !self.behaviour.forgets_repeats => SequencedOutcome::Accepted {
                    sequence: written.sequence,
                    history: written.history,
                },
                _ => SequencedOutcome::Conflict { through },
            };
        }
        let last = commit.events().last().expect("a commit has events");
        let (sequence, history) = self.push(commit.events().to_vec());
        self.streams.insert(stream, (last.version, sequence));
        SequencedOutcome::Accepted { sequence, history }
    }

    /// Adds an entry with `events`; none for a barrier.
    fn push(&mut self, events: Vec<RecordedEvent>) -> (Sequence, HistoryHash) {
        let sequence = Sequence(self.end().0 + 1);
        let id = commit_id(&events);
        let history = if self.behaviour.is_broker {
            HistoryHash::Entry(id.unwrap_or_else(unique_hash))
        } else {
            let previous = self.commits.last().map(|it| it.history.hash());
            HistoryHash::Rolling(chained(previous.unwrap_or(Hash::ZERO), id))
        };
        self.commits.push(SequencedCommit {
            sequence,
            history,
            events,
        });
        (sequence, history)
    }
}

#[async_trait]
impl SequencerConnector for SharedMemory {
    fn engine(&self) -> &'static str {
        "memory"
    }

    fn location(&self) -> String {
        "in memory".to_owned()
    }

    async fn connect(&self) -> Result<Arc<dyn Sequencer>, OpenError> {
        Ok(Arc::new(self.clone()))
    }

    async fn connect_existing(&self) -> Result<Option<Arc<dyn Sequencer>>, OpenError> {
        Ok(Some(Arc::new(self.clone())))
    }
}

#[async_trait]
impl Sequencer for SharedMemory {
    fn engine(&self) -> &'static str {
        "memory"
    }

    fn identity(&self) -> Uuid {
        self.0.identity
    }

    async fn append(&self, group: &[Commit]) -> Vec<SequencedOutcome> {
        let append_time = self.lock().behaviour.append_time;
        if !append_time.is_zero() {
            tokio::time::sleep(append_time).await;
        }
        let (outcomes, reached, hints) = {
            let mut state = self.lock();
            state.appends += 1;
            let fault = state.faults.pop_front();
            let lost = "the connection was lost".to_owned();
            let outcomes = match fault {
                Some(AppendFault::NotWritten) => {
                    vec![SequencedOutcome::NotWritten(lost); group.len()]
                }
                Some(AppendFault::NotWrittenUnknown) => {
                    vec![SequencedOutcome::Unknown(lost); group.len()]
                }
                Some(AppendFault::WrittenUnknown) => group
                    .iter()
                    .map(|commit| {
                        state.append(commit);
                        SequencedOutcome::Unknown(lost.clone())
                    })
                    .collect(),
                None => group.iter().map(|commit| state.append(commit)).collect(),
            };
            (outcomes, state.end(), !state.behaviour.gives_no_hints)
        };
        if hints {
            self.0.reached.send_replace(reached.0);
        }
        outcomes
    }

    async fn tail(
        &self,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<SequencedCommit>, SequencerError> {
        let state = self.lock();
        if state.behaviour.is_unreachable {
            return Err(unreachable());
        }
        let commits = state.commits.iter().filter(|it| it.sequence > after);
        Ok(commits.take(limit).cloned().collect())
    }

    async fn news(&self, after: Sequence) -> Sequence {
        let mut reached = self.0.reached.subscribe();
        let news = reached.wait_for(|reached| *reached > after.0).await;
        Sequence(*news.expect("the storage outlives the nodes"))
    }

    async fn barrier(&self) -> Result<Sequence, SequencerError> {
        let mut state = self.lock();
        if state.behaviour.is_unreachable {
            return Err(unreachable());
        }
        state.barriers += 1;
        if state.behaviour.is_broker {
            state.push(Vec::new());
        }
        Ok(state.end())
    }

    async fn secret_digest(&self) -> Result<Option<[u8; 32]>, SequencerError> {
        Ok(self.lock().secret_digest)
    }

    async fn record_secret_digest(
        &self,
        digest: [u8; 32],
        replace: bool,
    ) -> Result<[u8; 32], SequencerError> {
        let mut state = self.lock();
        if replace {
            state.secret_digest = Some(digest);
        }
        Ok(*state.secret_digest.get_or_insert(digest))
    }

    async fn note(&self) -> Result<Option<String>, SequencerError> {
        let state = self.lock();
        if state.behaviour.is_unreachable {
            return Err(unreachable());
        }
        Ok(state.notes.last().cloned())
    }

    async fn replace_note(&self, last: Option<&str>, next: &str) -> Result<bool, SequencerError> {
        let mut state = self.lock();
        if state.behaviour.is_unreachable {
            return Err(unreachable());
        }
        let fits = state.notes.last().map(String::as_str) == last;
        if fits {
            state.notes.push(next.to_owned());
        }
        Ok(fits)
    }

    async fn health(&self) -> Result<(), String> {
        Ok(())
    }
}

/// What a broker gives an entry without events: what no other entry has.
fn unique_hash() -> Hash {
    let mut hash = Hash::ZERO;
    hash.0[..16].copy_from_slice(Uuid::now_v7().as_bytes());
    hash
}

fn unreachable() -> SequencerError {
    SequencerError::Unavailable("the engine does not answer".to_owned())
}
