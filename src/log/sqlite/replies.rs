//! How the writer answers those who wait for their commits.
//!
//! To wake a task of another thread is a system call, and a group has a few hundred waiting tasks on as
//! many threads as the service has workers. So answers go to a desk at each thread's runtime, one
//! wake-up a desk and group, and a task there hands them out, which costs nothing on the thread that
//! waits.

use crate::log::{AppendError, Appended};
use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::{self, Handle, RuntimeFlavor};
use tokio::sync::{Notify, oneshot};

pub(super) type Outcome = Result<Appended, AppendError>;
type Sender = oneshot::Sender<Outcome>;
/// An outcome, and who waits for it.
type Answer = (Sender, Outcome);

/// Where the outcome of a commit is waited for.
pub(super) struct Reply {
    sender: Sender,
    desk: Option<Arc<Desk>>,
}

impl Reply {
    /// A reply to the task that asks for it, and what that task waits for.
    pub(super) fn new() -> (Reply, oneshot::Receiver<Outcome>) {
        Reply::by(Desk::of_this_thread())
    }

    /// A reply past the desk, to a task that looks for it itself.
    pub(super) fn straight() -> (Reply, oneshot::Receiver<Outcome>) {
        Reply::by(None)
    }

    fn by(desk: Option<Arc<Desk>>) -> (Reply, oneshot::Receiver<Outcome>) {
        let (sender, receiver) = oneshot::channel();
        (Reply { sender, desk }, receiver)
    }
}

/// Hands each outcome to whoever waits for it.
pub(super) fn answer(outcomes: impl IntoIterator<Item = (Reply, Outcome)>) {
    let mut desks: Vec<(Arc<Desk>, Vec<Answer>)> = Vec::new();
    for (Reply { sender, desk }, outcome) in outcomes {
        let Some(desk) = desk else {
            hand_out([(sender, outcome)]);
            continue;
        };
        match desks.iter_mut().find(|(own, _)| Arc::ptr_eq(own, &desk)) {
            Some((_, answers)) => answers.push((sender, outcome)),
            None => desks.push((desk, vec![(sender, outcome)])),
        }
    }
    for (desk, answers) in desks {
        desk.put(answers);
    }
}

fn hand_out(answers: impl IntoIterator<Item = Answer>) {
    for (sender, outcome) in answers {
        // Whoever has gone meanwhile does not need the answer.
        let _ = sender.send(outcome);
    }
}

thread_local! {
    static DESK: RefCell<Option<(runtime::Id, Arc<Desk>)>> = const { RefCell::new(None) };
}

/// Where the answers for one runtime are put.
#[derive(Debug)]
struct Desk {
    /// `None` once nobody hands them out any more.
    answers: Mutex<Option<Vec<Answer>>>,
    news: Notify,
}

impl Desk {
    /// The desk of the runtime that this thread runs; none where its tasks may run elsewhere.
    fn of_this_thread() -> Option<Arc<Desk>> {
        let runtime = Handle::try_current().ok()?;
        if runtime.runtime_flavor() != RuntimeFlavor::CurrentThread {
            return None;
        }
        DESK.with_borrow_mut(|known| match known {
            Some((id, desk)) if *id == runtime.id() && desk.is_open() => Some(desk.clone()),
            _ => {
                let desk = Arc::new(Desk {
                    answers: Mutex::new(Some(Vec::new())),
                    news: Notify::new(),
                });
                runtime.spawn(Attendant(desk.clone()).hand_out());
                *known = Some((runtime.id(), desk.clone()));
                Some(desk)
            }
        })
    }

    fn put(&self, answers: Vec<Answer>) {
        match &mut *self.lock() {
            Some(there) => there.extend(answers),
            None => hand_out(answers),
        }
        self.news.notify_one();
    }

    fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Answer>>> {
        // Nothing in here panics between two changes.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands out what is put on a desk, until the runtime ends.
struct Attendant(Arc<Desk>);

impl Attendant {
    async fn hand_out(self) {
        loop {
            self.0.news.notified().await;
            let answers = self.0.lock().as_mut().map(std::mem::take);
            hand_out(answers.into_iter().flatten());
        }
    }
}

impl Drop for Attendant {
    fn drop(&mut self) {
        let left = self.0.lock().take();
        hand_out(left.into_iter().flatten());
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
        }
    }

    #[test]
    fn every_task_gets_its_own_answer_from_another_thread() {
        let tasks: Vec<_> = [1, 2]
            .map(|thread| {
                std::thread::spawn(move || {
                    runtime().block_on(async {
                        let waiting = (0..100).map(|task| {
                            let (reply, answer) = Reply::new();
                            ((reply, Ok(appended(thread * 1_000 + task))), answer)
                        });
                        let (outcomes, waiting): (Vec<_>, Vec<_>) = waiting.unzip();
                        let answering = std::thread::spawn(move || answer(outcomes));
                        for (task, answer) in (0..).zip(waiting) {
                            let outcome = answer.await.expect("it is answered");
                            assert_eq!(outcome, Ok(appended(thread * 1_000 + task)));
                        }
                        answering.join().expect("all are answered");
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
    fn a_runtime_that_has_ended_takes_no_answer_with_it() {
        let first = runtime();
        let (reply, mut answer_of_first) = first.block_on(async { Reply::new() });
        let (late, mut late_answer) = first.block_on(async { Reply::new() });
        // On the desk, and not handed out when the runtime ends.
        answer([(reply, Ok(appended(1)))]);
        drop(first);
        answer([(late, Ok(appended(2)))]);
        assert_eq!(answer_of_first.try_recv(), Ok(Ok(appended(1))));
        assert_eq!(late_answer.try_recv(), Ok(Ok(appended(2))));
        runtime().block_on(async {
            let (reply, waiting) = Reply::new();
            answer([(reply, Ok(appended(3)))]);
            assert_eq!(
                waiting.await,
                Ok(Ok(appended(3))),
                "the next runtime has its own desk"
            );
        });
    }

    #[test]
    fn outside_of_a_runtime_the_answer_comes_at_once() {
        let (reply, mut waiting) = Reply::new();
        answer([(reply, Ok(appended(1)))]);
        assert_eq!(waiting.try_recv(), Ok(Ok(appended(1))));
    }
}
