//! A network that falls into two parts.

use super::{append_one, at, connect, settings};
use crate::adapter::{lost, stream, whole_tail};
use crate::failover::Load;
use crate::partition::cut_off_a_node;
use cartlog::log::jetstream::JetStreamSettings;
use cartlog::log::shared::SequencedOutcome;
use cartlog_testkit::PATIENCE;
use cartlog_testkit::log_settings::LogSettings;
use cartlog_testkit::nats::{NatsCluster, NatsOptions};
use cartlog_testkit::postgres::Proxy;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The ways of one node to the servers.
struct Ways(Vec<Proxy>);

impl Ways {
    async fn to(cluster: &NatsCluster) -> Ways {
        let mut ways = Vec::new();
        for server in &cluster.servers {
            ways.push(Proxy::start(server.port, 0).await);
        }
        Ways(ways)
    }

    fn urls(&self) -> Vec<String> {
        let ways = self.0.iter();
        ways.map(|way| format!("nats://{}", way.address)).collect()
    }

    fn settings(&self, cluster: &NatsCluster) -> JetStreamSettings {
        JetStreamSettings {
            timeout: Duration::from_secs(2),
            ..at(self.urls(), settings(cluster))
        }
    }

    /// Leaves the node on the side of the `near` servers.
    fn keep(&self, near: impl Fn(usize) -> bool) {
        for (index, way) in self.0.iter().enumerate() {
            if !near(index) {
                way.hold();
            }
        }
    }

    fn rejoin(&self) {
        self.0.iter().for_each(Proxy::release);
    }
}

fn linked() -> NatsOptions {
    NatsOptions {
        has_links: true,
        ..NatsOptions::default()
    }
}

/// Promise (cluster): In a partition the side with fewer servers acknowledges nothing, the other
/// side goes on by itself, and afterwards both have one log.
/// Fault: The leader and a node are cut off from the other two servers and the other node.
/// Control: The server that is cut off acknowledges a message of a stream without copies.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn minority_of_a_partition_acknowledges_nothing() {
    let cluster = NatsCluster::start_with(3, linked()).await;
    let ways = [Ways::to(&cluster).await, Ways::to(&cluster).await];
    let minority = connect(ways[0].settings(&cluster)).await;
    let majority = connect(ways[1].settings(&cluster)).await;
    let cut_off = Load::start(std::slice::from_ref(&minority), 1);
    let others = Load::start(std::slice::from_ref(&majority), 2);
    cut_off.go_on(20).await;
    others.go_on(20).await;
    let leader = cluster.leader("cartlog").await;
    let alone = json!({
        "name": "alone", "subjects": ["alone"], "storage": "file", "num_replicas": 1,
        "placement": { "tags": [format!("n{leader}")] },
    });
    let created = cluster.api("STREAM.CREATE.alone", &alone).await;
    assert!(created["error"].is_null(), "{created}");
    let near = cluster.client(Some(leader)).await;

    cluster.cut_off(leader);
    ways[0].keep(|index| index == leader);
    ways[1].keep(|index| index != leader);
    let until_elected = others.go_on(2).await;
    println!("acknowledgements paused for {until_elected:?} after the leader was cut off");
    let answer = near.request("alone", "without copies".into()).await;
    let answer: Value = serde_json::from_slice(&answer.expect("an answer").payload).expect("JSON");
    assert_eq!(answer["seq"], 1, "{answer}");
    let before = cut_off.acknowledged();
    let outcome = append_one(&*minority, stream(3)).await;
    let is_open = matches!(
        outcome,
        SequencedOutcome::Unknown(_) | SequencedOutcome::NotWritten(_)
    );
    assert!(is_open, "{outcome:?}");
    let barrier = minority.barrier().await;
    assert!(barrier.is_err(), "a barrier of a minority: {barrier:?}");
    others.go_on(50).await;
    assert_eq!(cut_off.acknowledged(), before);
    assert!(minority.health().await.is_err());

    cluster.rejoin();
    ways.iter().for_each(Ways::rejoin);
    let until_healed = cut_off.go_on(20).await;
    println!("and for {until_healed:?} on the other side after the partition");
    let mut writers = cut_off.stop().await;
    writers.extend(others.stop().await);
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = minority.health().await {
        assert!(Instant::now() < deadline, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let logs = [whole_tail(&*minority).await, whole_tail(&*majority).await];
    let common = logs[0].len().min(logs[1].len());
    assert_eq!(logs[0][..common], logs[1][..common]);
    let acknowledged: usize = writers.iter().map(|writer| writer.acknowledged.len()).sum();
    for log in &logs {
        for writer in &writers {
            assert_eq!(lost(&writer.acknowledged, log), 0);
        }
        let written = log.iter().filter(|commit| {
            let first = commit.events.first();
            first.is_some_and(|event| event.stream != stream(3))
        });
        assert_eq!(written.count(), acknowledged, "each is there once");
    }
}

/// Promise (cluster): A node that is cut off from the servers acknowledges nothing, answers reads,
/// and goes on by itself; the other nodes do not notice.
/// Fault: The way of one of two nodes to all NATS servers carries nothing.
/// Control: The cut-off node's replica lacks what the other node acknowledged.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn jetstream_node_without_servers_acknowledges_nothing() {
    // With links, servers do not tell clients of a way around the proxies.
    let cluster = NatsCluster::start_with(3, linked()).await;
    let ways = Ways::to(&cluster).await;
    let log = LogSettings::of_jetstream(&cluster);
    let behind = log
        .with("log.jetstream.servers", &format!("{:?}", ways.urls()))
        .with("log.jetstream.timeout_seconds", "6");
    cut_off_a_node(&behind, &log, &ways.0).await;
}
