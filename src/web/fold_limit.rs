//! The limit on folds of carts' histories at once. Each holds a page of events and takes processor
//! time, so further ones wait, and are refused after a second: a queue without bound would grow
//! faster than it is served.

use crate::web::http::problem::{Kind, Problem};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Folds at once for each core: while one reads from the log, another one can decode.
const PER_CORE: usize = 2;
/// How long a fold waits for its turn.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// Seconds after which a refused client may retry.
const RETRY_AFTER: u64 = 1;

/// Leave to fold, until it is dropped.
#[derive(Debug)]
pub struct FoldTurn<'a>(#[expect(dead_code, reason = "held for its drop")] SemaphorePermit<'a>);

/// The turns of folds.
#[derive(Debug)]
pub struct FoldLimit {
    turns: Semaphore,
    max_wait: Duration,
}

impl Default for FoldLimit {
    fn default() -> FoldLimit {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        FoldLimit::new(cores * PER_CORE, MAX_WAIT)
    }
}

impl FoldLimit {
    fn new(turns: usize, max_wait: Duration) -> FoldLimit {
        FoldLimit {
            turns: Semaphore::new(turns),
            max_wait,
        }
    }

    /// Waits for a turn.
    pub async fn turn(&self) -> Result<FoldTurn<'_>, Problem> {
        match tokio::time::timeout(self.max_wait, self.turns.acquire()).await {
            Ok(turn) => turn.map(FoldTurn).map_err(Problem::internal),
            Err(_) => Err(Problem::new(
                Kind::Overloaded,
                "Too many histories of carts are being read. Retry later.",
            )
            .retry_after(RETRY_AFTER)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn fold_is_refused_after_waiting_for_a_turn() {
        let limit = FoldLimit::new(1, Duration::ZERO);
        let turn = limit.turn().await.unwrap();
        let refused = limit.turn().await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Overloaded);
        drop(turn);
        assert!(limit.turn().await.is_ok());
    }
}
