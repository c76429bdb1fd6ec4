//! The secret, and the log that it belongs to.
//!
//! The credentials of carts opened under an idempotency key are derived from the secret. With
//! another one, a retry of such an opening would open another cart. So the log records a digest of
//! its secret, and a missing or wrong one is refused at start.

use crate::files::{Partial, create_folder_of, make_private, refuse_irregular};
use crate::log::{LogAdministration, LogReader, OpenError, Position, ReadError, Version};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

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
         is lost, run `cartlog accept-secret` (retries of earlier openings then open other carts)",
        .0.display()
    )]
    Missing(PathBuf),
    #[error(
        "the secret {} must be the one that this log was used with, but is another: restore that \
         one from a backup; if it is lost, run `cartlog accept-secret` (retries of earlier \
         openings then open other carts)",
        .0.display()
    )]
    Wrong(PathBuf),
    #[error(transparent)]
    Log(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// 32 random bytes that only the service's user can read.
pub struct Secret([u8; LENGTH]);

impl Secret {
    /// Reads the secret of `log` at `path`, and generates it for a log that was not used with one.
    pub async fn of(
        log: &dyn LogReader,
        administration: &dyn LogAdministration,
        path: &Path,
    ) -> Result<Secret, SecretError> {
        let recorded = administration.secret_digest()?;
        let secret = match load(path)? {
            Some(secret) => secret,
            None if recorded.is_some() || has_keyed_carts(log).await? => {
                return Err(SecretError::Missing(path.to_owned()));
            }
            None => create(path)?,
        };
        match recorded {
            Some(digest) if digest == secret.digest() => {}
            Some(_) => return Err(SecretError::Wrong(path.to_owned())),
            None => administration.record_secret_digest(secret.digest())?,
        }
        Ok(secret)
    }

    /// Makes the secret at `path` that of the log, in place of one that is lost. Generates it if it
    /// does not exist.
    pub fn accept(administration: &dyn LogAdministration, path: &Path) -> Result<(), SecretError> {
        let secret = match load(path)? {
            Some(secret) => secret,
            None => create(path)?,
        };
        Ok(administration.record_secret_digest(secret.digest())?)
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

/// Whether a cart was opened under a key: only those have UUIDv8 ids.
async fn has_keyed_carts(log: &dyn LogReader) -> Result<bool, ReadError> {
    let mut after = Position(0);
    loop {
        let events = log.read_all(after, BATCH).await?;
        let Some(last) = events.last() else {
            return Ok(false);
        };
        after = last.position;
        let mut opened = events.iter().filter(|event| event.version == Version(1));
        if opened.any(|event| event.stream.get_version_num() == 8) {
            return Ok(true);
        }
    }
}

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
