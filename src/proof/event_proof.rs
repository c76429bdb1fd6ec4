//! The proof that an event is in the log: one file that needs nothing else to be checked than the
//! verifier key (C2SP, tlog-proof). Its extra data are the event's bytes, from which the leaf
//! follows.

use super::note::VerifierKey;
use super::tree_head::{CheckpointError, SignedTreeHead};
use crate::log::{Hash, Position};
use crate::merkle::{leaf_hash, verify_inclusion};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The first line.
const FORMAT: &str = "c2sp.org/tlog-proof@v1";

/// An event, its path in the tree, and a checkpoint of that tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventProof {
    /// What the event's hash is computed from: see [`crate::log::hashed_text`].
    pub event: String,
    pub position: Position,
    /// The hashes beside the way from the leaf to the root.
    pub path: Vec<Hash>,
    pub checkpoint: SignedTreeHead,
}

/// Why a file proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventProofError {
    #[error("it is no proof of an event: line {0} must be {1}")]
    Malformed(usize, &'static str),
    #[error("its checkpoint cannot be accepted: {0}")]
    Checkpoint(#[from] CheckpointError),
    #[error(
        "the event at position {position} is not in the log of its checkpoint: the event, the \
         position or the path was altered"
    )]
    NotIncluded { position: Position },
}

impl EventProof {
    /// The file.
    pub fn to_text(&self) -> String {
        let (extra, index) = (STANDARD.encode(&self.event), self.position.0 - 1);
        let mut text = format!("{FORMAT}\nextra {extra}\nindex {index}\n");
        for hash in &self.path {
            text.push_str(&STANDARD.encode(hash.0));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint.note);
        text
    }

    /// The proof in `text`, if it holds under `key`.
    pub fn check(text: &str, key: &VerifierKey) -> Result<EventProof, EventProofError> {
        use EventProofError::Malformed;
        let separator = text.find("\n\n");
        let (head, note) = text.split_at(separator.ok_or(Malformed(
            text.lines().count() + 1,
            "an empty line and a checkpoint",
        ))?);
        let mut lines = head.lines();
        if lines.next() != Some(FORMAT) {
            return Err(Malformed(1, FORMAT));
        }
        let extra = lines.next().and_then(|line| line.strip_prefix("extra "));
        let event = extra.and_then(|extra| STANDARD.decode(extra).ok());
        let event = event.and_then(|event| String::from_utf8(event).ok());
        let event = event.ok_or(Malformed(2, "extra and the event in Base64"))?;
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(|index| {
            let parsed: u64 = index.parse().ok()?;
            (parsed.to_string() == index && parsed < u64::MAX).then_some(parsed)
        });
        let index = index.ok_or(Malformed(3, "index and the number of events before"))?;
        let path: Option<Vec<Hash>> = lines
            .map(|line| Some(Hash(STANDARD.decode(line).ok()?.try_into().ok()?)))
            .collect();
        let proof = EventProof {
            event,
            position: Position(index + 1),
            path: path.ok_or(Malformed(
                4,
                "a hash in Base64, as each line to the empty one",
            ))?,
            checkpoint: SignedTreeHead::open(&note[2..], key)?,
        };
        let head = proof.checkpoint.head;
        if verify_inclusion(index, head.size, proof.leaf(), &proof.path, head.root) {
            return Ok(proof);
        }
        Err(EventProofError::NotIncluded {
            position: proof.position,
        })
    }

    /// The leaf of the event.
    fn leaf(&self) -> Hash {
        leaf_hash(Hash(Sha256::digest(&self.event).into()))
    }
}
