//! What a file of views records about itself: its checkpoint, and the definitions of its views.

use super::View;
use crate::log::{Checkpoint, Hash, Position};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::path::Path;
use uuid::Uuid;

/// The name of a view and the version of its definition.
pub(super) type Definition = (String, u32);

/// What a file of views records about itself.
pub(super) struct Recorded {
    pub checkpoint: Option<Checkpoint>,
    pub definitions: Vec<Definition>,
}

impl Recorded {
    pub(super) fn read(tables: &Connection) -> rusqlite::Result<Recorded> {
        let checkpoint = tables
            .query_row("SELECT * FROM checkpoint", [], |row| {
                Ok(Checkpoint {
                    log_id: Uuid::from_bytes(row.get("log")?),
                    position: Position(row.get("position")?),
                    // Files of older versions have none, so no log contains their checkpoint.
                    hash: row.get("hash").map_or(Hash::ZERO, Hash),
                })
            })
            .optional()?;
        let definitions = tables
            .prepare("SELECT view, definition FROM definitions ORDER BY rowid")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Recorded {
            checkpoint,
            definitions,
        })
    }
}

/// The definitions of `views`, in their order.
pub(super) fn definitions(views: &[Box<dyn View>]) -> Vec<Definition> {
    views.iter().map(|view| definition(&**view)).collect()
}

pub(super) fn definition(view: &dyn View) -> Definition {
    (view.name().to_owned(), view.definition())
}

/// Creates the tables of `views`, empty.
pub(super) fn create(
    tables: &mut Connection,
    views: &[Box<dyn View>],
    log: Uuid,
) -> rusqlite::Result<()> {
    let transaction = tables.transaction()?;
    transaction.execute_batch(
        "CREATE TABLE checkpoint (
             log      BLOB    NOT NULL,
             position INTEGER NOT NULL,
             -- Of the event at the position.
             hash     BLOB    NOT NULL
         ) STRICT;
         CREATE TABLE definitions (view TEXT NOT NULL, definition INTEGER NOT NULL) STRICT;",
    )?;
    transaction.execute(
        "INSERT INTO checkpoint VALUES (?1, 0, ?2)",
        params![log.as_bytes(), Hash::ZERO.0],
    )?;
    for view in views {
        view.create(&transaction)?;
    }
    set_definitions(&transaction, views)?;
    transaction.commit()
}

/// Records that the file has `views` and no others.
pub(super) fn set_definitions(
    tables: &Connection,
    views: &[Box<dyn View>],
) -> rusqlite::Result<()> {
    tables.execute("DELETE FROM definitions", [])?;
    for view in views {
        tables.execute(
            "INSERT INTO definitions VALUES (?1, ?2)",
            params![view.name(), view.definition()],
        )?;
    }
    Ok(())
}

/// The position up to which the views in `tables` have seen the log.
pub(super) fn checkpoint(tables: &Connection) -> rusqlite::Result<Position> {
    tables
        .prepare_cached("SELECT position FROM checkpoint")?
        .query_row([], |row| row.get(0))
        .map(Position)
}

/// Moves the checkpoint to `position`, where the event has `hash`.
pub(super) fn set_checkpoint(
    tables: &Connection,
    position: Position,
    hash: Hash,
) -> rusqlite::Result<()> {
    tables
        .prepare_cached("UPDATE checkpoint SET position = ?1, hash = ?2")?
        .execute(params![position.0, hash.0])?;
    Ok(())
}

/// Whether the file at `path` is a database with tables other than those of views, such as a log:
/// that one must not be replaced by views. A file that cannot be read may be damaged views.
pub(super) fn is_foreign_database(path: &Path) -> bool {
    let count_tables = || {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.query_row(
            "SELECT count(*), count(*) FILTER (WHERE name IN ('checkpoint', 'definitions'))
             FROM sqlite_schema WHERE type = 'table'",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
        )
    };
    matches!(count_tables(), Ok((all, 0)) if all > 0)
}
