//! The sessions of signed-in browsers. They are random, so that none can be computed from the
//! token, and kept by the service, so that signing out ends them. A restart ends all of them.

use crate::web::auth::digest;
use crate::web::http::problem::Problem;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time after which a session ends, used or not: a working day.
pub const LIFETIME: Duration = Duration::from_hours(12);
/// The most sessions that are open at a time; one more ends the oldest.
const MAX: usize = 1_000;

/// The open sessions: when each expires, by the digest of its id. Ids are looked up by digest,
/// because the time of a look-up depends on what is compared.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<[u8; 32], Instant>>);

impl Sessions {
    /// Opens a session and returns its id: 64 hexadecimal digits.
    pub fn open(&self, now: Instant) -> Result<String, Problem> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(Problem::internal)?;
        let id = hex::encode(random);
        let mut sessions = self.lock();
        sessions.retain(|_, expires| *expires > now);
        if sessions.len() >= MAX {
            let oldest = sessions.iter().min_by_key(|(_, expires)| **expires);
            if let Some(oldest) = oldest.map(|(session, _)| *session) {
                sessions.remove(&oldest);
            }
        }
        sessions.insert(digest(&id), now + LIFETIME);
        Ok(id)
    }

    /// Whether the session with this digest is open.
    pub fn is_open(&self, session: &[u8; 32], now: Instant) -> bool {
        let sessions = self.lock();
        sessions.get(session).is_some_and(|expires| *expires > now)
    }

    /// Ends the session with this digest, if it is open.
    pub fn end(&self, session: &[u8; 32]) {
        self.lock().remove(session);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_is_random_and_ends_by_sign_out_or_age() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let [first, second] = [(); 2].map(|()| sessions.open(now).unwrap());
        assert_ne!(first, second);
        let [first, second] = [first, second].map(|id| digest(&id));
        assert!(sessions.is_open(&first, now) && sessions.is_open(&second, now));
        sessions.end(&first);
        assert!(!sessions.is_open(&first, now) && sessions.is_open(&second, now));
        let second_before = now + LIFETIME.saturating_sub(Duration::from_secs(1));
        assert!(sessions.is_open(&second, second_before));
        assert!(!sessions.is_open(&second, now + LIFETIME));
    }

    #[test]
    fn sessions_are_bounded_in_number() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let at = |number: usize| start + Duration::from_millis(number as u64);
        let ids: Vec<_> = (0..=MAX)
            .map(|number| digest(&sessions.open(at(number)).unwrap()))
            .collect();
        let now = at(MAX);
        assert!(!sessions.is_open(&ids[0], now), "the oldest has ended");
        assert!(ids[1..].iter().all(|id| sessions.is_open(id, now)));
    }
}
