//! A verification finds the faults of views, and nothing in sound ones.

use crate::kept::{Kept, busy_shop, rows, vandalise};
use cartlog::log::{LogConfig, LogReader, SqliteLogSettings};
use cartlog::verify::{FindingKind, VerifyState, VerifyStatus, VerifyTarget, verify};
use cartlog_testkit::shop::{Shop, Shoppers};
use rusqlite::Connection;
use std::fs;
use std::path::Path;
use tokio::sync::watch;
use uuid::Uuid;

/// The log in the file at `path`.
pub fn log_at(path: &Path) -> LogConfig {
    LogConfig::Sqlite(SqliteLogSettings::at(path))
}

pub async fn verified(shop: &Shop) -> VerifyStatus {
    let subject = VerifyTarget {
        log: log_at(shop.log.path()),
        views: shop.views_path(),
        cache_bytes: 1 << 20,
        expected_head: None,
        signing_key: None,
        checkpoint: None,
    };
    verified_as(subject).await
}

pub async fn verified_as(subject: VerifyTarget) -> VerifyStatus {
    let verifying = tokio::task::spawn_blocking(move || {
        let status = watch::Sender::default();
        let (_stop, stopping) = watch::channel(false);
        verify(&subject, &status, &stopping);
        status.borrow().clone()
    });
    verifying.await.expect("it ends")
}

#[track_caller]
pub fn sound(status: &VerifyStatus) {
    assert_eq!(status.state, VerifyState::Sound, "{status:#?}");
    assert_eq!(status.findings_total, 0);
    assert!(status.ended_at >= status.started_at);
    assert_eq!(status.events_done, status.events_total);
}

/// The kinds of the findings, each once, in the order in which they first occur.
pub fn kinds(status: &VerifyStatus) -> Vec<FindingKind> {
    let mut kinds = Vec::new();
    for finding in &status.findings {
        if !kinds.contains(&finding.kind) {
            kinds.push(finding.kind);
        }
    }
    kinds
}

/// A shop whose views are up to date and at rest.
pub async fn closed_shop(seed: u64, steps: usize) -> (Shop, Shoppers) {
    let (shop, shoppers) = busy_shop(seed, steps).await;
    shop.views().await;
    (shop, shoppers)
}

#[tokio::test]
async fn untouched_shop_is_sound() {
    let (shop, _) = closed_shop(1, 3_000).await;
    let status = verified(&shop).await;
    sound(&status);
    let end = shop.log.barrier().await.unwrap();
    assert_eq!(status.events_done, end.0);
    assert_eq!(status.rows_checked, rows(&shop.views_path()).len() as u64);
}

#[tokio::test]
async fn empty_shop_is_sound() {
    let shop = Shop::open();
    sound(&verified(&shop).await);
    shop.views().await;
    sound(&verified(&shop).await);
}

/// Contract (views): `verify` finds every manipulation of the log, and every row that is not its
/// fold.
#[tokio::test]
async fn rows_changed_by_hand_are_found_with_cart_and_version() {
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
        "UPDATE carts SET version = version + 1,
            document = replace(document, '\"lines\":', '\"lanes\":') WHERE id = x'{0}';
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
    let found = format!("version is {}, and should be {version}", version + 1);
    assert!(of_cart.detail.contains(&found), "{}", of_cart.detail);
    assert!(of_cart.detail.contains("lanes"), "{}", of_cart.detail);
    assert!(
        of_term
            .detail
            .starts_with("journal_terms type CartOpened 0: places")
    );
    assert_eq!(of_journey.cart_id, Some(cart));
    assert!(of_cart.to_string().contains(&cart.to_string()));
}

/// Contract (views): `verify` runs beside a service that writes.
#[tokio::test]
async fn log_and_views_that_grow_during_verification_are_sound() {
    let (shop, mut shoppers) = closed_shop(7, 4_000).await;
    let kept = Kept::of(&shop).await;
    let subject = VerifyTarget {
        log: log_at(shop.log.path()),
        views: shop.views_path(),
        cache_bytes: 1 << 20,
        expected_head: None,
        signing_key: None,
        checkpoint: None,
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
async fn views_behind_the_log_are_checked_up_to_their_checkpoint() {
    let (shop, mut shoppers) = closed_shop(8, 500).await;
    shop.sell(&mut shoppers, 500).await;
    let status = verified(&shop).await;
    sound(&status);
    assert!(status.rows_checked > 0);
    vandalise(&shop.views_path(), "DELETE FROM products");
    assert_eq!(kinds(&verified(&shop).await), [FindingKind::RowMissing]);
}

#[tokio::test]
async fn views_that_cannot_be_checked_are_reported() {
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
async fn file_that_is_no_log_fails_the_verification() {
    let shop = Shop::open();
    let missing = shop.folder.path().join("missing.db");
    for (log, reason) in [(missing.clone(), "no such file"), (shop.views_path(), "")] {
        fs::write(shop.views_path(), "no database at all".repeat(500)).unwrap();
        let subject = VerifyTarget {
            log: log_at(&log),
            views: shop.views_path(),
            cache_bytes: 1 << 20,
            expected_head: None,
            signing_key: None,
            checkpoint: None,
        };
        let status = verified_as(subject).await;
        assert_eq!(status.state, VerifyState::Failed);
        assert!(status.error.unwrap().contains(reason));
    }
    assert!(!missing.exists(), "nothing is made");
}
