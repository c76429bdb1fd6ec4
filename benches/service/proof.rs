//! What proof costs: `cargo bench --bench service -- proof` (`CARTLOG_BENCH_EVENTS` events;
//! 1,000,000 if unset).
//!
//! Processor times hold on a busy machine too; latencies are for one where nothing else runs.

use super::ROUNDS;
use super::growth;
use super::load::{self, Connection, Report, Requests};
use super::served::{self, Cart, Served, folder};
use cartlog::log::sqlite::{SqliteLog, SqliteLogSettings};
use cartlog::log::{LogReader, LogWriter, Position};
use cartlog::views::tree::Tree;
use cartlog::views::{Projector, View};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

const EVENTS: usize = 1_000_000;
/// Of how many events proofs are asked for.
const PROVED: usize = 1_000;
const TIME: Duration = Duration::from_secs(3);
/// How long checkpoints are waited for, one after the other.
const WAITING: Duration = Duration::from_secs(40);
/// The memory for folded carts in a projection, in bytes.
const CACHE: u64 = 64 << 20;
/// How many events are read at a time.
const BATCH: usize = 8_192;
/// About as large as a tile, which has 8,192 bytes.
const STATIC_FILE: &str = "/css/learn.css";

pub fn run() {
    let events = growth::events_wanted().unwrap_or(EVENTS);
    let folder = folder();
    let carts = growth::fill(folder.path(), events, |_| growth::simple_story());
    build_tree(folder.path(), events);
    let service = Served::cartlog_in(folder, &[("CARTLOG_LOGGING__LEVEL", "error")]);
    service.wait_for(carts.last().expect("there are carts"), 5);
    let started = Instant::now();
    while service.status("/log/checkpoint") != 200 {
        std::thread::sleep(Duration::from_millis(5));
    }
    println!(
        "{events} events; the first checkpoint came {:.2?} after the views were complete",
        started.elapsed()
    );
    proofs(&service, &carts, events);
    tiles(&service, events);
    checkpoints(&service, &service);
}

/// The proofs of events all over the log, and of one size to another.
fn proofs(service: &Served, carts: &[Cart], events: usize) {
    let step = (carts.len() / PROVED).max(1);
    let spread: Vec<&Cart> = carts.iter().step_by(step).take(PROVED).collect();
    let asked = |cart: &&Cart| cart.request("GET", "/events/3/proof", None);
    let event = rounds(|| service.load(Requests::spread(4, &spread, asked), TIME));
    report("the proof of an event", &event);
    let sizes: Vec<usize> = (1..PROVED).map(|place| place * events / PROVED).collect();
    let asked = |size: &usize| get(&format!("/log/proof/consistency?from={size}&to={events}"));
    let consistency = rounds(|| service.load(Requests::spread(4, &sizes, asked), TIME));
    report("a consistency proof", &consistency);
}

/// Full tiles, and a static file of that size, in turn.
fn tiles(service: &Served, events: usize) {
    let whole = events / 256;
    let step = (whole / PROVED).max(1);
    let paths = |prefix: &str| -> Vec<Vec<u8>> {
        let numbers = (0..whole).step_by(step).take(PROVED);
        let paths = numbers.map(|number| format!("/log/tile/{prefix}/{}", spelled(number)));
        paths.map(|path| get(&path)).collect()
    };
    let file = vec![get(STATIC_FILE)];
    for (name, requests) in [
        ("a tile", paths("0")),
        ("an entry bundle", paths("entries")),
    ] {
        let (tile, file) = load::paired(
            ROUNDS,
            || service.load(Requests::spread(64, &requests, Clone::clone), TIME),
            || service.load(Requests::same(64, file.clone()), TIME),
        );
        report(name, &tile);
        report("  a static file", &file);
        println!(
            "  ratio {:.2} in processor time, {:.2} in rate",
            tile.processor / file.processor,
            tile.rate as f64 / file.rate as f64
        );
    }
}

