//! Verifications that a running service is asked for, one at a time.

use super::{VerifyState, VerifyStatus, VerifyTarget, verify};
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

/// Where verifications are asked for, and what becomes of them.
#[derive(Debug)]
pub struct Verifications {
    status: watch::Sender<VerifyStatus>,
    wanted: mpsc::Sender<()>,
}

/// A verification is under way already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("log and views are being verified already")]
pub struct VerifyRunning;

impl Verifications {
    /// Asks for a verification.
    pub fn start(&self) -> Result<(), VerifyRunning> {
        let begun = self.status.send_if_modified(|status| {
            let idle = status.state != VerifyState::Running;
            if idle {
                *status = VerifyStatus::begun();
            }
            idle
        });
        if !begun {
            return Err(VerifyRunning);
        }
        // There is room: only one can be asked for at a time. Where nobody takes it, all is ending.
        let _ = self.wanted.try_send(());
        Ok(())
    }

    pub fn status(&self) -> VerifyStatus {
        self.status.borrow().clone()
    }
}

/// What carries verifications out.
pub struct Verifier {
    subject: VerifyTarget,
    verifications: Arc<Verifications>,
    wanted: mpsc::Receiver<()>,
}

impl Verifier {
    pub fn new(subject: VerifyTarget) -> Verifier {
        let (want, wanted) = mpsc::channel(1);
        Verifier {
            subject,
            verifications: Arc::new(Verifications {
                status: watch::Sender::default(),
                wanted: want,
            }),
            wanted,
        }
    }

    pub fn verifications(&self) -> Arc<Verifications> {
        self.verifications.clone()
    }

    /// Carries out what is asked for until `stop` says so or is dropped. Waits by `runtime` and works
    /// on the calling thread.
    pub fn run(mut self, runtime: &Runtime, mut stop: watch::Receiver<bool>) {
        loop {
            let asked = runtime.block_on(async {
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => false,
                    asked = self.wanted.recv() => asked.is_some(),
                }
            });
            if !asked {
                return;
            }
            verify(&self.subject, &self.verifications.status, &stop);
            let status = self.verifications.status.borrow();
            tracing::info!(
                state = ?status.state,
                events = status.events_done,
                rows = status.rows_checked,
                findings = status.findings_total,
                error = status.error,
                "a verification has ended"
            );
        }
    }
}
