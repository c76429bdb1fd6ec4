//! Work on a thread of its own that somebody owns: it ends when its owner says so, and its owner
//! learns when it ends by itself.

use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A running thread and the news of its end.
#[derive(Debug)]
pub struct Background {
    name: &'static str,
    thread: JoinHandle<()>,
    ended: oneshot::Receiver<Result<(), String>>,
}

/// How background work came to an end that nobody asked for, or not the way it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {name} stopped: {reason}")]
pub struct BackgroundFailed {
    pub name: &'static str,
    pub reason: String,
}

impl Background {
    /// Starts `work` on a thread called `name`.
    pub fn spawn(
        name: &'static str,
        work: impl FnOnce() -> Result<(), String> + Send + 'static,
    ) -> std::io::Result<Background> {
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                // Where nobody listens any more, the owner has gone and the outcome with it.
                let _ = end.send(work());
            })?;
        Ok(Background {
            name,
            thread,
            ended,
        })
    }

    /// Starts `work` on a thread that gives way to what serves requests: where all cores are busy,
    /// about a quarter of one is left to it.
    pub fn spawn_yielding(
        name: &'static str,
        work: impl FnOnce() -> Result<(), String> + Send + 'static,
    ) -> std::io::Result<Background> {
        const NICE: i32 = 5;
        Background::spawn(name, move || {
            // Linux keeps this by thread, and hands it on to the threads that this one begins.
            if let Err(error) = rustix::process::nice(NICE) {
                tracing::warn!(name, %error, "a thread does not give way to requests");
            }
            work()
        })
    }

    /// Waits until the work ends, by itself or because it was told to. Can be dropped and called
    /// again; afterwards only [`Background::join`] is left to do.
    pub async fn ended(&mut self) -> Result<(), BackgroundFailed> {
        let outcome = match (&mut self.ended).await {
            Ok(outcome) => outcome,
            Err(_) => Err("it panicked".to_owned()),
        };
        outcome.map_err(|reason| BackgroundFailed {
            name: self.name,
            reason,
        })
    }

    /// Waits for the thread, which has ended or is about to.
    pub fn join(self) {
        // A panic has been reported by `ended` and by the panic hook already.
        let _ = self.thread.join();
    }
}
