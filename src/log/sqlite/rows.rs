//! Events as rows of the table `log`.

use crate::log::{
    Hash, Head, IndexEntry, LogDigest, LogHead, Position, ReadError, RecordedEvent, UnreadableRow,
    Version,
};
use crate::timestamp::Timestamp;
use rusqlite::types::Type;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, ToSql, params};
use std::sync::Arc;
use uuid::Uuid;

const COLUMNS: &str = "position, stream, version, type, schema, recorded_at, data, metadata, hash";

/// The statement that [`insert`] runs, prepared once a connection.
pub(super) fn prepare_insert(connection: &Connection) -> rusqlite::Result<CachedStatement<'_>> {
    connection.prepare_cached(
        "INSERT INTO log
             (position, stream, version, type, schema, recorded_at, data, metadata, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )
}

pub(super) fn insert(
    statement: &mut CachedStatement<'_>,
    position: Position,
    event: &RecordedEvent,
) -> rusqlite::Result<()> {
    statement.execute(params![
        position.0,
        event.stream.as_bytes(),
        event.version.0,
        event.name,
        event.schema,
        event.recorded_at.to_text().as_str(),
        &*event.data,
        &*event.metadata,
        event.hash.0,
    ])?;
    Ok(())
}

/// The version that `stream` is at, according to the index table.
pub(super) fn version(connection: &Connection, stream: Uuid) -> rusqlite::Result<Version> {
    let version = connection
        .prepare_cached(
            "SELECT version FROM by_stream WHERE stream = ?1 ORDER BY version DESC LIMIT 1",
        )?
        .query_row([stream.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(Version(version.unwrap_or(0)))
}

/// The end of `stream`, if the index table has an event of it.
pub(super) fn head(connection: &Connection, stream: Uuid) -> rusqlite::Result<Option<Head>> {
    let last = select(
        connection,
        &format!(
            "SELECT {COLUMNS} FROM log WHERE position =
                 (SELECT position FROM by_stream WHERE stream = ?1 ORDER BY version DESC LIMIT 1)"
        ),
        &[&stream.as_bytes()],
    )?;
    Ok(last.first().map(Head::at))
}

/// The end of a stream whose last event is at `position`.
pub(super) fn head_at(
    connection: &Connection,
    position: Position,
) -> rusqlite::Result<Option<Head>> {
    Ok(read_at(connection, position)?.first().map(Head::at))
}

/// The position of the last event.
pub(super) fn last_position(connection: &Connection) -> rusqlite::Result<Position> {
    let last: Option<u64> = connection
        .prepare_cached("SELECT max(position) FROM log")?
        .query_row([], |row| row.get(0))?;
    Ok(Position(last.unwrap_or(0)))
}

/// Position and digest of the last event. Reads the whole log.
pub(super) fn log_head(connection: &Connection) -> rusqlite::Result<LogHead> {
    let mut digest = LogDigest::default();
    let mut statement = connection.prepare("SELECT position, hash FROM log ORDER BY position")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        digest.add(Position(row.get(0)?), Hash(row.get(1)?));
    }
    Ok(digest.head())
}

/// At most `limit` events of `stream` after `after`: those in the index table, then those at the
/// `unmerged` places, which it may lack.
pub(super) fn read_stream(
    connection: &Connection,
    stream: Uuid,
    after: Version,
    limit: usize,
    unmerged: &[(Version, Position)],
) -> Result<Vec<RecordedEvent>, ReadError> {
    let failed = |error: rusqlite::Error| ReadError(error.to_string());
    let next = Version(after.0 + 1);
    let mut events = if unmerged.first().is_some_and(|(first, _)| *first == next) {
        Vec::new()
    } else {
        select(
            connection,
            &format!(
                "SELECT {COLUMNS} FROM log WHERE position IN
                     (SELECT position FROM by_stream
                       WHERE stream = ?1 AND version > ?2 ORDER BY version LIMIT ?3)
                  ORDER BY position"
            ),
            params![stream.as_bytes(), after.0, limit],
        )
        .map_err(failed)?
    };
    let known = events.last().map_or(after, |event| event.version);
    let missing: Vec<u64> = unmerged
        .iter()
        .filter(|(version, _)| *version > known)
        .take(limit - events.len())
        .map(|(_, position)| position.0)
        .collect();
    if !missing.is_empty() {
        events.extend(read_each_at(connection, &missing).map_err(failed)?);
    }
    let expected = (next.0..).map(|version| (stream, Version(version)));
    for (event, expected) in events.iter().zip(expected) {
        if (event.stream, event.version) != expected {
            return Err(ReadError(format!(
                "the index of streams leads to version {} of stream {} instead of version {} of \
                 {stream}: check the log (cartlog verify)",
                event.version, event.stream, expected.1
            )));
        }
    }
    Ok(events)
}

/// The events at `positions`, which ascend. One statement: each takes the locks of the file, which
/// costs more than reading a row.
fn read_each_at(
    connection: &Connection,
    positions: &[u64],
) -> rusqlite::Result<Vec<RecordedEvent>> {
    let positions = serde_json::to_string(positions).expect("numbers become JSON");
    select(
        connection,
        &format!(
            "SELECT {COLUMNS} FROM log WHERE position IN (SELECT value FROM json_each(?1))
              ORDER BY position"
        ),
        params![positions],
    )
}

fn read_at(connection: &Connection, position: Position) -> rusqlite::Result<Vec<RecordedEvent>> {
    select(
        connection,
        &format!("SELECT {COLUMNS} FROM log WHERE position = ?1"),
        params![position.0],
    )
}

pub(super) fn read_all(
    connection: &Connection,
    after: Position,
    limit: usize,
) -> Result<Vec<RecordedEvent>, ReadError> {
    let events = select(
        connection,
        &format!("SELECT {COLUMNS} FROM log WHERE position > ?1 ORDER BY position LIMIT ?2"),
        params![after.0, limit],
    )
    .map_err(|error| ReadError(error.to_string()))?;
    in_order(after, events.iter().map(|event| event.position))?;
    Ok(events)
}

/// Like [`read_all`], for the hashes alone.
pub(super) fn read_hashes(
    connection: &Connection,
    after: Position,
    limit: usize,
) -> Result<Vec<Hash>, ReadError> {
    let read = || -> rusqlite::Result<Vec<(Position, Hash)>> {
        connection
            .prepare_cached(
                "SELECT position, hash FROM log WHERE position > ?1 ORDER BY position LIMIT ?2",
            )?
            .query_map(params![after.0, limit], |row| {
                Ok((Position(row.get(0)?), Hash(row.get(1)?)))
            })?
            .collect()
    };
    let rows = read().map_err(|error| ReadError(error.to_string()))?;
    in_order(after, rows.iter().map(|(position, _)| *position))?;
    Ok(rows.into_iter().map(|(_, hash)| hash).collect())
}

/// Fails unless `positions` ascend from `after`. In a damaged file they can go back, and a reader
/// would loop forever.
fn in_order(after: Position, positions: impl Iterator<Item = Position>) -> Result<(), ReadError> {
    let mut last = after;
    for position in positions {
        if position <= last {
            return Err(ReadError(format!(
                "the rows after position {last} are not in the order of their positions: \
                 check the log (cartlog verify)"
            )));
        }
        last = position;
    }
    Ok(())
}

fn select(
    connection: &Connection,
    sql: &str,
    params: &[&dyn ToSql],
) -> rusqlite::Result<Vec<RecordedEvent>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut events: Vec<RecordedEvent> = Vec::new();
    while let Some(row) = rows.next()? {
        let before = events.last().map(|event| event.metadata.clone());
        events.push(recorded(row, before)?);
    }
    Ok(events)
}

