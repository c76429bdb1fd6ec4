//! Rebuilding the views beside those that serve.

use crate::kept::{Kept, busy_shop, rows, vandalise};
use cartlog::log::{EventLog, LogReader};
use cartlog::timestamp::Timestamp;
use cartlog::views::{self, Differs, Reader, RebuildRunning, RebuildState, RebuildWorker};
use cartlog::views::{Updater, ViewStore};
use cartlog_testkit::shop::{Shop, Shoppers};
use rusqlite::Connection;
use std::fs;
use std::sync::Arc;
use tokio::sync::watch;
use uuid::Uuid;

/// The names of the files of the views.
fn files(shop: &Shop) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(shop.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("views.db") && !name.ends_with("-shm"))
        .filter(|name| !["-wal", ".lock"].iter().any(|end| name.ends_with(end)))
        .collect();
    names.sort();
    names
}

/// Contract (views): `GET /api/views`, `POST` and `GET /api/views/rebuild`
#[tokio::test]
async fn rebuild_of_sound_views_finds_all_rows_equal_and_serves() {
    let (shop, mut shoppers) = busy_shop(1, 3_000).await;
    let mut kept = Kept::of(&shop).await;
    kept.current(&shop).await;
    let before = rows(&shop.views_path());
    for round in 1..=3 {
        let status = kept.rebuild().await;
        assert_eq!(status.state, RebuildState::Swapped, "{status:?}");
        assert_eq!(status.rows_compared, before.len() as u64);
        assert_eq!(status.rows_differing, 0, "{:?}", status.differences);
        assert_eq!(status.events_done, status.events_total);
        assert_eq!(
            kept.read_side.read_handle.progress.borrow().generation,
            round
        );
        assert_eq!(rows(&shop.views_path()), before);
    }
    shop.sell(&mut shoppers, 100).await;
    kept.current(&shop).await;
    kept.stop().await;
    let after = rows(&shop.views_path());
    assert_ne!(after, before, "the new generation follows the log");
    for name in files(&shop) {
        fs::remove_file(shop.folder.path().join(name)).unwrap();
    }
    shop.views().await;
    assert_eq!(rows(&shop.views_path()), after);
}

/// Contract (views): `verify` names rows changed by SQL; a rebuild under load repairs them, and no
/// request fails.
#[tokio::test]
async fn rebuild_reports_and_repairs_rows_changed_by_hand() {
    let (shop, _) = busy_shop(2, 3_000).await;
    let mut kept = Kept::of(&shop).await;
    kept.current(&shop).await;
    let before = rows(&shop.views_path());
    let file = Connection::open(shop.views_path()).unwrap();
    let carts: Vec<[u8; 16]> = file
        .prepare("SELECT id FROM carts ORDER BY id")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    vandalise(
        &shop.views_path(),
        &format!(
            "UPDATE carts SET document = replace(document, '\"total\"', '\"totel\"')
                WHERE id = x'{}';
             DELETE FROM carts WHERE id = x'{}';
             INSERT INTO carts SELECT x'ff', 1, token_hash, document, NULL, NULL FROM carts LIMIT 0;
             UPDATE products SET revenue = revenue + 1 WHERE sku = 'sku-1';
             DELETE FROM journal_blocks WHERE block = 1;
             INSERT INTO activity VALUES (1, 'CartOpened', 4);
             DROP INDEX idle_carts;",
            hex::encode(carts[3]),
            hex::encode(carts[7]),
        ),
    );
    let status = kept.rebuild().await;
    assert_eq!(status.state, RebuildState::Swapped, "{status:?}");
    let found: Vec<(&str, &str, Differs)> = status
        .differences
        .iter()
        .map(|found| (found.table.as_str(), found.key.as_str(), found.difference))
        .collect();
    let id = |number: usize| Uuid::from_bytes(carts[number]).to_string();
    assert_eq!(
        found,
        [
            ("sqlite_schema", "idle_carts", Differs::Missing),
            ("carts", &id(3), Differs::Different),
            ("carts", &id(7), Differs::Missing),
            ("journal_blocks", "1", Differs::Missing),
            ("products", "sku-1 EUR", Differs::Different),
            ("activity", "1 CartOpened", Differs::Extra),
        ]
    );
    assert_eq!(status.rows_differing, 6);
    let changed = &status.differences[1];
    assert_eq!(changed.cart_id, Some(Uuid::from_bytes(carts[3])));
    assert!(changed.detail.contains("document is"), "{}", changed.detail);
    assert!(changed.detail.contains("totel"), "{}", changed.detail);
    assert_eq!(rows(&shop.views_path()), before);
    let again = kept.rebuild().await;
    assert_eq!(again.rows_differing, 0);
}

