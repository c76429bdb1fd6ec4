//! Faults of the engine of a shared log, and what its nodes make of them.

use crate::contract::{append, commit, read_everything, stream};
use crate::shared_shop::{Shop, fill};
use cartlog::log::{AppendError, Head, LogReader, LogWriter, Position};
use cartlog_testkit::PATIENCE;
use cartlog_testkit::shared_memory::{AppendFault, SharedMemory};
use futures_util::future::join;
use rusqlite::Connection;
use tokio::time::timeout;

/// Promise (cluster): A commit whose answer is lost is settled by the node itself, and is in the
/// log once.
/// Fault: The answer is lost before or after the commit was written, with an engine that
/// recognizes repeats and with one that does not.
/// Control: An answer that stays away is reported as unknown:
/// [unsettled_commit_is_unknown_and_the_node_goes_on].
#[tokio::test]
async fn lost_answer_is_settled_and_never_written_twice() {
    for forgets_repeats in [false, true] {
        for fault in [AppendFault::WrittenUnknown, AppendFault::NotWrittenUnknown] {
            let shop = Shop::new();
            shop.engine
                .behave(|engine| engine.forgets_repeats = forgets_repeats);
            let node = shop.filled("one.db").await;
            append(&*node.log, stream(1), Head::START, 1).await;
            shop.engine.fail([fault, fault]);
            let next = commit(stream(2), Head::START, 2);
            let appended = node.log.append(next).await.expect("a settled commit");
            assert_eq!(appended.position, Position(3), "{fault:?}");
            assert_eq!(shop.engine.len(), 2, "{fault:?}");
            node.close().await;
        }
    }
}

/// Promise (cluster): A commit whose answer is lost is settled by the node itself, and is in the
/// log once.
/// Fault: The answer is lost and another node is faster meanwhile.
#[tokio::test]
async fn lost_answer_of_a_lost_race_is_a_conflict() {
    let shop = Shop::new();
    shop.engine.behave(|engine| engine.forgets_repeats = true);
    let (one, other) = (shop.filled("one.db").await, shop.filled("other.db").await);
    shop.engine.fail([AppendFault::NotWrittenUnknown]);
    let (first, second) = tokio::join!(one.log.append(commit(stream(1), Head::START, 1)), async {
        while shop.engine.appends() == 0 {
            tokio::task::yield_now().await;
        }
        other.log.append(commit(stream(1), Head::START, 2)).await
    });
    let outcomes = [first.is_ok(), second.is_ok()];
    assert_eq!(outcomes.iter().filter(|ok| **ok).count(), 1, "{outcomes:?}");
    assert_eq!(shop.engine.len(), 1);
    one.close().await;
    other.close().await;
}

#[tokio::test]
async fn unsettled_commit_is_unknown_and_the_node_goes_on() {
    let shop = Shop::new();
    let node = shop.filled("one.db").await;
    shop.engine.fail([AppendFault::NotWrittenUnknown; 40]);
    let unknown = node.log.append(commit(stream(1), Head::START, 1)).await;
    assert!(
        matches!(unknown, Err(AppendError::Unknown(_))),
        "{unknown:?}"
    );
    shop.engine.fail([]);
    let refused = loop {
        match node.log.append(commit(stream(2), Head::START, 1)).await {
            Ok(appended) => break appended,
            Err(AppendError::Unknown(_)) => {}
            Err(error) => panic!("{error}"),
        }
    };
    assert!(refused.position > Position(0));
    node.close().await;
}

#[tokio::test]
async fn unreachable_engine_refuses_without_writing() {
    let shop = Shop::new();
    let node = shop.filled("one.db").await;
    shop.engine.fail([AppendFault::NotWritten]);
    let refused = node.log.append(commit(stream(1), Head::START, 1)).await;
    assert!(
        matches!(refused, Err(AppendError::NotWritten(_))),
        "{refused:?}"
    );
    append(&*node.log, stream(1), Head::START, 1).await;
    node.close().await;
}

