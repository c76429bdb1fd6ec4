//! The tables of `events.db` and the settings of a connection to it.

use super::by_stream::{self, IndexError};
use super::settings::Durability;
use crate::files::refuse_irregular;
use crate::id::new_id;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use rusqlite_migration::{M, Migrations};
use std::path::Path;
use uuid::Uuid;

/// "crtl": marks a file as a log of this program (`PRAGMA application_id`).
const APPLICATION_ID: i32 = 0x6372_746c;

/// `log` has the events; `events` is a readable view of it, and `by_stream` the index of streams
/// (see [`by_stream`]). Streams and hashes are blobs: an index over 16-byte time-ordered ids keeps
/// an append at constant cost up to ten million events. `identity` has one row. `probe` is written
/// to after a failed commit, to find out when the disk accepts writes again.
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
    M::up("ALTER TABLE identity ADD COLUMN secret_digest BLOB CHECK (length(secret_digest) = 32);"),
];

/// Why a file cannot be opened as the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum SchemaError {
    #[error("there is no such file")]
    Missing,
    #[error(transparent)]
    Irregular(#[from] std::io::Error),
    #[error("it is a database of another program")]
    Foreign,
    #[error("it was written by a newer cartlog (schema {found}, this one knows {known})")]
    Newer { found: usize, known: usize },
    #[error(
        "its schema is {found}, this cartlog reads {known}: run `cartlog serve` once to migrate it"
    )]
    Older { found: usize, known: usize },
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Migration(#[from] rusqlite_migration::Error),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// Opens the one connection that writes, and creates or migrates the tables. Checkpoints the
/// write-ahead log of an earlier process first: after a failed sync, only pages that were
/// checkpointed and synced again are known to be durable.
pub(super) fn open_writer(
    path: &Path,
    durability: Durability,
) -> Result<(Connection, Uuid), SchemaError> {
    open(path, durability, new_id())
}

/// Opens the one connection that fills a replica of the log `log_id`.
pub(super) fn open_replica(
    path: &Path,
    durability: Durability,
    log_id: Uuid,
) -> Result<(Connection, Uuid), SchemaError> {
    open(path, durability, log_id)
}

/// Opens a connection that writes; a new log gets the id `new_id`.
fn open(
    path: &Path,
    durability: Durability,
    new_id: Uuid,
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
    // Enough for the upper pages of the index. SQLite walks the whole cache in a commit that splits
    // a page, so more would be slower.
    connection.pragma_update(None, "cache_size", -4_096)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    migrate(&mut connection)?;
    by_stream::catch_up(&connection)?;
    let identity = identity(&connection, new_id)?;
    Ok((connection, identity))
}

/// Opens a connection that only reads, and creates no file if the log is gone.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::default() - OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags(path, flags)?;
    settings(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -2_048)?;
    Ok(connection)
}

/// Opens the log at `path` without changing it, also beside other processes; with its identity. Its
/// schema may be that of an earlier version.
pub(super) fn open_read_only(path: &Path) -> Result<(Connection, Uuid), SchemaError> {
    if !path.exists() {
        return Err(SchemaError::Missing);
    }
    refuse_irregular(path)?;
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    settings(&connection)?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    let application_id: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application_id != APPLICATION_ID {
        return Err(SchemaError::Foreign);
    }
    refuse_newer(&connection)?;
    let identity = connection.query_row("SELECT id FROM identity", [], |row| row.get(0))?;
    Ok((connection, Uuid::from_bytes(identity)))
}

/// Refuses a log whose schema is that of an earlier version.
pub(super) fn require_current(
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

/// The recorded digest of the secret.
pub(super) fn secret_digest(connection: &Connection) -> rusqlite::Result<Option<[u8; 32]>> {
    connection.query_row("SELECT secret_digest FROM identity", [], |row| row.get(0))
}

/// Records the digest of the secret in the log at `path`, which may be open: if none is recorded,
/// or in any case with `replace`. Returns the one that is recorded afterwards.
pub(super) fn record_secret_digest(
    path: &Path,
    digest: [u8; 32],
    replace: bool,
) -> rusqlite::Result<[u8; 32]> {
    let flags = OpenFlags::default() - OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags(path, flags)?;
    settings(&connection)?;
    connection.pragma_update(None, "synchronous", Durability::Power.pragma())?;
    connection.execute(
        "UPDATE identity SET secret_digest = ?1 WHERE secret_digest IS NULL OR ?2",
        params![digest, replace],
    )?;
    connection.query_row("SELECT secret_digest FROM identity", [], |row| row.get(0))
}

fn settings(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(32);
    // With a memory map a stray pointer could corrupt the log, and a truncated file kill the
    // process.
    connection.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(()))?;
    connection.pragma_update(None, "trusted_schema", false)
}

fn migrate(connection: &mut Connection) -> Result<(), SchemaError> {
    refuse_newer(connection)?;
    Ok(Migrations::from_slice(MIGRATIONS).to_latest(connection)?)
}

/// Refuses a log whose schema is that of a newer version.
fn refuse_newer(connection: &Connection) -> Result<(), SchemaError> {
    let found: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > MIGRATIONS.len() {
        return Err(SchemaError::Newer {
            found,
            known: MIGRATIONS.len(),
        });
    }
    Ok(())
}

/// The id of the log, which is `new_id` if it has none yet.
fn identity(connection: &Connection, new_id: Uuid) -> rusqlite::Result<Uuid> {
    let kept = connection
        .query_row("SELECT id FROM identity", [], |row| {
            row.get::<_, [u8; 16]>(0)
        })
        .optional()?;
    match kept {
        Some(bytes) => Ok(Uuid::from_bytes(bytes)),
        None => {
            connection.execute(
                "INSERT INTO identity (id) VALUES (?1)",
                [new_id.into_bytes()],
            )?;
            Ok(new_id)
        }
    }
}
