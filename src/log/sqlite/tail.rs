//! The end of the log, kept in memory: who follows the log closely reads what the writer had in its
//! hands anyway, without a query and without copying a text.

use crate::log::{Position, RecordedEvent};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many events the tail holds: about a third of a second of writing at full speed, in about
/// ten megabytes. A follower that is further behind reads from the file.
const CAPACITY: usize = 16_384;

#[derive(Debug, Default)]
pub(super) struct Tail(Mutex<VecDeque<RecordedEvent>>);

impl Tail {
    /// Takes in what was committed right behind what it holds.
    pub(super) fn extend(&self, committed: impl IntoIterator<Item = RecordedEvent>) {
        let mut events = self.lock();
        events.extend(committed);
        let surplus = events.len().saturating_sub(CAPACITY);
        events.drain(..surplus);
    }

    /// At most `limit` events after `after`, or `None` where the tail does not reach back so far.
    pub(super) fn after(&self, after: Position, limit: usize) -> Option<Vec<RecordedEvent>> {
        let events = self.lock();
        let first = events.front()?.position.0;
        let skip = (after.0 + 1).checked_sub(first)?;
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        Some(events.iter().skip(skip).take(limit).cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<RecordedEvent>> {
        // Nothing in here panics between two changes, so a poisoned tail is a whole one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
