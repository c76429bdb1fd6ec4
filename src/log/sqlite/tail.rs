//! The last events in memory: a reader that follows the log closely gets them without a query and
//! without copying a text.

use crate::log::{Position, RecordedEvent};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many events the tail holds: a third of a second of commits at full speed, in some ten
/// megabytes. A reader that is further behind reads from the file.
const CAPACITY: usize = 16_384;

#[derive(Debug, Default)]
pub(super) struct Tail(Mutex<VecDeque<RecordedEvent>>);

impl Tail {
    /// Adds committed events, which continue those that it holds.
    pub(super) fn extend(&self, committed: impl IntoIterator<Item = RecordedEvent>) {
        let mut events = self.lock();
        events.extend(committed);
        let surplus = events.len().saturating_sub(CAPACITY);
        events.drain(..surplus);
    }

    /// At most `limit` events after `after`, or `None` if older ones have been evicted.
    pub(super) fn after(&self, after: Position, limit: usize) -> Option<Vec<RecordedEvent>> {
        let events = self.lock();
        let first = events.front()?.position.0;
        let skip = (after.0 + 1).checked_sub(first)?;
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        Some(events.iter().skip(skip).take(limit).cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<RecordedEvent>> {
        // No panic can occur in the middle of a change, so a poisoned tail is intact.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