/// From the response to a command until its event has a proof, which a signed checkpoint covers.
/// `service` gets the commands; the proofs are asked of `other`, a node of the same log.
pub fn checkpoints(service: &Served, other: &Served) {
    let carts = service.open_carts(4_096);
    for (name, connections) in [("an idle service", 0), ("commands on 64 connections", 64)] {
        let probe = service.open_carts(1);
        let add =
            |cart: &Cart| cart.request("POST", "/items", Some(r#"{"sku":"teapot","quantity":1}"#));
        let waited = std::thread::scope(|scope| {
            let requests = Requests::spread(connections.max(1), &carts, add);
            let load = (connections > 0).then(|| scope.spawn(|| service.load(requests, WAITING)));
            let addresses = (service.address, other.address);
            let waited = waits_for_proof(addresses, &probe[0], WAITING);
            if let Some(load) = load {
                let load = load.join().expect("the load ends");
                println!("beside {} commands a second:", load.rate);
            }
            waited
        });
        let mut waited = waited;
        waited.sort_unstable();
        println!(
            "a checkpoint follows an event, {name}: median {} ms, p99 {} ms, longest {} ms of {}",
            load::percentile(&waited, 50) / 1_000,
            load::percentile(&waited, 99) / 1_000,
            waited.last().unwrap_or(&0) / 1_000,
            waited.len()
        );
    }
}

/// How long an event takes, from the response to its command, to have a proof, again and again for
/// `time`; in microseconds.
fn waits_for_proof(
    (commands, proofs): (SocketAddr, SocketAddr),
    cart: &Cart,
    time: Duration,
) -> Vec<u32> {
    let end = Instant::now() + time;
    served::block_on(async {
        let mut connection = Connection::to(commands).await;
        let mut proving = Connection::to(proofs).await;
        let mut waits = Vec::new();
        for quantity in [1, 2].iter().cycle() {
            if Instant::now() >= end {
                break;
            }
            let body = format!(r#"{{"quantity":{quantity}}}"#);
            let put = cart.request("PUT", "/items/teapot", Some(&body));
            assert!([200, 201].contains(&connection.send(&put).await));
            let answered = Instant::now();
            let path = format!("/events/{}/proof", served::version(connection.answer()));
            let get = cart.request("GET", &path, None);
            while proving.send(&get).await != 200 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            waits.push(u32::try_from(answered.elapsed().as_micros()).unwrap_or(u32::MAX));
            // Not in step with the signer.
            tokio::time::sleep(Duration::from_millis(37 * (waits.len() as u64 % 8))).await;
        }
        waits
    })
}

/// The processor time of the tree, as a projection with this view alone costs more than one
/// without views.
fn build_tree(folder: &Path, events: usize) {
    let settings = SqliteLogSettings::at(folder.join("data/events.db"));
    let (log, writer) = SqliteLog::open(&settings).expect("the log opens");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime starts");
    let project = |views: Vec<Box<dyn View>>| {
        let before = served::own_processor_time();
        let projector = Projector::temporary(views, log.identity(), CACHE);
        let mut projector = projector.expect("a temporary file");
        runtime.block_on(async {
            let mut after = Position(0);
            loop {
                let batch = log.read_all(after, BATCH).await.expect("the log is read");
                let Some(last) = batch.last() else { break };
                after = last.position;
                let applied = projector.apply(&*log, &batch).await;
                applied.expect("the events are applied");
            }
        });
        served::own_processor_time().saturating_sub(before)
    };
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.push(project(Vec::new()));
        with.push(project(vec![Box::new(Tree)]));
    }
    let all = project(cartlog::views::all());
    let [with, without] = [with, without].map(load::middle);
    let tree = with.saturating_sub(without);
    println!(
        "the tree takes {:.2} s of processor time per million events, all views {:.2} s",
        tree.as_secs_f64() * 1e6 / events as f64,
        all.as_secs_f64() * 1e6 / events as f64,
    );
    log.close();
    writer.join();
}

fn rounds(mut measure: impl FnMut() -> Report) -> Report {
    load::median((0..ROUNDS).map(|_| measure()).collect())
}

fn report(name: &str, report: &Report) {
    println!(
        "{name}: {:.0} µs of processor time, p50 {} µs, p99 {} µs, {}/s, refused {}",
        report.processor, report.p50, report.p99, report.rate, report.refused
    );
}

fn get(path: &str) -> Vec<u8> {
    served::request("GET", path, None, None)
}

/// The number of a tile as its path has it: three digits a part, all but the last behind an x.
fn spelled(number: usize) -> String {
    let mut text = format!("{:03}", number % 1_000);
    let mut rest = number / 1_000;
    while rest > 0 {
        text = format!("x{:03}/{text}", rest % 1_000);
        rest /= 1_000;
    }
    text
}
