//! The tables of `events.db` and the settings of a connection to it.

use super::by_stream::{self, IndexError};
use super::settings::Durability;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use rusqlite_migration::{M, Migrations};
use std::path::Path;
use uuid::Uuid;

/// "crtl": by it a file is known for a log of this program (`PRAGMA application_id`).
const APPLICATION_ID: i32 = 0x6372_746c;

/// `log` is the truth; `events` shows it to people, and `by_stream` finds in it what a stream is made
/// of (see [`by_stream`]). Streams and hashes are kept as bytes, since an index over 16-byte
/// time-ordered ids is what keeps an append flat at ten million events. `probe` is written to when
/// the log could not be, to find out when it can be again.
const MIGRATIONS: &[M<'_>] = &[
    M::up(
        "CREATE TABLE log (
        position    INTEGER PRIMARY KEY,
        stream      BLOB    NOT NULL CHECK (length(stream) = 16),
        version     INTEGER NOT NULL CHECK (version >= 1),
        type        TEXT    NOT NULL,
        schema      INTEGER NOT NULL CHECK (schema >= 1),
        recorded_at TEXT    NOT NULL,
        data        TEXT    NOT NULL,
        metadata    TEXT    NOT NULL,
        hash        BLOB    NOT NULL CHECK (length(hash) = 32)
    ) STRICT;
    CREATE UNIQUE INDEX log_by_stream ON log (stream, version);

    CREATE TRIGGER log_refuses_update BEFORE UPDATE ON log
    BEGIN SELECT RAISE(ABORT, 'the log is append-only: an event is never changed'); END;
    CREATE TRIGGER log_refuses_delete BEFORE DELETE ON log
    BEGIN SELECT RAISE(ABORT, 'the log is append-only: an event is never deleted'); END;

    CREATE VIEW events AS
    SELECT position,
           lower(substr(hex(stream), 1, 8) || '-' || substr(hex(stream), 9, 4) || '-' ||
                 substr(hex(stream), 13, 4) || '-' || substr(hex(stream), 17, 4) || '-' ||
                 substr(hex(stream), 21)) AS stream,
           version, type, schema, recorded_at, data, metadata, lower(hex(hash)) AS hash
      FROM log;

    CREATE TABLE identity (id BLOB NOT NULL CHECK (length(id) = 16)) STRICT;
    CREATE TABLE probe (writes INTEGER NOT NULL) STRICT;
    INSERT INTO probe VALUES (0);",
    ),
    M::up(
        "CREATE TABLE by_stream (
            stream   BLOB    NOT NULL,
            version  INTEGER NOT NULL,
            position INTEGER NOT NULL,
            PRIMARY KEY (stream, version)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE by_stream_checkpoint (position INTEGER NOT NULL) STRICT;
        INSERT INTO by_stream_checkpoint VALUES (0);
        DROP INDEX log_by_stream;",
    ),
];

/// Why a file cannot serve as the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum SchemaError {
    #[error("there is no such file")]
    Missing,
    #[error("it is a database of another program")]
    Foreign,
    #[error("it was written by a newer cartlog (schema {found}, this one knows {known})")]
    Newer { found: usize, known: usize },
    #[error("its schema is {found}, this cartlog reads {known}: let `cartlog serve` open it once")]
    Older { found: usize, known: usize },
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Migration(#[from] rusqlite_migration::Error),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// Opens the one connection that writes, makes or migrates the tables, and moves what an earlier
/// process left in the write-ahead log into the database: after a failed sync, only what has been
/// checkpointed and synced again is known to be there.
pub(super) fn open_writer(
    path: &Path,
    durability: Durability,
) -> Result<(Connection, Uuid), SchemaError> {
    let mut connection = Connection::open(path)?;
    let application_id: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application_id != APPLICATION_ID && tables > 0 {
        return Err(SchemaError::Foreign);
    }
    settings(&connection)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", durability.pragma())?;
    connection.pragma_update(None, "recursive_triggers", true)?;
    // Room for the upper pages of the index and not for many more: a commit that has split a page makes
    // SQLite go through all that it holds.
    connection.pragma_update(None, "cache_size", -4_096)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    migrate(&mut connection)?;
    by_stream::catch_up(&connection)?;
    let identity = identity(&connection)?;
    Ok((connection, identity))
}

/// Opens a connection that only reads, and makes no file where the log is gone.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::default() - OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags(path, flags)?;
    settings(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -2_048)?;
    Ok(connection)
}

/// Opens the log at `path`, and says its identity, for somebody who must not change it and may not be
/// its only user. It may be one of an earlier program.
pub(super) fn open_read_only(path: &Path) -> Result<(Connection, Uuid), SchemaError> {
    if !path.exists() {
        return Err(SchemaError::Missing);
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    settings(&connection)?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    let application_id: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application_id != APPLICATION_ID {
        return Err(SchemaError::Foreign);
    }
    known(&connection)?;
    let identity = connection.query_row("SELECT id FROM identity", [], |row| row.get(0))?;
    Ok((connection, Uuid::from_bytes(identity)))
}

/// Refuses a log of an earlier program, for somebody who reads it by today's tables.
pub(super) fn of_this_program(
    opened: (Connection, Uuid),
) -> Result<(Connection, Uuid), SchemaError> {
    let found: usize = opened
        .0
        .pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found < MIGRATIONS.len() {
        return Err(SchemaError::Older {
            found,
            known: MIGRATIONS.len(),
        });
    }
    Ok(opened)
}

fn settings(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(32);
    // A memory map would let a stray write through a wild pointer, or a truncated file, reach the log.
    connection.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(()))?;
    connection.pragma_update(None, "trusted_schema", false)
}

fn migrate(connection: &mut Connection) -> Result<(), SchemaError> {
    known(connection)?;
    Ok(Migrations::from_slice(MIGRATIONS).to_latest(connection)?)
}

/// Refuses tables that a newer program has made.
fn known(connection: &Connection) -> Result<(), SchemaError> {
    let found: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > MIGRATIONS.len() {
        return Err(SchemaError::Newer {
            found,
            known: MIGRATIONS.len(),
        });
    }
    Ok(())
}

fn identity(connection: &Connection) -> rusqlite::Result<Uuid> {
    let kept = connection
        .query_row("SELECT id FROM identity", [], |row| {
            row.get::<_, [u8; 16]>(0)
        })
        .optional()?;
    match kept {
        Some(bytes) => Ok(Uuid::from_bytes(bytes)),
        None => {
            let drawn = Uuid::now_v7();
            connection.execute("INSERT INTO identity VALUES (?1)", [drawn.into_bytes()])?;
            Ok(drawn)
        }
    }
}
