//! Kills and races, after which message n is still the event at position n.

use super::{
    Running, STREAM, compact, discrepancies, embedded, messages, mirrored, until_mirrored,
};
use async_nats::HeaderMap;
use cartlog::log::EventLog;
use cartlog::mirror::MirrorActivity;
use cartlog_testkit::load::{LoadGenerator, assert_log_matches};
use cartlog_testkit::log_file::{log_path, read_intact_log};
use cartlog_testkit::log_settings::LogSettings;
use cartlog_testkit::nats::NatsCluster;
use cartlog_testkit::postgres::Node;
use cartlog_testkit::seed::Dice;
use cartlog_testkit::shop::{Shop, Shoppers};
use cartlog_testkit::{ApiClient, PATIENCE};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Promise (crash): The mirror in NATS has every event once, at the sequence of its position, and
/// the shop goes on while NATS is away.
/// Fault: `kill -9` of the NATS server and of cartlog, 4 times at random moments under load
/// Control: Publishers without the expected sequence double events:
/// [control_publishers_without_the_sequence_double].
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn mirror_survives_kills_of_cartlog_and_nats() {
    let mut cluster = NatsCluster::start(1).await;
    let mut node = mirrored(&cluster, &embedded()).start();
    let mut dice = Dice(24);
    let mut records = Vec::new();
    for round in 0..4 {
        let mut load = LoadGenerator::start(node.address(), 16, round);
        load.acknowledged(20 + dice.below(200)).await;
        cluster.servers[0].kill();
        let before = load.count();
        load.acknowledged(before + 50 + dice.below(200)).await;
        let ready = node.api().get("/readyz").await;
        ready.expect(200);
        cluster.servers[0].start();
        let before = load.count();
        load.acknowledged(before + dice.below(600)).await;
        node.kill();
        records.push(load.end().await);
        node.serve();
    }
    until_mirrored(&node.api()).await;
    node.shut_down();
    let log = read_intact_log(&log_path(node.folder()));
    for record in &records {
        assert_log_matches(record, &log);
    }
    let client = cluster.client(None).await;
    let messages = messages(&client, STREAM).await;
    assert_eq!(discrepancies(&log, &messages), Vec::<String>::new());
}

/// The position up to which the service knows the stream to have the log, and the log's end.
async fn mirrored_up_to(api: &ApiClient) -> (u64, u64) {
    let views = api.get("/api/views").await.expect(200).json();
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    (
        number(&views["log"]["mirror"]["position"]),
        number(&views["head"]),
    )
}

