//! Rate and longest latency of commands and reads during a rebuild of all views:
//! `cargo bench --bench service -- beside` (`CARTLOG_BENCH_EVENTS` events; 1,000,000 if unset).
//!
//! The load lasts as long as the rebuild, so that it covers building, comparing and the swap.

use super::load::{self, Report, Requests};
use super::served::{Cart, Served, folder};
use super::{CARTS, ROUND, ROUNDS, add_items, growth, rebuild};
use std::time::Duration;

const EVENTS: usize = 1_000_000;
const CONNECTIONS: usize = 64;

pub fn run() {
    let wanted = growth::events_wanted().unwrap_or(EVENTS);
    let folder = folder();
    let known = growth::fill(folder.path(), wanted, rebuild::story);
    let service = Served::cartlog_in(folder, &[]);
    service.wait_for(&known[known.len() - 1], rebuild::story(0).len());
    let opened = service.open_carts(CARTS);
    println!("{wanted} events, {ROUNDS} rounds, medians; requests a second, latencies in ms\n");
    let get =
        |carts: &[Cart]| Requests::spread(CONNECTIONS, carts, |cart| cart.request("GET", "", None));
    compare(&service, "commands", || add_items(&opened, CONNECTIONS));
    compare(&service, "GET of the newest carts", || get(&opened));
    compare(&service, "GET of each cart in turn", || get(&known));
}

fn compare(service: &Served, name: &str, requests: impl Fn() -> Requests) {
    let [mut alone, mut beside] = [const { Vec::new() }; 2];
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        alone.push(service.load(requests(), ROUND));
        let (report, time) = service.load_beside_a_rebuild(requests());
        beside.push(report);
        times.push(time);
    }
    let longest = [longest(&alone), longest(&beside)];
    let refused: u64 = alone
        .iter()
        .chain(&beside)
        .map(|report| report.refused)
        .sum();
    let [alone, beside] = [alone, beside].map(load::median);
    let time = load::middle(times);
    println!(
        "{name}: {}/s (p99 {:.1}, max {:.1}); during a rebuild of {time:.1?}: \
         {}/s (p99 {:.1}, max {:.1}): ratio {:.2}; refused {refused}",
        alone.rate,
        millis(alone.p99),
        longest[0],
        beside.rate,
        millis(beside.p99),
        longest[1],
        beside.rate as f64 / alone.rate as f64,
    );
}

/// The maximum of all rounds.
fn longest(reports: &[Report]) -> f64 {
    millis(
        reports
            .iter()
            .map(|report| report.longest)
            .max()
            .unwrap_or(0),
    )
}

fn millis(micros: u32) -> f64 {
    Duration::from_micros(micros.into()).as_secs_f64() * 1_000.0
}
