//! One barrier of the engine serves everybody who waits for one.

use super::sequencer::{Sequence, Sequencer};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// The least time between two barriers. More of them would slow the engine's writers down.
const APART: Duration = Duration::from_millis(1);

type Answer = Result<Sequence, String>;

/// Requests barriers.
#[derive(Debug, Clone)]
pub(super) struct Barriers(mpsc::Sender<oneshot::Sender<Answer>>);

impl Barriers {
    /// A handle for requests, of which so many may wait; and what [`answer`] takes.
    pub(super) fn bounded(requests: usize) -> (Barriers, mpsc::Receiver<oneshot::Sender<Answer>>) {
        let (send, receive) = mpsc::channel(requests);
        (Barriers(send), receive)
    }

    /// A sequence that covers everything that was acknowledged before the call.
    pub(super) async fn next(&self) -> Answer {
        let (send, answer) = oneshot::channel();
        let closed = |()| "the log is closed".to_owned();
        self.0.send(send).await.map_err(|_| closed(()))?;
        answer.await.map_err(|_| closed(()))?
    }
}

/// Answers requests until all senders are dropped.
pub(super) async fn answer(
    sequencer: Arc<dyn Sequencer>,
    mut requests: mpsc::Receiver<oneshot::Sender<Answer>>,
) {
    let mut waiting = Vec::new();
    let mut last: Option<Instant> = None;
    while let Some(first) = requests.recv().await {
        if let Some(last) = last {
            tokio::time::sleep_until(last + APART).await;
        }
        waiting.push(first);
        while let Ok(next) = requests.try_recv() {
            waiting.push(next);
        }
        last = Some(Instant::now());
        let answer = sequencer.barrier().await.map_err(|error| error.to_string());
        for waiting in waiting.drain(..) {
            // Fails if the request was given up.
            let _ = waiting.send(answer.clone());
        }
    }
}
