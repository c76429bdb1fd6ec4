//! The streams that the replica has received commits of last, with their versions.

use super::sequencer::SequencedCommit;
use crate::log::{Commit, Version};
use quick_cache::sync::Cache;
use uuid::Uuid;

/// How many streams are remembered, at about 100 bytes each.
const STREAMS: usize = 65_536;

/// Refuses commits that come too late, without asking the engine. Behind a proxy that sends the
/// commands of a cart to any node, most commits are decided on an outdated stream.
#[derive(Debug)]
pub(super) struct Heads(Cache<Uuid, Version>);

impl Default for Heads {
    fn default() -> Heads {
        Heads(Cache::new(STREAMS))
    }
}

impl Heads {
    /// Notes commits that the replica has.
    pub fn note(&self, commits: &[SequencedCommit]) {
        for last in commits.iter().filter_map(|commit| commit.events.last()) {
            self.0.insert(last.stream, last.version);
        }
    }

    /// Whether the stream of `commit` is past the version that the commit expects.
    pub fn are_past(&self, commit: &Commit) -> bool {
        let head = self.0.get(&commit.stream());
        head.is_some_and(|head| head > commit.expected())
    }
}
