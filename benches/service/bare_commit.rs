//! One row, one commit, one sync: what durability costs at the least.

use rusqlite::Connection;
use std::path::Path;
use std::time::Instant;

/// The median time of a bare commit in `folder`, in microseconds.
pub fn median(folder: &Path) -> u32 {
    let connection = Connection::open(folder.join("bare.db")).expect("a database opens");
    connection
        .execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
             CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;",
        )
        .expect("a table is made");
    let text = "x".repeat(400);
    let mut insert = connection
        .prepare("INSERT INTO t (text) VALUES (?1)")
        .expect("a statement is prepared");
    let mut times: Vec<u32> = (0..4_000)
        .map(|_| {
            let started = Instant::now();
            insert.execute([&text]).expect("a row is inserted");
            u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX)
        })
        .collect();
    times.sort_unstable();
    super::load::percentile(&times, 50)
}
