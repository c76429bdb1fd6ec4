//! Nodes that share a log in PostgreSQL, against the embedded log and against a bare client of the
//! database: `cargo bench --bench service -- shared`. A bare client appends and reads nothing back.
//!
//! The primary, its two standbys, the nodes and the load are on one machine: three servers instead
//! of none share its processors. The servers sync to disk, and a commit waits for one standby.

use super::load::{self, Report};
use super::served::{self, Cart, Served};
use super::{CARTS, ROUND, ROUNDS, Requests, add_items};
use cartlog::log::postgres::{PostgresConnector, PostgresSettings};
use cartlog::log::shared::{
    SequencedOutcome, Sequencer, SequencerConnector, SharedLog, SharedLogSettings,
};
use cartlog::log::{Commit, Head, LogReader, LogWriter, NewEvent};
use cartlog::timestamp::Timestamp;
use cartlog_testkit::postgres::{Cluster, Replication};
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// As long as an event of a cart and its metadata are.
const DATA: &str = r#"{"sku":"teapot","quantity":1,"unit_price":1999,"name":"Teapot"}"#;
const METADATA: &str = concat!(
    r#"{"command":"add_item","command_id":"01a20ae6-d3bb-7168-8b46-dfb6b5a25e6c","#,
    r#""actor":"shopper","correlation_id":"01a20ae6-d3bb-7168-8b46-dfb6b5a25e6c","#,
    r#""causation_id":"01a20ae6-d3bb-7168-8b46-dfb6b5a25e6c"}"#,
);

pub fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    let cluster = Cluster::start_with(Replication::Quorum, &["fsync = on"]);
    let cluster = runtime.block_on(cluster);
    let url = cluster.url();
    let secret = "5ec2e75e".repeat(8);
    let settings = [
        ("CARTLOG_LOG__ENGINE", "postgres"),
        ("CARTLOG_LOG__POSTGRES__URL", &*url),
        ("CARTLOG_SECURITY__SECRET", &*secret),
    ];
    println!("{ROUNDS} rounds of {ROUND:?} each, medians; a second, latencies in µs\n");
    for size in [1, 64, 256] {
        let (mut bares, mut logs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            bares.push(runtime.block_on(bare(&url, size)));
            logs.push(runtime.block_on(without_http(&url, size)));
        }
        let [bare, log] = [bares, logs].map(load::middle);
        println!(
            "without HTTP: bare client in groups of {size:>3}: {bare:>6}/s, log of a node with as \
             many in flight: {log:>6}/s: ratio {:.2}",
            log as f64 / bare as f64
        );
    }
    let embedded = Served::cartlog(&[]);
    let nodes = [Served::cartlog(&settings), Served::cartlog(&settings)];
    let on_embedded = embedded.open_carts(CARTS);
    let on_nodes = nodes[0].open_carts(CARTS);
    for connections in [1, 64, 256] {
        let mut reports: [Vec<Report>; 3] = Default::default();
        for _ in 0..ROUNDS {
            reports[0].push(embedded.load(add_items(&on_embedded, connections), ROUND));
            reports[1].push(nodes[0].load(add_items(&on_nodes, connections), ROUND));
            if connections > 1 {
                reports[2].push(both(&nodes, &on_nodes, connections));
            }
        }
        let [embedded, one, two] = reports;
        let embedded = load::median(embedded);
        print("embedded", connections, &embedded, &embedded);
        print("one node", connections, &load::median(one), &embedded);
        if connections > 1 {
            print("two nodes", connections, &load::median(two), &embedded);
        }
    }
    reads(&embedded, &on_embedded, &nodes, &on_nodes);
    for connections in [64, 6] {
        let probe = nodes[1].open_carts(1);
        let requests = add_items(&on_nodes, connections);
        let (report, mut lags) = std::thread::scope(|scope| {
            let load = scope.spawn(|| nodes[0].load(requests, ROUND));
            let lags = served::lags(nodes[1].address, &probe[0], ROUND);
            (load.join().expect("the load ends"), lags)
        });
        lags.sort_unstable();
        println!(
            "view lag on the other node at {}/s: median {} µs, p99 {} µs",
            report.rate,
            load::percentile(&lags, 50),
            load::percentile(&lags, 99)
        );
    }
}

