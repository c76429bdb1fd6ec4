//! Nodes that share a log sign one chain of checkpoints.

use crate::nodes::{await_standbys, await_unready};
use cartlog::log::Hash;
use cartlog::log::shared::Sequencer;
use cartlog::proof::SigningKey;
use cartlog_testkit::PATIENCE;
use cartlog_testkit::api::ApiClient;
use cartlog_testkit::load::LoadGenerator;
use cartlog_testkit::log_file::read_intact_log;
use cartlog_testkit::log_settings::LogSettings;
use cartlog_testkit::postgres::{Cluster, Node, Replication};
use cartlog_testkit::process::run_to_exit;
use cartlog_testkit::tree_oracle::{OracleTree, accepts_consistency, open_checkpoint};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::task::yield_now;

/// The newest checkpoint that a node publishes, if it does.
async fn published(api: &ApiClient) -> Option<String> {
    let answer = api.get("/log/checkpoint").await;
    (answer.status == 200).then(|| String::from_utf8(answer.body.clone()).unwrap())
}

/// Waits until the node publishes a checkpoint of `size` events, and returns it with its size.
async fn signed(node: &Node, size: u64, vkey: &str) -> (String, u64) {
    let api = node.api();
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(note) = published(&api).await {
            let (_, signed, _) = open_checkpoint(&note, vkey).unwrap();
            if signed >= size {
                return (note, signed);
            }
        }
        let reason = reason(node).await;
        assert!(Instant::now() < deadline, "{size}: {reason}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What `/readyz` says about the proof.
async fn reason(node: &Node) -> String {
    let ready = node.api().get("/readyz").await;
    let checks = &ready.json()["checks"]["proof"];
    checks.as_str().unwrap_or_default().to_owned()
}

/// Waits until `/readyz` says `expected` about the proof, with status 200.
async fn says(node: &Node, expected: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let reason = reason(node).await;
        if reason.contains(expected) {
            return;
        }
        assert!(Instant::now() < deadline, "{expected}: {reason}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Collects every checkpoint that a node publishes, until it is stopped.
fn watch(node: &Node, seen: &Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    let (address, seen) = (node.address(), seen.clone());
    tokio::spawn(async move {
        let client = cartlog_testkit::load::http_client();
        loop {
            let url = format!("http://{address}/log/checkpoint");
            if let Ok(answer) = client.get(url).send().await
                && answer.status() == 200
                && let Ok(note) = answer.text().await
            {
                let mut seen = seen.lock().unwrap();
                if !seen.contains(&note) {
                    seen.push(note);
                }
            }
            yield_now().await;
        }
    })
}

/// A key for all nodes, and what verifies it.
fn key(seed: u8) -> (String, String) {
    let key = SigningKey::new("shop.example/log", [seed; 32]);
    (key.to_text().trim().to_owned(), key.verifier().to_string())
}

fn hashes(node: &Node) -> Vec<Hash> {
    let log = read_intact_log(&node.replica());
    let bytes = |hash: &str| hex::decode(hash).unwrap().try_into().unwrap();
    log.iter().map(|event| Hash(bytes(&event.hash))).collect()
}

/// Promise (proof): On a log that nodes share there is one chain of checkpoints: each extends the
/// one before it, whichever node signed it, and all nodes publish the newest.
/// Fault: Two nodes over PostgreSQL under load, and `kill -9` of one that signs.
/// Control: A root of another size is noticed; a store that ignores the expected checkpoint forks:
/// [control_store_that_ignores_the_expected_checkpoint_forks].
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn nodes_sign_one_chain_in_postgres() {
    let cluster = Cluster::start(Replication::Quorum).await;
    sign_one_chain(&LogSettings::of_postgres(&cluster)).await;
}

/// Lets two nodes sign under load, kills one, and checks all that was published.
pub async fn sign_one_chain(log: &LogSettings) {
    let (text, vkey) = key(1);
    let log = log.with("proof.key", &text);
    let mut nodes = [log.start(), log.start()];
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let mut watches: Vec<_> = nodes.iter().map(|node| watch(node, &seen)).collect();
    let mut loads: Vec<_> = nodes
        .iter()
        .zip(0..)
        .map(|(node, round)| LoadGenerator::start(node.address(), 8, round))
        .collect();
    for load in &mut loads {
        load.acknowledged(300).await;
    }
    for node in &nodes {
        signed(node, 1, &vkey).await;
    }
    // A visitor whose requests reach one node and then the other one.
    for turn in 0..10 {
        let note = published(&nodes[turn % 2].api()).await.unwrap();
        let (_, size, root) = open_checkpoint(&note, &vkey).unwrap();
        let path = format!("/log/proof/consistency?from=1&to={size}");
        let answer = nodes[1 - turn % 2].api().get(&path).await.expect(200);
        let answer: Value = answer.json();
        let proof: Vec<Hash> = serde_json::from_value(answer["hashes"].clone()).unwrap();
        let first = (1, OracleTree::of(&hashes(&nodes[0])[..1]).root_at(1));
        assert!(accepts_consistency(&proof, first, (size, root)), "{size}");
    }
    nodes[0].kill();
    watches.remove(0).abort();
    loads.remove(0).end().await;
    // The other one goes on within seconds, for what comes after the kill.
    let killed = Instant::now();
    let at_kill = hashes(&nodes[1]).len() as u64;
    let mut load = loads.remove(0);
    load.acknowledged(350).await;
    signed(&nodes[1], at_kill + 1, &vkey).await;
    println!("signed {:?} after the kill", killed.elapsed());
    assert!(killed.elapsed() < Duration::from_secs(10));
    load.stop().await;
    nodes[0].serve();
    watches.push(watch(&nodes[0], &seen));
    let mut size = 0;
    while hashes(&nodes[0]).len() as u64 != size {
        size = hashes(&nodes[1]).len() as u64;
    }
    let (one, end) = signed(&nodes[0], size, &vkey).await;
    let (two, _) = signed(&nodes[1], size, &vkey).await;
    assert_eq!(one, two, "both publish the newest");
    // Whole and partial tiles, and the entries, are the same bytes on both.
    let last = (end / 256, end % 256);
    let mut paths = Vec::new();
    if last.1 > 0 {
        paths.push(format!("0/{:03}.p/{}", last.0, last.1));
    }
    for index in 0..last.0 {
        paths.push(format!("0/{index:03}"));
        paths.push(format!("entries/{index:03}"));
    }
    paths.push(format!("1/000.p/{}", last.0));
    assert!(last.0 > 1, "{end} events");
    for path in paths {
        let tile = async |node: &Node| node.api().get(&format!("/log/tile/{path}")).await;
        let [one, two] = [tile(&nodes[0]).await, tile(&nodes[1]).await];
        assert_eq!((one.status, two.status), (200, 200), "{path}");
        assert!(one.body == two.body && !one.body.is_empty(), "{path}");
    }
    for watch in watches {
        watch.abort();
    }
    let entries = hashes(&nodes[0]);
    assert_eq!(entries, hashes(&nodes[1]));
    let oracle = OracleTree::of(&entries);
    let seen = seen.lock().unwrap().clone();
    println!("{} checkpoints of {size} events", seen.len());
    assert!(seen.len() > 3, "{seen:?}");
    for note in &seen {
        let (_, size, root) = open_checkpoint(note, &vkey).unwrap();
        if size > 0 {
            assert_eq!(root, oracle.root_at(size), "{note}");
            assert_ne!(root, oracle.root_at(size - 1), "{note}");
        }
    }
    let verified = run_to_exit(nodes[1].command(&["verify"]));
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
}

/// Promise (proof): A node that has another key than the nodes that sign, or none, signs nothing
/// and says so; it serves all the same.
/// Fault: Nodes over PostgreSQL with another key, and without one.
/// Control: With the file of the first node they publish what it has signed.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn node_with_another_key_says_so_in_postgres() {
    let cluster = Cluster::start(Replication::None).await;
    refuse_other_keys(&LogSettings::of_postgres(&cluster)).await;
}

/// Starts nodes with another key and without one.
pub async fn refuse_other_keys(log: &LogSettings) {
    let first = log.start();
    first.api().open_cart().await;
    let vkey = first.api().get("/log/key").await.expect(200).body.clone();
    let vkey = String::from_utf8(vkey).unwrap().trim().to_owned();
    signed(&first, 1, &vkey).await;
    let other = log.with("proof.key", &key(2).0).start();
    says(&other, "sign with another key than this one").await;
    let mut without = log.start();
    says(&without, "copy the key from one of them").await;
    for node in [&other, &without] {
        let problem = node.api().get("/log/checkpoint").await;
        problem.expect_problem(503, "log-not-signed");
        node.api().open_cart().await;
    }
    let (note, _) = signed(&first, 3, &vkey).await;
    without.shut_down();
    let copy = without.folder().join("data/proof.key");
    std::fs::copy(first.folder().join("data/proof.key"), &copy).unwrap();
    without.serve();
    assert_eq!(signed(&without, 3, &vkey).await.0, note);
    // A checkpoint that a visitor kept, from one node, on the other one's log.
    std::fs::write(without.folder().join("kept"), &note).unwrap();
    let verified = run_to_exit(without.command(&["verify", "--checkpoint", "kept"]));
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
}

/// Promise (proof): After a failover that lost events a node refuses to sign, although the engine
/// has lost its last checkpoint as well.
/// Fault: Asynchronous replication, standbys that lag, and a failover.
/// Control: A node that has seen nothing of it signs.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn nodes_do_not_sign_what_a_failover_lost() {
    let mut cluster = Cluster::start(Replication::Asynchronous).await;
    let (text, vkey) = key(3);
    let log = LogSettings::of_postgres(&cluster).with("proof.key", &text);
    let mut node = log.start();
    node.api().open_cart().await;
    signed(&node, 1, &vkey).await;
    await_standbys(&cluster).await;
    for standby in cluster.standbys_mut() {
        standby.stop_immediately();
    }
    node.api().open_cart().await;
    signed(&node, 2, &vkey).await;
    cluster.primary_mut().stop_immediately();
    for standby in cluster.standbys_mut() {
        standby.start();
    }
    cluster.promote_best_standby().await;
    await_unready(&node).await;
    node.kill();
    node.serve();
    says(&node, "1 are missing").await;
    node.api().open_cart().await;
    node.api().open_cart().await;
    says(&node, "not those that were signed").await;
    let verified = run_to_exit(node.command(&["verify"]));
    assert_eq!(verified.status.code(), Some(1), "{verified:?}");
    let fresh = log.start();
    signed(&fresh, 3, &vkey).await;
}

/// Promise (proof): A rotated key continues the chain of a log that nodes share.
/// Fault: The key is replaced with all nodes stopped, and copied to the other node.
/// Control: Before the copy the other node says that it has another key.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn rotated_key_goes_to_all_nodes() {
    let cluster = Cluster::start(Replication::None).await;
    let log = LogSettings::of_postgres(&cluster);
    let mut one = log.start();
    one.api().open_cart().await;
    let old = String::from_utf8(one.api().get("/log/key").await.body.clone()).unwrap();
    let (before, _) = signed(&one, 1, old.trim()).await;
    let mut two = Node::with(&log.pairs());
    let keys = [&one, &two].map(|node| node.folder().join("data/proof.key"));
    std::fs::copy(&keys[0], &keys[1]).unwrap();
    two.serve();
    signed(&two, 1, old.trim()).await;
    one.shut_down();
    two.shut_down();
    let rotated = run_to_exit(one.command(&["key", "--rotate"]));
    assert!(rotated.status.success(), "{rotated:?}");
    let new = String::from_utf8(rotated.stdout).unwrap();
    one.serve();
    let (both, _) = signed(&one, 1, new.trim()).await;
    // The first checkpoint has both signatures.
    assert_eq!(open_checkpoint(&both, old.trim()).unwrap().1, 1);
    assert_eq!(before.lines().nth(2), both.lines().nth(2));
    one.api().open_cart().await;
    signed(&one, 2, new.trim()).await;
    two.serve();
    says(&two, "sign with another key than this one").await;
    two.shut_down();
    std::fs::copy(&keys[0], &keys[1]).unwrap();
    two.serve();
    signed(&two, 2, new.trim()).await;
}

/// Checks that `stores`, which are connections to one log, keep one note: of those who continue the
/// same one, one does.
pub async fn keep_one_note(stores: [Arc<dyn Sequencer>; 2]) {
    let [one, two] = &stores;
    assert_eq!(one.note().await, Ok(None));
    assert_eq!(two.replace_note(Some("a"), "b").await, Ok(false));
    assert_eq!(one.replace_note(None, "0").await, Ok(true));
    assert_eq!(two.replace_note(None, "x").await, Ok(false));
    assert_eq!(two.note().await, Ok(Some("0".to_owned())));
    for round in 0..40 {
        let (last, next) = (round.to_string(), (round + 1).to_string());
        let (last, next) = (Some(last.as_str()), next.as_str());
        let other = format!("{next}, of the other node");
        let both = tokio::join!(one.replace_note(last, next), two.replace_note(last, &other));
        let kept = one.note().await.unwrap().unwrap();
        match both {
            (Ok(true), Ok(false)) => assert_eq!(kept, next),
            (Ok(false), Ok(true)) => {
                assert_eq!(kept, other);
                assert_eq!(one.replace_note(Some(&other), next).await, Ok(true));
            }
            both => panic!("{both:?}"),
        }
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_keeps_one_note() {
    let cluster = Cluster::start(Replication::None).await;
    let (one, two) = (cluster.url(), cluster.url());
    let connect = crate::adapter::connect;
    keep_one_note([connect(&one).await, connect(&two).await]).await;
}

/// Promise (cluster): A log in PostgreSQL that an earlier version created gets the table of the
/// last signed checkpoint when its owner starts cartlog; until then it is served and not signed.
/// Fault: The table and its function are missing.
/// Control: With the owner's start and the grants of the documentation the server's role signs.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn log_of_an_earlier_version_is_migrated_by_its_owner() {
    use crate::adapter::{Writer, connect, stream};
    let cluster = Cluster::start(Replication::None).await;
    connect(&cluster.url()).await;
    cluster.sql(&crate::privileges::documented_grants()).await;
    cluster
        .sql("DROP FUNCTION cartlog.replace_checkpoint; DROP TABLE cartlog.signed_checkpoint")
        .await;
    let server = connect(&cluster.url_of("cartlog_server")).await;
    Writer::on(stream(1)).append(&*server).await;
    let reason = server.note().await.unwrap_err().to_string();
    assert!(reason.contains("as the role that owns the log"), "{reason}");
    let owner = connect(&cluster.url()).await;
    assert_eq!(owner.note().await, Ok(None));
    let reason = server.note().await.unwrap_err().to_string();
    assert!(reason.contains("grant the role"), "{reason}");
    cluster.sql(&crate::privileges::documented_grants()).await;
    assert_eq!(server.replace_note(None, "signed").await, Ok(true));
    assert_eq!(owner.note().await, Ok(Some("signed".to_owned())));
}
