//! The secret, and the log that it belongs to.
//!
//! The credentials of carts opened under an idempotency key are derived from the secret, and the
//! digests of all idempotency keys in the log are keyed by it. With another one, a retry would be
//! executed again, and that of an opening would open another cart. So the log records a digest of
//! its secret, and a missing or wrong one is refused at start.

use crate::files::{Partial, create_folder_of, make_private, refuse_irregular};
use crate::history::{CommitMetadata, HistoryError, StoredDigest};
use crate::log::{LogAdministration, LogReader, OpenError, Position, ReadError, Version};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Length of the secret in bytes.
const LENGTH: usize = 32;
/// How many events are read at a time.
const BATCH: usize = 4_096;

/// Why the secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("cannot read or create the secret {}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error(
        "the secret {} is missing, but this log was used with one: restore it from a backup; if it \
         is lost, run `cartlog accept-secret` (retries of earlier requests are then executed \
         again)",
        .0.display()
    )]
    Missing(PathBuf),
    #[error(
        "the secret {0} must be the one that this log was used with, but is another: restore that \
         one from a backup or another node; if it is lost, run `cartlog accept-secret` (retries of \
         earlier requests are then executed again)"
    )]
    Wrong(SecretSource),
    #[error(transparent)]
    Log(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// Where the secret comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file, which is generated for a log that was not used with a secret.
    File(PathBuf),
    /// The setting `security.secret`.
    Setting(Secret),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::File(path) => path.display().fmt(f),
            SecretSource::Setting(_) => f.write_str("in security.secret"),
        }
    }
}

/// Without the secret.
impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// 32 random bytes that only the service's user can read.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; LENGTH]);

/// Text is not a [`Secret`]. The message does not show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must have 64 hexadecimal digits, which are never shown; generate them, for example with \
     `openssl rand -hex 32`"
)]
pub struct InvalidSecret;

impl FromStr for Secret {
    type Err = InvalidSecret;

    fn from_str(digits: &str) -> Result<Secret, InvalidSecret> {
        let mut bytes = [0; LENGTH];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| InvalidSecret)?;
        Ok(Secret(bytes))
    }
}

impl From<[u8; LENGTH]> for Secret {
    fn from(bytes: [u8; LENGTH]) -> Secret {
        Secret(bytes)
    }
}

impl Secret {
    /// Reads the secret of `log` from `source`, and generates a file for a log that was not used
    /// with one.
    pub async fn of(
        log: &dyn LogReader,
        administration: &dyn LogAdministration,
        source: &SecretSource,
    ) -> Result<Secret, SecretError> {
        let recorded = administration.secret_digest()?;
        let secret = match source {
            SecretSource::Setting(secret) => secret.clone(),
            SecretSource::File(path) => match load(path)? {
                Some(secret) => secret,
                None if recorded.is_some() || was_used(log).await? => {
                    return Err(SecretError::Missing(path.clone()));
                }
                None => create(path)?,
            },
        };
        // Two nodes may start at the same time: the first one's is recorded.
        let recorded = match recorded {
            Some(digest) => digest,
            None => administration.record_secret_digest(secret.digest(), false)?,
        };
        if recorded != secret.digest() {
            return Err(SecretError::Wrong(source.clone()));
        }
        Ok(secret)
    }

    /// Makes the secret from `source` that of the log, in place of one that is lost. Generates a
    /// file that does not exist.
    pub fn accept(
        administration: &dyn LogAdministration,
        source: &SecretSource,
    ) -> Result<(), SecretError> {
        let secret = match source {
            SecretSource::Setting(secret) => secret.clone(),
            SecretSource::File(path) => match load(path)? {
                Some(secret) => secret,
                None => create(path)?,
            },
        };
        administration.record_secret_digest(secret.digest(), true)?;
        Ok(())
    }

    /// 32 bytes that depend on the secret, on what they are for, and on `input`.
    pub fn derive(&self, purpose: &[u8], input: &[u8]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(purpose);
        mac.update(input);
        mac.finalize().into_bytes().into()
    }

    /// What the log records: it tells secrets apart, and nothing else can be derived from it.
    fn digest(&self) -> [u8; 32] {
        self.derive(b"digest of the secret in the log", b"")
    }
}

/// Whether anything in `log` depends on a secret: the id of a cart opened under a key, which is a
/// UUIDv8, or a keyed digest.
async fn was_used(log: &dyn LogReader) -> Result<bool, SecretError> {
    let mut after = Position(0);
    loop {
        let events = log.read_all(after, BATCH).await?;
        let Some(last) = events.last() else {
            return Ok(false);
        };
        after = last.position;
        for event in &events {
            let key = CommitMetadata::of(event)?.key;
            let opened_under_key =
                event.version == Version(1) && event.stream.get_version_num() == 8;
            if opened_under_key || key.is_some_and(StoredDigest::is_keyed) {
                return Ok(true);
            }
        }
    }
}

/// The secret in the file at `path`, if there is one.
fn load(path: &Path) -> Result<Option<Secret>, SecretError> {
    let failed = |error| SecretError::File {
        path: path.to_owned(),
        error,
    };
    let opened = refuse_irregular(path).and_then(|()| File::open(path));
    let read = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.and_then(read),
    };
    let secret = read.map_err(failed)?;
    make_private(path);
    Ok(Some(secret))
}

/// Reads the secret, which must be the whole of `file`. A longer file is rejected too: its author
/// would rely on bytes that have no effect.
fn read(file: File) -> io::Result<Secret> {
    let mut bytes = Vec::with_capacity(LENGTH + 1);
    file.take(LENGTH as u64 + 1).read_to_end(&mut bytes)?;
    let bytes: [u8; LENGTH] = bytes.try_into().map_err(|bytes: Vec<u8>| {
        let length = if bytes.len() > LENGTH {
            format!("more than {LENGTH}")
        } else {
            bytes.len().to_string()
        };
        let reason = format!(
            "the file has {length} bytes, but a secret must have {LENGTH}: write {LENGTH} random \
             bytes to it, or delete it to have a secret generated"
        );
        io::Error::new(io::ErrorKind::InvalidData, reason)
    })?;
    Ok(Secret(bytes))
}

/// Generates a secret at `path`, which does not exist. The file is complete and durable, or not
/// there: a crash must not leave one that later starts refuse.
fn create(path: &Path) -> Result<Secret, SecretError> {
    let create = || {
        let mut secret = [0; LENGTH];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        create_folder_of(path)?;
        let mut partial = Partial::beside(path, "secret")?;
        partial.file().write_all(&secret)?;
        partial.place(path)?;
        Ok(Secret(secret))
    };
    create().map_err(|error| SecretError::File {
        path: path.to_owned(),
        error,
    })
}
