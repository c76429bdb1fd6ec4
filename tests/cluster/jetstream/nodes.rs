//! Nodes that serve one log over HTTP.

use super::{connect, settings};
use crate::moving::move_there_and_back;
use crate::nodes::{catch_up, expire_on_all_nodes, kill_nodes, sent_again, stop_a_node_for};
use crate::resume::resume_at_another_node;
use crate::rows::stop_before_an_unknown_event;
use cartlog::log::jetstream::JetStreamSettings;
use cartlog_testkit::load::{LoadGenerator, assert_log_matches, assert_replays};
use cartlog_testkit::log_settings::LogSettings;
use cartlog_testkit::nats::NatsCluster;
use cartlog_testkit::postgres::Node;
use cartlog_testkit::seed::Dice;
use std::time::Duration;

/// Promise (cluster): With JetStream, too, every acknowledged command is in the log once, and a
/// retry on another node gets the first response.
/// Fault: `kill -9` of one of two nodes at 6 random moments, with 64 clients
/// Control: A forged acknowledgement is noticed: [control_forged_node_response_is_noticed].
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn jetstream_commands_survive_kills_of_nodes() {
    let cluster = NatsCluster::start(3).await;
    kill_nodes(&LogSettings::of_jetstream(&cluster), 6).await;
}

/// Promise (cluster): A node and a JetStream server that die together lose no acknowledged command
/// and double none.
/// Fault: `kill -9` of both at 3 random moments, with 32 clients
/// Control: A forged acknowledgement is noticed: [control_forged_node_response_is_noticed].
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn commands_survive_kills_of_a_node_and_a_server() {
    let mut cluster = NatsCluster::start(3).await;
    let log = LogSettings::of_jetstream(&cluster);
    let mut nodes = [log.start(), log.start()];
    let mut dice = Dice(22);
    let mut records = Vec::new();
    for round in 0..3 {
        let mut loads = [0, 1].map(|node: usize| {
            LoadGenerator::start(nodes[node].address(), 16, 2 * round + node as u64)
        });
        for load in &mut loads {
            load.acknowledged(20 + dice.below(60)).await;
        }
        // The leader first: every round has an election.
        let server = cluster.leader("cartlog").await;
        cluster.servers[server].kill();
        let killed = dice.below(2);
        nodes[killed].kill();
        let [one, two] = loads;
        let mut lists = [one.stop().await, two.stop().await];
        let other = nodes[1 - killed].address();
        for record in &mut lists {
            sent_again(record, other).await;
            assert_replays(record, other).await;
        }
        cluster.servers[server].start();
        nodes[killed].serve();
        for record in &lists {
            catch_up(record, &nodes).await;
        }
        cluster.await_copies("cartlog").await;
        records.extend(lists);
    }
    let [one, two] = nodes.map(Node::stop);
    assert_eq!(*one, *two, "both replicas are the same");
    for record in &records {
        assert_log_matches(record, &one);
    }
}

/// Promise (cluster): A node over JetStream that was stopped for a while gives no stale refusal,
/// and catches up by itself.
/// Fault: `SIGSTOP` for 8 s, while another node changes the cart
/// Control: The stopped node's replica does not have the change.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn jetstream_stopped_node_gives_no_stale_refusal() {
    let cluster = NatsCluster::start(3).await;
    // Longer than the servers keep a connection that answers no ping.
    stop_a_node_for(Duration::from_secs(8), &LogSettings::of_jetstream(&cluster)).await;
}

/// Promise (cluster): With JetStream, too, an idle cart expires once, although every node expires
/// carts.
/// Fault: Three nodes expire the same carts at the same time.
/// Control: Each of them finds the carts idle.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn jetstream_cart_expires_once_on_all_nodes() {
    let cluster = NatsCluster::start(1).await;
    expire_on_all_nodes(&LogSettings::of_jetstream(&cluster)).await;
}

/// Promise (cluster): With JetStream, too, a log moves from one machine into it and back with the
/// same positions, hashes and answers.
/// Fault: `export`, `import` and `verify` by different nodes; a node that leaves JetStream
/// Control: A stream with events refuses an import.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn log_moves_into_jetstream_and_back() {
    let cluster = NatsCluster::start(1).await;
    move_there_and_back(&LogSettings::of_jetstream(&cluster)).await;
}

/// Promise (cluster): With JetStream, too, a live stream resumes at another node without a gap or a
/// repetition.
/// Fault: The node of the stream is killed.
/// Control: An id with the hash of another history is refused.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn jetstream_live_stream_resumes_at_another_node() {
    let cluster = NatsCluster::start(1).await;
    resume_at_another_node(&LogSettings::of_jetstream(&cluster)).await;
}

/// Promise (cluster): With JetStream, too, a node that does not know the type of an event stops
/// before it, says so, answers what it has, and never skips the event.
/// Fault: A newer program writes such an event; the node is killed, and another one is added.
/// Control: Before it they are ready.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn jetstream_node_without_an_event_type_stops_before_it() {
    let cluster = NatsCluster::start(1).await;
    let newer = JetStreamSettings {
        subject_prefix: "cartlog".to_owned(),
        ..settings(&cluster)
    };
    let newer = connect(newer).await;
    stop_before_an_unknown_event(&LogSettings::of_jetstream(&cluster), &*newer).await;
}
