//! The signing key, and the checkpoint that it signed last, in two files beside each other.
//!
//! The last checkpoint belongs to the key and not to the log: a log that is restored from a backup,
//! under whatever path, is signed only if it extends what the key has signed.
//!
//! Nodes that share a log have the same key, and its engine keeps the last checkpoint. The file of
//! each node then has the last one that this node knows, so that a log whose engine has lost its
//! end together with its last checkpoint is not signed either.

use super::note::{InvalidKey, SigningKey, VerifierKey};
use super::tree_head::{CheckpointError, SignedTreeHead, TreeHead};
use crate::file_lock::FileLock;
use crate::files::{beside, create_folder_of, make_private, read_small, replace};
use crate::timestamp::Timestamp;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where the key is, and how the log is named.
#[derive(Debug, Clone)]
pub struct KeySettings {
    pub path: PathBuf,
    /// The log's name; `None` for that of the existing key, or for one from the log's id.
    pub origin: Option<String>,
    /// The key itself, in place of the file, for a log that nodes share.
    pub key: Option<SigningKey>,
}

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot read or write {}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{} is in use: {error}", path.display())]
    InUse { path: PathBuf, error: io::Error },
    #[error("the signing key {} cannot be used: {error}", path.display())]
    Key { path: PathBuf, error: InvalidKey },
    #[error(
        "the signing key {} is missing, but a checkpoint was signed with it: restore it from a \
         copy; if it is lost, run `cartlog key --new-history`",
        .0.display()
    )]
    KeyMissing(PathBuf),
    #[error(
        "the last signed checkpoint {} is missing, without which a log that lost events could be \
         signed: restore it from a copy; if it is lost, run `cartlog key --new-history`",
        .0.display()
    )]
    CheckpointMissing(PathBuf),
    #[error(
        "there is no signing key {}, but other nodes have signed this log: copy the key from one \
         of them, or set proof.key to it; if it is lost, stop all nodes and run `cartlog key \
         --new-history` on one",
        .0.display()
    )]
    NotShared(PathBuf),
    #[error(
        "the signing key is in proof.key, which cannot be replaced from here: write it to {}, set \
         proof.key to \"\", repeat this command, and give all nodes the new key",
        .0.display()
    )]
    InSetting(PathBuf),
    #[error("the last signed checkpoint cannot be replaced: {0}")]
    Publication(String),
    #[error(
        "the last signed checkpoint {} cannot be used: {error}; restore it from a copy; if it is \
         lost, run `cartlog key --new-history`",
        path.display()
    )]
    Checkpoint {
        path: PathBuf,
        error: CheckpointError,
    },
    #[error(
        "proof.origin = \"{setting}\" must be the name of the signing key, which is \"{name}\": \
         change the setting, or run `cartlog key --rotate` for a key of that name"
    )]
    OtherName { setting: String, name: String },
}

/// The key and the checkpoint that it signed last. No other process signs with it meanwhile.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    key: SigningKey,
    last: SignedTreeHead,
    _lock: FileLock,
}

/// The file of the checkpoint that the key at `key` signed last.
pub fn checkpoint_path(key: &Path) -> PathBuf {
    beside(key, ".checkpoint")
}

impl KeyFile {
    /// Opens the key, and generates one named `default_origin` unless the settings name it, where
    /// none has ever signed.
    pub fn open(settings: &KeySettings, default_origin: &str) -> Result<KeyFile, KeyError> {
        let path = &settings.path;
        let lock = lock(path)?;
        let (key, last) = match (read_key(path)?, read_checkpoint(path)?) {
            (None, Some(last)) if last.head.size > 0 => {
                return Err(KeyError::KeyMissing(path.clone()));
            }
            // A crash may have left the first checkpoint without its key.
            (None, _) => create(path, settings.origin.as_deref().unwrap_or(default_origin))?,
            (Some(_), None) => return Err(KeyError::CheckpointMissing(checkpoint_path(path))),
            (Some(key), Some(last)) => {
                let opened = SignedTreeHead::open(&last.note, key.verifier());
                let last = opened.map_err(|error| unusable(path, error))?;
                (key, last)
            }
        };
        KeyFile::named(settings, key, last, lock)
    }

