//! Signed notes with Ed25519 (C2SP, signed-note): a text, an empty line, and signatures of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};
use std::fmt;
use std::io;
use std::str::FromStr;

/// Between the text and its signatures, and before the name in each of these.
const SEPARATOR: &str = "\n\n\u{2014} ";
const SIGNATURE: &str = "\u{2014} ";

/// Why a note cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("it is no signed note: it must be a text, an empty line and signatures")]
    Malformed,
    #[error("it has no signature by the key {0}")]
    OtherKey(String),
    #[error("the signature by {0} does not match the text: one of them was altered")]
    WrongSignature(String),
}

/// A text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    #[error("it must be a verifier key of Ed25519: NAME+ID+KEY, as `cartlog key` prints it")]
    Verifier,
    #[error("must be a signing key of Ed25519: PRIVATE+KEY+NAME+ID+KEY in one line")]
    Signing,
    #[error(
        "it must be the verifier key of a witness: NAME+ID+KEY with the type cosignature/v1, as \
         `cartlog witness` prints it"
    )]
    Witness,
}

/// What a key of Ed25519 signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyType {
    /// The text of a note.
    Note = 1,
    /// A checkpoint and a time: cosignature/v1.
    Cosignature = 4,
}

/// The public half of a key, with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    key_type: KeyType,
    name: String,
    id: [u8; 4],
    public: [u8; 32],
}

impl VerifierKey {
    fn new(key_type: KeyType, name: &str, public: [u8; 32]) -> VerifierKey {
        let mut sum = Sha256::new();
        sum.update(name);
        sum.update([b'\n', key_type as u8]);
        sum.update(public);
        let [a, b, c, d, ..]: [u8; 32] = sum.finalize().into();
        VerifierKey {
            key_type,
            name: name.to_owned(),
            id: [a, b, c, d],
            public,
        }
    }

    /// The key of `key_type` that `text` is the published form of: `NAME+ID+KEY`.
    pub(super) fn parse(key_type: KeyType, text: &str) -> Option<VerifierKey> {
        let (name, rest) = text.split_once('+')?;
        let (id, key) = rest.split_once('+')?;
        let key = VerifierKey::new(key_type, name, decoded(key_type, key)?);
        (is_name(name) && hex::encode(key.id) == id).then_some(key)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text of `note`, which this key has signed. Signatures by other keys are ignored.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, NoteError> {
        let (text, signatures) = parts(note)?;
        for signature in self.signatures(signatures)? {
            self.verify(text, &signature)?;
        }
        Ok(text)
    }

    /// The signatures by this key among lines of signatures, not verified; at least one.
    pub(super) fn signatures(&self, lines: &str) -> Result<Vec<Vec<u8>>, NoteError> {
        let mut own = Vec::new();
        for line in lines.lines() {
            let line = line.strip_prefix(SIGNATURE).ok_or(NoteError::Malformed)?;
            let (name, signature) = line.split_once(' ').ok_or(NoteError::Malformed)?;
            let signature = STANDARD.decode(signature);
            let signature = signature.map_err(|_| NoteError::Malformed)?;
            let (id, signature) = signature.split_at_checked(4).ok_or(NoteError::Malformed)?;
            if name == self.name && id == self.id {
                own.push(signature.to_vec());
            }
        }
        if own.is_empty() {
            return Err(NoteError::OtherKey(self.name.clone()));
        }
        Ok(own)
    }

    /// Fails unless `signature` is one of `text` by this key.
    pub(super) fn verify(&self, text: &str, signature: &[u8]) -> Result<(), NoteError> {
        UnparsedPublicKey::new(&ED25519, self.public)
            .verify(text.as_bytes(), signature)
            .map_err(|_| NoteError::WrongSignature(self.name.clone()))
    }

    /// The line of a note with `signature` by this key.
    pub(super) fn line(&self, signature: &[u8]) -> String {
        let signature = STANDARD.encode([&self.id, signature].concat());
        format!("{SIGNATURE}{} {signature}\n", self.name)
    }
}

/// The text of `note` and its lines of signatures, none of them verified.
pub fn parts(note: &str) -> Result<(&str, &str), NoteError> {
    if note.contains(|c: char| c < ' ' && c != '\n') || !note.ends_with('\n') {
        return Err(NoteError::Malformed);
    }
    let end = note.rfind(SEPARATOR).ok_or(NoteError::Malformed)?;
    Ok((&note[..=end], &note[end + 2..]))
}

/// Whether `name` can be the name of a key.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

/// The form in which keys are published: `NAME+ID+KEY`.
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, key) = (hex::encode(self.id), encoded(self.key_type, self.public));
        write!(f, "{}+{id}+{key}", self.name)
    }
}

