//! Nodes that share a log, against the embedded log and against a bare client of the engine:
//! `cargo bench --bench service -- shared`; `-- shared postgres` or `-- shared jetstream` for one
//! engine. A bare client appends and reads nothing back.
//!
//! Servers, nodes and load are on one machine: three servers instead of none share its processors.
//! The servers sync to disk, and a commit waits for a quorum.

mod engine;
mod outage;
mod streams;

pub use streams::run as streams;

use super::load::{self, Report};
use super::served::{self, Cart, Served};
use super::{CARTS, ROUND, ROUNDS, Requests, add_items};
use cartlog::log::shared::{SharedLog, SharedLogSettings};
use cartlog::log::{Commit, Head, LogReader, LogWriter, NewEvent};
use cartlog::proof::SigningKey;
use cartlog::timestamp::Timestamp;
use cartlog_testkit::log_settings::LogSettings;
use cartlog_testkit::process::setting;
use engine::Engine;
use futures_util::future::join_all;
use std::time::Instant;
use tokio::runtime::Runtime;
use uuid::Uuid;

/// As long as an event of a cart and its metadata are.
const DATA: &str = r#"{"sku":"teapot","quantity":1,"unit_price":1999,"name":"Teapot"}"#;
const METADATA: &str = concat!(
    r#"{"command":"add_item","command_id":"01a20ae6-d3bb-7168-8b46-dfb6b5a25e6c","#,
    r#""actor":"shopper","correlation_id":"01a20ae6-d3bb-7168-8b46-dfb6b5a25e6c","#,
    r#""causation_id":"01a20ae6-d3bb-7168-8b46-dfb6b5a25e6c"}"#,
);