/// Reads a row. `before` is the metadata of the row before it, which is shared within a commit.
fn recorded(row: &Row<'_>, before: Option<Arc<str>>) -> rusqlite::Result<RecordedEvent> {
    let text = |column: usize| -> rusqlite::Result<&str> {
        row.get_ref(column)?
            .as_str()
            .map_err(|error| unreadable(column, Type::Text, error))
    };
    let metadata = text(7)?;
    Ok(RecordedEvent {
        position: Position(row.get(0)?),
        stream: Uuid::from_bytes(row.get(1)?),
        version: Version(row.get(2)?),
        name: text(3)?.to_owned().into(),
        schema: row.get(4)?,
        recorded_at: Timestamp::parse(text(5)?)
            .map_err(|error| unreadable(5, Type::Text, error))?,
        data: text(6)?.into(),
        metadata: match before {
            Some(before) if *before == *metadata => before,
            Some(_) | None => metadata.into(),
        },
        hash: Hash(row.get(8)?),
    })
}

fn unreadable(
    column: usize,
    kind: Type,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
}

/// At most `limit` rows after `after`, each as an event or with the reason why it is none.
pub(super) fn read_each(
    connection: &Connection,
    after: Position,
    limit: usize,
) -> rusqlite::Result<Vec<Result<RecordedEvent, UnreadableRow>>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM log WHERE position > ?1 ORDER BY position LIMIT ?2"
    ))?;
    let mut rows = statement.query(params![after.0, limit])?;
    let mut events = Vec::with_capacity(limit);
    let mut before: Option<Arc<str>> = None;
    while let Some(row) = rows.next()? {
        let event = recorded(row, before.take()).and_then(|event| {
            canonical(row, &event)?;
            Ok(event)
        });
        events.push(match event {
            Ok(event) => {
                before = Some(event.metadata.clone());
                Ok(event)
            }
            Err(error) => Err(UnreadableRow {
                position: Position(row.get(0)?),
                stream: row.get(1).ok().map(Uuid::from_bytes),
                version: row.get(2).ok(),
                reason: error.to_string(),
            }),
        });
    }
    Ok(events)
}

/// Checks what the hash does not cover, which is over the values and not over their encoding.
fn canonical(row: &Row<'_>, event: &RecordedEvent) -> rusqlite::Result<()> {
    let written = row.get_ref(5)?.as_bytes().unwrap_or_default();
    if written != event.recorded_at.to_text().as_str().as_bytes() {
        let error = "its time is not in canonical form";
        return Err(unreadable(5, Type::Text, NotCanonical(error)));
    }
    if event.version.0 == 0 {
        let error = "versions begin at 1";
        return Err(unreadable(2, Type::Integer, NotCanonical(error)));
    }
    Ok(())
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotCanonical(&'static str);

/// At most `limit` entries of the index after `after`, by stream and version, including those that
/// are not merged yet.
pub(super) fn read_index(
    connection: &Connection,
    after: Option<IndexEntry>,
    limit: usize,
) -> rusqlite::Result<Vec<IndexEntry>> {
    let (stream, version) = after.map_or((Uuid::nil(), 0), |entry| (entry.stream, entry.version));
    connection
        .prepare_cached(
            "SELECT stream, version, position FROM by_stream WHERE (stream, version) > (?1, ?2)
             UNION
             SELECT stream, version, position FROM log
              WHERE position > (SELECT position FROM by_stream_checkpoint)
                AND (stream, version) > (?1, ?2)
             ORDER BY stream, version LIMIT ?3",
        )?
        .query_map(params![stream.as_bytes(), version, limit], |row| {
            Ok(IndexEntry {
                stream: Uuid::from_bytes(row.get(0)?),
                version: row.get(1)?,
                position: Position(row.get(2)?),
            })
        })?
        .collect()
}
