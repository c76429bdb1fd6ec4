//! The signer: it follows the tree and signs a checkpoint of each state that is durable.

use super::key_file::{KeyError, KeyFile};
use super::tree_head::{SignedTreeHead, TreeHead};
use crate::log::{LogReader, NoteStore, NoteStoreError};
use crate::merkle::{consistency_proof, verify_consistency};
use crate::views::{Reader, ViewReadError};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The least time from one checkpoint to the next: each costs a sync of the disk.
const INTERVAL: Duration = Duration::from_millis(200);
/// How long to wait before a failed attempt is repeated.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// For how long a node may be behind another one that has signed, before it asks whether the log
/// still has those events.
const BEHIND_FOR: Duration = Duration::from_secs(2);

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
pub struct Signer {
    key: KeyFile,
    log: Arc<dyn LogReader>,
    /// Where the nodes that share the log keep the last checkpoint; `None` if there are no others.
    notes: Option<Arc<dyn NoteStore>>,
    /// A checkpoint of another node that this node's tree does not reach yet, and since when.
    awaited: Option<(SignedTreeHead, Instant)>,
    status: watch::Sender<SigningStatus>,
    /// The reason that was logged last for a checkpoint that has to wait.
    logged: Option<String>,
}

/// Why there is no new checkpoint.
enum NotSigned {
    /// It is tried again.
    Temporary(String),
    /// Another node is ahead, and what it has signed stays valid meanwhile.
    Behind(String),
    /// Another node has signed since this one has looked.
    Overtaken,
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

impl From<NoteStoreError> for NotSigned {
    fn from(error: NoteStoreError) -> NotSigned {
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
    /// Signs `log` with `key`. Nodes that share the log agree by `notes`.
    pub fn new(key: KeyFile, log: Arc<dyn LogReader>, notes: Option<Arc<dyn NoteStore>>) -> Signer {
        let reason = "the tree over the log has not been read yet".to_owned();
        Signer {
            key,
            log,
            notes,
            awaited: None,
            status: watch::Sender::new(SigningStatus::Starting(reason)),
            logged: None,
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
            let outcome = tokio::select! {
                outcome = self.sign(&reader) => outcome,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let (interval, pause) = match &outcome {
                Ok(()) => (INTERVAL, None),
                // What the other node has signed can be published at once.
                Err(NotSigned::Overtaken) => (Duration::ZERO, Some(Duration::ZERO)),
                Err(NotSigned::Behind(_)) => (INTERVAL, Some(Duration::ZERO)),
                Err(_) => (INTERVAL, Some(RETRY_AFTER)),
            };
            match outcome {
                Ok(()) => self.logged = None,
                Err(reason) => self.report(reason),
            }
            let next = async {
                tokio::time::sleep(interval).await;
                tokio::select! {
                    // Without an updater there is nothing more to sign.
                    Ok(()) = progress.changed() => {}
                    () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => {}
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
    ///
    /// The tree must extend every checkpoint that this node knows: the one that its key has signed
    /// last here, and the one that the nodes of a shared log have signed last.
    async fn sign(&mut self, reader: &Reader) -> Result<(), NotSigned> {
        let progress = reader.progress();
        if !progress.is_complete() {
            let (done, total) = (progress.position, progress.complete_at);
            let reason = format!("the tree over the log is being built: {done} of {total} events");
            return Err(NotSigned::Temporary(reason));
        }
        let shared = self.shared().await?;
        let last = self.key.last().clone();
        let mut size = reader.tree(|tree| tree.size())?;
        if shared
            .as_ref()
            .is_some_and(|shared| shared.head.size > size)
        {
            // Another node has written its tables earlier.
            reader.wait_until_written().await;
            size = reader.tree(|tree| tree.size())?;
        }
        if size < last.head.size {
            return Err(self.lacking(size, last.head).await);
        }
        let root = reader.tree(|tree| tree.root(size))?;
        let head = TreeHead { size, root };
        prove(reader, last.head, head)?;
        let signed = match &shared {
            Some(shared) if shared.head.size > size => {
                let reached = self.reached(shared, size);
                let Some(reached) = reached.filter(|it| it.head.size > last.head.size) else {
                    return Err(self.lacking(size, shared.head).await);
                };
                prove(reader, reached.head, head)?;
                reached
            }
            Some(shared) => {
                self.awaited = None;
                prove(reader, shared.head, head)?;
                if shared.head == head {
                    shared.clone()
                } else {
                    self.replace(Some(shared), head).await?
                }
            }
            None if self.notes.is_some() => self.replace(None, head).await?,
            None if last.head == head => last.clone(),
            None => self.key.sign(head),
        };
        if signed != last {
            self.key.keep(signed.clone())?;
        }
        self.publish(SigningStatus::Signed(Arc::new(signed)));
        Ok(())
    }

    /// The checkpoint that a node has signed last, if nodes share the log.
    async fn shared(&self) -> Result<Option<SignedTreeHead>, NotSigned> {
        let Some(notes) = &self.notes else {
            return Ok(None);
        };
        let Some(note) = notes.note().await? else {
            return Ok(None);
        };
        match SignedTreeHead::open(&note, self.key.verifier()) {
            Ok(shared) => Ok(Some(shared)),
            Err(error) => Err(NotSigned::Refused(format!(
                "the nodes of this log sign with another key than this one, {}: {error}. Give \
                 this node their key (proof.key_path or proof.key) and restart it",
                self.key.verifier()
            ))),
        }
    }

    /// Signs `head` and keeps it for all nodes in place of `shared`, which it must extend.
    async fn replace(
        &self,
        shared: Option<&SignedTreeHead>,
        head: TreeHead,
    ) -> Result<SignedTreeHead, NotSigned> {
        let signed = self.key.sign(head);
        let Some(notes) = &self.notes else {
            return Ok(signed);
        };
        let last = shared.map(|shared| shared.note.as_str());
        if notes.replace_note(last, &signed.note).await? {
            return Ok(signed);
        }
        Err(NotSigned::Overtaken)
    }

    /// The checkpoint of another node that this node was behind of, once its tree has `size`
    /// events. Waits for `shared` next.
    fn reached(&mut self, shared: &SignedTreeHead, size: u64) -> Option<SignedTreeHead> {
        let reached = self.awaited.take_if(|(it, _)| it.head.size <= size);
        if self.awaited.is_none() {
            self.awaited = Some((shared.clone(), Instant::now()));
        }
        reached.map(|(reached, _)| reached)
    }

    /// Why the tree has `size` events and not those of `signed`, which has more: this node may be
    /// behind, or the log has lost them.
    async fn lacking(&mut self, size: u64, signed: TreeHead) -> NotSigned {
        let missing = signed.size - size;
        if self.notes.is_some() {
            let behind = format!("{missing} events of the last checkpoint are not here yet");
            let (awaited, last) = (&mut self.awaited, self.key.last());
            let (_, since) = awaited.get_or_insert_with(|| (last.clone(), Instant::now()));
            if since.elapsed() < BEHIND_FOR {
                return NotSigned::Behind(behind);
            }
            match self.log.barrier().await {
                Err(error) => return NotSigned::Temporary(format!("{behind}: {error}")),
                Ok(end) if end.0 >= signed.size => return NotSigned::Behind(behind),
                Ok(_) => {}
            }
        }
        NotSigned::Refused(format!(
            "the log ends at position {size}, but a checkpoint of {} events was signed: {missing} \
             are missing. {REMEDY}",
            signed.size
        ))
    }

    fn publish(&self, signed: SigningStatus) {
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
    }

    fn report(&mut self, reason: NotSigned) {
        let logged = &mut self.logged;
        self.status.send_if_modified(|status| {
            let next = match (reason, &*status) {
                (NotSigned::Overtaken, _) | (NotSigned::Behind(_), SigningStatus::Signed(_)) => {
                    return false;
                }
                // What was signed stays valid while the next one has to wait.
                (NotSigned::Temporary(reason), SigningStatus::Signed(_)) => {
                    if logged.as_ref() != Some(&reason) {
                        tracing::warn!(reason, "cannot sign a checkpoint of the log; retrying");
                        *logged = Some(reason);
                    }
                    return false;
                }
                (NotSigned::Temporary(reason) | NotSigned::Behind(reason), _) => {
                    SigningStatus::Starting(reason)
                }
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

/// Fails unless the tree at `head`, which `reader` has, extends `signed`.
fn prove(reader: &Reader, signed: TreeHead, head: TreeHead) -> Result<(), NotSigned> {
    let proof = reader.tree(|tree| consistency_proof(tree, signed.size, head.size))?;
    if verify_consistency((signed.size, signed.root), (head.size, head.root), &proof) {
        return Ok(());
    }
    Err(NotSigned::Refused(format!(
        "the first {} events are not those that were signed: one of them was altered, removed, \
         added or moved. {REMEDY}",
        signed.size
    )))
}

/// What the operator can do about a log that cannot be signed.
const REMEDY: &str = "Run `cartlog verify`, and restore the log that was signed. If it is lost, \
    run `cartlog key --new-history`: visitors who kept a checkpoint will see that";
