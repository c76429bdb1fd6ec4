//! Tree heads, and the checkpoints by which they are signed (C2SP, tlog-checkpoint).

use super::cosignature::{Cosignature, WitnessKey};
use super::note::{NoteError, SigningKey, VerifierKey, parts};
use crate::log::Hash;
use crate::merkle::EMPTY_ROOT;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The tree over a log at one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    /// The number of events.
    pub size: u64,
    pub root: Hash,
}

impl TreeHead {
    /// The tree without events.
    pub const EMPTY: TreeHead = TreeHead {
        size: 0,
        root: EMPTY_ROOT,
    };

    /// The text of its checkpoint, of the log called `origin`.
    pub(super) fn to_text(self, origin: &str) -> String {
        let root = STANDARD.encode(self.root.0);
        format!("{origin}\n{}\n{root}\n", self.size)
    }
}

/// A signed tree head. A service never signs two that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTreeHead {
    /// The name of the log.
    pub origin: String,
    pub head: TreeHead,
    /// The checkpoint as it is published, with its signatures.
    pub note: String,
}

/// Why a text is not an acceptable checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    #[error(transparent)]
    Note(#[from] NoteError),
    #[error("it must have a name, a size and a root in its first three lines")]
    Malformed,
    #[error("it is of the log {found}, and one of {expected} is expected")]
    OtherLog { found: String, expected: String },
}

impl SignedTreeHead {
    /// Signs `head` with each of `keys`. The origin is the name of the first.
    pub fn sign(head: TreeHead, keys: &[&SigningKey]) -> SignedTreeHead {
        let origin = keys[0].verifier().name();
        SignedTreeHead {
            origin: origin.to_owned(),
            head,
            note: SigningKey::sign(&head.to_text(origin), keys),
        }
    }

    /// The checkpoint in `note`, whose origin and signature are those of `key`.
    pub fn open(note: &str, key: &VerifierKey) -> Result<SignedTreeHead, CheckpointError> {
        let found = Self::parse(key.open(note)?, note)?;
        if found.origin == key.name() {
            return Ok(found);
        }
        Err(CheckpointError::OtherLog {
            found: found.origin,
            expected: key.name().to_owned(),
        })
    }

    /// The checkpoint in `note`, without a look at its signatures.
    pub fn read(note: &str) -> Result<SignedTreeHead, CheckpointError> {
        Self::parse(parts(note)?.0, note)
    }

    /// The cosignature of this checkpoint by `witness`.
    pub fn cosignature(&self, witness: &WitnessKey) -> Result<Cosignature, NoteError> {
        let (text, signatures) = parts(&self.note)?;
        witness.cosignature(text, signatures)
    }

    fn parse(text: &str, note: &str) -> Result<SignedTreeHead, CheckpointError> {
        let parse = || {
            let mut lines = text.lines();
            let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
            let parsed: u64 = size.parse().ok()?;
            let root = STANDARD.decode(root).ok()?.try_into().ok()?;
            let is_canonical = parsed.to_string() == size && !origin.is_empty();
            let has_empty_line = lines.any(str::is_empty);
            (is_canonical && !has_empty_line).then(|| SignedTreeHead {
                origin: origin.to_owned(),
                head: TreeHead {
                    size: parsed,
                    root: Hash(root),
                },
                note: note.to_owned(),
            })
        };
        parse().ok_or(CheckpointError::Malformed)
    }
}
