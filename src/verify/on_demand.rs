//! Verifications on request in a running service, one at a time.

use super::{VerifyState, VerifyStatus, VerifyTarget, verify};
use crate::jobs::{Job, JobHistory, JobResult, NotCancelled, Outcome, Requester};
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

/// Where verifications are requested, and their status.
#[derive(Debug)]
pub struct Verifications {
    status: watch::Sender<VerifyStatus>,
    requests: mpsc::Sender<()>,
}

/// A verification is running already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("log and views are being verified already")]
pub struct VerifyRunning;

impl Verifications {
    /// Requests a verification.
    pub fn start(&self) -> Result<(), VerifyRunning> {
        let started = self.status.send_if_modified(|status| {
            let idle = status.state != VerifyState::Running;
            if idle {
                *status = VerifyStatus::running();
            }
            idle
        });
        if !started {
            return Err(VerifyRunning);
        }
        // There is room: only one runs at a time. Without a verifier the process is ending.
        let _ = self.requests.try_send(());
        Ok(())
    }

    /// Cancels the running verification, which ends soon.
    pub fn cancel(&self) -> Result<(), NotCancelled> {
        let mut is_running = false;
        self.status.send_if_modified(|status| {
            is_running = status.state == VerifyState::Running;
            let changes = is_running && !status.cancelling;
            status.cancelling |= changes;
            changes
        });
        if is_running {
            Ok(())
        } else {
            Err(NotCancelled::NotRunning)
        }
    }

    pub fn status(&self) -> VerifyStatus {
        self.status.borrow().clone()
    }
}

/// Runs verifications.
pub struct Verifier {
    target: VerifyTarget,
    verifications: Arc<Verifications>,
    requests: mpsc::Receiver<()>,
    history: Arc<JobHistory>,
}

impl Verifier {
    /// Verifies `target`, and keeps its runs in `history`.
    pub fn new(target: VerifyTarget, history: Arc<JobHistory>) -> Verifier {
        let (request, requests) = mpsc::channel(1);
        Verifier {
            target,
            verifications: Arc::new(Verifications {
                status: watch::Sender::default(),
                requests: request,
            }),
            requests,
            history,
        }
    }

    pub fn verifications(&self) -> Arc<Verifications> {
        self.verifications.clone()
    }

    /// Runs what is requested until `stop` is true or dropped. Waits on `runtime` and works on the
    /// calling thread.
    pub fn run(mut self, runtime: &Runtime, mut stop: watch::Receiver<bool>) {
        loop {
            let requested = runtime.block_on(async {
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => false,
                    request = self.requests.recv() => request.is_some(),
                }
            });
            if !requested {
                return;
            }
            self.history.begin(Job::Verification, Requester::Operator);
            verify(&self.target, &self.verifications.status, &stop);
            let status = self.verifications.status();
            let is_interrupted = status.state == VerifyState::Failed && *stop.borrow();
            let outcome = match status.state {
                VerifyState::Cancelled => Outcome::Cancelled,
                VerifyState::Failed if is_interrupted => Outcome::Interrupted,
                VerifyState::Failed => Outcome::Failed,
                _ => Outcome::Done,
            };
            let result = JobResult {
                events: status.events_done,
                rows: status.rows_checked,
                found: status.findings_total,
                error: status.error.clone(),
            };
            self.history.end(Job::Verification, outcome, result);
            tracing::info!(
                state = ?status.state,
                events = status.events_done,
                rows = status.rows_checked,
                findings = status.findings_total,
                error = status.error,
                "verification ended"
            );
        }
    }
}
