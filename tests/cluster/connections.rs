//! Connections that are cut, and a server that gives up on its standbys.

use crate::adapter::{Writer, commit, connect, lost, settings, stream, whole_tail};
use cartlog::log::Head;
use cartlog::log::postgres::PostgresConnector;
use cartlog::log::shared::{Sequence, SequencedOutcome, Sequencer, SequencerConnector};
use cartlog_testkit::postgres::{Cluster, Cut, PASSWORD, Proxy, Replication, Server};
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::Duration;

/// A node behind a proxy that cuts its connections.
async fn behind(proxy: &Proxy) -> Arc<dyn Sequencer> {
    let url = format!(
        "postgres://cartlog_owner:{PASSWORD}@{}/cartlog?sslmode=disable",
        proxy.address
    );
    connect(&url).await
}

/// Promise (cluster): A commit whose connection is cut is settled by repeating it, never written
/// twice.
/// Fault: Two nodes lose one in 25 packets of their connections, before or after the server has it.
/// Control: Neither taking a cut commit for written nor taking it for not written is right:
/// [control_cut_commits_are_written_or_not].
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn commits_with_cut_connections_are_written_once() {
    const COMMITS: usize = 150;
    let cluster = Cluster::start(Replication::Quorum).await;
    let port = cluster.primary().port;
    let proxies = [Proxy::start(port, 1).await, Proxy::start(port, 2).await];
    let writers = proxies
        .iter()
        .enumerate()
        .map(|(number, proxy)| async move {
            let log = behind(proxy).await;
            proxy.set(Cut::OneIn(25));
            let mut writer = Writer::on(stream(number as u128));
            for _ in 0..COMMITS {
                writer.append(&*log).await;
            }
            writer
        });
    let writers = join_all(writers).await;
    let log = whole_tail(&*connect(&cluster.url()).await).await;
    assert_eq!(log.len(), 2 * COMMITS, "each is there once");
    for (writer, proxy) in writers.iter().zip(&proxies) {
        assert_eq!(lost(&writer.acknowledged, &log), 0);
        assert!(
            writer.repeats > 5 && proxy.cuts() > 5,
            "{} cuts",
            proxy.cuts()
        );
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn control_cut_commits_are_written_or_not() {
    let cluster = Cluster::start(Replication::None).await;
    let proxy = Proxy::start(cluster.primary().port, 3).await;
    let log = behind(&proxy).await;
    let (mut written, mut missing) = (0, 0);
    proxy.set(Cut::OneIn(8));
    for number in 0..400 {
        let (sent, _) = commit(stream(number), Head::START, 1);
        if !matches!(
            log.append(&[sent]).await[..],
            [SequencedOutcome::Unknown(_)]
        ) {
            continue;
        }
        // Another commit in its place tells whether the first one is there.
        let (other, _) = commit(stream(number), Head::START, 1);
        match log.append(&[other]).await[..] {
            [SequencedOutcome::Conflict { .. }] => written += 1,
            [SequencedOutcome::Accepted { .. }] => missing += 1,
            _ => {}
        }
        if written > 0 && missing > 0 {
            return;
        }
    }
    panic!("{written} were written, {missing} were not");
}

/// Promise (cluster): A commit that the server reports without a quorum is not acknowledged.
/// Fault: Both standbys hang, and an operator cancels the wait for them.
/// Control: The primary shows the commit meanwhile, and repeated it is acknowledged once they are
/// back.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn cancelled_wait_for_standbys_is_unknown() {
    let cluster = Cluster::start(Replication::Quorum).await;
    let log = connect(&cluster.url()).await;
    let mut writer = Writer::on(stream(1));
    writer.append(&*log).await;
    cluster.standbys().for_each(Server::freeze);

    let (sent, _) = commit(stream(2), Head::START, 1);
    let group = [sent];
    let cancelling = async {
        loop {
            let cancelled = cluster
                .sql(
                    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity
                      WHERE wait_event = 'SyncRep'",
                )
                .await;
            if !cancelled.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let (outcome, ()) = tokio::join!(log.append(&group), cancelling);
    assert!(
        matches!(&outcome[..], [SequencedOutcome::Unknown(reason)] if reason.contains("standbys")),
        "{outcome:?}"
    );
    let shown = cluster.sql("SELECT count(*) FROM cartlog.commits").await;
    assert_eq!(shown, ["2"]);

    cluster.standbys().for_each(Server::thaw);
    let mut outcome = log.append(&group).await;
    while !matches!(outcome[..], [SequencedOutcome::Accepted { .. }]) {
        outcome = log.append(&group).await;
    }
    assert_eq!(whole_tail(&*log).await.len(), 2);
}

/// Promise (cluster): What has no quorum is not read, although the primary shows it.
/// Fault: Both standbys hang, a commit waits for them, and the primary restarts.
/// Control: The restarted primary shows the commit, and it is read once a standby is back.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn commit_without_quorum_is_not_read_after_a_restart() {
    let mut cluster = Cluster::start(Replication::Quorum).await;
    let mut impatient = settings(&cluster.url());
    impatient.timeout = Duration::from_secs(2);
    let log = PostgresConnector::new(impatient).connect().await.unwrap();
    let mut writer = Writer::on(stream(1));
    writer.append(&*log).await;
    assert_eq!(whole_tail(&*log).await.len(), 1);
    cluster.standbys().for_each(Server::freeze);
    let (sent, _) = commit(stream(2), Head::START, 1);
    let outcome = log.append(&[sent]).await;
    assert!(
        matches!(outcome[..], [SequencedOutcome::Unknown(_)]),
        "{outcome:?}"
    );

    cluster.primary_mut().crash();
    let shown = cluster.sql("SELECT count(*) FROM cartlog.commits").await;
    assert_eq!(shown, ["2"]);
    // The first call finds its connection lost, the second one no quorum.
    for _ in 0..2 {
        let read = log.tail(Sequence(1), 10).await;
        assert!(read.is_err(), "{read:?}");
    }
    assert!(log.health().await.is_err());
    cluster.standbys().for_each(Server::thaw);
    assert_eq!(whole_tail(&*log).await.len(), 2);
    assert_eq!(log.health().await, Ok(()));
}
