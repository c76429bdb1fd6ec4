//! The log's file, read by SQLite without the code of the service.

use cartlog::commands::IdempotencyKey;
use cartlog::secret::Secret;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    pub position: u64,
    pub stream: String,
    pub version: u64,
    pub name: String,
    pub recorded_at: String,
    pub data: String,
    pub metadata: String,
    pub hash: String,
    pub command_id: String,
    /// The digest of the idempotency key.
    pub key: Option<String>,
}

/// The events of a log, and the secret beside it.
#[derive(Debug, Default)]
pub struct StoredLog {
    events: Vec<StoredEvent>,
    secret: [u8; 32],
}

impl StoredLog {
    /// The idempotency key `key` as this log stores it.
    pub fn digest_of(&self, key: &str) -> String {
        let secret = Secret::from(self.secret);
        IdempotencyKey::new(&secret, key, &[]).keyed.key.to_string()
    }

    /// The log with other `events`.
    pub fn with(&self, events: Vec<StoredEvent>) -> StoredLog {
        StoredLog { events, ..*self }
    }
}

impl Deref for StoredLog {
    type Target = Vec<StoredEvent>;

    fn deref(&self) -> &Vec<StoredEvent> {
        &self.events
    }
}

/// Reads the log at `path`, which must be intact.
pub fn read_intact_log(path: &Path) -> StoredLog {
    read_log(path).unwrap_or_else(|finding| panic!("{}: {finding}", path.display()))
}

/// Reads the log at `path` and verifies it: SQLite finds the file intact, positions and versions
/// have no gap, and every hash follows from the previous one. The error says what is wrong.
pub fn read_log(path: &Path) -> Result<StoredLog, String> {
    let unreadable = |error: rusqlite::Error| format!("the log cannot be read: {error}");
    let file =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(unreadable)?;
    let checked: String = file
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .map_err(unreadable)?;
    if checked != "ok" {
        return Err(checked);
    }
    let secret = std::fs::read(path.with_file_name("secret")).unwrap_or_default();
    Ok(StoredLog {
        events: chained_events(&file)?,
        secret: secret.try_into().unwrap_or_default(),
    })
}

/// The events in `file` in the order of their positions, if every stream's chain is intact.
pub fn chained_events(file: &Connection) -> Result<Vec<StoredEvent>, String> {
    let unreadable = |error: rusqlite::Error| format!("the log cannot be read: {error}");
    let mut rows = file
        .prepare(
            "SELECT position, stream, version, type, schema, recorded_at, data, metadata, hash
             FROM events ORDER BY position",
        )
        .map_err(unreadable)?;
    let mut rows = rows.query([]).map_err(unreadable)?;
    let mut heads: HashMap<String, (u64, String)> = HashMap::new();
    let mut events = Vec::new();
    while let Some(row) = rows.next().map_err(unreadable)? {
        let text = |column: usize| row.get::<_, String>(column).map_err(unreadable);
        let number = |column: usize| row.get::<_, u64>(column).map_err(unreadable);
        let position = number(0)?;
        if position != events.len() as u64 + 1 {
            return Err(format!("a gap in the positions before {position}"));
        }
        let (stream, version) = (text(1)?, number(2)?);
        let (last, hash) = heads
            .entry(stream.clone())
            .or_insert_with(|| (0, "0".repeat(64)));
        if version != *last + 1 {
            return Err(format!("a gap before version {version} of {stream}"));
        }
        let lines = [
            hash.clone(),
            stream.clone(),
            version.to_string(),
            text(3)?,
            number(4)?.to_string(),
            text(5)?,
            text(6)?,
            text(7)?,
        ];
        *hash = hex::encode(Sha256::digest(lines.join("\n")));
        *last = version;
        if text(8)? != *hash {
            return Err(format!("version {version} of {stream} breaks the chain"));
        }
        let metadata: Value = serde_json::from_str(&text(7)?).map_err(|error| error.to_string())?;
        let command_id = metadata["command_id"].as_str();
        events.push(StoredEvent {
            position,
            stream,
            version,
            name: text(3)?,
            recorded_at: text(5)?,
            data: text(6)?,
            metadata: text(7)?,
            hash: text(8)?,
            command_id: command_id.ok_or("an event without a command")?.to_owned(),
            key: metadata["key"].as_str().map(str::to_owned),
        });
    }
    Ok(events)
}

/// The default path of the log.
pub fn log_path(folder: &Path) -> PathBuf {
    folder.join("data/events.db")
}
