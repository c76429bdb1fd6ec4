//! The nodes of a shared log: their replicas, and what one shows of what another one wrote.

use crate::contract::{append, commit, end_of, read_everything, stream, versions};
use crate::shared_shop::{Node, Shop, fill};
use cartlog::log::shared::{SharedLog, SharedLogSettings};
use cartlog::log::sqlite::SqliteLog;
use cartlog::log::{
    AppendError, Freshness, Head, LogReader, LogWriter, Position, SqliteLogSettings, Version,
};
use futures_util::future::join_all;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Promise (cluster): A damaged or foreign replica is filled again from the log; a log of its own
/// is refused and left unchanged.
/// Fault: Two pages of the file are overwritten, or all of it.
/// Control: The node has every event again.
#[tokio::test]
async fn damaged_replica_is_filled_again() {
    let shop = Shop::new();
    let one = shop.filled("one.db").await;
    fill(&*one.log, 50).await;
    let all = read_everything(&*one.log).await;
    one.close().await;
    let path = shop.replica("one.db");
    let file = Connection::open(&path).expect("the replica");
    // As a process that was killed leaves it.
    file.execute("UPDATE replica SET open = 1", [])
        .expect("a mark");
    drop(file);
    let mut bytes = std::fs::read(&path).expect("the replica");
    for byte in &mut bytes[4_096..12_288] {
        *byte = 0x5a;
    }
    std::fs::write(&path, bytes).expect("a damaged replica");
    let again = shop.filled("one.db").await;
    assert_eq!(read_everything(&*again.log).await, all);
    again.close().await;
    std::fs::write(&path, b"not a database").expect("garbage");
    let again = shop.filled("one.db").await;
    assert_eq!(read_everything(&*again.log).await, all);
    again.close().await;
}

/// Promise (cluster): A damaged or foreign replica is filled again from the log; a log of its own
/// is refused and left unchanged.
/// Fault: It is the replica of another log.
#[tokio::test]
async fn replica_of_another_log_is_set_aside() {
    let (shop, other) = (Shop::new(), Shop::new());
    let foreign = other.filled("one.db").await;
    fill(&*foreign.log, 3).await;
    foreign.close().await;
    std::fs::copy(other.replica("one.db"), shop.replica("one.db")).expect("a copy");
    let node = shop.filled("one.db").await;
    assert_eq!(read_everything(&*node.log).await, []);
    assert!(shop.replica("one.db.set-aside").exists());
    node.close().await;
}

/// Promise (cluster): A damaged or foreign replica is filled again from the log; a log of its own
/// is refused and left unchanged.
/// Fault: It is an embedded log.
#[tokio::test]
async fn log_of_its_own_is_never_taken_for_a_replica() {
    let shop = Shop::new();
    let settings = SqliteLogSettings::at(shop.replica("one.db"));
    let (log, mut writer) = SqliteLog::open(&settings).expect("a log");
    append(&*log, stream(1), Head::START, 2).await;
    log.close();
    writer.ended().await.expect("a good end");
    writer.join();
    let before = std::fs::read(shop.replica("one.db")).expect("the log");
    let refusal = shop.refusal("one.db");
    assert!(refusal.contains("a log of its own"), "{refusal}");
    assert!(refusal.contains("log.replica_path"), "{refusal}");
    assert_eq!(std::fs::read(shop.replica("one.db")).expect("it"), before);
}

#[tokio::test]
async fn replica_is_opened_by_one_process_alone() {
    let shop = Shop::new();
    let node = shop.filled("one.db").await;
    let refusal = shop.refusal("one.db");
    assert!(
        refusal.contains("another process has this replica open"),
        "{refusal}"
    );
    node.close().await;
}

/// The replica of a node is a log: the embedded engine opens it.
#[tokio::test]
async fn replica_opens_as_an_embedded_log() {
    let shop = Shop::new();
    let node = shop.filled("one.db").await;
    fill(&*node.log, 20).await;
    let head = append(&*node.log, stream(77), Head::START, 3).await;
    let (all, identity) = (read_everything(&*node.log).await, node.log.identity());
    node.close().await;
    let settings = SqliteLogSettings::at(shop.replica("one.db"));
    let (log, mut writer) = SqliteLog::open(&settings).expect("a log");
    assert_eq!(read_everything(&*log).await, all);
    assert_eq!(log.identity(), identity);
    append(&*log, stream(77), head, 1).await;
    log.close();
    writer.ended().await.expect("a good end");
    writer.join();
    let refusal = shop.refusal("one.db");
    assert!(refusal.contains("a log of its own"), "{refusal}");
}