pub fn run(engines: &[String]) {
    let runtime = runtime();
    let wanted = |name: &str| {
        let mut named = engines.iter().filter(|name| !name.starts_with('-'));
        named.clone().next().is_none() || named.any(|engine| engine == name)
    };
    println!(
        "{ROUNDS} rounds of {ROUND:?} each, medians; commits, commands and reads a second, \
         latencies in ms"
    );
    if wanted("postgres") {
        measure(&runtime, runtime.block_on(Engine::postgres()));
    }
    if wanted("jetstream") {
        measure(&runtime, runtime.block_on(Engine::jetstream()));
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts")
}

/// A node of the log, which has its secret and its signing key from all nodes alike.
fn node(log: &LogSettings) -> Served {
    let key = SigningKey::new("bench.example/log", [0x5e; 32]).to_text();
    let log = log
        .with("security.secret", &"5ec2e75e".repeat(8))
        .with("proof.key", key.trim())
        .with("logging.level", "error");
    let settings = log.0.iter().map(|(key, value)| (setting(key), value));
    let settings: Vec<(String, &String)> = settings.collect();
    let settings = settings.iter().map(|(key, value)| (&**key, &***value));
    Served::cartlog(&settings.collect::<Vec<(&str, &str)>>())
}

/// Prints the table of one engine.
fn measure(runtime: &Runtime, mut engine: Engine) {
    println!(
        "\n| {} | | of the embedded log, or of the bare client |\n|---|---|---|",
        engine.name()
    );
    let mut bares = Vec::new();
    for size in [1, 64, 256] {
        bares.push(without_http(runtime, &engine, size));
    }
    let embedded = Served::cartlog(&[("CARTLOG_LOGGING__LEVEL", "error")]);
    let nodes = [0, 1].map(|_| node(&engine.settings()));
    let carts = Carts {
        embedded: embedded.open_carts(CARTS),
        own: nodes.each_ref().map(|node| node.open_carts(CARTS)),
        moving: nodes.each_ref().map(|node| node.open_carts(CARTS)),
    };
    for (connections, bare) in [1, 64, 256].into_iter().zip(bares) {
        commands(&embedded, &nodes, &carts, connections, bare);
    }
    reads(&embedded, &nodes, &carts);
    for connections in [6, 64] {
        lag(&nodes, &carts.own[0], connections);
    }
    outage::measure(runtime, &mut engine, &nodes, &carts.own[0]);
}

struct Carts {
    embedded: Vec<Cart>,
    /// Those that are changed through one node alone.
    own: [Vec<Cart>; 2],
    /// Those that are changed through both in turn.
    moving: [Vec<Cart>; 2],
}

/// Commits a second through the log of a node with `size` in flight, against a bare client, whose
/// rate is returned.
fn without_http(runtime: &Runtime, engine: &Engine, size: u64) -> u64 {
    let (mut bares, mut logs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bares.push(runtime.block_on(engine.bare(size)));
        logs.push(runtime.block_on(through_a_log(engine, size)));
    }
    let [bare, log] = [bares, logs].map(load::middle);
    println!("| bare client, {size} at a time | {bare}/s | |");
    println!(
        "| log of a node without HTTP, {size} in flight | {log}/s | {:.2} of the bare client |",
        log as f64 / bare as f64
    );
    bare
}

/// Commits a second through the log of a node, which applies each to its replica before it
/// acknowledges it, with `in_flight` at a time.
async fn through_a_log(engine: &Engine, in_flight: u64) -> u64 {
    let folder = served::folder();
    let settings = SharedLogSettings::at(folder.path().join("replica.db"));
    let (log, worker) = SharedLog::open(&engine.connector(), &settings).expect("a log");
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
    let rate = a_second(join_all(writers).await.into_iter().sum(), started);
    log.close();
    worker.join();
    rate
}

fn a_second(commits: u64, started: Instant) -> u64 {
    (commits as f64 / started.elapsed().as_secs_f64()) as u64
}

/// Durable commands on distinct carts: through one node, through two, and through two that change
/// the carts in turn, as behind a proxy that sends the commands of a cart to any node.
fn commands(embedded: &Served, nodes: &[Served; 2], carts: &Carts, connections: usize, bare: u64) {
    let one = |node: &Served, carts: &[Cart]| node.load(add_items(carts, connections), ROUND);
    let mut reports: [Vec<Report>; 6] = Default::default();
    for round in 0..ROUNDS {
        reports[0].push(one(embedded, &carts.embedded));
        reports[1].push(one(&nodes[0], &carts.own[0]));
        if connections > 1 {
            let [first, second] = both(nodes, carts.own.each_ref(), connections);
            reports[2].push(together(first, second));
            reports[3].push(first);
            reports[4].push(second);
            let mut moving = carts.moving.each_ref();
            moving.rotate_left(round % 2);
            let [first, second] = both(nodes, moving, connections);
            reports[5].push(together(first, second));
        }
    }
    let names = [
        "embedded log",
        "one node",
        "two nodes",
        "the first of them",
        "the second",
        "two nodes, each on carts that the other one changed last",
    ];
    let mut whole = None;
    for (name, reports) in names.into_iter().zip(reports) {
        if reports.is_empty() {
            continue;
        }
        let report = load::median(reports);
        let whole = *whole.get_or_insert(report);
        println!(
            "| commands, {connections} connections, {name} | {}/s, p50 {}, p99 {}, refused {} | \
             {:.2}, median {:.1} times as long; {:.2} of the bare client |",
            report.rate,
            millis(report.p50),
            millis(report.p99),
            report.refused,
            report.rate as f64 / whole.rate as f64,
            f64::from(report.p50) / f64::from(whole.p50),
            report.rate as f64 / bare as f64
        );
    }
}

/// The load on two nodes, each with its carts and one half of the connections.
fn both(nodes: &[Served; 2], carts: [&Vec<Cart>; 2], connections: usize) -> [Report; 2] {
    let [first, second] = nodes;
    std::thread::scope(|scope| {
        let loads = [(first, carts[0]), (second, carts[1])].map(|(node, carts)| {
            scope.spawn(move || node.load(add_items(carts, connections / 2), ROUND))
        });
        loads.map(|load| load.join().expect("the load ends"))
    })
}

/// The rate of both, and the latencies of the slower one.
fn together(first: Report, second: Report) -> Report {
    Report {
        rate: first.rate + second.rate,
        p50: first.p50.max(second.p50),
        p99: first.p99.max(second.p99),
        longest: first.longest.max(second.longest),
        refused: first.refused + second.refused,
        processor: f64::midpoint(first.processor, second.processor),
    }
}

/// Reads of carts from each node, against those from the embedded log.
fn reads(embedded: &Served, nodes: &[Served; 2], carts: &Carts) {
    let get = |carts| Requests::spread(64, carts, |cart: &Cart| cart.request("GET", "", None));
    let mut reports: [Vec<Report>; 3] = Default::default();
    for _ in 0..ROUNDS {
        reports[0].push(embedded.load(get(&carts.embedded), ROUND));
        for (reports, node) in reports[1..].iter_mut().zip(nodes) {
            reports.push(node.load(get(&carts.own[0]), ROUND));
        }
    }
    let [embedded, one, two] = reports.map(load::median);
    for (name, report) in [
        ("embedded log", embedded),
        ("a node", one),
        ("the other", two),
    ] {
        println!(
            "| GET of a cart, 64 connections, {name} | {}/s | {:.2} |",
            report.rate,
            report.rate as f64 / embedded.rate as f64
        );
    }
}

/// How long after the response of one node the other one has the command, under load.
fn lag(nodes: &[Served; 2], carts: &[Cart], connections: usize) {
    let probe = nodes[0].open_carts(1);
    let requests = add_items(carts, connections);
    let (report, mut lags) = std::thread::scope(|scope| {
        let load = scope.spawn(|| nodes[0].load(requests, ROUND));
        let lags = served::lags(nodes.each_ref().map(|node| node.address), &probe[0], ROUND);
        (load.join().expect("the load ends"), lags)
    });
    lags.sort_unstable();
    let [p50, p99] = [50, 99].map(|percent| millis(load::percentile(&lags, percent)));
    println!(
        "| lag of the other node, {connections} connections at {}/s | p50 {p50}, p99 {p99} | |",
        report.rate
    );
}

/// Microseconds as milliseconds.
fn millis(micros: u32) -> String {
    format!("{:.1}", f64::from(micros) / 1_000.0)
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
