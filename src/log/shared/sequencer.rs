//! The port of an engine that several nodes share. It decides one thing, which commit comes next;
//! everything else is read from each node's replica.

use crate::log::{Commit, Hash, OpenError, RecordedEvent};
use async_trait::async_trait;
use prometheus::core::Collector;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

/// A commit's place in the engine's order, from 1 and without gaps; 0 is before the first commit.
/// It counts commits, unlike a [`Position`](crate::log::Position), which counts events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sequence(pub u64);

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the engine decided on one commit of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SequencedOutcome {
    /// The commit is in the log, as durable as the engine is set up to make it, and
    /// [`tail`](Sequencer::tail) has it or will. Also for a repeated commit that the engine
    /// recognizes as one that it accepted before.
    Accepted {
        sequence: Sequence,
        /// See [`SequencedCommit::history`].
        history: HistoryHash,
    },
    /// The stream is not at the expected version, and nothing was written. A replica that has
    /// applied the log up to `through` has the commit that moved the stream on. An engine that
    /// cannot tell names the last sequence that it has given.
    Conflict { through: Sequence },
    /// Nothing was written, and never will be from this attempt: for example, no connection could
    /// be made, or the commit is too large.
    NotWritten(String),
    /// The commit may have been written, or may still be: for example, the connection was lost
    /// before the answer. The caller repeats the same commit until it knows.
    Unknown(String),
}

/// A commit as the engine keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequencedCommit {
    pub sequence: Sequence,
    pub history: HistoryHash,
    /// The events exactly as they were appended, their positions 0: each replica numbers them.
    /// Empty for an entry that only serves as a barrier.
    pub events: Vec<RecordedEvent>,
}

impl SequencedCommit {
    /// See [`commit_id`].
    pub fn id(&self) -> Option<Hash> {
        commit_id(&self.events)
    }

    /// Whether its [`history`](Self::history) fits its content and the entry before it, whose hash
    /// is `previous`; [`Hash::ZERO`] before the first.
    pub fn follows(&self, previous: Hash) -> bool {
        match self.history {
            HistoryHash::Rolling(hash) => hash == chained(previous, self.id()),
            HistoryHash::Entry(hash) => self.id().is_none_or(|id| hash == id),
        }
    }
}

/// By what a node notices that the engine has another history than the one it has applied, since
/// the log was restored or has lost its end in a failover. A node compares the hash of the last
/// entry that it has applied. An engine gives the same kind with every entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryHash {
    /// Covers every commit up to this one: [`chained`] of the hash before and this commit's id,
    /// computed by the engine as it accepts the commit. Two logs with the same one have the same
    /// history.
    Rolling(Hash),
    /// Covers this entry alone, for an engine whose publisher does not know the commit before: the
    /// commit's id, or for an entry without events a hash that no other entry has, such as that of
    /// a random text in it. If the same commit was accepted again at the same sequence behind other
    /// ones, a node notices it only by the versions and hashes of their streams, or by `cartlog
    /// verify`.
    Entry(Hash),
}

impl HistoryHash {
    /// The hash of either kind, which a replica keeps in its checkpoint.
    pub fn hash(self) -> Hash {
        match self {
            HistoryHash::Rolling(hash) | HistoryHash::Entry(hash) => hash,
        }
    }
}

/// What identifies a commit: the hash of its last event, which covers its stream, its versions, and
/// the metadata with the id of its command. `None` without events.
pub fn commit_id(events: &[RecordedEvent]) -> Option<Hash> {
    events.last().map(|event| event.hash)
}

/// The rolling hash after a commit: SHA-256 over the 32 bytes of the one before, [`Hash::ZERO`] at
/// first, and the 32 bytes of the commit's id. An entry without events leaves it as it is.
pub fn chained(previous: Hash, id: Option<Hash>) -> Hash {
    let Some(id) = id else { return previous };
    let mut sum = Sha256::new();
    sum.update(previous.0);
    sum.update(id.0);
    Hash(sum.finalize().into())
}