/// Promise (log): A mirror with a copy on each of three NATS servers has every event once, and goes
/// on without an operator when one of them dies.
/// Fault: `kill -9` of the leader of the stream, of the next leader and of a follower, under load
/// Control: Publishers without the expected sequence double events:
/// [control_publishers_without_the_sequence_double].
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn mirror_on_three_servers_survives_each_of_them() {
    let mut cluster = NatsCluster::start(3).await;
    let node = mirrored(&cluster, &embedded())
        .with("nats.replicas", "3")
        .start();
    until_mirrored(&node.api()).await;
    let mut load = LoadGenerator::start(node.address(), 8, 0);
    for victim in ["leader", "leader", "follower"] {
        let before = load.count();
        load.acknowledged(before + 100).await;
        let leader = cluster.leader(STREAM).await;
        let killed = match victim {
            "leader" => leader,
            _ => (leader + 1) % 3,
        };
        cluster.servers[killed].kill();
        let killed_at = Instant::now();
        let before = load.count();
        load.acknowledged(before + 100).await;
        let (_, end) = mirrored_up_to(&node.api()).await;
        while mirrored_up_to(&node.api()).await.0 < end {
            assert!(
                killed_at.elapsed() < 2 * PATIENCE,
                "the mirror stands still"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let caught_up = killed_at.elapsed();
        println!("the mirror had everything {caught_up:?} after the {victim} was killed");
        cluster.servers[killed].start();
        cluster.await_copies(STREAM).await;
    }
    let record = load.stop().await;
    until_mirrored(&node.api()).await;
    let path = log_path(node.folder());
    let client = cluster.client(None).await;
    let messages = messages(&client, STREAM).await;
    let log = read_intact_log(&path);
    assert_log_matches(&record, &log);
    assert_eq!(discrepancies(&log, &messages), Vec::<String>::new());
}

/// Promise (log): Several mirrors of one log store each event once, in its place.
/// Fault: Three of them race for a log of thousands of events while it grows.
/// Control: Publishers without the expected sequence double events:
/// [control_publishers_without_the_sequence_double].
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn racing_mirrors_store_each_event_once() {
    let cluster = NatsCluster::start(1).await;
    let shop = Shop::open();
    let mut shoppers = Shoppers::new(24, 20, 50);
    shop.sell(&mut shoppers, 2_000).await;
    let log: Arc<dyn EventLog> = shop.log.clone();
    let mut mirrors: Vec<Running> = (0..3).map(|_| Running::start(&cluster, &log)).collect();
    for _ in 0..50 {
        shop.sell(&mut shoppers, 20).await;
    }
    let end = log.barrier().await.expect("the end");
    for mirror in &mirrors {
        mirror.until_at(end).await;
    }
    // The one that publishes ends, and another takes over.
    let is_active = |mirror: &Running| {
        let activity = mirror.changes.borrow().activity;
        activity != MirrorActivity::StandingBy
    };
    mirrors.retain(|mirror| !is_active(mirror));
    assert!(!mirrors.is_empty(), "one stands by");
    shop.sell(&mut shoppers, 100).await;
    let end = log.barrier().await.expect("the end");
    for mirror in &mirrors {
        mirror.until_at(end).await;
    }
    let client = cluster.client(None).await;
    let stored = read_intact_log(shop.log.path());
    let messages = messages(&client, STREAM).await;
    assert_eq!(discrepancies(&stored, &messages), Vec::<String>::new());
}

/// Publishers that do not say what they expect.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn control_publishers_without_the_sequence_double() {
    let cluster = NatsCluster::start(1).await;
    let shop = Shop::open();
    shop.sell(&mut Shoppers::new(24, 20, 50), 200).await;
    let config = json!({ "name": STREAM, "subjects": ["cartlog.events.*.*"] });
    cluster
        .api(&format!("STREAM.CREATE.{STREAM}"), &config)
        .await;
    let stored = read_intact_log(shop.log.path());
    let publisher = async || {
        let client = cluster.client(None).await;
        for event in &*stored {
            let document = json!({
                "logposition": event.position.to_string(), "hash": event.hash,
                "subject": event.stream, "data": compact(&event.data),
            });
            let subject = format!("cartlog.events.cart.{}", event.stream);
            let asked =
                client.request_with_headers(subject, HeaderMap::new(), document.to_string().into());
            asked.await.expect("an acknowledgement");
        }
    };
    join_all((0..3).map(|_| publisher())).await;
    let client = cluster.client(None).await;
    let messages = messages(&client, STREAM).await;
    assert_eq!(messages.len(), 3 * stored.len());
    assert!(!discrepancies(&stored, &messages).is_empty());
}

/// Promise (cluster): Nodes that share a log mirror each event once, and one goes on where another
/// was killed.
/// Fault: `kill -9` of one of two nodes, 3 times under load
/// Control: Publishers without the expected sequence double events:
/// [control_publishers_without_the_sequence_double].
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn nodes_of_a_shared_log_mirror_each_event_once() {
    let cluster = NatsCluster::start(1).await;
    let settings = mirrored(&cluster, &LogSettings::of_jetstream(&cluster));
    let mut nodes = [settings.start(), settings.start()];
    let mut dice = Dice(24);
    for round in 0..3 {
        let [mut one, mut two] = [0, 1].map(|node: usize| {
            LoadGenerator::start(nodes[node].address(), 8, 2 * round + node as u64)
        });
        one.acknowledged(20 + dice.below(100)).await;
        two.acknowledged(20 + dice.below(100)).await;
        let killed = dice.below(2);
        nodes[killed].kill();
        let (gone, other) = if killed == 0 { (one, two) } else { (two, one) };
        gone.end().await;
        other.stop().await;
        until_mirrored(&nodes[1 - killed].api()).await;
        nodes[killed].serve();
    }
    for node in &nodes {
        until_mirrored(&node.api()).await;
    }
    let [one, two] = nodes.map(Node::stop);
    assert_eq!(*one, *two, "both replicas are the same");
    let client = cluster.client(None).await;
    let messages = messages(&client, STREAM).await;
    assert_eq!(discrepancies(&one, &messages), Vec::<String>::new());
}
