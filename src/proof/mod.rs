//! Proof for a visitor who does not trust the shop: signed checkpoints of the Merkle tree over the
//! log, and proofs that lead to them. The formats are those of C2SP (signed-note, tlog-checkpoint,
//! tlog-proof), so that other tools can audit the log.
//!
//! The tree itself is a view ([`crate::views::tree`]). This room signs it and never signs two
//! checkpoints that contradict each other.

mod cosignature;
mod cosigner;
mod event_proof;
mod key_file;
mod note;
mod signer;
mod tree_head;
mod witness;
mod witness_client;
mod witness_meter;

pub use cosignature::{Cosignature, CosigningKey, WitnessKey};
pub use cosigner::{Cosigner, WitnessStatus};
pub use event_proof::{EventProof, EventProofError};
pub use key_file::{KeyError, KeyFile, KeySettings, checkpoint_path, last_signed, verifier_key};
pub use note::{InvalidKey, NoteError, SigningKey, VerifierKey, is_name};
pub use signer::{Signer, SigningStatus};
pub use tree_head::{CheckpointError, SignedTreeHead, TreeHead};
pub use witness::{Refusal, Witness, WitnessError};
pub use witness_client::WitnessSettings;
