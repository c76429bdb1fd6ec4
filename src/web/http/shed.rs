//! Load shedding: what is refused because a limit is reached.
//!
//! A client can cause any number of refusals, so they are counted in a metric, and the log gets at
//! most one line a minute for each limit.

use prometheus::{IntCounterVec, Opts, Registry};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time between two lines in the log about the same limit.
const LOG_INTERVAL: Duration = Duration::from_mins(1);

/// Which limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The queue of commands, the number of live streams, or of costly reads at once.
    Service,
    /// The number of connections of one client.
    ClientConnections,
}

/// Counts and logs refusals.
pub struct ShedMeter {
    refused: IntCounterVec,
    service: Mutex<LogThrottle>,
    client_connections: Mutex<LogThrottle>,
}

impl ShedMeter {
    /// Adds the counter to `registry`.
    pub fn register_in(registry: &Registry) -> prometheus::Result<ShedMeter> {
        let refused = IntCounterVec::new(
            Opts::new(
                "cartlog_refused_total",
                "Number of requests and connections refused because a limit was reached.",
            ),
            &["limit"],
        )?;
        for limit in [Limit::Service, Limit::ClientConnections] {
            // A counter exists before the first refusal, so that an alert sees it rise from 0.
            refused.with_label_values(&[limit.label()]);
        }
        registry.register(Box::new(refused.clone()))?;
        Ok(ShedMeter {
            refused,
            service: Mutex::default(),
            client_connections: Mutex::default(),
        })
    }

    /// Counts a refusal.
    pub fn count(&self, limit: Limit) {
        self.refused.with_label_values(&[limit.label()]).inc();
        let throttle = match limit {
            Limit::Service => &self.service,
            Limit::ClientConnections => &self.client_connections,
        };
        let mut throttle = throttle.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(refused) = throttle.count(Instant::now()) else {
            return;
        };
        drop(throttle);
        match limit {
            Limit::Service => tracing::warn!(
                refused,
                "requests refused since the last such line: commands in the queue (log.queue), \
                 live streams (server.live_streams) or costly reads are at their limit"
            ),
            Limit::ClientConnections => tracing::warn!(
                refused,
                "connections refused since the last such line: a client has \
                 server.connections_per_client open"
            ),
        }
    }
}

impl Limit {
    fn label(self) -> &'static str {
        match self {
            Limit::Service => "service",
            Limit::ClientConnections => "client_connections",
        }
    }
}

/// What was refused since the last line in the log.
#[derive(Debug, Default)]
struct LogThrottle {
    refused: u64,
    logged_at: Option<Instant>,
}

impl LogThrottle {
    /// Counts a refusal at `now`; the number to log, if a line is due.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.refused += 1;
        let is_due = self
            .logged_at
            .is_none_or(|logged_at| now.duration_since(logged_at) >= LOG_INTERVAL);
        is_due.then(|| {
            self.logged_at = Some(now);
            std::mem::take(&mut self.refused)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_logged_once_a_minute_with_their_number() {
        let mut throttle = LogThrottle::default();
        let start = Instant::now();
        let lines: Vec<u64> = (0..200)
            .filter_map(|second| throttle.count(start + Duration::from_secs(second)))
            .collect();
        assert_eq!(lines, [1, 60, 60, 60]);
    }
}
