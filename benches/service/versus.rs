//! Several builds or settings of the service against each other, in short turns, since a machine's
//! speed changes from minute to minute by more than what a change is worth:
//! `cargo bench --bench service -- versus PROGRAM[,NAME=VALUE]...`, the first being what the others
//! are compared with.

use super::load::{Report, middle};
use super::served::{Cart, Served};
use super::{CARTS, add_items, ceiling};
use std::path::Path;
use std::time::Duration;

const CONNECTIONS: usize = 256;
const TURNS: usize = 9;
const TURN: Duration = Duration::from_secs(3);
/// Between two turns, so that what one server still has to write is not the next one's burden.
const REST: Duration = Duration::from_millis(1_200);

struct Variant<'a> {
    name: &'a str,
    service: Served,
    carts: Vec<Cart>,
    reports: Vec<Report>,
}

pub fn run(variants: &[String]) {
    assert!(!variants.is_empty(), "name at least one program");
    let ceiling = Served::ceiling();
    let mut variants: Vec<Variant<'_>> = variants.iter().map(|name| Variant::of(name)).collect();
    let mut tops = Vec::new();
    for _ in 0..TURNS {
        tops.push(ceiling.load(ceiling::requests(CONNECTIONS), TURN));
        for variant in &mut variants {
            std::thread::sleep(REST);
            let requests = add_items(&variant.carts, CONNECTIONS);
            variant.reports.push(variant.service.load(requests, TURN));
        }
    }
    println!(
        "{TURNS} turns of {TURN:?}, {CONNECTIONS} connections, medians; the ceiling: {:.0}/s",
        middle(tops.iter().map(|top| top.rate as f64))
    );
    let first = &variants[0].reports;
    for Variant { name, reports, .. } in &variants {
        let of = |others: &[Report], figure: fn(&Report) -> f64| {
            let pairs = reports.iter().zip(others);
            middle(pairs.map(|(own, other)| figure(own) / figure(other)))
        };
        println!(
            "{:.0}/s at {:.1} µs of processor time, {:.3} of the ceiling, {:.2} of the first's rate at {:.2} of its cost: {name}",
            middle(reports.iter().map(|report| report.rate as f64)),
            middle(reports.iter().map(|report| report.processor)),
            of(&tops, |report| report.rate as f64),
            of(first, |report| report.rate as f64),
            of(first, |report| report.processor),
        );
    }
}

impl Variant<'_> {
    fn of(name: &str) -> Variant<'_> {
        let mut parts = name.split(',');
        let program = parts.next().expect("a text has a first part");
        let settings: Vec<(&str, &str)> = parts
            .map(|part| part.split_once('=').expect("a setting is NAME=VALUE"))
            .collect();
        let program = Path::new(program).canonicalize();
        let program = program.expect("the first part of a variant is a program");
        let service = Served::program(&program, &settings);
        let carts = service.open_carts(CARTS);
        Variant {
            name,
            service,
            carts,
            reports: Vec::new(),
        }
    }
}