/// Reads of carts from each node, against those from the embedded log.
fn reads(embedded: &Served, on_embedded: &[Cart], nodes: &[Served; 2], on_nodes: &[Cart]) {
    let get = |carts| Requests::spread(64, carts, |cart: &Cart| cart.request("GET", "", None));
    let mut reports: [Vec<Report>; 3] = Default::default();
    for _ in 0..ROUNDS {
        reports[0].push(embedded.load(get(on_embedded), ROUND));
        for (reports, node) in reports[1..].iter_mut().zip(nodes) {
            reports.push(node.load(get(on_nodes), ROUND));
        }
    }
    let [embedded, one, two] = reports.map(load::median);
    println!(
        "GET of a cart, 64 connections: embedded {}/s, nodes {}/s and {}/s: {:.2} and {:.2}",
        embedded.rate,
        one.rate,
        two.rate,
        one.rate as f64 / embedded.rate as f64,
        two.rate as f64 / embedded.rate as f64
    );
}

/// The load on two nodes, each with one half of the connections and of the carts.
fn both(nodes: &[Served; 2], carts: &[Cart], connections: usize) -> Report {
    let (left, right) = carts.split_at(carts.len() / 2);
    let halves = [(&nodes[0], left), (&nodes[1], right)];
    let reports = std::thread::scope(|scope| {
        let loads = halves.map(|(node, carts)| {
            scope.spawn(move || node.load(add_items(carts, connections / 2), ROUND))
        });
        loads.map(|load| load.join().expect("the load ends"))
    });
    Report {
        rate: reports[0].rate + reports[1].rate,
        p50: reports[0].p50.max(reports[1].p50),
        p99: reports[0].p99.max(reports[1].p99),
        longest: reports[0].longest.max(reports[1].longest),
        refused: reports[0].refused + reports[1].refused,
        processor: f64::midpoint(reports[0].processor, reports[1].processor),
    }
}

fn print(name: &str, connections: usize, own: &Report, embedded: &Report) {
    println!(
        "{name:<9}, {connections:>3} connections: {:>6}/s (p50 {:>6}, p99 {:>6}, refused {}): \
         {:.2} of the embedded log",
        own.rate,
        own.p50,
        own.p99,
        own.refused,
        own.rate as f64 / embedded.rate as f64
    );
}

/// The log of its own that is measured without HTTP.
fn connector(url: &str) -> PostgresConnector {
    PostgresConnector::new(PostgresSettings {
        url: url.to_owned(),
        password_file: None,
        listen_url: None,
        schema: "bare".to_owned(),
        root_certificates: None,
        connect_timeout: Duration::from_secs(3),
        timeout: Duration::from_secs(10),
    })
}

/// Commits a second that one client appends in groups of `size`, one group after the other.
async fn bare(url: &str, size: u64) -> u64 {
    let log = connector(url).connect().await.expect("a log");
    let started = Instant::now();
    let mut commits = 0;
    while started.elapsed() < ROUND {
        commits += append(&*log, size).await;
    }
    (commits as f64 / started.elapsed().as_secs_f64()) as u64
}

async fn append(log: &dyn Sequencer, size: u64) -> u64 {
    let group: Vec<Commit> = (0..size).map(|_| commit()).collect();
    let outcomes = log.append(&group).await;
    let accepted =
        |outcome: &&SequencedOutcome| matches!(outcome, SequencedOutcome::Accepted { .. });
    outcomes.iter().filter(accepted).count() as u64
}

/// Commits a second through the log of a node, which applies each to its replica before it
/// acknowledges it, with `in_flight` at a time.
async fn without_http(url: &str, in_flight: u64) -> u64 {
    let folder = served::folder();
    let connector: Arc<dyn SequencerConnector> = Arc::new(connector(url));
    let settings = SharedLogSettings::at(folder.path().join("replica.db"));
    let (log, worker) = SharedLog::open(&connector, &settings).expect("a log");
    while log.wait_until_filled().await.is_err() {}
    let started = Instant::now();
    let writers = (0..in_flight).map(|_| async {
        let mut commits = 0;
        while started.elapsed() < ROUND {
            log.append(commit()).await.expect("an append");
            commits += 1;
        }
        commits
    });
    let commits: u64 = join_all(writers).await.into_iter().sum();
    let rate = (commits as f64 / started.elapsed().as_secs_f64()) as u64;
    log.close();
    worker.join();
    rate
}

/// A commit of one event in a stream of its own.
fn commit() -> Commit {
    let event = NewEvent {
        name: "ItemAdded".into(),
        schema: 1,
        data: DATA.to_owned(),
    };
    Commit::new(
        Uuid::now_v7(),
        Head::START,
        Timestamp::now(),
        METADATA.to_owned(),
        vec![event],
    )
}