/// Behind a proxy that sends the commands of a cart to any node this is the usual case.
#[tokio::test]
async fn late_commit_is_refused_without_asking_the_engine() {
    let shop = Shop::new();
    let (one, other) = (shop.filled("one.db").await, shop.filled("other.db").await);
    append(&*one.log, stream(1), Head::START, 1).await;
    other.log.barrier().await.expect("the commit has arrived");
    let before = shop.engine.appends();
    let late = other.log.append(commit(stream(1), Head::START, 2)).await;
    assert!(
        matches!(late, Err(AppendError::Conflict { .. })),
        "{late:?}"
    );
    assert_eq!(shop.engine.appends(), before);
    one.close().await;
    other.close().await;
}

/// Promise (cluster): A node learns that it lost a race once it has the commit that won, so
/// that it decides on that.
/// Fault: Two nodes append at the same version, without hints of new commits.
/// Control: The commit that lost is not there.
#[tokio::test]
async fn conflict_shows_the_commit_that_won() {
    let shop = Shop::new();
    shop.engine.behave(|engine| engine.gives_no_hints = true);
    let (one, other) = (shop.filled("one.db").await, shop.filled("other.db").await);
    for round in 0..20 {
        let head = append(&*one.log, stream(round), Head::START, 1).await;
        let lost = other
            .log
            .append(commit(stream(round), Head::START, 2))
            .await;
        assert!(
            matches!(lost, Err(AppendError::Conflict { .. })),
            "{lost:?}"
        );
        let won = other
            .log
            .read_stream(stream(round), Version(0), 10, Freshness::Any)
            .await
            .expect("the stream");
        assert_eq!(versions(&won), [1]);
        assert_eq!(Head::at(&won[0]), head);
    }
    one.close().await;
    other.close().await;
}

/// Promise (cluster): A read that must be fresh sees what any node has acknowledged, or fails.
/// Fault: Nodes get no hints of new commits.
/// Control: An engine that does not answer fails fresh reads and no others:
/// [unreachable_engine_fails_fresh_reads_and_keeps_others].
#[tokio::test]
async fn linearizable_read_sees_what_another_node_acknowledged() {
    let shop = Shop::new();
    shop.engine.behave(|engine| engine.gives_no_hints = true);
    let (one, other) = (shop.filled("one.db").await, shop.filled("other.db").await);
    let mut head = Head::START;
    for version in 1..=30 {
        let next = commit(stream(1), head, 1);
        head = end_of(&next);
        let appended = one.log.append(next).await.expect("an append");
        let fresh = match version % 2 {
            0 => Freshness::Linearizable,
            _ => Freshness::AtLeast(appended.position),
        };
        let read = other
            .log
            .read_stream(stream(1), Version(version - 1), 10, fresh);
        assert_eq!(versions(&read.await.expect("a page")), [version]);
    }
    one.close().await;
    other.close().await;
}

#[tokio::test]
async fn one_barrier_serves_all_who_wait() {
    let shop = Shop::new();
    let node = shop.filled("one.db").await;
    let before = shop.engine.barriers();
    let reads = (0..200).map(|_| node.log.barrier());
    for barrier in join_all(reads).await {
        assert_eq!(barrier, Ok(Position(0)));
    }
    let asked = shop.engine.barriers() - before;
    assert!((1..=20).contains(&asked), "{asked}");
    node.close().await;
}

#[tokio::test]
async fn unreachable_engine_fails_fresh_reads_and_keeps_others() {
    let shop = Shop::new();
    let node = shop.filled("one.db").await;
    fill(&*node.log, 3).await;
    shop.engine.behave(|engine| engine.is_unreachable = true);
    let fresh = node
        .log
        .read_stream(stream(1), Version(0), 10, Freshness::Linearizable)
        .await;
    assert!(fresh.unwrap_err().to_string().contains("does not answer"));
    let any = node
        .log
        .read_stream(stream(1), Version(0), 10, Freshness::Any)
        .await;
    assert_eq!(versions(&any.expect("a page")), [1]);
    let trouble = node.stopped().await;
    assert!(trouble.contains("does not answer"), "{trouble}");
    shop.engine.behave(|engine| engine.is_unreachable = false);
    append(&*node.log, stream(1), Head::at(&any_head(&node).await), 1).await;
    node.close().await;
}

