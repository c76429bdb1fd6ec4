//! Why the views cannot be brought up to date, and whether a retry or a rebuild helps.

use super::guard::{Damaged, is_damage};
use crate::decider::UnreadableEvent;
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

/// Why the views are not being updated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewFailure {
    pub reason: String,
    /// Whether the files themselves are damaged, so that only a rebuild helps and no retry.
    pub damaged: bool,
}

impl ViewFailure {
    /// What `error` means for the views. An error of the log is returned, since neither a retry nor
    /// a rebuild helps, but for an event that this program does not know.
    pub(super) fn of(error: UpdateError) -> Result<ViewFailure, UpdateError> {
        match error {
            UpdateError::Views(error) => Ok(ViewFailure {
                damaged: is_damage(&error) || !is_transient(&error),
                reason: error.to_string(),
            }),
            UpdateError::Damaged(Damaged(reason)) => Ok(ViewFailure {
                reason,
                damaged: true,
            }),
            // The events before it have been applied, and none after it is: another program has
            // written it, which knows more.
            error @ UpdateError::History(_) if error.is_unknown_event() => Ok(ViewFailure {
                reason: format!("stopped before an event: {error} Upgrade this node"),
                damaged: false,
            }),
            error @ UpdateError::History(_) => Err(error),
        }
    }
}

impl UpdateError {
    /// Whether a newer program has written the event that cannot be read.
    pub(super) fn is_unknown_event(&self) -> bool {
        matches!(
            self,
            UpdateError::History(HistoryError::Event {
                error: UnreadableEvent::Unknown { .. },
                ..
            })
        )
    }
}

/// Whether `error` comes from outside of the file, so that a retry may succeed.
fn is_transient(error: &rusqlite::Error) -> bool {
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
