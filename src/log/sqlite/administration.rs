//! The log's file, operated while it may be open in another process.

use super::audit::SqliteAudit;
use super::backup::back_up;
use super::bulk_import::{PARTIAL, SqliteBulkImporter};
use crate::file_lock::LOCK;
use crate::files::{self, COMPANIONS};
use crate::log::{BackupError, BulkImporter, LogAdministration, LogAudit, OpenError, Progress};
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
        let suffixes = COMPANIONS.into_iter().chain([LOCK, PARTIAL]);
        let beside = suffixes.map(|suffix| files::beside(&self.path, suffix));
        beside.chain([self.path.clone()]).collect()
    }

    fn back_up(&self, target: &Path, progress: Progress<'_>) -> Result<u64, BackupError> {
        back_up(&self.path, target, progress)
    }

    fn audit(&self) -> Result<Box<dyn LogAudit>, OpenError> {
        Ok(Box::new(SqliteAudit::open(&self.path)?))
    }

    fn import_in_bulk(&self) -> Result<Option<Box<dyn BulkImporter>>, OpenError> {
        Ok(Some(Box::new(SqliteBulkImporter::begin(&self.path)?)))
    }
}
