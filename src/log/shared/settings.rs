//! The settings of a node of a shared log that do not depend on the engine.

use std::path::PathBuf;
use std::time::Duration;

/// How a node keeps its replica and appends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedLogSettings {
    /// The file of this node's replica.
    pub replica_path: PathBuf,
    /// How many commits may wait, for the engine or for the replica, before further ones are
    /// refused.
    pub queue: usize,
    /// How many commits are sent to the engine together at most.
    pub group: usize,
    /// At how many pages the write-ahead log of the replica is checkpointed.
    pub checkpoint_pages: u32,
    /// How long a commit may take, from the queue on, before its outcome is reported as unknown.
    /// One that has not been sent by then is refused.
    pub settle_within: Duration,
    /// How often the engine is asked for commits of other nodes, should a hint be missing.
    pub poll_every: Duration,
}

impl SharedLogSettings {
    /// The replica at `replica_path` with the default settings.
    pub fn at(replica_path: impl Into<PathBuf>) -> SharedLogSettings {
        SharedLogSettings {
            replica_path: replica_path.into(),
            queue: 8_192,
            group: 256,
            checkpoint_pages: 8_000,
            settle_within: Duration::from_secs(10),
            poll_every: Duration::from_millis(250),
        }
    }
}
