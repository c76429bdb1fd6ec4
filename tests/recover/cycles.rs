//! Verification ends on a file whose order leads back to earlier rows, and so do other readers.

use crate::kept::PATIENCE;
use crate::verify::{closed_shop, kinds, log_at};
use cartlog::log::sqlite::ReadOnlyLog;
use cartlog::log::{LogReader, Position};
use cartlog::verify::{Finding, FindingKind, VerifyState, VerifyStatus, VerifyTarget, verify};
use cartlog_testkit::shop::Shop;
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};
use tokio::sync::watch;

/// Verifies the log of `shop` in the file at `path`, which must end within [`PATIENCE`].
async fn found_in_time(shop: &Shop, path: &Path) -> VerifyStatus {
    let subject = VerifyTarget {
        log: log_at(path),
        views: shop.views_path(),
        cache_bytes: 1 << 20,
        expected_head: None,
        signing_key: None,
        checkpoint: None,
    };
    let status = watch::Sender::default();
    let (stop, stopping) = watch::channel(false);
    let verifying = tokio::task::spawn_blocking({
        let status = status.clone();
        move || verify(&subject, &status, &stopping)
    });
    let ended = tokio::time::timeout(PATIENCE, verifying).await;
    // A verification that never ends would keep this test from ending.
    stop.send_replace(true);
    ended.expect("it ends").expect("it does not panic");
    status.borrow().clone()
}

/// The log of a shop in a file of its own, its index filled, and the bytes of that file.
async fn in_one_file(shop: &Shop) -> (PathBuf, Vec<u8>) {
    let path = shop.folder.path().join("one.db");
    let log = Connection::open(shop.log.path()).unwrap();
    log.execute_batch(
        "INSERT OR IGNORE INTO by_stream SELECT stream, version, position FROM log;
         UPDATE by_stream_checkpoint SET position = (SELECT max(position) FROM log);",
    )
    .unwrap();
    log.execute("VACUUM INTO ?1", [path.to_str().unwrap()])
        .unwrap();
    let status = found_in_time(shop, &path).await;
    assert_eq!(status.state, VerifyState::Sound, "{status:#?}");
    let bytes = fs::read(&path).unwrap();
    (path, bytes)
}

/// Where `part` is in `bytes`, which have it once.
fn place_of(bytes: &[u8], part: &[u8]) -> usize {
    let mut places = bytes
        .windows(part.len())
        .enumerate()
        .filter(|(_, window)| *window == part)
        .map(|(place, _)| place);
    let place = places.next().expect("it is in the file");
    assert_eq!(places.next(), None, "it is there once");
    place
}

/// A whole number of two bytes, as SQLite's file format writes it (1.6, "varint").
fn varint(number: u64) -> [u8; 2] {
    assert!((128..16_384).contains(&number));
    [0x80 | (number >> 7) as u8, (number & 0x7f) as u8]
}

/// Promise (damage): A verification terminates, and reports the damage, on a file whose order leads
/// back to earlier rows.
/// Fault: The position in the last row is overwritten with an early one.
/// Control: The original file is intact.
#[tokio::test]
async fn position_cycle_in_rows_does_not_hang_the_verification() {
    let (shop, _) = closed_shop(10, 400).await;
    let (path, mut bytes) = in_one_file(&shop).await;
    let log = Connection::open(&path).unwrap();
    let (last, stream, hash): (u64, [u8; 16], [u8; 32]) = log
        .query_row(
            "SELECT position, stream, hash FROM log ORDER BY position DESC LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    let end = place_of(&bytes, &hash);
    let row = bytes[..end]
        .windows(stream.len())
        .rposition(|window| window == stream)
        .expect("a row begins with its stream");
    // In front of it there is the header, which begins with its own length, and in front of that
    // the position. Behind it the last row of the file says that it is an early one.
    let header = (1..32).find(|length| usize::from(bytes[row - length]) == *length);
    let position = row - header.expect("a header") - 2;
    assert_eq!(bytes[position..][..2], varint(last));
    bytes[position..][..2].copy_from_slice(&varint(last / 2));
    fs::write(&path, bytes).unwrap();

    let status = found_in_time(&shop, &path).await;
    assert_eq!(status.state, VerifyState::Findings);
    let reason = "are not in the order of their positions";
    let names_it = |finding: &Finding| finding.detail.ends_with(reason);
    assert!(
        status.findings.iter().any(names_it),
        "{:#?}",
        status.findings
    );
    // Other readers of the log end as well.
    let log = ReadOnlyLog::open(&path).unwrap();
    let refused = [
        log.read_all(Position(0), 1_000).await.unwrap_err(),
        log.read_hashes(Position(0), 1_000).await.unwrap_err(),
    ];
    assert!(
        refused.iter().all(|it| it.0.contains(reason)),
        "{refused:?}"
    );
}

/// Promise (damage): A verification terminates, and reports the damage, on a file whose order leads
/// back to earlier rows.
/// Fault: The stream in the last entry of the index is overwritten with an early one.
#[tokio::test]
async fn cycle_in_the_index_does_not_hang_the_verification() {
    let (shop, _) = closed_shop(11, 400).await;
    let (path, mut bytes) = in_one_file(&shop).await;
    let log = Connection::open(&path).unwrap();
    let entry = |order: &str| -> ([u8; 16], u8, u16) {
        let entry = format!("SELECT * FROM by_stream ORDER BY {order} LIMIT 1");
        log.query_row(&entry, [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap()
    };
    let (first, ..) = entry("stream, version");
    let (last, version, position) = entry("stream DESC, version DESC");
    // An entry is its stream, its version and its position, one behind the other; a 1 takes no
    // byte.
    assert!(version < 128 && (128..32_768).contains(&position));
    let version = if version == 1 { vec![] } else { vec![version] };
    let record = [&last[..], &version, &position.to_be_bytes()].concat();
    let place = place_of(&bytes, &record);
    bytes[place..][..16].copy_from_slice(&first);
    fs::write(&path, bytes).unwrap();

    let status = found_in_time(&shop, &path).await;
    assert_eq!(status.state, VerifyState::Findings);
    let found = kinds(&status);
    assert_eq!(found, [FindingKind::DamagedIndex], "{status:#?}");
}
