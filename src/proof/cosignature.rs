//! Cosignatures (C2SP, tlog-cosignature v1 with Ed25519): the statement of a witness that a
//! checkpoint was the newest of its log that it had seen at a time, and extended all before it.

use super::note::{InvalidKey, KeyType, NoteError, SigningKey, VerifierKey};
use crate::timestamp::Timestamp;
use std::fmt;
use std::io;
use std::str::FromStr;

/// Bytes of the time before the signature.
const TIME: usize = 8;

/// The key that cosignatures of a witness are verified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessKey(VerifierKey);

/// A verified cosignature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// Its line in a note.
    pub line: String,
    /// When the witness signed, by its own clock; to the second.
    pub at: Timestamp,
}

impl WitnessKey {
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The cosignature of `text`, a checkpoint, by this key among `lines` of signatures.
    /// Signatures by other keys are ignored.
    pub fn cosignature(&self, text: &str, lines: &str) -> Result<Cosignature, NoteError> {
        let wrong = || NoteError::WrongSignature(self.name().to_owned());
        let mut newest = None;
        for timed in self.0.signatures(lines)? {
            let (time, signature) = timed.split_first_chunk::<TIME>().ok_or_else(wrong)?;
            let time = u64::from_be_bytes(*time);
            self.0.verify(&message(time, text), signature)?;
            let seconds = i64::try_from(time).map_err(|_| wrong())?;
            let at = Timestamp::from_millis(seconds.saturating_mul(1_000));
            let line = self.0.line(&timed);
            newest = Some(Cosignature { line, at });
        }
        newest.ok_or_else(wrong)
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for WitnessKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<WitnessKey, InvalidKey> {
        VerifierKey::parse(KeyType::Cosignature, text)
            .map(WitnessKey)
            .ok_or(InvalidKey::Witness)
    }
}

/// The key of a witness.
#[derive(Debug)]
pub struct CosigningKey(SigningKey);

impl CosigningKey {
    /// A random key named `name`.
    pub fn generate(name: &str) -> io::Result<CosigningKey> {
        SigningKey::generate_of_type(KeyType::Cosignature, name).map(CosigningKey)
    }

    pub fn verifier(&self) -> WitnessKey {
        WitnessKey(self.0.verifier().clone())
    }

    /// Cosigns `text`, a checkpoint, at a time in seconds since 1970: one line of a note.
    pub fn cosign(&self, text: &str, time: u64) -> String {
        let signature = self.0.signature(&message(time, text));
        let timed = [&time.to_be_bytes()[..], &signature].concat();
        self.0.verifier().line(&timed)
    }

    /// The form in which the key is kept in its file.
    pub fn to_text(&self) -> String {
        self.0.to_text()
    }
}

impl FromStr for CosigningKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<CosigningKey, InvalidKey> {
        SigningKey::parse(KeyType::Cosignature, text)
            .map(CosigningKey)
            .ok_or(InvalidKey::Signing)
    }
}

/// What is signed.
fn message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}
