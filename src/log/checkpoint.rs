//! A checkpoint: how far a reader has applied the log, and of which history.

use super::event::{Position, RecordedEvent};
use super::hash::Hash;
use uuid::Uuid;

/// How far a reader has applied a log. It names the history and not just a position: a log that was
/// restored from a backup and has continued differently has another event there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's [`identity`](super::LogReader::identity).
    pub log_id: Uuid,
    /// The last position that is applied; 0 before the first event.
    pub position: Position,
    /// The hash of the event at `position`; [`Hash::ZERO`] at position 0.
    pub hash: Hash,
}

impl Checkpoint {
    /// Before the first event of the log `log_id`.
    pub fn start(log_id: Uuid) -> Checkpoint {
        Checkpoint {
            log_id,
            position: Position(0),
            hash: Hash::ZERO,
        }
    }

    /// Right after `event`, in the same log.
    pub fn after(self, event: &RecordedEvent) -> Checkpoint {
        Checkpoint {
            position: event.position,
            hash: event.hash,
            ..self
        }
    }
}
