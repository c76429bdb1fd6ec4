//! What a replica's file has beside the tables of a log: its checkpoint.

use super::{rows, schema};
use crate::log::{Hash, Position};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;
use uuid::Uuid;

/// `replica` has one row, and a log that is no replica has none. `open` is 1 while a process fills
/// the file: after one that was killed, the next one checks the file before it trusts it.
const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS replica (
        sequence INTEGER NOT NULL,
        position INTEGER NOT NULL,
        chain    BLOB    NOT NULL CHECK (length(chain) = 32),
        open     INTEGER NOT NULL
    ) STRICT;
    INSERT INTO replica SELECT 0, 0, zeroblob(32), 1 WHERE NOT EXISTS (SELECT * FROM replica);
    UPDATE replica SET open = 1;";

/// How far a replica has applied the shared log. It changes in the transactions that write the
/// events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaCheckpoint {
    /// How many commits of the shared log are applied.
    pub sequence: u64,
    /// The position of the last event.
    pub position: Position,
    /// The hash by which the engine of the shared log tells its history up to here; in the table it
    /// is called `chain`.
    pub history: Hash,
}

impl ReplicaCheckpoint {
    /// Before the first commit.
    pub const START: ReplicaCheckpoint = ReplicaCheckpoint {
        sequence: 0,
        position: Position(0),
        history: Hash::ZERO,
    };
}

/// What is at the path of a replica.
#[derive(Debug, PartialEq, Eq)]
pub enum FoundReplica {
    Nothing,
    /// The copy of this log up to there, whole as far as SQLite can tell.
    Kept(ReplicaCheckpoint),
    /// Cannot be used, and is worth nothing.
    Damaged(String),
    /// The copy of another log.
    Foreign(String),
}

/// See [`SqliteReplica::examine`](super::replica::SqliteReplica::examine).
pub(super) fn examine(path: &Path, log_id: Uuid) -> Result<FoundReplica, String> {
    if !path.exists() {
        return Ok(FoundReplica::Nothing);
    }
    let (file, id) = match schema::open_read_only(path) {
        Ok(opened) => opened,
        Err(error @ schema::SchemaError::Foreign) => {
            return Err(format!("{error}: set log.replica_path to another file"));
        }
        Err(error) => return Ok(FoundReplica::Damaged(error.to_string())),
    };
    let read = || -> rusqlite::Result<(Option<(ReplicaCheckpoint, bool)>, Position)> {
        Ok((read(&file)?, rows::last_position(&file)?))
    };
    let (found, last) = match read() {
        Ok(read) => read,
        Err(error) => return Ok(FoundReplica::Damaged(error.to_string())),
    };
    let own = found.map_or(Position(0), |(checkpoint, _)| checkpoint.position);
    if last > own {
        return Err(format!(
            "it is a log of its own and no replica: it has {} events that the shared log did not \
             give it; set log.replica_path to another file",
            last.0 - own.0
        ));
    }
    let Some((checkpoint, was_open)) = found else {
        return Ok(FoundReplica::Damaged("it was not completed".to_owned()));
    };
    if id != log_id {
        return Ok(FoundReplica::Foreign(format!(
            "it is the copy of the log {id}, and the engine has the log {log_id}"
        )));
    }
    if last < own {
        let reason = format!("it ends at position {last}, its checkpoint is {own}");
        return Ok(FoundReplica::Damaged(reason));
    }
    if was_open && let Some(fault) = fault(&file) {
        return Ok(FoundReplica::Damaged(fault));
    }
    Ok(FoundReplica::Kept(checkpoint))
}

/// The first fault that SQLite finds in the structure of the file.
fn fault(file: &Connection) -> Option<String> {
    let found = file.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match found {
        Ok(found) if found == "ok" => None,
        Ok(found) => Some(found),
        Err(error) => Some(error.to_string()),
    }
}

/// The checkpoint, and whether a process has the file open or was killed; `None` in a log that is
/// no replica.
fn read(file: &Connection) -> rusqlite::Result<Option<(ReplicaCheckpoint, bool)>> {
    let tables: i64 = file.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'replica'",
        [],
        |row| row.get(0),
    )?;
    if tables == 0 {
        return Ok(None);
    }
    file.query_row(
        "SELECT sequence, position, chain, open FROM replica",
        [],
        |row| {
            let checkpoint = ReplicaCheckpoint {
                sequence: row.get(0)?,
                position: Position(row.get(1)?),
                history: Hash(row.get(2)?),
            };
            Ok((checkpoint, row.get::<_, i64>(3)? != 0))
        },
    )
    .optional()
}

/// The checkpoint of the replica at `path`, beside the process that fills it.
pub(super) fn checkpoint_at(path: &Path) -> Result<Option<ReplicaCheckpoint>, schema::SchemaError> {
    let (file, _) = schema::open_read_only(path)?;
    Ok(read(&file)?.map(|(checkpoint, _)| checkpoint))
}

/// Makes the log a replica if it is none, and marks it as open.
pub(super) fn begin(connection: &Connection) -> rusqlite::Result<ReplicaCheckpoint> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(TABLE)?;
    let found = read(&transaction)?;
    transaction.commit()?;
    Ok(found.map_or(ReplicaCheckpoint::START, |(checkpoint, _)| checkpoint))
}

/// Moves the checkpoint.
pub(super) fn set(
    connection: &Connection,
    sequence: u64,
    position: Position,
    history: Hash,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE replica SET sequence = ?1, position = ?2, chain = ?3")?
        .execute(params![sequence, position.0, history.0])?;
    Ok(())
}

/// Marks the file as complete: the next process need not check it.
pub(super) fn end(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE replica SET open = 0", [])?;
    Ok(())
}
