//! What keeps the views from being brought up to date, and whether waiting mends it.

use super::guard::{Damaged, is_damage};
use crate::history::HistoryError;
use rusqlite::ErrorCode;

/// Why the views could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error("the views cannot be written: {0}")]
    Views(#[from] rusqlite::Error),
    #[error(transparent)]
    Damaged(#[from] Damaged),
}

/// What keeps the views from being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewFailure {
    pub reason: String,
    /// Whether it is in the views themselves, so that waiting will not mend it and a rebuild will.
    pub damaged: bool,
}

impl ViewFailure {
    /// What `error` means for the views; the error itself if it is the log's, which no waiting and
    /// no rebuild mends.
    pub(super) fn of(error: UpdateError) -> Result<ViewFailure, UpdateError> {
        match error {
            UpdateError::Views(error) => Ok(ViewFailure {
                damaged: is_damage(&error) || !may_pass(&error),
                reason: error.to_string(),
            }),
            UpdateError::Damaged(Damaged(reason)) => Ok(ViewFailure {
                reason,
                damaged: true,
            }),
            error @ UpdateError::History(_) => Err(error),
        }
    }
}

/// Whether what SQLite reports comes from outside of the file, so that it may be gone another time.
fn may_pass(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::CannotOpen
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OperationInterrupted
                | ErrorCode::OutOfMemory
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure
        )
    )
}
