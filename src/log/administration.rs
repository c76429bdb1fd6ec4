//! What operating a log takes beside reading and appending: backup, audit of the storage, import.

use super::digest::LogHead;
use super::event::{Head, Position, RecordedEvent};
use super::port::ReadError;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Why the log could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("the log {location} cannot be opened: {reason}")]
pub struct OpenError {
    /// A path, or an address without secrets.
    pub location: String,
    pub reason: String,
    /// Whether another process has it open.
    pub in_use: bool,
}

impl OpenError {
    pub(super) fn new(location: &Path, reason: impl Into<String>) -> OpenError {
        OpenError {
            location: location.display().to_string(),
            reason: reason.into(),
            in_use: false,
        }
    }
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{} exists already, and a backup never overwrites: name another file", .0.display())]
    Exists(PathBuf),
    #[error("the log {location} cannot be read: {reason}")]
    Log { location: String, reason: String },
    #[error("the backup {} cannot be written: {reason}", path.display())]
    Target { path: PathBuf, reason: String },
    #[error(
        "the backup of {location} was damaged and is discarded: {found}. \
         Check the log (cartlog verify)"
    )]
    Damaged { location: String, found: String },
    #[error(
        "a copy of the log needs {needed} bytes beside {location}, where {free} are free, and \
         {kept} have to stay free for the log: make room, or run `cartlog backup` to another disk"
    )]
    NoRoom {
        location: String,
        needed: u64,
        free: u64,
        kept: u64,
    },
    #[error("the service is stopping, or the client has gone")]
    Stopped,
}

impl From<OpenError> for BackupError {
    fn from(error: OpenError) -> BackupError {
        BackupError::Log {
            location: error.location,
            reason: error.reason,
        }
    }
}

/// A copy of the log in a file without a name, which is gone once it is closed.
#[derive(Debug)]
pub struct LogCopy {
    pub file: File,
    pub bytes: u64,
    pub head: LogHead,
}

/// Called with the work done and the total; says whether to go on.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>;

/// Operates a log that may be open in another process, or in none.
pub trait LogAdministration: Send + Sync {
    /// Where the log is, for messages: a path, or an address without secrets.
    fn location(&self) -> String;

    /// Whether the log has been created.
    fn exists(&self) -> bool;

    /// The files on this machine that the log consists of or may create. No other file may take
    /// their place.
    fn files(&self) -> Vec<PathBuf>;

    /// The digest of the secret that the log was used with, if one was recorded.
    fn secret_digest(&self) -> Result<Option<[u8; 32]>, OpenError>;

    /// Records the digest of the secret beside the log's identity if none is recorded, or in any
    /// case with `replace`. Returns the one that is recorded afterwards, which is durable.
    fn record_secret_digest(&self, digest: [u8; 32], replace: bool) -> Result<[u8; 32], OpenError>;

    /// The note that nodes which share the log keep in its engine
    /// ([`NoteStore`](super::NoteStore)); `None` if there is none, or if one process alone writes
    /// the log.
    fn note(&self) -> Result<Option<String>, OpenError> {
        Ok(None)
    }

    /// Keeps `next` for the nodes in place of `last`, and returns whether that was the one. Does
    /// nothing if one process alone writes the log.
    fn replace_note(&self, last: Option<&str>, next: &str) -> Result<bool, OpenError> {
        let _ = (last, next);
        Ok(true)
    }

    /// Brings this node's copy of a shared log up to date. A log without copies has nothing to do.
    fn update_copy(&self) -> Result<(), OpenError> {
        Ok(())
    }

    /// Copies the log as of one moment to the file `target`, which must not exist. The copy is
    /// complete, checked and durable, or there is none. Returns the head of the copy.
    fn back_up(&self, target: &Path, progress: Progress<'_>) -> Result<LogHead, BackupError>;

    /// The same into a file without a name, on the log's disk. Refuses if that would leave too
    /// little of the disk to the log.
    fn copy(&self, progress: Progress<'_>) -> Result<LogCopy, BackupError>;

    /// Opens the log's storage for an audit.
    fn audit(&self) -> Result<Box<dyn LogAudit>, OpenError>;

    /// Begins to fill an empty log in bulk; `None` if the engine has no faster way than to append.
    fn import_in_bulk(&self) -> Result<Option<Box<dyn BulkImporter>>, OpenError>;
}

/// Reads the stored entries one by one, relying on none of them: a damaged entry is returned as
/// such, and the entries after it can still be read.
pub trait LogAudit: Send {
    fn identity(&self) -> Uuid;

    /// The position of the last event that is stored now.
    fn end(&self) -> Result<Position, ReadError>;

    /// At most `limit` entries after `after`, by position.
    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Result<RecordedEvent, UnreadableRow>>, ReadError>;

    /// At most `limit` entries after `after` of the index that `read_stream` uses, by stream and
    /// version.
    fn read_index(
        &self,
        after: Option<IndexEntry>,
        limit: usize,
    ) -> Result<Vec<IndexEntry>, ReadError>;

    /// The faults that the engine finds in the structure of its storage.
    fn check_storage(&self) -> Result<Vec<String>, ReadError>;

    /// Compares this node's copy of a shared log with what the engine has, and reports each
    /// difference to `differs` with its position. Ends early once `stopped`. A log without copies
    /// has none.
    fn compare_copy(
        &self,
        stopped: &dyn Fn() -> bool,
        differs: &mut dyn FnMut(Position, String),
    ) -> Result<(), ReadError> {
        let _ = (stopped, differs);
        Ok(())
    }
}

/// A stored entry that is not an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableRow {
    pub position: Position,
    /// The entry's stream and version, if these can be read.
    pub stream: Option<Uuid>,
    pub version: Option<u64>,
    pub reason: String,
}

/// An entry of the index by stream and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexEntry {
    pub stream: Uuid,
    pub version: u64,
    pub position: Position,
}

/// Fills an empty log. An engine's own importer works at disk speed, and the log appears complete
/// with [`BulkImporter::finish`] or not at all.
pub trait BulkImporter {
    /// Adds `event` at the next position. The caller has checked that it follows its stream.
    fn add(&mut self, event: &RecordedEvent) -> Result<(), OpenError>;

    /// The end of `stream` so far.
    fn head(&self, stream: Uuid) -> Result<Head, OpenError>;

    /// Publishes the log and returns the number of its events.
    fn finish(self: Box<Self>) -> Result<u64, OpenError>;
}
