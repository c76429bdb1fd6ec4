//! The embedded engine: the contract, and the promises about its file.

use crate::contract::{
    Engine, Opened, append, commit, dense, documented_hash, every_promise, exclusive, read,
    read_everything, stream,
};
use cartlog::background::Background;
use cartlog::log::sqlite::{Durability, SqliteLog, SqliteLogSettings};
use cartlog::log::{
    AppendError, EventLog, Head, LogReader, LogWriter, Position, RecordedEvent, Version,
};
use cartlog::timestamp::Timestamp;
use futures_util::future::{FutureExt, join_all};
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

pub struct Sqlite {
    folder: TempDir,
    queue: usize,
    group: usize,
    checkpoint_pages: u32,
}

pub fn sqlite() -> Sqlite {
    Sqlite {
        folder: tempfile::tempdir().unwrap(),
        queue: 8_192,
        group: 512,
        checkpoint_pages: 8_000,
    }
}

impl Sqlite {
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("events.db")
    }

    pub fn open_log(&self) -> Result<(Arc<SqliteLog>, Background), String> {
        let settings = SqliteLogSettings {
            path: self.path(),
            queue: self.queue,
            group: self.group,
            checkpoint_pages: self.checkpoint_pages,
            durability: Durability::Power,
        };
        SqliteLog::open(&settings).map_err(|error| error.to_string())
    }

    /// The file, opened with SQLite directly.
    pub fn file(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }
}

impl Engine for Sqlite {
    fn open(&self) -> Result<Opened, String> {
        let (log, mut writer) = self.open_log()?;
        let closing = log.clone();
        Ok(Opened {
            log,
            close: Box::new(move || closing.close()),
            ended: Box::pin(async move {
                let ended = writer.ended().await;
                writer.join();
                ended.map_err(|error| error.to_string())
            }),
        })
    }

    fn elsewhere(&self) -> Box<dyn Engine> {
        Box::new(sqlite())
    }
}

every_promise!(sqlite());
exclusive!(sqlite());
dense!(sqlite());

/// Promise (log): An event in the log is never changed, deleted or replaced, not even by SQL.
/// Fault: Each statement that would do so
/// Control: Without its triggers it is changed, and the change is found:
/// [control_altered_event_breaks_the_chain].
#[tokio::test]
async fn file_refuses_update_and_delete_of_events() {
    let engine = sqlite();
    let (log, _writer) = engine.open_log().unwrap();
    append(&*log, stream(1), Head::START, 2).await;
    let before = read_everything(&*log).await;
    let file = engine.file();
    file.pragma_update(None, "recursive_triggers", true)
        .unwrap();
    for (statement, refusal) in [
        ("UPDATE log SET data = '{}'", "never changed"),
        ("UPDATE log SET position = position + 10", "never changed"),
        ("DELETE FROM log", "never deleted"),
        ("DELETE FROM log WHERE position = 2", "never deleted"),
        (
            "INSERT OR REPLACE INTO log SELECT position, stream, version, type, schema, \
             recorded_at, \
             '{}', metadata, hash FROM log",
            "never deleted",
        ),
        (
            "INSERT INTO log SELECT 9, x'00', 9, type, schema, recorded_at, data, metadata, hash \
             FROM log",
            "CHECK",
        ),
    ] {
        let refused = file.execute(statement, []).unwrap_err().to_string();
        assert!(refused.contains(refusal), "{statement}: {refused}");
    }
    assert_eq!(read_everything(&*log).await, before);
}

#[tokio::test]
async fn hashes_can_be_recomputed_from_readable_text() {
    let engine = sqlite();
    let (log, _writer) = engine.open_log().unwrap();
    let head = append(&*log, stream(1), Head::START, 2).await;
    append(&*log, stream(2), Head::START, 1).await;
    append(&*log, stream(1), head, 1).await;
    let file = engine.file();
    let mut rows = file
        .prepare(
            "SELECT stream, version, type, schema, recorded_at, data, metadata, hash, position \
             FROM events ORDER BY stream, version",
        )
        .unwrap();
    let mut previous = String::new();
    let mut seen = 0;
    let mut rows = rows.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let text = |column| row.get::<_, String>(column).unwrap();
        let event = RecordedEvent {
            position: Position(row.get(8).unwrap()),
            stream: text(0).parse().unwrap(),
            version: Version(row.get(1).unwrap()),
            name: text(2).into(),
            schema: row.get(3).unwrap(),
            recorded_at: Timestamp::parse(&text(4)).unwrap(),
            data: text(5).into(),
            metadata: text(6).into(),
            hash: cartlog::log::Hash::ZERO,
        };
        assert_eq!(text(0), event.stream.to_string());
        assert_eq!(text(4), event.recorded_at.to_string());
        serde_json::from_str::<serde_json::Value>(&text(5)).unwrap();
        if event.version == Version(1) {
            previous = "0".repeat(64);
        }
        previous = documented_hash(&previous, &event);
        assert_eq!(text(7), previous);
        seen += 1;
    }
    assert_eq!(seen, 4);
}

/// Appends one event to each stream concurrently.
pub async fn append_to_each(log: &dyn EventLog, heads: &mut [Head]) {
    let appends = (0..)
        .zip(heads.iter())
        .map(|(number, head)| append(log, stream(number), *head, 1));
    let appended = join_all(appends).await;
    heads.copy_from_slice(&appended);
}

