//! The appends of an adapter one after the other, of which the next one serves as a barrier.

use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a barrier waits for the next group once the one before has ended. A call of its own
/// would cost the groups as much time as one of them.
const NEXT_GROUP: Duration = Duration::from_millis(1);

#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    begun: u64,
    ended: u64,
    /// The last round that succeeded, and what it reached.
    succeeded: u64,
    reached: u64,
}

/// Counts rounds, which never overlap.
#[derive(Debug, Default)]
pub(in crate::log) struct Rounds(watch::Sender<Progress>);

/// A round that runs. It has failed if it is dropped before its end.
pub(in crate::log) struct Round<'a>(&'a Rounds);

impl Rounds {
    pub fn begin(&self) -> Round<'_> {
        self.0.send_modify(|progress| progress.begun += 1);
        Round(self)
    }

    /// What the next round reaches, if one runs now and another one follows it at once.
    pub async fn next(&self) -> Option<u64> {
        let mut progress = self.0.subscribe();
        let Progress { begun, ended, .. } = *progress.borrow_and_update();
        if begun == ended {
            return None;
        }
        let next = begun + 1;
        progress.wait_for(|now| now.ended >= begun).await.ok()?;
        let follows = timeout(NEXT_GROUP, progress.wait_for(|now| now.begun >= next)).await;
        follows.ok()?.ok()?;
        let ended = progress.wait_for(|now| now.ended >= next).await.ok()?;
        (ended.succeeded >= next).then_some(ended.reached)
    }
}

impl Round<'_> {
    pub fn end(self, reached: u64) {
        self.0.0.send_modify(|progress| {
            progress.succeeded = progress.begun;
            progress.reached = reached;
        });
    }
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        self.0
            .0
            .send_modify(|progress| progress.ended = progress.begun);
    }
}

/// Raises `known` to `reached` and returns whether that changed it.
pub(in crate::log) fn raise(known: &mut u64, reached: u64) -> bool {
    let rises = reached > *known;
    if rises {
        *known = reached;
    }
    rises
}
