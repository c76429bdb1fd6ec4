//! Spinning instead of sleeping while a lone connection's commit is written.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a task spins at most. Commits that take longer, or follow the last acknowledgement
/// later than this, are not worth it.
const LIMIT: Duration = Duration::from_micros(500);

/// How commits follow each other, and whether the next one should spin for its acknowledgement.
///
/// Waking a sleeping thread takes about as long as half a commit. Under load the threads do not
/// sleep, but a single connection that sends its next command right after each response pays for a
/// wake-up every time. While commits come alone and quickly, the waiting task polls instead, for at
/// most [`LIMIT`] a commit. docs/speed.md has its measurement.
#[derive(Debug, Default)]
pub(super) struct CommitCadence {
    is_quick: AtomicBool,
    last_acknowledged: Mutex<Option<Instant>>,
}

impl CommitCadence {
    /// The writer took a group of so many `commits` from its queue at `taken`, and has acknowledged
    /// it `now`.
    pub(super) fn acknowledged(&self, commits: usize, taken: Instant, now: Instant) {
        let last = self
            .last_acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(now);
        let followed = last.is_some_and(|last| taken.saturating_duration_since(last) <= LIMIT);
        let is_quick = commits == 1 && followed && now.duration_since(taken) <= LIMIT;
        // A hint: no other data is published by it.
        self.is_quick.store(is_quick, Ordering::Relaxed);
    }

    /// Whether the writer should spin for the next commit.
    pub(super) fn is_quick(&self) -> bool {
        self.is_quick.load(Ordering::Relaxed)
    }

    /// Whether the caller's commit should spin. One commit at a time does: the next one is allowed
    /// to once this one was quick.
    pub(super) fn take_spin(&self) -> bool {
        self.is_quick.load(Ordering::Relaxed) && self.is_quick.swap(false, Ordering::Relaxed)
    }
}

/// Polls on this thread until there is a value, for [`LIMIT`] at most.
pub(super) fn spin_blocking<T>(mut poll: impl FnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    loop {
        let value = poll();
        if value.is_some() || started.elapsed() > LIMIT {
            return value;
        }
        std::thread::yield_now();
    }
}

/// Polls until there is a value, for [`LIMIT`] at most. Between two polls the thread's other tasks
/// run, and the processor is offered to other threads.
pub(super) async fn spin_poll<T>(mut poll: impl FnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    loop {
        let value = poll();
        if value.is_some() || started.elapsed() > LIMIT {
            return value;
        }
        std::thread::yield_now();
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_micros(200);
    const SLOW: Duration = Duration::from_millis(1);

    /// Whether a commit spins after these groups: commits, time since the last acknowledgement, and
    /// time to the own one.
    fn spins_after(groups: &[(usize, Duration, Duration)]) -> bool {
        let cadence = CommitCadence::default();
        let mut now = Instant::now();
        for (commits, pause, work) in groups {
            let taken = now + *pause;
            now = taken + *work;
            cadence.acknowledged(*commits, taken, now);
        }
        let spins = cadence.take_spin();
        assert!(!cadence.take_spin(), "one commit at a time");
        spins
    }

    #[test]
    fn cadence_allows_spin_after_quick_lone_commits_only() {
        let quick = (1, QUICK, QUICK);
        assert!(!spins_after(&[]));
        assert!(!spins_after(&[quick]), "there was none before it");
        assert!(spins_after(&[quick, quick]));
        assert!(!spins_after(&[quick, (1, SLOW, QUICK)]), "it came late");
        assert!(!spins_after(&[quick, (1, QUICK, SLOW)]), "the disk is slow");
        assert!(
            !spins_after(&[quick, (2, QUICK, QUICK)]),
            "it was not alone"
        );
        assert!(spins_after(&[quick, (1, SLOW, SLOW), quick]), "quick again");
    }

    #[tokio::test]
    async fn spin_poll_runs_other_tasks_and_gives_up() {
        let (sender, mut receiver) = tokio::sync::oneshot::channel();
        let other = tokio::spawn(async move { sender.send(7) });
        let value = spin_poll(|| receiver.try_recv().ok()).await;
        assert_eq!(value, Some(7));
        assert_eq!(other.await.expect("it ends"), Ok(()));
        let mut polls = 0;
        let nothing: Option<()> = spin_poll(|| {
            polls += 1;
            None
        })
        .await;
        assert_eq!(nothing, None);
        assert!(polls > 1);
    }
}
