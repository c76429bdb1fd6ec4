//! Waiting for the engine from code that is not asynchronous.

use tokio::runtime::Runtime;

/// Runs `work` on a thread of its own: this one may be inside of a runtime.
pub(super) fn block_on<F: Future>(work: impl FnOnce() -> F + Send) -> F::Output
where
    F::Output: Send,
{
    std::thread::scope(|scope| {
        let running = scope.spawn(|| runtime().block_on(work()));
        running.join().unwrap_or_else(|panic| {
            std::panic::resume_unwind(panic);
        })
    })
}

pub(super) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the operating system gives a runtime what it needs")
}
