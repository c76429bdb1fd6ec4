//! How far the views are, for whoever waits for them.

use crate::log::Position;
use crate::timestamp::Timestamp;

/// How far the views are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Everything up to here is in the views.
    pub position: Position,
    /// When that got there, by the machine's clock.
    pub at: Timestamp,
    /// Which generation of the views that is, from 0 at the start of the process: a reader of an
    /// earlier one opens the views again.
    pub generation: u32,
    /// From this position on the views are whole: the end of the log when the process began. Before
    /// that they have not even seen what was there then, and answer less than they once did.
    pub complete_at: Position,
}

impl Progress {
    /// Whether the views have seen all that the log held when the process began.
    pub fn is_complete(&self) -> bool {
        self.position >= self.complete_at
    }
}