/// Promise (cluster): A node shows nothing behind a gap or an altered commit, says so, and accepts
/// no commands.
/// Fault: A commit is removed, its data is altered, or its hash is.
/// Control: The commits before it are shown, and with the gap filled the node goes on:
/// [stopped_node_follows_again_once_the_gap_is_filled].
#[tokio::test]
async fn unsound_commit_stops_a_node_before_it() {
    type Unsound = fn(&SharedMemory);
    let cases: [(&str, Unsound); 3] = [
        ("expected sequence 3 from the engine, found 4", |engine| {
            engine.remove(3);
        }),
        ("its hash", |engine| {
            engine.alter(3, |event| event.data = r#"{"number":9}"#.into());
        }),
        ("the engine's hash does not match", |engine| {
            engine.alter(3, |event| event.hash = cartlog::log::Hash::ZERO);
        }),
    ];
    for (reason, make_unsound) in cases {
        let shop = Shop::new();
        let one = shop.filled("one.db").await;
        fill(&*one.log, 5).await;
        make_unsound(&shop.engine);
        let other = shop.open("other.db");
        let stopped = other.stopped().await;
        let expected = match reason {
            "its hash" => "the hash of version 1 of stream",
            other => other,
        };
        assert!(stopped.contains(expected), "{stopped}");
        assert!(other.log.health().await.unwrap_err().contains(expected));
        let shown = read_everything(&*other.log).await;
        assert_eq!(shown.len(), 2, "{reason}");
        let refused = other.log.append(commit(stream(9), Head::START, 1)).await;
        assert!(
            matches!(&refused, Err(AppendError::NotWritten(why)) if why.contains(expected)),
            "{refused:?}"
        );
        let status = other.log.replica().expect("a replica");
        assert_eq!(status.lag_commits, 3);
        assert!(!status.is_filled);
        one.close().await;
        other.close().await;
    }
}

#[tokio::test]
async fn stopped_node_follows_again_once_the_gap_is_filled() {
    let shop = Shop::new();
    let one = shop.filled("one.db").await;
    fill(&*one.log, 5).await;
    let removed = shop.engine.remove(3);
    let other = shop.open("other.db");
    other.stopped().await;
    shop.engine.restore(removed);
    timeout(PATIENCE, async {
        while other.log.wait_until_filled().await.is_err() {}
    })
    .await
    .expect("a filled replica");
    assert_eq!(
        read_everything(&*other.log).await,
        read_everything(&*one.log).await
    );
    one.close().await;
    other.close().await;
}

/// Promise (cluster): An engine that ignores the expected version is noticed by every node, and no
/// such commit is acknowledged.
/// Fault: The engine writes a second commit at the same version.
/// Control: The first commit is acknowledged.
#[tokio::test]
async fn engine_ignoring_expected_versions_is_noticed() {
    let shop = Shop::new();
    shop.engine
        .behave(|engine| engine.ignores_expected_version = true);
    let one = shop.filled("one.db").await;
    // At the same time: a node refuses by itself what it knows to come too late.
    let (first, doubled) = join(
        one.log.append(commit(stream(1), Head::START, 1)),
        one.log.append(commit(stream(1), Head::START, 2)),
    )
    .await;
    first.expect("the first commit");
    assert!(
        matches!(doubled, Err(AppendError::Unknown(_))),
        "{doubled:?}"
    );
    let stopped = one.stopped().await;
    assert!(stopped.contains("follows version 1"), "{stopped}");
    one.close().await;
}

/// Promise (cluster): A node that has seen commits which the log has lost ends, keeps them aside,
/// and starts over.
/// Fault: The engine loses its last commits, while the node runs, and while it is down and the log
/// goes on.
/// Control: The new replica has what the engine has and no more.
#[tokio::test]
async fn lost_commits_end_a_node_that_has_seen_them() {
    let shop = Shop::new();
    let one = shop.filled("one.db").await;
    fill(&*one.log, 5).await;
    shop.engine.lose(2);
    let failure = one.failure().await;
    assert!(
        failure.contains("no longer has the commit at sequence 5"),
        "{failure}"
    );
    let again = shop.filled("one.db").await;
    assert_eq!(read_everything(&*again.log).await.len(), 3);
    let aside = Connection::open(shop.replica("one.db.set-aside")).expect("the former replica");
    let kept: u64 = aside
        .query_row("SELECT count(*) FROM log", [], |row| row.get(0))
        .expect("its events");
    assert_eq!(kept, 5, "what only this node has is kept");
    again.close().await;
}

/// Promise (cluster): A node that has seen commits which the log has lost ends, keeps them aside,
/// and starts over.
/// Fault: The engine loses its last commits, while the node runs, and while it is down and the log
/// goes on.
#[tokio::test]
async fn history_that_went_on_differently_is_noticed() {
    for (shop, ends_with_barrier) in [
        (Shop::new(), false),
        (Shop::of_broker(), false),
        (Shop::of_broker(), true),
    ] {
        let one = shop.filled("one.db").await;
        fill(&*one.log, 5).await;
        if ends_with_barrier {
            one.log.barrier().await.expect("a barrier");
        }
        one.close().await;
        shop.engine.lose(2);
        let other = shop.filled("other.db").await;
        for number in 11..=14 {
            append(&*other.log, stream(number), Head::START, 1).await;
            other.log.barrier().await.expect("a barrier");
        }
        let one = shop.filled("one.db").await;
        assert_eq!(
            read_everything(&*one.log).await,
            read_everything(&*other.log).await
        );
        assert!(shop.replica("one.db.set-aside").exists());
        one.close().await;
        other.close().await;
    }
}

/// Promise (cluster): A node that has seen commits which the log has lost ends, keeps them aside,
/// and starts over.
/// Fault: Another node goes on with the log meanwhile.
#[tokio::test]
async fn running_node_notices_a_history_that_went_on() {
    for shop in [Shop::new(), Shop::of_broker()] {
        let one = shop.filled("one.db").await;
        fill(&*one.log, 5).await;
        let other = Shop {
            engine: shop.engine.clone(),
            folder: tempfile::tempdir().expect("a folder"),
        };
        shop.engine.lose(2);
        let fresh = other.filled("fresh.db").await;
        for number in 11..=14 {
            append(&*fresh.log, stream(number), Head::START, 1).await;
        }
        let failure = one.failure().await;
        assert!(
            failure.contains("another history") || failure.contains("no longer has"),
            "{failure}"
        );
        fresh.close().await;
    }
}
