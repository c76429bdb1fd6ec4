//! Builds or settings of the service compared in short turns: the speed of a machine changes from
//! minute to minute by more than most changes are worth.
//!
//! `cargo bench --bench service -- versus [--connections N] PROGRAM[,NAME=VALUE]...`
//!
//! The first variant is the baseline, such as `old/cartlog new/cartlog` at 64 connections:
//! `-- versus --connections 64 old/cartlog new/cartlog`.

use super::load::{Report, middle};
use super::served::{Cart, Served};
use super::{CARTS, add_items, ceiling};
use std::path::Path;
use std::time::Duration;

const CONNECTIONS: usize = 256;
const TURNS: usize = 9;
const TURN: Duration = Duration::from_secs(3);
/// Between two turns, so that a server's remaining writes do not slow down the next one.
const REST: Duration = Duration::from_millis(1_200);

/// A server that takes turns with others.
pub struct Variant<'a> {
    name: &'a str,
    service: &'a Served,
    carts: Vec<Cart>,
    reports: Vec<Report>,
}

pub fn run(arguments: &[String]) {
    let (connections, variants) = match arguments {
        [option, number, variants @ ..] if option == "--connections" => {
            (number.parse().expect("a number of connections"), variants)
        }
        variants => (CONNECTIONS, variants),
    };
    assert!(!variants.is_empty(), "name at least one program");
    let services: Vec<Served> = variants.iter().map(|name| service(name)).collect();
    let variants = variants.iter().zip(&services);
    let variants = variants.map(|(name, service)| Variant::new(name, service));
    compare(connections, variants.collect());
}

/// Durable commands on each variant in turn; the first one is the baseline.
pub fn compare(connections: usize, mut variants: Vec<Variant<'_>>) {
    let ceiling = Served::ceiling();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "durable commands, {connections} connections on {CARTS} carts, {processors} processors\n\
         shared with the load; medians of {TURNS} turns of {TURN:?} each, {REST:?} apart"
    );
    let mut tops = Vec::new();
    for _ in 0..TURNS {
        tops.push(ceiling.load(ceiling::requests(connections), TURN));
        for variant in &mut variants {
            std::thread::sleep(REST);
            let requests = add_items(&variant.carts, connections);
            variant.reports.push(variant.service.load(requests, TURN));
        }
    }
    println!("ceiling: {:.0}/s", rate(&tops));
    let baseline = &variants[0].reports;
    for Variant { name, reports, .. } in &variants {
        let processor = middle(reports.iter().map(|report| report.processor));
        println!(
            "{name}: {:.0}/s ({:.3} of the ceiling, {:.3} of the baseline), \
             {processor:.1} µs of processor time ({:.3} of the baseline)",
            rate(reports),
            ratio(reports, &tops, |report| report.rate as f64),
            ratio(reports, baseline, |report| report.rate as f64),
            ratio(reports, baseline, |report| report.processor),
        );
    }
}

fn rate(reports: &[Report]) -> f64 {
    middle(reports.iter().map(|report| report.rate as f64))
}

/// The median of the ratios of the turns: neighbours in time are compared.
fn ratio(reports: &[Report], others: &[Report], figure: fn(&Report) -> f64) -> f64 {
    let pairs = reports.iter().zip(others);
    middle(pairs.map(|(own, other)| figure(own) / figure(other)))
}

impl<'a> Variant<'a> {
    pub fn new(name: &'a str, service: &'a Served) -> Variant<'a> {
        Variant {
            name,
            service,
            carts: service.open_carts(CARTS),
            reports: Vec::new(),
        }
    }
}

/// The service that `PROGRAM[,NAME=VALUE]...` stands for.
fn service(variant: &str) -> Served {
    let mut parts = variant.split(',');
    let program = parts.next().expect("a text has a first part");
    let settings: Vec<(&str, &str)> = parts
        .map(|part| part.split_once('=').expect("a setting is NAME=VALUE"))
        .collect();
    let program = Path::new(program).canonicalize();
    let program = program.expect("the first part of a variant is a program");
    Served::program(&program, &settings)
}
