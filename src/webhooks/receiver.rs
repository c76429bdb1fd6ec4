//! What the deliverer knows about a receiver: whether it answers at all, and until when to wait.
//!
//! A receiver that is down must not park every cart, so its failures are kept apart from those of
//! one event: while no cart gets through, one delivery at a time probes it, and none counts as the
//! event's own failure.

use super::client::{Blame, Failure};
use crate::backoff::backoff;
use fastrand::Rng;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The wait of a receiver that wants no more events.
const GONE: Duration = Duration::from_hours(1);

/// The health of a receiver.
#[derive(Debug, Default)]
pub struct ReceiverHealth {
    /// Deliveries so far. A cart that fails while this grows has itself to blame.
    delivered: u64,
    /// The cart of the last failure, if nothing was delivered since.
    last_failed: Option<Uuid>,
    /// Failures since the last delivery, counted once several carts have failed.
    failures: u32,
    /// No attempt before this time.
    paused_until: Option<Instant>,
    last_error: Option<String>,
}

impl ReceiverHealth {
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Whether several carts in a row have failed, so that one delivery at a time is enough.
    pub fn is_down(&self) -> bool {
        self.failures > 0
    }

    /// When the next attempt may be made, if not at once.
    pub fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// Notes a delivery. Returns whether the receiver was down.
    pub fn record_delivery(&mut self) -> bool {
        let was_down = self.is_down();
        *self = ReceiverHealth {
            delivered: self.delivered + 1,
            ..ReceiverHealth::default()
        };
        was_down
    }

    /// Notes a failure of `cart`.
    pub fn record_failure(&mut self, cart: Uuid, failure: &Failure, now: Instant, rng: &mut Rng) {
        self.last_error = Some(failure.reason.clone());
        if failure.blame == Blame::Event {
            // It is there, and answers.
            (self.failures, self.last_failed, self.paused_until) = (0, None, None);
            return;
        }
        let is_other = self.last_failed.is_some_and(|last| last != cart);
        if is_other || self.is_down() || failure.blame == Blame::Gone {
            self.failures = self.failures.saturating_add(1);
        }
        self.last_failed = Some(cart);
        let asked = failure.retry_after;
        let wait = match failure.blame {
            Blame::Gone => Some(GONE),
            Blame::Event | Blame::Receiver if self.is_down() => {
                Some(backoff(self.failures, rng).max(asked.unwrap_or_default()))
            }
            Blame::Event | Blame::Receiver => asked,
        };
        if let Some(wait) = wait {
            self.paused_until = self.paused_until.max(Some(now + wait));
        }
    }

    /// Ends a pause, on the operator's request.
    pub fn resume(&mut self) {
        self.paused_until = None;
    }
}
