//! What the service costs, as ratios measured in one run: `cargo bench --bench service`.
//!
//! The ceiling is a handler in the same HTTP server, with as many workers, that parses the same
//! JSON body and responds with a document of the same size. Load generator, service and ceiling run
//! on one machine and take turns: the ratios are comparable where absolute figures are not.
//!
//! | `cargo bench --bench service -- …` | measures |
//! |---|---|
//! | `commands`, `one`, `reads`, `hot`, `lag` | one of the default measurements |
//! | `growth` | cost, memory and start as the log grows to millions of events |
//! | `rebuild` | the time and memory of a rebuild and of a verification |
//! | `proof` | proofs, tiles against static files, how soon a checkpoint follows, the tree alone |
//! | `tree` | proofs in a tree of ten million events, without a log |
//! | `checkpoints` | how soon one follows an event on a log that nodes share |
//! | `beside` | commands and reads during a rebuild |
//! | `shared [ENGINE]` | nodes that share a log in PostgreSQL and in NATS, of `tests/all` |
//! | `mirror [EVENTS]` | the log mirrored into a NATS stream, against a bare publisher |
//! | `streams [COUNT]` | the memory of NATS servers and of nodes with a million carts |
//! | `histories PROGRAM...` | reads of a long cart, and live streams of the journal |
//! | `webhooks` | deliveries to a fast receiver, and what a webhook costs commands |
//! | `versus PROGRAM...` | builds of the service against each other |

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]

mod bare_commit;
mod beside;
mod ceiling;
mod checkpoints;
mod growth;
mod histories;
mod load;
mod mirror;
mod proof;
mod rebuild;
mod served;
mod shared;
mod tree;
mod versus;
mod webhooks;

use load::{Report, Requests};
use served::Served;
use std::time::Duration;

/// Repetitions of each pair of measurements; medians are printed.
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(4);
/// Each connection has carts of its own, and enough that none fills up.
const CARTS: usize = 8_192;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("ceiling") => return ceiling::serve(),
        Some("growth") => return growth::run(),
        Some("rebuild") => return rebuild::run(),
        Some("proof") => return proof::run(),
        Some("checkpoints") => return checkpoints::run(),
        Some("tree") => return tree::run(),
        Some("beside") => return beside::run(),
        Some("shared") => return shared::run(&arguments[1..]),
        Some("mirror") => return mirror::run(&arguments[1..]),
        Some("streams") => return shared::streams(&arguments[1..]),
        Some("histories") => return histories::run(&arguments[1..]),
        Some("webhooks") => return webhooks::run(),
        Some("versus") => return versus::run(&arguments[1..]),
        _ => {}
    }
    let ceiling = Served::ceiling();
    let service = Served::cartlog(&[]);
    let carts = service.open_carts(CARTS);

    println!("{ROUNDS} rounds of {ROUND:?} each, medians; requests a second, latencies in µs\n");
    let wanted = |name: &str| {
        let mut names = arguments
            .iter()
            .filter(|argument| !argument.starts_with('-'));
        arguments.iter().all(|argument| argument.starts_with('-')) || names.any(|own| own == name)
    };
    if wanted("commands") {
        commands(&service, &ceiling, &carts, 256);
        commands(&service, &ceiling, &carts, 64);
    }
    if wanted("one") {
        single_commands(&service, &ceiling, &carts);
    }
    if wanted("reads") {
        reads(&service, &ceiling, &carts);
    }
    if wanted("hot") {
        hot_cart(&service);
    }
    if wanted("lag") {
        view_lag(&service, &carts);
    }
}

/// Commands that each write an event.
fn add_items(carts: &[served::Cart], connections: usize) -> Requests {
    Requests::spread(connections, carts, |cart| {
        cart.request("POST", "/items", Some(r#"{"sku":"teapot","quantity":1}"#))
    })
}

/// Durable commands on distinct carts, while the views are updated.
fn commands(service: &Served, ceiling: &Served, carts: &[served::Cart], connections: usize) {
    let (own, top) = load::paired(
        ROUNDS,
        || service.load(add_items(carts, connections), ROUND),
        || ceiling.load(ceiling::requests(connections), ROUND),
    );
    compare(
        &format!("commands, {connections:>3} connections"),
        &own,
        &top,
    );
}

/// One connection: the median latency against that of the ceiling plus a bare commit.
fn single_commands(service: &Served, ceiling: &Served, carts: &[served::Cart]) {
    let (mut bare, mut asked) = (Vec::new(), Vec::new());
    let (own, top) = load::paired(
        ROUNDS,
        || service.load(add_items(carts, 1), ROUND),
        || {
            bare.push(bare_commit::median(service.folder()));
            asked.push(bare_commit::median_asked(service.folder()));
            ceiling.load(ceiling::requests(1), ROUND)
        },
    );
    let [bare, asked] = [bare, asked].map(load::middle);
    let against = |commit: u32| {
        let sum = top.p50 + commit;
        format!("{sum}: ratio {:.2}", f64::from(own.p50) / f64::from(sum))
    };
    println!(
        "one connection: median {} against ceiling {} + bare commit {bare} = {}",
        own.p50,
        top.p50,
        against(bare)
    );
    println!(
        "  with the bare commit on a thread of its own, {asked}: {}",
        against(asked)
    );
}

fn reads(service: &Served, ceiling: &Served, carts: &[served::Cart]) {
    let (own, top) = load::paired(
        ROUNDS,
        || {
            let requests = Requests::spread(64, carts, |cart| cart.request("GET", "", None));
            service.load(requests, ROUND)
        },
        || ceiling.load(ceiling::requests(64), ROUND),
    );
    compare("GET of a cart, 64 connections", &own, &top);
}

/// All connections on one cart. A cart holds ten thousand events, so each round takes a new one.
fn hot_cart(service: &Served) {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let cart = service.open_carts(1);
        let bodies = [1, 2].map(|quantity| format!(r#"{{"quantity":{quantity}}}"#));
        let requests = Requests::same(
            64,
            bodies
                .iter()
                .map(|body| cart[0].request("PUT", "/items/teapot", Some(body)))
                .collect(),
        );
        rounds.push(service.load(requests, Duration::from_millis(900)));
    }
    let report = load::median(rounds);
    println!(
        "one hot cart, 64 connections: {}/s, p99 {}, refused {}",
        report.rate, report.p99, report.refused
    );
}

/// From the response to a command until the view has it, as seen by one more client.
fn view_lag(service: &Served, carts: &[served::Cart]) {
    for (name, connections) in [("full", 256), ("half", 6)] {
        let probe = service.open_carts(1);
        let requests = add_items(carts, connections);
        let (load, mut lags) = std::thread::scope(|scope| {
            let load = scope.spawn(|| service.load(requests, ROUND));
            let lags = served::lags([service.address; 2], &probe[0], ROUND);
            (load.join().expect("the load ends"), lags)
        });
        lags.sort_unstable();
        println!(
            "view lag under {name} load ({} commands/s): median {} µs, p99 {} µs of {} samples",
            load.rate,
            load::percentile(&lags, 50),
            load::percentile(&lags, 99),
            lags.len()
        );
    }
}

fn compare(name: &str, own: &Report, top: &Report) {
    println!(
        "{name}: {:>6}/s (p50 {:>5}, p99 {:>6}, refused {}, {:.1} µs of processor time), \
         ceiling {:>6}/s (p50 {:>5}, {:.1} µs): ratio {:.2}",
        own.rate,
        own.p50,
        own.p99,
        own.refused,
        own.processor,
        top.rate,
        top.p50,
        top.processor,
        own.rate as f64 / top.rate as f64
    );
}
