//! Publishes checkpoints with the cosignatures of witnesses.
//!
//! Signing does not depend on it: it takes what the signer has signed, asks each witness, and
//! publishes the checkpoint with the cosignatures that came in time. A cosignature that comes later
//! is added then.

use super::cosignature::Cosignature;
use super::signer::SigningStatus;
use super::tree_head::SignedTreeHead;
use super::witness_client::{Reply, WitnessClient, WitnessSettings};
use super::witness_meter::WitnessMeter;
use crate::merkle::consistency_proof;
use crate::views::Reader;
use futures_util::future::{join, join_all};
use prometheus::core::Collector;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a checkpoint is held back for witnesses that have no problem.
const HOLD: Duration = Duration::from_millis(500);
/// How long a witness with a problem is left alone: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How often a witness can name another size in response to one checkpoint. Another node of a
/// shared log may submit one in between.
const ATTEMPTS: u32 = 3;

/// How far a witness is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessStatus {
    pub name: String,
    /// The newest checkpoint that it has cosigned for this node, and how.
    pub cosigned: Option<(Arc<SignedTreeHead>, Cosignature)>,
    /// Why the last request failed, if it did.
    pub problem: Option<String>,
    /// The size of the last checkpoint that it was asked about, successfully or not.
    asked: u64,
}

impl WitnessStatus {
    /// Whether a cosignature of a checkpoint of `size` events may come soon.
    fn is_awaited(&self, size: u64) -> bool {
        self.problem.is_none() && self.asked < size
    }
}

/// Why a checkpoint has no cosignature.
enum NotCosigned {
    /// Another node has submitted a later one.
    Overtaken,
    Failed(String),
}

/// Asks the witnesses and publishes.
pub struct Cosigner {
    signed: watch::Receiver<SigningStatus>,
    published: watch::Sender<SigningStatus>,
    clients: Vec<WitnessClient>,
    witnesses: watch::Sender<Vec<WitnessStatus>>,
    meter: WitnessMeter,
    /// Whether other nodes submit checkpoints of the same log.
    is_shared: bool,
}

impl Cosigner {
    /// Publishes what is `signed`, with the cosignatures of the witnesses in `settings`.
    pub fn new(
        settings: &[WitnessSettings],
        signed: watch::Receiver<SigningStatus>,
        is_shared: bool,
    ) -> Cosigner {
        let status = |witness: &WitnessSettings| WitnessStatus {
            name: witness.key.name().to_owned(),
            cosigned: None,
            problem: None,
            asked: 0,
        };
        let now = signed.borrow().clone();
        Cosigner {
            signed,
            published: watch::Sender::new(now),
            clients: settings.iter().map(WitnessClient::new).collect(),
            witnesses: watch::Sender::new(settings.iter().map(status).collect()),
            meter: WitnessMeter::of(settings.iter().map(|witness| witness.key.name())),
            is_shared,
        }
    }

    /// What is published.
    pub fn published(&self) -> watch::Receiver<SigningStatus> {
        self.published.subscribe()
    }

    pub fn witnesses(&self) -> watch::Receiver<Vec<WitnessStatus>> {
        self.witnesses.subscribe()
    }

    pub fn gauges(&self) -> Vec<Box<dyn Collector>> {
        self.meter.collectors()
    }

    /// Runs until it is dropped, which also ends the wait for a witness. `reader` has the tree that
    /// is signed.
    pub async fn run(self, reader: Reader) {
        let places = 0..self.clients.len();
        let asking = places.map(|place| self.ask(place, &reader));
        join(self.publish(), join_all(asking)).await;
    }

