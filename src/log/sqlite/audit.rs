//! The log's file read row by row beside the process that writes it, relying on none of it.

use super::{rows, schema};
use crate::log::{
    IndexEntry, LogAudit, OpenError, Position, ReadError, RecordedEvent, UnreadableRow,
};
use rusqlite::Connection;
use std::path::Path;
use uuid::Uuid;

/// At most this many faults are reported by SQLite.
const MAX_FAULTS: u32 = 20;

/// The file, opened to be read.
pub(super) struct SqliteAudit {
    connection: Connection,
    identity: Uuid,
}

impl SqliteAudit {
    pub(super) fn open(path: &Path) -> Result<SqliteAudit, OpenError> {
        let (connection, identity) = schema::open_read_only(path)
            .and_then(schema::require_current)
            .map_err(|error| OpenError::new(path, error.to_string()))?;
        Ok(SqliteAudit {
            connection,
            identity,
        })
    }
}

impl LogAudit for SqliteAudit {
    fn identity(&self) -> Uuid {
        self.identity
    }

    fn end(&self) -> Result<Position, ReadError> {
        rows::last_position(&self.connection).map_err(|error| ReadError(error.to_string()))
    }

    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Result<RecordedEvent, UnreadableRow>>, ReadError> {
        rows::read_each(&self.connection, after, limit)
            .map_err(|error| ReadError(error.to_string()))
    }

    fn read_index(
        &self,
        after: Option<IndexEntry>,
        limit: usize,
    ) -> Result<Vec<IndexEntry>, ReadError> {
        rows::read_index(&self.connection, after, limit)
            .map_err(|error| ReadError(error.to_string()))
    }

    fn check_storage(&self) -> Result<Vec<String>, ReadError> {
        let check = || -> rusqlite::Result<Vec<String>> {
            self.connection
                .prepare(&format!("PRAGMA quick_check({MAX_FAULTS})"))?
                .query_map([], |row| row.get(0))?
                .filter(|line| !matches!(line, Ok(line) if line == "ok"))
                .collect()
        };
        check().map_err(|error| ReadError(error.to_string()))
    }
}
