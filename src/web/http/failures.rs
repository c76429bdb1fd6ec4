//! The requests that failed lately, kept in memory for the operator.

use crate::timestamp::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many are kept: the newest.
const KEPT: usize = 100;

/// A request that was answered with 5xx, other than for a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "FailedRequest")]
pub struct FailedRequest {
    pub at: Timestamp,
    pub method: String,
    /// Without its query, which may contain secrets.
    pub path: String,
    pub status: u16,
    /// The id in the response and in the request log.
    pub trace_id: String,
    /// What the request log says and the client does not get.
    pub cause: Option<String>,
}

/// The requests that failed lately.
#[derive(Debug, Default)]
pub struct RecentFailures(Mutex<VecDeque<FailedRequest>>);

impl RecentFailures {
    pub fn add(&self, failed: FailedRequest) {
        let mut kept = self.kept();
        kept.push_front(failed);
        kept.truncate(KEPT);
    }

    /// The newest first.
    pub fn list(&self) -> Vec<FailedRequest> {
        self.kept().iter().cloned().collect()
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<FailedRequest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_failures_are_kept() {
        let failures = RecentFailures::default();
        for number in 0..150 {
            failures.add(FailedRequest {
                at: Timestamp::from_millis(number),
                method: "GET".to_owned(),
                path: "/api/carts".to_owned(),
                status: 503,
                trace_id: number.to_string(),
                cause: None,
            });
        }
        let kept = failures.list();
        assert_eq!(kept.len(), KEPT);
        assert_eq!((&*kept[0].trace_id, &*kept[99].trace_id), ("149", "50"));
    }
}
