//! The bounded queue between the threads that record spans and the one that exports them.

use super::Span;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many spans may wait: some MiB.
const CAPACITY: usize = 8_192;
/// How many spans are exported at once.
pub(super) const BATCH: usize = 512;
/// How long the first span of a batch waits for others.
const BATCH_WITHIN: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    spans: Vec<Span>,
    /// When the first of `spans` was added.
    since: Option<Instant>,
    is_closing: bool,
}

impl Queue {
    /// Adds `span`; `false` if there is no room for it.
    pub fn push(&self, span: Span) -> bool {
        let mut state = self.lock();
        if state.spans.len() >= CAPACITY || state.is_closing {
            return false;
        }
        state.spans.push(span);
        let waiting = state.spans.len();
        state.since.get_or_insert_with(Instant::now);
        drop(state);
        if waiting == 1 || waiting == BATCH {
            self.changed.notify_one();
        }
        true
    }

    /// Waits until a batch is full or due. `None` once the queue is closed and empty.
    pub fn next_batch(&self) -> Option<Vec<Span>> {
        let mut state = self.lock();
        loop {
            let due = state.since.map(|since| since + BATCH_WITHIN);
            let wait = due.map(|due| due.saturating_duration_since(Instant::now()));
            let is_due = wait.is_some_and(|wait| wait.is_zero());
            if state.spans.len() >= BATCH || is_due || state.is_closing {
                let end = state.spans.len().min(BATCH);
                let batch: Vec<Span> = state.spans.drain(..end).collect();
                if state.spans.is_empty() {
                    state.since = None;
                }
                return (!batch.is_empty()).then_some(batch);
            }
            state = match wait {
                None => self.changed.wait(state),
                Some(wait) => (self.changed.wait_timeout(state, wait))
                    .map(|(state, _)| state)
                    .map_err(|poisoned| PoisonError::new(poisoned.into_inner().0)),
            }
            .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for `pause`, or until the queue is closed. Returns whether it is.
    pub fn pause(&self, pause: Duration) -> bool {
        let waited = (self.changed).wait_timeout_while(self.lock(), pause, |it| !it.is_closing);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_closing
    }

    /// Takes no more spans; what is waiting is still exported.
    pub fn close(&self) {
        self.lock().is_closing = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No panic can occur in the middle of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traces::SpanContext;

    fn span() -> Span {
        Span::since(Instant::now(), SpanContext::new_root(), None, "a span")
    }

    #[test]
    fn full_queue_refuses_spans_and_gives_the_others_in_batches() {
        let queue = Queue::default();
        for _ in 0..CAPACITY {
            assert!(queue.push(span()));
        }
        assert!(!queue.push(span()));
        assert_eq!(queue.next_batch().map(|batch| batch.len()), Some(BATCH));
        assert!(queue.push(span()));
        queue.close();
        assert!(!queue.push(span()));
        let mut left = 0;
        while let Some(batch) = queue.next_batch() {
            left += batch.len();
        }
        assert_eq!(left, CAPACITY - BATCH + 1);
        assert!(queue.pause(Duration::MAX));
    }
}