async fn any_head(node: &Node) -> cartlog::log::RecordedEvent {
    let read = node
        .log
        .read_stream(stream(1), Version(0), 10, Freshness::Any);
    read.await.expect("a page").pop().expect("an event")
}

/// Promise (cluster): A node with a full queue refuses further commits and writes the others.
/// Fault: Each group of two takes 50 ms, and 40 commits come at once to a queue of four.
/// Control: Some are written, and as many as are acknowledged.
#[tokio::test]
async fn full_queue_refuses_further_commits() {
    let shop = Shop::new();
    shop.engine
        .behave(|engine| engine.append_time = Duration::from_millis(50));
    let settings = SharedLogSettings {
        queue: 4,
        group: 2,
        ..shop.settings("one.db")
    };
    let (log, worker) = shop.engine.open_with(&settings).expect("an open log");
    let node = Node { log, worker };
    let commits = (1..=40).map(|number| node.log.append(commit(stream(number), Head::START, 1)));
    let outcomes = join_all(commits).await;
    let full = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(AppendError::Full)))
        .count();
    let written = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(full > 0, "{outcomes:?}");
    assert_eq!(full + written, 40, "{outcomes:?}");
    assert_eq!(shop.engine.len(), written);
    node.close().await;
}

/// Promise (cluster): A commit that waits too long for a slow engine is refused, so that no commit
/// waits for all that are queued before it.
/// Fault: Each group of two takes 100 ms, and 60 commits come at once.
/// Control: With enough time all of them are written.
#[tokio::test]
async fn commit_that_waited_too_long_is_refused() {
    for (settle_within, are_refused) in [(300, true), (60_000, false)] {
        let shop = Shop::new();
        shop.engine
            .behave(|engine| engine.append_time = Duration::from_millis(100));
        let settings = SharedLogSettings {
            group: 2,
            settle_within: Duration::from_millis(settle_within),
            ..shop.settings("one.db")
        };
        let (log, worker) = shop.engine.open_with(&settings).expect("an open log");
        let node = Node { log, worker };
        let commits =
            (1..=60).map(|number| node.log.append(commit(stream(number), Head::START, 1)));
        let outcomes = join_all(commits).await;
        let refused = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Err(AppendError::Full)))
            .count();
        assert_eq!(refused > 0, are_refused, "{outcomes:?}");
        assert!(
            shop.engine.len() <= 60 - refused,
            "a refused one is written"
        );
        node.close().await;
    }
}

/// Promise (cluster): The replicas of all nodes are equal, row by row.
/// Fault: Two nodes race on four streams with commits of different sizes.
/// Control: Both of them have written.
#[tokio::test]
async fn racing_nodes_have_equal_replicas() {
    let shop = Shop::new();
    let (one, other) = (shop.filled("one.db").await, shop.filled("other.db").await);
    // Commits of different sizes: equal ones would be one commit, repeated.
    let race = |log: Arc<SharedLog>, count: u64| async move {
        let mut written = 0;
        for _ in 0..200 {
            for number in 0..4 {
                let read = log
                    .read_stream(stream(number), Version(0), 10_000, Freshness::Any)
                    .await
                    .expect("the stream");
                let head = read.last().map_or(Head::START, Head::at);
                match log.append(commit(stream(number), head, count)).await {
                    Ok(_) => written += count,
                    Err(AppendError::Conflict { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
        written
    };
    let (first, second) = tokio::join!(race(one.log.clone(), 1), race(other.log.clone(), 2));
    assert!(first > 0 && second > 0, "{first} {second}");
    let end = one.log.barrier().await.expect("a barrier");
    assert_eq!(end, Position(first + second));
    other.log.barrier().await.expect("a barrier");
    assert_eq!(
        read_everything(&*one.log).await,
        read_everything(&*other.log).await
    );
    one.close().await;
    other.close().await;
    assert_eq!(
        rows(&shop.replica("one.db")),
        rows(&shop.replica("other.db"))
    );
}

fn rows(replica: &Path) -> Vec<String> {
    let file = Connection::open(replica).expect("a replica");
    let mut rows = file
        .prepare(
            "SELECT position || type || data || metadata || hash FROM events
             UNION ALL SELECT sequence || ' ' || position || hex(chain) FROM replica",
        )
        .expect("rows");
    let texts = rows.query_map([], |row| row.get(0)).expect("rows");
    texts.collect::<Result<_, _>>().expect("texts")
}
