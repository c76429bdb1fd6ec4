//! A copy of the log, taken while it is in use (SQLite, "Online Backup API").

use super::{rows, schema};
use crate::disk_space::free_bytes;
use crate::files::{Partial, beside};
use crate::log::{BackupError, LogCopy, LogHead, Progress};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

/// How many pages are copied between two reports of progress: 8 MiB.
const STEP: i32 = 2_048;
/// The kind of the partial files.
pub(super) const KIND: &str = "backup";

/// What a copy must leave free on the log's disk: a full disk would stop the service.
const KEPT_FREE: u64 = 64 << 20;

/// Copies the log at `path`, as of one moment, to `target`; `progress` is in pages.
pub(super) fn back_up(
    path: &Path,
    target: &Path,
    progress: Progress<'_>,
) -> Result<LogHead, BackupError> {
    if target.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    let (copy, head) = copy_beside(path, target, progress)?;
    copy.place(target).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(target.to_owned()),
        _ => unwritable(target, error.to_string()),
    })?;
    Ok(head)
}

/// Copies the log at `path`, as of one moment, to a file without a name.
pub(super) fn copy(path: &Path, progress: Progress<'_>) -> Result<LogCopy, BackupError> {
    let size = |file: &Path| file.metadata().map_or(0, |found| found.len());
    let needed = size(path).saturating_add(size(&beside(path, "-wal")));
    if let Some(free) = free_bytes(path)
        && free < needed.saturating_add(KEPT_FREE)
    {
        return Err(BackupError::NoRoom {
            location: path.display().to_string(),
            needed,
            free,
            kept: KEPT_FREE,
        });
    }
    let (copy, head) = copy_beside(path, path, progress)?;
    let open = || -> io::Result<LogCopy> {
        let file = copy.into_unnamed()?;
        let bytes = file.metadata()?.len();
        Ok(LogCopy { file, bytes, head })
    };
    open().map_err(|error| unwritable(path, error.to_string()))
}

/// Copies the log at `path` to a file beside `target`, and checks it.
///
/// One read transaction fixes the moment, and keeps later commits in the write-ahead log until the
/// copy is done. Without it each commit of another process would restart the copy, which would
/// never end under load.
fn copy_beside(
    path: &Path,
    target: &Path,
    progress: Progress<'_>,
) -> Result<(Partial, LogHead), BackupError> {
    let unreadable = |reason: String| BackupError::Log {
        location: path.display().to_string(),
        reason,
    };
    let (log, _) = schema::open_read_only(path).map_err(|error| unreadable(error.to_string()))?;
    log.execute_batch("BEGIN; SELECT count(*) FROM identity;")
        .map_err(|error| unreadable(error.to_string()))?;
    let copy =
        Partial::beside(target, KIND).map_err(|error| unwritable(target, error.to_string()))?;
    let copied = copy_pages(&log, copy.path(), progress);
    if copied
        .map_err(|error| unwritable(target, error.to_string()))?
        .is_break()
    {
        return Err(BackupError::Stopped);
    }
    let checked = check(copy.path()).map_err(|error| unwritable(target, error.to_string()))?;
    let head = checked.map_err(|found| BackupError::Damaged {
        location: path.display().to_string(),
        found,
    })?;
    Ok((copy, head))
}

fn unwritable(target: &Path, reason: String) -> BackupError {
    BackupError::Target {
        path: target.to_owned(),
        reason,
    }
}

fn copy_pages(
    log: &Connection,
    to: &Path,
    progress: Progress<'_>,
) -> rusqlite::Result<ControlFlow<()>> {
    let mut copy = Connection::open(to)?;
    let backup = Backup::new(log, &mut copy)?;
    loop {
        let step = backup.step(STEP)?;
        let now = backup.progress();
        let all = u64::try_from(now.pagecount).unwrap_or(0);
        let left = u64::try_from(now.remaining).unwrap_or(0);
        if progress(all.saturating_sub(left), all).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if step == StepResult::Done {
            break;
        }
    }
    drop(backup);
    // Without a write-ahead log, so that the copy can be read from read-only storage.
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    copy.close().map_err(|(_, error)| error)?;
    Ok(ControlFlow::Continue(()))
}

/// The head of the copy, or the first fault in it.
fn check(copy: &Path) -> rusqlite::Result<Result<LogHead, String>> {
    let copy = Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let found: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Ok(Err(found));
    }
    Ok(rows::log_head(&copy).map_err(|error| error.to_string()))
}
