//! An attacker who has the file of the log, and alters it so that nothing but what was signed shows
//! it.

use rusqlite::Connection;
use sha2::{Digest, Sha256};
use std::path::Path;
use uuid::Uuid;

/// What is done to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tampering {
    TailRemoved,
    CartRemoved,
    ChainRecomputed,
    EventAltered,
}

/// How many events a removed tail has.
const TAIL: u64 = 3;
/// The event that is altered is the last one with a price that is not behind this position.
const ALTERED_UP_TO: u64 = 5;
/// The price in it.
const PRICE: &str = "1999";

/// Changes the log at `path` as an attacker would who does not know of the signatures, and returns
/// the first position that is not what it was. `cart` is the one that is removed.
pub fn tamper(path: &Path, how: Tampering, cart: &str) -> u64 {
    let log = Connection::open(path).unwrap();
    log.execute_batch(
        "DROP TRIGGER log_refuses_update; DROP TRIGGER log_refuses_delete;
         DELETE FROM by_stream; UPDATE by_stream_checkpoint SET position = 0;",
    )
    .unwrap();
    let first = match how {
        Tampering::TailRemoved => {
            let position = "SELECT max(position) FROM log";
            let end: u64 = log.query_one(position, [], |row| row.get(0)).unwrap();
            log.execute("DELETE FROM log WHERE position > ?1", [end - TAIL])
                .unwrap();
            end - TAIL + 1
        }
        Tampering::CartRemoved => remove(&log, Uuid::parse_str(cart).unwrap()),
        Tampering::ChainRecomputed => alter(&log, true),
        Tampering::EventAltered => alter(&log, false),
    };
    index(&log);
    first
}

/// Removes all events of a cart, and numbers the others again.
fn remove(log: &Connection, cart: Uuid) -> u64 {
    let first = "SELECT min(position) FROM log WHERE stream = ?1";
    let first: u64 = log
        .query_one(first, [cart.as_bytes()], |row| row.get(0))
        .unwrap();
    log.execute("DELETE FROM log WHERE stream = ?1", [cart.as_bytes()])
        .unwrap();
    let place = "SELECT count(*) FROM log AS before WHERE before.position <= log.position";
    log.execute_batch(&format!(
        "UPDATE log SET position = -({place});
         UPDATE log SET position = -position;"
    ))
    .unwrap();
    first
}

/// Alters an event, and chains the later events of its stream again if wanted.
fn alter(log: &Connection, rechain: bool) -> u64 {
    let place = "SELECT max(position) FROM log WHERE position <= ?1 AND instr(data, ?2)";
    let position: u64 = log
        .query_one(place, (ALTERED_UP_TO, PRICE), |row| row.get(0))
        .unwrap();
    log.execute(
        "UPDATE log SET data = replace(data, ?2, '1') WHERE position = ?1",
        (position, PRICE),
    )
    .unwrap();
    if !rechain {
        return position;
    }
    let mut rows = log
        .prepare(
            "SELECT position, stream, version, type, schema, recorded_at, data, metadata FROM events
              WHERE stream = (SELECT stream FROM events WHERE position = ?1) ORDER BY version",
        )
        .unwrap();
    let mut rows = rows.query([position]).unwrap();
    let mut hash = [0; 32];
    let mut hashes = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let text = |column: usize| row.get::<_, String>(column).unwrap();
        let number = |column: usize| row.get::<_, u64>(column).unwrap().to_string();
        let lines = [
            hex::encode(hash),
            text(1),
            number(2),
            text(3),
            number(4),
            text(5),
            text(6),
            text(7),
        ];
        hash = Sha256::digest(lines.join("\n")).into();
        hashes.push((row.get::<_, u64>(0).unwrap(), hash));
    }
    for (position, hash) in hashes {
        log.execute(
            "UPDATE log SET hash = ?2 WHERE position = ?1",
            (position, hash),
        )
        .unwrap();
    }
    position
}

/// Makes the index by stream and the triggers again, so that nothing else is wrong.
fn index(log: &Connection) {
    log.execute_batch(
        "INSERT INTO by_stream SELECT stream, version, position FROM log;
         UPDATE by_stream_checkpoint SET position = (SELECT max(position) FROM log);
         CREATE TRIGGER log_refuses_update BEFORE UPDATE ON log
         BEGIN SELECT RAISE(ABORT, 'the log is append-only: an event is never changed'); END;
         CREATE TRIGGER log_refuses_delete BEFORE DELETE ON log
         BEGIN SELECT RAISE(ABORT, 'the log is append-only: an event is never deleted'); END;",
    )
    .unwrap();
}
