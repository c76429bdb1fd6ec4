//! A slow database, and a slow way to it: more commands than it takes.

use cartlog_testkit::load::{KeyedCommand, http_client, readiness};
use cartlog_testkit::postgres::{Cluster, Node, PASSWORD, Proxy, Replication};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Many more than the queue has room for.
const SHOPPERS: usize = 300;
const TIME: Duration = Duration::from_secs(6);
/// After so much of it a node has what it needs for so many connections.
const WARM_UP: Duration = Duration::from_secs(4);
/// A node with room for few commands, so that it sheds what it cannot send soon.
const BOUNDED: [(&str, &str); 2] = [("log.queue", "32"), ("log.group", "8")];
/// One with room for all of them, which keeps them waiting.
const UNBOUNDED: [(&str, &str); 2] = [("log.queue", "100000"), ("log.group", "8")];
/// How much more memory a node may take while a flood goes on, in KiB.
const MOST_GROWTH: u64 = 16 * 1024;

#[derive(Default)]
struct Outcomes {
    acknowledged: usize,
    shed: usize,
    /// How long each answer took.
    times: Vec<Duration>,
}

impl Outcomes {
    /// The time within which 95 of 100 were answered.
    fn most(&self) -> Duration {
        self.times[self.times.len() * 95 / 100]
    }
}

/// Opens carts as fast as the responses come, and waits for a moment after a refusal.
async fn flood(address: SocketAddr, name: &'static str, time: Duration) -> Outcomes {
    let client = http_client();
    let until = Instant::now() + time;
    let mut shoppers = JoinSet::new();
    for shopper in 0..SHOPPERS {
        let client = client.clone();
        shoppers.spawn(async move {
            let mut outcomes = Outcomes::default();
            let mut number = 0;
            while Instant::now() < until {
                number += 1;
                let sent = KeyedCommand::open_cart(&format!("{name}-{shopper}-{number}"));
                let began = Instant::now();
                let answered = sent.send(&client, address).await.expect("an answer");
                // The first one includes the time for the connection.
                if number > 1 {
                    outcomes.times.push(began.elapsed());
                }
                if answered.is_ok() {
                    outcomes.acknowledged += 1;
                    continue;
                }
                assert_eq!(answered.body["type"], "/problems/overloaded");
                assert!(answered.retry_after);
                outcomes.shed += 1;
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            outcomes
        });
    }
    let mut all = Outcomes::default();
    for outcomes in shoppers.join_all().await {
        all.acknowledged += outcomes.acknowledged;
        all.shed += outcomes.shed;
        all.times.extend(outcomes.times);
    }
    all.times.sort_unstable();
    all
}

/// The most memory that the node's process has had, in KiB.
fn peak_memory(node: &Node) -> u64 {
    let path = format!("/proc/{}/status", node.process().id());
    let status = std::fs::read_to_string(path).expect("the state of a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let figure = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
    figure.expect("a size")
}

/// A node that serves. It may be started beside a proxy, which needs this thread.
async fn start(url: &str, settings: &'static [(&str, &str)]) -> Node {
    let url = url.to_owned();
    let started = tokio::task::spawn_blocking(move || Node::start_at(&url, settings));
    started.await.expect("a node")
}

/// Floods a node that sheds and one that does not, and compares them.
async fn compare(what: &str, url: &str) {
    let node = start(url, &BOUNDED).await;
    let idle = peak_memory(&node);
    flood(node.address(), "first", WARM_UP).await;
    let warm = peak_memory(&node);
    let shedding = flood(node.address(), "shed", TIME).await;
    let growth = peak_memory(&node) - warm;
    let node = start(url, &UNBOUNDED).await;
    let waiting = flood(node.address(), "waiting", TIME).await;
    println!(
        "{what}: {} acknowledged, {} shed, 95 of 100 within {:?}; {idle} KiB idle, {warm} KiB \
         after {WARM_UP:?}, {growth} KiB more after {TIME:?}; without a bound {} acknowledged \
         within {:?}",
        shedding.acknowledged,
        shedding.shed,
        shedding.most(),
        waiting.acknowledged,
        waiting.most()
    );
    assert!(shedding.shed > 0, "it was past its capacity");
    assert!(shedding.acknowledged > 50, "and made progress");
    assert_eq!(waiting.shed, 0);
    // A ratio of one run: everything is slow on a slow machine.
    assert!(shedding.most() * 2 < waiting.most());
    assert!(growth < MOST_GROWTH, "{growth} KiB more");
    assert_eq!(readiness(node.address()).await.0, 200);
}

/// Promise (cluster): Past the capacity of the database a node sheds load in bounded time and
/// memory with 503 `overloaded` and `Retry-After`, and loses nothing.
/// Fault: 300 shoppers on a node with 50 ms to the database and as much back
/// Control: A queue with room for all of them sheds nothing and responds late, in the same test.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn slow_network_is_shed_in_time_and_memory() {
    let cluster = Cluster::start(Replication::None).await;
    let proxy = Proxy::start(cluster.primary().port, 1).await;
    proxy.delay(Duration::from_millis(50));
    let url = format!(
        "postgres://cartlog_owner:{PASSWORD}@{}/cartlog?sslmode=disable",
        proxy.address
    );
    compare("50 ms away", &url).await;
}

/// Promise (cluster): Past the capacity of the database a node sheds load in bounded time and
/// memory with 503 `overloaded` and `Retry-After`, and loses nothing.
/// Fault: 300 shoppers on a database that takes 15 ms for each commit
/// Control: A queue with room for all of them sheds nothing and responds late, in the same test.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn slow_primary_is_shed_in_time_and_memory() {
    let cluster = Cluster::start(Replication::Quorum).await;
    drop(crate::adapter::connect(&cluster.url()).await);
    cluster
        .sql(
            "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN PERFORM pg_sleep(0.015); RETURN NEW; END $$;
             CREATE TRIGGER slow BEFORE INSERT ON cartlog.commits
                 FOR EACH ROW EXECUTE FUNCTION public.slow()",
        )
        .await;
    compare("15 ms a commit", &cluster.url()).await;
}
