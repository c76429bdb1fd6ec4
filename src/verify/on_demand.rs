//! Verifications on request in a running service, one at a time.

use super::{VerifyState, VerifyStatus, VerifyTarget, verify};
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

    pub fn status(&self) -> VerifyStatus {
        self.status.borrow().clone()
    }
}

/// Runs verifications.
pub struct Verifier {
    target: VerifyTarget,
    verifications: Arc<Verifications>,
    requests: mpsc::Receiver<()>,
}

impl Verifier {
    pub fn new(target: VerifyTarget) -> Verifier {
        let (request, requests) = mpsc::channel(1);
        Verifier {
            target,
            verifications: Arc::new(Verifications {
                status: watch::Sender::default(),
                requests: request,
            }),
            requests,
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
            verify(&self.target, &self.verifications.status, &stop);
            let status = self.verifications.status.borrow();
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
