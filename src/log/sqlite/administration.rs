//! The log's file, operated while it may be open in another process.

use super::audit::SqliteAudit;
use super::backup::{back_up, copy};
use super::bulk_import::{PARTIAL, SqliteBulkImporter};
use super::schema;
use crate::file_lock::locked_files;
use crate::files;
use crate::log::{
    BackupError, BulkImporter, LogAdministration, LogAudit, LogCopy, LogHead, OpenError, Progress,
};
use std::path::{Path, PathBuf};

/// Operates the log in the file at one path.
#[derive(Debug)]
pub struct SqliteAdministration {
    path: PathBuf,
}

impl SqliteAdministration {
    pub fn of(path: &Path) -> SqliteAdministration {
        SqliteAdministration {
            path: path.to_owned(),
        }
    }
}

impl LogAdministration for SqliteAdministration {
    fn location(&self) -> String {
        self.path.display().to_string()
    }

    fn exists(&self) -> bool {
        self.path.exists()
    }

    fn files(&self) -> Vec<PathBuf> {
        let partial = files::beside(&self.path, PARTIAL);
        locked_files(&self.path).chain([partial]).collect()
    }

    fn secret_digest(&self) -> Result<Option<[u8; 32]>, OpenError> {
        schema::open_read_only(&self.path)
            .and_then(schema::require_current)
            .and_then(|(log, _)| Ok(schema::secret_digest(&log)?))
            .map_err(|error| OpenError::new(&self.path, error.to_string()))
    }

    fn record_secret_digest(&self, digest: [u8; 32], replace: bool) -> Result<[u8; 32], OpenError> {
        schema::record_secret_digest(&self.path, digest, replace)
            .map_err(|error| OpenError::new(&self.path, error.to_string()))
    }

    fn back_up(&self, target: &Path, progress: Progress<'_>) -> Result<LogHead, BackupError> {
        back_up(&self.path, target, progress)
    }

    fn copy(&self, progress: Progress<'_>) -> Result<LogCopy, BackupError> {
        copy(&self.path, progress)
    }

    fn audit(&self) -> Result<Box<dyn LogAudit>, OpenError> {
        Ok(Box::new(SqliteAudit::open(&self.path)?))
    }

    fn import_in_bulk(&self) -> Result<Option<Box<dyn BulkImporter>>, OpenError> {
        Ok(Some(Box::new(SqliteBulkImporter::begin(&self.path)?)))
    }
}
