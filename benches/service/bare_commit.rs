//! One row, one commit, one sync: the lower bound of the cost of durability.

use super::load::middle;
use rusqlite::Connection;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

const COMMITS: usize = 4_000;
/// How long the thread that requests a commit computes before, as a worker does on a request.
const AT_WORK: Duration = Duration::from_micros(100);

/// The median time of a bare commit in `folder`, one after the other, in microseconds.
pub fn median(folder: &Path) -> u32 {
    let database = Database::open(folder);
    median_of(|| {
        let started = Instant::now();
        database.commit();
        started.elapsed()
    })
}

/// The same on a thread of its own, from the request to its reply. The requesting thread computes
/// before each request, so the processor of the other one has gone idle.
pub fn median_asked(folder: &Path) -> u32 {
    let database = Database::open(folder);
    let (ask, asked) = sync_channel::<()>(1);
    let (answer, answered) = sync_channel::<()>(1);
    let writer = std::thread::spawn(move || {
        while asked.recv().is_ok() {
            database.commit();
            answer.send(()).expect("the requesting thread waits");
        }
    });
    let median = median_of(|| {
        let at_work = Instant::now();
        while at_work.elapsed() < AT_WORK {
            std::hint::spin_loop();
        }
        let started = Instant::now();
        ask.send(()).expect("the other thread listens");
        answered.recv().expect("the other thread answers");
        started.elapsed()
    });
    drop(ask);
    writer.join().expect("the other thread ends");
    median
}

fn median_of(mut sample: impl FnMut() -> Duration) -> u32 {
    let micros = |_| u32::try_from(sample().as_micros()).unwrap_or(u32::MAX);
    middle((0..COMMITS).map(micros))
}

struct Database {
    connection: Connection,
    text: String,
}

impl Database {
    fn open(folder: &Path) -> Database {
        let connection = Connection::open(folder.join("bare.db")).expect("a database opens");
        connection
            .execute_batch(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
                 CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;",
            )
            .expect("a table is made");
        Database {
            connection,
            text: "x".repeat(400),
        }
    }

    fn commit(&self) {
        self.connection
            .prepare_cached("INSERT INTO t (text) VALUES (?1)")
            .and_then(|mut insert| insert.execute([&self.text]))
            .expect("a row is inserted");
    }
}
