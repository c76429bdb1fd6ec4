//! The primary is gone, and a standby takes its place.

use crate::adapter::{Writer, commit, connect, lost, stream, whole_tail};
use crate::nodes::await_standbys;
use cartlog::log::Head;
use cartlog::log::shared::{Sequence, SequencedOutcome, Sequencer};
use cartlog_testkit::PATIENCE;
use cartlog_testkit::postgres::{Cluster, Replication};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Writers that go on until they are stopped.
pub struct Load {
    writers: JoinSet<Writer>,
    acknowledged: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
}

impl Load {
    /// One writer a node, from the stream `first` on.
    pub fn start(nodes: &[Arc<dyn Sequencer>], first: u128) -> Load {
        let mut load = Load {
            writers: JoinSet::new(),
            acknowledged: Arc::default(),
            stopping: Arc::default(),
        };
        for (node, number) in nodes.iter().zip(first..) {
            let node = node.clone();
            let (acknowledged, stopping) = (load.acknowledged.clone(), load.stopping.clone());
            load.writers.spawn(async move {
                let mut writer = Writer::on(stream(number));
                while !stopping.load(Ordering::Relaxed) {
                    writer.append(&*node).await;
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                writer
            });
        }
        load
    }

    /// Waits until `count` more commits are acknowledged, and returns how long that took.
    pub async fn go_on(&self, count: usize) -> Duration {
        let started = Instant::now();
        let end = self.acknowledged() + count;
        while self.acknowledged() < end {
            assert!(started.elapsed() < 3 * PATIENCE, "no acknowledgements");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        started.elapsed()
    }

    /// How many commits are acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    pub async fn stop(self) -> Vec<Writer> {
        self.stopping.store(true, Ordering::Relaxed);
        self.writers.join_all().await
    }
}

/// Promise (cluster): With quorum commit, a failover loses no acknowledged commit.
/// Fault: The primary is killed under load, and the standby that has received most is promoted.
/// Control: With asynchronous replication acknowledged commits are lost:
/// [control_asynchronous_failover_loses_commits].
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn failover_with_quorum_loses_nothing() {
    let mut cluster = Cluster::start(Replication::Quorum).await;
    let nodes = [connect(&cluster.url()).await, connect(&cluster.url()).await];
    let load = Load::start(&nodes, 1);
    load.go_on(100).await;
    cluster.fail_over().await;
    let paused = load.go_on(2).await;
    load.go_on(100).await;
    let writers = load.stop().await;
    println!("acknowledgements paused for {paused:?} after the promotion");
    for node in &nodes {
        let log = whole_tail(&**node).await;
        let acknowledged: usize = writers.iter().map(|writer| writer.acknowledged.len()).sum();
        assert_eq!(
            log.len(),
            acknowledged,
            "nothing is there that was not acknowledged"
        );
        for writer in &writers {
            assert_eq!(lost(&writer.acknowledged, &log), 0);
        }
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn control_asynchronous_failover_loses_commits() {
    let mut cluster = Cluster::start(Replication::Asynchronous).await;
    let node = connect(&cluster.url()).await;
    let mut writer = Writer::on(stream(1));
    writer.append(&*node).await;
    // Otherwise they may lack the role that connects, or the database.
    await_standbys(&cluster).await;
    // They lag at the wrong moment.
    for standby in cluster.standbys_mut() {
        standby.stop_immediately();
    }
    for _ in 0..20 {
        writer.append(&*node).await;
    }
    cluster.primary_mut().stop_immediately();
    for standby in cluster.standbys_mut() {
        standby.start();
    }
    cluster.promote_best_standby().await;
    let node = connect(&cluster.url()).await;
    let log = whole_tail(&*node).await;
    let lost = lost(&writer.acknowledged, &log);
    println!(
        "{lost} of {} acknowledged commits were lost",
        writer.acknowledged.len()
    );
    assert!(lost > 0);
    // What is based on lost commits is in conflict, although the version may fit.
    let (next, _) = commit(stream(1), writer.head(), 1);
    let outcome = node.append(&[next]).await;
    assert!(
        matches!(outcome[..], [SequencedOutcome::Conflict { .. }]),
        "{outcome:?}"
    );
}

/// Promise (cluster): A node that still talks to a replaced primary gives no stale answer.
/// Fault: The primary hangs, a standby is promoted and written to, and the old primary goes on.
/// Control: The old primary itself does not have what was acknowledged.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn replaced_primary_gives_no_stale_barrier() {
    let mut cluster = Cluster::start(Replication::Quorum).await;
    let isolated = connect(&cluster.url()).await;
    let mut writer = Writer::on(stream(1));
    writer.append(&*isolated).await;
    assert_eq!(whole_tail(&*isolated).await.len(), 1);
    let old = cluster.primary().port;
    cluster.primary().freeze();
    cluster.promote_best_standby().await;
    let other = connect(&cluster.url()).await;
    let mut writer = Writer::on(stream(2));
    writer.append(&*other).await;
    cluster.thaw(old);
    assert_eq!(
        cluster
            .shown_by(old, "SELECT max(sequence) FROM cartlog.commits")
            .await,
        ["1"]
    );

    let deadline = Instant::now() + 3 * PATIENCE;
    loop {
        match isolated.barrier().await {
            Ok(reached) => {
                assert!(reached >= Sequence(2), "a stale barrier");
                break;
            }
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    }
    // Nor does it go on following a log that never grows.
    loop {
        match isolated.tail(Sequence(1), 10).await {
            Ok(read) if !read.is_empty() => break,
            _ => assert!(
                Instant::now() < deadline,
                "the tail stays with the old primary"
            ),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Promise (cluster): After a restart of the primary, commits are acknowledged again within
/// seconds.
/// Fault: The primary is restarted immediately under load.
/// Control: While it is down nothing is acknowledged.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn restarted_primary_is_used_again() {
    let mut cluster = Cluster::start(Replication::Quorum).await;
    let nodes = [connect(&cluster.url()).await, connect(&cluster.url()).await];
    let load = Load::start(&nodes, 1);
    load.go_on(50).await;
    cluster.primary_mut().stop_immediately();
    let (sent, _) = commit(stream(9), Head::START, 1);
    let outcome = nodes[0].append(&[sent]).await;
    assert!(
        !matches!(outcome[..], [SequencedOutcome::Accepted { .. }]),
        "{outcome:?}"
    );
    cluster.primary_mut().start();
    let paused = load.go_on(2).await;
    println!("acknowledgements paused for {paused:?} after the start");
    let writers = load.stop().await;
    let log = whole_tail(&*nodes[0]).await;
    for writer in &writers {
        assert_eq!(lost(&writer.acknowledged, &log), 0);
    }
}
