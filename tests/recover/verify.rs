//! What is wrong with log or views is found and named, and what is right is not.

use crate::kept::{Kept, busy_shop, rows, vandalise};
use crate::shop::{Shop, Shoppers};
use cartlog::log::{EventLog, Position};
use cartlog::verify::{Finding, FindingKind, Subject, VerifyState, VerifyStatus, verify};
use rusqlite::Connection;
use std::fs;
use std::path::Path;
use tokio::sync::watch;
use uuid::Uuid;

async fn verified(shop: &Shop) -> VerifyStatus {
    let subject = Subject {
        log: shop.log.path().to_owned(),
        views: shop.views_path(),
        cache_bytes: 1 << 20,
    };
    verified_as(subject).await
}

async fn verified_as(subject: Subject) -> VerifyStatus {
    let verifying = tokio::task::spawn_blocking(move || {
        let status = watch::Sender::default();
        let (_stop, stopping) = watch::channel(false);
        verify(&subject, &status, &stopping);
        status.borrow().clone()
    });
    verifying.await.expect("it ends")
}

#[track_caller]
fn sound(status: &VerifyStatus) {
    assert_eq!(status.state, VerifyState::Sound, "{status:#?}");
    assert_eq!(status.findings_total, 0);
    assert!(status.ended_at >= status.started_at);
    assert_eq!(status.events_done, status.events_total);
}

/// The kinds of the findings, each once, in the order in which they first occur.
fn kinds(status: &VerifyStatus) -> Vec<FindingKind> {
    let mut kinds = Vec::new();
    for finding in &status.findings {
        if !kinds.contains(&finding.kind) {
            kinds.push(finding.kind);
        }
    }
    kinds
}

/// A shop whose views are up to date and at rest.
async fn closed_shop(seed: u64, steps: usize) -> (Shop, Shoppers) {
    let (shop, shoppers) = busy_shop(seed, steps).await;
    shop.views().await;
    (shop, shoppers)
}

#[tokio::test]
async fn a_shop_that_nobody_has_touched_is_sound() {
    let (shop, _) = closed_shop(1, 3_000).await;
    let status = verified(&shop).await;
    sound(&status);
    let end = shop.log.barrier().await.unwrap();
    assert_eq!(status.events_done, end.0);
    assert_eq!(status.rows_checked, rows(&shop.views_path()).len() as u64);
}

#[tokio::test]
async fn an_empty_shop_is_sound() {
    let shop = Shop::open();
    sound(&verified(&shop).await);
    shop.views().await;
    sound(&verified(&shop).await);
}

#[tokio::test]
async fn every_row_of_a_view_that_was_changed_by_hand_is_named_with_its_cart_and_version() {
    let (shop, _) = closed_shop(2, 2_000).await;
    let file = Connection::open(shop.views_path()).unwrap();
    let (id, version): ([u8; 16], u64) = file
        .query_row(
            "SELECT id, version FROM carts LIMIT 1 OFFSET 5",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let cart = Uuid::from_bytes(id);
    let change = format!(
        "UPDATE carts SET version = version + 1, document = replace(document, '\"lines\":', '\"lanes\":')
            WHERE id = x'{0}';
         UPDATE journeys SET filled = 1 - filled WHERE cart = x'{0}';
         UPDATE journal_terms SET places = x'00' WHERE term = 'type CartOpened' AND block = 0",
        cart.simple()
    );
    vandalise(&shop.views_path(), &change);
    let status = verified(&shop).await;
    assert_eq!(status.state, VerifyState::Findings);
    assert_eq!(status.findings_total, 3, "{:#?}", status.findings);
    let [of_cart, of_term, of_journey] = &status.findings[..] else {
        panic!("{:#?}", status.findings);
    };
    assert_eq!(of_cart.kind, FindingKind::RowDifferent);
    assert_eq!(of_cart.cart_id, Some(cart));
    assert_eq!(of_cart.version.unwrap().0, version);
    let told = format!("version is {}, and should be {version}", version + 1);
    assert!(of_cart.detail.contains(&told), "{}", of_cart.detail);
    assert!(of_cart.detail.contains("lanes"), "{}", of_cart.detail);
    assert!(
        of_term
            .detail
            .starts_with("journal_terms type CartOpened 0: places")
    );
    assert_eq!(of_journey.cart_id, Some(cart));
    assert!(of_cart.to_string().contains(&cart.to_string()));
}

/// Changes the log by hand, past its triggers.
fn tamper(log: &Path, sql: &str) {
    let file = Connection::open(log).expect("the log");
    file.execute_batch(&format!(
        "DROP TRIGGER log_refuses_update; DROP TRIGGER log_refuses_delete; {sql}"
    ))
    .unwrap();
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table of what can be done")]
async fn whatever_is_done_to_the_log_by_hand_is_found() {
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
            "its name to one that nobody knows",
            of("UPDATE log SET type = 'ItemAdored'"),
            vec![FindingKind::HashMismatch, FindingKind::UnreadableEvent],
        ),
        (
            "its time to an earlier one",
            of("UPDATE log SET recorded_at = '2001-01-01T00:00:00.000Z'"),
            vec![FindingKind::HashMismatch, FindingKind::TimeBackwards, FindingKind::RowDifferent],
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
            "INSERT INTO log SELECT (SELECT max(position) + 1 FROM log), x'00000000000000000000000000000001',
                1, type, schema, recorded_at, data, metadata, hash FROM log WHERE type = 'ItemAdded' LIMIT 1"
                .to_owned(),
            vec![FindingKind::HashMismatch],
        ),
    ] {
        let copy = shop.folder.path().join("copy.db");
        fs::copy(&whole, &copy).unwrap();
        let subject = Subject {
            log: copy.clone(),
            views: shop.views_path(),
            cache_bytes: 1 << 20,
        };
        sound(&verified_as(subject.clone()).await);
        tamper(&copy, &sql);
        let status = verified_as(subject).await;
        assert_eq!(status.state, VerifyState::Findings, "{what}");
        let found = kinds(&status);
        for kind in expected {
            assert!(found.contains(&kind), "{what}: {kind:?} in {:#?}", status.findings);
        }
        let named = |finding: &Finding| {
            finding.cart_id == Some(Uuid::from_bytes(stream))
                && finding.position == Some(Position(position))
                && finding.version.is_some_and(|found| found.0 == version)
        };
        if found.contains(&FindingKind::HashMismatch) && what.contains("its") {
            assert!(status.findings.iter().any(named), "{what}: {:#?}", status.findings);
        }
    }
}

