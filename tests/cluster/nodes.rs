//! Nodes that serve one log over HTTP.

use cartlog_testkit::load::{
    CommandRecord, KeyedCommand, LoadGenerator, assert_log_matches, assert_replays,
    assert_views_catch_up, discrepancies, http_client,
};
use cartlog_testkit::log_file::read_intact_log;
use cartlog_testkit::log_settings::LogSettings;
use cartlog_testkit::postgres::{Cluster, Node, Replication};
use cartlog_testkit::seed::Dice;
use cartlog_testkit::{PATIENCE, TestApp};
use reqwest::Method;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub async fn catch_up(record: &CommandRecord, nodes: &[Node]) {
    for node in nodes {
        assert_views_catch_up(record, node.address()).await;
    }
}

/// Promise (cluster): Every acknowledged command is in the log once, whatever node it was sent to,
/// and a retry on another node gets the first response.
/// Fault: `kill -9` of one of two nodes at 20 random moments, with 64 clients
/// Control: A forged acknowledgement is noticed: [control_forged_node_response_is_noticed].
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn commands_survive_kills_of_nodes() {
    let cluster = Cluster::start(Replication::Quorum).await;
    kill_nodes(&LogSettings::of_postgres(&cluster), 20).await;
}

/// Kills one of two nodes at `kills` random moments, and checks that nothing is lost or doubled.
pub async fn kill_nodes(log: &LogSettings, kills: u64) {
    let mut nodes = [log.start(), log.start()];
    let mut dice = Dice(2026);
    let mut records = Vec::new();
    for round in 0..kills {
        let mut loads = [0, 1].map(|node: usize| {
            LoadGenerator::start(nodes[node].address(), 32, 2 * round + node as u64)
        });
        for load in &mut loads {
            load.acknowledged(10 + dice.below(60)).await;
        }
        tokio::time::sleep(Duration::from_micros(dice.below(3_000) as u64)).await;
        let killed = dice.below(2);
        nodes[killed].kill();
        let [first, second] = loads;
        let mut lists = [None, None];
        for (place, load) in [first, second].into_iter().enumerate() {
            lists[place] = Some(if place == killed {
                load.end().await
            } else {
                load.stop().await
            });
        }
        let mut lists = lists.map(|record| record.expect("a record"));
        // The other node has what the killed one acknowledged, and settles what it did not.
        let other = nodes[1 - killed].address();
        assert_replays(&mut lists[killed], other).await;
        assert_views_catch_up(&lists[killed], other).await;
        nodes[killed].serve();
        for record in &lists {
            catch_up(record, &nodes).await;
        }
        records.extend(lists);
    }
    let [one, two] = nodes.map(Node::stop);
    assert_eq!(*one, *two, "both replicas are the same");
    let mut acknowledged = 0;
    for record in &records {
        assert_log_matches(record, &one);
        acknowledged += record.acknowledged.len();
    }
    println!("{acknowledged} commands acknowledged, {kills} kills");
    assert!(acknowledged as u64 > 50 * kills);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn control_forged_node_response_is_noticed() {
    let cluster = Cluster::start(Replication::None).await;
    let log = LogSettings::of_postgres(&cluster);
    let node = log.start();
    let mut load = LoadGenerator::start(node.address(), 4, 0);
    load.acknowledged(50).await;
    let mut record = load.stop().await;
    let log = node.stop();
    assert_log_matches(&record, &log);
    let (mut sent, answered) = record.acknowledged[20].clone();
    sent.key = "never sent".into();
    record.acknowledged.push((sent, answered));
    assert_eq!(discrepancies(&record, &log).len(), 1);
    let shorter = log.with(log[..log.len() - 1].to_vec());
    assert!(discrepancies(&record, &shorter).len() > 1);
}

/// Promise (cluster): With quorum commit, a failover loses no acknowledged command.
/// Fault: The primary is killed under load of two nodes, and a standby is promoted.
/// Control: With asynchronous replication a node that has seen the lost end throws it away:
/// [replica_with_a_lost_end_is_filled_again].
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn nodes_go_on_after_a_failover() {
    let mut cluster = Cluster::start(Replication::Quorum).await;
    let log = LogSettings::of_postgres(&cluster);
    let nodes = [log.start(), log.start()];
    let mut records = Vec::new();
    let mut loads: Vec<_> = nodes
        .iter()
        .zip(0..)
        .map(|(node, round)| LoadGenerator::start(node.address(), 16, round))
        .collect();
    for load in &mut loads {
        load.acknowledged(200).await;
    }
    cluster.fail_over().await;
    for load in loads {
        // Commands that were refused meanwhile are not sent again; the others go on.
        records.push(load.stop().await);
    }
    for (record, other) in records.iter_mut().zip(nodes.iter().rev()) {
        sent_again(record, other.address()).await;
        catch_up(record, &nodes).await;
    }
    let [one, two] = nodes.map(Node::stop);
    assert_eq!(*one, *two, "both replicas are the same");
    for record in &records {
        assert_log_matches(record, &one);
    }
}

/// Sends what had no response once more, as clients do, until the service answers again.
pub async fn sent_again(record: &mut CommandRecord, address: SocketAddr) {
    let deadline = Instant::now() + PATIENCE;
    for command in std::mem::take(&mut record.unanswered) {
        loop {
            match command.send(&http_client(), address).await {
                Some(answered) if answered.is_ok() => {
                    record.acknowledged.push((command, answered));
                    break;
                }
                other => assert!(Instant::now() < deadline, "{command:?}: {other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Promise (cluster): A node that has seen commands that a failover lost throws its replica away
/// and serves what the log has.
/// Fault: Asynchronous replication, standbys that lag, and a failover
/// Control: Before it the node shows the lost command.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn replica_with_a_lost_end_is_filled_again() {
    let mut cluster = Cluster::start(Replication::Asynchronous).await;
    let log = LogSettings::of_postgres(&cluster);
    let mut node = log.start();
    let client = http_client();
    let kept = KeyedCommand::open_cart("kept");
    let kept = kept.send(&client, node.address()).await.unwrap();
    await_standbys(&cluster).await;
    for standby in cluster.standbys_mut() {
        standby.stop_immediately();
    }
    let lost = KeyedCommand::open_cart("lost");
    let lost = lost.send(&client, node.address()).await.unwrap();
    assert!(kept.is_ok() && lost.is_ok());
    assert_eq!(status_of(&lost.body, node.address()).await, 200);
    cluster.primary_mut().stop_immediately();
    for standby in cluster.standbys_mut() {
        standby.start();
    }
    cluster.promote_best_standby().await;
    // Another node goes on with the log.
    let other = log.start();
    let next = KeyedCommand::open_cart("next");
    let next = next.send(&client, other.address()).await.unwrap();
    assert!(next.is_ok(), "{next:?}");

    // Either it stops by itself or it says that it is not ready; it starts again without the end.
    await_unready(&node).await;
    node.kill();
    node.serve();
    assert_eq!(status_of(&kept.body, node.address()).await, 200);
    assert_eq!(status_of(&next.body, node.address()).await, 200);
    assert_eq!(status_of(&lost.body, node.address()).await, 404);
    assert_eq!(*node.stop(), *other.stop());
}

/// Waits until the standbys have everything.
pub async fn await_standbys(cluster: &Cluster) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let behind = cluster
            .sql(
                "SELECT 1 FROM pg_stat_replication
                  WHERE replay_lsn IS NULL OR replay_lsn < pg_current_wal_lsn()",
            )
            .await;
        let following = cluster.sql("SELECT 1 FROM pg_stat_replication").await;
        if behind.is_empty() && following.len() == 2 {
            return;
        }
        assert!(Instant::now() < deadline, "standbys that lag");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the node has ended or is not ready.
pub async fn await_unready(node: &Node) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let url = format!("http://{}/readyz", node.address());
        match http_client().get(url).send().await {
            Ok(answer) if answer.status() == 200 => {}
            Ok(_) | Err(_) => return,
        }
        assert!(
            Instant::now() < deadline,
            "ready with commands that the log has lost"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The status of a read of the `opened` cart.
async fn status_of(opened: &Value, address: SocketAddr) -> u16 {
    ask(Method::GET, opened, "", address).await.0
}

/// The status and the document of a request about the `opened` cart.
async fn ask(method: Method, opened: &Value, path: &str, address: SocketAddr) -> (u16, Value) {
    let id = opened["id"].as_str().expect("an id");
    let url = format!("http://{address}/api/carts/{id}{path}");
    let token = opened["token"].as_str().expect("a token");
    let request = http_client().request(method, url).bearer_auth(token);
    let answer = request.send().await.expect("a response");
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

/// Promise (cluster): A node that was stopped for a while gives no stale refusal, and catches up by
/// itself.
/// Fault: `SIGSTOP` for 30 s, while another node changes the cart
/// Control: The stopped node's replica does not have the change.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn stopped_node_gives_no_stale_refusal() {
    let cluster = Cluster::start(Replication::Quorum).await;
    stop_a_node_for(Duration::from_secs(30), &LogSettings::of_postgres(&cluster)).await;
}

/// Stops a node for `time` while another one changes a cart, and checks what it answers afterwards.
pub async fn stop_a_node_for(time: Duration, log: &LogSettings) {
    let nodes = [log.start(), log.start()];
    let client = http_client();
    let opening = KeyedCommand::open_cart("cart");
    let opened = opening.send(&client, nodes[0].address()).await.unwrap();
    nodes[0].process().send_signal("STOP");
    let add = KeyedCommand::add_item("add".into(), &opened, "sencha");
    let added = add.send(&client, nodes[1].address()).await.unwrap();
    assert!(added.is_ok(), "{added:?}");
    tokio::time::sleep(time).await;
    let replica = read_intact_log(&nodes[0].replica());
    assert!(!replica.iter().any(|event| event.data.contains("sencha")));
    nodes[0].process().send_signal("CONT");
    // Refused with `no-such-line` by a node that decides on what it has.
    let removed = ask(
        Method::DELETE,
        &opened.body,
        "/items/sencha",
        nodes[0].address(),
    )
    .await;
    assert_eq!(removed.0, 200, "{removed:?}");
    let fresh = format!("?min_version={}", removed.1["version"]);
    for node in &nodes {
        let (status, cart) = ask(Method::GET, &opened.body, &fresh, node.address()).await;
        assert_eq!((status, &cart["version"]), (200, &removed.1["version"]));
    }
    let again = add.send(&client, nodes[0].address()).await.unwrap();
    assert!(again.replayed, "{again:?}");
    let [one, two] = nodes.map(Node::stop);
    assert_eq!(*one, *two);
}

/// Promise (cluster): An idle cart expires once, although every node expires carts.
/// Fault: Three nodes expire the same carts at the same time.
/// Control: Each of them finds the carts idle.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn cart_expires_once_on_all_nodes() {
    let cluster = Cluster::start(Replication::None).await;
    expire_on_all_nodes(&LogSettings::of_postgres(&cluster)).await;
}

/// Lets three nodes expire the same carts at the same time.
pub async fn expire_on_all_nodes(log: &LogSettings) {
    const CARTS: usize = 20;
    let secret = "5e".repeat(32);
    let log = log.0.iter().map(|(key, value)| (*key, value.as_str()));
    let settings: Vec<_> = log
        .chain([
            ("security.secret", secret.as_str()),
            ("carts.expire_after_minutes", "30"),
        ])
        .collect();
    let mut nodes = [0, 1, 2].map(|_| TestApp::start_with(&settings));
    let mut carts = Vec::new();
    for _ in 0..CARTS {
        carts.push(nodes[0].open_cart_with(&[("teapot", 1)]).await);
    }
    let replicas = nodes.each_ref().map(|node| node.file("replica.db"));
    for replica in &replicas {
        let deadline = Instant::now() + PATIENCE;
        while read_intact_log(replica).len() < 2 * CARTS {
            assert!(Instant::now() < deadline, "a node that does not follow");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let later = cartlog::timestamp::Timestamp::now().millis() + 31 * 60_000;
    let later = cartlog::timestamp::Timestamp::from_millis(later);
    let sweeps = nodes.each_ref().map(TestApp::expiry);
    let sweeps = sweeps.iter().map(|expiry| expiry.sweep(later));
    let expired = futures_util::future::join_all(sweeps).await;
    let expired: usize = expired
        .into_iter()
        .map(|swept| swept.expect("a sweep"))
        .sum();
    assert_eq!(expired, CARTS);
    nodes.iter_mut().for_each(TestApp::stop);
    for replica in &replicas {
        let log = read_intact_log(replica);
        for cart in &carts {
            let expiries = log
                .iter()
                .filter(|event| event.stream == cart.id && event.name == "CartExpired");
            assert_eq!(expiries.count(), 1);
        }
    }
}