impl FromStr for VerifierKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<VerifierKey, InvalidKey> {
        VerifierKey::parse(KeyType::Note, text).ok_or(InvalidKey::Verifier)
    }
}

/// A key that signs notes. Its text form is that of Go's `sumdb/note`.
pub struct SigningKey {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl SigningKey {
    /// The key that 32 random bytes are the seed of.
    pub fn new(name: &str, seed: [u8; 32]) -> SigningKey {
        SigningKey::of_type(KeyType::Note, name, seed)
    }

    /// The key of `key_type` that 32 random bytes are the seed of.
    pub(super) fn of_type(key_type: KeyType, name: &str, seed: [u8; 32]) -> SigningKey {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
        let pair = pair.expect("32 bytes are a seed of Ed25519");
        let public = pair.public_key().as_ref().try_into();
        SigningKey {
            verifier: VerifierKey::new(key_type, name, public.expect("public keys have 32 bytes")),
            seed,
            pair,
        }
    }

    /// A random key named `name`.
    pub fn generate(name: &str) -> io::Result<SigningKey> {
        SigningKey::generate_of_type(KeyType::Note, name)
    }

    /// A random key of `key_type`, named `name`.
    pub(super) fn generate_of_type(key_type: KeyType, name: &str) -> io::Result<SigningKey> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        Ok(SigningKey::of_type(key_type, name, seed))
    }

    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The bare signature of `text`.
    pub(super) fn signature(&self, text: &str) -> Vec<u8> {
        self.pair.sign(text.as_bytes()).as_ref().to_vec()
    }

    /// `text`, which must end with a line feed, as a note that each of `keys` has signed.
    pub fn sign(text: &str, keys: &[&SigningKey]) -> String {
        let line = |key: &&SigningKey| key.verifier.line(&key.signature(text));
        let signatures: String = keys.iter().map(line).collect();
        format!("{text}\n{signatures}")
    }

    /// The form in which the key is kept in its file.
    pub fn to_text(&self) -> String {
        let key = &self.verifier;
        let (id, seed) = (hex::encode(key.id), encoded(key.key_type, self.seed));
        format!("PRIVATE+KEY+{}+{id}+{seed}\n", key.name)
    }

    /// The key of `key_type` that `text` is the stored form of.
    pub(super) fn parse(key_type: KeyType, text: &str) -> Option<SigningKey> {
        let rest = text.trim_end().strip_prefix("PRIVATE+KEY+")?;
        let (name, rest) = rest.split_once('+')?;
        let (id, seed) = rest.split_once('+')?;
        let key = SigningKey::of_type(key_type, name, decoded(key_type, seed)?);
        (is_name(name) && hex::encode(key.verifier.id) == id).then_some(key)
    }
}

impl Clone for SigningKey {
    fn clone(&self) -> SigningKey {
        SigningKey::of_type(self.verifier.key_type, self.verifier.name(), self.seed)
    }
}

/// Keys with the same public half are the same.
impl PartialEq for SigningKey {
    fn eq(&self, other: &SigningKey) -> bool {
        self.verifier == other.verifier
    }
}

impl Eq for SigningKey {}

/// Without the key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifier)
    }
}

impl FromStr for SigningKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<SigningKey, InvalidKey> {
        SigningKey::parse(KeyType::Note, text).ok_or(InvalidKey::Signing)
    }
}

fn encoded(key_type: KeyType, key: [u8; 32]) -> String {
    STANDARD.encode([&[key_type as u8], &key[..]].concat())
}

fn decoded(key_type: KeyType, text: &str) -> Option<[u8; 32]> {
    let typed = STANDARD.decode(text).ok()?;
    let (found, key) = typed.split_first()?;
    (*found == key_type as u8)
        .then(|| key.try_into().ok())
        .flatten()
}
