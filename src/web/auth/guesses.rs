//! The limit on guesses of a token: a few wrong tokens per client address, then none is compared
//! for a while, not even the right one, since a response would tell it apart.
//!
//! Failures are counted in a metric. They are logged at most once in [`LOG_INTERVAL`], because
//! clients must not fill the operator's log.

use crate::web::http::client::{client_address, network};
use crate::web::http::problem::{Kind, Problem};
use actix_web::HttpRequest;
use prometheus::{IntCounter, IntCounterVec, Opts, Registry};
use quick_cache::unsync::Cache;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

/// Wrong tokens that an address may send at once.
const BURST: u32 = 10;
/// The time after which it may send another one.
const REFILL: Duration = Duration::from_secs(6);
/// Addresses that are remembered.
const MAX_CLIENTS: usize = 10_000;
/// The time between two lines in the log.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The wrong tokens of each client address.
pub struct GuessLimit {
    /// Who has the token.
    owner: &'static str,
    behind_proxy: bool,
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
enum Guess {
    Right,
    Wrong,
    /// The token was not compared; another one may be sent after this time.
    Limited(Duration),
}

impl GuessLimit {
    /// A limit for the token of `owner`. `behind_proxy`, clients are those that the proxy names.
    pub fn new(owner: &'static str, behind_proxy: bool) -> GuessLimit {
        let failures = IntCounterVec::new(
            Opts::new(
                format!("cartlog_{owner}_auth_failures_total"),
                format!(
                    "Requests with a wrong {owner} token by outcome; limited: refused without a \
                     comparison, because the address had sent too many."
                ),
            ),
            &["outcome"],
        )
        .expect("a name of letters and underscores");
        GuessLimit {
            owner,
            behind_proxy,
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

    /// Whether the token of `request`, whose digest is `sent`, is the one with the digest `token`;
    /// a problem if the client may not ask now.
    pub fn compare(
        &self,
        request: &HttpRequest,
        sent: [u8; 32],
        token: [u8; 32],
    ) -> Result<bool, Problem> {
        let client = client_address(request.head(), self.behind_proxy);
        let client = client.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), network);
        let is_right = sent.ct_eq(&token).into();
        match self.check(client, is_right, Instant::now()) {
            Guess::Right => Ok(true),
            Guess::Wrong => Ok(false),
            Guess::Limited(wait) => {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Err(Problem::new(
                    Kind::TooManyGuesses,
                    format!(
                        "Too many wrong {} tokens from your address. Retry in {seconds} s.",
                        self.owner
                    ),
                )
                .with("max", BURST)
                .retry_after(seconds))
            }
        }
    }

    /// Counts a token of `client`, which `is_right` or not.
    fn check(&self, client: IpAddr, is_right: bool, now: Instant) -> Guess {
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
        state.log(self.owner, client, now);
        outcome
    }
}

impl State {
    fn log(&mut self, owner: &str, client: IpAddr, now: Instant) {
        self.unlogged += 1;
        let is_due = |at: Instant| now.duration_since(at) >= LOG_INTERVAL;
        if self.logged_at.is_none_or(is_due) {
            let failures = self.unlogged;
            tracing::warn!(%client, failures, "{owner} authentication failed: wrong token");
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
        let (limit, now) = (GuessLimit::new("operator", false), Instant::now());
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
        let (limit, now) = (GuessLimit::new("operator", false), Instant::now());
        for _ in 0..1_000 {
            assert_eq!(limit.check(CLIENT, true, now), Guess::Right);
        }
    }

    #[test]
    fn remembered_addresses_are_bounded() {
        let (limit, now) = (GuessLimit::new("operator", false), Instant::now());
        for number in 0..3 * MAX_CLIENTS as u32 {
            limit.check(IpAddr::from(number.to_be_bytes()), false, now);
        }
        let state = limit.state.lock().unwrap();
        assert!(state.full_at.len() <= MAX_CLIENTS);
    }
}
