//! A log that moves from one machine into a database and back, by the program.

use cartlog_testkit::log_settings::LogSettings;
use cartlog_testkit::orders::until_orders_are_placed;
use cartlog_testkit::postgres::{Cluster, Node, Replication};
use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use cartlog_testkit::{ApiClient, CartClient};
use reqwest::Method;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Runs a command that must succeed, and returns what it printed.
fn run(command: Command) -> String {
    let shown = format!("{command:?}");
    let output = run_to_exit(command);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}: {stderr}");
    String::from_utf8(output.stdout).expect("text")
}

/// What a service answers about `carts`, and about all of them.
async fn answers(api: &ApiClient, carts: &[CartClient]) -> Vec<Value> {
    api.wait_for_tables().await;
    let mut answers = Vec::new();
    for cart in carts {
        let cart = api.cart(&cart.id, &cart.token);
        for below in ["", "/events?limit=200", "/why", "/timeline", "?version=2"] {
            answers.push(cart.ask(Method::GET, below).await.expect(200).json());
        }
        answers.push(cart.what_if(&[2]).await.expect(200).json());
    }
    for path in ["/api/events?limit=200", "/api/insights/funnel"] {
        let mut answer = api.get(path).await.expect(200).json();
        // From when on a cart would be idle depends on the clock.
        answer
            .as_object_mut()
            .expect("an object")
            .remove("idle_since");
        answers.push(answer);
    }
    answers
}

/// One after the other, for a message of readable size.
#[track_caller]
fn assert_same(found: &[Value], expected: &[Value]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
}

/// The lines of an export without the last one, which names the exported log.
fn events(export: &Path) -> String {
    let lines = std::fs::read_to_string(export).expect("an export");
    let (events, closing) = lines.trim_end().rsplit_once('\n').expect("several lines");
    assert!(closing.contains("cartlog.export.completed.v1"));
    events.to_owned()
}

/// Promise (cluster): A log moves from one machine into a database and back with the same
/// positions, hashes and answers; a replica opens as the log of one machine.
/// Fault: `export`, `import` and `verify` by different nodes; a node that leaves the database
/// Control: A database with events refuses an import.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn log_moves_into_a_database_and_back() {
    let cluster = Cluster::start(Replication::Quorum).await;
    move_there_and_back(&LogSettings::of_postgres(&cluster)).await;
}

/// Moves a log from one machine into the empty `log` and back.
pub async fn move_there_and_back(log: &LogSettings) {
    let folder = tempfile::tempdir().expect("a folder");
    let embedded = ServiceProcess::serve(folder.path());
    let url = format!("http://{}", embedded.address);
    let api = ApiClient::at(embedded.address);
    let mut carts = Vec::new();
    for quantity in 1..=3 {
        let cart = api.open_cart_with(&[("teapot", quantity)]).await;
        cart.set("sencha", quantity).await;
        carts.push(cart);
    }
    run(command(
        folder.path(),
        &["simulate", "--url", &url, "--carts", "30", "--seed", "9"],
    ));
    // Otherwise the next node that serves the log would place the rest.
    until_orders_are_placed(&url).await;
    let expected = answers(&api, &carts).await;
    assert_eq!(embedded.exit_on_signal("TERM").code(), Some(0));
    let lines = folder.path().join("shop.jsonl");
    let export = ["export", "--output", lines.to_str().expect("a path")];
    run(command(folder.path(), &export));

    // Into the shared log.
    let mut nodes = [0, 1].map(|_| Node::with(&log.pairs()));
    let secret = folder.path().join("data/secret");
    for node in &nodes {
        std::fs::copy(&secret, node.folder().join("data/secret")).expect("the secret");
    }
    let import = ["import", lines.to_str().expect("a path")];
    run(nodes[0].command(&import));
    let refused = run_to_exit(nodes[0].command(&import));
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(run(nodes[0].command(&["verify"])).contains("no problems found"));
    for node in &mut nodes {
        node.serve();
        assert_same(&answers(&node.api(), &carts).await, &expected);
        // Beside the process that has the replica open.
        assert!(run(node.command(&["verify"])).contains("no problems found"));
    }

    // And back, from another node.
    let back = folder.path().join("back.jsonl");
    let path = back.to_str().expect("a path");
    run(nodes[1].command(&["export", "--output", path]));
    assert!(events(&back) == events(&lines), "the same export");
    let again = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(again.path().join("data")).expect("a folder");
    std::fs::copy(&secret, again.path().join("data/secret")).expect("the secret");
    run(command(again.path(), &["import", path]));
    assert!(run(command(again.path(), &["verify"])).contains("no problems found"));
    let embedded = ServiceProcess::serve(again.path());
    assert_same(
        &answers(&ApiClient::at(embedded.address), &carts).await,
        &expected,
    );

    // A replica is the log of one machine.
    nodes[0].shut_down();
    let mut alone = command(nodes[0].folder(), &["serve"]);
    alone
        .env("CARTLOG_LOG__PATH", "data/replica.db")
        .env("CARTLOG_LOG__REPLICA_PATH", "data/unused.db");
    let alone = ServiceProcess::run(alone);
    let api = ApiClient::at(alone.address);
    assert_same(&answers(&api, &carts).await, &expected);
    let cart = api.cart(&carts[0].id, &carts[0].token);
    cart.set("teapot", 7).await.expect(200);
}
