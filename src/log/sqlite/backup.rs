//! A copy of the log, taken while it is in use (SQLite, "Online Backup API").

use super::{rows, schema};
use crate::files::Partial;
use crate::log::{BackupError, LogHead, Progress};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::io;
use std::path::Path;

/// How many pages are copied between two reports of progress: 8 MiB.
const STEP: i32 = 2_048;

/// Copies the log at `path`, as of one moment, to `target`; `progress` is in pages.
///
/// One read transaction fixes the moment, and keeps later commits in the write-ahead log until the
/// copy is done. Without it each commit of another process would restart the copy, which would
/// never end under load.
pub(super) fn back_up(
    path: &Path,
    target: &Path,
    progress: Progress<'_>,
) -> Result<LogHead, BackupError> {
    let unreadable = |reason: String| BackupError::Log {
        location: path.display().to_string(),
        reason,
    };
    let unwritable = |reason: String| BackupError::Target {
        path: target.to_owned(),
        reason,
    };
    let io = |error: io::Error| unwritable(error.to_string());
    if target.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    let (log, _) = schema::open_read_only(path).map_err(|error| unreadable(error.to_string()))?;
    log.execute_batch("BEGIN; SELECT count(*) FROM identity;")
        .map_err(|error| unreadable(error.to_string()))?;
    let copy = Partial::beside(target, "backup").map_err(io)?;
    copy_pages(&log, copy.path(), progress).map_err(|error| unwritable(error.to_string()))?;
    let checked = check(copy.path()).map_err(|error| unwritable(error.to_string()))?;
    let head = checked.map_err(|found| BackupError::Damaged {
        location: path.display().to_string(),
        found,
    })?;
    copy.place(target).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(target.to_owned()),
        _ => io(error),
    })?;
    Ok(head)
}

fn copy_pages(log: &Connection, to: &Path, progress: Progress<'_>) -> rusqlite::Result<()> {
    let mut copy = Connection::open(to)?;
    let backup = Backup::new(log, &mut copy)?;
    loop {
        let step = backup.step(STEP)?;
        let now = backup.progress();
        let all = u64::try_from(now.pagecount).unwrap_or(0);
        let left = u64::try_from(now.remaining).unwrap_or(0);
        progress(all.saturating_sub(left), all);
        if step == StepResult::Done {
            break;
        }
    }
    drop(backup);
    // Without a write-ahead log, so that the copy can be read from read-only storage.
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    copy.close().map_err(|(_, error)| error)
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