    /// Opens this node's key of a log that nodes share, and generates one for a log that no node
    /// has signed. `is_signed` says whether one has.
    pub fn open_shared(
        settings: &KeySettings,
        default_origin: &str,
        is_signed: bool,
    ) -> Result<KeyFile, KeyError> {
        let path = &settings.path;
        let lock = lock(path)?;
        let seen = read_checkpoint(path)?;
        let key = match (&settings.key, read_key(path)?, &seen) {
            (Some(key), ..) => key.clone(),
            (None, Some(key), _) => key,
            (None, None, _) if is_signed => return Err(KeyError::NotShared(path.clone())),
            (None, None, Some(seen)) if seen.head.size > 0 => {
                return Err(KeyError::KeyMissing(path.clone()));
            }
            (None, None, _) => {
                create(path, settings.origin.as_deref().unwrap_or(default_origin))?.0
            }
        };
        // That of an earlier key says nothing about what this one has signed.
        let seen = seen.and_then(|seen| SignedTreeHead::open(&seen.note, key.verifier()).ok());
        let last = seen.unwrap_or_else(|| SignedTreeHead::sign(TreeHead::EMPTY, &[&key]));
        KeyFile::named(settings, key, last, lock)
    }

    /// The opened key, if its name is the one in the settings.
    fn named(
        settings: &KeySettings,
        key: SigningKey,
        last: SignedTreeHead,
        lock: FileLock,
    ) -> Result<KeyFile, KeyError> {
        match &settings.origin {
            Some(setting) if setting != key.verifier().name() => Err(KeyError::OtherName {
                setting: setting.clone(),
                name: key.verifier().name().to_owned(),
            }),
            _ => Ok(KeyFile {
                path: settings.path.clone(),
                key,
                last,
                _lock: lock,
            }),
        }
    }

    pub fn verifier(&self) -> &VerifierKey {
        self.key.verifier()
    }

    /// The checkpoint that was signed last.
    pub fn last(&self) -> &SignedTreeHead {
        &self.last
    }

    /// Signs `head`, which must extend the last one. Nothing may see it before it is
    /// [kept](Self::keep).
    pub(super) fn sign(&self, head: TreeHead) -> SignedTreeHead {
        SignedTreeHead::sign(head, &[&self.key])
    }

    /// Makes `signed` the last one. Once this returns `Ok`, it is so durably.
    pub(super) fn keep(&mut self, signed: SignedTreeHead) -> Result<(), KeyError> {
        write(&checkpoint_path(&self.path), &signed.note)?;
        self.last = signed;
        Ok(())
    }

    /// Replaces the key by a new one, and returns it with the files that the old key and its
    /// checkpoint were set aside as. With `keep_history` the new key extends what the old one
    /// signed; otherwise it starts a new history.
    ///
    /// `shared` is the last checkpoint in the engine of a log that nodes share. `publish` gets the
    /// first checkpoint of the new key before any file is changed.
    pub fn replace(
        settings: &KeySettings,
        default_origin: &str,
        keep_history: bool,
        shared: Option<&str>,
        publish: impl FnOnce(&str) -> Result<(), String>,
    ) -> Result<(VerifierKey, Vec<PathBuf>), KeyError> {
        let path = &settings.path;
        if settings.key.is_some() {
            return Err(KeyError::InSetting(path.clone()));
        }
        let _lock = lock(path)?;
        let old = match read_key(path) {
            Err(KeyError::Key { .. }) if !keep_history => None,
            read => read?,
        };
        let name = match (&settings.origin, &old) {
            (Some(origin), _) => origin.clone(),
            (None, Some(old)) => old.verifier().name().to_owned(),
            (None, None) => default_origin.to_owned(),
        };
        let new = SigningKey::generate(&name).map_err(|error| at(path, error))?;
        let mut signers = vec![&new];
        let head = if keep_history {
            let old = old.as_ref();
            let old = old.ok_or_else(|| KeyError::KeyMissing(path.clone()))?;
            let kept = match shared {
                Some(note) => Some(note.to_owned()),
                None => read_checkpoint(path)?.map(|last| last.note),
            };
            let note = kept.ok_or_else(|| KeyError::CheckpointMissing(checkpoint_path(path)))?;
            let last = SignedTreeHead::open(&note, old.verifier());
            // Signed by both, it fits whichever key a crash leaves.
            if old.verifier().name() == name {
                signers.push(old);
            }
            last.map_err(|error| unusable(path, error))?.head
        } else {
            TreeHead::EMPTY
        };
        let first = SignedTreeHead::sign(head, &signers);
        publish(&first.note).map_err(KeyError::Publication)?;
        let mut kept = Vec::new();
        for file in [path.clone(), checkpoint_path(path)] {
            kept.extend(set_aside(&file).map_err(|error| at(&file, error))?);
        }
        write(&checkpoint_path(path), &first.note)?;
        write(path, &new.to_text())?;
        Ok((new.verifier().clone(), kept))
    }
}

