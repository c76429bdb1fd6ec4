//! How slowly a client may read a download, which holds what only one request can have at a time.

use std::time::{Duration, Instant};

/// The least average rate, in bytes per second.
const LEAST_RATE: u64 = 128 * 1_024;
/// The time that every download may take.
const ALLOWANCE: Duration = Duration::from_mins(1);

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
