//! Requesting rebuilds and following their progress.

use super::difference::Difference;
use crate::jobs::{NotCancelled, Requester};
use crate::log::Position;
use crate::timestamp::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

/// The progress of a rebuild. Positions count as events here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, JsonSchema)]
pub struct RebuildStatus {
    pub state: RebuildState,
    /// `null` if none has run.
    pub requested_by: Option<Requester>,
    /// Whether the running one was cancelled: it is about to end.
    pub cancelling: bool,
    /// `null` unless it runs.
    pub phase: Option<RebuildPhase>,
    pub events_done: u64,
    pub events_total: u64,
    pub per_cent: f64,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub rows_compared: u64,
    pub rows_differing: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
    pub error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RebuildState {
    /// None has run since the service started.
    #[default]
    Idle,
    Running,
    /// The new views serve.
    Swapped,
    /// The old views still serve.
    Failed,
    /// An operator cancelled it, or the service stopped meanwhile. The old views still serve.
    Cancelled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RebuildPhase {
    Building,
    Comparing,
    Swapping,
}

impl RebuildStatus {
    pub(super) fn running(total: Position, requested_by: Requester) -> RebuildStatus {
        RebuildStatus {
            state: RebuildState::Running,
            requested_by: Some(requested_by),
            phase: Some(RebuildPhase::Building),
            events_total: total.0,
            started_at: Some(Timestamp::now()),
            ..RebuildStatus::default()
        }
    }

    pub(super) fn count(&mut self, done: Position, total: Position) {
        self.events_done = done.0;
        self.events_total = total.0.max(done.0);
        self.per_cent = per_cent(self.events_done, self.events_total);
    }
}

/// A share in per cent, to a tenth; 100 of nothing.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) fn per_cent(done: u64, total: u64) -> f64 {
    if total == 0 {
        return 100.0;
    }
    (done as f64 * 1_000.0 / total as f64).floor() / 10.0
}

/// Where rebuilds are requested, and their status.
#[derive(Debug)]
pub struct Rebuilds {
    pub(super) status: watch::Sender<RebuildStatus>,
    pub(super) requests: mpsc::Sender<()>,
}

/// A rebuild is running already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the views are being rebuilt already")]
pub struct RebuildRunning;

impl Rebuilds {
    /// Requests a rebuild for an operator.
    pub fn start(&self) -> Result<(), RebuildRunning> {
        self.request(Requester::Operator)
    }

    pub(super) fn request(&self, requester: Requester) -> Result<(), RebuildRunning> {
        let started = self.status.send_if_modified(|status| {
            let idle = status.state != RebuildState::Running;
            if idle {
                *status = RebuildStatus::running(Position(0), requester);
            }
            idle
        });
        if !started {
            return Err(RebuildRunning);
        }
        // There is room: only one runs at a time. Without a worker the process is ending.
        let _ = self.requests.try_send(());
        Ok(())
    }

    /// Cancels the running rebuild, which ends soon: with new views if they were about to serve.
    /// One that the service needs is not cancelled.
    pub fn cancel(&self) -> Result<(), NotCancelled> {
        let mut outcome = Ok(());
        self.status.send_if_modified(|status| {
            outcome = match (status.state, status.requested_by) {
                (RebuildState::Running, Some(Requester::Operator)) => Ok(()),
                (RebuildState::Running, _) => Err(NotCancelled::Needed),
                _ => Err(NotCancelled::NotRunning),
            };
            let changes = outcome.is_ok() && !status.cancelling;
            status.cancelling |= changes;
            changes
        });
        outcome
    }

    pub fn status(&self) -> RebuildStatus {
        self.status.borrow().clone()
    }

    /// The status, as it changes.
    pub fn watch(&self) -> watch::Receiver<RebuildStatus> {
        self.status.subscribe()
    }
}
