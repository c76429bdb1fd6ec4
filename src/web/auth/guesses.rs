//! The limit on guesses of the operator's token: a few wrong tokens per client address, then none
//! is compared for a while, not even the right one, since a response would tell it apart.
//!
//! Failures are counted in a metric. They are logged at most once in [`LOG_INTERVAL`], because
//! clients must not fill the operator's log.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};
use quick_cache::unsync::Cache;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong tokens that an address may send at once.
pub const BURST: u32 = 10;
/// The time after which it may send another one.
const REFILL: Duration = Duration::from_secs(6);
/// Addresses that are remembered.
const MAX_CLIENTS: usize = 10_000;
/// The time between two lines in the log.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The wrong tokens of each client address.
pub struct GuessLimit {
    state: Mutex<State>,
    wrong: IntCounter,
    limited: IntCounter,
    failures: IntCounterVec,
}

struct State {
    /// When the client may send a whole burst again (GCRA), for each that has sent a wrong token.
    full_at: Cache<IpAddr, Instant>,
    logged_at: Option<Instant>,
    /// Failures since the last line in the log.
    unlogged: u64,
}

/// What became of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    Right,
    Wrong,
    /// The token was not compared; another one may be sent after this time.
    Limited(Duration),
}

impl GuessLimit {
    pub fn new() -> GuessLimit {
        let failures = IntCounterVec::new(
            Opts::new(
                "cartlog_operator_auth_failures_total",
                "Requests with a wrong operator token by outcome; limited: refused without a \
                 comparison, because the address had sent too many.",
            ),
            &["outcome"],
        )
        .expect("a name of letters and underscores");
        GuessLimit {
            state: Mutex::new(State {
                full_at: Cache::new(MAX_CLIENTS),
                logged_at: None,
                unlogged: 0,
            }),
            wrong: failures.with_label_values(&["wrong_token"]),
            limited: failures.with_label_values(&["limited"]),
            failures,
        }
    }

    /// Registers the counters of failures.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.failures.clone()))
    }

    /// Counts a token of `client`, which `is_right` or not.
    pub fn check(&self, client: IpAddr, is_right: bool, now: Instant) -> Guess {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = state.full_at.get(&client).map_or(now, |at| now.max(*at));
        let outcome = match (full_at + REFILL).checked_duration_since(now + BURST * REFILL) {
            Some(wait) if !wait.is_zero() => Guess::Limited(wait),
            Some(_) | None if is_right => return Guess::Right,
            Some(_) | None => {
                state.full_at.insert(client, full_at + REFILL);
                Guess::Wrong
            }
        };
        match outcome {
            Guess::Limited(_) => self.limited.inc(),
            Guess::Right | Guess::Wrong => self.wrong.inc(),
        }
        state.log(client, now);
        outcome
    }
}

impl State {
    fn log(&mut self, client: IpAddr, now: Instant) {
        self.unlogged += 1;
        let is_due = |at: Instant| now.duration_since(at) >= LOG_INTERVAL;
        if self.logged_at.is_none_or(is_due) {
            let failures = self.unlogged;
            tracing::warn!(%client, failures, "operator authentication failed: wrong token");
            self.logged_at = Some(now);
            self.unlogged = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn guesses_beyond_a_burst_are_not_compared() {
        let (limit, now) = (GuessLimit::new(), Instant::now());
        assert_eq!(limit.check(CLIENT, true, now), Guess::Right);
        for _ in 0..BURST {
            assert_eq!(limit.check(CLIENT, false, now), Guess::Wrong);
        }
        for is_right in [false, true] {
            let limited = limit.check(CLIENT, is_right, now);
            assert_eq!(limited, Guess::Limited(REFILL));
        }
        let other = IpAddr::from([192, 0, 2, 2]);
        assert_eq!(limit.check(other, true, now), Guess::Right);

        let later = now + REFILL;
        assert_eq!(limit.check(CLIENT, true, later), Guess::Right);
        assert_eq!(limit.check(CLIENT, false, later), Guess::Wrong);
        assert_eq!(limit.check(CLIENT, true, later), Guess::Limited(REFILL));
        let much_later = now + BURST * REFILL * 2;
        for _ in 0..BURST {
            assert_eq!(limit.check(CLIENT, false, much_later), Guess::Wrong);
        }
    }

    #[test]
    fn right_tokens_are_not_limited() {
        let (limit, now) = (GuessLimit::new(), Instant::now());
        for _ in 0..1_000 {
            assert_eq!(limit.check(CLIENT, true, now), Guess::Right);
        }
    }

    #[test]
    fn remembered_addresses_are_bounded() {
        let (limit, now) = (GuessLimit::new(), Instant::now());
        for number in 0..3 * MAX_CLIENTS as u32 {
            limit.check(IpAddr::from(number.to_be_bytes()), false, now);
        }
        let state = limit.state.lock().unwrap();
        assert!(state.full_at.len() <= MAX_CLIENTS);
    }
}
