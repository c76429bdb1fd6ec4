//! The same on a log in a real PostgreSQL with two standbys, and in a real JetStream with three
//! servers, whose nodes are processes.

use super::http::Life;
use super::nodes::Node as Handler;
use super::{histories_with_kills, history_of, seed, times};
use cartlog::log::jetstream::JetStreamConnector;
use cartlog::log::postgres::{PostgresConnector, PostgresSettings};
use cartlog::log::shared::{SequencerConnector, SharedLog, SharedLogSettings};
use cartlog::log::{EventLog, LogReader, LogWriter};
use cartlog_testkit::flawed_sequencer::{Flaw, FlawedConnector};
use cartlog_testkit::log_settings::LogSettings;
use cartlog_testkit::nats::{NatsCluster, log_settings};
use cartlog_testkit::postgres::{Cluster, Replication};
use cartlog_testkit::seed::Dice;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Promise (cluster): Each cart is linearizable across the nodes.
/// Fault: 12 shoppers on 3 carts send to three nodes in turns, and one of them is killed six times.
/// Control: A database that ignores the expected version is noticed:
/// [control_database_ignoring_versions_is_noticed].
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn carts_are_linearizable_across_nodes_with_kills() {
    let cluster = Cluster::start(Replication::Quorum).await;
    carts_are_linearizable(&LogSettings::of_postgres(&cluster)).await;
}

/// Promise (cluster): Each cart is linearizable across nodes over JetStream, too.
/// Fault: 12 shoppers on 3 carts send to three nodes in turns, and one of them is killed six times.
/// Control: A stream that is written whatever sequence is expected is noticed:
/// [control_stream_ignoring_versions_is_noticed].
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn jetstream_carts_are_linearizable_across_nodes_with_kills() {
    let cluster = NatsCluster::start(3).await;
    carts_are_linearizable(&LogSettings::of_jetstream(&cluster)).await;
}

async fn carts_are_linearizable(log: &LogSettings) {
    let mut nodes = [0, 1, 2].map(|_| log.start());
    let lives = nodes.each_ref().map(|node| {
        watch::Sender::new(Life {
            number: 0,
            address: node.address(),
        })
    });
    let followed = lives.each_ref().map(watch::Sender::subscribe);
    let seed = seed();
    let (mut answered, mut unanswered) = (0, 0);
    for round in 0..times(1, 20) {
        let kill = async |dice: &mut Dice, number: usize| {
            let killed = dice.below(nodes.len());
            nodes[killed].kill();
            nodes[killed].serve();
            lives[killed].send_replace(Life {
                number,
                address: nodes[killed].address(),
            });
        };
        for history in histories_with_kills(seed + 1_000 * round, 6, &followed, kill).await {
            assert!(
                history.is_linearizable(),
                "not linearizable, seed {seed}:\n{history}"
            );
            answered += history.answered();
            unanswered += history.unanswered();
        }
    }
    println!("{answered} commands were answered, {unanswered} never");
    assert!(answered > 500);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn control_database_ignoring_versions_is_noticed() {
    let cluster = Cluster::start(Replication::None).await;
    ignored_versions_are_noticed(|schema| {
        Arc::new(PostgresConnector::new(PostgresSettings {
            url: cluster.url(),
            password_file: None,
            listen_url: None,
            schema: schema.to_owned(),
            root_certificates: None,
            connect_timeout: Duration::from_secs(3),
            timeout: Duration::from_secs(10),
        }))
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a NATS server"]
async fn control_stream_ignoring_versions_is_noticed() {
    let cluster = NatsCluster::start(1).await;
    ignored_versions_are_noticed(|stream| {
        Arc::new(JetStreamConnector::new(log_settings(
            cluster.urls(),
            stream,
            1,
        )))
    })
    .await;
}

/// Two nodes in this process, on logs of several names that ignore the expected version.
async fn ignored_versions_are_noticed(log: impl Fn(&str) -> Arc<dyn SequencerConnector>) {
    let mut found = 0;
    let names = ["first", "second", "third"];
    for name in names {
        let folder = tempfile::tempdir().expect("a folder");
        let connector: Arc<dyn SequencerConnector> = Arc::new(FlawedConnector {
            inner: log(name),
            flaw: Flaw::IgnoresExpectedVersion,
        });
        let mut logs = Vec::new();
        for replica in ["one.db", "two.db"] {
            let settings = SharedLogSettings::at(folder.path().join(replica));
            let (log, worker) = SharedLog::open(&connector, &settings).expect("a log");
            log.wait_until_filled().await.expect("a filled replica");
            logs.push((log, worker));
        }
        let nodes = logs.iter().map(|(log, _)| {
            let log: Arc<dyn EventLog> = log.clone();
            Handler::on(log)
        });
        let nodes: Vec<Handler> = nodes.collect();
        let history = history_of(&nodes, seed(), 4).await;
        found += usize::from(!history.is_linearizable());
        drop(nodes);
        for (log, worker) in logs {
            log.close();
            tokio::task::spawn_blocking(move || worker.join())
                .await
                .expect("the end of its thread");
        }
    }
    assert!(found > 0, "{names:?} look linearizable");
}