/// The public half of the key, if there is one.
pub fn verifier_key(settings: &KeySettings) -> Result<Option<VerifierKey>, KeyError> {
    let key = match &settings.key {
        Some(key) => Some(key.clone()),
        None => read_key(&settings.path)?,
    };
    Ok(key.map(|key| key.verifier().clone()))
}

/// The checkpoint that the key at `path` signed last, if there is one. A checkpoint that this key
/// did not sign is an error.
pub fn last_signed(path: &Path) -> Result<Option<SignedTreeHead>, KeyError> {
    let Some(last) = read_checkpoint(path)? else {
        return Ok(None);
    };
    match read_key(path)? {
        None => Ok(Some(last)),
        Some(key) => SignedTreeHead::open(&last.note, key.verifier())
            .map(Some)
            .map_err(|error| unusable(path, error)),
    }
}

fn lock(path: &Path) -> Result<FileLock, KeyError> {
    create_folder_of(path).map_err(|error| at(path, error))?;
    FileLock::acquire(path, "this signing key").map_err(|error| KeyError::InUse {
        path: path.to_owned(),
        error,
    })
}

/// Generates a key. The checkpoint of the empty log is there before it: a key without a checkpoint
/// has lost it, and must not sign.
fn create(path: &Path, origin: &str) -> Result<(SigningKey, SignedTreeHead), KeyError> {
    let key = SigningKey::generate(origin).map_err(|error| at(path, error))?;
    let first = SignedTreeHead::sign(TreeHead::EMPTY, &[&key]);
    write(&checkpoint_path(path), &first.note)?;
    write(path, &key.to_text())?;
    Ok((key, first))
}

fn read_key(path: &Path) -> Result<Option<SigningKey>, KeyError> {
    let Some(text) = read(path)? else {
        return Ok(None);
    };
    make_private(path);
    let key = text.parse().map_err(|error| KeyError::Key {
        path: path.to_owned(),
        error,
    })?;
    Ok(Some(key))
}

fn read_checkpoint(key: &Path) -> Result<Option<SignedTreeHead>, KeyError> {
    let Some(text) = read(&checkpoint_path(key))? else {
        return Ok(None);
    };
    SignedTreeHead::read(&text)
        .map(Some)
        .map_err(|error| unusable(key, error))
}

fn read(path: &Path) -> Result<Option<String>, KeyError> {
    read_small(path).map_err(|error| at(path, error))
}

fn write(path: &Path, text: &str) -> Result<(), KeyError> {
    replace(path, "proof", text).map_err(|error| at(path, error))
}

/// Copies `file`, if it exists, to a name that nothing else has.
fn set_aside(file: &Path) -> io::Result<Option<PathBuf>> {
    if !file.exists() {
        return Ok(None);
    }
    let kept = beside(file, &format!(".replaced-{}", Timestamp::now().millis()));
    fs::copy(file, &kept)?;
    Ok(Some(kept))
}

fn at(path: &Path, error: io::Error) -> KeyError {
    KeyError::File {
        path: path.to_owned(),
        error,
    }
}

fn unusable(key: &Path, error: CheckpointError) -> KeyError {
    KeyError::Checkpoint {
        path: checkpoint_path(key),
        error,
    }
}
