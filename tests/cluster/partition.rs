//! A node that is cut off from its log.

use cartlog_testkit::load::{KeyedCommand, http_client, readiness};
use cartlog_testkit::log_settings::LogSettings;
use cartlog_testkit::postgres::{Cluster, Node, PASSWORD, Proxy, Replication};
use cartlog_testkit::{ApiClient, CartClient, PATIENCE};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;

async fn await_readiness(address: SocketAddr, expected: u16) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (status, document) = readiness(address).await;
        if status == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{status} {document}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Cuts a node of the log `behind` the proxies off while another one of the same `log` goes on.
pub async fn cut_off_a_node(behind: &LogSettings, log: &LogSettings, proxies: &[Proxy]) {
    // The proxies need this thread while the nodes start.
    let settings = [log.clone(), behind.clone()];
    let nodes = spawn_blocking(|| settings.map(|settings| settings.start())).await;
    let [other, node] = nodes.expect("two nodes");
    let client = http_client();
    let opened = KeyedCommand::open_cart("cart");
    let opened = opened.send(&client, node.address()).await.expect("a reply");
    assert!(opened.is_ok(), "{opened:?}");
    await_readiness(node.address(), 200).await;

    proxies.iter().for_each(Proxy::hold);
    let add = KeyedCommand::add_item("add".into(), &opened, "sencha");
    let added = add.send(&client, other.address()).await.expect("a reply");
    assert!(added.is_ok(), "{added:?}");
    let lost = KeyedCommand::open_cart("lost");
    let refused = lost.send(&client, node.address()).await.expect("a reply");
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.retry_after);
    await_readiness(node.address(), 503).await;
    assert_eq!(readiness(other.address()).await.0, 200);
    // It goes on answering what it has.
    let cart = cart_at(node.address(), &opened.body);
    assert_eq!(
        cart.get().await.expect(200).json()["version"],
        opened.version
    );

    proxies.iter().for_each(Proxy::release);
    await_readiness(node.address(), 200).await;
    // Refused with `no-such-line` by a node that decides on what it had.
    let removed = cart.remove("sencha").await.expect(200).json();
    assert_eq!(removed["version"], added.version + 1);
    let again = lost.send(&client, node.address()).await.expect("a reply");
    assert!(again.is_ok(), "{again:?}");
    let elsewhere = lost.send(&client, other.address()).await.expect("a reply");
    assert!(elsewhere.replayed, "{elsewhere:?}");
    assert_eq!(elsewhere.body["id"], again.body["id"]);
    let logs = spawn_blocking(|| [node, other].map(Node::stop)).await;
    let [one, two] = logs.expect("their logs");
    assert_eq!(*one, *two);
}

fn cart_at(address: SocketAddr, opened: &Value) -> CartClient {
    let text = |name: &str| opened[name].as_str().expect("a text");
    ApiClient::at(address).cart(text("id"), text("token"))
}

/// Promise (cluster): A node that is cut off from the database acknowledges nothing, answers reads,
/// and goes on by itself; the other nodes do not notice.
/// Fault: The way of one of two nodes to the database carries nothing.
/// Control: The cut-off node's replica lacks what the other node acknowledged.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn node_without_its_database_acknowledges_nothing() {
    let cluster = Cluster::start(Replication::None).await;
    let proxy = Proxy::start(cluster.primary().port, 0).await;
    let log = LogSettings::of_postgres(&cluster);
    let url = format!(
        "postgres://cartlog_owner:{PASSWORD}@{}/cartlog?sslmode=disable",
        proxy.address
    );
    let behind = log
        .with("log.postgres.url", &url)
        .with("log.postgres.timeout_seconds", "6");
    cut_off_a_node(&behind, &log, &[proxy]).await;
}