/// Contract (views): `GET /api/views`, `POST` and `GET /api/views/rebuild`
#[tokio::test]
async fn one_rebuild_runs_at_a_time() {
    let (shop, _) = busy_shop(3, 500).await;
    let mut kept = Kept::of(&shop).await;
    kept.current(&shop).await;
    kept.read_side.rebuilds.start().unwrap();
    assert_eq!(kept.read_side.rebuilds.start(), Err(RebuildRunning));
    assert_eq!(kept.rebuilt().await.state, RebuildState::Swapped);
}

#[tokio::test]
async fn rebuild_requested_before_the_start_runs() {
    let (shop, _) = busy_shop(4, 300).await;
    let mut kept = Kept::of(&shop).await;
    kept.current(&shop).await;
    kept.stop().await;
    let log: Arc<dyn EventLog> = shop.log.clone();
    let path = shop.views_path();
    let store = ViewStore::open(&path, views::all(), &*log).await.unwrap();
    let updater = Updater::new(log, store, 1 << 20);
    let rebuild = RebuildWorker::new(&updater, &path, 1 << 20).unwrap();
    let rebuilds = rebuild.rebuilds();
    rebuilds.start().unwrap();
    let (stop, stopping) = watch::channel(false);
    let mut status = rebuilds.watch();
    let ended = async {
        let ended = status.wait_for(|status| status.state != RebuildState::Running);
        let ended = ended.await.unwrap().clone();
        stop.send_replace(true);
        ended
    };
    let (updated, (), ended) = tokio::join!(
        updater.run(stopping.clone()),
        rebuild.run(stopping.clone()),
        ended
    );
    updated.unwrap();
    assert_eq!(ended.state, RebuildState::Swapped, "{ended:?}");
    assert_eq!(ended.rows_compared, rows(&path).len() as u64);
}

#[tokio::test]
async fn reader_switches_to_rebuilt_views_and_never_back_in_time() {
    let (shop, mut shoppers) = busy_shop(4, 2_000).await;
    let mut kept = Kept::of(&shop).await;
    kept.current(&shop).await;
    let reader = Reader::new(shop.views_path(), kept.read_side.read_handle.clone());
    let carts: Vec<Uuid> = shop
        .events()
        .iter()
        .map(|event| event["cart"].as_str().unwrap().parse().unwrap())
        .collect();
    let mut position = reader.progress().position;
    let mut versions = std::collections::HashMap::new();
    for _ in 0..5 {
        kept.read_side.rebuilds.start().unwrap();
        let mut status = kept.read_side.rebuilds.watch();
        while status.borrow_and_update().state == RebuildState::Running {
            shop.sell(&mut shoppers, 20).await;
            for cart in carts.iter().rev().take(50) {
                let now = reader.progress().position;
                assert!(now >= position, "{now} after {position}");
                position = now;
                let row = reader.cart(*cart).unwrap().0.expect("a row");
                let known = versions.insert(*cart, row.version);
                assert!(known.is_none_or(|known| known <= row.version));
            }
            let asked = reader.query(&[], |_| Ok(())).await.unwrap();
            assert!(asked.seen.position >= position);
        }
        let status = kept.rebuilt().await;
        assert_eq!(status.state, RebuildState::Swapped, "{status:?}");
        assert_eq!(status.rows_differing, 0, "{:?}", status.differences);
    }
    kept.current(&shop).await;
    kept.stop().await;
    let after = rows(&shop.views_path());
    for name in files(&shop) {
        fs::remove_file(shop.folder.path().join(name)).unwrap();
    }
    shop.views().await;
    assert_eq!(rows(&shop.views_path()), after, "every row is the fold");
}

/// Contract (views): A killed rebuild leaves the old generation serving.
#[tokio::test]
async fn files_of_a_killed_rebuild_are_removed_at_the_start() {
    let (shop, _) = busy_shop(5, 1_000).await;
    let mut kept = Kept::of(&shop).await;
    kept.current(&shop).await;
    assert_eq!(kept.rebuild().await.state, RebuildState::Swapped);
    kept.stop().await;
    let before = rows(&shop.views_path());
    for name in [
        "views.db.7",
        "views.db.7-wal",
        "views.db.3-shm",
        "views.db.link",
    ] {
        fs::write(shop.folder.path().join(name), "half a generation").unwrap();
    }
    let mut kept = Kept::of(&shop).await;
    kept.current(&shop).await;
    let names = files(&shop);
    assert_eq!(names.len(), 2, "a link and what it leads to: {names:?}");
    assert_eq!(rows(&shop.views_path()), before);
    assert_eq!(kept.rebuild().await.rows_differing, 0);
}

