//! Waiting awake for what is about to come.
//!
//! The log has one writer, and a sync blocks, so the writer has a thread of its own. To wake that
//! thread for a commit, and then the task for its answer, takes about as long as half the commit. Under
//! load nobody sleeps; but where commits come one at a time, each on the heels of the last answer,
//! both sides would fall asleep before each other's news. There they stay awake instead: never
//! longer than [`LIMIT`], and only while it has just paid.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long anybody waits awake; and commits that take longer, or come later than this after the last
/// answer, are not worth it.
const LIMIT: Duration = Duration::from_micros(500);

/// Asks until there is an answer, for [`LIMIT`] at the most.
pub(super) fn until_some<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    turns().find_map(|()| ask())
}

/// The same for a task: the other tasks of its thread go on in between.
pub(super) async fn until_some_among_tasks<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    for () in turns() {
        let answer = ask();
        if answer.is_some() {
            return answer;
        }
        tokio::task::yield_now().await;
    }
    None
}

/// The turns of whoever waits awake, the first at once and none after [`LIMIT`]. Before each further
/// one other threads may have the processor.
fn turns() -> impl Iterator<Item = ()> {
    let begun = Instant::now();
    let further = move || (begun.elapsed() <= LIMIT).then(std::thread::yield_now);
    std::iter::once(()).chain(std::iter::from_fn(further))
}

/// Whether the writer waits awake for the next commit, whose answer is near then.
#[derive(Debug, Default)]
pub(super) struct Awake(AtomicBool);

impl Awake {
    pub(super) fn set(&self, awake: bool) {
        // A hint: nothing else is read by it.
        self.0.store(awake, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How the groups of commits follow each other.
#[derive(Debug, Default)]
pub(super) struct Succession {
    last_answered: Option<Instant>,
    quick: bool,
}

impl Succession {
    /// A group of so many `commits` came and was answered.
    pub(super) fn answered(&mut self, commits: usize, came: Instant, answered: Instant) {
        let followed = self
            .last_answered
            .is_some_and(|last| came.saturating_duration_since(last) <= LIMIT);
        self.quick = commits == 1 && followed && answered.duration_since(came) <= LIMIT;
        self.last_answered = Some(answered);
    }

    /// Whether the next commit, and then its answer, may be expected within [`LIMIT`].
    pub(super) fn is_quick(&self) -> bool {
        self.quick
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_micros(200);
    const SLOW: Duration = Duration::from_millis(1);

    /// Whether the last of these groups makes it quick: commits, time since the last answer, and
    /// time to the answer.
    fn is_quick(groups: &[(usize, Duration, Duration)]) -> bool {
        let mut succession = Succession::default();
        let mut now = Instant::now();
        for (commits, pause, work) in groups {
            let came = now + *pause;
            now = came + *work;
            succession.answered(*commits, came, now);
        }
        succession.is_quick()
    }

    #[test]
    fn only_single_quick_commits_on_the_heels_of_the_last_answer_are_waited_for_awake() {
        let quick = (1, QUICK, QUICK);
        assert!(!is_quick(&[]));
        assert!(!is_quick(&[quick]), "nothing came before it");
        assert!(is_quick(&[quick, quick]));
        assert!(!is_quick(&[quick, (1, SLOW, QUICK)]), "it came late");
        assert!(!is_quick(&[quick, (1, QUICK, SLOW)]), "the disk is slow");
        assert!(
            !is_quick(&[quick, (2, QUICK, QUICK)]),
            "others came with it"
        );
        assert!(is_quick(&[quick, (1, SLOW, SLOW), quick]), "it is again");
    }

    #[test]
    fn nobody_waits_awake_for_what_does_not_come() {
        let mut asked = 0;
        let nothing: Option<()> = until_some(|| {
            asked += 1;
            None
        });
        assert_eq!(nothing, None);
        assert!(asked > 1);
        assert_eq!(until_some(|| Some(7)), Some(7));
    }

    #[tokio::test]
    async fn a_task_that_waits_awake_lets_the_others_of_its_thread_go_on() {
        let (sender, mut receiver) = tokio::sync::oneshot::channel();
        let other = tokio::spawn(async move { sender.send(7) });
        let answer = until_some_among_tasks(|| receiver.try_recv().ok()).await;
        assert_eq!(answer, Some(7));
        assert_eq!(other.await.expect("it ends"), Ok(()));
        let nothing: Option<()> = until_some_among_tasks(|| None).await;
        assert_eq!(nothing, None);
    }
}
