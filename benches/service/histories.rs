//! What reads of a long cart cost, and live streams of the journal: `-- histories [PROGRAM]...`.

use super::load::Requests;
use super::served::{Cart, Served};
use std::path::Path;
use std::time::Duration;

/// Events of the long cart, which has a limit of ten thousand.
const EVENTS: u64 = 9_990;
const TIME: Duration = Duration::from_secs(2);
const STREAMS: usize = 300;

pub fn run(programs: &[String]) {
    let settings = [("CARTLOG_LOG__DURABILITY", "process")];
    let programs = programs
        .iter()
        .filter(|argument| !argument.starts_with('-'));
    let given: Vec<Served> = programs
        .map(|program| Served::program(Path::new(program), &settings))
        .collect();
    for service in given {
        measure(&service);
    }
    measure(&Served::cartlog(&settings));
}

fn measure(service: &Served) {
    let cart = service.long_cart(EVENTS);
    println!("a cart of {EVENTS} events; processor time of the service per request");
    let half = EVENTS / 2;
    let without = |version: u64| format!(r#"{{"without":[{version}]}}"#);
    for (name, method, path, body) in [
        ("the row", "GET", "", None),
        ("?version=, the last but one", "GET", "?version=9989", None),
        ("?version=, worst case", "GET", "?version=9983", None),
        ("why", "GET", "/why", None),
        ("timeline, 200 items", "GET", "/timeline?limit=200", None),
        (
            "events, the newest 200",
            "GET",
            "/events?limit=200&order=desc",
            None,
        ),
        (
            "what-if without a late event",
            "POST",
            "/what-if",
            Some(without(EVENTS - 5)),
        ),
        (
            "what-if without one in the middle",
            "POST",
            "/what-if",
            Some(without(half)),
        ),
        (
            "what-if without the second event",
            "POST",
            "/what-if",
            Some(without(2)),
        ),
    ] {
        let request = cart.request(method, path, body.as_deref());
        let report = service.load(Requests::same(1, vec![request]), TIME);
        println!(
            "  {name:<34} {:>8.0} µs, p50 {:>6} µs, p99 {:>6} µs, refused {}",
            report.processor, report.p50, report.p99, report.refused
        );
    }
    let carts = service.open_carts(256);
    for streams in [0, STREAMS] {
        let report = service.load_beside_streams(streams, commands(&carts), 2 * TIME);
        println!(
            "commands beside {streams} live streams of the journal: {}/s, {:.0} µs of processor \
             time each",
            report.rate, report.processor
        );
    }
}

/// One connection: its commands are the events of the streams.
fn commands(carts: &[Cart]) -> Requests {
    Requests::spread(1, carts, |cart| {
        cart.request("POST", "/items", Some(r#"{"sku":"teapot","quantity":1}"#))
    })
}
