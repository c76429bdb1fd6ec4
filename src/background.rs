//! Owned background threads: the owner stops the work, and is notified when it ends unexpectedly.

use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A background thread, or none where there is nothing to do.
#[derive(Debug)]
pub struct Background(Option<Running>);

/// A thread, and the channel that reports how it ended.
#[derive(Debug)]
struct Running {
    name: &'static str,
    thread: JoinHandle<()>,
    ended: oneshot::Receiver<Result<(), String>>,
}

/// A background thread failed or panicked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} thread failed: {reason}")]
pub struct BackgroundFailed {
    pub name: &'static str,
    pub reason: String,
}

impl Background {
    /// No thread: it never ends, and a join does not wait.
    pub fn none() -> Background {
        Background(None)
    }

    /// Starts `work` on a thread called `name`.
    pub fn spawn(
        name: &'static str,
        work: impl FnOnce() -> Result<(), String> + Send + 'static,
    ) -> std::io::Result<Background> {
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                // If the receiver is gone, the owner is no longer interested.
                let _ = end.send(work());
            })?;
        Ok(Background(Some(Running {
            name,
            thread,
            ended,
        })))
    }

    /// Starts `work` on a low-priority thread, which yields to the threads that serve requests: on
    /// a machine with all cores busy it gets about a quarter of one.
    pub fn spawn_yielding(
        name: &'static str,
        work: impl FnOnce() -> Result<(), String> + Send + 'static,
    ) -> std::io::Result<Background> {
        const NICE: i32 = 5;
        Background::spawn(name, move || {
            // On Linux niceness belongs to the thread, and its child threads inherit it.
            if let Err(error) = rustix::process::nice(NICE) {
                tracing::warn!(name, %error, "cannot lower the priority of a background thread");
            }
            work()
        })
    }

    /// Waits until the work ends. Cancel safe: it can be dropped and called again. Once it has
    /// resolved, only [`Background::join`] may follow.
    pub async fn ended(&mut self) -> Result<(), BackgroundFailed> {
        let Some(Running { name, ended, .. }) = &mut self.0 else {
            return std::future::pending().await;
        };
        let outcome = match ended.await {
            Ok(outcome) => outcome,
            Err(_) => Err("it panicked".to_owned()),
        };
        outcome.map_err(|reason| BackgroundFailed { name, reason })
    }

    /// Waits for the thread, which has ended or is about to.
    pub fn join(self) {
        if let Some(running) = self.0 {
            // `ended` and the panic hook have reported a panic already.
            let _ = running.thread.join();
        }
    }
}
