//! A bit that flips in a server's file, while nodes serve over HTTP.

use super::faults::{answer_without, damage};
use super::{connect, settings};
use crate::adapter::whole_tail;
use crate::rows::{at, await_readiness};
use cartlog::log::Hash;
use cartlog::log::jetstream::JetStreamSettings;
use cartlog::log::shared::{Sequence, SequencedCommit};
use cartlog_testkit::load::readiness;
use cartlog_testkit::log_file::{StoredLog, read_intact_log};
use cartlog_testkit::log_settings::LogSettings;
use cartlog_testkit::nats::{NatsCluster, NatsServer};
use cartlog_testkit::postgres::Node;
use cartlog_testkit::process::ServiceProcess;
use cartlog_testkit::{ApiClient, CartClient, PATIENCE};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A node whose log messages are kept.
struct LoggedNode {
    process: ServiceProcess,
    messages: PathBuf,
    node: Node,
}

impl LoggedNode {
    fn start(log: &LogSettings) -> LoggedNode {
        let node = Node::with(&log.with("logging.level", "info").pairs());
        let messages = node.folder().join("messages");
        let mut serve = node.command(&["serve"]);
        serve.stderr(File::create(&messages).expect("a file"));
        LoggedNode {
            process: ServiceProcess::run(serve),
            messages,
            node,
        }
    }

    fn has_logged(&self, part: &str) -> bool {
        let messages = fs::read_to_string(&self.messages).expect("messages");
        messages.contains(part)
    }

    fn stop(self) -> StoredLog {
        let status = self.process.exit_on_signal("TERM");
        assert_eq!(status.code(), Some(0));
        read_intact_log(&self.node.replica())
    }
}

/// The newest documents of `carts`, each with its version, at the node that is asked there.
async fn documents(node: SocketAddr, carts: &[(CartClient, u64)]) -> Vec<Value> {
    let mut documents = Vec::new();
    for (cart, version) in carts {
        let there = ApiClient::at(node).cart(&cart.id, &cart.token);
        let cart = there.get_at_least(*version).await.expect(200).json();
        assert_eq!(cart["version"], *version, "{cart}");
        documents.push(cart);
    }
    documents
}

/// Changes each of the carts once, at the nodes in turn. A command that is refused while servers
/// elect a leader is sent again, as clients do.
async fn change(nodes: &[Node], carts: &mut [(CartClient, u64)], quantity: u32) {
    let deadline = Instant::now() + 2 * PATIENCE;
    for ((cart, version), node) in carts.iter_mut().zip(nodes.iter().cycle()) {
        loop {
            let changed = at(node, cart).set("teapot", quantity).await;
            if changed.status == 503 && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            *version += 1;
            assert_eq!(changed.expect(200).json()["version"], *version);
            break;
        }
    }
}

/// The sequence and the id of the commit that wrote `version` of the cart.
async fn commit_of(cluster: &NatsCluster, cart: &CartClient, version: u64) -> (Sequence, Hash) {
    let log = connect(JetStreamSettings {
        subject_prefix: "cartlog".to_owned(),
        ..settings(cluster)
    });
    let commits = whole_tail(&*log.await).await;
    let wrote = |commit: &&SequencedCommit| {
        let mut events = commit.events.iter();
        events.any(|event| event.stream.to_string() == cart.id && event.version.0 == version)
    };
    let commit = commits.iter().find(wrote).expect("a commit");
    (commit.sequence, commit.id().expect("events"))
}

/// Whether the server's files have the commit `id` as it was.
fn has_intact(server: &NatsServer, id: Hash) -> bool {
    let text = format!("\"hash\":\"{id}\"");
    server.message_files().iter().any(|path| {
        let bytes = fs::read(path).expect("a file of messages");
        let mut parts = bytes.windows(text.len());
        parts.any(|part| part == text.as_bytes())
    })
}

