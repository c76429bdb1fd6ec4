//! The log's file as it stands, for whoever wants to know whether it is whole: read beside the
//! process that writes it, row by row, without relying on any of it.

use super::{OpenError, rows, schema};
use crate::log::{Position, ReadError, RecordedEvent};
use rusqlite::Connection;
use std::path::Path;
use uuid::Uuid;

/// How many complaints SQLite makes at the most.
const COMPLAINTS: u32 = 20;

/// The file, opened to be read.
pub struct LogFile {
    connection: Connection,
    pub identity: Uuid,
}

/// A row that does not make an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableRow {
    pub position: Position,
    /// The row's stream and version, where these can be read.
    pub stream: Option<Uuid>,
    pub version: Option<u64>,
    pub reason: String,
}

/// An entry of the index by which streams are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    pub stream: Uuid,
    pub version: u64,
    pub position: Position,
}

impl LogFile {
    pub fn open(path: &Path) -> Result<LogFile, OpenError> {
        let (connection, identity) = schema::open_read_only(path)
            .and_then(schema::of_this_program)
            .map_err(|error| OpenError::new(path, error.to_string()))?;
        Ok(LogFile {
            connection,
            identity,
        })
    }

    /// The position of the last event that is there now.
    pub fn end(&self) -> Result<Position, ReadError> {
        rows::last_position(&self.connection).map_err(|error| ReadError(error.to_string()))
    }

    /// At most `limit` rows after `after`, by position.
    pub fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Result<RecordedEvent, UnreadableRow>>, ReadError> {
        rows::read_each(&self.connection, after, limit)
            .map_err(|error| ReadError(error.to_string()))
    }

    /// At most `limit` entries of the index by stream and version behind `after`.
    pub fn index(&self, after: Option<Entry>, limit: usize) -> Result<Vec<Entry>, ReadError> {
        rows::read_index(&self.connection, after, limit)
            .map_err(|error| ReadError(error.to_string()))
    }

    /// What SQLite finds wrong with the structure of the file; nothing if it is sound.
    pub fn complaints(&self) -> Result<Vec<String>, ReadError> {
        let check = || -> rusqlite::Result<Vec<String>> {
            self.connection
                .prepare(&format!("PRAGMA quick_check({COMPLAINTS})"))?
                .query_map([], |row| row.get(0))?
                .filter(|line| !matches!(line, Ok(line) if line == "ok"))
                .collect()
        };
        check().map_err(|error| ReadError(error.to_string()))
    }
}
