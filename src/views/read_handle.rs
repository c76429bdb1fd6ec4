//! What the updater shares with readers.

use super::{Arrivals, FileGuard, RowCache};
use crate::log::Position;
use crate::timestamp::Timestamp;
use std::sync::Arc;
use tokio::sync::{Notify, watch};

/// How far the views are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The checkpoint: everything up to here is in the tables.
    pub position: Position,
    /// When the checkpoint got there, by the machine's clock.
    pub at: Timestamp,
    /// Which generation of the views serves, from 0 at the start of the process. A reader of an
    /// earlier one opens the views again.
    pub generation: u32,
    /// The end of the log when the process began. Until the views have seen it they answer less
    /// than they once did.
    pub complete_at: Position,
}

impl Progress {
    /// Whether the views have seen all that the log held when the process began.
    pub fn is_complete(&self) -> bool {
        self.position >= self.complete_at
    }
}

/// What readers share with the updater.
#[derive(Debug, Clone)]
pub struct ReadHandle {
    pub progress: watch::Receiver<Progress>,
    pub rows: Arc<RowCache>,
    /// Notified when a query waits for the tables.
    pub write_requested: Arc<Notify>,
    pub arrivals: Arc<Arrivals>,
    pub guard: Arc<FileGuard>,
    /// The views that the files opened at the start do not have, since their definition has
    /// changed.
    pub(super) initially_unavailable: Arc<[&'static str]>,
}

impl ReadHandle {
    /// The views that cannot be read before a rebuild has ended.
    pub fn unavailable_views(&self, progress: Progress) -> &[&'static str] {
        match progress.generation {
            0 => &self.initially_unavailable,
            _ => &[],
        }
    }

    /// Whether `views` are available and complete.
    pub(super) fn can_read(&self, progress: Progress, views: &[&str]) -> bool {
        let unavailable = self.unavailable_views(progress);
        progress.is_complete() && !views.iter().any(|view| unavailable.contains(view))
    }
}
