//! The signer: it follows the tree and signs a checkpoint of each state that is durable.

use super::key_file::{KeyError, KeyFile};
use super::tree_head::{SignedTreeHead, TreeHead};
use crate::merkle::{consistency_proof, verify_consistency};
use crate::views::{Reader, ViewReadError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The least time from one checkpoint to the next: each costs a sync of the disk.
const INTERVAL: Duration = Duration::from_millis(200);
/// How long to wait before a failed attempt is repeated.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the signer has signed, or why it does not sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigningStatus {
    /// Nothing since the start, and why.
    Starting(String),
    /// The newest checkpoint.
    Signed(Arc<SignedTreeHead>),
    /// The log does not extend what was signed, or there is no key.
    Refused(String),
}

/// Signs the tree of one log.
#[derive(Debug)]
pub struct Signer {
    key: KeyFile,
    status: watch::Sender<SigningStatus>,
}

/// Why there is no new checkpoint.
enum NotSigned {
    /// It is tried again.
    Temporary(String),
    Refused(String),
}

impl From<ViewReadError> for NotSigned {
    fn from(error: ViewReadError) -> NotSigned {
        NotSigned::Temporary(error.to_string())
    }
}

impl From<KeyError> for NotSigned {
    fn from(error: KeyError) -> NotSigned {
        NotSigned::Temporary(error.to_string())
    }
}

impl SigningStatus {
    /// The status of a service that has no signer.
    pub fn refused(reason: String) -> watch::Receiver<SigningStatus> {
        tracing::warn!(reason, "cannot sign checkpoints of the log");
        watch::Sender::new(SigningStatus::Refused(reason)).subscribe()
    }
}

impl Signer {
    pub fn new(key: KeyFile) -> Signer {
        let reason = "the tree over the log has not been read yet".to_owned();
        Signer {
            key,
            status: watch::Sender::new(SigningStatus::Starting(reason)),
        }
    }

    pub fn status(&self) -> watch::Receiver<SigningStatus> {
        self.status.subscribe()
    }

    /// Signs what `reader` has until `stop` is true or dropped.
    pub async fn run(mut self, reader: Reader, mut stop: watch::Receiver<bool>) {
        let mut progress = reader.progress_changes();
        loop {
            progress.borrow_and_update();
            let outcome = self.sign(&reader);
            let is_signed = outcome.is_ok();
            if let Err(reason) = outcome {
                self.report(reason);
            }
            let next = async {
                tokio::time::sleep(INTERVAL).await;
                tokio::select! {
                    // Without an updater there is nothing more to sign.
                    Ok(()) = progress.changed() => {}
                    () = tokio::time::sleep(RETRY_AFTER), if !is_signed => {}
                    else => std::future::pending().await,
                }
            };
            tokio::select! {
                () = next => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Signs the tree as it is stored now, unless that is signed already.
    fn sign(&mut self, reader: &Reader) -> Result<(), NotSigned> {
        let progress = reader.progress();
        if !progress.is_complete() {
            let (done, total) = (progress.position, progress.complete_at);
            let reason = format!("the tree over the log is being built: {done} of {total} events");
            return Err(NotSigned::Temporary(reason));
        }
        let last = self.key.last().head;
        let size = reader.tree(|tree| tree.size())?;
        if size < last.size {
            return Err(NotSigned::Refused(format!(
                "the log ends at position {size}, but a checkpoint of {} events was signed: {} \
                 are missing. {REMEDY}",
                last.size,
                last.size - size
            )));
        }
        let (root, proof) = reader.tree(|tree| {
            let root = tree.root(size)?;
            Ok((root, consistency_proof(tree, last.size, size)?))
        })?;
        let head = TreeHead { size, root };
        if !verify_consistency((last.size, last.root), (head.size, head.root), &proof) {
            return Err(NotSigned::Refused(format!(
                "the first {} events are not those that were signed: one of them was altered, \
                 removed, added or moved. {REMEDY}",
                last.size
            )));
        }
        let signed = if head == last {
            self.key.last().clone()
        } else {
            self.key.sign(head)?.clone()
        };
        let signed = SigningStatus::Signed(Arc::new(signed));
        self.status.send_if_modified(|status| {
            let changed = *status != signed;
            if changed {
                let was_refused = matches!(status, SigningStatus::Refused(_));
                if was_refused {
                    tracing::info!("the log extends the last signed checkpoint again");
                }
                *status = signed;
            }
            changed
        });
        Ok(())
    }

    fn report(&self, reason: NotSigned) {
        self.status.send_if_modified(|status| {
            let next = match (reason, &*status) {
                // What was signed stays valid while the next one has to wait.
                (NotSigned::Temporary(reason), SigningStatus::Signed(_)) => {
                    tracing::warn!(reason, "cannot sign a checkpoint of the log; retrying");
                    return false;
                }
                (NotSigned::Temporary(reason), _) => SigningStatus::Starting(reason),
                (NotSigned::Refused(reason), _) => SigningStatus::Refused(reason),
            };
            if *status == next {
                return false;
            }
            if let SigningStatus::Refused(reason) = &next {
                tracing::warn!(reason, "refusing to sign the log");
            }
            *status = next;
            true
        });
    }
}

/// What the operator can do about a log that cannot be signed.
const REMEDY: &str = "Run `cartlog verify`, and restore the log that was signed. If it is lost, \
    run `cartlog key --new-history`: visitors who kept a checkpoint will see that";