/// Repairs the copy of the server `index` as docs/cluster.md says: without its index a server
/// checks its files, and copies the commit `id` from another one.
async fn repair(cluster: &mut NatsCluster, index: usize, id: Hash) {
    let server = &mut cluster.servers[index];
    server.stop();
    for file in server.message_files() {
        // A folder has several files of messages.
        let _ = fs::remove_file(file.with_file_name("index.db"));
    }
    server.start();
    cluster.await_copies("cartlog").await;
    let deadline = Instant::now() + PATIENCE;
    while !has_intact(&cluster.servers[index], id) {
        assert!(Instant::now() < deadline, "the copy is not repaired");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn metric(node: SocketAddr, name: &str) -> u64 {
    let metrics = ApiClient::at(node).get("/metrics").await.expect(200);
    let metrics = String::from_utf8(metrics.body).expect("text");
    let line = metrics.lines().find(|line| line.starts_with(name));
    let (_, value) = line.expect(name).rsplit_once(' ').expect("a value");
    value.parse().expect("a number")
}

/// Promise (cluster): A commit that is damaged in one JetStream server's file is skipped by no node
/// and stops none: nodes read it from another server and log an error.
/// Fault: One bit of the file of one of three servers is flipped, and another server is down; new
/// nodes fill their replicas under load.
/// Control: An answer of the damaged server skips the commit and says nothing.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn nodes_read_around_a_flipped_bit_in_one_server() {
    let mut cluster = NatsCluster::start(3).await;
    let log = LogSettings::of_jetstream(&cluster);
    let nodes = [log.start(), log.start()];
    let mut carts = Vec::new();
    for _ in 0..6 {
        carts.push((nodes[0].api().open_cart_with(&[("teapot", 1)]).await, 2));
    }
    change(&nodes, &mut carts, 2).await;
    // The last one of its cart: no later version would show that it was skipped.
    let (sequence, id) = commit_of(&cluster, &carts[5].0, 3).await;
    change(&nodes, &mut carts[..5], 3).await;
    damage(&mut cluster, 0, id).await;
    // So that every second answer is the damaged server's.
    cluster.servers[2].stop();
    let silent = answer_without(&cluster, sequence.0).await;
    assert!(silent.contains(&(sequence.0 + 1)), "{silent:?}");

    let deadline = Instant::now() + 4 * PATIENCE;
    let mut filled = 0;
    let mut quantity = 3;
    loop {
        quantity = 7 - quantity;
        change(&nodes, &mut carts[..5], quantity).await;
        let added = LoggedNode::start(&log);
        filled += 1;
        let expected = documents(nodes[0].address(), &carts).await;
        assert_eq!(documents(added.process.address, &carts).await, expected);
        assert_eq!(documents(nodes[1].address(), &carts).await, expected);
        assert_eq!(
            metric(added.process.address, "cartlog_replica_stopped").await,
            0
        );
        let is_named = added.has_logged("a NATS server has lost a commit that another one still");
        assert!(!is_named || added.has_logged(&format!("sequence={sequence} ")));
        let replica = added.stop();
        // Two of an opening, and then one a version.
        let events: u64 = carts.iter().map(|(_, version)| version).sum();
        assert_eq!(replica.len() as u64, events);
        if is_named {
            break;
        }
        assert!(Instant::now() < deadline, "no node has met the damage");
    }
    println!("the damage was met by node {filled} that was filled over it");

    cluster.servers[2].start();
    cluster.await_copies("cartlog").await;
    assert!(!has_intact(&cluster.servers[0], id));
    repair(&mut cluster, 0, id).await;
    let [one, other] = nodes.map(Node::stop);
    assert_eq!(*one, *other);
}

/// Promise (cluster): A node that cannot read a commit from any JetStream server stops before it
/// and names it in `/readyz`, metrics and log; the others serve on. It goes on by itself once an
/// intact copy is back.
/// Fault: One bit is flipped in the files of two servers, before one of three nodes has the commit;
/// the third server is down.
/// Control: The nodes that had the commit are ready.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn node_without_an_intact_server_stops_before_a_flipped_bit() {
    let mut cluster = NatsCluster::start(3).await;
    let log = LogSettings::of_jetstream(&cluster);
    let nodes = [log.start(), log.start()];
    let behind = LoggedNode::start(&log);
    let address = behind.process.address;
    let mut carts = Vec::new();
    for _ in 0..4 {
        carts.push((nodes[0].api().open_cart_with(&[("teapot", 1)]).await, 2));
    }
    change(&nodes, &mut carts, 2).await;
    let before = documents(address, &carts).await;

    behind.process.send_signal("STOP");
    change(&nodes, &mut carts, 3).await;
    documents(nodes[0].address(), &carts).await;
    documents(nodes[1].address(), &carts).await;
    let (sequence, id) = commit_of(&cluster, &carts[1].0, 4).await;
    damage(&mut cluster, 0, id).await;
    damage(&mut cluster, 1, id).await;
    cluster.servers[2].stop();
    behind.process.send_signal("CONT");

    let named = format!("the entry at sequence {sequence} is not a commit");
    let reason = await_readiness(address, 503, &named).await;
    assert!(reason.contains("no server that answers"), "{reason}");
    assert_eq!(metric(address, "cartlog_replica_stopped").await, 1);
    assert!(behind.has_logged(&named));
    assert!(behind.has_logged("nothing after this commit is shown on this node"));
    // Up to the commit it has everything, and nothing behind it.
    let shown = ApiClient::at(address);
    for (place, (cart, version)) in carts.iter().enumerate() {
        let found = shown
            .cart(&cart.id, &cart.token)
            .get()
            .await
            .expect(200)
            .json();
        let expected = if place == 0 { *version } else { version - 1 };
        assert_eq!(found["version"], expected, "cart {place}");
        assert!(place == 0 || found == before[place]);
    }
    let (cart, _) = &carts[1];
    let refused = shown.cart(&cart.id, &cart.token).set("teapot", 9).await;
    refused.expect_problem(503, "log-unavailable");
    change(&nodes, &mut carts[2..], 4).await;
    for node in &nodes {
        assert_eq!(readiness(node.address()).await.0, 200);
        documents(node.address(), &carts).await;
    }

    // The leader cannot tell any more where the stream of this cart ends.
    let (cart, _) = &carts[1];
    let refused = at(&nodes[0], cart).set("teapot", 9).await;
    refused.expect_problem(503, "log-unavailable");

    cluster.servers[2].start();
    await_readiness(address, 200, "").await;
    let expected = documents(nodes[0].address(), &carts).await;
    assert_eq!(documents(address, &carts).await, expected);
    assert_eq!(metric(address, "cartlog_replica_stopped").await, 0);
    assert!(behind.has_logged("following the shared log again"));
    // A copy is repaired from that of the leader.
    let intact = json!({ "placement": { "preferred": cluster.servers[2].name } });
    let deadline = Instant::now() + PATIENCE;
    while cluster.leader("cartlog").await != 2 {
        assert!(Instant::now() < deadline, "the server does not lead");
        let stepped_down = cluster.api("STREAM.LEADER.STEPDOWN.cartlog", &intact);
        stepped_down.await;
    }
    repair(&mut cluster, 0, id).await;
    repair(&mut cluster, 1, id).await;
    change(&nodes, &mut carts, 5).await;
    let expected = documents(nodes[0].address(), &carts).await;
    assert_eq!(documents(address, &carts).await, expected);
    let [one, other] = nodes.map(Node::stop);
    let healed = behind.stop();
    assert_eq!(*one, *other);
    assert_eq!(*one, *healed);
}
