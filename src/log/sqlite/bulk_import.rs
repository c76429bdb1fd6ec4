//! Bulk import: a log is filled in a file of its own, which is renamed into place once complete.

use super::settings::Durability;
use super::{by_stream, rows, schema};
use crate::file_lock::FileLock;
use crate::files::{beside, create_folder_of, remove, remove_companions, sync_folder_of};
use crate::log::{BulkImporter, Head, OpenError, Position, RecordedEvent};
use rusqlite::Connection;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempPath;
use uuid::Uuid;

/// How many events share a transaction.
const BATCH: u64 = 20_000;

/// The suffix of the file that is being filled.
pub(super) const PARTIAL: &str = ".partial";

/// Fills an empty log. It holds the log's lock, so that no other process can open the log
/// meanwhile, and nothing of it is visible before `finish`.
pub(super) struct SqliteBulkImporter {
    path: PathBuf,
    /// Removed when it is dropped.
    file: TempPath,
    connection: Connection,
    last: Position,
    _lock: FileLock,
}

impl SqliteBulkImporter {
    /// Begins to fill the log at `path`, which must be empty or missing.
    pub(super) fn begin(path: &Path) -> Result<SqliteBulkImporter, OpenError> {
        let failed = |reason: String| OpenError::new(path, reason);
        create_folder_of(path).map_err(|error| failed(error.to_string()))?;
        let lock =
            FileLock::acquire(path, "this log").map_err(|error| failed(error.to_string()))?;
        if path.exists() {
            let (old, _) =
                schema::open_read_only(path).map_err(|error| failed(error.to_string()))?;
            let last = rows::last_position(&old).map_err(|error| failed(error.to_string()))?;
            if last > Position(0) {
                return Err(failed(format!(
                    "it has {last} events, and only an empty log can be filled: \
                     name another file (log.path)"
                )));
            }
        }
        // Left by a killed import; the lock excludes a running one.
        let partial = beside(path, PARTIAL);
        remove(&partial).map_err(|error| failed(error.to_string()))?;
        let file = TempPath::try_from_path(partial).map_err(|error| failed(error.to_string()))?;
        let connection = schema::open_writer(&file, Durability::Process)
            .and_then(|(connection, _)| {
                // An interrupted import is discarded, so nothing needs a rollback or a sync.
                connection.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
                connection.pragma_update(None, "synchronous", "OFF")?;
                connection.pragma_update(None, "cache_size", -65_536)?;
                connection.execute_batch("BEGIN")?;
                Ok(connection)
            })
            .map_err(|error| failed(error.to_string()))?;
        Ok(SqliteBulkImporter {
            path: path.to_owned(),
            file,
            connection,
            last: Position(0),
            _lock: lock,
        })
    }

    fn failed(&self, error: &rusqlite::Error) -> OpenError {
        OpenError::new(&self.path, error.to_string())
    }
}

impl BulkImporter for SqliteBulkImporter {
    fn add(&mut self, event: &RecordedEvent) -> Result<(), OpenError> {
        let position = Position(self.last.0 + 1);
        let add = || -> rusqlite::Result<()> {
            rows::insert(
                &mut rows::prepare_insert(&self.connection)?,
                position,
                event,
            )?;
            by_stream::insert(&self.connection, event.stream, event.version, position)?;
            if position.0.is_multiple_of(BATCH) {
                self.connection.execute_batch("COMMIT; BEGIN")?;
            }
            Ok(())
        };
        add().map_err(|error| self.failed(&error))?;
        self.last = position;
        Ok(())
    }

    fn head(&self, stream: Uuid) -> Result<Head, OpenError> {
        let head = rows::head(&self.connection, stream).map_err(|error| self.failed(&error))?;
        Ok(head.unwrap_or(Head::START))
    }

    fn finish(self: Box<Self>) -> Result<u64, OpenError> {
        let failed = |error: io::Error| OpenError::new(&self.path, error.to_string());
        by_stream::set_checkpoint(&self.connection, self.last)
            .and_then(|()| self.connection.execute_batch("COMMIT"))
            .map_err(|error| self.failed(&error))?;
        self.connection
            .close()
            .map_err(|(_, error)| failed(io::Error::other(error)))?;
        File::open(&self.file)
            .and_then(|file| file.sync_all())
            .map_err(failed)?;
        // Of the empty log that is replaced; SQLite would take them for those of the new file.
        remove_companions(&self.path).map_err(failed)?;
        self.file
            .persist(&self.path)
            .map_err(|error| failed(error.error))?;
        sync_folder_of(&self.path).map_err(failed)?;
        Ok(self.last.0)
    }
}
