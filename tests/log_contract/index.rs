//! The index of streams, which is merged a little behind the log.

use crate::contract::{Engine, append, stream};
use crate::sqlite::{Sqlite, append_to_each, sqlite};
use cartlog::log::{EventLog, Freshness, Head, LogReader, Version};

#[tokio::test]
async fn log_with_duplicate_version_is_refused() {
    let engine = sqlite();
    let opened = engine.open().unwrap();
    append(&*opened.log, stream(1), Head::START, 2).await;
    opened.close_now().await;
    let file = engine.file();
    file.execute(
        "INSERT INTO log
         SELECT position + 10, stream, version, type, schema, recorded_at, data, metadata, hash
           FROM log WHERE version = 2",
        [],
    )
    .unwrap();
    let refused = engine.open_log().unwrap_err();
    assert!(
        refused.contains(&format!("two events at version 2 of stream {}", stream(1))),
        "{refused}"
    );
}

#[tokio::test]
async fn misleading_index_fails_reads_of_the_stream() {
    for damage in [
        "UPDATE by_stream SET position = 3 WHERE position = 1",
        "DELETE FROM by_stream WHERE position = 1",
    ] {
        let engine = sqlite();
        let opened = engine.open().unwrap();
        append(&*opened.log, stream(1), Head::START, 2).await;
        append(&*opened.log, stream(2), Head::START, 1).await;
        opened.close_now().await;
        engine.file().execute(damage, []).unwrap();
        let (log, _writer) = engine.open_log().unwrap();
        let refused = log
            .read_stream(stream(1), Version(0), 10, Freshness::Any)
            .await
            .unwrap_err();
        assert!(
            refused.to_string().contains("the index of streams"),
            "{damage}: {refused}"
        );
    }
}

/// Most entries of the index are unmerged, and in memory only, at some time of this test.
#[tokio::test]
async fn stream_is_complete_at_any_merge_state_and_after_kill() {
    const STREAMS: u128 = 97;
    const ROUNDS: u64 = 260;
    let engine = sqlite();
    let (log, _writer) = engine.open_log().unwrap();
    let mut heads = vec![Head::START; STREAMS as usize];
    for round in 1..=ROUNDS {
        append_to_each(&*log, &mut heads).await;
        expect_whole(&*log, u128::from(round) % STREAMS, round).await;
    }
    let copy = sqlite();
    for suffix in ["", "-wal"] {
        let of = |engine: &Sqlite| format!("{}{suffix}", engine.path().display());
        std::fs::copy(of(&engine), of(&copy)).unwrap();
    }
    let (log, _writer) = copy.open_log().unwrap();
    for number in 0..STREAMS {
        expect_whole(&*log, number, ROUNDS).await;
    }
    append_to_each(&*log, &mut heads).await;
    for number in 0..STREAMS {
        expect_whole(&*log, number, ROUNDS + 1).await;
    }
}

async fn expect_whole(log: &dyn EventLog, number: u128, events: u64) {
    for (after, limit) in [(0, 1_000), (events / 2, 3), (events - 1, 5), (events, 1)] {
        let read = log
            .read_stream(stream(number), Version(after), limit, Freshness::Any)
            .await
            .unwrap();
        let versions: Vec<u64> = read.iter().map(|event| event.version.0).collect();
        let expected: Vec<u64> = (after + 1..=events).take(limit).collect();
        assert_eq!(versions, expected, "stream {number} after {after}");
        assert!(read.iter().all(|event| event.stream == stream(number)));
    }
}
