//! The memory of servers and nodes as the streams grow in number:
//! `cargo bench --bench service -- streams [COUNT]`, a million carts unless a number is given.

use super::{node, runtime};
use crate::served::{self, Served};
use cartlog_testkit::log_settings::LogSettings;
use cartlog_testkit::nats::{NatsCluster, NatsServer};
use std::time::{Duration, Instant};

const MILLION: usize = 1_000_000;
/// Longer than the servers keep what they have read or written in memory.
const REST: Duration = Duration::from_secs(20);
/// How often memory is measured.
const STEPS: usize = 4;

pub fn run(arguments: &[String]) {
    let count = arguments.iter().find(|argument| !argument.starts_with('-'));
    let count = count.map_or(MILLION, |count| count.parse().expect("a number of carts"));
    let runtime = runtime();
    let cluster = runtime.block_on(NatsCluster::start(3));
    let log = LogSettings::of_jetstream(&cluster);
    let [one, other] = [0, 1].map(|_| node(&log));
    println!("| carts | opened at | servers, MiB | nodes, MiB |\n|---|---|---|---|");
    report(0, 0, &cluster, &[&one, &other]);
    for step in 1..=STEPS {
        let started = Instant::now();
        let opened = one.open_carts(count / STEPS);
        let rate = super::a_second(opened.len() as u64, started);
        let last = opened.last().expect("a cart");
        other.wait_for(last, 1);
        report(step * (count / STEPS), rate, &cluster, &[&one, &other]);
    }
    std::thread::sleep(REST);
    println!("\nAfter {REST:?} of rest:\n\n| carts | opened at | servers, MiB | nodes, MiB |");
    println!("|---|---|---|---|");
    report(count, 0, &cluster, &[&one, &other]);
    drop((one, other));
    let started = Instant::now();
    let filled = node(&log);
    println!(
        "\nA new node was filled and ready after {:.1} s and has {} MiB.",
        started.elapsed().as_secs_f64(),
        filled.resident_mib()
    );
}

fn report(carts: usize, rate: u64, cluster: &NatsCluster, nodes: &[&Served]) {
    let servers = cluster.servers.iter().map(NatsServer::id);
    let list = |figures: Vec<u64>| {
        let texts: Vec<String> = figures.iter().map(u64::to_string).collect();
        texts.join(", ")
    };
    println!(
        "| {carts} | {rate}/s | {} | {} |",
        list(servers.map(served::resident_mib).collect()),
        list(nodes.iter().map(|node| node.resident_mib()).collect())
    );
}
