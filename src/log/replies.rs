//! How the writer acknowledges commits to the tasks that wait for them.
//!
//! Waking a task of another thread is a system call, and a group has a few hundred waiting tasks on
//! a few worker threads. So the outcomes of a group go to one queue per worker thread with one
//! wake-up each, and a task on that thread dispatches them without further system calls.

use crate::log::{AppendError, Appended};
use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::{self, Handle, RuntimeFlavor};
use tokio::sync::{Notify, oneshot};

pub(super) type Outcome = Result<Appended, AppendError>;
type Sender = oneshot::Sender<Outcome>;
/// An outcome, and the channel to the task that waits for it.
type Delivery = (Sender, Outcome);

/// Delivers the outcome of a commit to the task that waits for it.
pub(super) struct Reply {
    sender: Sender,
    queue: Option<Arc<ReplyQueue>>,
}

impl Reply {
    /// A reply through the queue of this thread, and its receiver.
    pub(super) fn new() -> (Reply, oneshot::Receiver<Outcome>) {
        Reply::through(ReplyQueue::of_this_thread())
    }

    /// A reply past the queue, to a task that polls for it.
    pub(super) fn direct() -> (Reply, oneshot::Receiver<Outcome>) {
        Reply::through(None)
    }

    fn through(queue: Option<Arc<ReplyQueue>>) -> (Reply, oneshot::Receiver<Outcome>) {
        let (sender, receiver) = oneshot::channel();
        (Reply { sender, queue }, receiver)
    }
}

/// Delivers each outcome.
pub(super) fn deliver(outcomes: impl IntoIterator<Item = (Reply, Outcome)>) {
    let mut queues: Vec<(Arc<ReplyQueue>, Vec<Delivery>)> = Vec::new();
    for (Reply { sender, queue }, outcome) in outcomes {
        let Some(queue) = queue else {
            dispatch([(sender, outcome)]);
            continue;
        };
        match queues.iter_mut().find(|(own, _)| Arc::ptr_eq(own, &queue)) {
            Some((_, deliveries)) => deliveries.push((sender, outcome)),
            None => queues.push((queue, vec![(sender, outcome)])),
        }
    }
    for (queue, deliveries) in queues {
        queue.put(deliveries);
    }
}

fn dispatch(deliveries: impl IntoIterator<Item = Delivery>) {
    for (sender, outcome) in deliveries {
        // Fails if the task was dropped, which then needs no outcome.
        let _ = sender.send(outcome);
    }
}

thread_local! {
    static QUEUE: RefCell<Option<(runtime::Id, Arc<ReplyQueue>)>> = const { RefCell::new(None) };
}

/// The outcomes for the tasks of one runtime.
#[derive(Debug)]
struct ReplyQueue {
    /// `None` once its dispatcher has ended.
    deliveries: Mutex<Option<Vec<Delivery>>>,
    added: Notify,
}

impl ReplyQueue {
    /// The queue of the runtime on this thread; none if its tasks may run on other threads.
    fn of_this_thread() -> Option<Arc<ReplyQueue>> {
        let runtime = Handle::try_current().ok()?;
        if runtime.runtime_flavor() != RuntimeFlavor::CurrentThread {
            return None;
        }
        QUEUE.with_borrow_mut(|known| match known {
            Some((id, queue)) if *id == runtime.id() && queue.is_open() => Some(queue.clone()),
            _ => {
                let queue = Arc::new(ReplyQueue {
                    deliveries: Mutex::new(Some(Vec::new())),
                    added: Notify::new(),
                });
                runtime.spawn(ReplyDispatcher(queue.clone()).dispatch());
                *known = Some((runtime.id(), queue.clone()));
                Some(queue)
            }
        })
    }

    fn put(&self, deliveries: Vec<Delivery>) {
        match &mut *self.lock() {
            Some(queued) => queued.extend(deliveries),
            None => dispatch(deliveries),
        }
        self.added.notify_one();
    }

    fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Delivery>>> {
        // No panic can occur in the middle of a change.
        self.deliveries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Dispatches the outcomes in a queue until the runtime ends.
struct ReplyDispatcher(Arc<ReplyQueue>);

impl ReplyDispatcher {
    async fn dispatch(self) {
        loop {
            self.0.added.notified().await;
            let deliveries = self.0.lock().as_mut().map(std::mem::take);
            dispatch(deliveries.into_iter().flatten());
        }
    }
}

impl Drop for ReplyDispatcher {
    fn drop(&mut self) {
        let left = self.0.lock().take();
        dispatch(left.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Position;

    fn runtime() -> runtime::Runtime {
        runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime starts")
    }

    fn appended(position: u64) -> Appended {
        Appended {
            position: Position(position),
            group: 1,
        }
    }

    #[test]
    fn each_task_gets_its_own_outcome_across_threads() {
        let tasks: Vec<_> = [1, 2]
            .map(|thread| {
                std::thread::spawn(move || {
                    runtime().block_on(async {
                        let waiting = (0..100).map(|task| {
                            let (reply, receiver) = Reply::new();
                            ((reply, Ok(appended(thread * 1_000 + task))), receiver)
                        });
                        let (outcomes, waiting): (Vec<_>, Vec<_>) = waiting.unzip();
                        let delivering = std::thread::spawn(move || deliver(outcomes));
                        for (task, receiver) in (0..).zip(waiting) {
                            let outcome = receiver.await.expect("an outcome");
                            assert_eq!(outcome, Ok(appended(thread * 1_000 + task)));
                        }
                        delivering.join().expect("all are delivered");
                    });
                })
            })
            .into_iter()
            .collect();
        for task in tasks {
            task.join().expect("the thread ends");
        }
    }

    #[test]
    fn ended_runtime_loses_no_outcome() {
        let first = runtime();
        let (reply, mut first_outcome) = first.block_on(async { Reply::new() });
        let (late, mut late_outcome) = first.block_on(async { Reply::new() });
        // In the queue, and not dispatched when the runtime ends.
        deliver([(reply, Ok(appended(1)))]);
        drop(first);
        deliver([(late, Ok(appended(2)))]);
        assert_eq!(first_outcome.try_recv(), Ok(Ok(appended(1))));
        assert_eq!(late_outcome.try_recv(), Ok(Ok(appended(2))));
        runtime().block_on(async {
            let (reply, waiting) = Reply::new();
            deliver([(reply, Ok(appended(3)))]);
            assert_eq!(
                waiting.await,
                Ok(Ok(appended(3))),
                "the next runtime has its own queue"
            );
        });
    }

    #[test]
    fn reply_outside_a_runtime_is_direct() {
        let (reply, mut waiting) = Reply::new();
        deliver([(reply, Ok(appended(1)))]);
        assert_eq!(waiting.try_recv(), Ok(Ok(appended(1))));
    }
}