/// Contract (views): A changed definition is rebuilt at the next start, while carts and the other
/// views are served.
#[tokio::test]
async fn views_of_another_definition_are_rebuilt_at_the_start() {
    let (shop, _) = busy_shop(6, 1_000).await;
    let mut kept = Kept::of(&shop).await;
    kept.current(&shop).await;
    kept.stop().await;
    let before = rows(&shop.views_path());
    vandalise(
        &shop.views_path(),
        "UPDATE definitions SET definition = definition - 1; UPDATE carts SET document = 'old'",
    );
    let mut kept = Kept::of(&shop).await;
    let status = kept.rebuilt().await;
    assert_eq!(status.state, RebuildState::Swapped, "{status:?}");
    let end = shop.log.barrier().await.unwrap();
    assert_eq!(status.events_done, end.0);
    kept.current(&shop).await;
    assert_eq!(rows(&shop.views_path()), before);
}

/// A log that is restored from a backup keeps its id, so positions alone would fit both histories.
///
/// Promise (views): Views of another history are rebuilt at the start.
/// Fault: A log is restored from a backup and continues differently beside the old views.
/// Control: The rows are compared with views built from nothing.
#[tokio::test]
async fn views_of_a_restored_log_that_diverged_are_rebuilt() {
    let (shop, mut shoppers) = busy_shop(9, 500).await;
    let restored = shop.restored();
    assert_eq!(restored.log.identity(), shop.log.identity());
    shop.sell(&mut shoppers, 200).await;
    shop.views().await;
    fs::copy(shop.views_path(), restored.views_path()).unwrap();
    restored.sell(&mut Shoppers::new(10, 12, 30), 400).await;

    restored.views().await;
    let opened = rows(&restored.views_path());
    fs::remove_file(restored.views_path()).unwrap();
    restored.views().await;
    assert_eq!(
        opened,
        rows(&restored.views_path()),
        "every row is the fold"
    );
}

/// Two processes may follow different logs, so the lock of the log does not keep them apart.
///
/// Promise (views): Two processes never write one file of views.
/// Fault: The views are opened while another process has them open.
/// Control: They open once that one has ended.
#[tokio::test]
async fn views_that_another_process_writes_are_refused() {
    let (shop, _) = busy_shop(11, 100).await;
    let updater = shop.updater().await;
    let opened = ViewStore::open(&shop.views_path(), views::all(), &*shop.log).await;
    let refused = opened.err().expect("a refusal").to_string();
    assert!(
        refused.contains("another process has these views open"),
        "{refused}"
    );
    drop(updater);
    shop.updater().await;
}

/// Promise (views): Views that the updater finds damaged are rebuilt automatically.
/// Fault: A table is dropped under the updater.
/// Control: The rows are compared with views built from nothing.
#[tokio::test]
async fn damaged_views_are_rebuilt_without_a_request() {
    let (shop, mut shoppers) = busy_shop(7, 1_000).await;
    let mut kept = Kept::of(&shop).await;
    kept.current(&shop).await;
    vandalise(&shop.views_path(), "DROP TABLE activity");
    shop.sell(&mut shoppers, 50).await;
    kept.current(&shop).await;
    let status = kept.rebuilt().await;
    assert_eq!(status.state, RebuildState::Swapped, "{status:?}");
    assert!(status.rows_differing > 0);
    assert!(kept.read_side.health.borrow().is_none());
    kept.stop().await;
    let after = rows(&shop.views_path());
    for name in files(&shop) {
        fs::remove_file(shop.folder.path().join(name)).unwrap();
    }
    shop.views().await;
    assert_eq!(rows(&shop.views_path()), after);
}

#[tokio::test]
async fn closing_the_views_is_no_damage_to_readers() {
    let (shop, _) = busy_shop(8, 1_000).await;
    let mut kept = Kept::of(&shop).await;
    kept.current(&shop).await;
    let reader = Reader::new(shop.views_path(), kept.read_side.read_handle.clone());
    kept.stop().await;
    let read = reader.idle_carts(Timestamp::now(), None, 1);
    assert!(read.is_ok(), "{read:?}");
    assert!(shop.views_path().exists(), "the next process has its views");
}
