//! A witness of one log (C2SP, tlog-witness): it cosigns a checkpoint that extends the last one
//! that it has cosigned, and no other.
//!
//! That checkpoint is in a file beside the key, on the disk before anyone sees a cosignature. A key
//! without it could cosign a second history, so the two are created together and used together.

use super::cosignature::{CosigningKey, WitnessKey};
use super::key_file::checkpoint_path;
use super::note::{InvalidKey, VerifierKey, parts};
use super::tree_head::{CheckpointError, SignedTreeHead, TreeHead};
use crate::file_lock::FileLock;
use crate::files::{create_folder_of, make_private, read_small, replace};
use crate::log::Hash;
use crate::merkle::verify_consistency;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io;
use std::path::{Path, PathBuf};

/// No tree has a longer proof.
const LONGEST_PROOF: usize = 63;

/// Why a witness cannot start.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    #[error("cannot read or write {}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{} is in use: {error}", path.display())]
    InUse { path: PathBuf, error: io::Error },
    #[error("the key of the witness {} cannot be used: {error}", path.display())]
    Key { path: PathBuf, error: InvalidKey },
    #[error(
        "of the key {} and the last cosigned checkpoint beside it one is missing: restore it from \
         a copy; if it is lost, begin with another key, and give it another name",
        .0.display()
    )]
    Incomplete(PathBuf),
    #[error(
        "there is no key {}: name the witness with --name, such as witness.example/w1, to \
         generate one",
        .0.display()
    )]
    Unnamed(PathBuf),
    #[error("the last cosigned checkpoint {} cannot be used: {error}", path.display())]
    Checkpoint {
        path: PathBuf,
        error: CheckpointError,
    },
    #[error(
        "the last cosigned checkpoint is of the log {found}, and --log is the key of {expected}: \
         a witness of another log needs another --key"
    )]
    OtherLog { found: String, expected: String },
}

/// Why a checkpoint is not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("it is no request of tlog-witness: {0}")]
    Malformed(&'static str),
    #[error("this witness does not know the log {0}")]
    UnknownLog(String),
    #[error("the checkpoint is not signed by the key of its log that this witness knows")]
    NotSigned,
    /// The last cosigned checkpoint has another size than the request names, or at the same size
    /// another root.
    #[error("the last cosigned checkpoint has {0} events")]
    Conflict(u64),
    #[error("the proof does not show that the tree extends that of the last cosigned checkpoint")]
    Inconsistent,
    #[error("the checkpoint cannot be kept: {0}")]
    NotKept(io::Error),
}

/// A witness.
#[derive(Debug)]
pub struct Witness {
    path: PathBuf,
    key: CosigningKey,
    log: VerifierKey,
    /// What it has cosigned last.
    last: TreeHead,
    _lock: FileLock,
}