/// Why the engine gave no answer. Neither text may contain a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SequencerError {
    /// The engine cannot be reached or refuses, and a later call may succeed.
    #[error("{0}")]
    Unavailable(String),
    /// The engine answered, but what it keeps at `sequence` is not a commit. The tail stops there.
    #[error("the entry at sequence {sequence} is not a commit: {reason}")]
    Unreadable { sequence: Sequence, reason: String },
}

/// An open connection to a log that several nodes share. The shared log is the one caller, from
/// one runtime: a task that an adapter spawns in a call lives as long as the log is
/// open.
///
/// An adapter reconnects by itself, but never repeats an append: the caller does.
#[async_trait]
pub trait Sequencer: Send + Sync + 'static {
    /// The engine's name in the configuration, such as `postgres`.
    fn engine(&self) -> &'static str;

    /// The log's id, generated when the log was created.
    fn identity(&self) -> Uuid;

    /// Appends the commits in their order in one round trip: each is accepted at its expected
    /// version or refused by itself, and later ones of the group see what earlier ones wrote. The
    /// result has one outcome for each commit, in the same order.
    ///
    /// Returns within the adapter's time-out. A commit whose answer did not come by then is
    /// [`Unknown`](SequencedOutcome::Unknown), not cancelled. One call runs at a time.
    async fn append(&self, group: &[Commit]) -> Vec<SequencedOutcome>;

    /// At most `limit` commits after `after`, in the order of their sequences: the ones that are
    /// there now, without waiting for further ones. Reads where appends go, never a copy that may
    /// be behind, and returns no commit that could still be lost as the engine is set up.
    ///
    /// If an entry is unreadable, the call returns the ones before it, and the next call the error.
    async fn tail(
        &self,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<SequencedCommit>, SequencerError>;

    /// Waits for a hint that there are commits after `after`, and returns a sequence that the
    /// engine has reached. A hint may be late or missing, so that callers poll as well. Cancel
    /// safe.
    async fn news(&self, after: Sequence) -> Sequence;

    /// A sequence that covers every commit acknowledged to any node before the call. Callers
    /// coalesce their calls.
    async fn barrier(&self) -> Result<Sequence, SequencerError>;

    /// The digest of the secret that the nodes of this log share, if one was recorded.
    async fn secret_digest(&self) -> Result<Option<[u8; 32]>, SequencerError>;

    /// Records `digest` if none is recorded, or in any case with `replace`, and returns the one
    /// that is recorded afterwards: of two nodes that start at the same time, one wins. It is
    /// durable afterwards.
    async fn record_secret_digest(
        &self,
        digest: [u8; 32],
        replace: bool,
    ) -> Result<[u8; 32], SequencerError>;

    /// See [`NoteStore::note`](crate::log::NoteStore::note). This and
    /// [`replace_note`](Self::replace_note) may be called from any runtime that outlives the call,
    /// beside other calls.
    async fn note(&self) -> Result<Option<String>, SequencerError>;

    /// See [`NoteStore::replace_note`](crate::log::NoteStore::replace_note).
    async fn replace_note(&self, last: Option<&str>, next: &str) -> Result<bool, SequencerError>;

    /// Why the engine cannot be used at the moment. Returns within a second.
    async fn health(&self) -> Result<(), String>;

    /// The adapter's metrics, to be registered.
    fn gauges(&self) -> Vec<Box<dyn Collector>> {
        Vec::new()
    }
}

/// Connects to one shared log. Its `Debug` output and its errors contain no password.
#[async_trait]
pub trait SequencerConnector: fmt::Debug + Send + Sync + 'static {
    /// The engine's name in the configuration, such as `postgres`.
    fn engine(&self) -> &'static str;

    /// Whether the commits of one call of [`Sequencer::append`] get sequences in their order. If
    /// not, only those of one stream do, and a caller that needs an order appends one by one.
    fn keeps_order(&self) -> bool {
        true
    }

    /// Where the log is, for messages: an address without secrets.
    fn location(&self) -> String;

    /// Connects, and creates or migrates the log if need be. The error says in one line what is
    /// wrong and what to do.
    async fn connect(&self) -> Result<Arc<dyn Sequencer>, OpenError>;

    /// Connects to the log as it is; `None` if it has not been created.
    async fn connect_existing(&self) -> Result<Option<Arc<dyn Sequencer>>, OpenError>;
}
