//! Limits on downloads: one of a kind runs at a time, so that a client may not read it too slowly.

use crate::web::http::problem::{Kind, Problem};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Seconds after which a refused client may retry.
pub const RETRY_AFTER: u64 = 10;

/// The least average rate, in bytes per second.
const LEAST_RATE: u64 = 128 * 1_024;
/// The time that every download may take.
const ALLOWANCE: Duration = Duration::from_mins(1);

/// The turn of one kind of download.
#[derive(Debug)]
pub struct DownloadTurn {
    turn: Arc<Semaphore>,
    /// The problem of a client that comes while another one has it.
    taken: &'static str,
}

impl DownloadTurn {
    pub fn new(taken: &'static str) -> DownloadTurn {
        DownloadTurn {
            turn: Arc::new(Semaphore::new(1)),
            taken,
        }
    }

    /// Takes the turn until the permit is dropped.
    pub fn take(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let turn = self.turn.clone().try_acquire_owned();
        turn.map_err(|_| Problem::new(Kind::Overloaded, self.taken).retry_after(RETRY_AFTER))
    }
}

/// A client reads a download too slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client reads less than {} KiB/s", LEAST_RATE / 1_024)]
pub struct TooSlow;

/// How much of a download was read, and since when.
#[derive(Debug)]
pub struct DownloadPace {
    begun: Instant,
    read: u64,
}

impl DownloadPace {
    pub fn beginning(now: Instant) -> DownloadPace {
        DownloadPace {
            begun: now,
            read: 0,
        }
    }

    /// The client wants what comes after `read` bytes more; fails if that took too long.
    pub fn advance(&mut self, read: u64, now: Instant) -> Result<(), TooSlow> {
        self.read += read;
        let allowed = ALLOWANCE + Duration::from_secs(self.read / LEAST_RATE);
        if now.duration_since(self.begun) > allowed {
            return Err(TooSlow);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_download_ends_and_steady_one_goes_on() {
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let mut steady = DownloadPace::beginning(begun);
        for minute in 1..=60 {
            let read = steady.advance(60 * LEAST_RATE, after(60 * minute));
            assert_eq!(read, Ok(()), "{minute}");
        }
        let mut slow = DownloadPace::beginning(begun);
        let half = 30 * LEAST_RATE;
        assert_eq!(slow.advance(half, after(60)), Ok(()));
        assert_eq!(slow.advance(half, after(120)), Ok(()));
        assert_eq!(slow.advance(half, after(180)), Err(TooSlow));
        // Also one that reads nothing.
        let mut stalled = DownloadPace::beginning(begun);
        assert_eq!(stalled.advance(0, after(61)), Err(TooSlow));
    }
}