impl Witness {
    /// Opens the witness of `log` whose key is at `path`. If there is none, generates one called
    /// `name`.
    pub fn open(
        path: &Path,
        name: Option<&str>,
        log: VerifierKey,
        now: u64,
    ) -> Result<Witness, WitnessError> {
        let file = |error| WitnessError::File {
            path: path.to_owned(),
            error,
        };
        create_folder_of(path).map_err(file)?;
        let lock = FileLock::acquire(path, "this key").map_err(|error| WitnessError::InUse {
            path: path.to_owned(),
            error,
        })?;
        let state = checkpoint_path(path);
        let unusable = |error| WitnessError::Checkpoint {
            path: state.clone(),
            error,
        };
        let last = read_small(&state).map_err(file)?;
        let last = last.map(|last| SignedTreeHead::read(&last));
        let last = last.transpose().map_err(unusable)?;
        let (key, last) = match (read_small(path).map_err(file)?, last) {
            // A crash may have left the first checkpoint without its key.
            (None, last) if last.as_ref().is_none_or(|last| last.head.size == 0) => {
                let name = name.ok_or_else(|| WitnessError::Unnamed(path.to_owned()))?;
                let key = CosigningKey::generate(name).map_err(file)?;
                let first = cosigned(&key, &TreeHead::EMPTY.to_text(log.name()), now);
                replace(&state, "witness", &first).map_err(file)?;
                replace(path, "witness", &key.to_text()).map_err(file)?;
                (key, SignedTreeHead::read(&first).map_err(unusable)?)
            }
            (Some(key), Some(last)) => {
                make_private(path);
                let key: CosigningKey = key.parse().map_err(|error| WitnessError::Key {
                    path: path.to_owned(),
                    error,
                })?;
                let own = last.cosignature(&key.verifier());
                own.map_err(|error| unusable(error.into()))?;
                (key, last)
            }
            _ => return Err(WitnessError::Incomplete(path.to_owned())),
        };
        if last.origin != log.name() {
            return Err(WitnessError::OtherLog {
                found: last.origin,
                expected: log.name().to_owned(),
            });
        }
        Ok(Witness {
            path: path.to_owned(),
            key,
            log,
            last: last.head,
            _lock: lock,
        })
    }

    pub fn verifier(&self) -> WitnessKey {
        self.key.verifier()
    }

    /// Cosigns the checkpoint in `request`, the body of an `add-checkpoint`, at `now` in seconds
    /// since 1970. Returns the line of the cosignature.
    pub fn add_checkpoint(&mut self, request: &str, now: u64) -> Result<String, Refusal> {
        let (old, proof, note) = parse(request)?;
        let read = SignedTreeHead::read(note);
        let origin = read.map_err(|_| Refusal::Malformed("its checkpoint cannot be read"))?;
        if origin.origin != self.log.name() {
            return Err(Refusal::UnknownLog(origin.origin));
        }
        let SignedTreeHead { head, .. } =
            SignedTreeHead::open(note, &self.log).map_err(|_| Refusal::NotSigned)?;
        if old > head.size {
            return Err(Refusal::Malformed("its old size is above the new one"));
        }
        let last = self.last;
        if old != last.size || (old == head.size && head.root != last.root) {
            return Err(Refusal::Conflict(last.size));
        }
        if !verify_consistency((last.size, last.root), (head.size, head.root), &proof) {
            return Err(Refusal::Inconsistent);
        }
        let (text, _) = parts(note).map_err(|_| Refusal::NotSigned)?;
        let note = cosigned(&self.key, text, now);
        replace(&checkpoint_path(&self.path), "witness", &note).map_err(Refusal::NotKept)?;
        self.last = head;
        Ok(note[text.len() + 1..].to_owned())
    }
}

/// The old size, the proof and the checkpoint in the body of a request.
fn parse(request: &str) -> Result<(u64, Vec<Hash>, &str), Refusal> {
    use Refusal::Malformed;
    let (head, note) = request
        .split_once("\n\n")
        .ok_or(Malformed("it has no empty line"))?;
    let mut lines = head.split('\n');
    let old = lines.next().and_then(|line| line.strip_prefix("old "));
    let size = old.and_then(|old| {
        let size: u64 = old.parse().ok()?;
        (size.to_string() == old).then_some(size)
    });
    let size = size.ok_or(Malformed("its first line must be \"old\" and a size"))?;
    let proof: Option<Vec<Hash>> = lines
        .map(|line| Some(Hash(STANDARD.decode(line).ok()?.try_into().ok()?)))
        .collect();
    let proof = proof.filter(|proof| proof.len() <= LONGEST_PROOF);
    let proof = proof.ok_or(Malformed("its proof must be at most 63 hashes in Base64"))?;
    Ok((size, proof, note))
}

/// `text` as a note that `key` has cosigned.
fn cosigned(key: &CosigningKey, text: &str, now: u64) -> String {
    format!("{text}\n{}", key.cosign(text, now))
}