#[tokio::test]
async fn write_ahead_log_stays_short_under_load() {
    const PAGES: u32 = 100;
    let engine = Sqlite {
        checkpoint_pages: PAGES,
        ..sqlite()
    };
    let (log, _writer) = engine.open_log().unwrap();
    let mut heads = vec![Head::START; 50];
    for _ in 0..400 {
        append_to_each(&*log, &mut heads).await;
    }
    let wal = PathBuf::from(format!("{}-wal", engine.path().display()));
    let pages = std::fs::metadata(wal).unwrap().len() / 4_096;
    assert!(pages < u64::from(PAGES) * 10, "{pages} pages");
    assert_eq!(read_everything(&*log).await.len(), 400 * 50);
}

#[test]
fn foreign_file_is_refused_and_unchanged() {
    for (make, reason) in [
        ("CREATE TABLE accounts (id)", "another program"),
        (
            "PRAGMA application_id = 7; CREATE TABLE log (id)",
            "another program",
        ),
    ] {
        let engine = sqlite();
        engine.file().execute_batch(make).unwrap();
        let before = std::fs::read(engine.path()).unwrap();
        let refused = engine.open_log().unwrap_err();
        assert!(refused.contains(reason), "{refused}");
        assert!(refused.contains("events.db"), "{refused}");
        assert_eq!(std::fs::read(engine.path()).unwrap(), before);
    }
    let engine = sqlite();
    std::fs::write(
        engine.path(),
        "no database at all, but long enough to look at".repeat(40),
    )
    .unwrap();
    let refused = engine.open_log().unwrap_err();
    assert!(refused.contains("not a database"), "{refused}");
}

#[tokio::test]
async fn log_of_newer_version_is_refused() {
    let engine = sqlite();
    engine.open().unwrap().close_now().await;
    engine
        .file()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let refused = engine.open_log().unwrap_err();
    assert!(refused.contains("newer cartlog (schema 99"), "{refused}");
}

impl Opened {
    pub async fn close_now(self) {
        (self.close)();
        self.ended.await.unwrap();
    }
}

#[tokio::test]
async fn removed_log_file_stops_acknowledgements() {
    for suffix in ["", "-wal"] {
        for replace in [false, true] {
            let engine = sqlite();
            let (log, mut writer) = engine.open_log().unwrap();
            append(&*log, stream(1), Head::START, 1).await;
            let file = engine.folder.path().join(format!("events.db{suffix}"));
            let aside = engine.folder.path().join("aside");
            std::fs::rename(&file, &aside).unwrap();
            if replace {
                std::fs::copy(&aside, &file).unwrap();
            }
            let refused = log.append(commit(stream(2), Head::START, 1)).await;
            assert!(
                matches!(refused, Err(AppendError::NotWritten(_))),
                "{refused:?}"
            );
            let ended = writer.ended().await.unwrap_err().to_string();
            let reason = if replace { "was replaced" } else { "is gone" };
            assert!(ended.contains(reason), "{ended}");
            assert!(log.health().await.unwrap_err().contains(reason));
            let late = log.append(commit(stream(3), Head::START, 1)).await;
            assert!(late.is_err(), "{late:?}");
            assert_eq!(log.barrier().await, Ok(Position(1)));
        }
    }
}

#[tokio::test]
async fn full_queue_refuses_new_and_writes_queued_commits() {
    let engine = Sqlite {
        queue: 3,
        group: 2,
        ..sqlite()
    };
    let (log, _writer) = engine.open_log().unwrap();
    let file = engine.file();
    // SQLite's own write lock blocks the writer.
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut waiting = Vec::new();
    let mut full = 0;
    for number in 0..20 {
        let mut append = log.append(commit(stream(number), Head::START, 1));
        match (&mut append).now_or_never() {
            None => waiting.push(append),
            Some(outcome) => {
                assert_eq!(outcome, Err(AppendError::Full));
                full += 1;
            }
        }
    }
    // Three in the queue, and at most one group taken by the writer.
    assert!((15..=17).contains(&full), "{full}");
    file.execute_batch("ROLLBACK").unwrap();
    let taken = waiting.len();
    for outcome in join_all(waiting).await {
        outcome.unwrap();
    }
    assert_eq!(read_everything(&*log).await.len(), taken);
    append(&*log, stream(99), Head::START, 1).await;
}

#[tokio::test]
async fn failed_writes_are_reported_and_recovered() {
    let engine = sqlite();
    let (log, _writer) = engine.open_log().unwrap();
    append(&*log, stream(1), Head::START, 1).await;
    let file = engine.file();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = log.append(commit(stream(2), Head::START, 1)).await;
    assert!(
        matches!(refused, Err(AppendError::NotWritten(_))),
        "{refused:?}"
    );
    assert!(log.health().await.unwrap_err().contains("locked"));
    assert_eq!(
        read(&*log, stream(1)).await.len(),
        1,
        "it can still be read"
    );
    file.execute_batch("ROLLBACK").unwrap();
    append(&*log, stream(2), Head::START, 1).await;
    assert_eq!(log.health().await, Ok(()));
    let positions: Vec<u64> = read_everything(&*log)
        .await
        .iter()
        .map(|event| event.position.0)
        .collect();
    assert_eq!(positions, [1, 2]);
}

#[tokio::test]
async fn closed_log_is_one_file_despite_open_readers() {
    let engine = sqlite();
    let (log, mut writer) = engine.open_log().unwrap();
    append(&*log, stream(1), Head::START, 3).await;
    let events = read(&*log, stream(1)).await;
    let reader = engine.file();
    let count: u64 = reader
        .query_row("SELECT count(*) FROM events", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 3);
    log.close();
    writer.ended().await.unwrap();
    let copy = sqlite();
    std::fs::copy(engine.path(), copy.path()).unwrap();
    let (copied, _writer) = copy.open_log().unwrap();
    assert_eq!(read(&*copied, stream(1)).await, events);
    assert_eq!(copied.identity(), log.identity());
}