    /// Publishes each checkpoint once no healthy witness is awaited, and again with each
    /// cosignature that comes later.
    async fn publish(&self) {
        let (mut signed, mut witnesses) = (self.signed.clone(), self.witnesses.subscribe());
        loop {
            let status = signed.borrow_and_update().clone();
            if let SigningStatus::Signed(checkpoint) = &status {
                let size = checkpoint.head.size;
                let is_complete =
                    |all: &Vec<WitnessStatus>| !all.iter().any(|it| it.is_awaited(size));
                // In time or not, it is published.
                let _ = timeout(HOLD, witnesses.wait_for(is_complete)).await;
            }
            loop {
                let next = with_cosignatures(&status, &witnesses.borrow_and_update());
                self.published.send_if_modified(|published| {
                    let changed = *published != next;
                    *published = next;
                    changed
                });
                tokio::select! {
                    changed = signed.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return,
                    },
                    // The sender lives as long as this.
                    _ = witnesses.changed() => {}
                }
            }
        }
    }

    /// Asks the witness at `place` about each checkpoint, the newest first.
    async fn ask(&self, place: usize, reader: &Reader) {
        let mut signed = self.signed.clone();
        let (mut last_size, mut pause) = (None, FIRST_PAUSE);
        loop {
            let status = signed.borrow_and_update().clone();
            let can_go_on = match status {
                SigningStatus::Signed(checkpoint) if checkpoint.head.size > 0 => {
                    let outcome = self.cosign(place, reader, &checkpoint, &mut last_size);
                    self.report(place, &checkpoint, outcome.await)
                }
                _ => true,
            };
            if can_go_on {
                pause = FIRST_PAUSE;
                if signed.changed().await.is_err() {
                    return;
                }
            } else {
                tokio::time::sleep(pause).await;
                pause = LONGEST_PAUSE.min(pause * 2);
            }
        }
    }

    /// A cosignature of `checkpoint`. `last_size` is what the witness has cosigned last, if that is
    /// known.
    async fn cosign(
        &self,
        place: usize,
        reader: &Reader,
        checkpoint: &Arc<SignedTreeHead>,
        last_size: &mut Option<u64>,
    ) -> Result<Cosignature, NotCosigned> {
        let size = checkpoint.head.size;
        for _ in 0..ATTEMPTS {
            // After a start it has probably cosigned this one.
            let old = last_size.unwrap_or(size);
            if old > size {
                *last_size = None;
                return Err(self.overtaken(old, size));
            }
            let proof = reader.tree(|tree| consistency_proof(tree, old, size));
            let proof = proof.map_err(|error| NotCosigned::Failed(error.to_string()))?;
            let (client, asked) = (self.clients[place].clone(), checkpoint.clone());
            let reply =
                tokio::task::spawn_blocking(move || client.add_checkpoint(old, &proof, &asked));
            let reply = reply.await.map_err(|error| error.to_string());
            match reply.flatten().map_err(NotCosigned::Failed)? {
                Reply::Cosigned(cosignature) => {
                    *last_size = Some(size);
                    return Ok(cosignature);
                }
                Reply::LastSize(last) => *last_size = Some(last),
                Reply::Contradicts => {
                    return Err(NotCosigned::Failed(format!(
                        "has cosigned {old} events that are not the first {old} of this log: \
                         there are two histories under its name. Run `cartlog verify`"
                    )));
                }
            }
        }
        Err(NotCosigned::Failed(
            "names another last checkpoint each time".to_owned(),
        ))
    }

    /// What it means that the witness has cosigned `old` events, more than the `size` here.
    fn overtaken(&self, old: u64, size: u64) -> NotCosigned {
        if self.is_shared {
            return NotCosigned::Overtaken;
        }
        NotCosigned::Failed(format!(
            "has cosigned {old} events, but this log has {size}: it has lost its end, or another \
             service signs under its name"
        ))
    }

    /// Notes how a request ended, and returns whether the next one can follow at once.
    fn report(
        &self,
        place: usize,
        checkpoint: &Arc<SignedTreeHead>,
        outcome: Result<Cosignature, NotCosigned>,
    ) -> bool {
        let mut can_go_on = true;
        self.witnesses.send_modify(|witnesses| {
            let witness = &mut witnesses[place];
            let had_problem = witness.problem.is_some();
            witness.asked = checkpoint.head.size;
            let problem = match outcome {
                Ok(cosignature) => {
                    self.meter.cosigned(&witness.name, checkpoint.head.size);
                    witness.cosigned = Some((checkpoint.clone(), cosignature));
                    None
                }
                Err(NotCosigned::Overtaken) => None,
                Err(NotCosigned::Failed(problem)) => {
                    self.meter.failed(&witness.name);
                    Some(problem)
                }
            };
            match &problem {
                None if had_problem => {
                    tracing::info!(witness = witness.name, "a witness cosigns again");
                }
                Some(problem) if witness.problem.as_ref() != Some(problem) => {
                    let witness = &witness.name;
                    tracing::warn!(witness, problem, "a witness does not cosign; retrying");
                }
                None | Some(_) => {}
            }
            can_go_on = problem.is_none();
            witness.problem = problem;
        });
        can_go_on
    }
}

/// `status` with the cosignatures of its checkpoint.
fn with_cosignatures(status: &SigningStatus, witnesses: &[WitnessStatus]) -> SigningStatus {
    let SigningStatus::Signed(checkpoint) = status else {
        return status.clone();
    };
    let lines: String = witnesses
        .iter()
        .filter_map(|witness| witness.cosigned.as_ref())
        .filter(|(cosigned, _)| cosigned.head == checkpoint.head)
        .map(|(_, cosignature)| cosignature.line.as_str())
        .collect();
    if lines.is_empty() {
        return status.clone();
    }
    let mut cosigned = (**checkpoint).clone();
    cosigned.note.push_str(&lines);
    SigningStatus::Signed(Arc::new(cosigned))
}
