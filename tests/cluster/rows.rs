//! Rows of the database that a node must not apply: altered by hand, or written by a newer program.

use crate::adapter::connect;
use cartlog::history::CommitMetadata;
use cartlog::log::shared::{Sequence, SequencedOutcome, Sequencer};
use cartlog::log::{Commit, Head, NewEvent};
use cartlog::timestamp::Timestamp;
use cartlog_testkit::load::readiness;
use cartlog_testkit::log_file::read_intact_log;
use cartlog_testkit::log_settings::LogSettings;
use cartlog_testkit::postgres::{Cluster, Node, Replication};
use cartlog_testkit::process::run_to_exit;
use cartlog_testkit::{CartClient, PATIENCE};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Waits until `/readyz` at `node` answers with `status` and says `part`, and returns all it says.
pub async fn await_readiness(node: SocketAddr, status: u16, part: &str) -> String {
    let deadline = Instant::now() + 3 * PATIENCE;
    loop {
        let (found, report) = readiness(node).await;
        let text = report.to_string();
        if found == status && text.contains(part) {
            return text;
        }
        assert!(Instant::now() < deadline, "{found}: {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub fn at(node: &Node, cart: &CartClient) -> CartClient {
    node.api().cart(&cart.id, &cart.token)
}

/// Promise (cluster): A row that was altered in the database stops each node before it, which names
/// it, answers what it has, and goes on once the row is right again.
/// Fault: A superuser disables the triggers and alters the data of a commit before a node has it.
/// Control: The node that had it before is ready, and its `verify` finds the row.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn altered_row_stops_nodes_before_it_and_is_named() {
    let cluster = Cluster::start(Replication::None).await;
    let (one, other) = (Node::start(&cluster), Node::start(&cluster));
    let cart = one.api().open_cart_with(&[("teapot", 1)]).await;
    let there = at(&other, &cart);
    there.get_at_least(2).await.expect(200);

    other.process().send_signal("STOP");
    cart.set("teapot", 2).await.expect(200);
    cart.set("teapot", 3).await.expect(200);
    let alter = |from: &str, to: &str| {
        format!(
            "ALTER TABLE cartlog.commits DISABLE TRIGGER ALL;
             UPDATE cartlog.commits SET events = replace(events, '{from}', '{to}')
              WHERE sequence = 2"
        )
    };
    cluster.sql(&alter("teapot", "teapos")).await;
    other.process().send_signal("CONT");
    await_readiness(other.address(), 503, "commit at sequence 2").await;
    assert_eq!(there.get().await.expect(200).json()["version"], 2);
    there
        .set("teapot", 4)
        .await
        .expect_problem(503, "log-unavailable");

    assert_eq!(readiness(one.address()).await.0, 200);
    assert_eq!(cart.get_at_least(4).await.expect(200).json()["version"], 4);
    let verified = run_to_exit(one.command(&["verify"]));
    let report = String::from_utf8_lossy(&verified.stdout);
    assert_eq!(verified.status.code(), Some(1), "{report}");
    assert!(report.contains("the engine has"), "{report}");

    cluster.sql(&alter("teapos", "teapot")).await;
    await_readiness(other.address(), 200, "").await;
    there.set("teapot", 4).await.expect(200);
    assert_eq!(*one.stop(), *other.stop());
}

/// Appends an event of a type that this program does not know to `cart`, as a newer program does.
async fn append_unknown_event(log: &dyn Sequencer, cart: &CartClient) {
    let stream: Uuid = cart.id.parse().expect("an id");
    let commits = log.tail(Sequence(0), 100).await.expect("the log");
    let mut events = commits.iter().flat_map(|commit| &commit.events);
    let last = events.rfind(|event| event.stream == stream);
    let metadata = CommitMetadata::new("wrap_gift", Uuid::now_v7(), "shopper").to_json();
    let wrapped = NewEvent {
        name: "GiftWrapped".into(),
        schema: 1,
        data: "{}".to_owned(),
    };
    let head = Head::at(last.expect("events"));
    let commit = Commit::new(stream, head, Timestamp::now(), metadata, vec![wrapped]);
    let outcome = log.append(&[commit]).await;
    let accepted = matches!(outcome[..], [SequencedOutcome::Accepted { .. }]);
    assert!(accepted, "{outcome:?}");
}

/// Promise (cluster): A node that does not know the type of an event stops before it, says so,
/// answers what it has, and never skips the event.
/// Fault: A newer program writes such an event; the node is killed, and another one is added.
/// Control: Before it they are ready.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn node_without_an_event_type_stops_before_it() {
    let cluster = Cluster::start(Replication::None).await;
    let newer = connect(&cluster.url()).await;
    stop_before_an_unknown_event(&LogSettings::of_postgres(&cluster), &*newer).await;
}

/// Lets a `newer` program write an event that nodes of the `log` do not know.
pub async fn stop_before_an_unknown_event(log: &LogSettings, newer: &dyn Sequencer) {
    let mut one = log.start();
    let wrapped = one.api().open_cart_with(&[("teapot", 1)]).await;
    let plain = one.api().open_cart_with(&[("teapot", 1)]).await;
    plain.get_at_least(2).await.expect(200);
    assert_eq!(readiness(one.address()).await.0, 200);

    append_unknown_event(newer, &wrapped).await;
    let reason = await_readiness(one.address(), 503, "GiftWrapped").await;
    for part in [
        "stopped before an event",
        "GiftWrapped",
        "Upgrade this node",
    ] {
        assert!(reason.contains(part), "{part} in {reason}");
    }
    one.kill();
    one.serve();
    let added = log.start();
    for node in [&one, &added] {
        await_readiness(node.address(), 503, "GiftWrapped").await;
        for cart in [&wrapped, &plain] {
            assert_eq!(at(node, cart).get().await.expect(200).json()["version"], 2);
        }
        let refused = at(node, &wrapped).set("teapot", 2).await;
        assert!(refused.status >= 500, "{refused:?}");
    }
    // Written by a node that cannot show it yet, after the event that it does not know.
    let later = at(&one, &plain).set("teapot", 2).await.expect(200).json();
    assert_eq!(later["version"], 3);
    for node in [&one, &added] {
        // Nothing behind the event is shown.
        assert_eq!(
            at(node, &plain).get().await.expect(200).json()["version"],
            2
        );
    }
    let replicas = [&one, &added].map(|node| read_intact_log(&node.replica()));
    assert_eq!(replicas[0].len(), 6, "each replica has every event");
    assert_eq!(*replicas[0], *replicas[1]);
}