#[tokio::test]
async fn a_stream_that_begins_with_anything_but_an_opening_does_not_fold() {
    let (shop, _) = closed_shop(4, 100).await;
    shop.log
        .append(crate::shop::cart_of(
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

#[tokio::test]
async fn no_bit_of_an_event_can_be_turned_without_being_found() {
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
    let subject = Subject {
        log: copy.clone(),
        views: shop.views_path(),
        cache_bytes: 1 << 20,
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
async fn an_index_that_leads_past_an_event_is_found() {
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

#[tokio::test]
async fn a_log_that_grows_and_views_that_move_meanwhile_are_sound() {
    let (shop, mut shoppers) = closed_shop(7, 4_000).await;
    let kept = Kept::of(&shop).await;
    let subject = Subject {
        log: shop.log.path().to_owned(),
        views: shop.views_path(),
        cache_bytes: 1 << 20,
    };
    for _ in 0..3 {
        let verifying = tokio::spawn(verified_as(subject.clone()));
        while !verifying.is_finished() {
            shop.sell(&mut shoppers, 20).await;
        }
        sound(&verifying.await.unwrap());
    }
    kept.stop().await;
}

#[tokio::test]
async fn views_that_are_behind_are_checked_as_far_as_they_are() {
    let (shop, mut shoppers) = closed_shop(8, 500).await;
    shop.sell(&mut shoppers, 500).await;
    let status = verified(&shop).await;
    sound(&status);
    assert!(status.rows_checked > 0);
    vandalise(&shop.views_path(), "DELETE FROM products");
    assert_eq!(kinds(&verified(&shop).await), [FindingKind::RowMissing]);
}

#[tokio::test]
async fn views_that_cannot_be_looked_at_are_told_of() {
    let (shop, _) = closed_shop(9, 300).await;
    vandalise(&shop.views_path(), "UPDATE definitions SET definition = 0");
    let status = verified(&shop).await;
    sound(&status);
    assert!(status.note.unwrap().contains("another definition"));
    vandalise(
        &shop.views_path(),
        "UPDATE checkpoint SET log = randomblob(16)",
    );
    assert_eq!(kinds(&verified(&shop).await), [FindingKind::DamagedViews]);
    fs::write(shop.views_path(), "no database at all".repeat(500)).unwrap();
    assert_eq!(kinds(&verified(&shop).await), [FindingKind::DamagedViews]);
    fs::remove_file(shop.views_path()).unwrap();
    let status = verified(&shop).await;
    sound(&status);
    assert!(status.note.unwrap().contains("no views"));
}

#[tokio::test]
async fn what_is_no_log_cannot_be_verified() {
    let shop = Shop::open();
    let missing = shop.folder.path().join("missing.db");
    for (log, reason) in [(missing.clone(), "no such file"), (shop.views_path(), "")] {
        fs::write(shop.views_path(), "no database at all".repeat(500)).unwrap();
        let subject = Subject {
            log,
            views: shop.views_path(),
            cache_bytes: 1 << 20,
        };
        let status = verified_as(subject).await;
        assert_eq!(status.state, VerifyState::Failed);
        assert!(status.error.unwrap().contains(reason));
    }
    assert!(!missing.exists(), "nothing is made");
}
