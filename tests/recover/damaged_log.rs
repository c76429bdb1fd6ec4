//! Verification finds and names each kind of damage to the log's file.

use crate::verify::{closed_shop, kinds, log_at, sound, verified, verified_as};
use cartlog::log::{LogWriter, Position};
use cartlog::verify::{Finding, FindingKind, VerifyState, VerifyTarget};
use rusqlite::Connection;
use std::fs;
use std::path::Path;
use uuid::Uuid;

/// Changes the log by hand, past its triggers.
fn tamper(log: &Path, sql: &str) {
    let file = Connection::open(log).expect("the log");
    file.execute_batch(&format!(
        "DROP TRIGGER log_refuses_update; DROP TRIGGER log_refuses_delete; {sql}"
    ))
    .unwrap();
}

/// Contract (views): `POST` and `GET /api/verify`
/// Contract (views): `verify` finds every manipulation of the log, and every row that is not its
/// fold.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table of what can be done")]
async fn manual_changes_to_the_log_are_found() {
    let (shop, _) = closed_shop(3, 600).await;
    let whole = shop.folder.path().join("whole.db");
    let log = Connection::open(shop.log.path()).unwrap();
    log.execute("VACUUM INTO ?1", [whole.to_str().unwrap()])
        .unwrap();
    // An event in the middle of its stream, with another of the same stream behind it.
    let (position, stream, version): (u64, [u8; 16], u64) = log
        .query_row(
            "SELECT position, stream, version FROM log WHERE type = 'ItemAdded' AND version = 3 AND
                stream IN (SELECT stream FROM log WHERE version = 5) LIMIT 1 OFFSET 3",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    let of = |statement: &str| format!("{statement} WHERE position = {position}");
    for (what, sql, expected) in [
        (
            "its data",
            of("UPDATE log SET data = replace(data, '\"quantity\":', '\"quantity\":1')"),
            vec![FindingKind::HashMismatch, FindingKind::RowDifferent],
        ),
        (
            "its metadata",
            of("UPDATE log SET metadata = replace(metadata, 'shopper', 'service')"),
            vec![FindingKind::HashMismatch],
        ),
        (
            "its data to what cannot be read",
            of("UPDATE log SET data = '{\"sku\":1}'"),
            vec![FindingKind::HashMismatch, FindingKind::UnreadableEvent],
        ),
        (
            "its metadata to what cannot be read",
            of("UPDATE log SET metadata = '[]'"),
            vec![FindingKind::HashMismatch, FindingKind::UnreadableEvent],
        ),
        (
            "its name to an unknown one",
            of("UPDATE log SET type = 'ItemAdored'"),
            vec![FindingKind::HashMismatch, FindingKind::UnreadableEvent],
        ),
        (
            "its time to an earlier one",
            of("UPDATE log SET recorded_at = '2001-01-01T00:00:00.000Z'"),
            vec![
                FindingKind::HashMismatch,
                FindingKind::TimeBackwards,
                FindingKind::RowDifferent,
            ],
        ),
        (
            "how its time is written",
            of("UPDATE log SET recorded_at = lower(recorded_at)"),
            vec![FindingKind::UnreadableRow],
        ),
        (
            "its time to none",
            of("UPDATE log SET recorded_at = 'noon'"),
            vec![FindingKind::UnreadableRow],
        ),
        (
            "its hash",
            of("UPDATE log SET hash = zeroblob(32)"),
            vec![FindingKind::HashMismatch],
        ),
        (
            "a line feed into it",
            of("UPDATE log SET data = replace(data, ',', char(10) || ',')"),
            vec![FindingKind::HashMismatch],
        ),
        (
            "its version",
            of("UPDATE log SET version = 100000"),
            vec![FindingKind::VersionGap],
        ),
        (
            "its position",
            of("UPDATE log SET position = 1000000"),
            vec![FindingKind::PositionGap, FindingKind::VersionGap],
        ),
        (
            "it is gone",
            of("DELETE FROM log"),
            vec![FindingKind::PositionGap, FindingKind::VersionGap],
        ),
        (
            "the last event is gone",
            "DELETE FROM log WHERE position = (SELECT max(position) FROM log)".to_owned(),
            vec![FindingKind::LogCutOff],
        ),
        (
            "a cart without an opening",
            "INSERT INTO log SELECT (SELECT max(position) + 1 FROM log),
                x'00000000000000000000000000000001', 1, type, schema, recorded_at, data, metadata,
                hash FROM log WHERE type = 'ItemAdded' LIMIT 1"
                .to_owned(),
            vec![FindingKind::HashMismatch],
        ),
    ] {
        let copy = shop.folder.path().join("copy.db");
        fs::copy(&whole, &copy).unwrap();
        let subject = VerifyTarget {
            log: log_at(&copy),
            views: shop.views_path(),
            cache_bytes: 1 << 20,
            expected_head: None,
            signing_key: None,
            checkpoint: None,
        };
        sound(&verified_as(subject.clone()).await);
        tamper(&copy, &sql);
        let status = verified_as(subject).await;
        assert_eq!(status.state, VerifyState::Findings, "{what}");
        let found = kinds(&status);
        for kind in expected {
            assert!(
                found.contains(&kind),
                "{what}: {kind:?} in {:#?}",
                status.findings
            );
        }
        let named = |finding: &Finding| {
            finding.cart_id == Some(Uuid::from_bytes(stream))
                && finding.position == Some(Position(position))
                && finding.version.is_some_and(|found| found.0 == version)
        };
        if found.contains(&FindingKind::HashMismatch) && what.contains("its") {
            assert!(
                status.findings.iter().any(named),
                "{what}: {:#?}",
                status.findings
            );
        }
    }
}

#[tokio::test]
async fn stream_without_an_opening_does_not_fold() {
    let (shop, _) = closed_shop(4, 100).await;
    shop.log
        .append(cartlog_testkit::shop::cart_of(
            Uuid::from_u128(1),
            cartlog::timestamp::Timestamp::now(),
            &[cartlog::cart::CartEvent::PromotionRemoved(
                cartlog::cart::event::PromotionRemoved { code: "X".into() },
            )],
        ))
        .await
        .unwrap();
    shop.views().await;
    let status = verified(&shop).await;
    assert_eq!(
        kinds(&status),
        [FindingKind::DoesNotFold],
        "{:#?}",
        status.findings
    );
    assert_eq!(status.findings[0].cart_id, Some(Uuid::from_u128(1)));
}

/// Contract (views): `verify` finds every manipulation of the log, and every row that is not its
/// fold.
#[tokio::test]
async fn every_flipped_bit_of_an_event_is_found() {
    let (shop, _) = closed_shop(5, 60).await;
    let whole = shop.folder.path().join("whole.db");
    let log = Connection::open(shop.log.path()).unwrap();
    log.execute("VACUUM INTO ?1", [whole.to_str().unwrap()])
        .unwrap();
    let (stream, hash): (Vec<u8>, Vec<u8>) = log
        .query_row(
            "SELECT stream, hash FROM log WHERE type = 'ItemAdded' AND version = 2",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let bytes = fs::read(&whole).unwrap();
    let find = |part: &[u8]| {
        bytes
            .windows(part.len())
            .position(|window| window == part)
            .expect("it is in the file")
    };
    let end = find(&hash) + hash.len();
    // A row is stored from its stream to its hash, in the order of the columns.
    let begin = bytes[..end]
        .windows(stream.len())
        .rposition(|window| window == stream)
        .expect("the row begins before it ends");
    let copy = shop.folder.path().join("copy.db");
    let subject = VerifyTarget {
        log: log_at(&copy),
        views: shop.views_path(),
        cache_bytes: 1 << 20,
        expected_head: None,
        signing_key: None,
        checkpoint: None,
    };
    // SQLite leaves an old copy of a row in the unused part of a page that it has split.
    let record = &bytes[begin..end];
    let copies: Vec<usize> = (0..=bytes.len() - record.len())
        .filter(|at| bytes[*at..].starts_with(record))
        .collect();
    for turn in 0..record.len() {
        let mut bytes = bytes.clone();
        for at in &copies {
            bytes[at + turn] ^= 1 << (turn % 8);
        }
        fs::write(&copy, &bytes).unwrap();
        let status = verified_as(subject.clone()).await;
        assert_eq!(
            status.state,
            VerifyState::Findings,
            "byte {turn} of {}, bit {}",
            record.len(),
            turn % 8
        );
    }
}

#[tokio::test]
async fn index_that_skips_an_event_is_found() {
    let (shop, _) = closed_shop(6, 300).await;
    sound(&verified(&shop).await);
    tamper(
        shop.log.path(),
        "INSERT OR IGNORE INTO by_stream
             SELECT stream, version, position FROM log WHERE position <> 7;
         UPDATE by_stream_checkpoint SET position = (SELECT max(position) FROM log);",
    );
    let status = verified(&shop).await;
    assert!(
        kinds(&status).contains(&FindingKind::DamagedIndex),
        "{status:#?}"
    );
}
